//! Verification: a few bits of an ε-universal hash say whether two reconciled keys are equal.
//!
//! The key is hashed to 128 bits by a polynomial over GF(2^128), the result is multiplied by a second random element, and the first t bits
//! are compared. Keys of n bits that differ pass with probability at most 2^{-t} + (⌈n/128⌉ + 1)·2^{-128} over the 32 random bytes, which are
//! public and drawn after both keys are fixed (J. L. Carter, M. N. Wegman, J. Comput. Syst. Sci. 18, 143 (1979); composition of
//! universal families: D. R. Stinson, Des. Codes Cryptogr. 4, 369 (1994)). The t bits are disclosed and have to be paid for.

use qhal::{Error, ErrorKind, Result};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::Bits;
use crate::hash::{BLOCK, PolynomialHash, blocks};

/// Random bytes that choose the hash.
pub const SEED_BYTES: usize = 2 * BLOCK;

/// How many bits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    bits: u32,
}

impl Verification {
    /// As many bits as keep the probability of passing unequal keys below ε_cor: ⌈log₂(2/ε_cor)⌉, the term of the key-length formulas.
    ///
    /// # Errors
    /// `InvalidInput` unless 2^-100 ≤ ε_cor < 1: beyond that the 128 bits of the inner hash would no longer be small beside it.
    pub fn new(correctness: f64) -> Result<Self> {
        if !(correctness < 1.0 && correctness >= 2f64.powi(-100)) {
            let sentence = format!("the correctness parameter {correctness} is not between 2^-100 and 1");
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        Ok(Self { bits: (2.0 / correctness).log2().ceil() as u32 })
    }

    /// t: bits that are disclosed.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The probability, at most, that two different keys of `length` bits pass.
    pub fn failure(&self, length: usize) -> f64 {
        2f64.powi(-(self.bits as i32)) + blocks(length.div_ceil(8)) as f64 * 2f64.powi(-128)
    }

    /// The tag of `key` under the hash that `seed` chooses: t bits, then zeros.
    pub fn tag(&self, key: &Bits, seed: &[u8; SEED_BYTES]) -> [u8; BLOCK] {
        let mut halves = [[0; BLOCK]; 2];
        halves[0].copy_from_slice(&seed[..BLOCK]);
        halves[1].copy_from_slice(&seed[BLOCK..]);
        let mut hash = PolynomialHash::new(&halves[0]);
        for word in key.words() {
            hash.update(&word.to_le_bytes());
        }
        let mut inner = hash.finish();
        // The value is inner · second² + length · second, and squaring is one to one: uniform for every difference of inner values.
        let mut outer = PolynomialHash::new(&halves[1]);
        outer.update(&inner);
        inner.zeroize();
        let whole = u128::from_be_bytes(outer.finish());
        (whole & u128::MAX << (128 - self.bits)).to_be_bytes()
    }

    /// Whether two tags are equal, in constant time.
    pub fn agree(a: &[u8; BLOCK], b: &[u8; BLOCK]) -> bool {
        a.ct_eq(b).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_agree_and_others_pass_as_rarely_as_promised() {
        // A tag of few bits, so that collisions can be counted: ε_cor = 2^-5 gives 6 bits.
        let verification = Verification::new(1.0 / 32.0).unwrap();
        assert_eq!(verification.bits(), 6);
        let key = Bits::from_bools((0..1000).map(|i| i % 3 == 0));
        let mut other = key.clone();
        other.flip(999);
        let seed = |n: u32| {
            // Bytes without pattern: a multiplicative generator.
            let mut state = u64::from(n) + 1;
            std::array::from_fn(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
        };
        let runs = 64_000;
        let passed = (0..runs)
            .filter(|n| {
                let seed = seed(*n);
                assert_eq!(verification.tag(&key, &seed), verification.tag(&key.clone(), &seed));
                Verification::agree(&verification.tag(&key, &seed), &verification.tag(&other, &seed))
            })
            .count();
        // 1000 are expected, with a standard deviation of 31.
        assert!((850..1150).contains(&passed), "{passed}");
    }

    #[test]
    fn it_costs_what_the_formula_says() {
        let verification = Verification::new(1e-15).unwrap();
        assert_eq!(verification.bits(), 51);
        assert!(verification.failure(1 << 20) <= 1e-15);
        for bad in [0.0, 1.0, -1.0, f64::NAN, 1e-40] {
            assert!(Verification::new(bad).is_err());
        }
    }
}
