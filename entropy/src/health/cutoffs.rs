//! Cut-offs of the SP 800-90B health tests, computed from the claimed min-entropy and the false-alarm rate.

use std::f64::consts::LN_2;
use std::fmt;

use qhal::{Error, ErrorKind, Result};

/// Samples of one adaptive-proportion window when a sample is one bit (SP 800-90B §4.4.2).
pub const BINARY_WINDOW: u32 = 1024;

/// Samples of one adaptive-proportion window when a sample has more than one bit (SP 800-90B §4.4.2).
pub const NON_BINARY_WINDOW: u32 = 512;

/// The window of the adaptive proportion test for samples of `sample_bits` bits.
pub const fn window(sample_bits: u8) -> u32 {
    if sample_bits == 1 { BINARY_WINDOW } else { NON_BINARY_WINDOW }
}

/// How often a health test may fail although the source is as good as claimed: 2^-exponent.
///
/// For the repetition count test that is the chance at every sample, for the adaptive proportion test the
/// chance in every window, so a fast source wants a larger exponent: at 2^-30 a source that just keeps its
/// claim is stopped about once in 10^9 samples, at 2^-40 once in 10^12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alpha(u8);

impl Alpha {
    /// 2^-30, the usual choice.
    pub const DEFAULT: Self = Self(30);

    /// 2^-`exponent`, 20 to 40: what implementations of SP 800-90B §4.4 use.
    ///
    /// # Errors
    /// `InvalidInput` outside that range.
    pub fn new(exponent: u8) -> Result<Self> {
        if (20..=40).contains(&exponent) {
            Ok(Self(exponent))
        } else {
            Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a false-alarm rate of 2^-{exponent} is not possible: choose 2^-20 to 2^-40"),
            ))
        }
    }

    /// −log2 of the rate.
    pub const fn exponent(self) -> u8 {
        self.0
    }
}

impl Default for Alpha {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2^-{}", self.0)
    }
}

/// Cut-off of the repetition count test: 1 + ⌈−log2(α) / H⌉ equal samples in a row (SP 800-90B §4.4.1).
///
/// `h` is the claimed min-entropy of one sample in bits.
///
/// # Errors
/// `InvalidInput` when `h` is not a positive finite number.
pub fn rct_cutoff(h: f64, alpha: Alpha) -> Result<u32> {
    let h = positive(h)?;
    // An h such as 1/7 is not exact in binary: without the margin 30 ÷ (1/7) could round up to 211.
    let quotient = f64::from(alpha.exponent()) / h * (1.0 - 1e-12);
    Ok((quotient.ceil() as u32).saturating_add(1))
}

/// Cut-off of the adaptive proportion test: 1 + critbinom(W, 2^−H, 1 − α) (SP 800-90B §4.4.2).
///
/// `h` is the claimed min-entropy of one sample in bits, `window` the number W of samples. For so small an `h`
/// that W equal samples are within the claim, the result is W + 1: no window can reach it.
///
/// # Errors
/// `InvalidInput` when `h` is not a positive finite number or `window` is 0.
pub fn apt_cutoff(h: f64, alpha: Alpha, window: u32) -> Result<u32> {
    let h = positive(h)?;
    if window == 0 {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "an adaptive proportion window has at least one sample",
        ));
    }
    Ok(critbinom(window, h, alpha).saturating_add(1))
}

/// The smallest k with P(X ≤ k) ≥ 1 − α, for X binomial with `n` trials of probability 2^−`h` each.
///
/// The upper tail is summed term by term, smallest first, each term carried as a logarithm; so nothing
/// cancels, although 1 − α differs from 1 by less than a sum of the lower tail could resolve. `h` is positive.
pub fn critbinom(n: u32, h: f64, alpha: Alpha) -> u32 {
    let ln_p = -h * LN_2;
    let ln_odds_against = (-ln_p.exp_m1()).ln() - ln_p;
    let alpha = (-f64::from(alpha.exponent())).exp2();
    let mut ln_term = f64::from(n) * ln_p;
    let mut tail = 0.0;
    // Here `tail` is P(X > k) and `ln_term` is ln P(X = k).
    for k in (1..=n).rev() {
        let next = tail + ln_term.exp();
        if next > alpha {
            return k;
        }
        tail = next;
        ln_term += (f64::from(k) / f64::from(n - k + 1)).ln() + ln_odds_against;
    }
    0
}

fn positive(h: f64) -> Result<f64> {
    if h.is_finite() && h > 0.0 {
        Ok(h)
    } else {
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("a min-entropy of {h} bits per sample gives no cut-off: it must be positive"),
        ))
    }
}
