//! What can be wrong with an emulated TrueRNG, by name.

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind};

use super::super::model::Model;

/// One way for the device to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Every byte, and every sample, is the same as the one before.
    Stuck,
    /// Of whitened bytes seven bits in eight are ones, and raw samples are far above their mean.
    Bias,
    /// Bytes are damaged and lost on the wire.
    Garble,
    /// It stops sending and stays plugged in.
    Stall,
    /// It is pulled out.
    Unplug,
    /// The supply voltage is a tenth below the lowest that is allowed.
    Voltage,
    /// It does not hear the knock and stays in its mode.
    Deaf,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Stuck, Self::Bias, Self::Garble, Self::Stall, Self::Unplug, Self::Voltage, Self::Deaf];

    /// Whether a device of this `model` can be broken in this way: a plain TrueRNG has no supply voltage to tell and no
    /// knock to miss.
    pub const fn is_on(self, model: Model) -> bool {
        model.is_pro() || !matches!(self, Self::Voltage | Self::Deaf)
    }

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Bias => "bias",
            Self::Garble => "garble",
            Self::Stall => "stall",
            Self::Unplug => "unplug",
            Self::Voltage => "voltage",
            Self::Deaf => "deaf",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A fault, and from when on: written `stall`, or `stall:4096` for one that shows after 4096 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// How many bytes the device sends before, those included that it sends while it is switched (a TrueRNGpro streams
    /// 400 kB/s meanwhile). Being pulled out needs something to be pulled out of, so `unplug` alone means after 2048.
    pub after: u64,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, after: if kind == FaultKind::Unplug { 2048 } else { 0 } }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.after)
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, after) = match text.split_once(':') {
            Some((name, after)) => (name, Some(after.parse::<u64>().ok())),
            None => (text, None),
        };
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        match (kind, after) {
            (Some(kind), None) => Ok(kind.into()),
            (Some(kind), Some(Some(after))) => Ok(Self { kind, after }),
            _ => {
                let names: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let names = names.join(", ");
                Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "'{text}' is no fault of a TrueRNG: use one of {names}, with ':N' for after N bytes"
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
            let fault = Fault::from(kind);
            assert_eq!(kind.to_string().parse::<Fault>().unwrap(), fault);
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
        for bad in ["", "broken", "stall:", "stall:-1", "stall:soon"] {
            assert_eq!(bad.parse::<Fault>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
