//! Single-photon detectors: efficiency, dark counts, dead time, after-pulses, jitter.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_chacha::ChaCha8Rng;

use super::{UNITS_PER_NS, UNITS_PER_SECOND, exponential, happens, normal};

/// A kind of single-photon detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// Probability that a photon makes a click.
    pub efficiency: f64,
    /// Dark counts a second.
    pub dark_rate: f64,
    /// Time after a click in which nothing is seen, in ns; photons meanwhile do not prolong it (non-paralysable: R/(1 + Rτ)).
    pub dead_time: f64,
    /// Probability that a click is followed by another one without a photon.
    pub afterpulse: f64,
    /// Mean delay of after-pulses behind the dead time, in ns.
    pub afterpulse_delay: f64,
    /// Standard deviation of the recorded time, in ns.
    pub jitter: f64,
}

impl Detector {
    /// A free-running InGaAs avalanche diode.
    pub const INGAAS: Self = Self {
        efficiency: 0.2,
        dark_rate: 1000.0,
        dead_time: 10_000.0,
        afterpulse: 0.02,
        afterpulse_delay: 5_000.0,
        jitter: 0.15,
    };
    /// A superconducting nanowire.
    pub const SNSPD: Self = Self {
        efficiency: 0.85,
        dark_rate: 100.0,
        dead_time: 40.0,
        afterpulse: 0.0,
        afterpulse_delay: 1.0,
        jitter: 0.03,
    };
    /// A silicon avalanche diode.
    pub const SILICON: Self = Self {
        efficiency: 0.55,
        dark_rate: 250.0,
        dead_time: 40.0,
        afterpulse: 0.01,
        afterpulse_delay: 50.0,
        jitter: 0.2,
    };
}

/// A true time in units, in an order that a heap can use: times are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Detectors of one kind at one end, with what they remember from one frame to the next.
#[derive(Clone, Debug)]
pub struct Detectors {
    kind: Detector,
    /// Until when each is dead, in units of true time.
    dead_until: Vec<f64>,
    next_dark: Vec<f64>,
    afterpulses: BinaryHeap<(Reverse<At>, u8)>,
}

impl Detectors {
    /// `count` of them, 1 to 8, that have seen nothing yet.
    pub fn new(kind: Detector, count: usize, random: &mut ChaCha8Rng) -> Self {
        let count = count.clamp(1, 8);
        let mut detectors = Self {
            kind,
            dead_until: vec![0.0; count],
            next_dark: Vec::new(),
            afterpulses: BinaryHeap::new(),
        };
        for _ in 0..count {
            let first = detectors.dark_after(0.0, random);
            detectors.next_dark.push(first);
        }
        detectors
    }

    fn dark_after(&self, time: f64, random: &mut ChaCha8Rng) -> f64 {
        if self.kind.dark_rate > 0.0 {
            time + exponential(random, UNITS_PER_SECOND / self.kind.dark_rate)
        } else {
            f64::INFINITY
        }
    }

    /// What they record until `end`. `arrivals` are photons that would make a click (efficiency is behind them): true times in units,
    /// sorted, and channel bits. Gives true times with jitter, in units, and channel bits, nearly sorted.
    pub fn record(&mut self, arrivals: &[(f64, u8)], end: f64, random: &mut ChaCha8Rng) -> Vec<(f64, u8)> {
        let mut clicks = Vec::with_capacity(arrivals.len() + 16);
        let mut next = 0;
        loop {
            // The earliest of a photon, a dark count and an after-pulse.
            let photon = arrivals.get(next).map_or(f64::INFINITY, |arrival| arrival.0);
            let (number, dark) =
                self.next_dark.iter().enumerate().fold((0, f64::INFINITY), |best, (number, time)| {
                    if *time < best.1 { (number, *time) } else { best }
                });
            let after = self.afterpulses.peek().map_or(f64::INFINITY, |(Reverse(at), _)| at.0);
            let time = photon.min(dark).min(after);
            if time >= end {
                return clicks;
            }
            let channel = if time == photon {
                next += 1;
                arrivals[next - 1].1
            } else if time == dark {
                self.next_dark[number] = self.dark_after(dark, random);
                1 << number
            } else {
                self.afterpulses.pop().map_or(0, |(_, channel)| channel)
            };
            let number = (channel.trailing_zeros() as usize).min(self.dead_until.len() - 1);
            if time < self.dead_until[number] {
                continue;
            }
            self.dead_until[number] = time + self.kind.dead_time * UNITS_PER_NS;
            if happens(random, self.kind.afterpulse) {
                let delay = exponential(random, self.kind.afterpulse_delay * UNITS_PER_NS);
                self.afterpulses.push((Reverse(At(self.dead_until[number] + delay)), channel));
            }
            let jitter =
                if self.kind.jitter > 0.0 { self.kind.jitter * UNITS_PER_NS * normal(random) } else { 0.0 };
            clicks.push((time + jitter, channel));
        }
    }
}
