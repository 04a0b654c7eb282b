//! The quick statistics against what `rngtest` (rng-tools5 5-4.1) and `ent` 1.2 print for the same bytes.

#![allow(clippy::unwrap_used, reason = "the normal way to fail in a test")]

use std::path::Path;

use proptest::prelude::*;
use qhal::ErrorKind;
use qhal_entropy::quick::{BlockTests, LAGS, QuickReport, QuickTests};
use sha2::{Digest, Sha256};

fn report(bits: u8, samples: &[u8]) -> QuickReport {
    let mut tests = QuickTests::new(bits).unwrap();
    // In parts that end nowhere in particular.
    samples.chunks(999_983).for_each(|part| tests.update(part).unwrap());
    tests.finish().unwrap()
}

/// SHA-256 of 0, 1, 2, … as eight bytes, the highest first.
fn digests(mebibytes: u64) -> Vec<u8> {
    (0..mebibytes << 15).flat_map(|number| <[u8; 32]>::from(Sha256::digest(number.to_be_bytes()))).collect()
}

/// The tests bit by bit. `rngtest` differs from the standard in three ways, which show in a block that is just within or
/// without its limits: it counts the last run of a block among those of the other value than all other runs; where a
/// block begins with a one and the block before ended with a zero, it counts one run of six ones too many; and where
/// it is the other way round, one fifteen too many (it writes in front of its counts of runs, which is where its counts of
/// four-bit values end).
fn bit_by_bit(bytes: &[u8], as_rngtest: bool) -> BlockTests {
    const RUNS: [std::ops::RangeInclusive<u32>; 6] =
        [2315..=2685, 1114..=1386, 527..=723, 240..=384, 103..=209, 103..=209];
    let mut found = BlockTests::default();
    let (mut last_word, mut last_bit) = (bytes[..4].to_vec(), 0);
    for block in bytes[4..].chunks_exact(2500) {
        let bits: Vec<usize> =
            block.iter().flat_map(|byte| (0..8).rev().map(move |at| usize::from(byte >> at & 1))).collect();
        let (mut runs, mut long_run, mut start) = ([[0u32; 6]; 2], false, 0);
        for end in 1..=bits.len() {
            if end == bits.len() || bits[end] != bits[start] {
                let other = as_rngtest && end == bits.len();
                runs[if other { 1 - bits[start] } else { bits[start] }][(end - start).min(6) - 1] += 1;
                long_run |= end - start >= 26;
                start = end;
            }
        }
        let mut values = [0u64; 16];
        for byte in block {
            values[usize::from(byte >> 4)] += 1;
            values[usize::from(byte & 15)] += 1;
        }
        if as_rngtest && bits[0] != last_bit {
            if bits[0] == 1 {
                runs[1][5] += 1;
            } else {
                values[15] += 1;
            }
        }
        last_bit = bits[bits.len() - 1];
        let mut continuous = false;
        for word in block.chunks_exact(4) {
            continuous |= word == last_word;
            last_word.copy_from_slice(word);
        }
        let ones: usize = bits.iter().sum();
        let failed = [
            ones <= 9725 || ones >= 10_275,
            !(1_563_176..=1_576_928).contains(&values.iter().map(|count| count * count).sum::<u64>()),
            runs.iter().any(|runs| runs.iter().zip(&RUNS).any(|(count, limits)| !limits.contains(count))),
            long_run,
            continuous,
        ];
        let [monobit, poker, runs, long_run, continuous] = failed.map(u64::from);
        found = BlockTests {
            blocks: found.blocks + 1,
            failed: found.failed + u64::from(failed.contains(&true)),
            monobit: found.monobit + monobit,
            poker: found.poker + poker,
            runs: found.runs + runs,
            long_run: found.long_run + long_run,
            continuous: found.continuous + continuous,
        };
    }
    found
}

/// What `rngtest` printed: blocks, blocks that failed, and how many failed each test.
fn as_rngtest(bytes: &[u8], found: &QuickReport, golden: [u64; 7]) {
    let [blocks, failed, monobit, poker, runs, long_run, continuous] = golden;
    let printed = BlockTests { blocks, failed, monobit, poker, runs, long_run, continuous };
    assert_eq!(bit_by_bit(bytes, true), printed);
    assert_eq!(bit_by_bit(bytes, false), found.fips);
    // The rate is the same but for those blocks.
    assert!(found.fips.failed.abs_diff(failed) <= 1 + failed / 100, "{:?}", found.fips);
}

/// A golden figure with the decimals that were printed.
fn near(found: f64, golden: f64, decimals: i32) {
    assert!((found - golden).abs() <= 0.51 * 10f64.powi(-decimals), "{found} instead of {golden}");
}

/// What ent printed: entropy, chi-square, mean, serial correlation, and the percentage of chi-square.
fn as_ent(found: &QuickReport, golden: [f64; 5]) {
    let values = &found.values;
    near(values.entropy, golden[0], 6);
    near(values.chi_square.score, golden[1], 6);
    near(values.mean, golden[2], 6);
    near(values.serial_correlation.unwrap(), golden[3], 6);
    near(100.0 * values.chi_square.p_value, golden[4], 2);
}

