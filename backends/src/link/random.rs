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

    /// One of `count` numbers from 0 on, equally likely; 0 for a count of 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        match count {
            0 | 1 => 0,
            2 => usize::from(self.bit()),
            // 2^32 is no multiple of most counts, and larger than all of them by so much that it does not matter.
            _ => self.0.next_u32() as usize % count,
        }
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
