//! The maker's test on this side of the wire: bits are predicted from the ones before, and their surprise is the entropy.
//!
//! Every bit is predicted from the 14 before it by how often 0 and 1 followed them so far. A multiplier by K makes
//! log2(K) bits of entropy with each, no more and no less; 3 % are tolerated (infnoise, software/healthcheck.c).

use qhal::{Error, ErrorKind, Result};

use super::protocol::ROUND;

/// Bits by which the next one is predicted.
const HISTORY: u32 = 14;
/// By how much the device multiplies.
const GAIN: f64 = 1.84;
/// By how much the measured entropy may differ from log2 of the gain.
const TOLERANCE: f64 = 1.03;
/// Bits before anything is believed.
const WARM_UP_BITS: u64 = 80_000;
/// The most equal bits in a row.
const LONGEST_RUN: u32 = 20;
/// Where counters are halved, so that what was long ago is forgotten.
const MOST_COUNTED: u16 = 1 << 14;

/// What is known of a device by its bits.
#[derive(Clone, Debug)]
pub struct Model {
    history: usize,
    /// How often 0 and 1 came after each history.
    followed: Vec<[u16; 2]>,
    bits: u64,
    run: u32,
    last: Option<bool>,
    /// Sums over the last bits, halved together when they grow large.
    surprise: f64,
    judged: f64,
}

/// What one round was worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged(f64);

impl Judged {
    /// Whether a round of 512 bits had the entropy it should have.
    pub fn is_on_target(self) -> bool {
        self.0 > ROUND as f64 * GAIN.log2() / TOLERANCE
    }

    /// Its entropy in bits, by the model.
    pub fn bits(self) -> f64 {
        self.0
    }
}

impl Default for Model {
    /// Nothing is known: both bits are as likely.
    fn default() -> Self {
        Self {
            history: 0,
            followed: vec![[1, 1]; 1 << HISTORY],
            bits: 0,
            run: 0,
            last: None,
            surprise: 0.0,
            judged: 0.0,
        }
    }
}

impl Model {
    /// Judges the bits of a round, most significant first, and learns from them.
    ///
    /// # Errors
    /// `Unhealthy` when more than 20 equal bits come in a row.
    pub fn judge(&mut self, round: &[u8]) -> Result<Judged> {
        let mut gained = 0.0;
        for byte in round {
            for at in (0..8).rev() {
                gained += self.add(byte >> at & 1 == 1)?;
            }
        }
        Ok(Judged(gained))
    }

    /// Takes one bit; gives its surprise in bits.
    fn add(&mut self, bit: bool) -> Result<f64> {
        self.run = if self.last == Some(bit) { self.run + 1 } else { 1 };
        self.last = Some(bit);
        if self.run > LONGEST_RUN {
            let message = format!("more than {LONGEST_RUN} bits in a row are {}", u8::from(bit));
            return Err(Error::new(ErrorKind::Unhealthy, message));
        }
        let mut surprise = 1.0;
        if let Some(counts) = self.followed.get_mut(self.history) {
            let [zeros, ones] = *counts;
            let this = if bit { ones } else { zeros };
            surprise = -(f64::from(this) / (f64::from(zeros) + f64::from(ones))).log2();
            if let Some(count) = counts.get_mut(usize::from(bit)) {
                *count += 1;
                if *count >= MOST_COUNTED {
                    *counts = [(zeros / 2).max(1), (ones / 2).max(1)];
                }
            }
        }
        self.history = (self.history << 1 | usize::from(bit)) & ((1 << HISTORY) - 1);
        self.bits += 1;
        self.surprise += surprise;
        self.judged += 1.0;
        if self.judged >= WARM_UP_BITS as f64 {
            // What was learnt first counts less and less.
            self.judged /= 2.0;
            self.surprise /= 2.0;
        }
        Ok(surprise)
    }

    /// The entropy that the device makes with every bit, by the model.
    pub fn entropy_per_bit(&self) -> f64 {
        if self.judged > 0.0 { self.surprise / self.judged } else { 0.0 }
    }

    /// Whether enough was seen, and it is too little: what is still to be learnt makes bits less surprising, never more.
    pub fn is_hopeless(&self) -> bool {
        self.bits >= WARM_UP_BITS && self.entropy_per_bit() * TOLERANCE < GAIN.log2()
    }

    /// Whether enough was seen, and it is what the design promises.
    pub fn is_ready(&self) -> bool {
        let (expected, measured) = (GAIN.log2(), self.entropy_per_bit());
        self.bits >= WARM_UP_BITS && measured * TOLERANCE >= expected && measured <= expected * TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulation::Noise;

    fn learn(mut bit: impl FnMut() -> bool, bits: usize) -> Result<Model> {
        let mut model = Model::default();
        for _ in 0..bits / 8 {
            let byte = (0..8).fold(0, |byte: u8, _| byte << 1 | u8::from(bit()));
            model.judge(&[byte])?;
        }
        Ok(model)
    }

    #[test]
    fn a_source_of_known_entropy_is_measured() {
        // Bits that differ from the one before with probability p have the entropy h(p); it takes a while until 16 384
        // histories are learnt.
        let mut noise = Noise::new(1);
        let mut flipping = |chance: f64, bits| {
            let mut last = false;
            let bit = || {
                last ^= noise.unit() < chance;
                last
            };
            learn(bit, bits).unwrap()
        };
        let entropy = |p: f64| -(p * p.log2() + (1.0 - p) * (1.0 - p).log2());
        let low = flipping(0.75, 1_500_000);
        assert!((low.entropy_per_bit() - entropy(0.75)).abs() < 0.01, "{}", low.entropy_per_bit());
        assert!(low.is_hopeless() && !low.is_ready());
        let right = flipping(0.7, 1_500_000);
        assert!((right.entropy_per_bit() - entropy(0.7)).abs() < 0.01, "{}", right.entropy_per_bit());
        assert!(right.is_ready());
        // Too much is as wrong as too little: it would not be the device.
        let high = flipping(0.6, 400_000);
        assert!(high.entropy_per_bit() > 0.95 && !high.is_ready() && !high.is_hopeless());
    }

    #[test]
    fn a_run_of_21_equal_bits_is_no_noise() {
        let mut model = Model::default();
        model.judge(&[0x0F, 0xFF, 0xFF]).unwrap();
        assert_eq!(model.judge(&[0x80]).unwrap_err().kind(), ErrorKind::Unhealthy);
    }
}
