//! The last stage: a DRBG that draws its seeds, when they are due, from whoever supplies full entropy.

use qhal::Result;
use zeroize::{Zeroize, Zeroizing};

use crate::config::Config;
use crate::drbg::{HmacDrbg, MAX_REQUEST_BYTES, MIN_ENTROPY_BYTES, MIN_NONCE_BYTES};

/// Who supplies conditioned bytes, of full entropy or what [`Config::conditioning`] credits: one conditioned source, or several that are mixed.
pub trait Supply {
    /// Bytes that can be had without reading a device.
    fn ready(&self) -> usize;

    /// Fills `out`; an empty `out` asks only whether anything may be given at all.
    ///
    /// # Errors
    /// Those of [`SecureRandom::fill`](qhal::SecureRandom::fill); what stands in `out` then must not be used.
    fn supply(&mut self, out: &mut [u8]) -> Result<()>;

    /// As [`supply`](Self::supply), from samples that are taken after this call alone.
    ///
    /// # Errors
    /// As [`supply`](Self::supply).
    fn supply_fresh(&mut self, out: &mut [u8]) -> Result<()>;
}

/// An [`HmacDrbg`] that is seeded, and regularly reseeded, from a [`Supply`].
///
/// The first request seeds it with 256 bits and a 128-bit nonce, which take a byte more each where the conditioning
/// component is credited with less than eight bits a byte. It is reseeded with 256 bits after
/// [`Config::reseed_bytes`] at the latest, and at every request that finds a seed ready.
pub struct Seeded {
    drbg: Option<HmacDrbg>,
    personalization: Vec<u8>,
    /// Bytes of the supply that are credited with a seed of 256 bits, and those with a nonce of 128.
    entropy_bytes: usize,
    nonce_bytes: usize,
    reseed_bytes: u64,
    prediction_resistance: bool,
    /// Bytes given since the last seed.
    since_seed: u64,
    seeds: u64,
    bytes_out: u64,
}

impl Seeded {
    /// A DRBG for the devices that `name` names, which need not be secret; nothing is drawn yet.
    ///
    /// # Errors
    /// `InvalidInput` when the reseeding of `config` is out of range.
    pub fn new(name: &str, config: &Config) -> Result<Self> {
        config.check_reseed()?;
        // SP 800-90A §8.7.1: a string that differs between devices, so that equal seeds would still part.
        let personalization = format!("qhal HMAC_DRBG {name}").into_bytes();
        Ok(Self {
            drbg: None,
            personalization,
            entropy_bytes: config.conditioning.bytes_for(8 * MIN_ENTROPY_BYTES as u32),
            nonce_bytes: config.conditioning.bytes_for(8 * MIN_NONCE_BYTES as u32),
            reseed_bytes: config.reseed_bytes,
            prediction_resistance: config.prediction_resistance,
            since_seed: 0,
            seeds: 0,
            bytes_out: 0,
        })
    }

    /// Fills all of `out`; when `fresh`, or by [`Config::prediction_resistance`], with a state that is reseeded from
    /// samples taken after this call.
    ///
    /// # Errors
    /// Those of the supply; `out` is all zeros then.
    pub fn fill(&mut self, out: &mut [u8], fresh: bool, supply: &mut dyn Supply) -> Result<()> {
        let outcome = self.fill_all(out, fresh || self.prediction_resistance, supply);
        match &outcome {
            Ok(()) => self.bytes_out = self.bytes_out.saturating_add(out.len() as u64),
            Err(_) => out.zeroize(),
        }
        outcome
    }

    /// Wipes the state: the next request begins with a new seed.
    pub fn wipe(&mut self) {
        self.drbg = None;
    }

    /// Times it was seeded: instantiated or reseeded.
    pub fn seeds(&self) -> u64 {
        self.seeds
    }

    /// Bytes given.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    fn fill_all(&mut self, out: &mut [u8], fresh: bool, supply: &mut dyn Supply) -> Result<()> {
        // Where nothing may be given, neither may what the DRBG could still make.
        supply.supply(&mut [])?;
        let mut rest = out;
        while !rest.is_empty() {
            let due = self.drbg.is_none()
                || fresh
                || self.since_seed >= self.reseed_bytes
                || supply.ready() >= self.entropy_bytes;
            let used = if due { 0 } else { self.since_seed };
            let allowance = usize::try_from(self.reseed_bytes.saturating_sub(used)).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at_mut(allowance.clamp(1, MAX_REQUEST_BYTES).min(rest.len()));
            if due {
                self.seed(fresh, supply)?;
            }
            if let Some(drbg) = &mut self.drbg {
                drbg.generate(now, &[])?;
            }
            self.since_seed = self.since_seed.saturating_add(now.len() as u64);
            rest = later;
        }
        Ok(())
    }

    /// Instantiates the DRBG, or reseeds it, with 256 bits of credit; with prediction resistance from samples taken now. (No
    /// additional input is used, so a reseeding and then a request is all that SP 800-90A §9.3.1 does for
    /// prediction resistance.)
    fn seed(&mut self, fresh: bool, supply: &mut dyn Supply) -> Result<()> {
        let mut seed = Zeroizing::new(vec![0; self.entropy_bytes + self.nonce_bytes]);
        let wanted = if self.drbg.is_some() { self.entropy_bytes } else { seed.len() };
        let drawn = seed.get_mut(..wanted).unwrap_or_default();
        if fresh {
            supply.supply_fresh(drawn)?;
        } else {
            supply.supply(drawn)?;
        }
        let (entropy, nonce) = seed.split_at(self.entropy_bytes);
        match &mut self.drbg {
            Some(drbg) => drbg.reseed(entropy, &[])?,
            None => self.drbg = Some(HmacDrbg::instantiate(entropy, nonce, &self.personalization)?),
        }
        self.since_seed = 0;
        self.seeds = self.seeds.saturating_add(1);
        Ok(())
    }
}
