//! What an ensemble says aloud, so that no source ever changes in silence.

use std::fmt;
use std::time::Duration;

use qhal::{Descriptor, DeviceId};

use crate::changes::Change;

/// Something that must not pass in silence.
#[derive(Clone, Debug)]
pub enum Announcement {
    /// A device passed its start-up test and serves from now on.
    Serves {
        /// The device.
        device: Descriptor,
        /// Whether it is a simulation that stands in for hardware.
        fallback: bool,
        /// The device that served in its place before, if it was another.
        instead_of: Option<DeviceId>,
    },
    /// A device does not serve, or not any more.
    Lost {
        /// What it was asked for as.
        name: String,
        /// Why, in one sentence.
        reason: String,
        /// How long until it is tried again.
        pause: Duration,
        /// How many devices still serve.
        left: usize,
    },
    /// The operating system lists a device, or lists it no more.
    Listed {
        /// What happened.
        change: Change,
        /// The device.
        device: Box<Descriptor>,
    },
}

impl Announcement {
    /// Whether it wants somebody's attention.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Serves { fallback, instead_of, .. } => *fallback || instead_of.is_some(),
            Self::Lost { .. } => true,
            Self::Listed { .. } => false,
        }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serves { device, fallback, instead_of } => {
                if let Some(former) = instead_of {
                    write!(f, "fail-over from {former} to {}: ", device.id)?;
                }
                write!(f, "{} serves, {}, {}", device.id, device.provenance_with_evidence(), device.origin)?;
                if *fallback {
                    f.write_str("; no hardware was found: this is a simulation")?;
                }
                Ok(())
            }
            Self::Lost { name, reason, pause, left } => {
                write!(f, "{name} does not serve: {reason}; tried again in {pause:?}, ")?;
                match left {
                    0 => f.write_str("no device serves"),
                    1 => f.write_str("1 device still serves"),
                    left => write!(f, "{left} devices still serve"),
                }
            }
            Self::Listed { change, device } => {
                write!(f, "{change}: {}, {}", device.id, device.provenance_with_evidence())
            }
        }
    }
}
