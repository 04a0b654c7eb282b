//! Decoy-state BB84 with faint laser pulses: what is sent in each slot, and what a receiver with four detectors records.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::attack::{Attack, Monitors};
use super::clock::{ClockError, LocalClock};
use super::detector::{Detector, Detectors};
use super::fibre::Fibre;
use super::{CHANNELS, Click, UNITS_PER_NS, UNITS_PER_SECOND, at_least_one, channel, happens, normal};
use crate::random::{stream, uniform};

/// A source of faint pulses with random phase: Poisson photon numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct WeakPulses {
    /// Pulses a second.
    pub rate: f64,
    /// Mean photon numbers, falling; one to three.
    pub means: Vec<f64>,
    /// How often each is sent; they add up to 1.
    pub probabilities: Vec<f64>,
    /// Probability of the key basis, 0 to 1.
    pub key_basis: f64,
}

/// What the receiver is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receiver {
    /// Share of the light that goes to the detectors of the key basis, 0 to 1.
    pub key_basis: f64,
    /// Loss of its optics in dB.
    pub loss: f64,
    /// Probability that a photon measured in its own basis gives the wrong value, at the beginning.
    pub misalignment: f64,
    /// Random walk of the polarisation: standard deviation of the angle after one second, in radians.
    pub drift: f64,
    /// Its detectors.
    pub detector: Detector,
}

/// A link over one fibre.
#[derive(Clone, Debug, PartialEq)]
pub struct PulseLink {
    /// The sender.
    pub source: WeakPulses,
    /// The fibre.
    pub fibre: Fibre,
    /// The receiver.
    pub receiver: Receiver,
    /// The receiver's clock; true time is the sender's.
    pub clock: ClockError,
    /// What somebody does to it.
    pub attack: Option<Attack>,
}

/// What was sent in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// In the check basis.
    pub check: bool,
    /// The bit.
    pub value: bool,
    /// Index of the intensity, 0 the brightest.
    pub intensity: u8,
}

/// What was recorded in a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct PulseFrame {
    /// Slots of the stretch: from the first up to, without, the last.
    pub slots: std::ops::Range<u64>,
    /// The receiver's clicks, by its clock, sorted.
    pub clicks: Vec<Click>,
    /// What other instruments read.
    pub monitors: Monitors,
}

/// Time-shift attack: by how much pulses are moved, in ns, and how well detectors of value 1 see them then.
const TIME_SHIFT: (f64, f64) = (0.5, 0.3);

/// A link at work: frame after frame from one seed.
#[derive(Clone, Debug)]
pub struct WeakPulseRun {
    link: PulseLink,
    seed: u64,
    random: ChaCha8Rng,
    detectors: Detectors,
    clock: LocalClock,
    angle: f64,
    next_slot: u64,
}

/// What was prepared in a slot of a link with this seed: streams of random numbers of which each slot has its place, so that nothing
/// has to be kept.
pub fn prepared(source: &WeakPulses, seed: u64, slot: u64) -> Prepared {
    let mut random = stream(seed, 1);
    random.set_word_pos(u128::from(slot) * 2);
    let word = random.next_u64();
    let unit = |bits: u64, width: u32| bits as f64 / (1u64 << width) as f64;
    let check = unit(word >> 1 & 0x7FFF_FFFF, 31) >= source.key_basis;
    let draw = unit(word >> 32, 32);
    let mut sum = 0.0;
    let last = source.probabilities.len().saturating_sub(1);
    let intensity = source.probabilities.iter().position(|probability| {
        sum += probability;
        draw < sum
    });
    Prepared { check, value: word & 1 == 1, intensity: intensity.unwrap_or(last).min(2) as u8 }
}

