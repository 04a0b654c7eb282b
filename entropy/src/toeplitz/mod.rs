//! The Toeplitz extractor: a seeded, strong extractor with the accounting of the leftover hash lemma.
//!
//! A block of n input bits is multiplied over GF(2) with an m × n matrix that is constant along its diagonals, so
//! n + m − 1 seed bits describe it. Such matrices are a universal family of hash functions (Krawczyk, CRYPTO '94;
//! Mansour, Nisan, Tiwari 1993), and by the leftover hash lemma (Impagliazzo, Levin, Luby, STOC '89) the m bits are ε-close to
//! uniform, *together with the seed*, when m ≤ k − 2·log2(1/ε) for an input of k bits of min-entropy. The seed is
//! therefore reusable and need not be secret; it must be uniform, and independent of the source.
//!
//! In the terms of SP 800-90B it is a conditioning component that is not vetted: [`Extractor::block_entropy`] credits at
//! most 0.999 bits per bit.

mod clmul;
mod extractor;
mod leaf;
mod product;

pub use extractor::{Extractor, output_bits};

use qhal::{Error, ErrorKind, Result};
use zeroize::{Zeroize, Zeroizing};

use product::{Tile, WORD_BITS};

/// The most input or output bits of one block: the prepared seed then takes about 550 MiB.
pub const MOST_BITS: usize = 1 << 26;

/// A Toeplitz matrix over GF(2), ready to be multiplied with blocks of bits.
///
/// Bit i of a byte string is bit i mod 8, lowest first, of byte i / 8. With seed bits s, the matrix has the elements
/// T\[i\]\[j\] = s\[i − j + n − 1\]: its first row, read from the right, begins the seed, and its first column ends it.
pub struct Toeplitz {
    inputs: usize,
    outputs: usize,
    /// Tiles of the matrix across and down; every tile is square.
    across: usize,
    down: usize,
    /// One prepared tile for each diagonal of tiles, from the upper right corner to the lower left one.
    diagonals: Vec<Tile>,
    kernel: leaf::Kernel,
}

/// Bytes of a seed for blocks of `inputs` bits in and `outputs` bits out: n + m − 1 bits, the last byte filled up.
pub fn seed_bytes(inputs: usize, outputs: usize) -> usize {
    inputs.saturating_add(outputs).saturating_sub(1).div_ceil(8)
}

impl Toeplitz {
    /// A matrix for blocks of `inputs` bits in and `outputs` bits out, from [`seed_bytes`] bytes of `seed`; bits of
    /// the last byte beyond n + m − 1 are not used. Multiplies with PCLMULQDQ, and its vectors, where the processor has them.
    ///
    /// # Errors
    /// `InvalidInput` when a size is 0 or above [`MOST_BITS`], there would be more bits out than in, or the seed has
    /// another length.
    pub fn new(inputs: usize, outputs: usize, seed: &[u8]) -> Result<Self> {
        Self::with_kernel(inputs, outputs, seed, leaf::Kernel::best())
    }

    fn with_kernel(inputs: usize, outputs: usize, seed: &[u8], kernel: leaf::Kernel) -> Result<Self> {
        if outputs == 0 || outputs > inputs || inputs > MOST_BITS {
            return Err(wrong(format!(
                "a Toeplitz matrix of {outputs} x {inputs} bits is not possible: at least one bit out, not more than go \
                 in, and at most {MOST_BITS} in"
            )));
        }
        let wanted = seed_bytes(inputs, outputs);
        if seed.len() != wanted {
            return Err(wrong(format!(
                "{outputs} x {inputs} bits need a seed of {wanted} bytes, not of {}",
                seed.len()
            )));
        }
        let side = product::side(outputs);
        let across = inputs.div_ceil(side * WORD_BITS);
        let down = outputs.div_ceil(side * WORD_BITS);
        // With the input filled up by zeros to whole tiles, the seed begins that many bits later; one bit more, and
        // every tile reads whole words (see `product`).
        let shift = across * side * WORD_BITS - inputs + 1;
        let mut words = vec![0; (across + down) * side];
        for bit in (0..inputs + outputs - 1).filter(|bit| bit_of(seed, *bit)) {
            let at = bit + shift;
            if let Some(word) = words.get_mut(at / WORD_BITS) {
                *word |= 1 << (at % WORD_BITS);
            }
        }
        let diagonals = words.windows(2 * side).step_by(side).map(Tile::prepare).collect();
        Ok(Self { inputs, outputs, across, down, diagonals, kernel })
    }

