//! The restart tests against what NIST's `ea_restart` 1.1.7 prints for the same samples.

#![allow(clippy::unwrap_used, reason = "the normal way to fail in a test")]

use std::num::NonZero;
use std::path::Path;

use qhal::ErrorKind;
use qhal_entropy::assess::restart;

const TWO: NonZero<usize> = NonZero::new(2).unwrap();

fn sample_file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sp800-90b").join(name)).unwrap()
}

#[test]
fn bits_agree_with_nist() {
    let found = restart(&sample_file("truerand_1bit.bin"), None, 0.8, TWO).unwrap();
    // NIST's tool simulates five million rows for its cut-off, so that it may be off by one.
    assert!(found.cutoff.abs_diff(642) <= 1, "{}", found.cutoff);
    assert_eq!(found.highest_in_row.max(found.highest_in_column), 556);
    assert!(found.sane && found.passed);
    let rows = [
        0.9950430151312257,
        0.9009357269082475,
        0.9984864755561106,
        0.8296770832341144,
        0.914226367459774,
        0.9858183372271977,
        0.9969722480162371,
        0.9982916663662997,
        0.9966599438039522,
        0.9970500475789715,
    ];
    let columns = [
        0.9950430151312257,
        0.9016963893140422,
        0.997423927172415,
        0.8496675098436621,
        0.9380515954160109,
        0.8980423500480388,
        0.9962208879611137,
        0.9943286302313854,
        0.9949308691018108,
        0.9962497555178795,
    ];
    for (found, golden) in [(found.rows, rows), (found.columns, columns)] {
        for ((name, found), golden) in found.named().into_iter().zip(golden) {
            assert!((found.unwrap() - golden).abs() < 1e-9, "{name}: {found:?} instead of {golden}");
        }
    }
    assert!((found.h_rows - 0.829677).abs() < 1e-6 && (found.h_columns - 0.849668).abs() < 1e-6);
    assert!((found.assessed - 0.8).abs() < 1e-12);
}

/// A source that begins each time with the same samples: its columns show it, and its rows do not.
#[test]
fn a_source_that_repeats_itself_after_a_restart_is_credited_with_nothing() {
    let mut samples = sample_file("truerand_1bit.bin");
    let (first, _) = samples.split_at(20);
    let first = first.to_vec();
    for row in samples.chunks_mut(1000) {
        row[..20].copy_from_slice(&first);
    }
    let found = restart(&samples, None, 0.8, TWO).unwrap();
    assert_eq!(found.highest_in_column, 1000);
    assert!(found.highest_in_row <= found.cutoff && !found.sane && !found.passed);
    assert_eq!(found.assessed, 0.0);
}

#[test]
fn what_cannot_be_tested_is_refused() {
    let samples = sample_file("truerand_1bit.bin");
    let kind = |data: &[u8], bits, initial| restart(data, bits, initial, TWO).unwrap_err().kind();
    assert_eq!(kind(&samples[1..], None, 0.5), ErrorKind::InvalidInput);
    assert_eq!(kind(&[], None, 0.5), ErrorKind::InvalidInput);
    assert_eq!(kind(&[1; 1_000_000], None, 0.5), ErrorKind::Unhealthy);
    for initial in [0.0, -1.0, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(kind(&samples, None, initial), ErrorKind::InvalidInput, "{initial}");
    }
    // Two symbols hold one bit, however wide they are.
    assert_eq!(kind(&samples, Some(8), 1.5), ErrorKind::InvalidInput);
}
