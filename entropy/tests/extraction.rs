//! The whole way with a Toeplitz extractor in the place of SHA-256: its bytes, its credit, its failures, several devices.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Noise, Scripted};
use qhal::conformance::secure_random;
use qhal::{ErrorKind, Provenance, SecureRandom, Stage};
use qhal_entropy::conditioner::{Extraction, Seed};
use qhal_entropy::mixture::{Block, Event, Feeder, Offer, Opened};
use qhal_entropy::toeplitz::seed_bytes;
use qhal_entropy::{Combine, Conditioned, Conditioning, Config, DrbgRandom, HmacDrbg, Mixture, Toeplitz};

/// Bits that go into a product here.
const INPUT: usize = 4096;

/// Of a device with 7 bits in eight, 512 samples hold 3584 bits: 3456 may come out, 13 blocks of 256 do.
const ROUND: usize = 13 * 32;

fn seed() -> Vec<u8> {
    Noise(77).bytes(INPUT / 4)
}

fn config() -> Config {
    let seed = Seed::new(&seed(), "test").unwrap();
    let extraction = Extraction::new(INPUT, 64, None, seed).unwrap();
    Config { startup_samples: 1024, conditioning: Conditioning::Toeplitz(extraction), ..Config::default() }
}

fn assessed(rate: f64) -> Config {
    let seed = Seed::new(&seed(), "test").unwrap();
    let extraction = Extraction::new(INPUT, 64, Some(rate), seed).unwrap();
    Config { conditioning: Conditioning::Toeplitz(extraction), ..config() }
}

fn source(seed: u64) -> Scripted {
    Scripted::new(7.0, 8).noise(seed)
}

/// What the definition makes of the samples, product by product.
fn products(samples: &[u8]) -> Vec<u8> {
    let seed = &seed()[..seed_bytes(INPUT, 8 * ROUND)];
    let matrix = Toeplitz::new(INPUT, 8 * ROUND, seed).unwrap();
    let product = |samples| {
        let mut out = vec![0; ROUND];
        matrix.extract(samples, &mut out).unwrap();
        out
    };
    samples.chunks_exact(INPUT / 8).flat_map(product).collect()
}

#[test]
fn it_keeps_the_promises_of_a_secure_random() {
    let good = |seed| source(seed).at_most(5000).boxed();
    secure_random::check(&mut Conditioned::new(good(1), &config()).unwrap()).unwrap();
    secure_random::check(&mut DrbgRandom::new(good(2), &config()).unwrap()).unwrap();
    let fresh = Config { prediction_resistance: true, ..assessed(0.8) };
    secure_random::check(&mut DrbgRandom::new(good(3), &fresh).unwrap()).unwrap();
    let stuck = || Scripted::new(7.0, 8).samples(vec![1; 5000]).boxed();
    secure_random::check_refusal(&mut Conditioned::new(stuck(), &config()).unwrap()).unwrap();
    secure_random::check_refusal(&mut DrbgRandom::new(stuck(), &config()).unwrap()).unwrap();
}

#[test]
fn its_bytes_are_products_of_the_samples_and_provenance_is_the_sources() {
    for (pool_bytes, most) in [(4096, usize::MAX), (64, 300), (1000, 7)] {
        let source = source(1).from(Provenance::Remote, Stage::Raw).at_most(most);
        let given = source.counter();
        let mut conditioned = Conditioned::new(source.boxed(), &Config { pool_bytes, ..config() }).unwrap();
        let mut out = vec![0; 10_000];
        let (first, second) = out.split_at_mut(3001);
        conditioned.fill(first).unwrap();
        conditioned.fill(second).unwrap();
        let samples = given.load(Ordering::Relaxed) as usize;
        let rounds = 10_000usize.div_ceil(ROUND);
        assert_eq!(samples, rounds * INPUT / 8, "no sample more than the products take");
        assert_eq!(out, products(&Noise(1).bytes(rounds * INPUT / 8))[..10_000], "{pool_bytes} {most}");
        assert_eq!(conditioned.provenance(), Provenance::Remote);
    }
}

/// SP 800-90B §3.1.5.2: at most 0.999 bits per bit and at most what was assessed.
#[test]
fn the_pool_counts_what_is_credited() {
    for (config, per_byte) in [(config(), 7.992), (assessed(0.93), 7.44), (assessed(1.0), 7.992)] {
        let mut conditioned = Conditioned::new(source(1).boxed(), &config).unwrap();
        conditioned.start().unwrap();
        while conditioned.top_up(100).unwrap() > 0 {}
        // Nine rounds of 416 bytes fit 4096 bytes, and no sample more is taken than they need.
        let figures = conditioned.statistics();
        assert_eq!(figures.pool_bits, (9.0 * ROUND as f64 * per_byte) as u64);
        assert_eq!(figures.samples, 9 * 512);
        let block = conditioned.conditioner().block_entropy();
        assert!((block - 32.0 * per_byte).abs() < 1e-9, "{block}");
        conditioned.fill(&mut [0; 32]).unwrap();
        assert_eq!(conditioned.statistics().pool_bits, ((9 * ROUND - 32) as f64 * per_byte) as u64);
    }
}

