//! What can be set on the way from raw samples to random bytes.

use qhal::{Error, ErrorKind, MinEntropy, Result};

use crate::conditioner::{BLOCK_BYTES, Conditioner, Conditioning};
use crate::health::Alpha;

/// The fewest samples of a start-up test (SP 800-90B §4.3).
pub const FEWEST_STARTUP_SAMPLES: usize = 1024;

/// The most samples of a start-up test: more is a wrong figure, not caution.
const MOST_STARTUP_SAMPLES: usize = 1 << 24;

/// The least and the most capacity of a pool, in bytes.
const POOL_BYTES: std::ops::RangeInclusive<usize> = BLOCK_BYTES * 2..=1 << 20;

/// The least and the most DRBG output between two reseedings, in bytes.
const RESEED_BYTES: std::ops::RangeInclusive<u64> = 32..=1 << 30;

/// Settings of a [`Tap`](crate::Tap), [`Conditioned`](crate::Conditioned) or [`DrbgRandom`](crate::DrbgRandom).
///
/// Made by [`Default`] and changed field by field; checked when it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// False-alarm rate of the health tests; 2^-30.
    pub alpha: Alpha,
    /// Samples that must pass both tests before the first byte is given; at least 1024, by default 4096. They
    /// are used afterwards, so a long test costs a slow device time only once.
    pub startup_samples: usize,
    /// Min-entropy per sample, in bits, that an assessment of this device measured; conditioning then credits
    /// the smaller of it and the device's claim. Health-test cut-offs stay with the claim.
    pub assessed: Option<f64>,
    /// Which component conditions; SHA-256.
    pub conditioning: Conditioning,
    /// Capacity of the pool, in bytes, 64 to 1 MiB; 4096. An extractor that gives more at once gets a pool for that.
    pub pool_bytes: usize,
    /// Bytes the DRBG gives before it must be reseeded with 256 fresh bits of credit, 32 to 1 GiB; 64 KiB. It is reseeded
    /// earlier whenever the pool happens to hold a seed.
    pub reseed_bytes: u64,
    /// Whether the DRBG is reseeded with samples taken after the call, for every request of at most 64 KiB
    /// (prediction resistance, SP 800-90A §8.8).
    pub prediction_resistance: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            alpha: Alpha::DEFAULT,
            startup_samples: 4096,
            assessed: None,
            conditioning: Conditioning::default(),
            pool_bytes: 4096,
            reseed_bytes: 64 << 10,
            prediction_resistance: false,
        }
    }
}

impl Config {
    /// What conditioning credits a sample of a source that claims `claim`.
    fn credit(&self, claim: MinEntropy) -> Result<MinEntropy> {
        match self.assessed {
            None => Ok(claim),
            Some(measured) => claim.lowered_to(measured),
        }
    }

    /// The conditioning component for a source that claims `claim`.
    pub(crate) fn conditioner(&self, claim: MinEntropy) -> Result<Conditioner> {
        Conditioner::new(self.credit(claim)?, &self.conditioning)
    }

    pub(crate) fn check_startup(&self) -> Result<()> {
        if (FEWEST_STARTUP_SAMPLES..=MOST_STARTUP_SAMPLES).contains(&self.startup_samples) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a start-up test of {} samples is not possible: SP 800-90B asks for {FEWEST_STARTUP_SAMPLES} at \
                 least, and {MOST_STARTUP_SAMPLES} is the most",
                self.startup_samples
            ),
        ))
    }

    pub(crate) fn check_pool(&self) -> Result<()> {
        if POOL_BYTES.contains(&self.pool_bytes) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a pool of {} bytes is not possible: choose {} to {}",
                self.pool_bytes,
                POOL_BYTES.start(),
                POOL_BYTES.end()
            ),
        ))
    }

    pub(crate) fn check_reseed(&self) -> Result<()> {
        if RESEED_BYTES.contains(&self.reseed_bytes) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "reseeding after {} bytes is not possible: choose {} to {}",
                self.reseed_bytes,
                RESEED_BYTES.start(),
                RESEED_BYTES.end()
            ),
        ))
    }
}
