//! The quantum channel of decoy-state BB84: clicks → 64-bit tags → slots → detections.

use std::sync::Arc;

use qhal::{Result, Tag};
use qhal_distillation::finite::Intensities;
use qhal_distillation::session::Protocol;
use qhal_distillation::sifting::{Basis, Detection, Prepared, Pulse};
use qhal_drivers::tags::tags64;
use qhal_simulator::photonics::{
    CHANNELS, ClockError, Detector, Fibre, PulseLink, Receiver, UNITS_PER_NS, WeakPulseRun, WeakPulses,
    prepared,
};

use super::alarms::{Counted, Observed};
use super::random::SeededRandom;
use super::{BLOCK_DETECTIONS, Block, Channel, LinkSettings, Watch};

/// Pulses a second.
const RATE: f64 = 1e8;
/// Signal, decoy and nearly nothing: mean photon numbers and how often each is sent; near the best for blocks of a few seconds.
const SOURCE: Intensities<3> = Intensities { means: [0.45, 0.2, 2e-4], probabilities: [0.5, 0.3, 0.2] };
/// Share of the key basis at either end.
const KEY_BASIS: f64 = 0.8;
/// Slots of a frame: 50 ms.
const FRAME: u64 = (RATE / 20.0) as u64;
/// Half of the width of the gate around the middle of a slot, in units.
const HALF_GATE: f64 = 0.5 * UNITS_PER_NS;

/// What Alice sent: computed again from her seed instead of kept.
struct FromSeed {
    source: Arc<WeakPulses>,
    seed: u64,
}

impl Prepared for FromSeed {
    fn pulse(&self, slot: u64) -> Option<Pulse> {
        let sent = prepared(&self.source, self.seed, slot);
        Some(Pulse::new(basis(sent.check), sent.value, sent.intensity))
    }
}

fn basis(check: bool) -> Basis {
    if check { Basis::X } else { Basis::Z }
}

/// The link with what the receiver knows of its clock.
pub(super) struct Pulses {
    run: WeakPulseRun,
    source: Arc<WeakPulses>,
    seed: u64,
    random: SeededRandom,
    /// How far arrivals are behind the calibrated delay, in units; followed from frame to frame.
    phase: f64,
}

/// What a receiver makes of the clicks of one slot.
#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    channels: u64,
}

impl Pulses {
    pub(super) fn new(settings: &LinkSettings) -> Result<Self> {
        let source = WeakPulses {
            rate: RATE,
            means: SOURCE.means.to_vec(),
            probabilities: SOURCE.probabilities.to_vec(),
            key_basis: KEY_BASIS,
        };
        let link = PulseLink {
            source: source.clone(),
            fibre: Fibre::standard(settings.distance_km),
            receiver: Receiver {
                key_basis: KEY_BASIS,
                loss: 2.0,
                misalignment: 0.01,
                drift: 1e-4,
                detector: Detector::SNSPD,
            },
            // The tagger follows the sender's 10 MHz reference and start trigger.
            clock: ClockError { offset: 0.0, skew: 2e-11, walk: 1e-11 },
            attack: settings.attack,
        };
        let run = link.start(settings.seed)?;
        let random = SeededRandom::new(settings.seed, 13);
        Ok(Self { run, source: Arc::new(source), seed: settings.seed, random, phase: 0.0 })
    }

