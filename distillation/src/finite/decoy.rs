//! Finite-key lengths of BB84 with two decoy intensities and with one.

use std::f64::consts::LN_2;

use qhal::Result;

use super::{
    BlockCounts, Bound, Counts, Epsilons, Intensities, KeyLength, check_leak, entropy_of_bound, whole_bits,
};

/// Counts of one basis put in terms of photon numbers: n^± of Lim et al., equations (2) and following.
struct Scaled<'a, const K: usize> {
    source: &'a Intensities<K>,
    counts: [u64; K],
    deviation: f64,
}

impl<'a, const K: usize> Scaled<'a, K> {
    /// Hoeffding's deviation for all counts of the basis: √(n/2 · ln(1/ε)).
    fn new(source: &'a Intensities<K>, counts: [u64; K], failure: f64) -> Self {
        let total: f64 = counts.iter().map(|n| *n as f64).sum();
        Self { source, counts, deviation: (total / 2.0 * (1.0 / failure).ln()).sqrt() }
    }

    /// e^k / p_k · (n_k + `sign` · deviation).
    fn bound(&self, intensity: usize, sign: f64) -> f64 {
        let scale = self.source.means[intensity].exp() / self.source.probabilities[intensity];
        scale * (self.counts[intensity] as f64 + sign * self.deviation)
    }

    fn lower(&self, intensity: usize) -> f64 {
        self.bound(intensity, -1.0)
    }

    fn upper(&self, intensity: usize) -> f64 {
        self.bound(intensity, 1.0)
    }
}

/// γ(a, b, c, d): how far the phase-error ratio of the key basis may exceed the bit-error ratio of the check basis; `terms` is
/// the number of error terms that share ε_sec.
fn random_sampling(secrecy: f64, ratio: f64, check: f64, key: f64, terms: f64) -> f64 {
    if !(ratio > 0.0 && ratio < 1.0) {
        return 0.0;
    }
    let spread = (check + key) * (1.0 - ratio) * ratio / (check * key * LN_2);
    let inner = (check + key) / (check * key * (1.0 - ratio) * ratio) * (terms / secrecy).powi(2);
    (spread * inner.log2().max(0.0)).sqrt()
}

/// The bound on the phase-error ratio from `v` errors among `check` single photons, for `key` of them; 1 without any.
fn phase_error(v: f64, check: f64, key: f64, secrecy: f64, terms: f64) -> f64 {
    if check <= 0.0 || key <= 0.0 {
        return 1.0;
    }
    let ratio = v.max(0.0) / check;
    (ratio + random_sampling(secrecy, ratio, check, key, terms)).min(1.0)
}

/// The secret length of BB84 with two decoy intensities (μ₁ > μ₂ + μ₃, μ₂ > μ₃ ≥ 0), after `leak` bits were disclosed by
/// reconciliation (not counting verification, which the formula holds as log₂(2/ε_cor)).
///
/// Lim, Curty, Walenta, Xu, Zbinden, Phys. Rev. A 89, 022307 (2014), equations (1) to (5).
///
/// # Errors
/// `InvalidInput` for intensities, parameters or counts that cannot be.
pub fn lim2014(
    source: &Intensities<3>,
    counts: &BlockCounts<3>,
    leak: f64,
    epsilons: &Epsilons,
) -> Result<KeyLength> {
    const TERMS: f64 = 21.0;
    check(source, counts, leak, epsilons)?;
    let [mu1, mu2, mu3] = source.means;
    if mu1 <= mu2 + mu3 {
        return Err(super::invalid(format!(
            "the signal {mu1} has to exceed the sum of the decoys {mu2} and {mu3}"
        )));
    }
    let failure = epsilons.secrecy / TERMS;
    let (tau0, tau1) = (source.tau(0), source.tau(1));
    let photons = |basis: &Counts<3>| {
        let n = Scaled::new(source, basis.detections, failure);
        let s0 = (tau0 * (mu2 * n.lower(2) - mu3 * n.upper(1)) / (mu2 - mu3)).max(0.0);
        let rest = (mu2 * mu2 - mu3 * mu3) / (mu1 * mu1) * (n.upper(0) - s0 / tau0);
        let s1 = tau1 * mu1 * (n.lower(1) - n.upper(2) - rest) / (mu1 * (mu2 - mu3) - mu2 * mu2 + mu3 * mu3);
        (s0, s1.max(0.0))
    };
    let ((vacuum, single), (_, single_check)) = (photons(&counts.key), photons(&counts.check));
    let m = Scaled::new(source, counts.check.errors, failure);
    let v = tau1 * (m.upper(1) - m.lower(2)) / (mu2 - mu3);
    let phase = phase_error(v, single_check, single, epsilons.secrecy, TERMS);
    Ok(length(Bound::Lim2014, [vacuum, single, single_check, phase], leak, epsilons, TERMS))
}

