//! Restart tests: whether the source gives the same again when it is started again (SP 800-90B §3.1.4).

use std::num::NonZero;

use qhal::{Error, ErrorKind, Result};

use super::estimates::Estimates;
use super::non_iid::Estimator;
use super::samples::Samples;
use super::tasks;

/// Restarts, and samples that are taken after each (§3.1.4.1).
pub const RESTARTS: usize = 1000;

/// The probability that a test of an honest source fails the sanity check (§3.1.4.3).
const FALSE_ALARM: f64 = 0.01;

/// The outcome of the restart tests.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartAssessment {
    /// Different symbols among the samples.
    pub symbols: usize,
    /// Bits of one sample, 1 to 8: as given, or those of the widest symbol.
    pub bits: u8,
    /// H_I: the initial estimate that is put to the test, in bits per sample.
    pub initial: f64,
    /// The count that one symbol may reach in a row or column (§3.1.4.3).
    pub cutoff: u32,
    /// The highest count of one symbol in any row.
    pub highest_in_row: u32,
    /// The highest count of one symbol in any column.
    pub highest_in_column: u32,
    /// Whether neither exceeds the cut-off: the sanity check of §3.1.4.3.
    pub sane: bool,
    /// The estimates of the rows one after another, in bits per sample.
    pub rows: Estimates,
    /// The estimates of the columns one after another, in bits per sample.
    pub columns: Estimates,
    /// H_r: the least estimate of the rows.
    pub h_rows: f64,
    /// H_c: the least estimate of the columns.
    pub h_columns: f64,
    /// Whether the source is sane and both H_r and H_c are at least half of H_I (§3.1.4.2).
    pub passed: bool,
    /// min(H_r, H_c, H_I), in bits per sample, and 0 when the tests were not passed: such a source is credited with
    /// nothing.
    pub assessed: f64,
    /// What to know before the result is relied on, one sentence each.
    pub warnings: Vec<String>,
}

/// Tests 1000 samples of each of 1000 restarts, on the non-IID track (SP 800-90B §3.1.4).
///
/// `data` is the row data set of §3.1.4.1: the samples after the first restart, then those after the second, and so on,
/// one to a byte. `bits` is the width of a sample, by default that of the widest symbol; `initial` is H_I, the estimate
/// that is put to the test, in bits per sample. As in NIST's tool the bit
/// string is not looked at, and the cut-off is that of the distribution with the highest collision bound for its
/// entropy: as many symbols of probability 2^−H_I as fit, and one for the rest. NIST's tool finds it by simulation; here
/// it is computed, so that it needs no seed and is always the same.
///
/// # Errors
/// `InvalidInput` when there are not exactly 1 000 000 samples, H_I is not above 0 and at most what the symbols allow, or
/// the width is not 1 to 8 or exceeded; otherwise as [`non_iid`](super::non_iid()).
pub fn restart(
    data: &[u8],
    bits: Option<u8>,
    initial: f64,
    threads: NonZero<usize>,
) -> Result<RestartAssessment> {
    let invalid = |sentence: String| Error::new(ErrorKind::InvalidInput, sentence);
    if data.len() != RESTARTS * RESTARTS {
        return Err(invalid(format!(
            "restart tests take {RESTARTS} samples of each of {RESTARTS} restarts, and {} samples were given",
            data.len()
        )));
    }
    let samples = Samples::new(data, bits)?;
    let most = f64::from(samples.bits).min((samples.alphabet as f64).log2());
    // `most` is rounded, and an alphabet that is just used up must be allowed.
    if !(initial > 0.0 && initial <= most + 1e-9) {
        return Err(invalid(format!(
            "an initial estimate of {initial} bits per sample cannot be tested: {} symbols of {} bits hold above 0 and \
             at most {most}",
            samples.alphabet, samples.bits
        )));
    }
    let cutoff = cutoff(initial);
    let rows = &samples.symbols;
    let columns: Vec<u8> =
        (0..RESTARTS).flat_map(|column| rows.iter().skip(column).step_by(RESTARTS).copied()).collect();
    let (highest_in_row, highest_in_column) = (highest_count(rows), highest_count(&columns));
    let jobs: Vec<_> =
        Estimator::ALL.into_iter().flat_map(|estimator| [(0, estimator), (1, estimator)]).collect();
    let results = tasks::run(threads, &jobs, |(view, estimator)| {
        estimator.run(if *view == 0 { rows } else { &columns }, samples.alphabet)
    })?;
    let mut estimates = [Estimates::default(); 2];
    for ((view, _), found) in jobs.iter().zip(results) {
        estimates[*view] = estimates[*view].or(found);
    }
    let [h_rows, h_columns] = estimates.map(|estimates| estimates.lowest(f64::from(samples.bits)));
    let [rows, columns] = estimates;
    let sane = highest_in_row.max(highest_in_column) <= cutoff;
    let least = h_rows.min(h_columns);
    let passed = sane && least >= initial / 2.0;
    Ok(RestartAssessment {
        symbols: samples.alphabet,
        bits: samples.bits,
        initial,
        cutoff,
        highest_in_row,
        highest_in_column,
        sane,
        rows,
        columns,
        h_rows,
        h_columns,
        passed,
        assessed: if passed { least.min(initial) } else { 0.0 },
        warnings: samples.warnings,
    })
}

