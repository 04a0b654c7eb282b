//! How many bytes a second the tests, the conditioner, the DRBG and the whole way move.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{Noise, Scripted};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qhal::{MinEntropy, SecureRandom};
use qhal_entropy::conditioner::{Extraction, Seed};
use qhal_entropy::health::{Alpha, HealthTests};
use qhal_entropy::{Conditioned, Conditioner, Conditioning, Config, DrbgRandom, HmacDrbg};

const AMOUNT: usize = 1 << 20;

#[allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up should stop")]
fn throughput(c: &mut Criterion) {
    let noise = Noise(1).bytes(AMOUNT);
    let mut group = c.benchmark_group("throughput");
    group.throughput(Throughput::Bytes(AMOUNT as u64)).sample_size(20);
    for (h, bits) in [(7.0, 8), (0.9, 1)] {
        let mut tests = HealthTests::new(MinEntropy::new(h, bits).unwrap(), Alpha::DEFAULT).unwrap();
        group.bench_function(format!("health tests, {bits}-bit samples"), |b| {
            b.iter(|| tests.judge(black_box(&noise)).unwrap());
        });
    }
    let bits = Extraction::DEFAULT_INPUT_BITS;
    let seed = Seed::new(&Noise(4).bytes(Extraction::seed_bytes_for(bits).unwrap()), "benchmark").unwrap();
    let extraction = Extraction::new(bits, Extraction::DEFAULT_LOG2_EPSILON, None, seed).unwrap();
    let toeplitz = Conditioning::Toeplitz(extraction);
    for conditioning in [&Conditioning::Sha256, &toeplitz] {
        let mut conditioner = Conditioner::new(MinEntropy::new(7.0, 8).unwrap(), conditioning).unwrap();
        group.bench_function(format!("conditioner {}, raw bytes in", conditioning.as_str()), |b| {
            b.iter(|| {
                conditioner
                    .absorb(black_box(&noise), |block| {
                        black_box(block);
                    })
                    .unwrap();
            });
        });
    }
    let mut drbg = HmacDrbg::instantiate(&[1; 32], &[2; 16], &[]).unwrap();
    let mut out = vec![0; AMOUNT];
    group.bench_function("HMAC_DRBG", |b| {
        b.iter(|| out.chunks_mut(1 << 16).for_each(|part| drbg.generate(part, &[]).unwrap()));
    });
    // At 2^-40 and 8 bits a long run of the benchmark meets no false alarm.
    let config = Config { alpha: Alpha::new(40).unwrap(), ..Config::default() };
    for conditioning in [Conditioning::Sha256, toeplitz] {
        let name = format!("conditioned by {}, whole way", conditioning.as_str());
        let config = Config { conditioning, ..config.clone() };
        let mut conditioned = Conditioned::new(Scripted::new(7.0, 8).noise(2).boxed(), &config).unwrap();
        group.bench_function(name, |b| b.iter(|| conditioned.fill(&mut out).unwrap()));
    }
    let mut random = DrbgRandom::new(Scripted::new(7.0, 8).noise(3).boxed(), &config).unwrap();
    group.bench_function("drbg, whole way", |b| b.iter(|| random.fill(&mut out).unwrap()));
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
