//! Entangled pairs for BBM92 and E91: a source in the middle (or at one end), a receiver with four or six detectors at each end.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;

use super::analysers::Analysers;
use super::attack::{Attack, Monitors};
use super::clock::{ClockError, LocalClock};
use super::detector::{Detector, Detectors};
use super::fibre::Fibre;
use super::pulses::check_common;
use super::{Click, UNITS_PER_NS, UNITS_PER_SECOND, exponential, happens, normal};
use crate::random::{stream, uniform};

/// A source of photon pairs (spontaneous parametric down-conversion), pumped continuously.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairSource {
    /// Pairs a second.
    pub rate: f64,
    /// Visibility of the correlations, the same at every setting, 0 to 1.
    pub visibility: f64,
    /// Angle by which the second receiver is turned, in radians: 0 for a key; π/8 gives BBM92's bases the settings of CHSH.
    pub angle: f64,
}

/// A source, two fibres, two receivers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLink {
    /// The source.
    pub source: PairSource,
    /// What the receivers measure.
    pub analysers: Analysers,
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
        let detectors = kinds.map(|kind| Detectors::new(kind, self.analysers.detectors(), &mut random));
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
        let mut settings = [self.setting(0), self.setting(1)];
        let mut values = self.outcomes(settings);
        let mut seen = [first, second];
        match self.link.attack {
            Some(Attack::InterceptResend { fraction }) if happens(&mut self.random, fraction) => {
                values[1] = self.resent(settings, values[0]);
            }
            Some(Attack::Blinding) => {
                // The eavesdropper measures like the receiver and the detectors follow her, where the settings agree.
                let hers = self.setting(1);
                values = self.outcomes([settings[0], hers]);
                seen[1] &= hers == settings[1];
                settings[1] = hers;
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
            arrivals[side].push((time + late, self.link.analysers.channel(settings[side], values[side])));
        }
    }

    /// The setting that one end chooses.
    fn setting(&mut self, end: usize) -> usize {
        match self.link.analysers.directions(end).len() {
            2 => usize::from(happens(&mut self.random, 0.5)),
            // A draw below 1 gives a number below the count.
            count => (uniform(&mut self.random) * count as f64) as usize,
        }
    }

    /// The direction of a setting of one end, in radians; the second receiver is turned against the first by the source's angle.
    fn direction(&self, end: usize, setting: usize) -> f64 {
        let turned = if end == 1 { self.link.source.angle } else { 0.0 };
        self.link.analysers.directions(end)[setting] + turned
    }

    /// Values of two measurements of Φ⁺ mixed with white noise: they agree with probability ½(1 + V cos 2δ), δ the angle between the
    /// directions.
    fn outcomes(&mut self, settings: [usize; 2]) -> [bool; 2] {
        let between = self.direction(0, settings[0]) - self.direction(1, settings[1]);
        let agree = 0.5 * (1.0 + self.link.source.visibility * (2.0 * between).cos());
        let value = happens(&mut self.random, 0.5);
        [value, value ^ !happens(&mut self.random, agree)]
    }

    /// The second end's value after somebody measured its photon at 0 or 45 degrees, at random, and sent on what was found. The mean over
    /// the two halves the correlation between any two directions: ½(cos 2a cos 2b + sin 2a sin 2b).
    fn resent(&mut self, settings: [usize; 2], first: bool) -> bool {
        let hers = if happens(&mut self.random, 0.5) { std::f64::consts::FRAC_PI_4 } else { 0.0 };
        let between = hers - self.direction(0, settings[0]);
        let agree = 0.5 * (1.0 + self.link.source.visibility * (2.0 * between).cos());
        let found = first ^ !happens(&mut self.random, agree);
        let angle = hers - self.direction(1, settings[1]);
        let same = 0.5 * (1.0 + (2.0 * angle).cos());
        found ^ !happens(&mut self.random, same)
    }
}
