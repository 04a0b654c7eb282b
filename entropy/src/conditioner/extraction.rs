//! The Toeplitz extractor as a conditioning component: how it is set, and blocks of 256 bits of what it gives.

use qhal::{Error, ErrorKind, MinEntropy, Result};

use super::accounting::NOT_VETTED_MOST;
use super::{BLOCK_BITS, BLOCK_BYTES, Seed};
use crate::toeplitz::{Extractor, seed_bytes};

/// The least and the most bits that go into one product.
const INPUT_BITS: std::ops::RangeInclusive<usize> = 4096..=1 << 24;

/// The least and the most e of ε = 2^-e.
const LOG2_EPSILON: std::ops::RangeInclusive<u32> = 32..=256;

/// The least bits of min-entropy per bit that an assessment may have found in the output: with less it is broken.
const LEAST_ASSESSED: f64 = 0.5;

/// How a Toeplitz extractor conditions.
///
/// n input bits of k bits of min-entropy become m ≤ k − 2e output bits, which are 2^-e-close to uniform together with the
/// seed (leftover hash lemma); what all blocks that were ever made with one seed add up to is at most their number times as far.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    input_bits: usize,
    log2_epsilon: u32,
    assessed: Option<f64>,
    seed: Seed,
}

impl Extraction {
    /// Bits that go into one product when nobody says: where it is fast, and small enough for slow devices.
    pub const DEFAULT_INPUT_BITS: usize = 1 << 13;

    /// e of ε = 2^-e when nobody says.
    pub const DEFAULT_LOG2_EPSILON: u32 = 64;

    /// Products of `input_bits` bits (4096 to 2^24; rounded down to whole samples of the device), whose output is to be
    /// 2^-`log2_epsilon`-close to uniform (32 to 256), by at least [`seed_bytes_for`](Self::seed_bytes_for) bytes of `seed`.
    ///
    /// More input bits lose less of the min-entropy (2e bits a product); beyond 2^14 bits the time for each grows with m.
    ///
    /// `assessed` is the min-entropy per bit, 0.5 to 1, that an assessment of the output found; it lowers the credit of
    /// 0.999 bits per bit and nothing raises it (SP 800-90B §3.1.5.2).
    ///
    /// # Errors
    /// `InvalidInput` outside those ranges.
    pub fn new(input_bits: usize, log2_epsilon: u32, assessed: Option<f64>, seed: Seed) -> Result<Self> {
        let needed = Self::seed_bytes_for(input_bits)?;
        if !LOG2_EPSILON.contains(&log2_epsilon) {
            return Err(wrong(format!(
                "an output that is 2^-{log2_epsilon}-close to uniform is not possible: choose {} to {}",
                LOG2_EPSILON.start(),
                LOG2_EPSILON.end()
            )));
        }
        if let Some(rate) = assessed.filter(|rate| !(LEAST_ASSESSED..=1.0).contains(rate)) {
            return Err(wrong(format!(
                "{rate} bits of min-entropy per output bit are not possible: {LEAST_ASSESSED} to 1"
            )));
        }
        if seed.bytes().len() < needed {
            return Err(wrong(format!(
                "products of {input_bits} bits take a seed of {needed} bytes, and {} has {}",
                seed.origin(),
                seed.bytes().len()
            )));
        }
        Ok(Self { input_bits, log2_epsilon, assessed, seed })
    }

    /// Bytes of a seed that is long enough for products of `input_bits` bits of any device: 2n bits, of which
    /// n + m − 1 are used.
    ///
    /// # Errors
    /// `InvalidInput` when `input_bits` is not 4096 to 2^24.
    pub fn seed_bytes_for(input_bits: usize) -> Result<usize> {
        if INPUT_BITS.contains(&input_bits) {
            return Ok(input_bits.div_ceil(4));
        }
        Err(wrong(format!(
            "products of {input_bits} bits are not possible: choose {} to {}",
            INPUT_BITS.start(),
            INPUT_BITS.end()
        )))
    }

    /// The most bits that go into one product.
    pub fn input_bits(&self) -> usize {
        self.input_bits
    }

    /// e of ε = 2^-e, how far one product may be from uniform in statistical distance.
    pub fn log2_epsilon(&self) -> u32 {
        self.log2_epsilon
    }

    /// The seed.
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// Bits of min-entropy that a bit of output is credited with: at most 0.999.
    pub fn credit_per_bit(&self) -> f64 {
        self.assessed.unwrap_or(1.0).min(NOT_VETTED_MOST)
    }
}

/// An extractor whose products are cut into blocks.
pub(super) struct Extracting {
    extractor: Extractor,
    blocks_per_round: usize,
    block_entropy: f64,
}

