//! Correlations of entangled pairs: visibility and the CHSH quantity with its error.

/// How often two ends agreed and disagreed for one pair of settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Pairs with equal results.
    pub equal: u64,
    /// Pairs with different results.
    pub different: u64,
}

impl Setting {
    /// E = (N₌ - N_≠)/(N₌ + N_≠) and its standard deviation √((1 - E²)/N); (0, 1) without pairs.
    pub fn correlation(&self) -> (f64, f64) {
        let total = self.equal as f64 + self.different as f64;
        if total == 0.0 {
            return (0.0, 1.0);
        }
        let value = (self.equal as f64 - self.different as f64) / total;
        (value, ((1.0 - value * value) / total).sqrt())
    }
}

/// S = |E(a,b) - E(a,b') + E(a',b) + E(a',b')| with its standard deviation; the settings in this order.
///
/// Clauser, Horne, Shimony, Holt, Phys. Rev. Lett. 23, 880 (1969). Above 2 no local model explains it; quantum mechanics allows
/// 2√2.
pub fn chsh(settings: &[Setting; 4]) -> (f64, f64) {
    let correlations = settings.map(|setting| setting.correlation());
    let signs = [1.0, -1.0, 1.0, 1.0];
    let sum: f64 = correlations.iter().zip(signs).map(|((value, _), sign)| sign * value).sum();
    let variance: f64 = correlations.iter().map(|(_, deviation)| deviation * deviation).sum();
    (sum.abs(), variance.sqrt())
}

/// The error ratio that pairs of this visibility have in either basis: (1 - V)/2.
pub fn qber_of_visibility(visibility: f64) -> f64 {
    (1.0 - visibility) / 2.0
}

/// The visibility behind an error ratio: 1 - 2Q.
pub fn visibility_of_qber(qber: f64) -> f64 {
    1.0 - 2.0 * qber
}

/// The S of a singlet mixed with white noise: 2√2·V.
pub fn chsh_of_visibility(visibility: f64) -> f64 {
    2.0 * std::f64::consts::SQRT_2 * visibility
}

/// What an eavesdropper may know of a bit, at most, when only S is trusted: h((1 + √(S²/4 - 1))/2), 1 for S ≤ 2.
///
/// Acín, Brunner, Gisin, Massar, Pironio, Scarani, Phys. Rev. Lett. 98, 230501 (2007), equation (3), collective attacks.
pub fn holevo_bound(chsh: f64) -> f64 {
    let inner = (chsh / 2.0).powi(2) - 1.0;
    if inner <= 0.0 { 1.0 } else { crate::finite::binary_entropy((1.0 + inner.min(1.0).sqrt()) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_is_that_of_the_counts() {
        // Counts of a singlet at the best angles: E = ±1/√2.
        let n = 1_000_000.0;
        let equal = (n * (1.0 + std::f64::consts::FRAC_1_SQRT_2) / 2.0) as u64;
        let (more, less) = (equal, 1_000_000 - equal);
        let setting = |equal, different| Setting { equal, different };
        let settings = [setting(more, less), setting(less, more), setting(more, less), setting(more, less)];
        let (s, deviation) = chsh(&settings);
        assert!((s - 2.0 * std::f64::consts::SQRT_2).abs() < 1e-5);
        // Four correlations of variance (1 - ½)/10^6 each.
        assert!((deviation - (4.0 * 0.5 / 1e6f64).sqrt()).abs() < 1e-6);
        assert_eq!(chsh(&[Setting::default(); 4]), (0.0, 2.0));
    }

    #[test]
    fn visibility_error_ratio_and_s_belong_together() {
        assert!((qber_of_visibility(0.97) - 0.015).abs() < 1e-15);
        assert!((visibility_of_qber(0.015) - 0.97).abs() < 1e-15);
        // The critical visibility of CHSH is 1/√2, an error ratio of 14.6 %.
        assert!((chsh_of_visibility(visibility_of_qber(0.146_446_609)) - 2.0).abs() < 1e-8);
        assert_eq!(holevo_bound(2.0), 1.0);
        assert!(holevo_bound(2.0 * std::f64::consts::SQRT_2) < 1e-6);
        // The device-independent rate 1 - h(Q) - χ(S) vanishes at Q = 7.1 % (the paper's abstract).
        let rate =
            |q: f64| 1.0 - crate::finite::binary_entropy(q) - holevo_bound(chsh_of_visibility(1.0 - 2.0 * q));
        assert!(rate(0.0710) > 0.0 && rate(0.0716) < 0.0);
    }
}