impl PulseLink {
    /// Checks every figure.
    ///
    /// # Errors
    /// `InvalidInput` with the first that is out of range.
    pub fn check(&self) -> Result<()> {
        let source = &self.source;
        let wrong = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why.to_owned()));
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !(1e3..=1e10).contains(&source.rate) {
            return wrong("the pulse rate lies between 1 kHz and 10 GHz");
        }
        if !(1..=3).contains(&source.means.len()) || source.means.len() != source.probabilities.len() {
            return wrong("there are one to three intensities, each with its probability");
        }
        let falling = source.means.windows(2).all(|pair| pair[0] > pair[1]);
        if !falling || source.means.iter().any(|mean| !(0.0..=10.0).contains(mean)) {
            return wrong("mean photon numbers fall and lie between 0 and 10");
        }
        let sum: f64 = source.probabilities.iter().sum();
        if source.probabilities.iter().any(|probability| !share(*probability)) || (sum - 1.0).abs() > 1e-9 {
            return wrong("probabilities of the intensities add up to 1");
        }
        if !share(source.key_basis) || !share(self.receiver.key_basis) || !share(self.receiver.misalignment) {
            return wrong("shares and probabilities lie between 0 and 1");
        }
        check_common(&self.fibre, &self.receiver.detector, &self.clock)?;
        if self.receiver.loss < 0.0
            || !self.receiver.loss.is_finite()
            || !(0.0..=100.0).contains(&self.receiver.drift)
        {
            return wrong("loss and drift are not negative");
        }
        Ok(())
    }

    /// Probability that a photon that leaves the sender makes a click.
    pub fn efficiency(&self) -> f64 {
        self.fibre.transmittance()
            * 10f64.powf(-self.receiver.loss / 10.0)
            * self.receiver.detector.efficiency
    }

    /// The time between two pulses, in units.
    pub fn period(&self) -> f64 {
        UNITS_PER_SECOND / self.source.rate
    }

    /// Begins at slot 0.
    ///
    /// # Errors
    /// Those of [`PulseLink::check`].
    pub fn start(self, seed: u64) -> Result<WeakPulseRun> {
        self.check()?;
        let mut random = stream(seed, 2);
        let mut kind = self.receiver.detector;
        if self.attack == Some(Attack::Blinding) {
            (kind.dark_rate, kind.afterpulse) = (0.0, 0.0);
        }
        let detectors = Detectors::new(kind, CHANNELS.as_flattened().len(), &mut random);
        let angle = self.receiver.misalignment.sqrt().asin();
        let clock = LocalClock::new(self.clock);
        Ok(WeakPulseRun { seed, random, detectors, clock, angle, next_slot: 0, link: self })
    }
}

pub(super) fn check_common(fibre: &Fibre, detector: &Detector, clock: &ClockError) -> Result<()> {
    let wrong = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why.to_owned()));
    if !(0.0..=2000.0).contains(&fibre.length) || fibre.loss < 0.0 || !(fibre.loss * fibre.length).is_finite()
    {
        return wrong("a fibre is 0 to 2000 km long and loses at least 0 dB/km");
    }
    let positive = [detector.dark_rate, detector.dead_time, detector.afterpulse_delay, detector.jitter];
    if !(0.0..=1.0).contains(&detector.efficiency) || !(0.0..=0.9).contains(&detector.afterpulse) {
        return wrong(
            "a detector's efficiency lies between 0 and 1, its after-pulse probability between 0 and 0.9",
        );
    }
    if positive.iter().any(|figure| !(0.0..=1e9).contains(figure)) {
        return wrong("dark rate, dead time, delay and jitter of a detector lie between 0 and 1e9");
    }
    if !(0.0..=1e6).contains(&clock.offset) || clock.skew.abs() > 0.01 || !(0.0..=1.0).contains(&clock.walk) {
        return wrong("a clock is 0 to 1e6 s ahead, its skew at most 1 %, its walk at most 1 s");
    }
    Ok(())
}

impl WeakPulseRun {
    /// The link.
    pub fn link(&self) -> &PulseLink {
        &self.link
    }

    /// What was prepared in a slot.
    pub fn prepared(&self, slot: u64) -> Prepared {
        prepared(&self.link.source, self.seed, slot)
    }

    /// The next `slots` slots.
    pub fn frame(&mut self, slots: u64) -> PulseFrame {
        let first = self.next_slot;
        let last = first.saturating_add(slots);
        self.next_slot = last;
        let period = self.link.period();
        let delay = self.link.fibre.delay_ns() * UNITS_PER_NS;
        let arrivals = self.arrivals(first, last, delay);
        // Half a slot later, so that jitter does not push a photon out of its frame.
        let end = (last as f64 - 0.5) * period + delay;
        let recorded = self.detectors.record(&arrivals, end, &mut self.random);
        let mut clicks: Vec<Click> = recorded
            .into_iter()
            .map(|(time, channels)| Click { time: self.clock.read(time, &mut self.random), channels })
            .collect();
        clicks.sort_unstable();
        PulseFrame { slots: first..last, clicks, monitors: Monitors::under(self.link.attack) }
    }

