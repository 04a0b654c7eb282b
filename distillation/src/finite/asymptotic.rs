//! Key rates of infinitely long blocks: what a link tends to, and what none can exceed.

use super::binary_entropy;

/// r = 1 - h(Q_phase) - f·h(Q_bit), secret bits per sifted bit of BB84 and BBM92 with single photons; not below 0.
///
/// Shor, Preskill, Phys. Rev. Lett. 85, 441 (2000), with the efficiency `f` of real reconciliation. Zero at Q = 11.0028 %.
pub fn sifted_fraction(phase_error: f64, bit_error: f64, efficiency: f64) -> f64 {
    (1.0 - super::entropy_of_bound(phase_error) - efficiency * super::entropy_of_bound(bit_error)).max(0.0)
}

/// -log₂(1 - η): no protocol without a repeater gives more secret bits per pulse over transmission η, 0 ≤ η < 1.
///
/// Pirandola, Laurenza, Ottaviani, Banchi, Nat. Commun. 8, 15043 (2017), equation (1).
pub fn repeaterless_limit(transmission: f64) -> f64 {
    -(-transmission).ln_1p() / std::f64::consts::LN_2
}

/// A weak-laser BB84 link as Ma, Qi, Zhao and Lo describe it (Phys. Rev. A 72, 012326 (2005), §II).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoyLink {
    /// η: probability that a photon sent is detected, receiver and detector included.
    pub transmission: f64,
    /// Y₀: probability of a click without a photon, per pulse.
    pub background: f64,
    /// e_d: probability that a photon takes the wrong detector.
    pub misalignment: f64,
    /// f: disclosed bits of reconciliation over n·h(Q).
    pub efficiency: f64,
    /// q: share of the pulses that survive sifting.
    pub sifting: f64,
}

impl DecoyLink {
    /// (Q_μ, E_μ): probability of a click, and share of errors among them, for pulses of mean photon number `mu`.
    pub fn gain(&self, mu: f64) -> (f64, f64) {
        let photons = -(-self.transmission * mu).exp_m1();
        let gain = self.background + photons;
        (gain, (0.5 * self.background + self.misalignment * photons) / gain)
    }

    /// R with infinitely many decoys, secret bits per pulse (equation (1) with Y₁ and e₁ exact); not below 0.
    pub fn rate(&self, mu: f64) -> f64 {
        let y1 = self.background + self.transmission - self.background * self.transmission;
        let e1 = (0.5 * self.background + self.misalignment * self.transmission) / y1;
        self.rate_of(mu, y1, e1)
    }

    /// R with the vacuum and one weak decoy `nu` < `mu`, secret bits per pulse (equations (34) and (37)); not below 0.
    pub fn rate_vacuum_weak(&self, mu: f64, nu: f64) -> f64 {
        let ((q_mu, _), (q_nu, e_nu)) = (self.gain(mu), self.gain(nu));
        let ratio = (nu / mu).powi(2);
        let inner = q_nu * nu.exp() - q_mu * mu.exp() * ratio - (1.0 - ratio) * self.background;
        let y1 = mu / (mu * nu - nu * nu) * inner;
        let e1 = (e_nu * q_nu * nu.exp() - 0.5 * self.background) / (y1 * nu);
        self.rate_of(mu, y1, e1)
    }

    fn rate_of(&self, mu: f64, y1: f64, e1: f64) -> f64 {
        let (gain, error) = self.gain(mu);
        let q1 = y1 * mu * (-mu).exp();
        let secret =
            q1 * (1.0 - super::entropy_of_bound(e1)) - gain * self.efficiency * binary_entropy(error);
        (self.sifting * secret).max(0.0)
    }
}
