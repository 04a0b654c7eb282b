//! Physical models of a quantum noise source as its digitiser sees it, with the min-entropy that follows from them.

use std::f64::consts::{PI, SQRT_2};

use qhal::{Error, ErrorKind, MinEntropy, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What happens in front of the digitiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseModel {
    /// Vacuum fluctuations on a balanced detector, sampled by an 8-bit converter over ± 4 standard deviations: a
    /// Gaussian of shot noise on top of a Gaussian of electronic noise (Haw et al., Phys. Rev. Applied 3, 054004,
    /// 2015). Only the shot noise is credited.
    ShotNoise {
        /// Shot-noise variance over electronic variance, as a number (20 is 13 dB); above 0.
        clearance: f64,
    },
    /// Qubits prepared in a superposition and measured one after the other; eight outcomes make a sample.
    MeasuredQubits,
}

impl NoiseModel {
    /// What it is, in the words of a listing.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ShotNoise { .. } => "model of homodyne shot noise, 8-bit samples",
            Self::MeasuredQubits => "model of measured qubits, 8 a sample",
        }
    }
}

/// How the modelled device breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every sample repeats the last good one.
    Stuck,
    /// The light is gone: only electronic noise is left (measured qubits always give 0 then).
    Dark,
    /// The device stops answering.
    Gone,
}

/// Everything that can be set about a simulated source.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseSettings {
    /// What is modelled.
    pub model: NoiseModel,
    /// Shift of the mean: in standard deviations for shot noise, as P(1) − ½ for qubits. Within ±2, or ±0.49.
    pub bias: f64,
    /// Correlation coefficient of neighbouring samples (qubits: outcomes), −0.99 to 0.99.
    pub correlation: f64,
    /// How it breaks, and after how many samples.
    pub failure: Option<(Failure, u64)>,
    /// Makes the run repeatable; `None` takes a seed from the operating system.
    pub seed: Option<u64>,
}

impl Default for NoiseSettings {
    fn default() -> Self {
        Self {
            model: NoiseModel::ShotNoise { clearance: 20.0 },
            bias: 0.0,
            correlation: 0.0,
            failure: None,
            seed: None,
        }
    }
}

/// Standard deviations from the middle of the converter's range to its end.
const RANGE: f64 = 4.0;

impl NoiseSettings {
    /// Checks every figure.
    ///
    /// # Errors
    /// `InvalidInput` with the figure that is out of range.
    pub fn check(&self) -> Result<()> {
        let within = |name: &str, value: f64, limit: f64| {
            if value.abs() <= limit {
                Ok(())
            } else {
                Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("{name} {value} is outside −{limit}..{limit}"),
                ))
            }
        };
        match self.model {
            NoiseModel::ShotNoise { clearance } => {
                if !(clearance > 0.0 && clearance.is_finite()) {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        format!("clearance {clearance} is not above 0"),
                    ));
                }
                within("bias", self.bias, 2.0)?;
            }
            NoiseModel::MeasuredQubits => within("bias", self.bias, 0.49)?,
        }
        within("correlation", self.correlation, 0.99)
    }

    /// The min-entropy of one sample that the model guarantees to somebody who knows all earlier samples, the bias
    /// and (for shot noise) the electronic noise.
    ///
    /// Shot noise: the largest probability of one converter code is that of a cell in the middle of the Gaussian of
    /// the innovation, or of the code at the end of the range when the known part pushes the signal there; the
    /// known part is bounded at 5 standard deviations. Qubits: eight times −log2 of the likelier outcome given
    /// the one before.
    ///
    /// # Errors
    /// `InvalidInput` as [`check`](Self::check), or when nothing of the entropy is left.
    pub fn min_entropy(&self) -> Result<MinEntropy> {
        self.check()?;
        let per_sample = match self.model {
            NoiseModel::ShotNoise { clearance } => {
                let innovation = (1.0 - self.correlation * self.correlation).sqrt();
                let total = 1.0;
                let shot = (clearance / (1.0 + clearance)).sqrt() * innovation * total;
                let electronic = (1.0 / (1.0 + clearance)).sqrt() * innovation * total;
                let cell = 2.0 * RANGE / 256.0;
                let middle = libm::erf(cell / (2.0 * SQRT_2 * shot));
                let known = self.bias.abs() + 5.0 * (electronic + self.correlation.abs());
                let end = 0.5 * libm::erfc((RANGE - cell - known) / (SQRT_2 * shot));
                -middle.max(end).log2()
            }
            NoiseModel::MeasuredQubits => {
                let (same_one, same_zero) = self.stay();
                let likeliest = same_one.max(same_zero).max(1.0 - same_one).max(1.0 - same_zero);
                -8.0 * likeliest.log2()
            }
        };
        MinEntropy::new(per_sample.min(8.0), 8).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "bias and correlation leave no entropy in a sample")
        })
    }

    /// P(1 after 1) and P(0 after 0) of the two-state Markov chain with this bias and correlation.
    fn stay(&self) -> (f64, f64) {
        let one = 0.5 + self.bias;
        let stay = |p: f64| (p + self.correlation * (1.0 - p)).clamp(0.0, 1.0);
        (stay(one), stay(1.0 - one))
    }
}

