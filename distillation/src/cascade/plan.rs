//! What both ends of Cascade do alike: block sizes, permutations and random halves, from public numbers.

use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::interleaver::{Interleaver, SQUARE};
use crate::bits::range_parity;

/// The longest key that is reconciled at once, in bits.
pub const MOST_BITS: usize = 1 << 26;

/// Most passes over blocks, and most random halves: more never help.
const MOST_PASSES: usize = 16;
const MOST_HALVES: u32 = 64;

/// Which blocks Cascade asks parities of, for an error ratio Q of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Block sizes of the passes, in bits; the first pass takes the key in its own order, the others permute it.
    pub sizes: Vec<usize>,
    /// Parities of random halves of the key that are compared at the end. Each finds remaining errors with probability ½.
    pub halves: u32,
    /// Whether the parities learnt while an error is searched are used again: a later error is sought from the smallest
    /// part that is known to be odd.
    pub reuse: bool,
}

impl Schedule {
    /// Cascade as Brassard and Salvail published it (EUROCRYPT '93): four passes, ⌈0.73/Q⌉ bits and doubling.
    pub fn original(qber: f64) -> Self {
        let first = Self::first(0.73, qber);
        Self { sizes: (0..4).map(|pass| first << pass).collect(), halves: 0, reuse: false }
    }

    /// Two passes of ⌈0.8/Q⌉ and five times as many bits, then halves: Yan, Ren, Peng, Lin, Jiang, Liu, Guo, "Information
    /// Reconciliation of Quantum Key Distribution Based on Improved Cascade" (2008), with halves compared together.
    pub fn yan(qber: f64) -> Self {
        let first = Self::first(0.8, qber);
        Self { sizes: vec![first, 5 * first], halves: 16, reuse: false }
    }

    /// Three passes of the largest power of two within 1.3/Q, eight times and 128 times as many bits, with reuse of parts and
    /// 20 halves: the least disclosure of those that were measured at Q = 1 to 5 %, and the default. Powers of two because every
    /// parity of a search then halves its part exactly.
    pub fn frugal(qber: f64) -> Self {
        let most = Self::first(1.3, qber);
        let first = if most.is_power_of_two() { most } else { most.next_power_of_two() / 2 };
        Self { sizes: vec![first, 8 * first, 128 * first], halves: 20, reuse: true }
    }

    fn first(factor: f64, qber: f64) -> usize {
        // Below 10^-5 the first blocks would be longer than most keys; above a quarter there is no key.
        (factor / qber.clamp(1e-5, 0.25)).ceil().max(2.0) as usize
    }
}

/// One pass over blocks.
pub(super) struct Pass {
    /// Bits in a block; the last block may be shorter.
    pub(super) size: usize,
    /// Bits in the pass, with the zeros that fill up the permutation.
    pub(super) length: usize,
    pub(super) interleaver: Option<Interleaver>,
}

impl Pass {
    pub(super) fn blocks(&self) -> usize {
        self.length.div_ceil(self.size)
    }

    /// The bits of a block: from and to.
    pub(super) fn range(&self, block: usize) -> (usize, usize) {
        (block * self.size, ((block + 1) * self.size).min(self.length))
    }

    /// The key as this pass sees it.
    pub(super) fn view(&self, key: &[u64], scratch: &mut Vec<u64>) -> Vec<u64> {
        let Some(interleaver) = &self.interleaver else { return key.to_vec() };
        let mut view = vec![0; self.length / 64];
        scratch.resize(self.length / 64, 0);
        interleaver.apply(key, scratch, &mut view);
        view
    }

    pub(super) fn position(&self, bit: usize) -> usize {
        self.interleaver.as_ref().map_or(bit, |interleaver| interleaver.position(bit))
    }

    pub(super) fn origin(&self, position: usize) -> usize {
        self.interleaver.as_ref().map_or(position, |interleaver| interleaver.origin(position))
    }
}

/// The public part of one reconciliation; both ends make it from the same numbers.
pub struct Plan {
    pub(super) length: usize,
    pub(super) passes: Vec<Pass>,
    pub(super) halves: u32,
    pub(super) reuse: bool,
    seed: u64,
}

