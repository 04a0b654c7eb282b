//! The device's side of a SwiftRNG's wire: every command, at a pace, with faults on demand.
//!
//! What the vendor's software does not show is settled here as follows, all *unconfirmed*: a byte that is no command is
//! passed over; a command that arrives while an answer leaves is answered after it; diagnostics take no time; the
//! frequency tables count a hidden sample of each source; bytes leave at 200 000 a second.

use std::time::Duration;

use super::protocol::{Command, Frequencies, GOOD};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Outbox};
use crate::fault::{fault_kinds, names};
use crate::transport::{Emulator, LineSettings};

fault_kinds! {
    "a SwiftRNG":
    /// Answers with random or raw bytes end with status 1.
    Status = "status",
    /// Its diagnostics end with status 2; everything else works.
    Diagnostics = "diagnostics",
    /// All random and raw bytes are the same.
    Stuck = "stuck",
    /// Seven bits in eight of random and raw bytes are ones.
    Bias = "bias",
    /// Blocks end after three quarters.
    Short = "short",
    /// The version is no version.
    Version = "version",
    /// Bytes are damaged and lost on the wire.
    Garble = "garble",
    /// It answers nothing.
    Silent = "silent",
    /// It is pulled out.
    Unplug = "unplug" after 2048,
}

/// What an emulated device is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The model, at most eight characters.
    pub model: String,
    /// The version, four characters.
    pub version: String,
    /// The serial number, at most fifteen characters.
    pub serial: String,
    /// Bytes a second.
    pub rate: u64,
    /// What the noise is drawn from: the same seed, the same bytes.
    pub seed: u64,
    /// What is wrong with it, if something is.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: "SwiftRNG".to_owned(),
            version: "V3.0".to_owned(),
            serial: "SWRNG0000000217".to_owned(),
            rate: 200_000,
            seed: 0,
            fault: None,
        }
    }
}

/// A SwiftRNG in software.
#[derive(Debug)]
pub struct SwiftRngEmulator {
    settings: Settings,
    noise: Noise,
    outbox: Outbox,
    power: u8,
}

impl SwiftRngEmulator {
    /// A device as `settings` say.
    pub fn new(settings: Settings) -> Self {
        let (noise, outbox) = (Noise::new(settings.seed), Outbox::new(settings.rate));
        Self { settings, noise, outbox, power: 9 }
    }

    /// The power profile that was set last; 9 at first (*unconfirmed*).
    pub fn power(&self) -> u8 {
        self.power
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.settings.fault.is_some_and(|fault| fault.kind == kind && self.outbox.sent() >= fault.after)
    }

    /// The answer with its status byte.
    fn answer(&mut self, command: Command) -> Vec<u8> {
        let length = command.answer();
        let is_block = matches!(command, Command::Random | Command::Noise1 | Command::Noise2);
        let mut answer = match command {
            _ if is_block && self.has(FaultKind::Stuck) => vec![0x5A; length],
            _ if is_block && self.has(FaultKind::Bias) => self.noise.biased(length),
            Command::Random => self.noise.uniform(length),
            Command::Noise1 | Command::Noise2 => self.noise.rough(length),
            Command::Frequencies => {
                let mut sources = [[0; 256]; 2];
                for counts in &mut sources {
                    for byte in self.noise.rough(10_000) {
                        if let Some(count) = counts.get_mut(usize::from(byte)) {
                            *count += 1;
                        }
                    }
                }
                Frequencies { sources }.encode()
            }
            Command::Model => padded(&self.settings.model, length),
            Command::Version if self.has(FaultKind::Version) => padded("beta", length),
            Command::Version => padded(&self.settings.version, length),
            Command::Serial => padded(&self.settings.serial, length),
            Command::Power(profile) => {
                self.power = profile;
                Vec::new()
            }
            Command::Diagnostics => Vec::new(),
        };
        if is_block && self.has(FaultKind::Short) {
            answer.truncate(length / 4 * 3);
            return answer;
        }
        answer.push(match command {
            Command::Diagnostics if self.has(FaultKind::Diagnostics) => 2,
            _ if is_block && self.has(FaultKind::Status) => 1,
            _ => GOOD,
        });
        if self.has(FaultKind::Garble) {
            self.noise.garble(&mut answer);
        }
        answer
    }
}

/// Text filled up with blanks (*unconfirmed*: it may be zeros).
fn padded(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(length, b' ');
    bytes
}

impl Emulator for SwiftRngEmulator {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        for command in bytes.iter().filter_map(|byte| Command::of_byte(*byte)) {
            if !self.has(FaultKind::Silent) && !self.gone() {
                let answer = self.answer(command);
                self.outbox.push(&answer, now);
            }
        }
    }

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        if self.gone() {
            self.outbox.clear();
        }
        // What is pulled out after so many bytes has sent no more than those.
        let left = match self.settings.fault {
            Some(Fault { kind: FaultKind::Unplug, after }) => after.saturating_sub(self.outbox.sent()),
            _ => u64::MAX,
        };
        self.outbox.transmit(out, room.min(usize::try_from(left).unwrap_or(usize::MAX)), now);
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    let Settings { model, serial, .. } = Settings::default();
    vec![EmulatedModel {
        name: "swiftrng",
        driver: super::NAME,
        model,
        serial: Some(serial),
        faults: names::<FaultKind>(),
        line: Some(|options: &EmulatorOptions| {
            let usual = Settings::default();
            let rate = options.rate_bytes_per_s.unwrap_or(usual.rate);
            let settings = Settings { seed: options.seed, rate, fault: options.fault()?, ..usual };
            Ok(Box::new(SwiftRngEmulator::new(settings)))
        }),
        network: None,
    }]
}
