//! What the two generators of an emulated device produce: a model of their noise, computed from a seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The generators' ADC values: roughly Gaussian about the middle of the range, with a biased lowest bit.
const MEAN: f64 = 512.0;
const DEVIATION: f64 = 90.0;
/// One lowest bit in this many is set whatever the noise says.
const LOW_BIT_BIAS: u32 = 10;

/// The source of everything random in the emulator.
#[derive(Debug)]
pub(super) struct Samples {
    rng: ChaCha8Rng,
    /// What a stuck device repeats.
    stuck: Option<(u8, u16)>,
}

impl Samples {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), stuck: None }
    }

    /// From now on everything is what comes next.
    pub(super) fn stick(&mut self) {
        if self.stuck.is_none() {
            self.stuck = Some((self.whitened(0, false), self.value(false)));
        }
    }

    /// A number from 0 to `limit - 1`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.rng.next_u32() % limit.max(1)
    }

    /// One whitened byte; the combination of both generators (0) and each of them (1, 2) are streams of their own.
    pub(super) fn whitened(&mut self, generator: u64, biased: bool) -> u8 {
        if let Some((byte, _)) = self.stuck {
            return byte;
        }
        if self.rng.get_stream() != generator {
            self.rng.set_stream(generator);
        }
        // Seven ones in eight bits: far below the 4 bits a byte that the driver claims.
        let [first, second, third, _] = self.rng.next_u32().to_le_bytes();
        if biased { first | second | third } else { first }
    }

    /// One ADC value of each generator, 0 to 1023.
    pub(super) fn pair(&mut self, biased: bool) -> (u16, u16) {
        (self.value(biased), self.value(biased))
    }

    fn value(&mut self, biased: bool) -> u16 {
        if let Some((_, value)) = self.stuck {
            return value;
        }
        // Twelve uniform variates have variance 1 and all but Gaussian tails (Irwin-Hall).
        let sum: f64 = (0..12).map(|_| f64::from(self.rng.next_u32()) / 4_294_967_296.0).sum();
        let value = (MEAN + DEVIATION * (sum - 6.0)).clamp(0.0, 1023.0) as u16;
        let forced = self.below(LOW_BIT_BIAS) == 0;
        let value = value | u16::from(forced);
        if biased { value | self.below(1024) as u16 | self.below(1024) as u16 } else { value }
    }

    /// Damages a packet: of its bytes some change, some are lost.
    pub(super) fn garble(&mut self, packet: &mut Vec<u8>) {
        let mut damaged = Vec::with_capacity(packet.len());
        for byte in packet.drain(..) {
            match self.below(16) {
                0 => {}
                1 => damaged.push(self.below(256) as u8),
                _ => damaged.push(byte),
            }
        }
        *packet = damaged;
    }
}