impl Extracting {
    /// For samples that are credited with `credit` each.
    ///
    /// # Errors
    /// `InvalidInput` when the input holds too little min-entropy for one block.
    pub(super) fn new(credit: MinEntropy, settings: &Extraction) -> Result<Self> {
        let samples = settings.input_bits / usize::from(credit.sample_bits());
        let inputs = samples * usize::from(credit.sample_bits());
        let outputs =
            Extractor::sizes(credit, samples, settings.log2_epsilon).map_or(0, |(_, outputs)| outputs);
        let blocks_per_round = outputs / BLOCK_BITS as usize;
        if blocks_per_round == 0 {
            return Err(wrong(format!(
                "{} input bits of this device hold {:.0} bits of min-entropy; {BLOCK_BITS} that are 2^-{}-close to uniform \
                 take {}: set a larger input",
                inputs,
                samples as f64 * credit.per_sample(),
                settings.log2_epsilon,
                BLOCK_BITS + 2 * settings.log2_epsilon,
            )));
        }
        let outputs = blocks_per_round * BLOCK_BITS as usize;
        let seed = settings.seed.bytes().get(..seed_bytes(inputs, outputs)).unwrap_or_default();
        let extractor = Extractor::of_size(credit, samples, outputs, settings.log2_epsilon, seed)?;
        let round_entropy = extractor.block_entropy(settings.assessed.unwrap_or(1.0))?;
        Ok(Self { extractor, blocks_per_round, block_entropy: round_entropy / blocks_per_round as f64 })
    }

    /// Samples of one product.
    pub(super) fn samples_per_round(&self) -> usize {
        self.extractor.samples_per_block()
    }

    /// Blocks of one product.
    pub(super) fn blocks_per_round(&self) -> usize {
        self.blocks_per_round
    }

    /// Min-entropy that one block is credited with.
    pub(super) fn block_entropy(&self) -> f64 {
        self.block_entropy
    }

    /// Samples of the product that is not complete.
    pub(super) fn pending(&self) -> usize {
        self.extractor.pending()
    }

    /// Takes in `samples` and hands the blocks of every product to `emit`.
    pub(super) fn absorb(&mut self, samples: &[u8], mut emit: impl FnMut(&[u8; BLOCK_BYTES])) -> Result<()> {
        self.extractor.absorb(samples, |product| product.as_chunks().0.iter().for_each(&mut emit))
    }

    /// Forgets the samples of the product that is not complete.
    pub(super) fn clear(&mut self) {
        self.extractor.clear();
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn seed(bytes: usize) -> Seed {
        let blocks = (0u32..).flat_map(|at| Sha256::digest(at.to_be_bytes()));
        Seed::new(&blocks.take(bytes).collect::<Vec<u8>>(), "test").unwrap()
    }

    #[test]
    fn wrong_settings_are_refused_in_one_sentence() {
        for (input_bits, log2_epsilon, assessed, seed_bytes, words) in [
            (4095, 64, None, 4096, "4095 bits are not possible: choose 4096 to 16777216"),
            ((1 << 24) + 1, 64, None, 4096, "not possible: choose 4096"),
            (4096, 31, None, 1024, "choose 32 to 256"),
            (4096, 257, None, 1024, "choose 32 to 256"),
            (4096, 64, Some(0.49), 1024, "0.49 bits of min-entropy per output bit"),
            (4096, 64, Some(f64::NAN), 1024, "NaN bits of min-entropy"),
            (4096, 64, None, 1023, "take a seed of 1024 bytes, and test has 1023"),
        ] {
            let refused = Extraction::new(input_bits, log2_epsilon, assessed, seed(seed_bytes)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.message().contains(words), "{refused}");
        }
        let settings = Extraction::new(4096, 64, None, seed(1024)).unwrap();
        let poor = Extracting::new(MinEntropy::new(0.7, 8).unwrap(), &settings).err().unwrap();
        assert!(poor.message().contains("hold 358 bits of min-entropy; 256"), "{poor}");
        assert!(poor.message().contains("take 384: set a larger input"), "{poor}");
        assert!(Extracting::new(MinEntropy::new(0.75, 8).unwrap(), &settings).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the device gives: the lemma holds, the seed is long enough, and the credit is that of the settings.
        #[test]
        fn every_output_is_paid_for(bits in 1u8..=8, part in 0.15f64..=1.0, size in 4096usize..20_000, rate in prop::option::of(0.5f64..=1.0)) {
            let credit = MinEntropy::new(part * f64::from(bits), bits).unwrap();
            let settings = Extraction::new(size, 64, rate, seed(size.div_ceil(4))).unwrap();
            let made = Extracting::new(credit, &settings).unwrap();
            let held = made.samples_per_round() as f64 * credit.per_sample();
            prop_assert!(made.blocks_per_round() as f64 * 256.0 <= held - 128.0);
            prop_assert!((made.blocks_per_round() + 1) as f64 * 256.0 > held - 136.0);
            prop_assert!((made.block_entropy() - 256.0 * settings.credit_per_bit()).abs() < 1e-6);
        }
    }
}
