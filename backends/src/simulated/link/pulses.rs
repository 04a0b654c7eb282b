//! Decoy-state BB84: what the sending end makes (pulses, and what becomes of them in the fibre), and what the receiving end makes of
//! its tagger's bytes (slots, detections).

use std::sync::Arc;

use qhal::{Result, Tag};
use qhal_distillation::finite::{BlockCounts, Intensities};
use qhal_distillation::session::Protocol;
use qhal_distillation::sifting::{Basis, Detection, MOST_INTENSITIES, Prepared, Pulse};
use qhal_drivers::tags::tags64;
use qhal_simulator::photonics::{
    CHANNELS, ClockError, Detector, Fibre, Monitors, PulseLink, Receiver, UNITS_PER_NS, WeakPulseRun,
    WeakPulses, prepared,
};

use super::alarms::{AtReceiver, AtSender, Counted};
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

/// The link, as both ends have to know it.
fn link(settings: &LinkSettings) -> PulseLink {
    PulseLink {
        source: WeakPulses {
            rate: RATE,
            means: SOURCE.means.to_vec(),
            probabilities: SOURCE.probabilities.to_vec(),
            key_basis: KEY_BASIS,
        },
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
    }
}

/// Dark counts a second of all detectors.
fn dark_rate(link: &PulseLink) -> f64 {
    4.0 * link.receiver.detector.dark_rate
}

/// The share of time in which detectors are listened to.
fn gate(link: &PulseLink) -> f64 {
    2.0 * HALF_GATE / link.period()
}

/// The sending end with the quantum channel behind it.
pub(super) struct Sending {
    run: WeakPulseRun,
    source: Arc<WeakPulses>,
    seed: u64,
}

impl Sending {
    /// # Errors
    /// `InvalidInput` for a link that cannot be.
    pub(super) fn new(settings: &LinkSettings) -> Result<Self> {
        let link = link(settings);
        let source = Arc::new(link.source.clone());
        Ok(Self { run: link.start(settings.seed)?, source, seed: settings.seed })
    }

    /// What the protocol of distillation is.
    pub(super) fn protocol() -> Protocol {
        Protocol::TwoDecoys(SOURCE)
    }

    /// How many seconds it takes until so many detections are expected.
    pub(super) fn seconds_for(&self, detections: f64) -> f64 {
        let efficiency = self.run.link().efficiency();
        let gain: f64 = SOURCE.means.iter().zip(SOURCE.probabilities).map(|(mean, p)| p * mean).sum();
        detections / (RATE * gain * efficiency + dark_rate(self.run.link())).max(1.0)
    }

    /// Sends the pulses of at most so many seconds. Gives how many, what the receiver's tagger sends, and the instruments' readings.
    pub(super) fn frame(&mut self, seconds: f64) -> Result<(u64, Vec<u8>, Monitors)> {
        let slots = ((seconds * RATE).ceil().max(1.0) as u64).min(FRAME);
        let frame = self.run.frame(slots);
        let tags: Vec<Tag> =
            frame.clicks.iter().map(|click| Tag::new(click.time, click.channels.into())).collect();
        Ok((slots, tags64::write(&tags, tags64::Order::LowFirst)?, frame.monitors))
    }

    /// How long it takes to send so many pulses.
    pub(super) fn seconds(&self, pulses: u64) -> f64 {
        pulses as f64 / RATE
    }

    /// What was sent, for distillation.
    pub(super) fn prepared(&self) -> Box<dyn Prepared + Send> {
        Box::new(FromSeed { source: Arc::clone(&self.source), seed: self.seed })
    }

    /// What this end sees after sifting: it knows how bright each pulse was, and the errors of the check basis were told.
    pub(super) fn sifted(
        &self,
        counts: &BlockCounts<MOST_INTENSITIES>,
        pulses: u64,
        monitors: Monitors,
    ) -> AtSender {
        // Of the detections only those are left where both ends chose alike, as often for each intensity.
        let alike = KEY_BASIS * KEY_BASIS + (1.0 - KEY_BASIS) * (1.0 - KEY_BASIS);
        let by_intensity: [u64; MOST_INTENSITIES] =
            std::array::from_fn(|k| counts.key.detections[k] + counts.check.detections[k]);
        let errors =
            Counted { hits: counts.check.errors.iter().sum(), of: counts.check.detections.iter().sum() };
        self.observed(by_intensity, pulses as f64 * alike, errors, monitors)
    }

    /// What the sending end sees of `pulses`, of which detections are known by intensity.
    fn observed(
        &self,
        by_intensity: [u64; MOST_INTENSITIES],
        pulses: f64,
        errors: Counted,
        monitors: Monitors,
    ) -> AtSender {
        let link = self.run.link();
        let background = dark_rate(link) / RATE * gate(link);
        let gain = by_intensity.iter().sum::<u64>() as f64 / pulses.max(1.0);
        let accidental = (background / gain.max(background)).min(1.0);
        let counted = |index: usize| Counted {
            hits: by_intensity[index],
            of: (pulses * SOURCE.probabilities[index]) as u64,
        };
        AtSender {
            errors,
            usual_qber: link.receiver.misalignment * (1.0 - accidental) + 0.5 * accidental,
            gains: Some([counted(0), counted(1)]),
            means: [SOURCE.means[0], SOURCE.means[1]],
            background,
            watchdog_rate: monitors.watchdog_rate,
            bell: None,
        }
    }
}

/// What a receiver makes of the clicks of one slot.
#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    channels: u64,
}

