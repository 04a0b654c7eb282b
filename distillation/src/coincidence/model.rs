//! What a source of entangled pairs and two receivers should count.

use crate::finite::asymptotic::sifted_fraction;

/// A source of pairs with a receiver at each end of lossy channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLink {
    /// Pairs per second.
    pub pair_rate: f64,
    /// Probability that a photon of a pair is detected, at either end.
    pub efficiency: [f64; 2],
    /// Dark counts and stray light per second, at either end.
    pub dark_rate: [f64; 2],
    /// Coincidence window in seconds.
    pub window: f64,
    /// Visibility of the pairs' correlations, 0 to 1.
    pub visibility: f64,
}

/// What it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Events per second at either end.
    pub singles: [f64; 2],
    /// True pairs per second.
    pub coincidences: f64,
    /// Accidental pairs per second: S_A · S_B · τ.
    pub accidentals: f64,
    /// Error ratio of the sifted bits.
    pub qber: f64,
    /// Asymptotic secret bits per second, with half of the pairs sifted away.
    pub key_rate: f64,
}

impl PairLink {
    /// What it should count, with reconciliation of efficiency `f`. Rates are low enough for dead times not to matter.
    pub fn expected(&self, f: f64) -> Expected {
        let singles = [0, 1].map(|end| self.pair_rate * self.efficiency[end] + self.dark_rate[end]);
        let coincidences = self.pair_rate * self.efficiency[0] * self.efficiency[1];
        let accidentals = singles[0] * singles[1] * self.window;
        let pairs = coincidences + accidentals;
        let wrong = coincidences * (1.0 - self.visibility) / 2.0 + accidentals / 2.0;
        let qber = if pairs > 0.0 { wrong / pairs } else { 0.0 };
        let key_rate = 0.5 * pairs * sifted_fraction(qber, qber, f);
        Expected { singles, coincidences, accidentals, qber, key_rate }
    }
}
