//! How a recorder's clock differs from true time.

use rand_chacha::ChaCha8Rng;

use super::{UNITS_PER_SECOND, normal};

/// The error of a clock: where it began, how fast it runs, how it wanders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockError {
    /// What it reads at true time 0, in seconds; not negative.
    pub offset: f64,
    /// Relative difference of its rate: 1e-5 for a free crystal, 1e-10 for rubidium.
    pub skew: f64,
    /// Standard deviation of its random walk after one second, in seconds.
    pub walk: f64,
}

impl ClockError {
    /// A clock that is right.
    pub const NONE: Self = Self { offset: 0.0, skew: 0.0, walk: 0.0 };
}

/// A clock with its random walk so far, in steps of a millisecond.
#[derive(Clone, Debug)]
pub(super) struct LocalClock {
    error: ClockError,
    /// True time of the last step, in units.
    at: f64,
    wandered: f64,
}

/// Units of time between two steps of the random walk.
const STEP: f64 = UNITS_PER_SECOND / 1000.0;

impl LocalClock {
    pub(super) fn new(error: ClockError) -> Self {
        Self { error, at: 0.0, wandered: 0.0 }
    }

    /// What it reads at a true time, in units; times must not fall by more than a step.
    pub(super) fn read(&mut self, time: f64, random: &mut ChaCha8Rng) -> u64 {
        while self.error.walk > 0.0 && self.at + STEP <= time {
            self.at += STEP;
            self.wandered +=
                self.error.walk * UNITS_PER_SECOND * (STEP / UNITS_PER_SECOND).sqrt() * normal(random);
        }
        let reading = time * (1.0 + self.error.skew) + self.error.offset * UNITS_PER_SECOND + self.wandered;
        reading.round().max(0.0) as u64
    }
}