#[test]
fn digests_pass_as_with_rngtest_and_ent() {
    let bytes = digests(20);
    let found = report(8, &bytes);
    as_rngtest(&bytes, &found, [8388, 7, 2, 0, 4, 1, 0]);
    as_ent(&found, [7.999992, 230.971265, 127.486717, -0.000108, 85.76]);
    assert_eq!(found.suspicious(), Vec::<String>::new());
}

#[test]
fn a_zero_in_every_forty_bytes_fails_as_with_rngtest_and_ent() {
    let mut bytes = digests(4);
    bytes.iter_mut().step_by(40).for_each(|byte| *byte = 0);
    let found = report(8, &bytes);
    as_rngtest(&bytes, &found, [1677, 1513, 626, 1461, 899, 5, 0]);
    as_ent(&found, [7.952377, 668_917.255737, 124.347821, -0.002068, 0.0]);
    let suspicious = found.suspicious();
    assert!(suspicious[0].contains("1504 of 1677") && suspicious[1].contains("unevenly"), "{suspicious:?}");
}

#[test]
fn repeated_words_and_long_runs_fail_as_with_rngtest_and_ent() {
    let mut bytes = digests(4);
    for at in (0..bytes.len()).step_by(5000) {
        bytes.copy_within(at + 4..at + 8, at);
    }
    for at in (20..bytes.len()).step_by(50_000) {
        bytes[at..at + 4].fill(0xFF);
    }
    let found = report(8, &bytes);
    as_rngtest(&bytes, &found, [1677, 839, 0, 0, 0, 84, 839]);
    as_ent(&found, [7.999959, 235.826782, 127.543760, -0.000204, 80.00]);
}

#[test]
fn narrow_samples_of_nist_fail_as_bytes_with_rngtest_and_pass_as_what_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sp800-90b");
    let samples = std::fs::read(folder.join("truerand_4bit.bin")).unwrap();
    let as_bytes = report(8, &samples);
    as_rngtest(&samples, &as_bytes, [399, 399, 399, 399, 399, 172, 2]);
    as_ent(&as_bytes, [3.999991, 15_000_201.780736, 7.506358, 0.000222, 0.0]);
    let as_samples = report(4, &samples);
    assert_eq!((as_samples.fips.blocks, as_samples.fips.failed), (199, 0));
    assert_eq!(as_samples.values.counts.len(), 16);
    assert_eq!(as_samples.values.ones.len(), 4);
    assert_eq!(as_samples.suspicious(), Vec::<String>::new());
}

/// A first-order autoregression: the correlation at distance k is ρ^k.
#[test]
fn correlations_are_those_that_were_made() {
    let uniform = digests(1);
    let mut state = 128.0;
    let samples: Vec<u8> = uniform
        .iter()
        .map(|byte| {
            state = 128.0 + 0.5 * (state - 128.0) + 0.4 * (f64::from(*byte) - 127.5);
            state as u8
        })
        .collect();
    let found = report(8, &samples);
    assert_eq!(found.autocorrelation.len(), LAGS);
    for (lag, r) in (1..).zip(&found.autocorrelation) {
        assert!((r - 0.5f64.powi(lag)).abs() < 0.01, "{lag}: {r}");
    }
    assert!((found.values.serial_correlation.unwrap() - found.autocorrelation[0]).abs() < 1e-5);
    assert!(found.suspicious().iter().any(|sentence| sentence.contains("distance 1")), "{found:?}");
}

#[test]
fn what_cannot_be_tested_is_refused() {
    for bits in [0, 9, 255] {
        assert_eq!(QuickTests::new(bits).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(QuickTests::new(8).unwrap().finish().unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut tests = QuickTests::new(3).unwrap();
    let error = tests.update(&[1, 7, 8, 1]).unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("sample 2"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in: finite figures that do not depend on how the stream was cut.
    #[test]
    fn any_samples_give_figures(
        samples in prop::collection::vec(any::<u8>(), 1..9000),
        bits in 1u8..=8,
        cut in 1usize..5000,
    ) {
        let samples: Vec<u8> = samples.iter().map(|sample| sample >> (8 - bits)).collect();
        let mut tests = QuickTests::new(bits).unwrap();
        samples.chunks(cut).for_each(|part| tests.update(part).unwrap());
        let found = tests.finish().unwrap();
        prop_assert_eq!(&found, &report(bits, &samples));
        let values = &found.values;
        prop_assert!((0.0..=f64::from(bits) + 1e-9).contains(&values.entropy));
        prop_assert!(values.min_entropy <= values.entropy + 1e-9);
        prop_assert!(values.serial_correlation.is_none_or(|r| (-1.0 - 1e-9..=1.0 + 1e-9).contains(&r)));
        prop_assert!(found.autocorrelation.iter().all(|r| r.is_finite()));
        prop_assert_eq!(values.counts.iter().sum::<u64>(), samples.len() as u64);
    }
}
