//! The whole way from a source to random bytes: tap, conditioner, pool and DRBG behind `SecureRandom`.

use qhal::{EntropySource, Health, Provenance, Result, SecureRandom};
use zeroize::{Zeroize, Zeroizing};

use crate::conditioner::{BLOCK_BYTES, Conditioner};
use crate::config::Config;
use crate::pool::Pool;
use crate::seeded::{Seeded, Supply};
use crate::statistics::Statistics;
use crate::tap::{Failure, Tap};

/// The most samples read at once.
const READ_SAMPLES: usize = 32 << 10;

/// Random bytes each of which is backed by at least as much fresh assessed min-entropy.
///
/// As slow as its source: with SHA-256 every 32 bytes take 320 bits of it, with an extractor a round takes 2·log2(1/ε) bits
/// more than it gives ([`Extraction`](crate::conditioner::Extraction)) and what SP 800-90B credits it with is a little less. When a health test fails the pool is emptied and
/// every call fails until [`restart`](Self::restart).
pub struct Conditioned {
    tap: Tap,
    conditioner: Conditioner,
    pool: Pool,
    scratch: Zeroizing<Vec<u8>>,
    bytes_out: u64,
}

impl Conditioned {
    /// Conditioned bytes of `source`; nothing is read yet.
    ///
    /// # Errors
    /// `InvalidInput` when a setting is out of range, or the source claims too little entropy to be tested.
    pub fn new(source: Box<dyn EntropySource>, config: &Config) -> Result<Self> {
        config.check_pool()?;
        let id = source.descriptor().id.clone();
        let conditioner = config.conditioner(source.claimed_min_entropy()).map_err(|error| error.on(&id))?;
        // What comes out together must find room together.
        let capacity = config.pool_bytes.max(conditioner.blocks_per_round() * BLOCK_BYTES);
        Ok(Self {
            tap: Tap::new(source, config)?,
            conditioner,
            pool: Pool::credited(capacity, config.conditioning.credit_per_byte()),
            scratch: Zeroizing::new(vec![0; READ_SAMPLES]),
            bytes_out: 0,
        })
    }

    /// The tap, for its source.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// The conditioning component.
    pub fn conditioner(&self) -> &Conditioner {
        &self.conditioner
    }

    /// Why nothing is given, if so.
    pub fn failure(&self) -> Option<&Failure> {
        self.tap.failure()
    }

    /// As [`Tap::health`].
    ///
    /// # Errors
    /// Those of [`Device::health`](qhal::Device::health).
    pub fn health(&mut self) -> Result<Health> {
        self.tap.health()
    }

    /// Runs the start-up test now, unless it has been passed; filling does the same.
    ///
    /// # Errors
    /// As [`Tap::start`].
    pub fn start(&mut self) -> Result<()> {
        let outcome = self.tap.start();
        self.empty_if_shut();
        outcome
    }

    /// Empties the pool and begins anew with the start-up test; what opens it after a failed test.
    ///
    /// # Errors
    /// As [`Tap::restart`].
    pub fn restart(&mut self) -> Result<()> {
        self.empty();
        self.tap.restart()
    }

    /// Reads the source at most once, for as many of `samples` samples as the pool has room for; returns how many
    /// were read. For whoever has time to fill the pool ahead of need.
    ///
    /// # Errors
    /// As [`Tap::read`].
    pub fn top_up(&mut self, samples: usize) -> Result<usize> {
        let room = self.conditioner.samples_within(self.pool.free() / BLOCK_BYTES);
        self.gather(samples.min(room))
    }

    /// Its figures; `bytes_out` counts conditioned bytes given.
    pub fn statistics(&self) -> Statistics {
        Statistics { pool_bits: self.pool.bits(), bytes_out: self.bytes_out, ..self.tap.statistics() }
    }

    /// Gives the source back, to close it.
    pub fn into_source(self) -> Box<dyn EntropySource> {
        self.tap.into_source()
    }

    /// Reads once, at most `samples`, into the pool; the caller sees to it that they fit.
    fn gather(&mut self, samples: usize) -> Result<usize> {
        let room = samples.min(self.scratch.len());
        let scratch = self.scratch.get_mut(..room).unwrap_or_default();
        let mut outcome = self.tap.read(scratch);
        if let Ok(got) = outcome {
            let fresh = scratch.get_mut(..got).unwrap_or_default();
            let pool = &mut self.pool;
            let absorbed = self.conditioner.absorb(fresh, |block| {
                pool.put(block);
            });
            fresh.zeroize();
            outcome = absorbed.map(|()| got);
        }
        self.empty_if_shut();
        outcome
    }

