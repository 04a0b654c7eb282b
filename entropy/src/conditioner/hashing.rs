//! SHA-256 as a conditioning component: samples that hold 320 bits of min-entropy in, 256 bits of full entropy out.

use qhal::{Error, ErrorKind, MinEntropy, Result};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{BLOCK_BITS, BLOCK_BYTES, FULL_ENTROPY_MARGIN_BITS, output_entropy};

/// The most samples for one block; a source that needs more gives too little to be worth reading.
const MOST_SAMPLES_PER_BLOCK: f64 = (1 << 24) as f64;

/// SHA-256 over as many samples as hold 320 bits of min-entropy: a vetted component (an approved hash function,
/// SP 800-90B §3.1.5.1.1) whose 256-bit output has full entropy.
pub(super) struct Hashing {
    hash: Sha256,
    samples_per_block: usize,
    pending: usize,
    entropy_out: f64,
}

impl Hashing {
    /// A component for samples that are credited with `credit` each: the claim or a lower assessed figure.
    ///
    /// # Errors
    /// `InvalidInput` when one block would take more than 2^24 samples.
    pub(super) fn new(credit: MinEntropy) -> Result<Self> {
        let samples = (f64::from(BLOCK_BITS + FULL_ENTROPY_MARGIN_BITS) / credit.per_sample()).ceil();
        if samples > MOST_SAMPLES_PER_BLOCK {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{} bits of min-entropy per sample are too few to condition: {BLOCK_BITS} bits would take more \
                     than {MOST_SAMPLES_PER_BLOCK} samples",
                    credit.per_sample()
                ),
            ));
        }
        let bits_in = samples * f64::from(credit.sample_bits());
        let entropy_in = (samples * credit.per_sample()).min(bits_in);
        let entropy_out = output_entropy(bits_in as u32, BLOCK_BITS, BLOCK_BITS, entropy_in)?;
        Ok(Self { hash: Sha256::new(), samples_per_block: samples as usize, pending: 0, entropy_out })
    }

    /// Samples that go into one block.
    pub(super) fn samples_per_block(&self) -> usize {
        self.samples_per_block
    }

    /// Min-entropy of one block of 256 bits by [`output_entropy`]; it differs from 256 by less than 2^-24.
    pub(super) fn block_entropy(&self) -> f64 {
        self.entropy_out
    }

    /// Samples of the block that is not complete.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Takes in `samples` and hands every block that becomes complete to `emit`.
    pub(super) fn absorb(&mut self, samples: &[u8], mut emit: impl FnMut(&[u8; BLOCK_BYTES])) {
        let mut rest = samples;
        while !rest.is_empty() {
            let missing = self.samples_per_block - self.pending;
            let (now, later) = rest.split_at(missing.min(rest.len()));
            self.hash.update(now);
            self.pending += now.len();
            if self.pending == self.samples_per_block {
                self.pending = 0;
                let mut block = Zeroizing::new([0; BLOCK_BYTES]);
                self.hash.finalize_into_reset((&mut *block).into());
                emit(&block);
            }
            rest = later;
        }
    }

    /// Forgets the samples of the block that is not complete.
    pub(super) fn clear(&mut self) {
        self.hash = Sha256::new();
        self.pending = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zeroize::ZeroizeOnDrop;

    #[test]
    fn samples_per_block_hold_320_bits() {
        for (h, bits, samples) in [(8.0, 8, 40), (7.0, 8, 46), (1.0, 8, 320), (0.5, 1, 640), (0.1, 1, 3200)] {
            let conditioner = Hashing::new(MinEntropy::new(h, bits).unwrap()).unwrap();
            assert_eq!(conditioner.samples_per_block(), samples, "{h} in {bits}");
        }
        let hopeless = MinEntropy::new(1e-9, 8).unwrap();
        assert_eq!(Hashing::new(hopeless).err().unwrap().kind(), ErrorKind::InvalidInput);
    }

    /// FIPS 180-4's published example: the one-block message "abc" and the 448-bit message.
    #[test]
    fn a_block_is_the_sha_256_of_its_samples() {
        let message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let mut conditioner = Hashing::new(MinEntropy::new(320.0 / 56.0, 8).unwrap()).unwrap();
        assert_eq!(conditioner.samples_per_block(), message.len());
        let mut blocks = Vec::new();
        for part in message.chunks(5).chain(message.chunks(56)) {
            conditioner.absorb(part, |block| blocks.push(*block));
        }
        let expected: Vec<u8> = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(blocks, [expected.clone(), expected].map(|block| <[u8; 32]>::try_from(block).unwrap()));
    }

    #[test]
    fn the_hash_state_wipes_itself() {
        fn wipes<T: ZeroizeOnDrop>(_: &T) {}
        wipes(&Hashing::new(MinEntropy::new(8.0, 8).unwrap()).unwrap().hash);
    }

    proptest! {
        /// SP 800-90C: an output has full entropy when every bit of it holds at least 1 − 2^-32 bits.
        #[test]
        fn every_block_has_full_entropy(bits in 1u8..=8, part in 0.01f64..=1.0) {
            let credit = MinEntropy::new(part * f64::from(bits), bits).unwrap();
            let conditioner = Hashing::new(credit).unwrap();
            prop_assert!(conditioner.samples_per_block() as f64 * credit.per_sample() >= 320.0 * (1.0 - 1e-12));
            prop_assert!(conditioner.block_entropy() >= 256.0 * (1.0 - (-32f64).exp2()));
            prop_assert!(conditioner.block_entropy() <= 256.0);
        }

        #[test]
        fn blocks_do_not_depend_on_how_samples_arrive(samples in prop::collection::vec(any::<u8>(), 0..400), cut in 1usize..90) {
            let credit = MinEntropy::new(8.0, 8).unwrap();
            let mut whole = Vec::new();
            Hashing::new(credit).unwrap().absorb(&samples, |block| whole.push(*block));
            let mut parts = Vec::new();
            let mut conditioner = Hashing::new(credit).unwrap();
            for part in samples.chunks(cut) {
                conditioner.absorb(part, |block| parts.push(*block));
            }
            prop_assert_eq!(whole.len(), samples.len() / 40);
            prop_assert_eq!(whole, parts);
        }
    }
}
