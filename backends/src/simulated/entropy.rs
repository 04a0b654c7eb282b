//! A simulated random-number generator: the samples of a noise model behind the entropy trait.

use qhal::{Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};

use super::noise::{Failure, NoiseSettings, Samples};

/// A modelled noise source. Its bytes are computed, and its descriptor says so.
pub struct SimulatedEntropy {
    descriptor: Descriptor,
    claim: MinEntropy,
    settings: NoiseSettings,
    seed: u64,
    samples: Samples,
}

impl SimulatedEntropy {
    /// Opens the model; without a seed in `settings` the operating system gives one.
    ///
    /// # Errors
    /// `InvalidInput` for impossible settings; `Other` when the operating system gives no seed.
    pub fn open(descriptor: Descriptor, settings: NoiseSettings) -> Result<Self> {
        let claim = settings.min_entropy()?;
        let seed = settings.seed.map_or_else(operating_system_seed, Ok)?;
        let samples = Samples::new(settings.clone(), seed)?;
        Ok(Self { descriptor, claim, settings, seed, samples })
    }
}

/// 64 bits from the operating system.
///
/// # Errors
/// `Other` when it gives none.
pub fn operating_system_seed() -> Result<u64> {
    getrandom::u64()
        .map_err(|cause| Error::new(ErrorKind::Other, "the operating system gave no seed").because(cause))
}

impl Device for SimulatedEntropy {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        // Stuck and dark sources do not know it themselves: that is what health tests are for.
        match self.samples.failure() {
            Some(Failure::Gone) => Err(gone(&self.descriptor)),
            _ => Ok(Health::Good),
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for SimulatedEntropy {
    fn stage(&self) -> Stage {
        Stage::Raw
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        for (count, byte) in out.iter_mut().enumerate() {
            match self.samples.next_sample() {
                Some(sample) => *byte = sample,
                None if count == 0 => return Err(gone(&self.descriptor)),
                None => return Ok(count),
            }
        }
        Ok(out.len())
    }

    /// Other noise than before, and the same for every run with the same seed. What was to break, breaks again.
    fn restart(&mut self) -> Result<()> {
        if self.samples.failure() == Some(Failure::Gone) {
            return Err(gone(&self.descriptor));
        }
        // The golden ratio keeps seeds that were given in a row apart (Steele et al., SplitMix, OOPSLA 2014).
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.samples = Samples::new(self.settings.clone(), self.seed)?;
        Ok(())
    }
}

fn gone(descriptor: &Descriptor) -> Error {
    Error::new(ErrorKind::Disconnected, "the simulated device was unplugged, as it was set to")
        .on(&descriptor.id)
}
