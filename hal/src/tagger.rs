//! Time taggers: what they record, and who records it.

use std::time::Duration;

use crate::{Device, Result};

/// Units of time in a nanosecond: the common measure of recordings is 1/256 ns (3.906 25 ps), that of S-Fifteen's 64-bit tags.
pub const UNITS_PER_NS: u64 = 256;

/// Units of time in a second.
pub const UNITS_PER_SECOND: u64 = 256_000_000_000;

/// One event: when, and which inputs fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// When, in units of 1/256 ns from an epoch that the source of the tags knows.
    pub time: u64,
    /// Which inputs fired: bit 0 is the first. Several may be set, and none in a tag that only carries the time on.
    pub channels: u64,
}

impl Tag {
    /// An event at a time on these inputs.
    pub const fn new(time: u64, channels: u64) -> Self {
        Self { time, channels }
    }
}

/// A length of time in units of 1/256 ns, rounded down; `u64::MAX` for more than fits.
pub fn units_of(time: Duration) -> u64 {
    let units = time.as_nanos() * u128::from(UNITS_PER_NS);
    u64::try_from(units).unwrap_or(u64::MAX)
}

/// What a tagger's inputs are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// How many there are, 1 to 64.
    pub count: u32,
    /// The smallest difference between two times, in picoseconds.
    pub resolution_ps: u32,
}

impl Inputs {
    /// A mask with a bit for each input.
    pub const fn mask(self) -> u64 {
        if self.count >= 64 { u64::MAX } else { (1 << self.count) - 1 }
    }
}

/// What came of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Events that were handed on.
    pub tags: u64,
    /// Whether the tagger lost events meanwhile because its memory was full: rates are too low then, and gaps are no physics.
    pub lost: bool,
}

/// A device that notes when its inputs fire.
pub trait TimeTagger: Device {
    /// How many inputs it has, and how finely it resolves time.
    fn inputs(&self) -> Inputs;

    /// Events a second on each input, the first input first, counted for `gate`.
    ///
    /// # Errors
    /// `InvalidInput` for a gate that the device cannot do; `TimedOut`, `Disconnected`, `Protocol` from the wire.
    fn rates(&mut self, gate: Duration) -> Result<Vec<f64>>;

    /// Records for `time` by the device's clock, which begins at 0 with each recording, and hands the events on batch by batch
    /// in the order of their times. When nothing fires, `take` hears an empty batch about once a second, so that it can end
    /// what lasts too long. The device has stopped recording when this returns, whatever it returns.
    ///
    /// # Errors
    /// What `take` returned; `InvalidInput` for no time at all or more than the device can do; `TimedOut` when the device fell
    /// silent, `Disconnected`, `Protocol`. What was handed on until then is good.
    fn record(&mut self, time: Duration, take: &mut dyn FnMut(&[Tag]) -> Result<()>) -> Result<Recorded>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_units_and_inputs_bits() {
        assert_eq!(units_of(Duration::from_nanos(3)), 768);
        assert_eq!(units_of(Duration::from_secs(1)), UNITS_PER_SECOND);
        assert_eq!(units_of(Duration::MAX), u64::MAX);
        assert_eq!(Inputs { count: 4, resolution_ps: 2000 }.mask(), 0xF);
        assert_eq!(Inputs { count: 64, resolution_ps: 1 }.mask(), u64::MAX);
    }
}
