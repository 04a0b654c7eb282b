//! Where a number came from, and which origins somebody is willing to accept.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// Where the numbers of a device come from, as far as it can be *known*.
///
/// The order is the order of trust: `Hardware > Remote > Unverified > Simulated`, so that the provenance of a
/// mixture is the minimum of its parts ([`Provenance::weakest`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Provenance {
    /// Computed here from a model; an in-process emulator included.
    Simulated,
    /// It answers correctly, but nothing tells what it is: a pseudo-terminal, a loopback socket, a loaded
    /// library, a generator that a hypervisor provides.
    Unverified,
    /// Another machine, authenticated by certificate.
    Remote,
    /// The operating system names a physical device behind the port (USB ids, bus address).
    Hardware,
}

impl Provenance {
    /// The provenance of a mixture: that of its least trustworthy part; `None` for no part at all.
    pub fn weakest(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().min()
    }

    /// The word that every listing, log line, JSON object and record uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hardware => "Hardware",
            Self::Remote => "Remote",
            Self::Unverified => "Unverified",
            Self::Simulated => "Simulated",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Provenance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Hardware, Self::Remote, Self::Unverified, Self::Simulated]
            .into_iter()
            .find(|provenance| provenance.as_str() == text)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("'{text}' is not a provenance")))
    }
}

/// Which provenances are acceptable. There is deliberately no default: somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Policy {
    /// Hardware or nothing: an error where there is none.
    RequireHardware,
    /// Hardware where there is some, else a simulation that is announced as such.
    PreferHardware,
    /// Only what is computed here.
    SimulatorOnly,
}

impl Policy {
    /// The word of the command line and the configuration file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequireHardware => "require-hardware",
            Self::PreferHardware => "prefer-hardware",
            Self::SimulatorOnly => "simulator-only",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::RequireHardware, Self::PreferHardware, Self::SimulatorOnly]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "'{text}' is not a policy: use require-hardware, prefer-hardware or simulator-only"
                    ),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_as_trustworthy_as_its_weakest_part() {
        use Provenance::*;
        assert_eq!(Provenance::weakest([Hardware, Unverified, Remote]), Some(Unverified));
        assert_eq!(Provenance::weakest([Hardware, Simulated]), Some(Simulated));
        assert_eq!(Provenance::weakest([]), None);
    }

    #[test]
    fn words_read_back() {
        for policy in [Policy::RequireHardware, Policy::PreferHardware, Policy::SimulatorOnly] {
            assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy);
        }
        assert!("hardware".parse::<Policy>().is_err());
        assert_eq!("Unverified".parse::<Provenance>().unwrap(), Provenance::Unverified);
    }
}
