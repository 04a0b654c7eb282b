//! The nineteen statistics of the permutation tests (SP 800-90B §5.1.1 to §5.1.11).

use qhal::Result;

use super::super::samples::Samples;
use super::decimal_bzip2::Decimal;

/// How many there are.
pub(super) const COUNT: usize = 19;

/// Their names, in the order of the standard.
pub(super) const NAMES: [&str; COUNT] = [
    "excursion",
    "directional_runs",
    "longest_directional_run",
    "increases_decreases",
    "median_runs",
    "longest_median_run",
    "average_collision",
    "maximum_collision",
    "periodicity_1",
    "periodicity_2",
    "periodicity_8",
    "periodicity_16",
    "periodicity_32",
    "covariance_1",
    "covariance_2",
    "covariance_8",
    "covariance_16",
    "covariance_32",
    "compression",
];

/// The lags of the periodicity and covariance statistics.
const LAGS: [usize; 5] = [1, 2, 8, 16, 32];

/// bzip2's level, of 1 to 9, that NIST's tool compresses with.
const COMPRESSION_LEVEL: usize = 5;

/// What the statistics need to know of the samples and no permutation changes.
pub(super) struct Statistics {
    alphabet: usize,
    /// The raw value of each symbol.
    raw: [u8; 256],
    decimal: Decimal,
    mean: f64,
    /// Twice the median of the symbols; 1, for one half, when there are two.
    twice_median: usize,
}

impl Statistics {
    pub(super) fn new(samples: &Samples<'_>) -> Self {
        let mut raw = [0; 256];
        for (&symbol, &sample) in samples.symbols.iter().zip(samples.raw) {
            raw[usize::from(symbol)] = sample;
        }
        let sum: u64 = samples.raw.iter().map(|sample| u64::from(*sample)).sum();
        let mut sorted = samples.symbols.clone();
        sorted.sort_unstable();
        let half = sorted.len() / 2;
        let middle = |at: usize| usize::from(sorted.get(at).copied().unwrap_or_default());
        let twice_median = match (samples.alphabet, sorted.len() % 2) {
            (2, _) => 1,
            (_, 1) => 2 * middle(half),
            _ => middle(half) + middle(half - 1),
        };
        Self {
            alphabet: samples.alphabet,
            raw,
            decimal: Decimal::new(&raw, samples.alphabet, COMPRESSION_LEVEL),
            mean: sum as f64 / samples.raw.len() as f64,
            twice_median,
        }
    }

    /// The statistics that are `wanted` of `symbols`, a permutation of the samples' symbols; the others are 0.
    ///
    /// # Errors
    /// `Exhausted` when memory for sorting runs out.
    pub(super) fn of(&self, symbols: &[u8], wanted: &[bool; COUNT]) -> Result<[f64; COUNT]> {
        let mut values = [0.0; COUNT];
        let any = |range: std::ops::Range<usize>| wanted[range].contains(&true);
        let binary = self.alphabet == 2;
        if any(0..1) {
            values[0] = self.excursion(symbols);
        }
        // Conversion I of §5.1: the ones in each eight bits.
        let ones: Vec<u8> = if binary && (any(1..4) || any(8..18)) {
            symbols.chunks(8).map(|bits| bits.iter().sum()).collect()
        } else {
            Vec::new()
        };
        let converted = if binary { &*ones } else { symbols };
        if any(1..4) {
            let runs = Runs::of(converted.windows(2).map(|pair| pair[0] > pair[1]));
            values[1] = f64::from(runs.number);
            values[2] = f64::from(runs.longest);
            values[3] = f64::from(runs.steps[0].max(runs.steps[1]));
        }
        if any(4..6) {
            let runs = Runs::of(symbols.iter().map(|symbol| 2 * usize::from(*symbol) < self.twice_median));
            values[4] = f64::from(runs.number);
            values[5] = f64::from(runs.longest);
        }
        if any(6..8) {
            [values[6], values[7]] = if binary {
                // Conversion II of §5.1: each eight bits as a number, the last filled up with zeros.
                let bytes: Vec<u8> = symbols
                    .chunks(8)
                    .map(|bits| bits.iter().zip((0..8).rev()).map(|(bit, place)| bit << place).sum())
                    .collect();
                collisions(&bytes)
            } else {
                collisions(symbols)
            };
        }
        for (at, lag) in LAGS.into_iter().enumerate() {
            let pairs = || converted.iter().zip(converted.iter().skip(lag));
            if wanted[8 + at] {
                values[8 + at] = pairs().filter(|(a, b)| a == b).count() as f64;
            }
            if wanted[13 + at] {
                let raw = |symbol: u8| u64::from(if binary { symbol } else { self.raw[usize::from(symbol)] });
                values[13 + at] = pairs().map(|(a, b)| raw(*a) * raw(*b)).sum::<u64>() as f64;
            }
        }
        if any(18..19) {
            values[18] = self.decimal.compressed_length(symbols)? as f64;
        }
        Ok(values)
    }

    /// §5.1.1.
    fn excursion(&self, symbols: &[u8]) -> f64 {
        let (mut sum, mut furthest) = (0.0, 0.0f64);
        for (i, symbol) in symbols.iter().enumerate() {
            sum += f64::from(self.raw[usize::from(*symbol)]);
            furthest = furthest.max((sum - (i + 1) as f64 * self.mean).abs());
        }
        furthest
    }
}

/// Runs of equal steps (§5.1.2 to §5.1.6).
struct Runs {
    number: u32,
    longest: u32,
    /// Steps that are false, and that are true.
    steps: [u32; 2],
}

impl Runs {
    fn of(steps: impl Iterator<Item = bool>) -> Self {
        let mut runs = Self { number: 0, longest: 0, steps: [0; 2] };
        let (mut last, mut length) = (None, 0);
        for step in steps {
            runs.steps[usize::from(step)] += 1;
            if last == Some(step) {
                length += 1;
            } else {
                runs.number += 1;
                length = 1;
                last = Some(step);
            }
            runs.longest = runs.longest.max(length);
        }
        // NIST's tool takes the longest of no runs to be 1.
        runs.longest = runs.longest.max(1);
        runs
    }
}

/// §5.1.7 and §5.1.8: how many samples it takes, on average and at most, until one repeats; 0 when none does.
fn collisions(symbols: &[u8]) -> [f64; 2] {
    // The start of the search in which each symbol was last met, counted from 1.
    let mut met = [0usize; 256];
    let (mut search, mut length, mut number) = (1, 0usize, 0u64);
    let (mut sum, mut most) = (0u64, 0usize);
    for symbol in symbols {
        length += 1;
        let met = &mut met[usize::from(*symbol)];
        if *met == search {
            number += 1;
            sum += length as u64;
            most = most.max(length);
            search += 1;
            length = 0;
        } else {
            *met = search;
        }
    }
    if number == 0 { [0.0; 2] } else { [sum as f64 / number as f64, most as f64] }
}
