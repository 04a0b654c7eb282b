//! A section for a device on HTTPS.

use std::path::{Path, PathBuf};

use qhal_backends::HttpsWords;
use serde::Deserialize;

/// How a device on HTTPS is spoken to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpsSection {
    /// Certificates that are trusted, PEM.
    ca: Option<PathBuf>,
    /// Trust those that the operating system trusts.
    system_authorities: Option<bool>,
    /// Our certificate, PEM.
    certificate: Option<PathBuf>,
    /// Its private key, PEM.
    key: Option<PathBuf>,
    /// A file with a token.
    token_file: Option<PathBuf>,
    /// The variable of the environment with a token.
    token_variable: Option<String>,
    /// How long a call may take.
    time_limit_s: Option<u64>,
}

impl HttpsSection {
    /// The same for the drivers.
    pub(crate) fn words(&self) -> HttpsWords {
        HttpsWords {
            ca: self.ca.clone(),
            system_authorities: self.system_authorities,
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            token_file: self.token_file.clone(),
            token_variable: self.token_variable.clone(),
            time_limit_s: self.time_limit_s,
        }
    }

    /// Makes relative paths relative to the folder of the file they stand in.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.ca, &mut self.certificate, &mut self.key, &mut self.token_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}

/// `[etsi014]`: a key manager by ETSI GS QKD 014, and which application we are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Etsi014Section {
    /// The application at the other end, as the key managers call it.
    pub(crate) peer: Option<String>,
    /// Certificates that are trusted, PEM.
    ca: Option<PathBuf>,
    /// Trust those that the operating system trusts.
    system_authorities: Option<bool>,
    /// Our certificate, PEM: it says which application we are.
    certificate: Option<PathBuf>,
    /// Its private key, PEM.
    key: Option<PathBuf>,
    /// A file with a token.
    token_file: Option<PathBuf>,
    /// The variable of the environment with a token.
    token_variable: Option<String>,
    /// How long a call may take.
    time_limit_s: Option<u64>,
}

impl Etsi014Section {
    /// What it says of HTTPS, for the driver.
    pub(crate) fn words(&self) -> HttpsWords {
        HttpsWords {
            ca: self.ca.clone(),
            system_authorities: self.system_authorities,
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            token_file: self.token_file.clone(),
            token_variable: self.token_variable.clone(),
            time_limit_s: self.time_limit_s,
        }
    }

    /// Makes relative paths relative to the folder of the file they stand in.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.ca, &mut self.certificate, &mut self.key, &mut self.token_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}