    /// Slots of a frame's tags: those within the gates, with all channels that fired in each, and how many tags lay outside. Also
    /// whether arrivals have a common phase at all.
    fn slots(&mut self, tags: &[Tag]) -> (Vec<Slot>, u64, bool) {
        let link = self.run.link();
        let (period, delay) = (link.period(), link.fibre.delay_ns() * UNITS_PER_NS);
        let place = |tag: &Tag, phase: f64| (tag.time as f64 - delay - phase) / period;
        let (mut cosine, mut sine) = (0.0, 0.0);
        for tag in tags {
            let angle = std::f64::consts::TAU * place(tag, self.phase).fract();
            cosine += angle.cos();
            sine += angle.sin();
        }
        // Without a common phase the mean arrow of N random ones is about √N long.
        let coherent = tags.is_empty()
            || cosine.hypot(sine) > 5.0 * (tags.len() as f64).sqrt().min(tags.len() as f64 / 5.0);
        if coherent && !tags.is_empty() {
            self.phase += sine.atan2(cosine) / std::f64::consts::TAU * period;
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(tags.len());
        let mut outside = 0;
        for tag in tags {
            let place = place(tag, self.phase);
            let number = place.round();
            if (place - number).abs() * period > HALF_GATE || number < 0.0 {
                outside += 1;
                continue;
            }
            let number = number as u64;
            match slots.last_mut() {
                Some(last) if last.number == number => last.channels |= tag.channels,
                _ => slots.push(Slot { number, channels: tag.channels }),
            }
        }
        (slots, outside, coherent)
    }

    /// Basis and bit of a slot; what is ambiguous is drawn, never thrown away.
    fn detection(&mut self, slot: Slot) -> Detection {
        let fired = |check: usize| CHANNELS[check].map(|channel| slot.channels & u64::from(channel) != 0);
        let (key, check) = (fired(0), fired(1));
        let in_key = key[0] || key[1];
        let in_check = check[0] || check[1];
        let use_check = if in_key && in_check { self.random.bit() } else { in_check };
        let values = if use_check { check } else { key };
        let value = if values[0] && values[1] { self.random.bit() } else { values[1] };
        Detection { slot: slot.number, basis: basis(use_check), value }
    }

    fn observed(
        &self,
        detections: &[Detection],
        pulses: f64,
        outside: u64,
        coherent: bool,
        monitors: qhal_simulator::photonics::Monitors,
    ) -> Observed {
        let link = self.run.link();
        let (mut sifted, mut errors, mut compared, mut ones) = (0, 0, 0, 0);
        let mut by_intensity = [0; 3];
        for detection in detections {
            let sent = prepared(&self.source, self.seed, detection.slot);
            by_intensity[usize::from(sent.intensity)] += 1;
            ones += u64::from(detection.value);
            if basis(sent.check) == detection.basis {
                sifted += u64::from(!sent.check);
                compared += 1;
                errors += u64::from(sent.value != detection.value);
            }
        }
        let dark = 4.0 * link.receiver.detector.dark_rate;
        let gate = 2.0 * HALF_GATE / link.period();
        let background = dark / RATE * gate;
        let gain = detections.len() as f64 / pulses.max(1.0);
        let accidental = (background / gain.max(background)).min(1.0);
        let usual_qber = link.receiver.misalignment * (1.0 - accidental) + 0.5 * accidental;
        let counted = |index: usize| Counted {
            hits: by_intensity[index],
            of: (pulses * SOURCE.probabilities[index]) as u64,
        };
        Observed {
            sifted,
            errors,
            compared,
            usual_qber,
            ones: Counted { hits: ones, of: detections.len() as u64 },
            gains: Some([counted(0), counted(1)]),
            means: [SOURCE.means[0], SOURCE.means[1]],
            background,
            dark: Some((outside, dark * pulses / RATE * (1.0 - gate))),
            moved_ns: self.phase / UNITS_PER_NS,
            synchronised: coherent,
            monitors,
        }
    }
}

impl Channel for Pulses {
    fn protocol(&self) -> Protocol {
        Protocol::TwoDecoys(SOURCE)
    }

    fn block(&mut self, seconds: f64, watch: &mut Watch<'_>) -> Result<(Block, f64)> {
        let most = (seconds * RATE).ceil().max(1.0) as u64;
        let mut detections = Vec::new();
        let (mut pulses, mut outside, mut coherent) = (0, 0, true);
        let mut monitors = qhal_simulator::photonics::Monitors::USUAL;
        while pulses < most && detections.len() < BLOCK_DETECTIONS {
            let slots = FRAME.min(most - pulses);
            let frame = self.run.frame(slots);
            pulses += slots;
            monitors = frame.monitors;
            // From here on everything is as with a tagger: bytes in, tags out.
            let tags: Vec<Tag> =
                frame.clicks.iter().map(|click| Tag::new(click.time, click.channels.into())).collect();
            let tags =
                tags64::read(&tags64::write(&tags, tags64::Order::LowFirst)?, tags64::Order::LowFirst)?;
            let (found, without, common) = self.slots(&tags);
            outside += without;
            coherent &= common;
            for slot in found {
                // Jitter can bring the last click of a frame into a slot that was seen before.
                if detections.last().is_none_or(|last: &Detection| last.slot < slot.number) {
                    let detection = self.detection(slot);
                    detections.push(detection);
                }
            }
            (watch.go_on)(pulses as f64 / RATE)?;
        }
        let observed = self.observed(&detections, pulses as f64, outside, coherent, monitors);
        let prepared = Box::new(FromSeed { source: self.source.clone(), seed: self.seed });
        Ok((Block { prepared, detections, observed }, pulses as f64 / RATE))
    }
}
