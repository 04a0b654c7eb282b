//! The tap: nothing passes before the start-up test, nothing after a failed one, and never an unjudged byte.

#![allow(clippy::unwrap_used, reason = "a test fails that way, and so do its helpers")]

mod common;

use std::sync::atomic::Ordering;

use common::{Noise, Scripted};
use proptest::prelude::*;
use qhal::{ErrorKind, Health, Provenance, Stage};
use qhal_entropy::{Alpha, Config, FailedTest, Tap};

fn config() -> Config {
    Config { startup_samples: 1024, ..Config::default() }
}

#[test]
fn passed_start_up_samples_are_the_first_to_be_given() {
    let noise = Noise(1).bytes(3000);
    for most in [usize::MAX, 700, 1] {
        let source = Scripted::new(7.0, 8).samples(noise.clone()).at_most(most);
        let given = source.counter();
        let mut tap = Tap::new(source.boxed(), &config()).unwrap();
        assert_eq!(given.load(Ordering::Relaxed), 0);
        let mut out = vec![0; 3000];
        tap.read_exact(&mut out[..10]).unwrap();
        assert_eq!(given.load(Ordering::Relaxed), 1024, "no more is read than the start-up test wants");
        tap.read_exact(&mut out[10..]).unwrap();
        assert_eq!(out, noise);
        let figures = tap.statistics();
        assert_eq!((figures.samples, figures.startups, figures.bytes_out), (3000, 1, 3000));
        assert_eq!((figures.failures(), figures.pool_bits, figures.reseeds), (0, 0, 0));
    }
}

#[test]
fn a_stuck_source_fails_the_start_up_test_and_gives_nothing() {
    let source = Scripted::new(0.5, 8).samples(vec![9; 1024]).noise(1).boxed();
    let mut tap = Tap::new(source, &Config { alpha: Alpha::new(20).unwrap(), ..config() }).unwrap();
    let sentence = "scripted:1: start-up test: repetition count test failed: 41 equal samples in a row, cut-off 41; \
                    nothing is given until it is restarted";
    for _ in 0..3 {
        let mut out = [0xAA; 16];
        let error = tap.read(&mut out).unwrap_err();
        assert_eq!((error.kind(), error.chain().as_str()), (ErrorKind::Unhealthy, sentence));
        assert_eq!(out, [0; 16]);
    }
    // Not even for nothing at all, and not by the other ways in.
    assert!(tap.read(&mut []).is_err() && tap.read_exact(&mut []).is_err() && tap.start().is_err());
    assert!(matches!(tap.health().unwrap(), Health::Failed(why) if why.contains("repetition count")));
    assert!(tap.failure().unwrap().at_startup);
    assert_eq!(tap.statistics().repetition_failures, 1);
}

#[test]
fn a_failure_in_mid_stream_shuts_it_until_a_restart() {
    let good = Noise(2).bytes(1500);
    let source = Scripted::new(7.0, 8).samples(good.clone()).samples(vec![3; 20]).noise(3).boxed();
    let mut tap = Tap::new(source, &config()).unwrap();
    let mut out = vec![0; 1500];
    tap.read_exact(&mut out).unwrap();
    assert_eq!(out, good);
    let mut out = [0xAA; 64];
    let error = tap.read(&mut out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unhealthy);
    assert!(error.message().starts_with("repetition count test failed: 6 equal samples"), "{error}");
    assert_eq!(out, [0; 64]);
    // The source is fine again by now; the tap stays shut all the same.
    assert!(tap.read(&mut out).is_err());
    tap.restart().unwrap();
    assert_eq!(tap.failure(), None);
    tap.read_exact(&mut out).unwrap();
    assert_ne!(out, [0; 64]);
    let figures = tap.statistics();
    assert_eq!((figures.startups, figures.repetition_failures), (2, 1));
    assert!(figures.longest_run >= 6, "the run that failed stays on record");
}

#[test]
fn a_biased_source_fails_the_adaptive_proportion_test() {
    // Nine ones to every zero, and a claim of 0.9 bits: 645 of 1024 is too many, long runs do not come.
    let bits: Vec<u8> = (0..4096u32).map(|i| u8::from(i % 10 != 9)).collect();
    let mut tap = Tap::new(Scripted::new(0.9, 1).samples(bits).boxed(), &config()).unwrap();
    let error = tap.start().unwrap_err();
    assert!(error.message().contains("645 equal samples in a window of 1024, cut-off 645"), "{error}");
    let test = FailedTest::AdaptiveProportion { count: 645, window: 1024, cutoff: 645 };
    assert_eq!(tap.failure().unwrap().test, test);
    assert_eq!(tap.statistics().proportion_failures, 1);
}

