//! What noise does to qubits: relaxation over a time, depolarization, and readout that takes one outcome for the other.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

/// What a time does to one qubit: the excited state decays with probability γ, coherence is multiplied by a factor.
///
/// ρ₁₁ → (1 − γ) ρ₁₁, ρ₀₀ → ρ₀₀ + γ ρ₁₁, ρ₀₁ → c ρ₀₁; that is amplitude damping followed by phase damping (Nielsen and
/// Chuang, Quantum Computation and Quantum Information, §8.3.5 and §8.3.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relaxation {
    decay: f64,
    coherence: f64,
}

impl Relaxation {
    /// Nothing happens.
    pub const NONE: Self = Self { decay: 0.0, coherence: 1.0 };

    /// What `time` does: γ = 1 − e^{−t/T1}, c = e^{−t/T2}. A time that is not known counts as infinite, with T2 at most
    /// 2·T1, beyond which it is not physical.
    pub fn over(time: Duration, t1: Option<Duration>, t2: Option<Duration>) -> Self {
        let kept = |constant: Option<Duration>| match constant {
            None => 1.0,
            Some(constant) => {
                let exponent = time.as_secs_f64() / constant.as_secs_f64();
                // 0/0 is no time on a qubit that lives for none.
                if exponent.is_nan() { 1.0 } else { (-exponent).exp() }
            }
        };
        let stays = kept(t1);
        Self { decay: 1.0 - stays, coherence: kept(t2).min(stays.sqrt()) }
    }

    /// The probability γ that an excited qubit decays.
    pub fn decay(&self) -> f64 {
        self.decay
    }

    /// The factor c of the coherences, decay included.
    pub fn coherence(&self) -> f64 {
        self.coherence
    }

    /// Whether nothing happens at all.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The probability of a phase flip beside the decay: (1 − c/√(1−γ))/2.
    pub(crate) fn phase_flip(&self) -> f64 {
        let rest = (1.0 - self.decay).sqrt();
        if rest > 0.0 { ((1.0 - self.coherence / rest) / 2.0).clamp(0.0, 0.5) } else { 0.0 }
    }

    /// The process fidelity of this channel with the identity: (1 + 2c + 1 − γ)/4.
    fn process_fidelity(&self) -> f64 {
        (2.0 + 2.0 * self.coherence - self.decay) / 4.0
    }
}

/// The average gate fidelity that is left when nothing but relaxation happens to the qubits of a gate.
///
/// On one qubit ½ + e^{−t/T1}/6 + e^{−t/T2}/3; on several (d F + 1)/(d + 1) with the product F of the process fidelities
/// (Nielsen, Phys. Lett. A 303, 249 (2002)).
pub fn coherence_limit(relaxations: &[Relaxation]) -> f64 {
    let dim = 2f64.powi(relaxations.len() as i32);
    let process: f64 = relaxations.iter().map(Relaxation::process_fidelity).product();
    (dim * process + 1.0) / (dim + 1.0)
}

/// The depolarizing probability p of ρ → (1−p)ρ + p·1/d that, after `relaxations`, leaves the average gate fidelity
/// `fidelity`; 0 where relaxation alone takes more than that.
pub fn depolarizing_rest(fidelity: f64, relaxations: &[Relaxation]) -> f64 {
    let limit = coherence_limit(relaxations);
    let mixed = 2f64.powi(-(relaxations.len() as i32));
    if limit <= mixed { 0.0 } else { ((limit - fidelity) / (limit - mixed)).clamp(0.0, 1.0) }
}

/// How often a measurement is read wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Readout {
    /// The probability that a 0 is read as 1.
    pub one_for_zero: f64,
    /// The probability that a 1 is read as 0.
    pub zero_for_one: f64,
}

impl Readout {
    /// The same probability both ways.
    pub fn symmetric(error: f64) -> Self {
        Self { one_for_zero: error, zero_for_one: error }
    }

    /// The probability that `outcome` is read as the other.
    pub(crate) fn flip(&self, outcome: bool) -> f64 {
        if outcome { self.zero_for_one } else { self.one_for_zero }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_probability("a readout error", self.one_for_zero)?;
        check_probability("a readout error", self.zero_for_one)
    }
}

pub(crate) fn check_probability(what: &str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{what} is a probability, and {value} is none")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const US: fn(u64) -> Duration = Duration::from_micros;

    #[test]
    fn relaxation_follows_the_exponentials() {
        let relaxation = Relaxation::over(US(10), Some(US(40)), Some(US(20)));
        assert!((relaxation.decay() - (1.0 - (-0.25f64).exp())).abs() < 1e-15);
        assert!((relaxation.coherence() - (-0.5f64).exp()).abs() < 1e-15);
        // Coherence e^{−t/T2} is what decay leaves, √(1−γ), times what the phase flips leave, 1 − 2p.
        let left = (1.0 - relaxation.decay()).sqrt() * (1.0 - 2.0 * relaxation.phase_flip());
        assert!((left - relaxation.coherence()).abs() < 1e-15);
        assert!(Relaxation::over(Duration::ZERO, Some(US(1)), Some(US(1))).is_none());
        assert!(Relaxation::over(US(1), None, None).is_none());
    }

    #[test]
    fn a_dephasing_time_beyond_twice_the_relaxation_time_counts_as_that() {
        let clamped = Relaxation::over(US(1), Some(US(10)), Some(US(100)));
        assert_eq!(clamped, Relaxation::over(US(1), Some(US(10)), Some(US(20))));
        assert_eq!(clamped.phase_flip(), 0.0);
        assert_eq!(clamped, Relaxation::over(US(1), Some(US(10)), None));
    }

    #[test]
    fn the_coherence_limit_of_one_qubit_is_the_known_formula() {
        let relaxation = Relaxation::over(US(3), Some(US(50)), Some(US(30)));
        let expected = 0.5 + (-3.0f64 / 50.0).exp() / 6.0 + (-3.0f64 / 30.0).exp() / 3.0;
        assert!((coherence_limit(&[relaxation]) - expected).abs() < 1e-15);
        assert_eq!(coherence_limit(&[Relaxation::NONE; 2]), 1.0);
    }

    #[test]
    fn without_relaxation_the_rest_is_all() {
        // p = (1 − F) d/(d − 1).
        for (qubits, factor) in [(1, 2.0), (2, 4.0 / 3.0)] {
            let p = depolarizing_rest(0.99, &vec![Relaxation::NONE; qubits]);
            assert!((p - 0.01 * factor).abs() < 1e-15, "{qubits}: {p}");
        }
    }

    proptest! {
        #[test]
        fn relaxation_and_rest_together_have_the_fidelity_that_was_asked(
            t1 in 1u64..100, t2 in 1u64..100, time in 0u64..20, lost in 0.0..0.2f64, qubits in 1usize..3,
        ) {
            let relaxations = vec![Relaxation::over(US(time), Some(US(t1)), Some(US(t2))); qubits];
            let (limit, mixed) = (coherence_limit(&relaxations), 2f64.powi(-(qubits as i32)));
            let p = depolarizing_rest(1.0 - lost, &relaxations);
            prop_assert!((0.0..=1.0).contains(&p));
            let reached = (1.0 - p) * limit + p * mixed;
            if limit > 1.0 - lost {
                prop_assert!((reached - (1.0 - lost)).abs() < 1e-12);
            } else {
                prop_assert_eq!(p, 0.0);
            }
        }
    }
}