/// The secret length of BB84 with one decoy intensity (μ₁ > μ₂ > 0), after `leak` bits were disclosed by reconciliation.
///
/// Rusca, Boaron, Grünenfelder, Martin, Zbinden, Appl. Phys. Lett. 112, 171104 (2018), equations (2) to (7) and appendix A;
/// γ with the 19 error terms of that paper.
///
/// # Errors
/// `InvalidInput` for intensities, parameters or counts that cannot be.
pub fn rusca2018(
    source: &Intensities<2>,
    counts: &BlockCounts<2>,
    leak: f64,
    epsilons: &Epsilons,
) -> Result<KeyLength> {
    const TERMS: f64 = 19.0;
    check(source, counts, leak, epsilons)?;
    let [mu1, mu2] = source.means;
    if mu2 <= 0.0 {
        return Err(super::invalid("the one decoy must not be the vacuum".to_owned()));
    }
    let failure = epsilons.secrecy / TERMS;
    let (tau0, tau1) = (source.tau(0), source.tau(1));
    let single_photons = |basis: &Counts<2>| {
        let n = Scaled::new(source, basis.detections, failure);
        let m = Scaled::new(source, basis.errors, failure);
        // Half of what comes from empty pulses is wrong, so that errors bound the vacuum from above.
        let vacuum = 2.0 * (tau0 * m.upper(0).min(m.upper(1)) + n.deviation);
        let ratio = (mu2 / mu1).powi(2);
        let inner = n.lower(1) - ratio * n.upper(0) - (1.0 - ratio) * vacuum / tau0;
        (tau1 * mu1 / (mu2 * (mu1 - mu2)) * inner).max(0.0)
    };
    let n = Scaled::new(source, counts.key.detections, failure);
    let vacuum = (tau0 / (mu1 - mu2) * (mu1 * n.lower(1) - mu2 * n.upper(0))).max(0.0);
    let (single, single_check) = (single_photons(&counts.key), single_photons(&counts.check));
    let m = Scaled::new(source, counts.check.errors, failure);
    let v = tau1 / (mu1 - mu2) * (m.upper(0) - m.lower(1));
    let phase = phase_error(v, single_check, single, epsilons.secrecy, TERMS);
    Ok(length(Bound::Rusca2018, [vacuum, single, single_check, phase], leak, epsilons, TERMS))
}

fn check<const K: usize>(
    source: &Intensities<K>,
    counts: &BlockCounts<K>,
    leak: f64,
    epsilons: &Epsilons,
) -> Result<()> {
    source.check()?;
    epsilons.check()?;
    counts.key.check("key")?;
    counts.check.check("check")?;
    check_leak(leak)
}

/// ℓ = s₀ + s₁(1 - h(φ)) - λ_EC - 6 log₂(terms/ε_sec) - log₂(2/ε_cor).
fn length(bound: Bound, found: [f64; 4], leak: f64, epsilons: &Epsilons, terms: f64) -> KeyLength {
    let [vacuum, single, single_check, phase_error] = found;
    let secret = vacuum + single * (1.0 - entropy_of_bound(phase_error))
        - leak
        - 6.0 * (terms / epsilons.secrecy).log2()
        - (2.0 / epsilons.correctness).log2();
    KeyLength { bound, secret_bits: whole_bits(secret), vacuum, single, single_check, phase_error }
}
