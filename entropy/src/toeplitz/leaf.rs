//! The smallest Toeplitz product, word by word: with the processor's carry-less multiplication, or without.

use super::clmul::{Clmul, Wide};

/// Words of a side of the smallest product.
pub(super) const LEAF: usize = 8;

/// What multiplies words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    /// The PCLMULQDQ instruction on vectors of eight words.
    Wide(Wide),
    /// The PCLMULQDQ instruction.
    Clmul(Clmul),
    /// Ordinary integer multiplication, in constant time.
    Portable,
}

impl Kernel {
    /// Those that this processor has, fastest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let (wide, clmul) = (Wide::detect().map(Self::Wide), Clmul::detect().map(Self::Clmul));
        wide.into_iter().chain(clmul).chain([Self::Portable])
    }

    /// The fastest that this processor has.
    pub(super) fn best() -> Self {
        Self::all().next().unwrap_or(Self::Portable)
    }

    /// Adds words `LEAF` to `2·LEAF − 1` of the carry-less product of `v` and `x` to `y`.
    pub(super) fn multiply(self, v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
        match self {
            Self::Wide(wide) => wide.multiply(v, x, y),
            Self::Clmul(clmul) => clmul.multiply(v, x, y),
            Self::Portable => portable(v, x, y),
        }
    }
}

fn portable(v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
    for (b, x) in x.iter().enumerate() {
        // v[k]·x[b] stands at word k + b: its low half falls on y[k + b − LEAF], its high half one word on.
        for (at, v) in v.iter().skip(LEAF - 1 - b).take(LEAF + 1).enumerate() {
            let product = carryless(*v, *x);
            if let Some(y) = at.checked_sub(1).and_then(|at| y.get_mut(at)) {
                *y ^= product as u64;
            }
            if let Some(y) = y.get_mut(at) {
                *y ^= (product >> 64) as u64;
            }
        }
    }
}

/// The product of two polynomials over GF(2) of degree below 64.
///
/// Each factor is cut into five with every fifth bit, so that at most 13 ones are added at any place of an integer
/// product: the four bits between two places of one cut hold the carry, and the lowest bit is the sum modulo 2.
fn carryless(a: u64, b: u64) -> u128 {
    const EVERY_FIFTH: u128 = every_fifth();
    let mut product = 0;
    for i in 0..5 {
        let a = u128::from(a & (EVERY_FIFTH << i) as u64);
        for j in 0..5 {
            let b = u128::from(b & (EVERY_FIFTH << j) as u64);
            product ^= a.wrapping_mul(b) & (EVERY_FIFTH << (i + j));
        }
    }
    product
}

/// Bits 0, 5, … 125.
const fn every_fifth() -> u128 {
    let (mut bits, mut at) = (0, 0);
    while at < u128::BITS {
        bits |= 1 << at;
        at += 5;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit_by_bit(a: u64, b: u64) -> u128 {
        (0..64).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ u128::from(a) << bit)
    }

    /// (1 + z + … + z^63)² = 1 + z² + … + z^126: squaring over GF(2) spreads the bits.
    #[test]
    fn squares_spread_their_bits() {
        assert_eq!(carryless(u64::MAX, u64::MAX), 0x5555_5555_5555_5555_5555_5555_5555_5555);
        assert_eq!(carryless(0b1011, 0b1011), 0b100_0101);
    }

    proptest! {
        #[test]
        fn carryless_is_the_sum_of_shifts(a in any::<u64>(), b in any::<u64>()) {
            prop_assert_eq!(carryless(a, b), bit_by_bit(a, b));
        }

        #[test]
        fn all_kernels_agree(v in any::<[u64; 16]>(), x in any::<[u64; 8]>(), y in any::<[u64; 8]>()) {
            let mut expected = y;
            Kernel::Portable.multiply(&v, &x, &mut expected);
            for kernel in Kernel::all() {
                let mut found = y;
                kernel.multiply(&v, &x, &mut found);
                prop_assert_eq!(found, expected, "{:?}", kernel);
            }
        }
    }
}
