//! The device's side of a OneRNG's wire: its commands, pool and packets, with faults on demand.
//!
//! The pool keeps filling while the device is paused; its bytes go out 64 at a time while it runs and DTR is set, and
//! answers go before them. *Unconfirmed* and settled here: noise is made at 43 750 bytes a second in every mode; the
//! contents of the firmware image and its signature are made up.

use std::collections::VecDeque;
use std::time::Duration;

use super::protocol::{Command, CommandReader, FirmwareImage, Mode, encode_id, encode_version};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Outbox};
use crate::fault::{fault_kinds, names};
use crate::transport::{Emulator, LineSettings};

fault_kinds! {
    "a OneRNG":
    /// All noise is the same byte (not 00 or FF, which the device itself would notice).
    Stuck = "stuck",
    /// Seven bits in eight of the noise are ones.
    Bias = "bias",
    /// Its source is stuck at zero or one, so it sends no noise any more.
    Withheld = "withheld",
    /// It answers no command and sends nothing.
    Silent = "silent",
    /// It tells no version but something else.
    Version = "version",
    /// It is pulled out.
    Unplug = "unplug" after 2048,
}

/// What the firmware's pool holds.
const POOL: usize = 7168;
/// What it sends at a time.
const PACKET: usize = 64;
/// Bytes a second that the USB endpoint takes.
const USB_RATE: u64 = 400_000;

/// What an emulated device is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The firmware's version: 3, or 2, which does not tell its id.
    pub version: u16,
    /// The id.
    pub id: [u8; 16],
    /// Bytes of noise a second.
    pub rate: u64,
    /// What the noise is drawn from: the same seed, the same bytes.
    pub seed: u64,
    /// What is wrong with it, if something is.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        let id = *b"\x51\x48\x41\x4C\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x17";
        Self { version: 3, id, rate: 43_750, seed: 0, fault: None }
    }
}

/// A OneRNG in software.
#[derive(Debug)]
pub struct OneRngEmulator {
    settings: Settings,
    reader: CommandReader,
    noise: Noise,
    mode: Mode,
    running: bool,
    dtr: bool,
    pool: VecDeque<u8>,
    /// Noise was made until then.
    made_until: Duration,
    outbox: Outbox,
    /// Answers that wait for the device to run.
    answers: VecDeque<Vec<u8>>,
}

impl OneRngEmulator {
    /// A device as `settings` say, paused, as after power-on.
    pub fn new(settings: Settings) -> Self {
        Self {
            reader: CommandReader::default(),
            noise: Noise::new(settings.seed),
            mode: Mode::Avalanche,
            running: false,
            dtr: false,
            pool: VecDeque::new(),
            made_until: Duration::ZERO,
            outbox: Outbox::new(USB_RATE),
            answers: VecDeque::new(),
            settings,
        }
    }

    /// What it is set to.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it sends.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// What it sends as its firmware.
    pub fn firmware_image(&self) -> FirmwareImage {
        let mut program = Noise::new(self.settings.seed ^ 0x1A6E);
        let contents = program.uniform(FirmwareImage::LENGTH);
        let mut signature = program.uniform(287);
        if let Some(tag) = signature.first_mut() {
            // RFC 4880 §4.2.1: an old-format packet, tag 2 (signature), two octets of length.
            *tag = 0x89;
        }
        FirmwareImage::with_signature(self.settings.version, contents, signature)
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.settings.fault.is_some_and(|fault| fault.kind == kind && self.outbox.sent() >= fault.after)
    }

    /// Makes the noise that was due by `now`; what the pool has no room for stirs it, which nobody sees.
    fn make(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.made_until);
        let due = passed.as_nanos() * u128::from(self.settings.rate) / 1_000_000_000;
        if due == 0 {
            return;
        }
        let nanos = (due * 1_000_000_000).div_ceil(u128::from(self.settings.rate.max(1)));
        self.made_until += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(passed);
        if self.mode == Mode::Off || self.has(FaultKind::Withheld) {
            return;
        }
        let count = usize::try_from(due).unwrap_or(usize::MAX).min(POOL - self.pool.len().min(POOL));
        let bytes = if self.has(FaultKind::Stuck) {
            vec![0x5A; count]
        } else if self.has(FaultKind::Bias) {
            self.noise.biased(count)
        } else if self.mode.is_raw() {
            self.noise.rough(count)
        } else {
            self.noise.uniform(count)
        };
        self.pool.extend(bytes);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Mode(mask) => self.mode = Mode::of_mask(mask),
            Command::Run => self.running = true,
            Command::Pause => self.running = false,
            Command::Flush => self.pool.clear(),
            Command::Version if self.has(FaultKind::Version) => {
                self.answers.push_back(b"\r\nVerse 3\r\n".repeat(200));
            }
            Command::Version => self.answers.push_back(encode_version(self.settings.version)),
            Command::Id if self.settings.version >= 3 => {
                self.answers.push_back(encode_id(&self.settings.id));
            }
            Command::Id => {}
            Command::Image => self.answers.push_back(self.firmware_image().encode()),
        }
    }
}

impl Emulator for OneRngEmulator {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.make(now);
        for byte in bytes {
            if let Some(command) = self.reader.push(*byte)
                && !self.has(FaultKind::Silent)
            {
                self.obey(command);
            }
        }
    }

    fn line_changed(&mut self, line: LineSettings, now: Duration) {
        self.make(now);
        self.dtr = line.dtr;
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        self.make(now);
        let end = out.len().saturating_add(room);
        while out.len() < end && !self.gone() {
            if self.outbox.is_empty() && self.running && self.dtr {
                if let Some(answer) = self.answers.pop_front() {
                    self.outbox.push(&answer, now);
                } else if self.pool.len() >= PACKET {
                    let packet: Vec<u8> = self.pool.drain(..PACKET).collect();
                    // The endpoint is faster than the noise, so noise does not wait for it.
                    self.outbox.push_at_once(&packet, now);
                }
            }
            let before = out.len();
            self.outbox.transmit(out, end - before, now);
            if out.len() == before {
                break;
            }
        }
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    let id = Settings::default().id;
    vec![EmulatedModel {
        name: "onerng",
        driver: super::NAME,
        model: super::ID.name.to_owned(),
        serial: Some(id.iter().map(|byte| format!("{byte:02X}")).collect()),
        faults: names::<FaultKind>(),
        line: Some(|options: &EmulatorOptions| {
            let usual = Settings::default();
            let rate = options.rate_bytes_per_s.unwrap_or(usual.rate);
            let settings = Settings { seed: options.seed, rate, fault: options.fault()?, ..usual };
            Ok(Box::new(OneRngEmulator::new(settings)))
        }),
        network: None,
    }]
}
