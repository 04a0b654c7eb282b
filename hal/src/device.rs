//! What every open device can do, whatever its kind.

use std::fmt;

use crate::{Descriptor, Result};

/// How a device says it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known to be wrong.
    Good,
    /// It works, and something wants attention; the sentence says what.
    Degraded(String),
    /// Its output must not be used; the sentence says why.
    Failed(String),
}

impl Health {
    /// One word for listings and JSON: `good`, `degraded` or `failed`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Degraded(_) => "degraded",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is not good, if it is not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Good => None,
            Self::Degraded(why) | Self::Failed(why) => Some(why),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.as_str()),
            Some(why) => write!(f, "{}: {why}", self.as_str()),
        }
    }
}

/// One thing a device tells of itself: firmware, temperature, a counter, a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The field's or the vendor's word, in lower case: `firmware`, `led level`, `repetition count failures`.
    pub name: String,
    /// What it is.
    pub value: PropertyValue,
    /// Unit as an SI symbol or a word; empty for a pure number or a text.
    pub unit: &'static str,
}

/// The value of a [`Property`].
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyValue {
    /// Words.
    Text(String),
    /// A figure.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl Property {
    /// Words under a name.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: PropertyValue::Text(value.into()), unit: "" }
    }

    /// A figure under a name, in `unit`.
    pub fn number(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value: PropertyValue::Number(value), unit }
    }

    /// Yes or no under a name.
    pub fn flag(name: impl Into<String>, value: bool) -> Self {
        Self { name: name.into(), value: PropertyValue::Flag(value), unit: "" }
    }
}

/// Anything that is open.
///
/// Calls block, each with a time limit of its own; a device is used by one thread at a time and may be handed
/// to another.
pub trait Device: Send {
    /// What it is; after opening, with everything it said of itself.
    fn descriptor(&self) -> &Descriptor;

    /// Asks the device how it is, where it can be asked; costs at most one exchange on the wire.
    ///
    /// # Errors
    /// `Disconnected`, `TimedOut` or `Protocol` when it could not be asked. A device that answers that it is
    /// broken is no error: that is [`Health::Failed`].
    fn health(&mut self) -> Result<Health>;

    /// Asks the device for everything else it tells of itself, for people to read: versions, counters, settings,
    /// temperatures. Most devices tell nothing.
    ///
    /// # Errors
    /// `Disconnected`, `TimedOut` or `Protocol` when it could not be asked.
    fn properties(&mut self) -> Result<Vec<Property>> {
        Ok(Vec::new())
    }

    /// Leaves the device as it was found: streaming stopped, port released. Dropping it does the same, but
    /// cannot tell whether it worked.
    ///
    /// # Errors
    /// `Disconnected`, `TimedOut` or `Protocol`, when the device could not be told; it is released all the same.
    fn close(self: Box<Self>) -> Result<()>;
}
