//! Sections for devices on HTTPS: what they have in common, and what is one device's own.

use std::path::{Path, PathBuf};

use qhal_backends::HttpsWords;
use serde::Deserialize;

/// A section with everything that HTTPS needs, and a device's own keys. (Serde cannot refuse unknown keys of a section that
/// holds another one flattened.)
macro_rules! https_section {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $($(#[$own_doc])* pub(crate) $own: $kind,)*
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

        impl $name {
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
    };
}

https_section! {
    /// A device that needs nothing of its own.
    HttpsSection {}
}

https_section! {
    /// `[etsi014]`: a key manager by ETSI GS QKD 014; our certificate says which application we are.
    Etsi014Section {
        /// The application at the other end, as the key managers call it.
        peer: Option<String>,
    }
}

https_section! {
    /// `[etsi004]`: a key stream by ETSI GS QKD 004; our certificate says which application we are.
    Etsi004Section {
        /// The name of the stream, a UUID that both ends have agreed on.
        stream: Option<String>,
        /// Our URI.
        source: Option<String>,
        /// The URI of the application at the other end.
        destination: Option<String>,
        /// The length of a chunk in bits.
        chunk_bits: Option<u32>,
    }
}

https_section! {
    /// `[iqm]`: an IQM server.
    IqmSection {
        /// Which of its machines is meant, by alias or id; may be left out where there is one.
        quantum_computer: Option<String>,
    }
}
