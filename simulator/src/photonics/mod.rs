//! Photons from a source through fibre to detectors, as the clicks that a time tagger would record.
//!
//! Two links: [`WeakPulses`], which prepares faint laser pulses for decoy-state BB84, and [`PairSource`], which sends
//! one photon of each pair to either end for BBM92 or E91. Both can be tapped ([`Attack`]); what an attack changes is in the clicks and in
//! the [`Monitors`] beside them, nowhere else. Times are in units of 1/256 ns; every run follows from its seed.
//!
//! Models and figures: hand-held formulas of the field, named at each item; `tests/photonics.rs` holds the clicks to them.

mod analysers;
mod attack;
mod clock;
mod detector;
mod fibre;
mod pairs;
mod pulses;

pub use analysers::{Analysers, E91_CHANNELS};
pub use attack::{Attack, Monitors};
pub use clock::ClockError;
pub use detector::{Detector, Detectors};
pub use fibre::Fibre;
pub use pairs::{PairFrame, PairLink, PairRun, PairSource};
pub use pulses::{Prepared, PulseFrame, PulseLink, Receiver, WeakPulseRun, WeakPulses, prepared};

use rand_chacha::ChaCha8Rng;

use crate::random::uniform;

/// Units of time in a nanosecond.
pub const UNITS_PER_NS: f64 = 256.0;

/// Units of time in a second.
pub const UNITS_PER_SECOND: f64 = 256e9;

/// The detectors of a receiver of four, as bits of [`Click::channels`]: in the rectilinear basis 0 and 1, in the diagonal basis
/// 0 and 1.
pub const CHANNELS: [[u8; 2]; 2] = [[0b0001, 0b0100], [0b0010, 0b1000]];

/// One recorded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Click {
    /// When, on the recorder's clock, in units of 1/256 ns.
    pub time: u64,
    /// Which inputs fired, bits 0 to 3, or 0 to 5 for E91.
    pub channels: u8,
}

/// The channel of a result: `check` for the diagonal basis.
fn channel(check: bool, value: bool) -> u8 {
    CHANNELS[usize::from(check)][usize::from(value)]
}

/// Whether something of this probability happens.
fn happens(random: &mut ChaCha8Rng, probability: f64) -> bool {
    uniform(random) < probability
}

/// An exponential waiting time of this mean.
fn exponential(random: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - uniform(random)).ln()
}

/// A normal deviate of mean 0 and standard deviation 1 (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - uniform(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(random)).cos()
}

/// A number of photons of mean `mean`, given that it is at least one: inversion of the distribution function, for means of at most
/// a few photons.
fn at_least_one(random: &mut ChaCha8Rng, mean: f64) -> u32 {
    let none = (-mean).exp();
    let draw = none + uniform(random) * (1.0 - none);
    let mut number = 1;
    let mut term = mean * none;
    let mut sum = none + term;
    // The sum may stay below a draw near 1 by rounding.
    while draw > sum && number < 100 {
        number += 1;
        term *= mean / f64::from(number);
        sum += term;
    }
    number
}
