//! Raw samples in, extracted bits out, block by block, with the leftover hash lemma deciding how many.

use qhal::{Error, ErrorKind, MinEntropy, Result};
use zeroize::{Zeroize, Zeroizing};

use super::{Toeplitz, seed_bytes};
use crate::conditioner::output_entropy_not_vetted;

/// Bits that can be extracted from `min_entropy` bits of min-entropy so that they are 2^-`log2_epsilon`-close to
/// uniform: ⌊k − 2·log2(1/ε)⌋ (leftover hash lemma), 0 when there are none.
pub fn output_bits(min_entropy: f64, log2_epsilon: u32) -> usize {
    let bits = (min_entropy - 2.0 * f64::from(log2_epsilon)).floor();
    // A NaN or a negative figure gives 0: `as` saturates.
    bits as usize
}

/// A [`Toeplitz`] matrix over blocks of samples.
///
/// The low bits of the samples are packed without gaps; a block is as many samples as were asked for, and gives whole
/// bytes.
pub struct Extractor {
    matrix: Toeplitz,
    sample_bits: u8,
    samples_per_block: usize,
    entropy_in: f64,
    log2_epsilon: u32,
    block: Zeroizing<Vec<u8>>,
    pending: usize,
    out: Zeroizing<Vec<u8>>,
}

