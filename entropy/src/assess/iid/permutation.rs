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

/// Symbols that are permuted where they are: they and the way to them stay in the first-level cache.
const FEW: usize = 1 << 13;

/// Random bytes that are made at a time.
const DRAWN: usize = 1 << 12;

/// 16-bit random numbers.
struct Draws<'a, R> {
    rng: &'a mut R,
    bytes: [u8; DRAWN],
    used: usize,
}

impl<'a, R: Rng> Draws<'a, R> {
    fn new(rng: &'a mut R) -> Self {
        Self { rng, bytes: [0; DRAWN], used: DRAWN }
    }

    fn draw(&mut self) -> u32 {
        if self.used >= DRAWN {
            self.rng.fill_bytes(&mut self.bytes);
            self.used = 0;
        }
        let number = u16::from_le_bytes([self.bytes[self.used], self.bytes[self.used + 1]]);
        self.used += 2;
        u32::from(number)
    }

    /// A number below `n`, which is 65 536 at most, all being equally likely; after Lemire, "Fast random integer
    /// generation in an interval" (2019).
    fn below(&mut self, n: u32) -> usize {
        const LOW: u32 = 0xFFFF;
        let mut product = self.draw() * n;
        if product & LOW < n {
            let surplus = (LOW + 1) % n;
            while product & LOW < surplus {
                product = self.draw() * n;
            }
        }
        (product >> 16) as usize
    }
}

/// Permutes `symbols`, all orders being equally likely, and gives them in a new list.
///
/// Every symbol goes to one of 256 heaps at random, and each heap is permuted by itself (Rao, Sankhyā A 23, 305, 1961;
/// Sandelius, J. R. Stat. Soc. B 24, 479, 1962): memory is then gone through in order but for what the caches hold.
fn shuffled(symbols: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    if symbols.len() <= FEW {
        let mut symbols = symbols.to_vec();
        let mut draws = Draws::new(rng);
        for last in (1..symbols.len()).rev() {
            symbols.swap(draws.below(last as u32 + 1), last);
        }
        return symbols;
    }
    let mut heap_of = vec![0; symbols.len()];
    rng.fill_bytes(&mut heap_of);
    let mut starts = [0usize; 257];
    for heap in &heap_of {
        starts[usize::from(*heap) + 1] += 1;
    }
    for heap in 0..256 {
        starts[heap + 1] += starts[heap];
    }
    let mut next = starts;
    let mut heaps = vec![0; symbols.len()];
    for (symbol, heap) in symbols.iter().zip(heap_of) {
        let next = &mut next[usize::from(heap)];
        heaps[*next] = *symbol;
        *next += 1;
    }
    for heap in starts.windows(2) {
        let heap = &mut heaps[heap[0]..heap[1]];
        heap.copy_from_slice(&shuffled(heap, rng));
    }
    heaps
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
            statistics.of(&shuffled(&samples.symbols, &mut rng), &wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every symbol is equally likely at every place, for lists below and above the size at which heaps are used.
    #[test]
    fn all_places_are_equally_likely() {
        for (length, rounds) in [(50usize, 40_000u32), (3 * FEW, 60)] {
            // One symbol in ten is marked, all of them at the beginning.
            let marked = length / 10;
            let symbols: Vec<u8> = (0..length).map(|place| u8::from(place < marked)).collect();
            let tenths = 10;
            let mut counts = vec![0u32; tenths];
            for round in 0..rounds {
                let mut rng = ChaCha8Rng::from_seed([7; 32]);
                rng.set_stream(u64::from(round));
                let permuted = shuffled(&symbols, &mut rng);
                assert_eq!(permuted.iter().map(|symbol| usize::from(*symbol)).sum::<usize>(), marked);
                for (place, symbol) in permuted.iter().enumerate() {
                    counts[place * tenths / length] += u32::from(*symbol);
                }
            }
            let expected = (marked as u32 * rounds) as f64 / tenths as f64;
            let score: f64 =
                counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
            // Chi-square with nine degrees of freedom exceeds 34 once in 10 000; here the counts vary a little less.
            assert!(score < 34.0, "{length}: {counts:?}");
        }
    }

    /// All 24 orders of four symbols.
    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut rng = ChaCha8Rng::from_seed([3; 32]);
        for _ in 0..24_000 {
            *counts.entry(shuffled(&[0, 1, 2, 3], &mut rng)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        let score: f64 = counts.values().map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0).sum();
        // With 23 degrees of freedom 56 is exceeded once in 10 000.
        assert!(score < 56.0, "{counts:?}");
    }

    /// Heaps, checked by what they are for: where the pairs of neighbours end up.
    #[test]
    fn neighbours_part() {
        let symbols: Vec<u8> = (0..4 * FEW).map(|place| (place / 256) as u8).collect();
        let mut rng = ChaCha8Rng::from_seed([9; 32]);
        let permuted = shuffled(&symbols, &mut rng);
        let equal = permuted.windows(2).filter(|pair| pair[0] == pair[1]).count();
        // One in 128 by chance: 256, with a standard deviation of 16.
        assert!((176..336).contains(&equal), "{equal}");
    }
}