    fn empty_if_shut(&mut self) {
        if self.tap.failure().is_some() {
            self.empty();
        }
    }

    fn empty(&mut self) {
        self.pool.clear();
        self.conditioner.clear();
    }
}

impl Supply for Conditioned {
    fn ready(&self) -> usize {
        self.pool.len()
    }

    /// Fills `out` from the pool, reading what is missing.
    fn supply(&mut self, out: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        loop {
            let rest = out.get_mut(filled..).unwrap_or_default();
            filled += self.pool.take(rest);
            let missing = out.len().saturating_sub(filled);
            if missing == 0 {
                // Nothing may have been read at all, yet a shut tap gives nothing.
                return self.tap.read(&mut []).map(|_| ());
            }
            // The pool is empty here, so at least one round fits.
            let room = self.conditioner.samples_within(self.pool.free() / BLOCK_BYTES);
            self.gather(self.conditioner.samples_for(missing.div_ceil(BLOCK_BYTES)).min(room))?;
        }
    }

    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()> {
        self.tap.start()?;
        self.empty();
        self.tap.discard();
        self.supply(out)
    }
}

impl SecureRandom for Conditioned {
    fn provenance(&self) -> Provenance {
        self.tap.provenance()
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        match self.supply(out) {
            Ok(()) => self.bytes_out = self.bytes_out.saturating_add(out.len() as u64),
            Err(error) => {
                out.zeroize();
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Random bytes of a [`Seeded`] DRBG on one source.
///
/// When a health test fails, the pool is emptied, the state is wiped and every call fails until
/// [`restart`](Self::restart).
pub struct DrbgRandom {
    supply: Conditioned,
    seeded: Seeded,
}

impl DrbgRandom {
    /// A DRBG on `source`; nothing is read yet.
    ///
    /// # Errors
    /// `InvalidInput` when a setting is out of range, or the source claims too little entropy to be tested.
    pub fn new(source: Box<dyn EntropySource>, config: &Config) -> Result<Self> {
        let seeded = Seeded::new(&source.descriptor().id.to_string(), config)?;
        Ok(Self { supply: Conditioned::new(source, config)?, seeded })
    }

    /// The tap, for its source.
    pub fn tap(&self) -> &Tap {
        self.supply.tap()
    }

    /// The conditioning component.
    pub fn conditioner(&self) -> &Conditioner {
        self.supply.conditioner()
    }

    /// Why nothing is given, if so.
    pub fn failure(&self) -> Option<&Failure> {
        self.supply.failure()
    }

    /// As [`Tap::health`].
    ///
    /// # Errors
    /// Those of [`Device::health`](qhal::Device::health).
    pub fn health(&mut self) -> Result<Health> {
        self.supply.health()
    }

    /// Runs the start-up test now, unless it has been passed; filling does the same.
    ///
    /// # Errors
    /// As [`Tap::start`].
    pub fn start(&mut self) -> Result<()> {
        let outcome = self.supply.start();
        self.wipe_if_shut();
        outcome
    }

    /// Wipes the state, empties the pool and begins anew with the start-up test; what opens it after a failed
    /// test.
    ///
    /// # Errors
    /// As [`Tap::restart`].
    pub fn restart(&mut self) -> Result<()> {
        self.seeded.wipe();
        self.supply.restart()
    }

    /// As [`Conditioned::top_up`]: what it puts into the pool is used at the next call.
    ///
    /// # Errors
    /// As [`Tap::read`].
    pub fn top_up(&mut self, samples: usize) -> Result<usize> {
        let outcome = self.supply.top_up(samples);
        self.wipe_if_shut();
        outcome
    }

    /// Its figures; `bytes_out` counts bytes of the DRBG.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            reseeds: self.seeded.seeds(),
            bytes_out: self.seeded.bytes_out(),
            ..self.supply.statistics()
        }
    }

    /// Gives the source back, to close it.
    pub fn into_source(self) -> Box<dyn EntropySource> {
        self.supply.into_source()
    }

    fn wipe_if_shut(&mut self) {
        if self.supply.failure().is_some() {
            self.seeded.wipe();
        }
    }
}

impl SecureRandom for DrbgRandom {
    fn provenance(&self) -> Provenance {
        self.supply.provenance()
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let outcome = self.seeded.fill(out, false, &mut self.supply);
        if outcome.is_err() {
            self.wipe_if_shut();
        }
        outcome
    }
}