/// The highest count of one symbol in any row of [`RESTARTS`] symbols.
fn highest_count(symbols: &[u8]) -> u32 {
    symbols.chunks(RESTARTS).map(highest_in).fold(0, u32::max)
}

fn highest_in(row: &[u8]) -> u32 {
    let mut counts = [0u32; 256];
    for symbol in row {
        counts[usize::from(*symbol)] += 1;
    }
    counts.into_iter().fold(0, u32::max)
}

/// §3.1.4.3: the smallest count that a row of an honest source exceeds with probability α at most, where α is such that
/// all 2000 rows and columns stay within the cut-off in 99 of 100 tests.
fn cutoff(initial: f64) -> u32 {
    let alpha = 1.0 - (1.0 - FALSE_ALARM).powf(1.0 / (2 * RESTARTS) as f64);
    let (mut low, mut high) = (0, RESTARTS);
    while low < high {
        let middle = (low + high) / 2;
        if highest_within(initial, middle) >= 1.0 - alpha { high = middle } else { low = middle + 1 }
    }
    high as u32
}

/// The probability that no symbol occurs more than `most` times in a row.
///
/// Were the length of the row a Poisson variable of mean 1000, the counts of the symbols would be independent Poisson
/// variables. So the counts are taken as such, cut off at `most`, added up, and the sum is held to be 1000.
fn highest_within(initial: f64, most: usize) -> f64 {
    let p = (-initial).exp2();
    // Rounding must not turn 1/3 into two symbols and a rest of a third.
    let equal = (1.0 / p + 1e-9).floor();
    let rest = 1.0 - equal * p;
    let mut power = poisson(p, most);
    let mut total = if rest > 1e-9 { poisson(rest, most) } else { vec![1.0] };
    let mut left = equal as u32;
    while left > 0 {
        if left & 1 == 1 {
            total = sum_of(&total, &power);
        }
        power = sum_of(&power, &power);
        left >>= 1;
    }
    let length = poisson(1.0, RESTARTS).pop().unwrap_or(1.0);
    total.get(RESTARTS).map_or(0.0, |all| all / length)
}

/// The probabilities of the counts 0 to `most` of a symbol of probability `p` when the row has a mean length of 1000.
fn poisson(p: f64, most: usize) -> Vec<f64> {
    let mean = p * RESTARTS as f64;
    (0..=most)
        .map(|count| count as f64)
        .map(|n| (n * mean.ln() - mean - libm::lgamma(n + 1.0)).exp())
        .collect()
}

/// The probabilities of the sum of two independent counts, as far as 1000.
fn sum_of(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; (a.len() + b.len() - 1).min(RESTARTS + 1)];
    for (i, a) in a.iter().enumerate() {
        for (sum, b) in sum.iter_mut().skip(i).zip(b) {
            *sum += a * b;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With one symbol of probability 2^−H above one half the count is binomial, and as good as never the other one's.
    #[test]
    fn two_unequal_symbols_are_binomial() {
        let p = (-0.5f64).exp2();
        let ln_choose =
            |n: f64, k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
        for most in [650usize, 707, 720, 760] {
            let tail: f64 = (0..=most)
                .map(|k| k as f64)
                .map(|k| (ln_choose(1000.0, k) + k * p.ln() + (1000.0 - k) * (1.0 - p).ln()).exp())
                .sum();
            assert!((highest_within(0.5, most) - tail).abs() < 1e-9, "{most}");
        }
    }

    /// What NIST's `ea_restart` 1.1.7 finds by simulating five million rows, and so may miss by one.
    #[test]
    fn cutoffs_agree_with_the_simulation_of_nist() {
        for (initial, simulated) in [(0.8, 642u32), (3.5, 135)] {
            let found = cutoff(initial);
            assert!(found.abs_diff(simulated) <= 1, "{initial}: {found} instead of {simulated}");
        }
    }

    #[test]
    fn no_count_stays_below_the_share_and_none_exceeds_the_row() {
        for initial in [0.01, 0.5, 1.0, 3.0f64.log2(), 3.3, 4.0, 7.9, 8.0] {
            assert!((highest_within(initial, RESTARTS) - 1.0).abs() < 1e-9, "{initial}");
            assert_eq!(highest_within(initial, 3), 0.0, "{initial}");
        }
        let cutoffs: Vec<u32> = (1..16).map(|i| cutoff(f64::from(i) / 2.0)).collect();
        assert!(cutoffs.windows(2).all(|pair| pair[1] <= pair[0]), "{cutoffs:?}");
    }
}