/// 33 bytes are credited with 263 bits, 32 with no more than 255.
#[test]
fn the_drbg_takes_as_many_bytes_as_hold_its_seed() {
    for (config, entropy, nonce) in [(config(), 33, 17), (assessed(0.5), 64, 32)] {
        let mut random = DrbgRandom::new(source(5).boxed(), &config).unwrap();
        let mut out = [0; 48];
        random.fill(&mut out).unwrap();
        let supply = products(&Noise(5).bytes(512));
        let (seed, rest) = supply.split_at(entropy);
        let personalization = b"qhal HMAC_DRBG scripted:1";
        let mut expected = [0; 48];
        let mut drbg = HmacDrbg::instantiate(seed, &rest[..nonce], personalization).unwrap();
        drbg.generate(&mut expected, &[]).unwrap();
        assert_eq!(out, expected);
        // The rest of the product lies ready: the next request is reseeded from it.
        random.fill(&mut out).unwrap();
        drbg.reseed(&rest[nonce..nonce + entropy], &[]).unwrap();
        drbg.generate(&mut expected, &[]).unwrap();
        assert_eq!((out, random.statistics().reseeds), (expected, 2));
    }
}

#[test]
fn a_failed_test_empties_the_pool_and_the_product_that_was_begun() {
    let source = Scripted::new(7.0, 8).samples(Noise(1).bytes(2000)).samples([8; 300]).noise(2);
    let mut conditioned = Conditioned::new(source.boxed(), &config()).unwrap();
    let mut out = vec![0xAA; 3 * ROUND];
    conditioned.fill(&mut out[..1]).unwrap();
    let error = conditioned.fill(&mut out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unhealthy);
    assert!(out.iter().all(|&byte| byte == 0));
    assert_eq!(conditioned.statistics().pool_bits, 0);
    secure_random::check_refusal(&mut conditioned).unwrap();
    while conditioned.restart().is_err() {}
    conditioned.fill(&mut out).unwrap();
    // Nothing of the samples before the failure is in it: whatever was read last, it is a run of the second noise.
    let samples = Noise(2).bytes(10_000);
    let begins = (0..samples.len() - 3 * 512).find(|&at| products(&samples[at..at + 3 * 512]) == out);
    assert!(begins.is_some());
}

#[test]
fn a_device_with_too_little_entropy_is_refused_by_name() {
    let error = Conditioned::new(Scripted::new(0.5, 8).boxed(), &config()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("scripted:1"), "{error}");
    assert!(error.message().contains("set a larger input"), "{error}");
}

/// One seed serves several devices; a redundant block is the exclusive or of a block of each.
#[test]
fn blocks_of_several_devices_are_combined() {
    let feeder = |seed| {
        let open = move || Ok(Opened { source: source(seed).boxed(), fallback: false });
        Feeder::new(Box::new(open), config())
    };
    let gather = |seed| -> Vec<Block> {
        let (mut feeder, mut blocks) = (feeder(seed), Vec::new());
        assert!(matches!(feeder.step(Duration::ZERO, 0, &mut blocks), Event::Admitted { .. }));
        while blocks.is_empty() {
            assert!(matches!(feeder.step(Duration::ZERO, 0, &mut blocks), Event::Gathered { .. }));
        }
        assert_eq!(feeder.totals().blocks, 13);
        blocks
    };
    let (a, b) = (gather(1), gather(2));
    let joined: Vec<u8> = a.iter().flat_map(|block| block.to_vec()).collect();
    assert_eq!(joined, products(&Noise(1).bytes(512)));
    let mut mixture = Mixture::new(Combine::Redundant, 2, 4096).unwrap();
    let device = |unit| qhal::Descriptor {
        id: qhal::DeviceId::new("scripted", unit),
        ..source(1).boxed().descriptor().clone()
    };
    for unit in ["1", "2"] {
        mixture.admit(device(unit), false);
    }
    let mut out = [0; 32];
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(mixture.offer(&device("1").id, 0, a), Offer::Taken);
        assert_eq!(mixture.offer(&device("2").id, 0, b), Offer::Taken);
        assert_eq!(mixture.take(&mut out).unwrap(), 32);
        let sum: Vec<u8> = a.iter().zip(b.iter()).map(|(a, b)| a ^ b).collect();
        assert_eq!(out, sum[..]);
    }
}
