//! Keys, errors and random numbers that are the same in every run.
#![allow(dead_code, reason = "each test uses what it needs")]

use qhal::{Provenance, Result, SecureRandom};
use qhal_distillation::Bits;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

pub(crate) fn random(seed: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// A number in [0, 1).
pub(crate) fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// `length` random bits.
pub(crate) fn key(seed: u64, length: usize) -> Bits {
    let mut random = random(seed);
    Bits::from_words((0..length.div_ceil(64)).map(|_| random.next_u64()).collect(), length)
}

/// A copy in which each bit is wrong with probability `qber`, and how many are.
pub(crate) fn with_errors(key: &Bits, qber: f64, seed: u64) -> (Bits, usize) {
    let (mut noisy, mut random, mut count) = (key.clone(), random(seed), 0);
    for bit in 0..key.len() {
        if unit(&mut random) < qber {
            noisy.flip(bit);
            count += 1;
        }
    }
    (noisy, count)
}

/// Random numbers for the machines under test: simulated, and the same in every run.
pub(crate) struct TestRandom(pub(crate) ChaCha8Rng);

impl SecureRandom for TestRandom {
    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill_bytes(out);
        Ok(())
    }
}
