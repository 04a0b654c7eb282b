//! The IID track: looks for any sign that the samples are not independent and equally distributed.

mod chi_square;
mod decimal_bzip2;
mod gamma;
mod permutation;
mod statistics;

use std::num::NonZero;

use qhal::Result;

use super::frequency::{counts, most_common_value};
use super::samples::Samples;
use super::tuples;

pub(crate) use gamma::chi_square_tail;

/// A chi-square test (SP 800-90B §5.2.1 to §5.2.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    /// The test statistic.
    pub score: f64,
    /// Degrees of freedom; 0 or less when the samples allow no test, which then passes.
    pub degrees: i64,
    /// How likely such a score or a higher one is for IID samples.
    pub p_value: f64,
    /// Whether the probability is at least 0.001.
    pub passed: bool,
}

/// The test of the longest repeated substring (§5.2.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongestRepeat {
    /// Symbols of the longest substring that occurs twice.
    pub length: usize,
    /// How likely a repeat of that length is for IID samples.
    pub probability: f64,
    /// Whether the probability is at least 0.001.
    pub passed: bool,
}

/// One statistic of the permutation tests (§5.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Permuted {
    /// Its name.
    pub name: &'static str,
    /// Its value for the samples in the order in which they came.
    pub value: f64,
    /// Permutations with a greater value; counting ends once the statistic has passed.
    pub greater: u32,
    /// Permutations with the same value.
    pub equal: u32,
    /// Permutations with a smaller value.
    pub less: u32,
    /// Whether more than five permutations were at least as great, and more than five at most as great.
    pub passed: bool,
}

/// The outcome of the IID track (§5, and §3.1.3 for the entropy).
#[derive(Clone, Debug, PartialEq)]
pub struct IidAssessment {
    /// Samples that were assessed.
    pub samples: usize,
    /// Different symbols among them.
    pub symbols: usize,
    /// Bits of one sample, 1 to 8: as given, or those of the widest symbol.
    pub bits: u8,
    /// H_original: the most-common-value estimate of the samples, in bits per sample.
    pub h_original: f64,
    /// H_bitstring: that of the bit string; `None` when the samples have two symbols and so are one.
    pub h_bitstring: Option<f64>,
    /// min(H_original, bits · H_bitstring), in bits per sample. It holds only if every test has passed.
    pub assessed: f64,
    /// §5.2.1 or, for two symbols, §5.2.3.
    pub independence: ChiSquare,
    /// §5.2.2 or, for two symbols, §5.2.4.
    pub goodness_of_fit: ChiSquare,
    /// §5.2.5.
    pub longest_repeat: LongestRepeat,
    /// The nineteen statistics of §5.1.
    pub permutation: Vec<Permuted>,
    /// Permutations that were made; 10 000 unless every statistic passed before.
    pub permutations: u32,
    /// Whether nothing speaks against IID samples.
    pub passed: bool,
    /// What to know before the result is relied on, one sentence each.
    pub warnings: Vec<String>,
}

/// Assesses `data`, one sample to a byte, on the IID track (SP 800-90B §5): permutation tests, chi-square tests, the
/// longest repeated substring, and the most common value as the entropy.
///
/// `bits` is the width of a sample, by default that of the widest symbol. `seed` decides the permutations: it should
/// come from a source other than the one that is assessed. The same seed gives the same result whatever `threads` is.
/// A statistic that has passed is not computed again, as in NIST's tool, so data that pass take seconds and data that
/// fail take all 10 000 permutations.
///
/// # Errors
/// As [`non_iid`](super::non_iid()).
pub fn iid(data: &[u8], bits: Option<u8>, seed: [u8; 32], threads: NonZero<usize>) -> Result<IidAssessment> {
    let samples = Samples::new(data, bits)?;
    let symbols = &samples.symbols;
    let h_original = most_common_value(symbols).min(f64::from(samples.bits));
    let h_bitstring = (samples.alphabet > 2).then(|| most_common_value(&samples.bit_string()));
    let tests = chi_square::tests(symbols, samples.alphabet);
    let longest_repeat = longest_repeat(symbols)?;
    let (permutation, permutations) = permutation::test(&samples, seed, threads)?;
    let passed = tests.iter().all(|test| test.passed)
        && longest_repeat.passed
        && permutation.iter().all(|statistic| statistic.passed);
    let [independence, goodness_of_fit] = tests;
    Ok(IidAssessment {
        samples: data.len(),
        symbols: samples.alphabet,
        bits: samples.bits,
        h_original,
        h_bitstring,
        assessed: h_bitstring.map_or(h_original, |h| h_original.min(f64::from(samples.bits) * h)),
        independence,
        goodness_of_fit,
        longest_repeat,
        permutation,
        permutations,
        passed,
        warnings: samples.warnings,
    })
}

/// §5.2.5.
fn longest_repeat(symbols: &[u8]) -> Result<LongestRepeat> {
    let length = tuples::longest_repeat(symbols)?;
    let n = symbols.len() as f64;
    let collision: f64 = counts(symbols).iter().map(|count| (*count as f64 / n).powi(2)).sum();
    let places = n - length as f64 + 1.0;
    let pairs = places * (places - 1.0) / 2.0;
    // ln of the probability that no pair of places holds the same substring.
    let none = pairs * (-collision.powf(length as f64)).ln_1p();
    Ok(LongestRepeat { length, probability: -none.exp_m1(), passed: none <= 0.999f64.ln() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_repeat_fails_and_a_usual_one_passes() {
        // An even coin is expected to repeat about 2·log2(n) bits.
        let mut state = 1u32;
        let mut bit = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 31) as u8
        };
        let noise: Vec<u8> = (0..512).map(|_| bit()).collect();
        let usual = longest_repeat(&noise).unwrap();
        assert!(usual.passed && (10..40).contains(&usual.length), "{usual:?}");
        let doubled = longest_repeat(&noise.repeat(2)).unwrap();
        assert_eq!(doubled.length, noise.len());
        assert!(!doubled.passed && doubled.probability < 0.001, "{doubled:?}");
        // No repeat at all is no sign of anything.
        let once = longest_repeat(&(0..=255).collect::<Vec<u8>>()).unwrap();
        assert_eq!((once.length, once.passed), (0, true));
    }
}
