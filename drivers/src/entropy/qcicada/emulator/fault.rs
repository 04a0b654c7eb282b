//! What can be wrong with an emulated device, by name.

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind};

/// One way for the device to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Every request for random bytes is refused.
    Nack,
    /// Transfers of random bytes stop after three quarters.
    ShortRead,
    /// Signatures have one bit wrong.
    BadSignature,
    /// The certificate has one bit wrong.
    BadCertificate,
    /// The repetition-count test has failed; generation stops unless the configuration says "generate on error".
    HealthFlag,
    /// The supply voltage is too low; output goes on.
    VoltageLow,
    /// All random bytes are the same.
    Stuck,
    /// The device is streaming when the host meets it.
    Streaming,
    /// The device disappears in the middle of a transfer.
    Gone,
    /// The device answers nothing.
    Silent,
    /// Replies are noise.
    Garble,
    /// Replies belong to another command.
    WrongReply,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Nack,
        Self::ShortRead,
        Self::BadSignature,
        Self::BadCertificate,
        Self::HealthFlag,
        Self::VoltageLow,
        Self::Stuck,
        Self::Streaming,
        Self::Gone,
        Self::Silent,
        Self::Garble,
        Self::WrongReply,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::ShortRead => "short-read",
            Self::BadSignature => "bad-signature",
            Self::BadCertificate => "bad-certificate",
            Self::HealthFlag => "health-flag",
            Self::VoltageLow => "voltage-low",
            Self::Stuck => "stuck",
            Self::Streaming => "streaming",
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Garble => "garble",
            Self::WrongReply => "wrong-reply",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A fault, and from when on: written `gone`, or `gone:10000` for one that shows after 10 000 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// How many random bytes the device sends before. `Streaming` is how the device begins, so it has no "before".
    pub after: u64,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, after: 0 }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            0 => self.kind.fmt(f),
            after => write!(f, "{}:{after}", self.kind),
        }
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, after) = match text.split_once(':') {
            Some((name, after)) => (name, after.parse::<u64>().ok()),
            None => (text, Some(0)),
        };
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        match (kind, after) {
            (Some(kind), Some(after)) => Ok(Self { kind, after }),
            _ => {
                let names: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
                Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "'{text}' is no fault of a QCicada: use one of {}, with ':N' for after N random bytes",
                        names.join(", ")
                    ),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.to_string().parse::<Fault>().unwrap(), kind.into());
            let later = Fault { kind, after: 4096 };
            assert_eq!(later.to_string().parse::<Fault>().unwrap(), later);
        }
        for bad in ["", "broken", "gone:", "gone:-1", "gone:soon"] {
            assert_eq!(bad.parse::<Fault>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
