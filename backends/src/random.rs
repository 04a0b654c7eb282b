//! From an open entropy source to random bytes: raw but tested, conditioned, or from a DRBG.

use qhal::{EntropySource, Health, Provenance, Result, SecureRandom};
use qhal_entropy::{Conditioned, Conditioner, Config, DrbgRandom, Statistics, Tap};

/// How far the bytes have come when they are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The device's own samples, each of them judged by the health tests.
    Raw,
    /// Conditioned, every byte backed by at least as much fresh min-entropy.
    Conditioned,
    /// From an SP 800-90A DRBG that is seeded and reseeded with conditioned bytes.
    Drbg,
}

impl Output {
    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Conditioned => "conditioned",
            Self::Drbg => "drbg",
        }
    }
}

/// An entropy source with everything behind it that `output` needs.
pub enum Random {
    /// Tested samples.
    Raw(Box<Tap>),
    /// Conditioned bytes.
    Conditioned(Box<Conditioned>),
    /// DRBG bytes.
    Drbg(Box<DrbgRandom>),
}

impl Random {
    /// Puts the health tests, and what `output` needs behind them, on a source. Nothing is read yet.
    ///
    /// # Errors
    /// `InvalidInput` for settings that are out of range.
    pub fn new(source: Box<dyn EntropySource>, output: Output, config: &Config) -> Result<Self> {
        Ok(match output {
            Output::Raw => Self::Raw(Box::new(Tap::new(source, config)?)),
            Output::Conditioned => Self::Conditioned(Box::new(Conditioned::new(source, config)?)),
            Output::Drbg => Self::Drbg(Box::new(DrbgRandom::new(source, config)?)),
        })
    }

    /// Fills all of `out`. The first call runs the start-up test.
    ///
    /// # Errors
    /// `Unhealthy` with the name of the failed test, or the kinds of [`EntropySource::read`]; `out` is all zeros then.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Raw(tap) => tap.read_exact(out).inspect_err(|_| out.fill(0)),
            Self::Conditioned(random) => random.fill(out),
            Self::Drbg(random) => random.fill(out),
        }
    }

    /// Where the bytes come from.
    pub fn provenance(&self) -> Provenance {
        match self {
            Self::Raw(tap) => tap.provenance(),
            Self::Conditioned(random) => random.provenance(),
            Self::Drbg(random) => random.provenance(),
        }
    }

    /// The device's own health and that of our tests, whichever is worse.
    ///
    /// # Errors
    /// Those of [`Device::health`](qhal::Device::health).
    pub fn health(&mut self) -> Result<Health> {
        match self {
            Self::Raw(tap) => tap.health(),
            Self::Conditioned(random) => random.health(),
            Self::Drbg(random) => random.health(),
        }
    }

    /// The conditioning component, if its bytes go through one.
    pub fn conditioner(&self) -> Option<&Conditioner> {
        match self {
            Self::Raw(_) => None,
            Self::Conditioned(random) => Some(random.conditioner()),
            Self::Drbg(random) => Some(random.conditioner()),
        }
    }

    /// Figures for status displays.
    pub fn statistics(&self) -> Statistics {
        match self {
            Self::Raw(tap) => tap.statistics(),
            Self::Conditioned(random) => random.statistics(),
            Self::Drbg(random) => random.statistics(),
        }
    }

    /// Closes the device.
    ///
    /// # Errors
    /// Those of [`Device::close`](qhal::Device::close).
    pub fn close(self) -> Result<()> {
        match self {
            Self::Raw(tap) => tap.into_source().close(),
            Self::Conditioned(random) => random.into_source().close(),
            Self::Drbg(random) => random.into_source().close(),
        }
    }
}
