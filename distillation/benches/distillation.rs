//! How long the steps of distillation take on one block.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{key, with_errors};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qhal_distillation::amplification::Toeplitz;
use qhal_distillation::authentication::{Pad, TagKey};
use qhal_distillation::cascade::{self, Plan, Schedule};
use qhal_distillation::verification::Verification;

#[allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up should stop")]
fn distillation(c: &mut Criterion) {
    let mut group = c.benchmark_group("distillation");
    group.sample_size(10);

    let length = 65_536;
    group.throughput(Throughput::Elements(length as u64));
    let right = key(1, length);
    let (wrong, _) = with_errors(&right, 0.02, 2);
    for (name, schedule) in [("original", Schedule::original(0.02)), ("frugal", Schedule::frugal(0.02))] {
        group.bench_function(format!("Cascade {name}, 65 536 bits, 2 %"), |b| {
            b.iter(|| {
                let plan = Plan::new(length, &schedule, [5; 32]).unwrap();
                cascade::reconcile(&plan, black_box(&right), black_box(&wrong)).unwrap()
            });
        });
    }

    for bits in [20, 24] {
        let (input, output) = (1 << bits, 1 << (bits - 2));
        group.throughput(Throughput::Elements(input as u64));
        let (x, seed) = (key(5, input), key(6, input + output - 1));
        group.bench_function(format!("Toeplitz, 2^{bits} bits to a quarter"), |b| {
            b.iter(|| {
                Toeplitz::new(input, output).unwrap().amplify(black_box(&x), black_box(&seed)).unwrap()
            });
        });
    }

    let length = 1 << 20;
    group.throughput(Throughput::Elements(length as u64));
    let (block, message) = (key(7, length), vec![9; length / 8]);
    let verification = Verification::new(1e-15).unwrap();
    group.bench_function("verification, 2^20 bits", |b| {
        b.iter(|| verification.tag(black_box(&block), &[1; 32]))
    });
    let (tag_key, pad) = (TagKey::new([1; 16]), Pad::new([2; 16]));
    group.bench_function("authentication, 2^20 bits", |b| {
        b.iter(|| tag_key.tag(&[black_box(&message)], &pad))
    });
    group.finish();
}

criterion_group!(benches, distillation);
criterion_main!(benches);
