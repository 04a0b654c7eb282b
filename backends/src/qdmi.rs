//! How QDMI libraries are found and used, in the words of the configuration file, and the process that they run in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use qhal_drivers::processor::qdmi::{self, DeviceOptions, Options};
use qhal_drivers::transport::https::TokenSource;

/// What the section `[qdmi]` says; what is `None` was not said.
#[derive(Clone, Debug, Default)]
pub struct QdmiWords {
    /// Manifests, or folders with some.
    pub manifests: Vec<PathBuf>,
    /// The command whose process libraries run in: it has to call [`worker`].
    pub worker: Vec<OsString>,
    /// How long a function of a library may take, in seconds: 1 to 3600.
    pub time_limit_s: Option<u64>,
    /// After how many seconds a job is given up: at least 1.
    pub job_limit_s: Option<u64>,
    /// What is said of single devices, by the names that manifests give them.
    pub devices: BTreeMap<String, QdmiDeviceWords>,
}

/// What is said of one device; what is `None` was not said.
#[derive(Clone, Debug, Default)]
pub struct QdmiDeviceWords {
    /// Whether it gives states and probabilities.
    pub states: Option<bool>,
    /// A file with the token of the session.
    pub token_file: Option<PathBuf>,
    /// The variable of the environment with it.
    pub token_variable: Option<String>,
    /// A file with the password of the session.
    pub password_file: Option<PathBuf>,
    /// The variable of the environment with it.
    pub password_variable: Option<String>,
}

impl QdmiWords {
    /// The same for the driver.
    ///
    /// # Errors
    /// `InvalidInput` for a limit out of range, and for a secret at two places.
    pub(crate) fn options(&self) -> Result<Options> {
        let wrong = |what: String| Err(Error::new(ErrorKind::InvalidInput, what));
        let time_limit = match self.time_limit_s {
            None => Options::default().time_limit,
            Some(seconds @ 1..=3600) => Duration::from_secs(seconds),
            Some(seconds) => return wrong(format!("qdmi.time_limit_s = {seconds}: it is 1 to 3600")),
        };
        if self.job_limit_s == Some(0) {
            return wrong("qdmi.job_limit_s = 0: it is at least 1".to_owned());
        }
        let secret = |file: &Option<PathBuf>, variable: &Option<String>, what: &str| match (file, variable) {
            (None, None) => Ok(None),
            (Some(path), None) => Ok(Some(TokenSource::File(path.clone()))),
            (None, Some(name)) => Ok(Some(TokenSource::Environment(name.clone()))),
            (Some(_), Some(_)) => {
                let message = format!("[qdmi]: either {what}_file or {what}_variable, not both");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
        };
        let mut devices = BTreeMap::new();
        for (name, said) in &self.devices {
            let options = DeviceOptions {
                states: said.states.unwrap_or(false),
                token: secret(&said.token_file, &said.token_variable, "token")?,
                password: secret(&said.password_file, &said.password_variable, "password")?,
            };
            devices.insert(name.clone(), options);
        }
        Ok(Options {
            manifests: self.manifests.clone(),
            worker: self.worker.clone(),
            time_limit,
            job_limit: self.job_limit_s.map(Duration::from_secs),
            devices,
        })
    }
}

/// Is the process that a library runs in, until its driver closes standard input.
pub fn worker() -> ExitCode {
    qdmi::worker::serve()
}