    /// Bits of one input block, n.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bits of one output block, m.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies one block: n bits of `input` to m bits of `out`; unused bits of the last byte of `out` are zeros.
    ///
    /// The time it takes depends on the sizes alone, not on the bits.
    ///
    /// # Errors
    /// `InvalidInput` when a slice does not have exactly the bytes for its bits, or a bit of `input` beyond n is
    /// set; `out` is all zeros then.
    pub fn extract(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (inputs, outputs) = (self.inputs.div_ceil(8), self.outputs.div_ceil(8));
        let spare =
            input.last().is_some_and(|last| !self.inputs.is_multiple_of(8) && last >> (self.inputs % 8) != 0);
        if input.len() != inputs || out.len() != outputs || spare {
            let message = format!(
                "a block of {} bits in and {} out takes {inputs} and {outputs} bytes, unused bits zero; it was given {} \
                 and {}",
                self.inputs,
                self.outputs,
                input.len(),
                out.len()
            );
            out.zeroize();
            return Err(wrong(message));
        }
        let side = product::side(self.outputs);
        let mut x = Zeroizing::new(vec![0; self.across * side]);
        let mut y = Zeroizing::new(vec![0; self.down * side]);
        let mut scratch = Zeroizing::new(vec![0; 2 * side]);
        for (word, bytes) in x.iter_mut().zip(input.chunks(8)) {
            *word = little_endian(bytes);
        }
        for (row, y) in y.chunks_exact_mut(side).enumerate() {
            // Along a row of tiles, from left to right, the diagonals come in falling order.
            let diagonals = self.diagonals.iter().take(self.across + row).rev();
            for (tile, x) in diagonals.zip(x.chunks_exact(side)) {
                tile.multiply(self.kernel, x, y, &mut scratch);
            }
        }
        for (bytes, word) in out.chunks_mut(8).zip(y.iter()) {
            bytes.iter_mut().zip(word.to_le_bytes()).for_each(|(byte, value)| *byte = value);
        }
        if let Some(last) = out.last_mut().filter(|_| !self.outputs.is_multiple_of(8)) {
            *last &= (1 << (self.outputs % 8)) - 1;
        }
        Ok(())
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn bit_of(bytes: &[u8], bit: usize) -> bool {
    bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// Up to eight bytes as a word, lowest first.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaf::Kernel;
    use proptest::prelude::*;

    /// The definition, bit by bit.
    fn naive(inputs: usize, outputs: usize, seed: &[u8], input: &[u8]) -> Vec<u8> {
        let mut out = vec![0; outputs.div_ceil(8)];
        for i in 0..outputs {
            let sum = (0..inputs).filter(|&j| bit_of(input, j) && bit_of(seed, i + inputs - 1 - j)).count();
            out[i / 8] |= ((sum % 2) as u8) << (i % 8);
        }
        out
    }

    fn cut(mut bytes: Vec<u8>, bits: usize) -> Vec<u8> {
        if !bits.is_multiple_of(8) {
            *bytes.last_mut().unwrap() &= (1 << (bits % 8)) - 1;
        }
        bytes
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (inputs, outputs, seed) in
            [(0, 0, 0), (8, 0, 1), (8, 9, 2), (8, 8, 1), (8, 8, 3), (MOST_BITS + 1, 8, 1 << 23)]
        {
            let refused = Toeplitz::new(inputs, outputs, &vec![1; seed]).err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{inputs} {outputs} {seed}");
        }
        let matrix = Toeplitz::new(12, 9, &[0xFF; 3]).unwrap();
        for (input, size) in [(&[0xFF, 0x0F][..], 1), (&[0xFF], 2), (&[0xFF, 0x1F], 2), (&[1, 2, 3], 2)] {
            let mut out = vec![0xEE; size];
            assert_eq!(matrix.extract(input, &mut out).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert!(out.iter().all(|&byte| byte == 0));
        }
        let mut out = [0xEE; 2];
        matrix.extract(&[0xFF, 0x0F], &mut out).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// Sizes around one and several tiles, every kernel, against the definition.
        #[test]
        fn it_is_the_product_of_the_definition(
            inputs in 1usize..3000, part in 0.0f64..=1.0, bytes in prop::collection::vec(any::<u8>(), 1200)
        ) {
            let outputs = ((inputs as f64 * part) as usize).clamp(1, inputs);
            let seed = &bytes[..seed_bytes(inputs, outputs)];
            let input = cut(bytes[bytes.len() - inputs.div_ceil(8)..].to_vec(), inputs);
            let expected = naive(inputs, outputs, seed, &input);
            for kernel in Kernel::all() {
                let mut out = vec![0; outputs.div_ceil(8)];
                Toeplitz::with_kernel(inputs, outputs, seed, kernel).unwrap().extract(&input, &mut out).unwrap();
                prop_assert_eq!(&out, &expected);
            }
        }

        /// Several of the largest tiles across and down: rows of a Toeplitz matrix are one again, with a later part of the seed.
        #[test]
        fn it_is_made_of_its_rows(bytes in prop::collection::vec(any::<u8>(), 2000)) {
            const N: usize = 150_000;
            const ROWS: usize = 8192;
            let all: Vec<u8> = (0..60_000).map(|at| bytes[at * 7 % 2000] ^ bytes[at * at / 64 % 1999]).collect();
            let (outputs, input) = (17 * ROWS, &all[40_000..40_000 + N / 8]);
            let mut out = vec![0; outputs / 8];
            Toeplitz::new(N, outputs, &all[..seed_bytes(N, outputs)]).unwrap().extract(input, &mut out).unwrap();
            for (at, out) in out.chunks(ROWS / 8).enumerate() {
                let seed = &all[at * ROWS / 8..][..seed_bytes(N, ROWS)];
                let mut rows = vec![0; ROWS / 8];
                Toeplitz::new(N, ROWS, seed).unwrap().extract(input, &mut rows).unwrap();
                prop_assert_eq!(out, &rows);
            }
        }

        /// It is linear: what makes it a universal hash.
        #[test]
        fn it_is_linear(a in prop::collection::vec(any::<u8>(), 2500), b in prop::collection::vec(any::<u8>(), 2500)) {
            let matrix = Toeplitz::new(20_000, 9000, &a[..0].iter().chain(&b).chain(&a).take(3625).copied().collect::<Vec<_>>()).unwrap();
            let product = |x: &[u8]| {
                let mut out = vec![0; 1125];
                matrix.extract(x, &mut out).unwrap();
                out
            };
            let sum: Vec<u8> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
            let both: Vec<u8> = product(&a).iter().zip(product(&b)).map(|(a, b)| a ^ b).collect();
            prop_assert_eq!(product(&sum), both);
        }
    }
}