#[test]
fn the_device_s_own_verdict_counts() {
    let source = Scripted::new(7.0, 8)
        .samples(Noise(4).bytes(1100))
        .fail(ErrorKind::Unhealthy, "flag 'voltage low' is raised")
        .noise(5)
        .boxed();
    let mut tap = Tap::new(source, &config()).unwrap();
    let mut out = [0; 1100];
    tap.read_exact(&mut out).unwrap();
    for _ in 0..2 {
        let error = tap.read(&mut out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unhealthy);
        assert!(
            error.message().contains("device's own health test failed: flag 'voltage low' is raised"),
            "{error}"
        );
        assert_eq!(out, [0; 1100]);
    }
    assert_eq!(tap.statistics().device_failures, 1);
    tap.restart().unwrap();
}

#[test]
fn a_wire_error_passes_through_and_does_not_shut_it() {
    let source = Scripted::new(7.0, 8)
        .samples(Noise(6).bytes(600))
        .fail(ErrorKind::TimedOut, "no answer within 500 ms")
        .samples(Noise(7).bytes(1024))
        .fail(ErrorKind::TimedOut, "no answer within 500 ms")
        .samples(Noise(8).bytes(50))
        .boxed();
    let mut tap = Tap::new(source, &config()).unwrap();
    let mut out = [0xAA; 1074];
    let error = tap.read_exact(&mut out).unwrap_err();
    assert_eq!((error.kind(), out), (ErrorKind::TimedOut, [0; 1074]));
    assert_eq!(error.device().unwrap().to_string(), "scripted:1");
    // The start-up test begins anew: the 600 samples of the first attempt are not among those given.
    tap.read_exact(&mut out[..1024]).unwrap();
    assert_eq!(&out[..1024], Noise(7).bytes(1024));
    assert_eq!(tap.read(&mut out).unwrap_err().kind(), ErrorKind::TimedOut);
    // A disconnection in the middle of a long read leaves nothing of its first part.
    let error = tap.read_exact(&mut out).unwrap_err();
    assert_eq!((error.kind(), out), (ErrorKind::Disconnected, [0; 1074]));
    assert_eq!(tap.failure(), None);
}

#[test]
fn runs_are_seen_across_reads_and_across_the_start_up_test() {
    let mut start = Noise(9).bytes(1024);
    start[1021..].copy_from_slice(&[5; 3]);
    let source = Scripted::new(7.0, 8).samples(start).samples([5]).samples([5]).samples([5]).boxed();
    let mut tap = Tap::new(source, &config()).unwrap();
    let mut out = [0; 1026];
    let error = tap.read_exact(&mut out).and_then(|()| tap.read_exact(&mut out[..1])).unwrap_err();
    assert!(error.message().starts_with("repetition count test failed: 6 equal samples"), "{error}");
}

#[test]
fn a_source_that_breaks_its_contract_is_named() {
    for claimed in [0, 5000] {
        let source = Scripted::new(7.0, 8).then(common::Step::Claim(claimed)).noise(1).boxed();
        let mut tap = Tap::new(source, &config()).unwrap();
        let mut out = [0xAA; 8];
        let error = tap.read(&mut out).unwrap_err();
        assert_eq!((error.kind(), out), (ErrorKind::Protocol, [0; 8]));
        assert!(error.message().contains(&format!("says it gave {claimed}")), "{error}");
    }
}

#[test]
fn whitened_sources_are_tested_too_and_provenance_passes_through() {
    for provenance in
        [Provenance::Hardware, Provenance::Remote, Provenance::Unverified, Provenance::Simulated]
    {
        let source = Scripted::new(8.0, 8).from(provenance, Stage::Conditioned).samples([4; 1024]).boxed();
        let mut tap = Tap::new(source, &config()).unwrap();
        assert_eq!(tap.provenance(), provenance);
        assert!(tap.start().unwrap_err().message().contains("repetition count test failed: 5 equal"));
    }
}

#[test]
fn impossible_settings_are_refused() {
    let source = || Scripted::new(7.0, 8).boxed();
    for startup_samples in [0, 1023, usize::MAX] {
        let error = Tap::new(source(), &Config { startup_samples, ..Config::default() }).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let error = Tap::new(Scripted::new(0.01, 8).boxed(), &config()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the read sizes: what comes out is what went in, with zeros (never the source's scribbles) behind.
    #[test]
    fn short_reads_lose_and_add_nothing(most in 1usize..400, size in 1usize..400, seed in any::<u64>()) {
        let samples = Noise(seed).bytes(2500);
        let source = Scripted::new(4.0, 8).samples(samples.clone()).at_most(most).boxed();
        let mut tap = Tap::new(source, &config()).unwrap();
        let mut got = Vec::new();
        let error = loop {
            let mut out = vec![0xAA; size];
            match tap.read(&mut out) {
                Ok(count) => {
                    prop_assert!((1..=size).contains(&count));
                    prop_assert!(out[count..].iter().all(|&byte| byte == 0));
                    got.extend_from_slice(&out[..count]);
                }
                Err(error) => break error,
            }
        };
        prop_assert_eq!(error.kind(), ErrorKind::Disconnected);
        prop_assert_eq!(got, samples);
    }
}
