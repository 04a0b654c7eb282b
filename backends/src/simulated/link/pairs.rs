//! The quantum channel of BBM92: clicks at both ends → 64-bit tags → clock offset and skew → coincidences → detections.

use std::collections::BTreeMap;

use qhal::{Result, Tag};
use qhal_distillation::coincidence::{Clock, PairLink as Expectation, Search, matches, synchronise};
use qhal_distillation::session::Protocol;
use qhal_distillation::sifting::{Basis, Detection, Pulse};
use qhal_drivers::tags::tags64;
use qhal_simulator::photonics::{
    Click, ClockError, Detector, Fibre, Monitors, PairLink, PairRun, PairSource, UNITS_PER_NS,
};

use super::alarms::{AtReceiver, AtSender, Counted};
use super::random::SeededRandom;
use super::{BLOCK_DETECTIONS, Block, Channel, LinkSettings, Watch};
use crate::link::Receiver;

/// Seconds of a frame, and of what the clocks are compared on.
const FRAME: f64 = 0.5;
/// Coincidence window in units: 1 ns.
const WINDOW: u64 = UNITS_PER_NS as u64;

/// The link with what both ends found out about their clocks.
pub(super) struct Pairs {
    run: PairRun,
    clock: Option<Clock>,
    receiver: Receiver,
    random: SeededRandom,
    /// Coincidences so far: the slots.
    slots: u64,
}

impl Pairs {
    pub(super) fn new(settings: &LinkSettings) -> Result<Self> {
        let link = PairLink {
            source: PairSource { rate: 4e6, visibility: 0.97, angle: 0.0 },
            // The source stands beside the first end.
            fibres: [Fibre::standard(0.0), Fibre { bandwidth: 0.1, ..Fibre::standard(settings.distance_km) }],
            losses: [4.0, 4.0],
            detectors: [Detector::SNSPD; 2],
            clocks: [ClockError::NONE, ClockError { offset: 0.137, skew: 3e-9, walk: 1e-11 }],
            attack: settings.attack,
        };
        let random = SeededRandom::new(settings.seed, 14);
        Ok(Self {
            run: link.start(settings.seed)?,
            clock: None,
            receiver: Receiver::default(),
            random,
            slots: 0,
        })
    }

    /// Tags as a tagger would have sent them.
    fn tags(clicks: &[Click]) -> Result<Vec<Tag>> {
        let tags: Vec<Tag> = clicks.iter().map(|click| Tag::new(click.time, click.channels.into())).collect();
        tags64::read(&tags64::write(&tags, tags64::Order::LowFirst)?, tags64::Order::LowFirst)
    }
}

impl Channel for Pairs {
    fn protocol(&self) -> Protocol {
        Protocol::Pairs
    }

    fn block(&mut self, seconds: f64, watch: &mut Watch<'_>) -> Result<(Block, f64)> {
        let mut prepared = BTreeMap::new();
        let mut detections = Vec::new();
        let (mut passed, mut synchronised) = (0.0, true);
        let (mut sifted, mut errors, mut compared, mut ones) = (0, 0, 0, 0);
        let mut monitors = Monitors::USUAL;
        while seconds - passed > 1e-9 && detections.len() < BLOCK_DETECTIONS {
            let length = FRAME.min(seconds - passed);
            let frame = self.run.frame(length);
            passed += length;
            monitors = frame.monitors;
            (watch.go_on)(passed)?;
            let (a, b) = (Self::tags(&frame.clicks[0])?, Self::tags(&frame.clicks[1])?);
            (watch.tags)(&a, &b)?;
            let times = |tags: &[Tag]| tags.iter().map(|tag| tag.time).collect::<Vec<u64>>();
            let (times_a, times_b) = (times(&a), times(&b));
            let clock = match self.clock {
                Some(clock) => Some(clock),
                None => synchronise(&times_a, &times_b, &Search::default())?,
            };
            let Some(clock) = clock else {
                synchronised = false;
                continue;
            };
            let found = matches(&times_a, &times_b, &clock, WINDOW, 0.01)?;
            // What tracking found is where the next frame begins.
            self.clock = Some(Clock { offset: clock.offset + found.drift, ..clock });
            for (one, other) in found.pairs {
                let mine = self.receiver.result(a[one], &mut self.random);
                let theirs = self.receiver.result(b[other], &mut self.random);
                let slot = self.slots;
                self.slots += 1;
                prepared.insert(slot, Pulse::new(mine.0, mine.1, 0));
                detections.push(Detection { slot, basis: theirs.0, value: theirs.1 });
                ones += u64::from(theirs.1);
                if mine.0 == theirs.0 {
                    sifted += u64::from(mine.0 == Basis::Z);
                    compared += 1;
                    errors += u64::from(mine.1 != theirs.1);
                }
            }
        }
        let link = self.run.link();
        let expected = Expectation {
            pair_rate: link.source.rate,
            efficiency: [link.efficiency(0), link.efficiency(1)],
            dark_rate: link.detectors.map(|detector| 4.0 * detector.dark_rate),
            window: WINDOW as f64 / 256e9,
            visibility: link.source.visibility,
        }
        .expected(1.0);
        let sender = AtSender {
            errors: Counted { hits: errors, of: compared },
            usual_qber: expected.qber,
            gains: None,
            means: [0.0; 2],
            background: 0.0,
            watchdog_rate: monitors.watchdog_rate,
        };
        let receiver = AtReceiver {
            ones: Counted { hits: ones, of: detections.len() as u64 },
            dark: None,
            moved_ns: 0.0,
            synchronised,
            bias_current: monitors.bias_current,
        };
        let block =
            Block { prepared: Box::new(prepared), detections, sifted, compared, errors, sender, receiver };
        Ok((block, passed))
    }
}