impl Extractor {
    /// The bits in and out of a block of `samples` samples that are credited with `credit` each, when the output is to be
    /// 2^-`log2_epsilon`-close to uniform. The output is rounded down to whole bytes. What [`seed_bytes`] wants.
    ///
    /// # Errors
    /// `InvalidInput` when less than one byte would come out.
    pub fn sizes(credit: MinEntropy, samples: usize, log2_epsilon: u32) -> Result<(usize, usize)> {
        let entropy = samples as f64 * credit.per_sample();
        let inputs = samples.saturating_mul(usize::from(credit.sample_bits()));
        let outputs = output_bits(entropy, log2_epsilon).min(inputs) / 8 * 8;
        if outputs == 0 {
            let message = format!(
                "{samples} samples hold {entropy:.1} bits of min-entropy, and an output that is 2^-{log2_epsilon}-close to \
                 uniform costs {} of them: nothing is left; take larger blocks",
                2 * u64::from(log2_epsilon)
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok((inputs, outputs))
    }

    /// An extractor for blocks of `samples` samples, from a uniform seed that is independent of the source: the bytes
    /// that [`seed_bytes`] wants for the sizes that [`sizes`](Self::sizes) gives.
    ///
    /// # Errors
    /// Those of [`sizes`](Self::sizes) and [`Toeplitz::new`].
    pub fn new(credit: MinEntropy, samples: usize, log2_epsilon: u32, seed: &[u8]) -> Result<Self> {
        let (_, outputs) = Self::sizes(credit, samples, log2_epsilon)?;
        Self::of_size(credit, samples, outputs, log2_epsilon, seed)
    }

    /// As [`new`](Self::new), with `outputs` bits out: whole bytes, and not more than [`sizes`](Self::sizes) allows.
    pub(crate) fn of_size(
        credit: MinEntropy,
        samples: usize,
        outputs: usize,
        log2_epsilon: u32,
        seed: &[u8],
    ) -> Result<Self> {
        let inputs = samples.saturating_mul(usize::from(credit.sample_bits()));
        Ok(Self {
            matrix: Toeplitz::new(inputs, outputs, seed)?,
            sample_bits: credit.sample_bits(),
            samples_per_block: samples,
            entropy_in: samples as f64 * credit.per_sample(),
            log2_epsilon,
            block: Zeroizing::new(vec![0; inputs.div_ceil(8)]),
            pending: 0,
            out: Zeroizing::new(vec![0; outputs / 8]),
        })
    }

    /// Bytes of seed that this extractor was made from.
    pub fn seed_bytes(&self) -> usize {
        seed_bytes(self.matrix.inputs(), self.matrix.outputs())
    }

    /// Samples of the block that is not complete.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Samples that go into one block.
    pub fn samples_per_block(&self) -> usize {
        self.samples_per_block
    }

    /// Bytes that come out of one block.
    pub fn bytes_per_block(&self) -> usize {
        self.out.len()
    }

    /// How far a block may be from uniform: ε = 2^-`log2_epsilon`, in statistical distance.
    pub fn log2_epsilon(&self) -> u32 {
        self.log2_epsilon
    }

    /// Min-entropy that SP 800-90B credits one block with: it is not a vetted component, so at most 0.999 bits per bit
    /// and at most `rate`, the bits per bit that an assessment of the output found.
    ///
    /// # Errors
    /// `InvalidInput` when `rate` is not above 0 and at most 1, or a block has 2^32 bits.
    pub fn block_entropy(&self, rate: f64) -> Result<f64> {
        let bits = |bits: usize| {
            u32::try_from(bits).map_err(|_| {
                Error::new(ErrorKind::InvalidInput, format!("a block of {bits} bits is too long"))
            })
        };
        let (n_in, n_out) = (bits(self.matrix.inputs())?, bits(self.matrix.outputs())?);
        output_entropy_not_vetted(n_in, n_out, n_out, self.entropy_in.min(f64::from(n_in)), rate)
    }

    /// Takes in `samples` and hands every block that becomes complete to `emit`.
    ///
    /// # Errors
    /// Those of [`Toeplitz::extract`], which cannot happen for the sizes that were checked when it was made.
    pub fn absorb(&mut self, samples: &[u8], mut emit: impl FnMut(&[u8])) -> Result<()> {
        let mut rest = samples;
        while !rest.is_empty() {
            let missing = self.samples_per_block - self.pending;
            let (now, later) = rest.split_at(missing.min(rest.len()));
            self.pack(now);
            if self.pending == self.samples_per_block {
                self.matrix.extract(&self.block, &mut self.out)?;
                self.clear();
                emit(&self.out);
                self.out.as_mut_slice().zeroize();
            }
            rest = later;
        }
        Ok(())
    }

    /// Forgets the samples of the block that is not complete.
    pub fn clear(&mut self) {
        self.block.as_mut_slice().zeroize();
        self.pending = 0;
    }

    /// Puts the low bits of `samples` behind those that are there.
    fn pack(&mut self, samples: &[u8]) {
        let width = usize::from(self.sample_bits);
        if width == 8 {
            for (byte, sample) in self.block.iter_mut().skip(self.pending).zip(samples) {
                *byte = *sample;
            }
        } else {
            for (at, sample) in (self.pending..).zip(samples) {
                let bits = u16::from(*sample) & ((1 << width) - 1);
                let [low, high] = (bits << (at * width % 8)).to_le_bytes();
                for (byte, part) in self.block.iter_mut().skip(at * width / 8).zip([low, high]) {
                    *byte |= part;
                }
            }
        }
        self.pending += samples.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_leftover_hash_lemma_counts() {
        for (entropy, log2_epsilon, bits) in [
            (1000.0, 64, 872),
            (1000.9, 64, 872),
            (128.0, 64, 0),
            (10.0, 64, 0),
            (256.0, 0, 256),
            (f64::NAN, 1, 0),
        ] {
            assert_eq!(output_bits(entropy, log2_epsilon), bits, "{entropy} {log2_epsilon}");
        }
        let credit = MinEntropy::new(6.5, 8).unwrap();
        assert_eq!(Extractor::sizes(credit, 2048, 64).unwrap(), (16_384, 13_184));
        assert_eq!(Extractor::sizes(credit, 20, 64).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Extractor::sizes(credit, 0, 0).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_block_is_credited_as_a_component_that_is_not_vetted() {
        let credit = MinEntropy::new(6.5, 8).unwrap();
        let extractor = Extractor::new(credit, 2048, 64, &vec![0x5A; seed_bytes(16_384, 13_184)]).unwrap();
        assert_eq!((extractor.bytes_per_block(), extractor.log2_epsilon()), (1648, 64));
        assert!((extractor.block_entropy(1.0).unwrap() - 0.999 * 13_184.0).abs() < 1e-6);
        assert!((extractor.block_entropy(0.5).unwrap() - 6592.0).abs() < 1e-6);
        assert_eq!(extractor.block_entropy(0.0).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// However samples arrive, and however wide they are, a block is the matrix times their bits in order.
        #[test]
        fn blocks_are_products_of_packed_bits(
            width in 1u8..=8, samples in prop::collection::vec(any::<u8>(), 0..700), cut in 1usize..90
        ) {
            let credit = MinEntropy::new(f64::from(width), width).unwrap();
            let (inputs, outputs) = Extractor::sizes(credit, 100, 8).unwrap();
            let seed: Vec<u8> = (0..seed_bytes(inputs, outputs)).map(|at| (at * 37 % 251) as u8).collect();
            let mut extractor = Extractor::new(credit, 100, 8, &seed).unwrap();
            let mut blocks = Vec::new();
            for part in samples.chunks(cut) {
                extractor.absorb(part, |block| blocks.push(block.to_vec())).unwrap();
            }
            prop_assert_eq!(blocks.len(), samples.len() / 100);
            let matrix = Toeplitz::new(inputs, outputs, &seed).unwrap();
            for (block, samples) in blocks.iter().zip(samples.chunks_exact(100)) {
                let bits = samples.iter().flat_map(|sample| (0..width).map(move |bit| sample >> bit & 1));
                let mut packed = vec![0u8; inputs.div_ceil(8)];
                bits.enumerate().for_each(|(at, bit)| packed[at / 8] |= bit << (at % 8));
                let mut out = vec![0; outputs / 8];
                matrix.extract(&packed, &mut out).unwrap();
                prop_assert_eq!(block, &out);
            }
        }
    }
}
