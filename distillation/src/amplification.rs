//! Privacy amplification: a random Toeplitz matrix over GF(2), exactly, for blocks of up to billions of bits.
//!
//! Output bit i is ⊕_j t_{i-j+n-1} x_j for n input bits x and a seed t of n + m - 1 bits. Toeplitz matrices are a 2-universal family, so
//! by the leftover hash lemma the output is ½·2^{-(H_min - m)/2}-close to uniform and unknown: M. Tomamichel, C. Schaffner, A. Smith,
//! R. Renner, IEEE Trans. Inf. Theory 57, 5524 (2011). The seed is drawn after the input is fixed, and may be public.
//!
//! The output is the middle of the product of two polynomials: x and t are cut into digits of 32 bits, and the middle of the product of
//! digits is found as the transpose of a multiplication by an additive Fourier transform over GF(2^64), where products of digits
//! (degree 62 at most) are never reduced. The input is taken block by block, so memory is bounded by the output's length.

use qhal::{Error, ErrorKind, Result};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::Bits;
use crate::carryless::{LEAST_LENGTH, Twiddles, kernels};

/// Bits in a digit.
const DIGIT: usize = 32;

/// The longest input, in bits: positions and lengths stay far from overflowing, also where `usize` has 32 bits.
pub const MOST_INPUT_BITS: usize = 1 << 30;

/// A Toeplitz matrix of given shape; the seed that fills it comes with each use.
///
/// ```
/// # use qhal_distillation::{Bits, amplification::Toeplitz};
/// let shape = Toeplitz::new(8, 4)?;
/// let input = Bits::from_bytes(&[0b1011_0010], 8)?;
/// let seed = Bits::from_bytes(&[0xd3, 0xa0], shape.seed_bits())?;
/// assert_eq!(shape.amplify(&input, &seed)?.to_bytes(), [0b0011_0000]);
/// # Ok::<(), qhal::Error>(())
/// ```
pub struct Toeplitz {
    input: usize,
    output: usize,
    plan: Plan,
    twiddles: Twiddles,
}

/// What the instructions that do the arithmetic are called: they are chosen by what the processor has.
pub fn instruction_set() -> &'static str {
    kernels().name
}

/// How the input is cut up.
struct Plan {
    /// Elements of a transform.
    length: usize,
    /// Digits of the input in a block.
    block: usize,
    /// Blocks.
    blocks: usize,
}

impl Plan {
    /// The transform length that costs least.
    fn new(input: usize, output: usize) -> Self {
        let (digits, results) = (input.div_ceil(DIGIT), output.div_ceil(DIGIT) + 1);
        let least = (results + 1).next_power_of_two().max(LEAST_LENGTH);
        let plans = (0..4).map(|double| {
            let length = least << double;
            let block = (length - results + 1).min(digits);
            Self { length, block, blocks: digits.div_ceil(block) }
        });
        let cost = |plan: &Self| (2 * plan.blocks + 1) * plan.length * plan.length.ilog2() as usize;
        plans.min_by_key(cost).unwrap_or(Self { length: least, block: 1, blocks: digits })
    }
}

