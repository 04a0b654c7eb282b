//! The device's side of a TDC1's wire: its commands, counts and stream, with faults on demand.
//!
//! Its inputs see a source of pairs: inputs 1 and 3, and 2 and 4, fire together, and each also alone. *Unconfirmed* and settled here:
//! the words of `*IDN?`, `level?` and `REFCLK?`, and how much its memory holds.

use std::time::Duration;

use super::protocol::{CommandReader, Level, OVERFLOW};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Outbox};
use crate::fault::{Condition, fault_kinds, names};
use crate::tags::tdc1::encode;
use crate::tags::{Tag, UNITS_PER_NS};
use crate::transport::{Emulator, LineSettings};

fault_kinds! {
    "a TDC1":
    /// Its stream stops.
    Stall = "stall" after 4096,
    /// Bytes of its stream are altered or lost.
    Garble = "garble" after 4096,
    /// Its memory runs over: every other event is lost, and the status says so.
    Overflow = "overflow",
    /// It is pulled out.
    Unplug = "unplug" after 4096,
    /// It calls itself something else.
    Identity = "identity",
    /// It answers nothing.
    Silent = "silent",
}

/// Bytes a second over its USB port (full speed).
const USB_RATE: u64 = 1_000_000;
/// Bytes that wait for the host before events are lost.
const MEMORY: u64 = 64 << 10;
/// Events a second, where nobody says.
const EVENTS: f64 = 11_000.0;
/// Of 22 events, ten are of one input each, and one each of a pair.
const PAIRS: f64 = 1.0 / 22.0;
/// The time after which a word without event is sent.
const SILENCE_NS: u64 = 140_000_000;

/// What an emulated device is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Events a second, of all inputs.
    pub events_per_s: f64,
    /// What they are drawn from: the same seed, the same events.
    pub seed: u64,
    /// What is wrong with it, if something is.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { events_per_s: EVENTS, seed: 0, fault: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Singles,
    Pairs,
    Timestamp,
}

/// Events at the inputs: when, in ns of the emulator's time, and which inputs.
#[derive(Debug)]
struct Light {
    noise: Noise,
    mean_ns: f64,
    next: (f64, u64),
}

impl Light {
    fn new(settings: &Settings) -> Self {
        let mut light = Self {
            noise: Noise::new(settings.seed),
            mean_ns: 1e9 / settings.events_per_s.max(1e-3),
            next: (0.0, 0),
        };
        light.draw();
        light
    }

    /// The next event of a Poisson process.
    fn draw(&mut self) {
        let gap = -(1.0 - self.noise.unit()).ln() * self.mean_ns;
        let kind = self.noise.unit();
        let inputs = if kind < PAIRS {
            0b0101
        } else if kind < 2.0 * PAIRS {
            0b1010
        } else {
            1 << ((self.noise.unit() * 4.0) as u32).min(3)
        };
        self.next = (self.next.0 + gap, inputs);
    }

    /// All events before a time.
    fn until(&mut self, ns: f64) -> Vec<(f64, u64)> {
        let mut events = Vec::new();
        while self.next.0 < ns {
            events.push(self.next);
            self.draw();
        }
        events
    }
}

/// What it is doing: from when on, and until when, in ns.
#[derive(Clone, Copy, Debug)]
struct Running {
    begin: f64,
    end: f64,
    /// The time of the last word, in ns since the beginning.
    last_word: u64,
}

/// A TDC1 in software.
#[derive(Debug)]
pub struct Tdc1Emulator {
    condition: Condition<FaultKind>,
    reader: CommandReader,
    light: Light,
    mode: Mode,
    level: Level,
    gate_ms: u16,
    overflow: bool,
    /// A gate or a stream.
    running: Option<Running>,
    counts: [u64; 8],
    outbox: Outbox,
    pushed: u64,
    damage: Noise,
}

impl Tdc1Emulator {
    /// A device as `settings` say, as after power-on.
    pub fn new(settings: Settings) -> Self {
        Self {
            condition: Condition::new(settings.fault),
            reader: CommandReader::default(),
            light: Light::new(&settings),
            mode: Mode::Singles,
            level: Level::Nim,
            gate_ms: 1000,
            overflow: false,
            running: None,
            counts: [0; 8],
            outbox: Outbox::new(USB_RATE),
            pushed: 0,
            damage: Noise::new(settings.seed ^ 0xDA),
        }
    }

    /// Whether it is sending a stream.
    pub fn is_streaming(&self) -> bool {
        self.running.is_some() && self.mode == Mode::Timestamp
    }

    fn push(&mut self, bytes: &[u8], now: Duration) {
        self.pushed += bytes.len() as u64;
        self.outbox.push(bytes, now);
    }

    fn answer(&mut self, text: &str, now: Duration) {
        self.push(format!("{text}\r\n").as_bytes(), now);
    }

