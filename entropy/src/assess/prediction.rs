//! The entropy estimate that the four predictors share (SP 800-90B §6.3.7 to §6.3.10, their last steps).

use super::frequency::{bits_of, upper_bound};

/// How often a predictor was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    correct: usize,
    run: usize,
    longest: usize,
}

impl Score {
    /// Takes down whether the next prediction was right; a prediction that was not made was wrong.
    #[inline]
    pub(super) fn add(&mut self, right: bool) {
        if right {
            self.correct += 1;
            self.run += 1;
            self.longest = self.longest.max(self.run);
        } else {
            self.run = 0;
        }
    }

    /// Min-entropy per symbol after `predictions` of symbols of an alphabet of `alphabet`.
    pub(super) fn estimate(self, predictions: usize, alphabet: usize) -> f64 {
        let n = predictions as f64;
        let global = if self.correct > 0 {
            upper_bound(self.correct as f64 / n, predictions)
        } else {
            1.0 - 0.01f64.powf(1.0 / n)
        };
        let least = global.max(1.0 / alphabet as f64);
        let run = (self.longest + 1) as f64;
        let goal = 0.99f64.ln();
        if !(least < 1.0 && ln_no_run(least, run, n) > goal) {
            return bits_of(least);
        }
        let (mut low, mut high) = (least, 1.0);
        loop {
            let p = (low + high) / 2.0;
            if p <= low || p >= high {
                return bits_of(high);
            }
            if ln_no_run(p, run, n) > goal { low = p } else { high = p }
        }
    }
}

/// ln of the probability that `n` predictions, each right with probability `p`, hold no `run` right ones in a row
/// (Feller, An Introduction to Probability Theory and Its Applications, vol. 1, XIII.7).
fn ln_no_run(p: f64, run: f64, n: f64) -> f64 {
    let q = 1.0 - p;
    let scale = q * p.powf(run);
    // x − 1 is what is carried: x itself is so near to 1 that its logarithm would lose most digits.
    let mut excess = 0.0f64;
    for _ in 0..=65 {
        let next = scale * ((run + 1.0) * excess.ln_1p()).exp();
        let settled = next - excess <= f64::EPSILON * f64::EPSILON.max(next);
        excess = next;
        if settled {
            break;
        }
    }
    (q - p * excess).ln() - ((1.0 - run * excess) * q).ln() - (n + 1.0) * excess.ln_1p()
}
