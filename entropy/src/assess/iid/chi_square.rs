//! The chi-square tests: independence of neighbours, and the same distribution in ten parts (SP 800-90B §5.2.1–5.2.4).

use super::super::frequency::counts;
use super::ChiSquare;
use super::gamma::chi_square_tail;

/// The probability below which a test has failed.
const ALPHA: f64 = 0.001;

/// The least expected number of occurrences in a bin.
const LEAST_EXPECTED: f64 = 5.0;

/// Parts whose distributions are compared.
const PARTS: usize = 10;

/// The most bits of a tuple in the binary independence test.
const MOST_TUPLE_BITS: u32 = 11;

/// Independence, and goodness of fit, of symbols below `alphabet`.
pub(super) fn tests(symbols: &[u8], alphabet: usize) -> [ChiSquare; 2] {
    let scores = if alphabet == 2 {
        [binary_independence(symbols), binary_fit(symbols)]
    } else {
        let shares = shares(symbols, alphabet);
        [independence(symbols, &shares), fit(symbols, &shares)]
    };
    scores.map(|(score, degrees)| {
        let p_value = chi_square_tail(score, degrees);
        ChiSquare { score, degrees, p_value, passed: p_value >= ALPHA }
    })
}

/// (observed − expected)² / expected.
fn deviation(observed: u32, expected: f64) -> f64 {
    (f64::from(observed) - expected).powi(2) / expected
}

/// The share of each symbol. It is summed up one sample at a time, as NIST's tool does: the order of nearly equal
/// expectations, and with it the bins, depends on how the shares are rounded.
fn shares(symbols: &[u8], alphabet: usize) -> Vec<f64> {
    let one = 1.0 / symbols.len() as f64;
    counts(symbols).iter().take(alphabet).map(|count| (0..*count).fold(0.0, |share, _| share + one)).collect()
}

/// Outcomes grouped so that each bin is expected at least five times: §5.2.1 step 3 and §5.2.2 step 2.
struct Bins {
    /// The bin of each outcome.
    of: Vec<usize>,
    expected: Vec<f64>,
}

impl Bins {
    /// Takes the outcomes from the rarest to the most frequent, and closes a bin when it is full enough.
    fn new(outcomes: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_by(|a, b| outcomes[*a].total_cmp(&outcomes[*b]));
        let mut of = vec![0; outcomes.len()];
        let mut expected = vec![0.0];
        for outcome in order {
            if expected.last().is_some_and(|last| *last >= LEAST_EXPECTED) {
                expected.push(0.0);
            }
            of[outcome] = expected.len() - 1;
            if let Some(last) = expected.last_mut() {
                *last += outcomes[outcome];
            }
        }
        // What is left over joins the last full bin.
        if let [.., full, rest] = &mut *expected
            && *rest < LEAST_EXPECTED
        {
            *full += *rest;
            expected.pop();
            for bin in &mut of {
                *bin = (*bin).min(expected.len() - 1);
            }
        }
        Self { of, expected }
    }

    fn score(&self, outcomes: impl Iterator<Item = usize>) -> f64 {
        let mut observed = vec![0u32; self.expected.len()];
        for outcome in outcomes {
            observed[self.of[outcome]] += 1;
        }
        observed.iter().zip(&self.expected).map(|(observed, expected)| deviation(*observed, *expected)).sum()
    }
}

/// §5.2.1.
fn independence(symbols: &[u8], shares: &[f64]) -> (f64, i64) {
    let pairs = (symbols.len() / 2) as f64;
    let outcomes: Vec<f64> = shares.iter().flat_map(|a| shares.iter().map(move |b| a * b * pairs)).collect();
    let bins = Bins::new(&outcomes);
    let (seen, _) = symbols.as_chunks::<2>();
    let score = bins.score(seen.iter().map(|[a, b]| usize::from(*a) * shares.len() + usize::from(*b)));
    (score, bins.expected.len() as i64 - shares.len() as i64)
}

/// §5.2.2.
fn fit(symbols: &[u8], shares: &[f64]) -> (f64, i64) {
    let length = symbols.len() / PARTS;
    let outcomes: Vec<f64> = shares.iter().map(|share| share * length as f64).collect();
    let bins = Bins::new(&outcomes);
    let parts = symbols.chunks_exact(length.max(1)).take(PARTS);
    let score = parts.map(|part| bins.score(part.iter().map(|symbol| usize::from(*symbol)))).sum();
    (score, (PARTS as i64 - 1) * (bins.expected.len() as i64 - 1))
}

/// §5.2.3.
fn binary_independence(bits: &[u8]) -> (f64, i64) {
    let ones = bits.iter().map(|bit| usize::from(*bit)).sum::<usize>() as f64 / bits.len() as f64;
    let zeros = 1.0 - ones;
    let enough =
        |m: &u32| ones.min(zeros).powi(*m as i32) * (bits.len() / *m as usize) as f64 >= LEAST_EXPECTED;
    let Some(m) = (2..=MOST_TUPLE_BITS).rev().find(enough) else { return (0.0, 0) };
    let mut observed = vec![0u32; 1 << m];
    let tuples = bits.chunks_exact(m as usize);
    let blocks = tuples.len() as f64;
    for tuple in tuples {
        observed[tuple.iter().fold(0, |value, bit| value << 1 | usize::from(*bit & 1))] += 1;
    }
    let score = observed
        .iter()
        .enumerate()
        .map(|(tuple, observed)| {
            let weight = tuple.count_ones();
            deviation(*observed, ones.powi(weight as i32) * zeros.powi((m - weight) as i32) * blocks)
        })
        .sum();
    (score, (1 << m) - 2)
}

/// §5.2.4.
fn binary_fit(bits: &[u8]) -> (f64, i64) {
    let share = bits.iter().map(|bit| usize::from(*bit)).sum::<usize>() as f64 / bits.len() as f64;
    let length = bits.len() / PARTS;
    let expected = [(1.0 - share) * length as f64, share * length as f64];
    let score = bits
        .chunks_exact(length.max(1))
        .take(PARTS)
        .map(|part| {
            let ones = part.iter().map(|bit| u32::from(*bit)).sum::<u32>();
            deviation(length as u32 - ones, expected[0]) + deviation(ones, expected[1])
        })
        .sum();
    (score, PARTS as i64 - 1)
}