    fn obey(&mut self, command: &str, now: Duration) {
        let (word, argument) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "*idn?" if self.condition.has(FaultKind::Identity) => self.answer("SPD 2.0", now),
            "*idn?" => self.answer("TDC1 emulated", now),
            "*rst" => {
                (self.running, self.mode, self.level) = (None, Mode::Singles, Level::Nim);
                (self.gate_ms, self.overflow) = (1000, false);
            }
            "abort" => self.running = None,
            "inpkt" => self.outbox.clear(),
            "singles" => self.mode = Mode::Singles,
            "pairs" => self.mode = Mode::Pairs,
            "timestamp" => self.mode = Mode::Timestamp,
            "mode?" => {
                let number = match self.mode {
                    Mode::Singles => 0,
                    Mode::Pairs => 1,
                    Mode::Timestamp => 3,
                };
                self.answer(&number.to_string(), now);
            }
            "nim" => self.level = Level::Nim,
            "ttl" => self.level = Level::Ttl,
            "level?" => self.answer(if self.level == Level::Nim { "-0.400" } else { "1.000" }, now),
            "time" => self.gate_ms = argument.trim().parse().unwrap_or(self.gate_ms),
            "time?" => self.answer(&(self.gate_ms as i16).to_string(), now),
            "refclk?" => self.answer("0", now),
            "status?" => {
                let status = if self.overflow { OVERFLOW } else { 0 };
                self.answer(&format!("{status:04x} "), now);
            }
            "counts?" => self.begin(now),
            _ => {}
        }
    }

    fn begin(&mut self, now: Duration) {
        let begin = now.as_nanos() as f64;
        let endless = self.mode == Mode::Timestamp && self.gate_ms == 0;
        let end = if endless { f64::INFINITY } else { begin + f64::from(self.gate_ms) * 1e6 };
        // What fell on the inputs before is gone.
        self.light.until(begin);
        self.counts = [0; 8];
        self.running = Some(Running { begin, end, last_word: 0 });
    }

    /// What happened at the inputs until now.
    fn happen(&mut self, now: Duration) {
        let now_ns = now.as_nanos() as f64;
        let Some(mut running) = self.running else {
            self.light.until(now_ns);
            return;
        };
        let until = now_ns.min(running.end);
        for (time, inputs) in self.light.until(until) {
            let time = (time - running.begin).max(0.0) as u64;
            match self.mode {
                Mode::Timestamp => self.word(&mut running, time, inputs, now),
                _ => self.count(inputs),
            }
        }
        if self.mode == Mode::Timestamp {
            // Words without events, so that no wrap is missed.
            let passed = (until - running.begin).max(0.0) as u64;
            self.dummies(&mut running, passed, now);
        }
        self.running = Some(running);
        if now_ns >= running.end {
            self.running = None;
            let counts = if self.mode == Mode::Pairs { 8 } else { 4 };
            if self.mode != Mode::Timestamp {
                let words: Vec<String> = self.counts.iter().take(counts).map(u64::to_string).collect();
                self.answer(&words.join(" "), now);
            }
        }
    }

    fn count(&mut self, inputs: u64) {
        let masks = [1, 2, 4, 8, 0b0101, 0b1001, 0b0110, 0b1010];
        for (count, mask) in self.counts.iter_mut().zip(masks) {
            *count += u64::from(inputs & mask == mask);
        }
    }

    fn dummies(&mut self, running: &mut Running, until: u64, now: Duration) {
        while until >= running.last_word + SILENCE_NS {
            running.last_word += SILENCE_NS;
            let word = encode(Tag::new(running.last_word * UNITS_PER_NS, 0));
            self.push(&word.to_le_bytes(), now);
        }
    }

    fn word(&mut self, running: &mut Running, time: u64, inputs: u64, now: Duration) {
        self.dummies(running, time, now);
        let full = self.pushed - self.outbox.sent() > MEMORY;
        let dropped = self.condition.has(FaultKind::Overflow) && self.damage.unit() < 0.5;
        if full || dropped {
            self.overflow = true;
            return;
        }
        running.last_word = time;
        self.push(&encode(Tag::new(time * UNITS_PER_NS, inputs)).to_le_bytes(), now);
    }
}

impl Emulator for Tdc1Emulator {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.happen(now);
        for byte in bytes {
            if let Some(command) = self.reader.push(*byte)
                && !self.condition.has(FaultKind::Silent)
            {
                self.obey(&command, now);
            }
        }
    }

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        self.happen(now);
        if self.gone() || self.is_streaming() && self.condition.has(FaultKind::Stall) {
            return;
        }
        let before = out.len();
        self.outbox.transmit(out, room, now);
        let count = out.len() - before;
        if self.is_streaming() && self.condition.has(FaultKind::Garble) {
            let mut sent = out.split_off(before);
            self.damage.garble(&mut sent);
            out.extend(sent);
        }
        self.condition.sent(count);
    }

    fn gone(&self) -> bool {
        self.condition.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel {
        name: "tdc1",
        driver: super::NAME,
        model: super::MODEL.to_owned(),
        // It tells none on its wire.
        serial: None,
        faults: names::<FaultKind>(),
        line: Some(|options: &EmulatorOptions| {
            let events_per_s = options.rate_bytes_per_s.map_or(EVENTS, |rate| rate as f64 / 4.0);
            let settings = Settings { events_per_s, seed: options.seed, fault: options.fault()? };
            Ok(Box::new(Tdc1Emulator::new(settings)))
        }),
        network: None,
    }]
}