    /// Photons that will make a click, sorted: slots without one are skipped in one draw.
    fn arrivals(&mut self, first: u64, last: u64, delay: f64) -> Vec<(f64, u8)> {
        let gains: Vec<f64> = (0..self.link.source.means.len()).map(|index| self.gain(index)).collect();
        let most = gains.iter().copied().fold(0.0, f64::max);
        let mut arrivals = Vec::new();
        if most <= 0.0 {
            return arrivals;
        }
        let period = self.link.period();
        let spread = self.link.fibre.spread_ns() * UNITS_PER_NS;
        let mut slot = first;
        let mut walked = first;
        loop {
            let gap = ((1.0 - uniform(&mut self.random)).ln() / (-most).ln_1p()).floor();
            let gap = if gap < 1e18 { gap as u64 } else { u64::MAX };
            slot = match slot.checked_add(gap) {
                Some(slot) if slot < last => slot,
                _ => break,
            };
            let sent = self.prepared(slot);
            let gain = gains[usize::from(sent.intensity).min(gains.len() - 1)];
            if happens(&mut self.random, gain / most) {
                let seconds = (slot - walked) as f64 / self.link.source.rate;
                walked = slot;
                self.angle += self.link.receiver.drift * seconds.sqrt() * normal(&mut self.random);
                let time = slot as f64 * period + delay;
                for _ in 0..self.photons(sent) {
                    if let Some((moved, channels)) = self.measured(sent) {
                        arrivals.push((
                            time + moved * UNITS_PER_NS + spread * normal(&mut self.random),
                            channels,
                        ));
                    }
                }
            }
            slot += 1;
            if slot >= last {
                break;
            }
        }
        arrivals.sort_by(|one, other| one.0.total_cmp(&other.0));
        arrivals
    }

    /// Probability that a pulse of this intensity makes any click by its photons.
    fn gain(&self, intensity: usize) -> f64 {
        let mean = |index: usize| self.link.source.means.get(index).copied().unwrap_or(0.0);
        let usual = 1.0 - (-self.link.efficiency() * mean(intensity)).exp();
        match self.link.attack {
            Some(Attack::PhotonNumberSplitting) => {
                let several = |mean: f64| 1.0 - (-mean).exp() * (1.0 + mean);
                let signal = 1.0 - (-self.link.efficiency() * mean(0)).exp();
                let passed = if several(mean(0)) > 0.0 { (signal / several(mean(0))).min(1.0) } else { 0.0 };
                passed * several(mean(intensity))
            }
            // Half of the pulses meet the other basis at the receiver, which does not click then.
            Some(Attack::Blinding) => usual / 2.0,
            _ => usual,
        }
    }

    /// Photons of a pulse that make a click, given that there is one.
    fn photons(&mut self, sent: Prepared) -> u32 {
        match self.link.attack {
            Some(Attack::PhotonNumberSplitting | Attack::Blinding) => 1,
            _ => {
                let mean = self.link.source.means.get(usize::from(sent.intensity)).copied().unwrap_or(0.0);
                at_least_one(&mut self.random, self.link.efficiency() * mean)
            }
        }
    }

    /// How a photon is measured: by how many ns it was moved, and the channel; none where the attack hides it.
    fn measured(&mut self, sent: Prepared) -> Option<(f64, u8)> {
        let wrong = self.angle.sin().powi(2);
        let (mut check, mut value) = (sent.check, sent.value);
        let mut moved = 0.0;
        match self.link.attack {
            Some(Attack::InterceptResend { fraction }) if happens(&mut self.random, fraction) => {
                (check, value) = self.resent(check, value);
            }
            Some(Attack::Blinding) => {
                let (basis, found) = self.resent(check, value);
                let found = found ^ (basis == sent.check && happens(&mut self.random, wrong));
                return Some((0.0, channel(basis, found)));
            }
            Some(Attack::TimeShift) => moved = TIME_SHIFT.0,
            _ => {}
        }
        let measured_check = !happens(&mut self.random, self.link.receiver.key_basis);
        let result = if measured_check == check {
            value ^ happens(&mut self.random, wrong)
        } else {
            happens(&mut self.random, 0.5)
        };
        if moved != 0.0 && result && !happens(&mut self.random, TIME_SHIFT.1) {
            return None;
        }
        Some((moved, channel(measured_check, result)))
    }

    /// What an eavesdropper who measures in a random basis sends on.
    fn resent(&mut self, check: bool, value: bool) -> (bool, bool) {
        let basis = happens(&mut self.random, 0.5);
        (basis, if basis == check { value } else { happens(&mut self.random, 0.5) })
    }
}
