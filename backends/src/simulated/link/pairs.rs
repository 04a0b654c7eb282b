//! The quantum channel of BBM92 and E91: clicks at both ends → files of tags → clock offset and skew → coincidences → detections.

use std::io::Cursor;

use qhal::{Result, Tag};
use qhal_distillation::coincidence::{Clock, PairLink as Expectation, Search, matches, synchronise};
use qhal_distillation::session::Protocol;
use qhal_distillation::sifting::Prepared;
use qhal_drivers::tags::{Format, ReadOptions, TagReader, TagWriter};
use qhal_simulator::photonics::{
    Analysers, Click, ClockError, Detector, Fibre, Monitors, PairLink, PairRun, PairSource, UNITS_PER_NS,
};

use super::alarms::{AtReceiver, AtSender, Counted};
use super::random::SeededRandom;
use super::{BLOCK_DETECTIONS, Block, Channel, LinkSettings, Watch};
use crate::link::{Coincidences, PairProtocol, Receiver};

/// Seconds of a frame, and of what the clocks are compared on.
const FRAME: f64 = 0.5;
/// Coincidence window in units: 1 ns.
const WINDOW: u64 = UNITS_PER_NS as u64;

/// The link with what both ends found out about their clocks.
pub(super) struct Pairs {
    run: PairRun,
    protocol: PairProtocol,
    chsh_limit: f64,
    clock: Option<Clock>,
    receiver: Receiver,
    random: SeededRandom,
    /// Coincidences so far: the slots.
    slots: u64,
}

impl Pairs {
    pub(super) fn new(settings: &LinkSettings, protocol: PairProtocol) -> Result<Self> {
        let link = PairLink {
            source: PairSource { rate: 4e6, visibility: 0.97, angle: 0.0 },
            analysers: match protocol {
                PairProtocol::Bbm92 => Analysers::Bbm92,
                PairProtocol::E91 => Analysers::E91,
            },
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
            protocol,
            chsh_limit: settings.chsh_limit,
            clock: None,
            receiver: Receiver::usual(protocol),
            random,
            slots: 0,
        })
    }

    /// Tags as a tagger would have sent them: one of four inputs, or, where six detectors need more, one with 64.
    fn tags(&self, clicks: &[Click]) -> Result<Vec<Tag>> {
        let format = match self.protocol {
            PairProtocol::Bbm92 => Format::Tags64,
            PairProtocol::E91 => Format::QutagRaw,
        };
        let tags: Vec<Tag> = clicks.iter().map(|click| Tag::new(click.time, click.channels.into())).collect();
        let mut writer = TagWriter::new(Cursor::new(Vec::new()), format)?;
        writer.write(&tags)?;
        let file = Cursor::new(writer.finish()?.0.into_inner());
        let mut reader = TagReader::open(file, Some(format), &ReadOptions::default())?;
        let (mut all, mut batch) = (Vec::with_capacity(tags.len()), Vec::new());
        while reader.next_batch(&mut batch)? {
            all.append(&mut batch);
        }
        Ok(all)
    }
}

impl Channel for Pairs {
    fn protocol(&self) -> Protocol {
        self.protocol.distillation()
    }

    fn block(&mut self, seconds: f64, watch: &mut Watch<'_>) -> Result<(Block, f64)> {
        let mut block = Coincidences::new(self.protocol);
        let (mut passed, mut synchronised) = (0.0, true);
        let mut monitors = Monitors::USUAL;
        while seconds - passed > 1e-9 && block.events < BLOCK_DETECTIONS as u64 {
            let length = FRAME.min(seconds - passed);
            let frame = self.run.frame(length);
            passed += length;
            monitors = frame.monitors;
            (watch.go_on)(passed)?;
            let (a, b) = (self.tags(&frame.clicks[0])?, self.tags(&frame.clicks[1])?);
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
                block.push(self.slots, mine, theirs);
                self.slots += 1;
            }
        }
        let link = self.run.link();
        let expected = Expectation {
            pair_rate: link.source.rate,
            efficiency: [link.efficiency(0), link.efficiency(1)],
            dark_rate: link.detectors.map(|detector| link.analysers.detectors() as f64 * detector.dark_rate),
            window: WINDOW as f64 / 256e9,
            visibility: link.source.visibility,
        }
        .expected(1.0);
        let sender = AtSender {
            errors: Counted { hits: block.errors, of: block.compared },
            usual_qber: expected.qber,
            gains: None,
            means: [0.0; 2],
            background: 0.0,
            watchdog_rate: monitors.watchdog_rate,
            bell: block.tally.map(|tally| (tally, self.chsh_limit)),
        };
        let receiver = AtReceiver {
            ones: Counted { hits: block.ones, of: block.events },
            dark: None,
            moved_ns: 0.0,
            synchronised,
            bias_current: monitors.bias_current,
        };
        let Coincidences { events, sifted, compared, errors, .. } = block;
        let parts = block.parts().into_iter();
        let parts = parts.map(|part| (Box::new(part.prepared) as Box<dyn Prepared + Send>, part.detections));
        let done = Block { parts: parts.collect(), events, sifted, compared, errors, sender, receiver };
        Ok((done, passed))
    }
}
