//! A model of the noise source: light of an LED on a photodiode, counted in photo-electrons, seen by a converter.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::super::protocol::{Config, Generator, PostProcess, Sensor};

/// LED level (0 to 100) at which the model was laid out; the level of the published statistics.
const NOMINAL_LEVEL: f32 = 45.5;
/// Converter counts per unit of LED level: the nominal level gives 2048, the middle of 12 bits.
const COUNTS_PER_LEVEL: f32 = 2048.0 / NOMINAL_LEVEL;
/// Detection chances per sample at the nominal level; each detects one photo-electron with probability ½.
const CHANCES: f32 = 256.0;
/// Highest reading of the 12-bit converter.
const FULL_SCALE: i32 = 4095;

/// Samples of shot noise, and what the device makes of them.
///
/// Each sample counts n independent chances of one half, so its variance is n/4: the binomial, nearly Poissonian
/// statistics of light on a detector of 50 % efficiency. n grows with the LED level, so a dark LED gives little
/// noise. At the nominal level σ is 8 counts, and the four lowest bits of a sample carry 3.97 bits of min-entropy
/// (the distribution folded modulo 16 deviates from uniform by 2·exp(−2π²σ²/16²), 1.4 %).
///
/// The random bits come from ChaCha, so a seed gives the same device again.
pub(super) struct Noise {
    rng: ChaCha8Rng,
    generator: Generator,
    /// Bits of raw noise that are not a byte yet, lowest first.
    bits: u32,
    held: u32,
    /// Output made and not yet asked for: the rest of a block.
    rest: Vec<u8>,
}

impl Noise {
    pub(super) fn new(seed: u64, config: &Config, otherwise: &Generator) -> Self {
        let generator = config.generator.unwrap_or(*otherwise);
        Self { rng: ChaCha8Rng::seed_from_u64(seed), generator, bits: 0, held: 0, rest: Vec::new() }
    }

    /// Takes over new settings; output of the old ones is not sent any more.
    pub(super) fn configure(&mut self, config: &Config) {
        if let Some(generator) = config.generator {
            self.generator = generator;
        }
        (self.bits, self.held) = (0, 0);
        self.rest.clear();
    }

    /// What the statistics say of light and sensor.
    pub(super) fn sensor(&self) -> Sensor {
        let led_level = self.led_level();
        Sensor {
            average: (led_level * COUNTS_PER_LEVEL).round().clamp(0.0, FULL_SCALE as f32) as u16,
            led_level,
        }
    }

    /// Calibration steers the sensor to its target; without, the LED stays where it was set.
    fn led_level(&self) -> f32 {
        if self.generator.flags & Generator::AUTO_CALIBRATION != 0 {
            (f32::from(self.generator.autocalibration_target) / COUNTS_PER_LEVEL).clamp(0.0, 100.0)
        } else {
            self.generator.initial_level.clamp(0.0, 100.0)
        }
    }

    fn sample(&mut self) -> u16 {
        let level = self.led_level();
        let chances = (CHANCES * level / NOMINAL_LEVEL) as u32;
        let mut detected = 0;
        for _ in 0..chances / 64 {
            detected += self.rng.next_u64().count_ones();
        }
        if !chances.is_multiple_of(64) {
            detected += (self.rng.next_u64() >> (64 - chances % 64)).count_ones();
        }
        let counts = (level * COUNTS_PER_LEVEL) as i32 + detected as i32 - (chances / 2) as i32;
        counts.clamp(0, FULL_SCALE) as u16
    }

    fn raw_noise_byte(&mut self) -> u8 {
        let width = u32::from(self.generator.n_lsbits.clamp(1, 8));
        while self.held < 8 {
            let sample = u32::from(self.sample());
            self.bits |= (sample & ((1 << width) - 1)) << self.held;
            self.held += width;
        }
        let byte = self.bits as u8;
        self.bits >>= 8;
        self.held -= 8;
        byte
    }

