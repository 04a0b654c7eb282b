//! Privacy amplification against published-style vectors made elsewhere and against the defining sum.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use proptest::prelude::*;
use qhal_distillation::Bits;
use qhal_distillation::amplification::Toeplitz;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

fn shake(name: &str, bits: usize) -> Bits {
    let mut hash = Shake256::default();
    hash.update(name.as_bytes());
    let mut bytes = vec![0; bits.div_ceil(8)];
    hash.finalize_xof().read(&mut bytes);
    Bits::from_bytes(&bytes, bits).unwrap()
}

/// y_i = ⊕_j t_{i-j+n-1} x_j, as it is written.
fn naive(input: &Bits, seed: &Bits, output: usize) -> Bits {
    let n = input.len();
    Bits::from_bools(
        (0..output).map(|i| (0..n).filter(|j| input.get(*j) && seed.get(i + n - 1 - j)).count() % 2 == 1),
    )
}

/// Vectors computed with numpy from SHAKE256 streams.
#[test]
fn golden_vectors() {
    let amplify = |input: &Bits, seed: &Bits, m: usize| {
        Toeplitz::new(input.len(), m).unwrap().amplify(input, seed).unwrap()
    };
    let short = amplify(
        &Bits::from_bytes(&[0b1011_0010], 8).unwrap(),
        &Bits::from_bytes(&[0xd3, 0xa0], 11).unwrap(),
        4,
    );
    assert_eq!(short.to_bytes(), [0b0011_0000]);
    let long = amplify(&shake("toeplitz-input", 1024), &shake("toeplitz-seed", 1279), 256);
    let hex: String = long.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "bdfc42ba1096572237e69262e16e15ffe9ffafa5719d41ca31a51203d34cfa15");
}

#[test]
fn every_shape_of_block_is_exact() {
    for (n, m) in [
        (1, 1),
        (31, 7),
        (32, 32),
        (33, 1),
        (64, 64),
        (4096, 1024),
        (4097, 1025),
        (20_000, 33),
        (9_999, 9_999),
    ] {
        let (input, seed) = (shake("x", n), shake("t", n + m - 1));
        assert!(
            Toeplitz::new(n, m).unwrap().amplify(&input, &seed).unwrap() == naive(&input, &seed, m),
            "{n} to {m}"
        );
    }
}

#[test]
fn a_long_block_is_linear_and_spot_checked() {
    let (n, m) = (1 << 20, 1 << 18);
    let shape = Toeplitz::new(n, m).unwrap();
    let (input, seed) = (shake("long", n), shake("seed", n + m - 1));
    let output = shape.amplify(&input, &seed).unwrap();
    for i in [0, 1, 31, 32, 77_777, m / 2, m - 33, m - 1] {
        let sum = (0..n).filter(|j| input.get(*j) && seed.get(i + n - 1 - j)).count();
        assert_eq!(output.get(i), sum % 2 == 1, "bit {i}");
    }
    let other = shake("other", n);
    let mut sum = input.clone();
    sum.xor(&other).unwrap();
    let mut expected = output.clone();
    expected.xor(&shape.amplify(&other, &seed).unwrap()).unwrap();
    assert!(shape.amplify(&sum, &seed).unwrap() == expected);
}

#[test]
fn shapes_and_lengths_that_do_not_fit_are_refused() {
    for (n, m) in [(0, 0), (8, 0), (8, 9), (usize::MAX, 1)] {
        assert!(Toeplitz::new(n, m).is_err(), "{n} to {m}");
    }
    let shape = Toeplitz::new(8, 4).unwrap();
    assert!(shape.amplify(&Bits::zeros(7), &Bits::zeros(11)).is_err());
    assert!(shape.amplify(&Bits::zeros(8), &Bits::zeros(12)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_shape_is_the_defining_sum(n in 1usize..3000, part in 0.0f64..1.0, name in "[a-z]{4}") {
        let m = ((n as f64 * part) as usize).max(1);
        let (input, seed) = (shake(&name, n), shake(&format!("{name}-seed"), n + m - 1));
        prop_assert!(Toeplitz::new(n, m).unwrap().amplify(&input, &seed).unwrap() == naive(&input, &seed, m));
    }
}
