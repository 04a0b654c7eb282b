//! Random numbers of ends that run in one process: they follow from the seed, and say so.

use qhal::{Provenance, Result, SecureRandom};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// A stream of a seed.
pub(crate) struct SeededRandom(ChaCha20Rng);

impl SeededRandom {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self(random)
    }

    /// A random bit.
    pub(crate) fn bit(&mut self) -> bool {
        self.0.next_u32() & 1 == 1
    }
}

impl SecureRandom for SeededRandom {
    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill_bytes(out);
        Ok(())
    }
}