/// The stream of samples of one modelled device.
pub struct Samples {
    settings: NoiseSettings,
    rng: ChaCha8Rng,
    produced: u64,
    /// Shot noise: the last value in standard deviations. Qubits: the last outcome, 0 or 1.
    state: f64,
    last: u8,
    spare: Option<f64>,
}

impl Samples {
    /// A stream that depends on nothing but `settings` and `seed`.
    ///
    /// # Errors
    /// `InvalidInput` as [`NoiseSettings::check`].
    pub fn new(settings: NoiseSettings, seed: u64) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            settings,
            rng: ChaCha8Rng::seed_from_u64(seed),
            produced: 0,
            state: 0.0,
            last: 0,
            spare: None,
        })
    }

    /// The failure that is in force by now.
    pub fn failure(&self) -> Option<Failure> {
        self.settings.failure.filter(|(_, after)| self.produced >= *after).map(|(failure, _)| failure)
    }

    /// The next sample; `None` once the device is gone.
    pub fn next_sample(&mut self) -> Option<u8> {
        let dark = match self.failure() {
            Some(Failure::Gone) => return None,
            Some(Failure::Stuck) => return Some(self.last),
            Some(Failure::Dark) => true,
            None => false,
        };
        self.produced = self.produced.saturating_add(1);
        self.last = match self.settings.model {
            NoiseModel::ShotNoise { clearance } => self.voltage(clearance, dark),
            NoiseModel::MeasuredQubits if dark => 0,
            NoiseModel::MeasuredQubits => self.qubits(),
        };
        Some(self.last)
    }

    /// One reading of the converter.
    fn voltage(&mut self, clearance: f64, dark: bool) -> u8 {
        let rho = self.settings.correlation;
        let amplitude = if dark { (1.0 / (1.0 + clearance)).sqrt() } else { 1.0 };
        // Shot and electronic noise are independent Gaussians, so their sum is drawn as one.
        self.state = rho * self.state + (1.0 - rho * rho).sqrt() * amplitude * self.gaussian();
        let code = (self.state + self.settings.bias + RANGE) / (2.0 * RANGE) * 256.0;
        code.clamp(0.0, 255.0) as u8
    }

    /// Eight outcomes, the first in the highest bit.
    fn qubits(&mut self) -> u8 {
        let (same_one, same_zero) = self.settings.stay();
        let mut byte = 0;
        for _ in 0..8 {
            let p_one = if self.state > 0.5 { same_one } else { 1.0 - same_zero };
            let outcome = self.uniform() < p_one;
            self.state = f64::from(u8::from(outcome));
            byte = byte << 1 | u8::from(outcome);
        }
        byte
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Box and Muller, Ann. Math. Stat. 29, 610 (1958).
    fn gaussian(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (2.0 * PI * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(settings: NoiseSettings, count: usize) -> (Vec<f64>, Vec<u8>) {
        let mut samples = Samples::new(settings, 7).unwrap();
        let all: Vec<u8> = (0..count).map(|_| samples.next_sample().unwrap()).collect();
        let mut counts = vec![0.0; 256];
        for &sample in &all {
            counts[sample as usize] += 1.0;
        }
        (counts, all)
    }

    /// The codes of an ideal converter on a Gaussian, from the error function: nothing of the generator is used.
    #[test]
    fn shot_noise_has_the_histogram_of_a_sampled_gaussian() {
        let count = 400_000;
        let (counts, _) = histogram(NoiseSettings::default(), count);
        let edge = |code: usize| (code as f64 / 256.0 * 2.0 - 1.0) * RANGE;
        let below = |x: f64| 0.5 * libm::erfc(-x / SQRT_2);
        let mut chi_square = 0.0;
        let mut cells = 0;
        for (code, seen) in counts.iter().enumerate() {
            let low = if code == 0 { 0.0 } else { below(edge(code)) };
            let high = if code == 255 { 1.0 } else { below(edge(code + 1)) };
            let expected = (high - low) * count as f64;
            if expected >= 5.0 {
                chi_square += (seen - expected).powi(2) / expected;
                cells += 1;
            }
        }
        // Wilson–Hilferty: 5 standard deviations above the mean.
        let k = f64::from(cells - 1);
        let limit = k * (1.0 - 2.0 / (9.0 * k) + 5.0 * (2.0 / (9.0 * k)).sqrt()).powi(3);
        assert!(chi_square < limit, "{chi_square} over {cells} cells");
    }

    /// Haw et al. 2015, eq. (8): H = −log2 erf(δ / (2√2 σ)) for the worst case inside the range.
    #[test]
    fn the_claim_is_that_of_the_shot_noise_alone() {
        let claim = NoiseSettings::default().min_entropy().unwrap().per_sample();
        let sigma = (20.0f64 / 21.0).sqrt();
        assert!((claim - -libm::erf(8.0 / 256.0 / (2.0 * SQRT_2 * sigma)).log2()).abs() < 1e-12);
        assert!(claim > 6.2 && claim < 6.4, "{claim}");
    }

    #[test]
    fn what_is_seen_never_contradicts_the_claim() {
        for (model, bias, correlation) in [
            (NoiseModel::ShotNoise { clearance: 20.0 }, 0.0, 0.0),
            (NoiseModel::ShotNoise { clearance: 3.0 }, 0.5, 0.2),
            (NoiseModel::MeasuredQubits, 0.0, 0.0),
            (NoiseModel::MeasuredQubits, 0.1, 0.0),
            (NoiseModel::MeasuredQubits, -0.05, 0.1),
        ] {
            let settings = NoiseSettings { model, bias, correlation, ..NoiseSettings::default() };
            let claim = settings.min_entropy().unwrap().per_sample();
            let (counts, _) = histogram(settings, 400_000);
            let likeliest = counts.iter().copied().fold(0.0, f64::max) / 400_000.0;
            let promised = (-claim).exp2();
            // The largest of 256 estimates, each with its sampling error.
            let limit = promised + 5.0 * (promised * (1.0 - promised) / 400_000.0).sqrt();
            assert!(likeliest < limit, "{model:?}: promised at most {promised}, seen {likeliest}");
        }
    }

    #[test]
    fn bias_and_correlation_are_what_was_set() {
        let settings = NoiseSettings {
            model: NoiseModel::MeasuredQubits,
            bias: 0.1,
            correlation: 0.2,
            ..NoiseSettings::default()
        };
        let (_, bytes) = histogram(settings, 100_000);
        let bits: Vec<f64> =
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| f64::from(byte >> bit & 1))).collect();
        let mean = bits.iter().sum::<f64>() / bits.len() as f64;
        let covariance = bits.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>()
            / (bits.len() - 1) as f64;
        assert!((mean - 0.6).abs() < 0.005, "{mean}");
        assert!((covariance / (mean * (1.0 - mean)) - 0.2).abs() < 0.01, "{covariance}");
    }

    #[test]
    fn failures_begin_when_they_were_ordered() {
        let broken = |failure| NoiseSettings { failure: Some((failure, 100)), ..NoiseSettings::default() };
        let mut gone = Samples::new(broken(Failure::Gone), 1).unwrap();
        assert_eq!((0..200).filter_map(|_| gone.next_sample()).count(), 100);
        let (_, stuck) = histogram(broken(Failure::Stuck), 200);
        assert!(
            stuck[99..].iter().all(|sample| *sample == stuck[99])
                && stuck[..99].windows(2).any(|p| p[0] != p[1])
        );
        let (_, dark) = histogram(broken(Failure::Dark), 5000);
        let spread = |part: &[u8]| {
            let mean = part.iter().map(|x| f64::from(*x)).sum::<f64>() / part.len() as f64;
            (part.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / part.len() as f64).sqrt()
        };
        assert!(spread(&dark[100..]) < 0.3 * 32.0, "{}", spread(&dark[100..]));
    }

    #[test]
    fn impossible_settings_are_refused() {
        for settings in [
            NoiseSettings { bias: 3.0, ..NoiseSettings::default() },
            NoiseSettings { bias: f64::NAN, ..NoiseSettings::default() },
            NoiseSettings { correlation: 1.0, ..NoiseSettings::default() },
            NoiseSettings { model: NoiseModel::ShotNoise { clearance: 0.0 }, ..NoiseSettings::default() },
            NoiseSettings { model: NoiseModel::MeasuredQubits, bias: 0.5, ..NoiseSettings::default() },
        ] {
            assert_eq!(settings.min_entropy().unwrap_err().kind(), ErrorKind::InvalidInput, "{settings:?}");
        }
    }
}
