//! Entangled pairs for BBM92: a source in the middle (or at one end), a receiver with four detectors at each end.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;

use super::attack::{Attack, Monitors};
use super::clock::{ClockError, LocalClock};
use super::detector::{Detector, Detectors};
use super::fibre::Fibre;
use super::pulses::check_common;
use super::{Click, UNITS_PER_NS, UNITS_PER_SECOND, channel, exponential, happens, normal};
use crate::random::stream;

/// A source of photon pairs (spontaneous parametric down-conversion), pumped continuously.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairSource {
    /// Pairs a second.
    pub rate: f64,
    /// Visibility of the correlations in either basis, 0 to 1.
    pub visibility: f64,
    /// Angle between the two receivers' bases, in radians: 0 for a key, π/8 for CHSH at its best.
    pub angle: f64,
}

/// A source, two fibres, two receivers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLink {
    /// The source.
    pub source: PairSource,
    /// The fibres to either end.
    pub fibres: [Fibre; 2],
    /// Loss of either receiver's optics, in dB, the source's collection included.
    pub losses: [f64; 2],
    /// Either end's detectors.
    pub detectors: [Detector; 2],
    /// Either end's clock.
    pub clocks: [ClockError; 2],
    /// What somebody does to the second end's photons.
    pub attack: Option<Attack>,
}

/// What both ends recorded in a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct PairFrame {
    /// Either end's clicks, by its clock, sorted.
    pub clicks: [Vec<Click>; 2],
    /// What other instruments read.
    pub monitors: Monitors,
}

/// A link at work: frame after frame from one seed.
#[derive(Clone, Debug)]
pub struct PairRun {
    link: PairLink,
    random: ChaCha8Rng,
    detectors: [Detectors; 2],
    clocks: [LocalClock; 2],
    /// True time of the end of the last frame, in units.
    now: f64,
}

impl PairLink {
    /// Checks every figure.
    ///
    /// # Errors
    /// `InvalidInput` with the first that is out of range.
    pub fn check(&self) -> Result<()> {
        let wrong = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why.to_owned()));
        if !(0.0..=1e9).contains(&self.source.rate) || !(0.0..=1.0).contains(&self.source.visibility) {
            return wrong("a source makes 0 to 1e9 pairs a second with a visibility between 0 and 1");
        }
        if !self.source.angle.is_finite() {
            return wrong("the angle between the receivers is a number");
        }
        if matches!(self.attack, Some(Attack::PhotonNumberSplitting | Attack::TrojanHorse)) {
            return wrong(
                "entangled pairs have no pulses to split and no sender to look into: that attack is for bb84-decoy",
            );
        }
        for end in 0..2 {
            check_common(&self.fibres[end], &self.detectors[end], &self.clocks[end])?;
            if self.losses[end] < 0.0 || !self.losses[end].is_finite() {
                return wrong("losses are not negative");
            }
        }
        Ok(())
    }

    /// Probability that a photon of a pair makes a click at one end.
    pub fn efficiency(&self, end: usize) -> f64 {
        self.fibres[end].transmittance()
            * 10f64.powf(-self.losses[end] / 10.0)
            * self.detectors[end].efficiency
    }

    /// Begins at time 0.
    ///
    /// # Errors
    /// Those of [`PairLink::check`].
    pub fn start(self, seed: u64) -> Result<PairRun> {
        self.check()?;
        let mut random = stream(seed, 3);
        let mut kinds = self.detectors;
        if self.attack == Some(Attack::Blinding) {
            (kinds[1].dark_rate, kinds[1].afterpulse) = (0.0, 0.0);
        }
        let detectors = kinds.map(|kind| Detectors::new(kind, &mut random));
        let clocks = self.clocks.map(LocalClock::new);
        Ok(PairRun { link: self, random, detectors, clocks, now: 0.0 })
    }
}

impl PairRun {
    /// The link.
    pub fn link(&self) -> &PairLink {
        &self.link
    }

