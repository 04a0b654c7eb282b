//! The field against its definition, the transform against evaluation, its relatives against it, and every instruction set
//! against the portable one.

use proptest::prelude::*;

use super::field::{multiply, product};
use super::twiddles::basis;
use super::{Kernels, Twiddles, portable};

fn noise(seed: u64, length: usize) -> Vec<u64> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn all_kernels() -> Vec<&'static Kernels> {
    #[allow(unused_mut, reason = "only some machines have more than the portable kernels")]
    let mut all = vec![&portable::KERNELS];
    #[cfg(target_arch = "x86_64")]
    all.extend(super::x86::kernels());
    all
}

/// The field's trace form Σ aᵢbᵢ is what transposition keeps: ⟨F a, b⟩ = ⟨a, Fᵀ b⟩.
fn inner(a: &[u64], b: &[u64]) -> u64 {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum ^ multiply(*a, *b))
}

proptest! {
    #[test]
    fn products_are_those_of_polynomials(a: u64, b: u64) {
        let expected = (0..64).filter(|i| b >> i & 1 == 1).fold(0u128, |sum, i| sum ^ u128::from(a) << i);
        let (low, high) = product(a, b);
        prop_assert_eq!(u128::from(high) << 64 | u128::from(low), expected);
        let mut rest = expected;
        for bit in (64..128).rev().filter(|bit| expected >> bit != 0) {
            if rest >> bit & 1 == 1 {
                rest ^= (1 << 64 | 0b11011) << (bit - 64);
            }
        }
        prop_assert_eq!(u128::from(multiply(a, b)), rest);
    }
}

#[test]
fn the_basis_is_one_of_cantor() {
    let basis = basis();
    assert_eq!(basis[0], 1);
    for pair in basis.windows(2) {
        assert_eq!(multiply(pair[1], pair[1]) ^ pair[1], pair[0]);
    }
}

#[test]
fn the_transform_evaluates() {
    let twiddles = Twiddles::new(64);
    let basis = basis();
    for bits in 4..=6 {
        let length = 1 << bits;
        let coefficients = noise(bits, length);
        let mut values = coefficients.clone();
        portable::KERNELS.forward(&mut values, &twiddles);
        for (index, value) in values.iter().enumerate() {
            let point = (0..6).filter(|bit| index >> bit & 1 == 1).fold(0, |sum, bit| sum ^ basis[bit]);
            let expected = coefficients.iter().rev().fold(0, |sum, c| multiply(sum, point) ^ c);
            assert_eq!(*value, expected, "{length} points, number {index}");
        }
    }
}

#[test]
fn the_relatives_of_the_transform_are_its_transposes() {
    for kernels in all_kernels() {
        for bits in [4, 5, 6, 7, 9, 12, 13] {
            let length = 1 << bits;
            let twiddles = Twiddles::new(length);
            let (a, b) = (noise(1, length), noise(2, length));
            let (mut fa, mut ftb) = (a.clone(), b.clone());
            kernels.forward(&mut fa, &twiddles);
            kernels.transposed(&mut ftb, &twiddles);
            assert_eq!(inner(&fa, &b), inner(&a, &ftb), "{} at {length}", kernels.name);
            // F^{-T} keeps the form against F: ⟨F a, F^{-T} b⟩ = ⟨a, b⟩.
            let mut inverse = b.clone();
            kernels.transposed_inverse(&mut inverse, &twiddles);
            assert_eq!(inner(&fa, &inverse), inner(&a, &b), "{} at {length}", kernels.name);
            kernels.transposed(&mut inverse, &twiddles);
            assert_eq!(inverse, b, "{} at {length}", kernels.name);
        }
    }
}

#[test]
fn every_instruction_set_multiplies_alike() {
    let (a, b, start) = (noise(3, 64), noise(4, 64), noise(5, 64));
    for kernels in all_kernels() {
        let mut sum = start.clone();
        kernels.add_products(&mut sum, &a, &b);
        for i in 0..64 {
            assert_eq!(sum[i], start[i] ^ multiply(a[i], b[i]), "{}", kernels.name);
        }
    }
}
