//! Cut-offs of the health tests against tables that were computed elsewhere and figures of other programs.

#![allow(clippy::unwrap_used, reason = "a test fails that way, and so do its helpers")]

use proptest::prelude::*;
use qhal_entropy::Alpha;
use qhal_entropy::health::{BINARY_WINDOW, NON_BINARY_WINDOW, apt_cutoff, critbinom, rct_cutoff, window};

/// H, then the repetition-count and adaptive-proportion cut-offs, each for α = 2^-20, 2^-30 and 2^-40.
type Row = (f64, [u32; 3], [u32; 3]);

/// Computed with 80 decimal digits: the project's hand-out `hardware/qrng.md` §18, binary samples, W = 1024.
const BINARY: [Row; 13] = [
    (0.1, [201, 301, 401], [991, 999, 1005]),
    (0.2, [101, 151, 201], [941, 952, 961]),
    (0.3, [68, 101, 135], [890, 904, 915]),
    (0.4, [51, 76, 101], [840, 856, 869]),
    (0.5, [41, 61, 81], [793, 810, 824]),
    (0.6, [35, 51, 68], [748, 766, 780]),
    (0.7, [30, 44, 59], [705, 723, 739]),
    (0.8, [26, 39, 51], [664, 683, 699]),
    (0.864, [25, 36, 48], [639, 658, 675]),
    (0.88, [24, 36, 47], [633, 652, 669]),
    (0.9, [24, 35, 46], [625, 645, 661]),
    (0.95, [23, 33, 44], [607, 627, 643]),
    (1.0, [21, 31, 41], [589, 609, 625]),
];

/// As above, non-binary samples, W = 512.
const NON_BINARY: [Row; 15] = [
    (0.5, [41, 61, 81], [410, 422, 432]),
    (1.0, [21, 31, 41], [311, 325, 336]),
    (1.5, [15, 21, 28], [234, 248, 260]),
    (2.0, [11, 16, 21], [177, 190, 201]),
    (2.5, [9, 13, 17], [135, 147, 157]),
    (3.0, [8, 11, 15], [103, 114, 123]),
    (3.5, [7, 10, 13], [80, 89, 97]),
    (4.0, [6, 9, 11], [62, 71, 78]),
    (5.0, [5, 7, 9], [39, 46, 51]),
    (6.0, [5, 6, 8], [25, 31, 35]),
    (7.0, [4, 6, 7], [18, 22, 26]),
    (7.2, [4, 6, 7], [16, 20, 24]),
    (7.5, [4, 5, 7], [15, 19, 22]),
    (7.9, [4, 5, 7], [13, 17, 20]),
    (8.0, [4, 5, 6], [13, 16, 19]),
];

fn alpha(exponent: u8) -> Alpha {
    Alpha::new(exponent).unwrap()
}

#[test]
fn every_row_of_both_tables() {
    for (table, samples) in [(&BINARY[..], BINARY_WINDOW), (&NON_BINARY[..], NON_BINARY_WINDOW)] {
        for &(h, repetition, proportion) in table {
            for (column, exponent) in [20, 30, 40].into_iter().enumerate() {
                let alpha = alpha(exponent);
                assert_eq!(rct_cutoff(h, alpha).unwrap(), repetition[column], "RCT {h} {alpha}");
                assert_eq!(
                    apt_cutoff(h, alpha, samples).unwrap(),
                    proportion[column],
                    "APT {h} {alpha} {samples}"
                );
            }
        }
    }
}

/// Go's crypto/internal/entropy: RCT 41 and APT 410 for H = 0.5, α = 2^-20, W = 512 (same hand-out).
#[test]
fn the_constants_of_go() {
    assert_eq!(rct_cutoff(0.5, alpha(20)).unwrap(), 41);
    assert_eq!(apt_cutoff(0.5, alpha(20), 512).unwrap(), 410);
}

