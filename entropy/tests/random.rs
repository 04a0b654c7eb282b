//! The whole way: conditioned bytes and the DRBG, while the source is well and when it is not.

#![allow(clippy::unwrap_used, reason = "a test fails that way, and so do its helpers")]

mod common;

use std::sync::atomic::Ordering;

use common::{Noise, Scripted};
use hmac::digest::Digest;
use proptest::prelude::*;
use qhal::conformance::secure_random;
use qhal::{ErrorKind, Provenance, SecureRandom, Stage};
use qhal_entropy::{Conditioned, Config, DrbgRandom, HmacDrbg};
use sha2::Sha256;

fn config() -> Config {
    Config { startup_samples: 1024, ..Config::default() }
}

/// What SHA-256 makes of the samples of every block.
fn blocks(samples: &[u8], each: usize) -> Vec<u8> {
    samples.chunks_exact(each).flat_map(Sha256::digest).collect()
}

#[test]
fn both_keep_the_promises_of_a_secure_random() {
    let source = |seed| Scripted::new(7.0, 8).noise(seed).at_most(5000).boxed();
    secure_random::check(&mut Conditioned::new(source(1), &config()).unwrap()).unwrap();
    secure_random::check(&mut DrbgRandom::new(source(2), &config()).unwrap()).unwrap();
    let fresh = Config { prediction_resistance: true, ..config() };
    secure_random::check(&mut DrbgRandom::new(source(3), &fresh).unwrap()).unwrap();

    let stuck = || Scripted::new(7.0, 8).samples(vec![1; 5000]).boxed();
    secure_random::check_refusal(&mut Conditioned::new(stuck(), &config()).unwrap()).unwrap();
    secure_random::check_refusal(&mut DrbgRandom::new(stuck(), &config()).unwrap()).unwrap();
    let gone = || Scripted::new(7.0, 8).samples(Noise(4).bytes(1024)).boxed();
    secure_random::check_refusal(&mut Conditioned::new(gone(), &Config::default()).unwrap()).unwrap();
    secure_random::check_refusal(&mut DrbgRandom::new(gone(), &Config::default()).unwrap()).unwrap();
}

#[test]
fn conditioned_bytes_are_hashes_of_enough_fresh_samples() {
    // 7 bits a sample: 46 samples hold 322 bits.
    let source = Scripted::new(7.0, 8).noise(1);
    let given = source.counter();
    let mut conditioned = Conditioned::new(source.boxed(), &config()).unwrap();
    let mut out = vec![0; 20_000];
    let (first, second) = out.split_at_mut(9_001);
    conditioned.fill(first).unwrap();
    conditioned.fill(second).unwrap();
    let samples = given.load(Ordering::Relaxed);
    assert_eq!(samples, 46 * 625, "20 000 bytes are 625 blocks");
    assert_eq!(out, blocks(&Noise(1).bytes(46 * 625), 46));
    let figures = conditioned.statistics();
    assert_eq!((figures.bytes_out, figures.pool_bits, figures.samples), (20_000, 0, samples));
}

#[test]
fn an_assessment_lowers_what_a_sample_counts() {
    for (assessed, each) in [(None, 40), (Some(4.0), 80), (Some(9.0), 40)] {
        let source = Scripted::new(8.0, 8).from(Provenance::Hardware, Stage::Conditioned).noise(1).boxed();
        let mut conditioned = Conditioned::new(source, &Config { assessed, ..config() }).unwrap();
        let mut out = [0; 64];
        conditioned.fill(&mut out).unwrap();
        assert_eq!(out.as_slice(), blocks(&Noise(1).bytes(2 * each), each), "{assessed:?}");
        assert_eq!(conditioned.statistics().repetition_cutoff, 5, "cut-offs stay with the claim");
    }
    for assessed in [0.0, -1.0, f64::NAN, 1e-9] {
        let config = Config { assessed: Some(assessed), ..config() };
        let error = Conditioned::new(Scripted::new(8.0, 8).boxed(), &config).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{assessed}");
    }
}

