//! How long an assessment takes, on NIST's sample files and two threads.

use std::hint::black_box;
use std::num::NonZero;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use qhal_entropy::assess::{iid, non_iid, restart};

const TWO: NonZero<usize> = NonZero::new(2).unwrap();

#[allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up should stop")]
fn assess(c: &mut Criterion) {
    let mut group = c.benchmark_group("assess");
    group.sample_size(10);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sp800-90b");
    let files = ["truerand_8bit.bin", "truerand_4bit.bin", "truerand_1bit.bin"];
    for name in files {
        let data = std::fs::read(folder.join(name)).unwrap();
        group.bench_function(format!("non-IID, {name}"), |b| {
            b.iter(|| non_iid(black_box(&data), None, TWO).unwrap());
        });
    }
    let data = std::fs::read(folder.join("truerand_8bit.bin")).unwrap();
    group.bench_function("IID, truerand_8bit.bin", |b| {
        b.iter(|| iid(black_box(&data), None, [1; 32], TWO).unwrap());
    });
    group.bench_function("restart, truerand_8bit.bin", |b| {
        b.iter(|| restart(black_box(&data), None, 7.0, TWO).unwrap());
    });
    group.finish();
}

criterion_group!(benches, assess);
criterion_main!(benches);