    /// The next stretch of this many seconds.
    pub fn frame(&mut self, seconds: f64) -> PairFrame {
        let begin = self.now;
        let end = begin + seconds.max(0.0) * UNITS_PER_SECOND;
        self.now = end;
        let efficiency = [self.link.efficiency(0), self.link.efficiency(1)];
        // Pairs of which neither photon is seen need not be drawn.
        let seen = 1.0 - (1.0 - efficiency[0]) * (1.0 - efficiency[1]);
        let mut arrivals = [Vec::new(), Vec::new()];
        let rate = self.link.source.rate * seen / UNITS_PER_SECOND;
        // Without any rate the first pair never comes.
        let mut time = begin + exponential(&mut self.random, 1.0 / rate);
        while time < end {
            self.pair(time, efficiency, seen, &mut arrivals);
            time += exponential(&mut self.random, 1.0 / rate);
        }
        let mut clicks = [Vec::new(), Vec::new()];
        for side in 0..2 {
            let delay = self.link.fibres[side].delay_ns() * UNITS_PER_NS;
            arrivals[side].sort_by(|one: &(f64, u8), other| one.0.total_cmp(&other.0));
            let recorded = self.detectors[side].record(&arrivals[side], end + delay, &mut self.random);
            clicks[side] = recorded
                .into_iter()
                .map(|(time, channels)| Click {
                    time: self.clocks[side].read(time, &mut self.random),
                    channels,
                })
                .collect();
            clicks[side].sort_unstable();
        }
        PairFrame { clicks, monitors: Monitors::under(self.link.attack) }
    }

    /// One pair of which at least one photon is seen.
    fn pair(&mut self, time: f64, efficiency: [f64; 2], seen: f64, arrivals: &mut [Vec<(f64, u8)>; 2]) {
        let first = happens(&mut self.random, efficiency[0] / seen);
        let second = if first { happens(&mut self.random, efficiency[1]) } else { true };
        let bases = [happens(&mut self.random, 0.5), happens(&mut self.random, 0.5)];
        let values = self.outcomes(bases);
        let mut bases = bases;
        let mut values = values;
        let mut seen = [first, second];
        match self.link.attack {
            Some(Attack::InterceptResend { fraction }) if happens(&mut self.random, fraction) => {
                values[1] = self.resent(bases, values[0]);
            }
            Some(Attack::Blinding) => {
                // The eavesdropper measures like a receiver and the detectors follow her, where the bases agree.
                let basis = happens(&mut self.random, 0.5);
                let outcome = self.outcomes([bases[0], basis]);
                values = outcome;
                seen[1] &= basis == bases[1];
                bases[1] = basis;
            }
            Some(Attack::TimeShift) => seen[1] &= !values[1] || happens(&mut self.random, 0.3),
            _ => {}
        }
        let moved = if self.link.attack == Some(Attack::TimeShift) { 0.5 * UNITS_PER_NS } else { 0.0 };
        for side in 0..2 {
            if !seen[side] {
                continue;
            }
            let fibre = &self.link.fibres[side];
            let spread = fibre.spread_ns() * normal(&mut self.random);
            let late = (fibre.delay_ns() + spread) * UNITS_PER_NS + if side == 1 { moved } else { 0.0 };
            arrivals[side].push((time + late, channel(bases[side], values[side])));
        }
    }

    /// Values of two measurements of Φ⁺ mixed with white noise: they agree with probability ½(1 + V cos 2δ), δ the angle between the
    /// bases.
    fn outcomes(&mut self, check: [bool; 2]) -> [bool; 2] {
        let between = direction(check[0]) - direction(check[1]) - self.link.source.angle;
        let agree = 0.5 * (1.0 + self.link.source.visibility * (2.0 * between).cos());
        let value = happens(&mut self.random, 0.5);
        [value, value ^ !happens(&mut self.random, agree)]
    }

    /// The second end's value after somebody measured its photon in a random basis and sent on what was found.
    fn resent(&mut self, bases: [bool; 2], first: bool) -> bool {
        let basis = happens(&mut self.random, 0.5);
        let agree = 0.5 * (1.0 + self.link.source.visibility);
        let found = if basis == bases[0] {
            first ^ !happens(&mut self.random, agree)
        } else {
            happens(&mut self.random, 0.5)
        };
        let angle = direction(basis) - direction(bases[1]) - self.link.source.angle;
        let same = 0.5 * (1.0 + (2.0 * angle).cos());
        found ^ !happens(&mut self.random, same)
    }
}

/// The direction of a basis, in radians.
fn direction(check: bool) -> f64 {
    if check { std::f64::consts::FRAC_PI_4 } else { 0.0 }
}
