//! The permutation tests: whether any statistic of the samples is extreme among those of their permutations (§5.1).

use std::num::NonZero;

use qhal::Result;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::super::samples::Samples;
use super::super::tasks;
use super::Permuted;
use super::statistics::{COUNT, NAMES, Statistics};

/// Permutations of a test that does not pass earlier.
const PERMUTATIONS: u32 = 10_000;

/// A statistic has passed once more than so many permutations lie at or above it, and as many at or below.
const MARGIN: u32 = 5;

/// Permutations between two looks at what has passed. It is fixed, so that no result depends on the threads.
const BATCH: u32 = 8;

/// Permutes `symbols`, all orders being equally likely (Fisher–Yates).
fn shuffle(symbols: &mut [u8], rng: &mut impl Rng) {
    for last in (1..symbols.len()).rev() {
        symbols.swap(below(last as u32 + 1, rng), last);
    }
}

/// A number below `n`, all being equally likely; after Lemire, "Fast random integer generation in an interval" (2019).
fn below(n: u32, rng: &mut impl Rng) -> usize {
    let mut product = u64::from(rng.next_u32()) * u64::from(n);
    if (product as u32) < n {
        let surplus = n.wrapping_neg() % n;
        while (product as u32) < surplus {
            product = u64::from(rng.next_u32()) * u64::from(n);
        }
    }
    (product >> 32) as usize
}

fn has_passed(statistic: &Permuted) -> bool {
    statistic.greater + statistic.equal > MARGIN && statistic.equal + statistic.less > MARGIN
}

/// §5.1, and how many permutations it took.
///
/// # Errors
/// `Exhausted` when memory for sorting runs out, `Other` when a thread stops.
pub(super) fn test(
    samples: &Samples<'_>,
    seed: [u8; 32],
    threads: NonZero<usize>,
) -> Result<(Vec<Permuted>, u32)> {
    let statistics = Statistics::new(samples);
    let values = statistics.of(&samples.symbols, &[true; COUNT])?;
    let mut results: Vec<Permuted> = NAMES
        .into_iter()
        .zip(values)
        .map(|(name, value)| Permuted { name, value, greater: 0, equal: 0, less: 0, passed: false })
        .collect();
    let mut made = 0;
    while made < PERMUTATIONS && results.iter().any(|result| !result.passed) {
        let mut wanted = [false; COUNT];
        for (wanted, result) in wanted.iter_mut().zip(&results) {
            *wanted = !result.passed;
        }
        let batch: Vec<u32> = (made..PERMUTATIONS.min(made + BATCH)).collect();
        let permuted = tasks::run(threads, &batch, |number| {
            let mut rng = ChaCha8Rng::from_seed(seed);
            rng.set_stream(u64::from(*number));
            let mut symbols = samples.symbols.clone();
            shuffle(&mut symbols, &mut rng);
            statistics.of(&symbols, &wanted)
        })?;
        for values in permuted {
            made += 1;
            for (result, value) in results.iter_mut().zip(values).filter(|(result, _)| !result.passed) {
                if value > result.value {
                    result.greater += 1;
                } else if value < result.value {
                    result.less += 1;
                } else {
                    result.equal += 1;
                }
                result.passed = has_passed(result);
            }
        }
    }
    Ok((results, made))
}