#[test]
fn a_failed_test_empties_the_pool_and_everything_behind_it() {
    let source = || {
        let start = Scripted::new(7.0, 8).samples(Noise(1).bytes(2048)).samples([8; 300]).samples([8; 300]);
        start.noise(2).boxed()
    };
    let mut conditioned = Conditioned::new(source(), &config()).unwrap();
    conditioned.start().unwrap();
    while conditioned.statistics().samples < 2048 {
        conditioned.top_up(512).unwrap();
    }
    assert_eq!(conditioned.statistics().pool_bits, 2048 / 46 * 256);
    let error = conditioned.top_up(512).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unhealthy);
    assert_eq!(conditioned.statistics().pool_bits, 0);
    let mut out = [0xAA; 16];
    let error = conditioned.fill(&mut out).unwrap_err();
    assert!(
        error.message().contains("repetition count test failed: 6 equal samples in a row, cut-off 6"),
        "{error}"
    );
    assert_eq!(out, [0; 16]);
    secure_random::check_refusal(&mut conditioned).unwrap();
    assert!(conditioned.fill(&mut []).is_err());
    // Still stuck at the first restart, well again at the second.
    assert!(conditioned.restart().unwrap_err().message().starts_with("start-up test: repetition"));
    conditioned.restart().unwrap();
    conditioned.fill(&mut out).unwrap();
    assert_ne!(out, [0; 16]);

    let mut random = DrbgRandom::new(source(), &config()).unwrap();
    random.fill(&mut out).unwrap();
    while random.top_up(512).is_ok() {}
    // The DRBG could go on for 64 KiB; it must not.
    secure_random::check_refusal(&mut random).unwrap();
    assert!(random.fill(&mut []).is_err());
    let seeds = random.statistics().reseeds;
    assert!(random.restart().is_err());
    random.restart().unwrap();
    random.fill(&mut out).unwrap();
    let figures = random.statistics();
    assert_eq!((figures.reseeds, figures.repetition_failures, figures.startups), (seeds + 1, 2, 2));
}

#[test]
fn a_failure_in_the_middle_of_a_fill_leaves_zeros() {
    let source = || Scripted::new(7.0, 8).samples(Noise(1).bytes(3000)).samples([8; 300]).boxed();
    let mut out = vec![0xAA; 4096];
    let mut conditioned = Conditioned::new(source(), &config()).unwrap();
    assert_eq!(conditioned.fill(&mut out).unwrap_err().kind(), ErrorKind::Unhealthy);
    assert_eq!(out, vec![0; 4096]);

    // A mebibyte takes 105 seeds of 46 samples each; the 3000 good ones are enough for 65.
    let config = Config { reseed_bytes: 10_000, ..config() };
    let mut random = DrbgRandom::new(source(), &config).unwrap();
    let mut out = vec![0xAA; 1 << 20];
    assert_eq!(random.fill(&mut out).unwrap_err().kind(), ErrorKind::Unhealthy);
    assert!(out.iter().all(|&byte| byte == 0));
    assert_eq!(random.statistics().bytes_out, 0);
}

#[test]
fn a_device_that_goes_away_stops_neither_more_nor_less_than_it_must() {
    let source = Scripted::new(7.0, 8).samples(Noise(1).bytes(1024)).boxed();
    let config = Config { reseed_bytes: 1000, ..config() };
    let mut random = DrbgRandom::new(source, &config).unwrap();
    // 1024 samples are 22 blocks: 48 bytes of seed and 20 reseedings.
    let mut out = vec![0xAA; 21_000];
    random.fill(&mut out).unwrap();
    assert_eq!(random.statistics().reseeds, 21);
    let error = random.fill(&mut out[..1]).unwrap_err();
    assert_eq!((error.kind(), out[0]), (ErrorKind::Disconnected, 0));
    assert_eq!(error.device().unwrap().to_string(), "scripted:1");
}

/// The same bytes by hand: seed and nonce from the first 48, then 32 at every reseeding.
#[test]
fn the_drbg_is_seeded_and_reseeded_from_the_pool_alone() {
    let source = Scripted::new(8.0, 8).noise(1).boxed();
    let mut random = DrbgRandom::new(source, &Config { reseed_bytes: 100, ..config() }).unwrap();
    let mut out = vec![0; 250];
    random.fill(&mut out).unwrap();

    let entropy = blocks(&Noise(1).bytes(40 * 4), 40);
    let mut drbg =
        HmacDrbg::instantiate(&entropy[..32], &entropy[32..48], b"qhal HMAC_DRBG scripted:1").unwrap();
    let mut expected = vec![0; 250];
    drbg.generate(&mut expected[..100], &[]).unwrap();
    drbg.reseed(&entropy[48..80], &[]).unwrap();
    drbg.generate(&mut expected[100..200], &[]).unwrap();
    drbg.reseed(&entropy[80..112], &[]).unwrap();
    drbg.generate(&mut expected[200..], &[]).unwrap();
    assert_eq!(out, expected);
    assert_eq!(random.statistics().reseeds, 3);
}

#[test]
fn a_seed_that_lies_in_the_pool_is_used_at_the_next_call() {
    let source = Scripted::new(8.0, 8).noise(1).boxed();
    let mut random = DrbgRandom::new(source, &config()).unwrap();
    let mut out = [0; 10];
    random.fill(&mut out).unwrap();
    random.fill(&mut out).unwrap();
    assert_eq!(random.statistics().reseeds, 1);
    random.top_up(80).unwrap();
    assert_eq!(random.statistics().pool_bits, 128 + 2 * 256);
    random.fill(&mut out).unwrap();
    assert_eq!((random.statistics().reseeds, random.statistics().pool_bits), (2, 128 + 256));
}

