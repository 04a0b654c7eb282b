//! How a device on HTTPS is spoken to, in the words of the configuration file.

use std::path::PathBuf;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use qhal_drivers::transport::https::{Identity, Limits, Settings, TokenSource, Trust};

/// What a section of the configuration says about HTTPS; what is `None` was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpsWords {
    /// Certificates that are trusted, PEM: authorities, or the server's own.
    pub ca: Option<PathBuf>,
    /// Whether those are trusted that the operating system trusts.
    pub system_authorities: Option<bool>,
    /// Our certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// A file with a token.
    pub token_file: Option<PathBuf>,
    /// The variable of the environment with a token.
    pub token_variable: Option<String>,
    /// How long a call may take, in seconds: 1 to 3600.
    pub time_limit_s: Option<u64>,
}

impl HttpsWords {
    /// The settings of section `[name]`; `None` when it says nothing at all, and then nothing may be asked.
    ///
    /// # Errors
    /// `InvalidInput` for what does not go together: no word on whom to trust or two, a certificate without a key, two tokens,
    /// a time limit out of range.
    pub fn settings(&self, name: &str) -> Result<Option<Settings>> {
        if *self == Self::default() {
            return Ok(None);
        }
        let wrong = |why: &str| Error::new(ErrorKind::InvalidInput, format!("[{name}]: {why}"));
        let trust = match (&self.ca, self.system_authorities.unwrap_or(false)) {
            (Some(path), false) => Trust::File(path.clone()),
            (None, true) => Trust::System,
            (Some(_), true) => return Err(wrong("either ca or system_authorities = true, not both")),
            (None, false) => {
                return Err(wrong(
                    "nothing says whose certificate to trust: set ca = \"FILE\", or system_authorities = true",
                ));
            }
        };
        let identity = match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.clone(), key: key.clone() })
            }
            _ => return Err(wrong("certificate and key go together")),
        };
        let token = match (&self.token_file, &self.token_variable) {
            (None, None) => None,
            (Some(path), None) => Some(TokenSource::File(path.clone())),
            (None, Some(variable)) => Some(TokenSource::Environment(variable.clone())),
            (Some(_), Some(_)) => return Err(wrong("either token_file or token_variable, not both")),
        };
        let mut limits = Limits::default();
        match self.time_limit_s {
            None => {}
            Some(seconds @ 1..=3600) => {
                limits.call = Duration::from_secs(seconds);
                limits.connect = limits.connect.min(limits.call);
            }
            Some(_) => return Err(wrong("time_limit_s is from 1 to 3600")),
        }
        Ok(Some(Settings { trust, identity, token, limits }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(HttpsWords::default().settings("x").unwrap().is_none());
        let ca = HttpsWords { ca: Some("ca.pem".into()), ..HttpsWords::default() };
        let settings = ca.settings("x").unwrap().unwrap();
        assert_eq!(settings.trust, Trust::File("ca.pem".into()));
        assert_eq!(settings.limits, Limits::default());
        let hasty = HttpsWords { time_limit_s: Some(2), ..ca.clone() };
        let limits = hasty.settings("x").unwrap().unwrap().limits;
        assert_eq!((limits.connect, limits.call), (Duration::from_secs(2), Duration::from_secs(2)));
        let system = HttpsWords { system_authorities: Some(true), ..HttpsWords::default() };
        assert_eq!(system.settings("x").unwrap().unwrap().trust, Trust::System);
        for wrong in [
            HttpsWords { system_authorities: Some(true), ..ca.clone() },
            HttpsWords { certificate: Some("c".into()), ..ca.clone() },
            HttpsWords { key: Some("k".into()), ..ca.clone() },
            HttpsWords { token_file: Some("t".into()), token_variable: Some("T".to_owned()), ..ca.clone() },
            HttpsWords { time_limit_s: Some(0), ..ca.clone() },
            HttpsWords { ca: None, time_limit_s: Some(3), ..ca },
        ] {
            let error = wrong.settings("x").unwrap_err();
            assert!(
                error.kind() == ErrorKind::InvalidInput && error.message().starts_with("[x]: "),
                "{error}"
            );
        }
    }
}
