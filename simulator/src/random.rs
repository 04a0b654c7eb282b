//! Random numbers that follow from a seed alone.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

/// Stream number `stream` of `seed`: streams are independent, so that threads need not wait for each other.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// Uniform in [0, 1), on a grid of 2^-53.
pub(crate) fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let number = (generator.next_u64() >> 11) as f64;
    number * (1.0 / (1u64 << 53) as f64)
}

/// How many of `trials` succeed with `probability` each; figures beyond 0 and 1 are taken as those.
///
/// # Errors
/// `Other` for a probability that is not a number.
pub(crate) fn binomial(generator: &mut ChaCha8Rng, trials: u64, probability: f64) -> Result<u64> {
    if trials == 0 || probability <= 0.0 {
        return Ok(0);
    }
    if probability >= 1.0 {
        return Ok(trials);
    }
    let distribution = Binomial::new(trials, probability)
        .map_err(|cause| Error::new(ErrorKind::Other, format!("the state is not normalised: {cause}")))?;
    Ok(distribution.sample(generator).min(trials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_draws_have_mean_and_variance_of_the_binomial_law() {
        let mut generator = stream(1, 0);
        // Small n·p, moderate, and large where samplers switch algorithms.
        for (trials, probability) in [(10, 0.05), (1000, 0.3), (1_000_000, 0.5), (1_000_000_000, 1e-6)] {
            let draws: Vec<f64> =
                (0..20_000).map(|_| binomial(&mut generator, trials, probability).unwrap() as f64).collect();
            let mean = draws.iter().sum::<f64>() / 2e4;
            let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 2e4;
            let expected = trials as f64 * probability;
            let spread = expected * (1.0 - probability);
            assert!((mean - expected).abs() < 5.0 * (spread / 2e4).sqrt(), "{trials} {probability}: {mean}");
            assert!((variance / spread - 1.0).abs() < 0.08, "{trials} {probability}: {variance}");
        }
    }

    #[test]
    fn certain_outcomes_are_certain() {
        let mut generator = stream(1, 0);
        assert_eq!(binomial(&mut generator, 7, 1.0 + 1e-12).unwrap(), 7);
        assert_eq!(binomial(&mut generator, 7, -1e-12).unwrap(), 0);
        assert!(binomial(&mut generator, 7, f64::NAN).is_err());
    }
}
