//! Time tags as taggers send and store them: bytes ⇄ events, pure, for every source of tags alike.
//!
//! An event is a time in units of 1/256 ns and the set of inputs that fired, the common measure of S-Fifteen's tools
//! (github.com/s-fifteen-instruments/qcrypto, readevents4a).

pub mod tags64;
pub mod tdc1;

/// Units of time in a nanosecond.
pub const UNITS_PER_NS: u64 = 256;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// When, in units of 1/256 ns from an epoch that the source of the tags knows.
    pub time: u64,
    /// Which inputs fired: bits 0 to 3. Several may be set, and none in a word that only carries the time on.
    pub channels: u8,
}