    /// The next `count` bytes of output.
    ///
    /// Conditioned: each 32 bytes are the SHA-256 digest of `hash_input_size` bytes of raw noise. Raw noise: the
    /// `n_lsbits` lowest bits of successive samples, packed lowest first. Raw samples: 16 bits each, little-endian,
    /// the upper four zero. The two packings are this model's own; the device's are unconfirmed.
    pub(super) fn take(&mut self, mode: PostProcess, count: usize) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.rest);
        while out.len() < count {
            match mode {
                PostProcess::Sha256 => {
                    let input: Vec<u8> =
                        (0..self.generator.hash_input_size.max(1)).map(|_| self.raw_noise_byte()).collect();
                    out.extend(Sha256::digest(&input));
                }
                PostProcess::RawNoise => out.push(self.raw_noise_byte()),
                PostProcess::RawSamples => out.extend(self.sample().to_le_bytes()),
            }
        }
        self.rest = out.split_off(count);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn noise(seed: u64) -> Noise {
        let config = Settings::default().config;
        Noise::new(seed, &config, &config.generator.unwrap())
    }

    #[test]
    fn samples_have_the_mean_and_variance_of_counted_light() {
        let bytes = noise(1).take(PostProcess::RawSamples, 40_000);
        let samples: Vec<f64> =
            bytes.chunks(2).map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]]))).collect();
        let mean = samples.iter().sum::<f64>() / 20_000.0;
        let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / 20_000.0;
        // σ = 8, n = 20 000: the mean is known to 8/√n = 0.06, the variance to 64·√(2/n) = 0.64; six times that.
        assert!((mean - 2048.0).abs() < 0.4, "{mean}");
        assert!((variance - 64.0).abs() < 4.0, "{variance}");
    }

    #[test]
    fn raw_noise_is_close_to_uniform_over_nibbles() {
        let mut counts = [0u32; 16];
        for byte in noise(2).take(PostProcess::RawNoise, 50_000) {
            counts[usize::from(byte & 15)] += 1;
            counts[usize::from(byte >> 4)] += 1;
        }
        // 100 000 nibbles, 6250 of each; 1.4 % of model deviation and six standard deviations (78) on top.
        assert!(counts.iter().all(|&count| count.abs_diff(6250) < 90 + 6 * 78), "{counts:?}");
        assert!(counts.iter().any(|&count| count != 6250));
    }

    #[test]
    fn conditioned_output_is_the_digest_of_the_raw_noise() {
        let raw = noise(3).take(PostProcess::RawNoise, 128);
        let mut conditioned = noise(3).take(PostProcess::Sha256, 20);
        assert_eq!(conditioned, Sha256::digest(&raw[..64])[..20]);
        let mut device = noise(3);
        conditioned = device.take(PostProcess::Sha256, 10);
        conditioned.extend(device.take(PostProcess::Sha256, 54));
        assert_eq!(conditioned[..32], *Sha256::digest(&raw[..64]));
        assert_eq!(conditioned[32..], *Sha256::digest(&raw[64..]));
    }

    #[test]
    fn a_dark_led_gives_no_noise_and_the_seed_decides_everything_else() {
        let mut config = Settings::default().config;
        let generator = config.generator.as_mut().unwrap();
        (generator.flags, generator.initial_level) = (0, 0.0);
        let mut dark = noise(4);
        dark.configure(&config);
        assert_eq!(dark.take(PostProcess::RawSamples, 100), [0; 100]);
        assert_eq!(dark.sensor().average, 0);
        assert_eq!(noise(5).take(PostProcess::Sha256, 64), noise(5).take(PostProcess::Sha256, 64));
        assert_ne!(noise(5).take(PostProcess::Sha256, 64), noise(6).take(PostProcess::Sha256, 64));
        assert_eq!(noise(5).sensor(), Sensor { average: 2048, led_level: 45.5 });
    }
}
