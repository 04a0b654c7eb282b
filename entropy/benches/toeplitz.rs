//! How many input bits a second the Toeplitz extractor takes on one core, for blocks of several sizes.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::Noise;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qhal_entropy::toeplitz::{Toeplitz, seed_bytes};

/// Bits in and out: 8192 bits of a source of 6.5 and of one of 8 bits in eight, which is what the conditioner takes when
/// nobody says, and others.
const SIZES: [(usize, usize); 9] = [
    (4096, 2048),
    (8192, 6400),
    (8192, 7936),
    (16_384, 8192),
    (16_384, 13_056),
    (16_384, 16_128),
    (65_536, 32_768),
    (65_536, 53_120),
    (1 << 20, 1 << 18),
];

#[allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up should stop")]
fn toeplitz(c: &mut Criterion) {
    let mut group = c.benchmark_group("toeplitz");
    group.sample_size(20);
    for (inputs, outputs) in SIZES {
        let matrix = Toeplitz::new(inputs, outputs, &Noise(1).bytes(seed_bytes(inputs, outputs))).unwrap();
        let block = Noise(2).bytes(inputs / 8);
        let mut out = vec![0; outputs / 8];
        group.throughput(Throughput::Bits(inputs as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{inputs} to {outputs} bits")), |b| {
            b.iter(|| matrix.extract(black_box(&block), &mut out).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, toeplitz);
criterion_main!(benches);
