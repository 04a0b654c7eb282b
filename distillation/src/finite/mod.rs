//! How many secret bits a block of finite length holds, by published bounds with every ε a named parameter.
//!
//! | protocol | bound |
//! |---|---|
//! | BB84, two decoy intensities | [`lim2014`] |
//! | BB84, one decoy intensity | [`rusca2018`] |
//! | BBM92, and each part of E91's key ([`crate::ekert`]) | [`tlgr2012`] |
//! | any, infinitely long | [`asymptotic`] |
//!
//! All of them are pure functions of counts. A bound that cannot be met gives 0 bits, never an error: errors are for numbers
//! that cannot have been counted.

pub mod asymptotic;
mod decoy;
mod pairs;

pub use decoy::{lim2014, rusca2018};
pub use pairs::{sampling_deviation, tlgr2012};

use std::fmt;

use qhal::{Error, ErrorKind, Result};

/// What may go wrong with a key, and with what probability at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epsilons {
    /// ε_sec: how far the key may be from one that nobody else knows, in trace distance; 0 < ε_sec < 1.
    pub secrecy: f64,
    /// ε_cor: how likely the two keys may differ unnoticed; 0 < ε_cor < 1.
    pub correctness: f64,
}

impl Epsilons {
    /// ε_sec = 1e-9 and ε_cor = 1e-15, the values of Lim et al. 2014 and Rusca et al. 2018.
    pub const DEFAULT: Self = Self { secrecy: 1e-9, correctness: 1e-15 };

    /// Whether both are probabilities above 0.
    ///
    /// # Errors
    /// `InvalidInput` when one is not.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("secrecy", self.secrecy), ("correctness", self.correctness)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(invalid(format!("the {name} parameter {value} is not between 0 and 1")));
            }
        }
        Ok(())
    }
}

/// What was counted in one basis, per intensity, the highest mean first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts<const K: usize> {
    /// Detections in which both ends had chosen this basis.
    pub detections: [u64; K],
    /// Those among them in which the two bits differed.
    pub errors: [u64; K],
}

impl<const K: usize> Counts<K> {
    /// Nothing counted yet.
    pub const ZERO: Self = Self { detections: [0; K], errors: [0; K] };

    /// Detections of all intensities.
    pub fn total(&self) -> u64 {
        self.detections.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Errors of all intensities.
    pub fn total_errors(&self) -> u64 {
        self.errors.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// The quantum bit error ratio, 0 when nothing was counted.
    pub fn qber(&self) -> f64 {
        ratio(self.total_errors(), self.total())
    }

    fn check(&self, basis: &str) -> Result<()> {
        match self.errors.iter().zip(&self.detections).find(|(m, n)| m > n) {
            Some((m, n)) => Err(invalid(format!("{m} errors among {n} detections in the {basis} basis"))),
            None => Ok(()),
        }
    }
}

/// What was counted in the two bases of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCounts<const K: usize> {
    /// The basis the key comes from.
    pub key: Counts<K>,
    /// The basis whose bits were compared in public.
    pub check: Counts<K>,
}

/// The intensities of a source: mean photon numbers, falling, and how often each is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intensities<const K: usize> {
    /// Mean photon numbers per pulse, falling; the last may be 0.
    pub means: [f64; K],
    /// Probabilities of sending them; they add up to 1.
    pub probabilities: [f64; K],
}

impl<const K: usize> Intensities<K> {
    /// Whether they can be what a source does: falling means, probabilities that add up to 1.
    ///
    /// # Errors
    /// `InvalidInput` when not.
    pub fn check(&self) -> Result<()> {
        let falling = self.means.windows(2).all(|pair| pair[0] > pair[1]);
        let possible = self.means.iter().all(|mean| *mean >= 0.0 && mean.is_finite());
        if !(falling && possible) {
            return Err(invalid(format!(
                "mean photon numbers {:?} do not fall from first to last",
                self.means
            )));
        }
        let sum: f64 = self.probabilities.iter().sum();
        if !(self.probabilities.iter().all(|p| *p > 0.0) && (sum - 1.0).abs() < 1e-9) {
            return Err(invalid(format!(
                "probabilities {:?} of intensities do not add up to 1",
                self.probabilities
            )));
        }
        Ok(())
    }

    /// The probability that a pulse holds `photons` photons: τ_n = Σ_k p_k e^{-k} k^n / n!.
    fn tau(&self, photons: i32) -> f64 {
        let factorial: f64 = (1..=photons).map(f64::from).product();
        let terms = self.means.iter().zip(&self.probabilities);
        terms.map(|(mean, p)| p * (-mean).exp() * mean.powi(photons) / factorial).sum()
    }
}

/// The bound that a length comes from: keys say it, because proofs get gaps (arXiv 2405.16578, 2502.05382).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Lim, Curty, Walenta, Xu, Zbinden, Phys. Rev. A 89, 022307 (2014).
    Lim2014,
    /// Rusca, Boaron, Grünenfelder, Martin, Zbinden, Appl. Phys. Lett. 112, 171104 (2018).
    Rusca2018,
    /// Tomamichel, Lim, Gisin, Renner, Nat. Commun. 3, 634 (2012).
    Tlgr2012,
}

impl Bound {
    /// The word of listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lim2014 => "lim-2014",
            Self::Rusca2018 => "rusca-2018",
            Self::Tlgr2012 => "tlgr-2012",
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long a key may be, with what the bound took from the counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyLength {
    /// The bound.
    pub bound: Bound,
    /// ℓ: secret bits after privacy amplification; 0 when the bound leaves nothing.
    pub secret_bits: u64,
    /// s₀: at least so many detections of the key basis came from pulses without photons.
    pub vacuum: f64,
    /// s₁: at least so many came from single photons (for pairs: all of them).
    pub single: f64,
    /// At least so many single-photon detections in the check basis (for pairs: all of them).
    pub single_check: f64,
    /// φ: the phase-error ratio of the single photons is at most this.
    pub phase_error: f64,
}

/// h(x) = -x log₂ x - (1-x) log₂(1-x), 0 outside (0, 1).
pub fn binary_entropy(x: f64) -> f64 {
    if x > 0.0 && x < 1.0 { -x * x.log2() - (1.0 - x) * (1.0 - x).log2() } else { 0.0 }
}

/// h of a bound on an error ratio: a ratio of a half and beyond leaves nothing.
fn entropy_of_bound(ratio: f64) -> f64 {
    if ratio >= 0.5 || ratio.is_nan() { 1.0 } else { binary_entropy(ratio.max(0.0)) }
}

/// A length that is a whole number of bits, 0 for all that is not positive.
fn whole_bits(length: f64) -> u64 {
    // A cast cuts towards zero, and turns negative numbers and NaN to 0.
    length as u64
}

pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn check_leak(leak: f64) -> Result<()> {
    if leak >= 0.0 && leak.is_finite() {
        Ok(())
    } else {
        Err(invalid(format!("a leak of {leak} bits is impossible")))
    }
}

fn invalid(sentence: String) -> Error {
    Error::new(ErrorKind::InvalidInput, sentence)
}
