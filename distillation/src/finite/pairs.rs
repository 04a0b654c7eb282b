//! Finite-key length of protocols on entangled pairs, where a random sample bounds the phase errors.

use qhal::Result;

use super::{Bound, Counts, Epsilons, KeyLength, check_leak, entropy_of_bound, invalid, ratio, whole_bits};

/// ν(n, k, ε) = √((n + k)(k + 1) ln(1/ε) / (n k²)): the errors of `n` bits exceed those of a random sample of `k` others by
/// more than this share with probability ε at most (Serfling's inequality). Infinite without bits or sample.
pub fn sampling_deviation(n: u64, k: u64, failure: f64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    if n < 1.0 || k < 1.0 {
        return f64::INFINITY;
    }
    ((n + k) * (k + 1.0) * (1.0 / failure).ln() / (n * k * k)).sqrt()
}

/// The secret length of BBM92 (and of a part of E91's key, see [`crate::ekert`]): `key` bits of one basis, all `check` bits of the
/// other compared in public, `leak` bits disclosed by reconciliation.
///
/// ℓ = n(1 - h(Q + μ)) - leak - log₂(2/(ε_sec² ε_cor)) with μ = ν(n, k, ε_sec/2) — Tomamichel, Lim, Gisin, Renner,
/// Nat. Commun. 3, 634 (2012), equation (2), for complementary bases (q = 1). The bases have to be chosen at random and
/// each end's measurement must not depend on it in efficiency (fair sampling).
///
/// # Errors
/// `InvalidInput` for parameters or counts that cannot be.
pub fn tlgr2012(key: u64, check: &Counts<1>, leak: f64, epsilons: &Epsilons) -> Result<KeyLength> {
    epsilons.check()?;
    check.check("check")?;
    check_leak(leak)?;
    let ([sample], [errors]) = (check.detections, check.errors);
    if key > 1 << 52 || sample > 1 << 52 {
        return Err(invalid(format!("{key} and {sample} detections are more than a block can hold")));
    }
    // √(…·ln(2/ε)) is ν at ε/2: both tails of the estimate.
    let deviation = sampling_deviation(key, sample, epsilons.secrecy / 2.0);
    let phase_error = (ratio(errors, sample) + deviation).min(1.0);
    let secret = key as f64 * (1.0 - entropy_of_bound(phase_error))
        - leak
        - (2.0 / (epsilons.secrecy.powi(2) * epsilons.correctness)).log2();
    Ok(KeyLength {
        bound: Bound::Tlgr2012,
        secret_bits: whole_bits(secret),
        vacuum: 0.0,
        single: key as f64,
        single_check: sample as f64,
        phase_error,
    })
}
