//! Several devices as one source: a bounded store of blocks that knows whose they are, and when they may be given.
//!
//! [`Feeder`] leads one device through its life (opened, start-up test, serving, lost, tried again later) and makes
//! blocks of full entropy of its samples; a [`Mixture`] combines the blocks of all. Neither has a thread or a clock: whoever
//! owns them passes the time in, so that a day of failures can be told in a second.

mod feeder;
mod store;

pub use feeder::{Block, Event, Feeder, Open, Opened, Totals};
pub use store::{Lineage, Mixture, Offer};

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind};

/// How the blocks of several devices become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Every block is the exclusive or of one block of each device (RBG3(XOR) of SP 800-90C in small): it has full
    /// entropy as long as one of them has, provided that the devices do not see each other. As slow as the slowest.
    Redundant,
    /// The blocks of all devices, as they come: as fast as all together, and every device is trusted.
    Additive,
}

impl Combine {
    /// The word of the command line and the configuration file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redundant => "redundant",
            Self::Additive => "additive",
        }
    }
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Combine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Redundant, Self::Additive].into_iter().find(|combine| combine.as_str() == text).ok_or_else(
            || {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("'{text}' is not a way to combine devices: use redundant or additive"),
                )
            },
        )
    }
}