/// The receiving end with what it knows of its clock.
pub(super) struct Receiving {
    link: PulseLink,
    random: SeededRandom,
    /// How far arrivals are behind the calibrated delay, in units; followed from frame to frame.
    phase: f64,
    /// Of the block under way.
    detections: Vec<Detection>,
    pulses: u64,
    outside: u64,
    coherent: bool,
    bias_current: f64,
}

impl Receiving {
    /// # Errors
    /// `InvalidInput` for a link that cannot be.
    pub(super) fn new(settings: &LinkSettings) -> Result<Self> {
        let link = link(settings);
        link.check()?;
        Ok(Self {
            link,
            random: SeededRandom::new(settings.seed, 13),
            phase: 0.0,
            detections: Vec::new(),
            pulses: 0,
            outside: 0,
            coherent: true,
            bias_current: Monitors::USUAL.bias_current,
        })
    }

    /// Takes what the tagger sent while `slots` pulses were due. From here on everything is as with a tagger: bytes in, tags out.
    ///
    /// # Errors
    /// `Protocol` for bytes that are no tags.
    pub(super) fn take(&mut self, slots: u64, bytes: &[u8], bias_current: f64) -> Result<()> {
        self.pulses += slots;
        self.bias_current = bias_current;
        let tags = tags64::read(bytes, tags64::Order::LowFirst)?;
        for slot in self.slots(&tags) {
            // Jitter can bring the last click of a frame into a slot that was seen before.
            if self.detections.last().is_none_or(|last| last.slot < slot.number) {
                let detection = self.detection(slot);
                self.detections.push(detection);
            }
        }
        Ok(())
    }

    /// How long it takes until so many pulses have come.
    pub(super) fn seconds(&self, pulses: u64) -> f64 {
        pulses as f64 / RATE
    }

    /// Detections of the block so far.
    pub(super) fn detected(&self) -> usize {
        self.detections.len()
    }

    /// Ends the block: its detections, and what else was seen.
    pub(super) fn finish(&mut self) -> (Vec<Detection>, AtReceiver) {
        let detections = std::mem::take(&mut self.detections);
        let pulses = std::mem::take(&mut self.pulses) as f64;
        let ones = detections.iter().filter(|detection| detection.value).count();
        let expected = dark_rate(&self.link) * pulses / RATE * (1.0 - gate(&self.link));
        let seen = AtReceiver {
            ones: Counted { hits: ones as u64, of: detections.len() as u64 },
            dark: Some((std::mem::take(&mut self.outside), expected)),
            moved_ns: self.phase / UNITS_PER_NS,
            synchronised: std::mem::replace(&mut self.coherent, true),
            bias_current: self.bias_current,
        };
        (detections, seen)
    }

    /// Slots of a frame's tags: those within the gates, with all channels that fired in each. How many tags lay outside is counted,
    /// and whether arrivals have a common phase at all is noted.
    fn slots(&mut self, tags: &[Tag]) -> Vec<Slot> {
        let (period, delay) = (self.link.period(), self.link.fibre.delay_ns() * UNITS_PER_NS);
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
        self.coherent &= coherent;
        let mut slots: Vec<Slot> = Vec::with_capacity(tags.len());
        for tag in tags {
            let place = place(tag, self.phase);
            let number = place.round();
            if (place - number).abs() * period > HALF_GATE || number < 0.0 {
                self.outside += 1;
                continue;
            }
            let number = number as u64;
            match slots.last_mut() {
                Some(last) if last.number == number => last.channels |= tag.channels,
                _ => slots.push(Slot { number, channels: tag.channels }),
            }
        }
        slots
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
}

/// Both ends in one process.
pub(super) struct Pulses {
    sending: Sending,
    receiving: Receiving,
}

impl Pulses {
    pub(super) fn new(settings: &LinkSettings) -> Result<Self> {
        Ok(Self { sending: Sending::new(settings)?, receiving: Receiving::new(settings)? })
    }
}

impl Channel for Pulses {
    fn protocol(&self) -> Protocol {
        Sending::protocol()
    }

    fn block(&mut self, seconds: f64, watch: &mut Watch<'_>) -> Result<(Block, f64)> {
        let most = (seconds * RATE).ceil().max(1.0) as u64;
        let mut pulses = 0;
        let mut monitors = Monitors::USUAL;
        while pulses < most && self.receiving.detected() < BLOCK_DETECTIONS {
            let (slots, bytes, read) = self.sending.frame((most - pulses) as f64 / RATE)?;
            pulses += slots;
            monitors = read;
            self.receiving.take(slots, &bytes, read.bias_current)?;
            (watch.go_on)(pulses as f64 / RATE)?;
        }
        let (detections, receiver) = self.receiving.finish();
        let (mut sifted, mut errors, mut compared) = (0, 0, 0);
        let mut by_intensity = [0; MOST_INTENSITIES];
        let prepared = self.sending.prepared();
        for detection in &detections {
            let Some(sent) = prepared.pulse(detection.slot) else { continue };
            by_intensity[usize::from(sent.intensity())] += 1;
            if sent.basis() == detection.basis {
                sifted += u64::from(sent.basis() == Basis::Z);
                compared += 1;
                errors += u64::from(sent.value() != detection.value);
            }
        }
        let sender = self.sending.observed(
            by_intensity,
            pulses as f64,
            Counted { hits: errors, of: compared },
            monitors,
        );
        let events = detections.len() as u64;
        let parts = vec![(prepared, detections)];
        let block = Block { parts, events, sifted, compared, errors, sender, receiver };
        Ok((block, pulses as f64 / RATE))
    }
}
