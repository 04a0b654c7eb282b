//! How much min-entropy a conditioning component's output is credited with, by NIST SP 800-90B §3.1.5.

use std::f64::consts::{LN_2, LOG2_E};

use qhal::{Error, ErrorKind, Result};

/// The most bits of min-entropy per bit that a component which is not vetted is credited with (SP 800-90B §3.1.5.2).
pub const NOT_VETTED_MOST: f64 = 0.999;

/// Min-entropy, in bits, of the output of a vetted conditioning component (SP 800-90B §3.1.5.1.2).
///
/// `n_in` and `n_out` are the bits that go in and come out, `nw` the narrowest internal width in bits, and
/// `h_in` the min-entropy of the input in bits. As in NIST's own tool the width that counts is the smallest of
/// `n_in`, `n_out` and `nw`.
///
/// # Errors
/// `InvalidInput` when a width is 0, or `h_in` is not above 0 and at most `n_in`.
pub fn output_entropy(n_in: u32, n_out: u32, nw: u32, h_in: f64) -> Result<f64> {
    let narrowest = n_in.min(n_out).min(nw);
    let bits_in = f64::from(n_in);
    if narrowest == 0 || !(h_in > 0.0 && h_in <= bits_in) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{h_in} bits of min-entropy cannot go through widths of {n_in}, {nw} and {n_out} bits"),
        ));
    }
    // Everything is carried as a base-2 logarithm: 2^n_in itself leaves the range of f64.
    let n = f64::from(narrowest);
    let excess = bits_in - n;
    let p_high = -h_in;
    let p_low = log2_one_minus_exp2(p_high) - bits_in - log2_one_minus_exp2(-bits_in);
    let psi = log2_sum(excess + p_low, p_high);
    let u = log2_sum(excess, 0.5 * (1.0 + n.log2() + excess + LN_2.log2()));
    let omega = u + p_low;
    Ok((-psi.max(omega)).clamp(0.0, n))
}

/// Min-entropy, in bits, of the output of a conditioning component that is not vetted (SP 800-90B §3.1.5.2): XOR folding,
/// an LFSR, a Toeplitz matrix, a sponge of the device's maker.
///
/// The widths and `h_in` are those of [`output_entropy`]. `rate` is h′: the entropy that an assessment of the output
/// ([`assess::non_iid`](crate::assess::non_iid()), on the bit string) found, in bits per bit. Such a component is never
/// credited with more than 0.999 bits per bit.
///
/// # Errors
/// `InvalidInput` as [`output_entropy`], and when `rate` is not above 0 and at most 1.
pub fn output_entropy_not_vetted(n_in: u32, n_out: u32, nw: u32, h_in: f64, rate: f64) -> Result<f64> {
    if !(rate > 0.0 && rate <= 1.0) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "an output cannot hold {rate} bits of min-entropy per bit; give more than 0 and at most 1"
            ),
        ));
    }
    Ok(output_entropy(n_in, n_out, nw, h_in)?.min(rate.min(NOT_VETTED_MOST) * f64::from(n_out)))
}

/// log2(1 − 2^x) for x < 0.
fn log2_one_minus_exp2(x: f64) -> f64 {
    (-(x * LN_2).exp_m1()).ln() * LOG2_E
}

/// log2(2^a + 2^b).
fn log2_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp2().ln_1p() * LOG2_E }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SP 800-90B §3.1.5.1.2 evaluated with 4000-bit floats (mpmath), so that no logarithm is needed.
    #[test]
    fn output_entropy_agrees_with_the_formula_in_multiple_precision() {
        for (n_in, n_out, nw, h_in, expected) in [
            (2048, 256, 256, 0.5, 0.5),
            (2048, 256, 256, 100.25, 100.25),
            (2048, 256, 256, 200.0, 200.0),
            (2048, 256, 256, 255.0, 254.41503749927884),
            (2048, 256, 256, 256.0, 255.0),
            (2048, 256, 256, 260.0, 255.91253715874967),
            (2048, 256, 256, 320.0, 256.0),
            (320, 256, 256, 320.0, 255.99999999367205),
            (320, 256, 256, 256.0, 255.0),
            (300, 256, 256, 290.5, 255.99999352020345),
            (256, 256, 256, 256.0, 251.68976456872704),
            (300, 256, 128, 128.0, 127.0),
            (512, 128, 256, 128.0, 127.0),
            (64, 256, 256, 60.0, 59.91253715874966),
            (10, 8, 8, 9.0, 6.587216289645452),
            (8, 8, 8, 8.0, 5.885560194208201),
            (12, 8, 8, 10.0, 7.127201114660013),
        ] {
            let got = output_entropy(n_in, n_out, nw, h_in).unwrap();
            assert!(
                (got - expected).abs() < 1e-11,
                "{n_in} {n_out} {nw} {h_in}: {got} instead of {expected}"
            );
        }
        for (n_in, n_out, nw, h_in) in [(0, 1, 1, 0.0), (8, 0, 8, 1.0), (8, 8, 8, 8.5), (8, 8, 8, f64::NAN)] {
            assert_eq!(output_entropy(n_in, n_out, nw, h_in).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn what_is_not_vetted_is_credited_with_the_least_of_three() {
        let out = |h_in, rate| output_entropy_not_vetted(2048, 256, 256, h_in, rate).unwrap();
        // Each of the three in turn is the least: 0.999 bits per bit, the rate, what went in.
        assert!((out(2000.0, 1.0) - 255.744).abs() < 1e-9);
        assert!((out(2000.0, 0.5) - 128.0).abs() < 1e-9);
        assert!((out(100.25, 0.9) - 100.25).abs() < 1e-9);
        for rate in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            let refused = output_entropy_not_vetted(2048, 256, 256, 100.0, rate).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{rate}");
        }
        let refused = output_entropy_not_vetted(8, 8, 8, 9.0, 0.5).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }

    proptest! {
        #[test]
        fn more_entropy_in_never_means_less_out(n_in in 1u32..5000, a in 0.001f64..1.0, b in 0.001f64..1.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            let out = |part: f64| output_entropy(n_in, 256, 256, part * f64::from(n_in)).unwrap();
            prop_assert!(out(low) <= out(high) + 1e-9);
            prop_assert!(out(high) <= high * f64::from(n_in) + 1e-9);
        }
    }
}