impl Plan {
    /// For keys of `length` bits. `seed` is public and picks permutations and halves; a fresh one for every key keeps an
    /// eavesdropper from shaping errors to them.
    ///
    /// # Errors
    /// `InvalidInput` for a length of 0 or above [`MOST_BITS`] and for a schedule without passes, with blocks below two
    /// bits, with more than 16 passes or 64 halves.
    pub fn new(length: usize, schedule: &Schedule, seed: [u8; 32]) -> Result<Arc<Self>> {
        if length == 0 || length > MOST_BITS {
            let sentence = format!("Cascade reconciles 1 to {MOST_BITS} bits at once, not {length}");
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        let sizes = &schedule.sizes;
        if sizes.is_empty() || sizes.len() > MOST_PASSES || schedule.halves > MOST_HALVES {
            let sentence = format!(
                "a schedule of Cascade has 1 to {MOST_PASSES} passes and up to {MOST_HALVES} halves, not {} and {}",
                sizes.len(),
                schedule.halves
            );
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        if let Some(size) = sizes.iter().find(|size| **size < 2) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a block of {size} bits cannot be searched"),
            ));
        }
        let mut random = ChaCha8Rng::from_seed(seed);
        let filled = length.next_multiple_of(SQUARE);
        let passes = sizes.iter().enumerate().map(|(number, size)| {
            if number == 0 {
                return Pass { size: (*size).min(length), length, interleaver: None };
            }
            // The zeros that fill up the permutation are spread over all blocks; blocks grow with them.
            let size = (size.saturating_mul(filled) / length).clamp(2, filled.div_ceil(2));
            Pass { size, length: filled, interleaver: Some(Interleaver::new(filled / 64, &mut random)) }
        });
        let mut start = [0; 8];
        start.copy_from_slice(&seed[..8]);
        Ok(Arc::new(Self {
            length,
            passes: passes.collect(),
            halves: schedule.halves,
            reuse: schedule.reuse,
            seed: u64::from_le_bytes(start),
        }))
    }

    /// Which bits of word `word` belong to random half `half` (SplitMix64 of the place: Steele, Lea, Flood, OOPSLA '14).
    #[inline]
    pub(super) fn half_mask(&self, half: u32, word: usize) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let place = (u64::from(half) + 1) << 32 | word as u64;
        let mut x = self.seed.wrapping_add(place.wrapping_mul(GOLDEN));
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// The parity of the bits `low..high` of the key that belong to a half.
    pub(super) fn half_parity(&self, key: &[u64], half: u32, low: usize, high: usize) -> bool {
        if low >= high {
            return false;
        }
        let (first, last) = (low >> 6, (high - 1) >> 6);
        let mut folded = 0;
        for (word, bits) in key.iter().enumerate().take(last + 1).skip(first) {
            let mut bits = bits & self.half_mask(half, word);
            if word == first {
                bits &= u64::MAX << (low & 63);
            }
            if word == last {
                bits &= u64::MAX >> (63 - ((high - 1) & 63));
            }
            folded ^= bits;
        }
        folded.count_ones() & 1 == 1
    }
}

/// Where a search looks: in the blocks of a pass, or in a random half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Pass(usize),
    Half(u32),
}

impl Plan {
    /// Where a part is cut in two; none when it holds a single bit.
    #[inline]
    pub(super) fn cut(&self, place: Place, low: usize, high: usize) -> Option<usize> {
        match place {
            Place::Pass(_) => (high - low > 1).then(|| low + (high - low) / 2),
            Place::Half(half) => {
                if (low >> 6) < ((high - 1) >> 6) {
                    // Between two words; the parts hold half as many bits each, nearly enough.
                    return Some(((low >> 6) + (high.div_ceil(64) - (low >> 6)) / 2) << 6);
                }
                let mut bits = self.half_bits(half, low, high);
                let count = bits.count_ones();
                (count > 1).then(|| {
                    (0..count / 2).for_each(|_| bits &= bits - 1);
                    (low & !63) + bits.trailing_zeros() as usize
                })
            }
        }
    }

    /// The one bit that a part which cannot be cut holds.
    pub(super) fn only_bit(&self, place: Place, low: usize, high: usize) -> usize {
        match place {
            Place::Pass(pass) => self.passes[pass].origin(low),
            Place::Half(half) => {
                let bits = self.half_bits(half, low, high);
                if bits == 0 { low } else { (low & !63) + bits.trailing_zeros() as usize }
            }
        }
    }

    /// The bits of a half in a part of one word.
    fn half_bits(&self, half: u32, low: usize, high: usize) -> u64 {
        let bits = self.half_mask(half, low >> 6);
        bits & u64::MAX << (low & 63) & u64::MAX >> (63 - ((high - 1) & 63))
    }

    /// The parity of part of a view.
    #[inline]
    pub(super) fn parity(&self, place: Place, views: &[Vec<u64>], low: usize, high: usize) -> bool {
        match place {
            Place::Pass(pass) => range_parity(&views[pass], low, high),
            Place::Half(half) => self.half_parity(&views[0], half, low, high),
        }
    }
}
