//! The health tests against a reference that follows SP 800-90B §4.4 sample by sample.

#![allow(clippy::unwrap_used, reason = "a test fails that way, and so do its helpers")]

use proptest::prelude::*;
use qhal::MinEntropy;
use qhal_entropy::FailedTest;
use qhal_entropy::health::{AdaptiveProportion, Alpha, HealthTests, RepetitionCount};

/// SP 800-90B §4.4.1, steps 1 to 3, over all samples at once.
fn repetition_by_the_book(samples: &[u8], cutoff: u32) -> Option<usize> {
    let mut a = *samples.first()?;
    let mut b = 1;
    for (position, &x) in samples.iter().enumerate().skip(1) {
        if x == a {
            b += 1;
            if b >= cutoff {
                return Some(position);
            }
        } else {
            a = x;
            b = 1;
        }
    }
    None
}

/// SP 800-90B §4.4.2, steps 1 to 5, over all samples at once.
fn proportion_by_the_book(samples: &[u8], cutoff: u32, window: usize) -> Option<usize> {
    for (number, part) in samples.chunks(window).enumerate() {
        let mut b = 1;
        for (position, &x) in part.iter().enumerate().skip(1) {
            if x == part[0] {
                b += 1;
                if b >= cutoff {
                    return Some(number * window + position);
                }
            }
        }
    }
    None
}

/// Runs of one value among noise of a few values: what makes both tests come close and fail.
fn samples(bits: u8) -> impl Strategy<Value = Vec<u8>> {
    let top = (1u16 << bits) as u8;
    let run = (0..=top.wrapping_sub(1), 1usize..90, any::<bool>(), any::<u64>());
    prop::collection::vec(run, 0..60).prop_map(move |runs| {
        let mut all = Vec::new();
        for (value, length, mixed, seed) in runs {
            let mut state = seed | 1;
            for _ in 0..length {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let other = (state >> 20) as u8 & top.wrapping_sub(1);
                all.push(if mixed && state & 3 != 0 { other } else { value });
            }
        }
        all
    })
}

/// A claim of `part` of the possible entropy; the cut-offs follow from it.
fn claim(part: f64, bits: u8) -> MinEntropy {
    MinEntropy::new(part * f64::from(bits), bits).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_tests_fail_where_the_standard_says(
        (bits, samples) in prop_oneof![Just(1u8), Just(2), Just(4), Just(8)].prop_flat_map(|bits| (Just(bits), samples(bits))),
        part in 0.2f64..=1.0,
        cut in 1usize..700,
        junk in any::<u8>(),
    ) {
        let claim = claim(part, bits);
        let alpha = Alpha::new(20).unwrap();
        let mut repetition = RepetitionCount::new(claim, alpha).unwrap();
        let mut proportion = AdaptiveProportion::new(claim, alpha).unwrap();
        let window = proportion.window();
        let rct = repetition_by_the_book(&samples, repetition.cutoff());
        let apt = proportion_by_the_book(&samples, proportion.cutoff(), window as usize);

        // High bits that do not belong to the sample must not matter.
        let high = if bits == 8 { 0 } else { u8::MAX << bits };
        let wire: Vec<u8> = samples.iter().enumerate().map(|(i, &s)| s | (junk.wrapping_mul(i as u8) & high)).collect();

        let first = |judge: &mut dyn FnMut(&[u8]) -> Option<usize>| {
            wire.chunks(cut).enumerate().find_map(|(number, part)| judge(part).map(|at| number * cut + at))
        };
        prop_assert_eq!(first(&mut |part| repetition.judge(part)), rct);
        prop_assert_eq!(first(&mut |part| proportion.judge(part)), apt);

        // Together they name the one that fails first.
        let mut both = HealthTests::new(claim, alpha).unwrap();
        match (both.judge(&wire), rct, apt) {
            (Ok(()), None, None) => {}
            (Err(FailedTest::RepetitionCount { run, cutoff }), Some(rct), apt) => {
                prop_assert!(apt.is_none_or(|apt| rct <= apt));
                prop_assert_eq!(run, cutoff);
            }
            (Err(FailedTest::AdaptiveProportion { count, cutoff, window: named }), rct, Some(apt)) => {
                prop_assert!(rct.is_none_or(|rct| apt < rct));
                prop_assert_eq!((count, named), (cutoff, window));
            }
            (verdict, rct, apt) => prop_assert!(false, "{:?} for {:?} {:?}", verdict, rct, apt),
        }
    }

    #[test]
    fn no_claim_and_no_samples_make_them_panic(
        h in 1e-6f64..8.0,
        bits in 1u8..=8,
        samples in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        if let Ok(mut tests) = MinEntropy::new(h, bits).and_then(|claim| HealthTests::new(claim, Alpha::DEFAULT)) {
            let _ = tests.judge(&samples);
            tests.reset();
            prop_assert!(tests.judge(&samples[..samples.len().min(2)]).is_ok());
        }
    }
}

#[test]
fn figures_are_those_of_the_samples() {
    let mut tests = HealthTests::new(claim(1.0, 8), Alpha::DEFAULT).unwrap();
    tests.judge(&[1, 2, 2, 2, 1, 3, 1]).unwrap();
    assert_eq!((tests.repetition().longest(), tests.proportion().highest()), (3, 3));
    tests.reset();
    assert_eq!((tests.repetition().longest(), tests.proportion().highest()), (0, 0));
}

#[test]
fn a_claim_that_cannot_be_contradicted_is_refused() {
    let error = HealthTests::new(MinEntropy::new(0.05, 8).unwrap(), Alpha::DEFAULT).unwrap_err();
    assert!(error.message().contains("too small to be tested"), "{error}");
}

#[test]
fn sentences_name_the_test_and_its_numbers() {
    let mut tests = HealthTests::new(MinEntropy::new(0.5, 8).unwrap(), Alpha::new(20).unwrap()).unwrap();
    let failed = tests.judge(&[7; 500]).unwrap_err();
    assert_eq!(failed.to_string(), "repetition count test failed: 41 equal samples in a row, cut-off 41");
    tests.reset();
    let alternating: Vec<u8> = (0..2000u32).map(|i| if i % 10 == 9 { i as u8 } else { 200 }).collect();
    let failed = tests.judge(&alternating).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "adaptive proportion test failed: 410 equal samples in a window of 512, cut-off 410"
    );
}
