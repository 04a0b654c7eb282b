//! The whole way from a source to random bytes: tap, conditioner, pool and DRBG behind `SecureRandom`.

use qhal::{EntropySource, Health, Provenance, Result, SecureRandom};
use zeroize::{Zeroize, Zeroizing};

use crate::conditioner::{BLOCK_BYTES, Conditioner};
use crate::config::Config;
use crate::drbg::{HmacDrbg, MAX_REQUEST_BYTES, MIN_ENTROPY_BYTES, MIN_NONCE_BYTES};
use crate::pool::Pool;
use crate::statistics::Statistics;
use crate::tap::{Failure, Tap};

/// The most samples read at once.
const READ_SAMPLES: usize = 32 << 10;

/// Random bytes each of which is backed by at least as much fresh assessed min-entropy.
///
/// As slow as its source: every 32 bytes take 320 bits of it. When a health test fails the pool is emptied and
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
        let conditioner = config
            .credit(source.claimed_min_entropy())
            .and_then(Conditioner::new)
            .map_err(|error| error.on(&id))?;
        Ok(Self {
            tap: Tap::new(source, config)?,
            conditioner,
            pool: Pool::new(config.pool_bytes),
            scratch: Zeroizing::new(vec![0; READ_SAMPLES]),
            bytes_out: 0,
        })
    }

    /// The tap, for its source.
    pub fn tap(&self) -> &Tap {
        &self.tap
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
        let room = self.conditioner.samples_for(self.pool.free() / BLOCK_BYTES);
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
            // The pool is empty here, so at least one block fits.
            let blocks = missing.div_ceil(BLOCK_BYTES).min(self.pool.free() / BLOCK_BYTES);
            self.gather(self.conditioner.samples_for(blocks))?;
        }
    }

    /// As `supply`, from samples that are taken after this call alone.
    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()> {
        self.tap.start()?;
        self.empty();
        self.tap.discard();
        self.supply(out)
    }

    /// Reads once, at most `samples`, into the pool; the caller sees to it that they fit.
    fn gather(&mut self, samples: usize) -> Result<usize> {
        let room = samples.min(self.scratch.len());
        let scratch = self.scratch.get_mut(..room).unwrap_or_default();
        let outcome = self.tap.read(scratch);
        if let Ok(got) = &outcome {
            let fresh = scratch.get_mut(..*got).unwrap_or_default();
            let pool = &mut self.pool;
            self.conditioner.absorb(fresh, |block| {
                pool.put(block);
            });
            fresh.zeroize();
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

/// Random bytes of a DRBG that is seeded, and regularly reseeded, with full-entropy bytes of a source.
///
/// The first call seeds it with 256 bits and a 128-bit nonce. It is reseeded with 256 bits after
/// [`Config::reseed_bytes`] at the latest, and at every call that finds a seed in the pool. When a health test
/// fails, the pool is emptied, the state is wiped and every call fails until [`restart`](Self::restart).
pub struct DrbgRandom {
    supply: Conditioned,
    drbg: Option<HmacDrbg>,
    personalization: Vec<u8>,
    reseed_bytes: u64,
    prediction_resistance: bool,
    /// Bytes given since the last seed.
    since_seed: u64,
    seeds: u64,
    bytes_out: u64,
}

impl DrbgRandom {
    /// A DRBG on `source`; nothing is read yet.
    ///
    /// # Errors
    /// `InvalidInput` when a setting is out of range, or the source claims too little entropy to be tested.
    pub fn new(source: Box<dyn EntropySource>, config: &Config) -> Result<Self> {
        config.check_reseed()?;
        // SP 800-90A §8.7.1: a string that differs between devices, so that equal seeds would still part.
        let personalization = format!("qhal HMAC_DRBG {}", source.descriptor().id).into_bytes();
        Ok(Self {
            supply: Conditioned::new(source, config)?,
            drbg: None,
            personalization,
            reseed_bytes: config.reseed_bytes,
            prediction_resistance: config.prediction_resistance,
            since_seed: 0,
            seeds: 0,
            bytes_out: 0,
        })
    }

    /// The tap, for its source.
    pub fn tap(&self) -> &Tap {
        self.supply.tap()
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
        self.drbg = None;
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
        Statistics { reseeds: self.seeds, bytes_out: self.bytes_out, ..self.supply.statistics() }
    }

    /// Gives the source back, to close it.
    pub fn into_source(self) -> Box<dyn EntropySource> {
        self.supply.into_source()
    }

    /// Whether the next request begins with new samples.
    fn seeds_next(&self) -> bool {
        self.drbg.is_none()
            || self.prediction_resistance
            || self.since_seed >= self.reseed_bytes
            || self.supply.pool.len() >= MIN_ENTROPY_BYTES
    }

    /// Bytes that the next request may have.
    fn allowance(&self) -> usize {
        let used = if self.seeds_next() { 0 } else { self.since_seed };
        let left = self.reseed_bytes.saturating_sub(used);
        usize::try_from(left).unwrap_or(usize::MAX).clamp(1, MAX_REQUEST_BYTES)
    }

    /// Gives the bytes of one request, of which there are no more than the allowance.
    fn request(&mut self, out: &mut [u8]) -> Result<()> {
        if self.seeds_next() {
            self.seed()?;
        }
        if let Some(drbg) = &mut self.drbg {
            drbg.generate(out, &[])?;
        }
        self.since_seed = self.since_seed.saturating_add(out.len() as u64);
        Ok(())
    }

    /// Instantiates the DRBG, or reseeds it, with full entropy from the pool; with prediction resistance from
    /// samples taken now. (No additional input is used, so a reseeding and then a request is all that
    /// SP 800-90A §9.3.1 does for prediction resistance.)
    fn seed(&mut self) -> Result<()> {
        let mut seed = Zeroizing::new([0; MIN_ENTROPY_BYTES + MIN_NONCE_BYTES]);
        let wanted = if self.drbg.is_some() { MIN_ENTROPY_BYTES } else { seed.len() };
        let drawn = seed.get_mut(..wanted).unwrap_or_default();
        if self.prediction_resistance {
            self.supply.supply_fresh(drawn)?;
        } else {
            self.supply.supply(drawn)?;
        }
        let (entropy, nonce) = seed.split_at(MIN_ENTROPY_BYTES);
        match &mut self.drbg {
            Some(drbg) => drbg.reseed(entropy, &[])?,
            None => self.drbg = Some(HmacDrbg::instantiate(entropy, nonce, &self.personalization)?),
        }
        self.since_seed = 0;
        self.seeds = self.seeds.saturating_add(1);
        Ok(())
    }

    fn fill_all(&mut self, out: &mut [u8]) -> Result<()> {
        // A shut tap gives nothing, not even what the DRBG could still make.
        self.supply.supply(&mut [])?;
        let mut rest = out;
        while !rest.is_empty() {
            let (now, later) = rest.split_at_mut(self.allowance().min(rest.len()));
            self.request(now)?;
            rest = later;
        }
        Ok(())
    }

    fn wipe_if_shut(&mut self) {
        if self.supply.failure().is_some() {
            self.drbg = None;
        }
    }
}

impl SecureRandom for DrbgRandom {
    fn provenance(&self) -> Provenance {
        self.supply.provenance()
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        match self.fill_all(out) {
            Ok(()) => self.bytes_out = self.bytes_out.saturating_add(out.len() as u64),
            Err(error) => {
                out.zeroize();
                self.wipe_if_shut();
                return Err(error);
            }
        }
        Ok(())
    }
}