/// jitterentropy: H = 1/osr, α = 2^-30, W = 512. Its adaptive-proportion cut-offs leave the reference sample out
/// of the binomial, 2 + critbinom(W − 1); its repetition count starts at 0, so its cut-off 30·osr is one less.
#[test]
fn the_tables_of_jitterentropy() {
    let published = [325, 422, 459, 477, 488, 494, 499, 502, 505, 507, 508, 509, 510, 511, 512];
    for (osr, cutoff) in (1..=15).zip(published) {
        let h = 1.0 / f64::from(osr);
        assert_eq!(2 + critbinom(511, h, alpha(30)), cutoff, "osr {osr}");
        assert_eq!(rct_cutoff(h, alpha(30)).unwrap(), 30 * osr + 1, "osr {osr}");
        assert!(apt_cutoff(h, alpha(30), 512).unwrap().abs_diff(cutoff) <= 1, "osr {osr}");
    }
}

/// NeuG: H = 4.2, α = 2^-30; RCT 9, and for windows of 64 and 4096 samples 18 and 315 (same hand-out), which are
/// the critical values themselves, without the 1 that SP 800-90B adds.
#[test]
fn the_constants_of_neug() {
    assert_eq!(rct_cutoff(4.2, alpha(30)).unwrap(), 9);
    for (samples, cutoff) in [(64, 18), (4096, 315)] {
        assert_eq!(critbinom(samples, 4.2, alpha(30)), cutoff);
        assert_eq!(apt_cutoff(4.2, alpha(30), samples).unwrap(), cutoff + 1);
    }
}

#[test]
fn windows_and_ranges() {
    assert_eq!((window(1), window(2), window(8)), (1024, 512, 512));
    assert!(Alpha::new(19).is_err() && Alpha::new(41).is_err());
    assert_eq!(Alpha::default().to_string(), "2^-30");
    for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(rct_cutoff(h, Alpha::DEFAULT).is_err() && apt_cutoff(h, Alpha::DEFAULT, 512).is_err());
    }
    assert!(apt_cutoff(1.0, Alpha::DEFAULT, 0).is_err());
    // 512 equal samples have probability 2^-25.6 under this claim, more than 2^-30: no count is too many.
    assert_eq!(apt_cutoff(0.05, Alpha::DEFAULT, 512).unwrap(), 513);
    assert_eq!(rct_cutoff(f64::MIN_POSITIVE, Alpha::DEFAULT).unwrap(), u32::MAX);
}

proptest! {
    /// The definition, with exact binomial coefficients in 128-bit integers, for p = 1/2.
    #[test]
    fn critbinom_is_the_definition_for_fair_coins(n in 41u32..=120, exponent in 20u8..=40) {
        let mut row = vec![1u128];
        for _ in 0..n {
            let mut next = vec![1u128];
            next.extend(row.windows(2).map(|pair| pair[0] + pair[1]));
            next.push(1);
            row = next;
        }
        // P(X > k) ≤ 2^-exponent, times 2^n on both sides.
        let bound = 1u128 << (n - u32::from(exponent));
        let mut tail = 0u128;
        let mut k = n;
        while tail + row[k as usize] <= bound {
            tail += row[k as usize];
            k -= 1;
        }
        prop_assert_eq!(critbinom(n, 1.0, alpha(exponent)), k);
    }

    #[test]
    fn a_stronger_claim_or_a_laxer_alpha_never_raises_a_cutoff(h in 0.01f64..8.0, more in 0.0f64..1.0, e in 21u8..=40) {
        for samples in [512, 1024] {
            let cut = |h, e| (rct_cutoff(h, alpha(e)).unwrap(), apt_cutoff(h, alpha(e), samples).unwrap());
            let (base, stronger, laxer) = (cut(h, e), cut(h + more, e), cut(h, e - 1));
            prop_assert!(stronger.0 <= base.0 && stronger.1 <= base.1);
            prop_assert!(laxer.0 <= base.0 && laxer.1 <= base.1);
        }
    }
}