#[test]
fn topping_up_stops_when_the_pool_is_full() {
    let mut conditioned = Conditioned::new(Scripted::new(8.0, 8).noise(1).boxed(), &config()).unwrap();
    while conditioned.top_up(usize::MAX).unwrap() > 0 {}
    assert_eq!(conditioned.statistics().pool_bits, 4096 * 8);
    let read = conditioned.statistics().samples;
    assert_eq!(conditioned.top_up(100).unwrap(), 0);
    assert_eq!(conditioned.statistics().samples, read);
}

#[test]
fn prediction_resistance_takes_samples_from_after_the_call() {
    let source = Scripted::new(8.0, 8).noise(1);
    let given = source.counter();
    let config = Config { prediction_resistance: true, ..config() };
    let mut random = DrbgRandom::new(source.boxed(), &config).unwrap();
    random.start().unwrap();
    random.top_up(400).unwrap();
    assert_eq!(given.load(Ordering::Relaxed), 1024);
    let mut out = vec![0; 100];
    random.fill(&mut out).unwrap();
    // Two blocks for seed and nonce, although start-up samples and the pool were at hand.
    assert_eq!(given.load(Ordering::Relaxed), 1024 + 80);
    random.fill(&mut out).unwrap();
    random.fill(&mut vec![0; 70_000]).unwrap();
    // One block for each request: 100 bytes, 65 536 bytes, and the rest.
    assert_eq!(given.load(Ordering::Relaxed), 1024 + 80 + 3 * 40);
}

#[test]
fn a_slow_device_is_read_little_for_a_mebibyte() {
    // Two seconds of a device of 10 kB/s are 20 000 samples; even at one bit a byte half of that is enough.
    for (h, most) in [(8.0, 4096), (1.0, 10_000)] {
        let source = Scripted::new(h, 8).noise(1);
        let given = source.counter();
        let mut random = DrbgRandom::new(source.boxed(), &Config::default()).unwrap();
        random.fill(&mut vec![0; 1 << 20]).unwrap();
        let read = given.load(Ordering::Relaxed);
        assert!(read <= most, "{read} samples at {h} bits");
    }
}

#[test]
fn impossible_settings_are_refused() {
    let source = || Scripted::new(7.0, 8).boxed();
    for config in [
        Config { pool_bytes: 63, ..config() },
        Config { pool_bytes: usize::MAX, ..config() },
        Config { reseed_bytes: 0, ..config() },
        Config { reseed_bytes: u64::MAX, ..config() },
        Config { startup_samples: 1, ..config() },
    ] {
        assert_eq!(
            DrbgRandom::new(source(), &config).err().unwrap().kind(),
            ErrorKind::InvalidInput,
            "{config:?}"
        );
    }
}

/// A source that misbehaves at random: (samples, what then: 0 stuck, 1 wire error, 2 device unhealthy, else nothing).
fn troubled(steps: Vec<(usize, u8)>, most: usize, seed: u64) -> Scripted {
    let mut noise = Noise(seed);
    steps.into_iter().fold(Scripted::new(6.0, 8).at_most(most), |source, (samples, then)| {
        let source = source.samples(noise.bytes(samples));
        match then {
            0 => source.samples([7; 30]),
            1 => source.fail(ErrorKind::TimedOut, "no answer"),
            2 => source.fail(ErrorKind::Unhealthy, "flag raised"),
            _ => source,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_fill_is_all_or_zeros_and_a_shut_tap_stays_shut(
        steps in prop::collection::vec((1usize..3000, 0u8..8), 1..8),
        sizes in prop::collection::vec(0usize..600, 1..12),
        most in 1usize..2000,
        seed in any::<u64>(),
        reseed_bytes in 32u64..500,
        drbg in any::<bool>(),
        prediction_resistance in any::<bool>(),
    ) {
        let config = Config { reseed_bytes, prediction_resistance, ..config() };
        let source = troubled(steps, most, seed).boxed();
        let (mut first, mut second);
        let random: &mut dyn SecureRandom = if drbg {
            first = DrbgRandom::new(source, &config).unwrap();
            &mut first
        } else {
            second = Conditioned::new(source, &config).unwrap();
            &mut second
        };
        let mut shut = false;
        for size in sizes {
            let mut out = vec![0xAA; size];
            match random.fill(&mut out) {
                Ok(()) => {
                    prop_assert!(!shut);
                    // Eight bytes left as they were have a chance of 2^-64 in honest output.
                    prop_assert!(!out.windows(8).any(|part| part == [0xAA; 8] || part == [0; 8] || part == [0xEE; 8]));
                }
                Err(error) => {
                    prop_assert!(out.iter().all(|&byte| byte == 0));
                    prop_assert!(!shut || error.kind() == ErrorKind::Unhealthy);
                    shut |= error.kind() == ErrorKind::Unhealthy;
                }
            }
        }
    }
}
