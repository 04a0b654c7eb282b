//! How often each value occurs in a stream of samples, and how each one goes with the next.

use crate::assess::ChiSquare;

/// Probabilities of the chi-square test outside which a distribution is suspicious for uniform data, on either side.
const SUSPICIOUS: f64 = 1e-4;

/// Counts of values and products of neighbours over a stream.
#[derive(Clone, Debug)]
pub(super) struct Values {
    counts: [u64; 256],
    products: u64,
    ends: Option<(u8, u8)>,
}

impl Default for Values {
    fn default() -> Self {
        Self { counts: [0; 256], products: 0, ends: None }
    }
}

impl Values {
    /// Takes the next samples.
    pub(super) fn update(&mut self, samples: &[u8]) {
        let (Some(first), Some(last)) = (samples.first().copied(), samples.last().copied()) else { return };
        // Four tables, so that equal neighbours do not wait for each other.
        for part in samples.chunks(1 << 30) {
            let mut counts = [[0u32; 256]; 4];
            let mut four = part.chunks_exact(4);
            for quadruple in &mut four {
                for (counts, sample) in counts.iter_mut().zip(quadruple) {
                    counts[usize::from(*sample)] += 1;
                }
            }
            for sample in four.remainder() {
                counts[0][usize::from(*sample)] += 1;
            }
            for (value, count) in self.counts.iter_mut().enumerate() {
                *count += counts.iter().map(|counts| u64::from(counts[value])).sum::<u64>();
            }
        }
        let (before, start) = self.ends.map_or((0, first), |(start, before)| (before, start));
        self.products += u64::from(before) * u64::from(first) + products(samples, 1);
        self.ends = Some((start, last));
    }

    /// What was found in samples of `bits` bits.
    pub(super) fn found(&self, bits: u8) -> ValueStatistics {
        let counts: Vec<u64> = self.counts.iter().take(1 << bits).copied().collect();
        let samples: u64 = counts.iter().sum();
        let n = samples as f64;
        let shares = || counts.iter().map(|count| *count as f64 / n).filter(|share| *share > 0.0);
        let expected = n / counts.len() as f64;
        let score: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
        let degrees = counts.len() as i64 - 1;
        let p_value = crate::assess::chi_square_tail(score, degrees);
        let moment = |power: u32| -> u128 {
            (0u128..).zip(&counts).map(|(value, count)| value.pow(power) * u128::from(*count)).sum()
        };
        let around = self.ends.map_or(0, |(first, last)| u128::from(first) * u128::from(last));
        // Exact in integers up to the division; samples are taken to go round in a ring.
        let square_of_sum = (moment(1) * moment(1)) as i128;
        let denominator = i128::from(samples) * moment(2) as i128 - square_of_sum;
        let numerator = i128::from(samples) * (u128::from(self.products) + around) as i128 - square_of_sum;
        let ones = (0..bits).rev().map(|plane| {
            let ones = (0usize..).zip(&counts).filter(|(value, _)| value >> plane & 1 == 1);
            ones.map(|(_, count)| *count).sum::<u64>() as f64 / n
        });
        ValueStatistics {
            samples,
            mean: moment(1) as f64 / n,
            entropy: shares().map(|share| -share * share.log2()).sum::<f64>().abs(),
            min_entropy: -shares().fold(0.0, f64::max).log2(),
            chi_square: ChiSquare {
                score,
                degrees,
                p_value,
                passed: (SUSPICIOUS..=1.0 - SUSPICIOUS).contains(&p_value),
            },
            serial_correlation: (denominator != 0).then(|| numerator as f64 / denominator as f64),
            ones: ones.collect(),
            counts,
        }
    }
}

/// The sum of the products of each sample and the one `lag` places later.
pub(super) fn products(samples: &[u8], lag: usize) -> u64 {
    let later = samples.get(lag..).unwrap_or_default();
    // Sums of 32 bits within a chunk: 65 536 products of at most 255² fit.
    let chunks = samples.chunks(1 << 16).zip(later.chunks(1 << 16));
    let sum = |(a, b): (&[u8], &[u8])| -> u32 {
        a.iter().zip(b).map(|(a, b)| u32::from(u16::from(*a) * u16::from(*b))).sum()
    };
    chunks.map(|pair| u64::from(sum(pair))).sum()
}

/// How often values occur, against what uniform and independent samples would show.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueStatistics {
    /// Samples that were looked at.
    pub samples: u64,
    /// Occurrences of each value from 0 to 2^bits − 1.
    pub counts: Vec<u64>,
    /// The mean value.
    pub mean: f64,
    /// Shannon entropy of the counts, in bits per sample; it says nothing of dependence.
    pub entropy: f64,
    /// −log2 of the largest share, in bits per sample; it says nothing of dependence and is no assessment.
    pub min_entropy: f64,
    /// Against a uniform distribution. Raw noise need not be uniform; conditioned bytes must.
    pub chi_square: ChiSquare,
    /// Correlation of each sample with the next, the last with the first; `None` when all are equal. (Knuth, The Art of
    /// Computer Programming 2, §3.3.2 K.)
    pub serial_correlation: Option<f64>,
    /// The share of ones in each bit plane, the highest bit first.
    pub ones: Vec<f64>,
}