impl Toeplitz {
    /// A matrix that makes `output` bits of `input` bits.
    ///
    /// # Errors
    /// `InvalidInput` unless 1 ≤ output ≤ input ≤ [`MOST_INPUT_BITS`].
    pub fn new(input: usize, output: usize) -> Result<Self> {
        if output == 0 || output > input || input > MOST_INPUT_BITS {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "no Toeplitz matrix makes {output} bits of {input} (1 to {MOST_INPUT_BITS}, and no more out than in)"
                ),
            ));
        }
        let plan = Plan::new(input, output);
        let twiddles = Twiddles::new(plan.length);
        Ok(Self { input, output, plan, twiddles })
    }

    /// Bits that go in.
    pub fn input_bits(&self) -> usize {
        self.input
    }

    /// Bits that come out.
    pub fn output_bits(&self) -> usize {
        self.output
    }

    /// Bits of the seed: n + m - 1.
    pub fn seed_bits(&self) -> usize {
        self.input + self.output - 1
    }

    /// The product of the matrix that `seed` fills and `input`; blocks are spread over rayon's threads.
    ///
    /// # Errors
    /// `InvalidInput` when a length is not that of the shape.
    pub fn amplify(&self, input: &Bits, seed: &Bits) -> Result<Bits> {
        for (what, have, need) in [("input", input.len(), self.input), ("seed", seed.len(), self.seed_bits())]
        {
            if have != need {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("the {what} of this Toeplitz matrix has {need} bits, not {have}"),
                ));
            }
        }
        let kernels = kernels();
        let length = self.plan.length;
        let fresh = || Zeroizing::new(vec![0u64; length]);
        let sum = (0..self.plan.blocks)
            .into_par_iter()
            .fold(
                || (fresh(), fresh(), fresh()),
                |(mut sum, mut digits, mut window), block| {
                    self.input_digits(input, block, &mut digits);
                    self.seed_digits(seed, block, &mut window);
                    kernels.forward(&mut digits, &self.twiddles);
                    kernels.transposed_inverse(&mut window, &self.twiddles);
                    kernels.add_products(&mut sum, &digits, &window);
                    (sum, digits, window)
                },
            )
            .map(|(sum, _, _)| sum)
            .reduce_with(|mut sum, other| {
                sum.iter_mut().zip(other.iter()).for_each(|(sum, other)| *sum ^= other);
                sum
            });
        let mut sum = sum.unwrap_or_else(fresh);
        kernels.transposed(&mut sum, &self.twiddles);
        // Digit i of the product is the low half of sum i + 1 and the high half of sum i.
        let digit = |i: usize| u64::from((sum[i + 1] ^ sum[i] >> DIGIT) as u32);
        let digits = self.output.div_ceil(DIGIT);
        let words = (0..digits)
            .step_by(2)
            .map(|i| digit(i) | if i + 1 < digits { digit(i + 1) << DIGIT } else { 0 })
            .collect();
        Ok(Bits::from_words(words, self.output))
    }

    /// The digits of one block of the input, last first, then zeros.
    fn input_digits(&self, input: &Bits, block: usize, to: &mut [u64]) {
        let first = block * self.plan.block;
        let words = input.words();
        for (u, to) in to.iter_mut().enumerate() {
            *to = match self.plan.block.checked_sub(u + 1) {
                Some(back) => {
                    let at = first + back;
                    words.get(at / 2).map_or(0, |word| word >> (DIGIT * (at & 1)) & u64::from(u32::MAX))
                }
                None => 0,
            };
        }
    }

    /// The digits of the seed that meet one block of the input: those that end up in the middle of the product.
    fn seed_digits(&self, seed: &Bits, block: usize, to: &mut [u64]) {
        // Moved up so that the first bit wanted, number n - 1, begins a digit.
        let shift = (DIGIT - (self.input - 1) % DIGIT) % DIGIT;
        let wanted = (self.input - 1 + shift) / DIGIT;
        // One digit below is wanted too, for what its products carry over.
        let base = wanted as isize - 1 - (block * self.plan.block) as isize - (self.plan.block as isize - 1);
        let used = self.plan.block + self.output.div_ceil(DIGIT);
        let words = seed.words();
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        for (v, to) in to.iter_mut().enumerate() {
            let Ok(at) = usize::try_from(base + v as isize) else {
                *to = 0;
                continue;
            };
            *to = match (v < used, (at * DIGIT).checked_sub(shift)) {
                (false, _) => 0,
                // The lowest digit has zeros below the seed.
                (true, None) => word(0) << shift & u64::from(u32::MAX),
                (true, Some(bit)) => {
                    let (first, offset) = (bit / 64, bit % 64);
                    let low = word(first) >> offset;
                    let high = if offset == 0 { 0 } else { word(first + 1) << (64 - offset) };
                    (low | high) & u64::from(u32::MAX)
                }
            };
        }
    }
}
