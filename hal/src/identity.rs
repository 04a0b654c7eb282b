//! What a device is called, what kind it is, and everything that is known of it before it is opened.

use std::fmt;
use std::str::FromStr;

use crate::{Address, Error, ErrorKind, Provenance};

/// The name of one device, stable across plugs and runs: the driver and the unit it tells apart.
///
/// Written `driver:unit`, for example `qcicada:QC0000000217`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId {
    driver: String,
    unit: String,
}

impl DeviceId {
    /// A device of `driver`. `unit` is its serial number, or where it is plugged in if it has none.
    pub fn new(driver: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { driver: driver.into(), unit: unit.into() }
    }

    /// The name of the driver that knows the device.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// What tells this device from others of the same driver.
    pub fn unit(&self) -> &str {
        &self.unit
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.driver, self.unit))
    }
}

impl FromStr for DeviceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some((driver, unit)) if !driver.is_empty() && !unit.is_empty() => Ok(Self::new(driver, unit)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "'{text}' is not a device id: it has the form driver:unit, as in qcicada:QC0000000217"
                ),
            )),
        }
    }
}

/// The kinds of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Kind {
    /// Gives random bytes: an [`EntropySource`](crate::EntropySource).
    Entropy,
    /// Gives the same secret keys at two places: a [`KeyLink`](crate::KeyLink).
    KeyLink,
    /// Runs circuits: a [`Processor`](crate::Processor).
    Processor,
    /// Notes when detectors fire: a [`TimeTagger`](crate::TimeTagger).
    TimeTagger,
}

impl Kind {
    /// The word of listings, JSON and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::KeyLink => "key-link",
            Self::Processor => "processor",
            Self::TimeTagger => "time-tagger",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether what happens inside the device is quantum mechanics at work, as far as it is known.
///
/// This is about the physics of the device; [`Provenance`] is about whether the device is there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum QuantumOrigin {
    /// The noise is of quantum origin by the device's published design.
    Quantum,
    /// The vendor says so, and nothing published lets one check it.
    Claimed,
    /// The noise is thermal, avalanche or jitter, or nothing is said about it.
    NotQuantum,
    /// A model of a quantum process, computed on an ordinary computer.
    Model,
}

impl QuantumOrigin {
    /// The words of listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quantum => "quantum",
            Self::Claimed => "claimed",
            Self::NotQuantum => "not-quantum",
            Self::Model => "model",
        }
    }
}

impl fmt::Display for QuantumOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a listed device could be opened now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing known stands in the way.
    Ready,
    /// Another program has it; `holder` names it where the operating system tells.
    Busy {
        /// The program that has it, for example `ModemManager (pid 712)`.
        holder: Option<String>,
    },
    /// This user may not open it.
    Denied {
        /// What to do about it, as a sentence with the command.
        hint: String,
    },
}

/// Everything that is known of a device before it is opened (and, once it is open, what it said of itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its stable name.
    pub id: DeviceId,
    /// What it can be opened as.
    pub kind: Kind,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// Why `provenance` is what it is, in a few words: `USB 04d8:f5fe`, `pseudo-terminal`, `virtio_rng`.
    pub evidence: String,
    /// Whether its physics is quantum.
    pub origin: QuantumOrigin,
    /// Where it is reached.
    pub address: Address,
    /// The model in the vendor's words.
    pub model: String,
    /// Its serial number, if it has one and it is known yet.
    pub serial: Option<String>,
    /// Whether it could be opened.
    pub access: Access,
}

impl Descriptor {
    /// Provenance with its evidence, as people read it: `Unverified (virtio_rng)`.
    pub fn provenance_with_evidence(&self) -> String {
        if self.evidence.is_empty() {
            self.provenance.to_string()
        } else {
            format!("{} ({})", self.provenance, self.evidence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_keep_colons_of_the_unit() {
        let id: DeviceId = "truerng:usb-1:2".parse().unwrap();
        assert_eq!((id.driver(), id.unit()), ("truerng", "usb-1:2"));
        assert_eq!(id.to_string(), "truerng:usb-1:2");
        for bad in ["", "x", ":x", "x:"] {
            assert_eq!(bad.parse::<DeviceId>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
