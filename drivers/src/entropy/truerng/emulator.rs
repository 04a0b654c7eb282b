//! The device's side of a TrueRNG's wire: all modes by the knock, at the device's own pace, with faults on demand.

mod fault;
mod knock;
mod samples;

use std::time::Duration;

pub use fault::{Fault, FaultKind};
use qhal::Result;

use self::knock::Knock;
use self::samples::Samples;
use super::model::{Mode, Model};
use super::protocol::encode_raw;
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::transport::{Emulator, LineSettings};

/// Lines a second of the supply voltage; the device's own rate is not published.
const VOLTAGE_LINES: u64 = 10;
const LONGEST_VOLTAGE_LINE: usize = 8;

/// An emulated TrueRNG or TrueRNGpro. It streams while DTR is set and takes no commands.
///
/// The same seed gives the same bytes. What the host does not fetch in time is lost, as on the device, which
/// has no more than a packet's worth of memory.
#[derive(Debug)]
pub struct TrueRngEmulator {
    model: Model,
    mode: Mode,
    samples: Samples,
    bytes_per_second: u64,
    fault: Option<Fault>,
    line: Option<LineSettings>,
    knock: Knock,
    /// When it was last asked for output.
    seen_at: Duration,
    /// Units (bytes, or lines of slow text) that were due by `paced_until`.
    paced_until: Duration,
    /// Bytes that were cut off by a lack of room in mid-packet.
    rest: Vec<u8>,
    sent: u64,
}

impl TrueRngEmulator {
    /// A `model` that streams what `seed` determines, at the rate the vendor promises for it.
    pub fn new(model: Model, seed: u64) -> Self {
        Self {
            model,
            mode: Mode::Normal,
            samples: Samples::new(seed),
            bytes_per_second: model.bytes_per_second(),
            fault: None,
            line: None,
            knock: Knock::default(),
            seen_at: Duration::ZERO,
            paced_until: Duration::ZERO,
            rest: Vec::new(),
            sent: 0,
        }
    }

    /// Sends this many bytes a second instead.
    #[must_use]
    pub fn with_rate(mut self, bytes_per_second: u64) -> Self {
        self.bytes_per_second = bytes_per_second;
        self
    }

    /// Is broken in this way.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Is broken in the way that `fault` names, as on the command line: `stuck`, or `stall:4096` for a fault that shows
    /// after 4096 bytes.
    ///
    /// # Errors
    /// `InvalidInput` when there is no such fault.
    pub fn with_fault_named(self, fault: &str) -> Result<Self> {
        Ok(self.with_fault(fault.parse()?))
    }

    /// What it is sending.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it is broken in this way by now.
    fn has(&self, kind: FaultKind) -> bool {
        self.fault.is_some_and(|fault| fault.kind == kind && self.sent >= fault.after)
    }

    /// How many units of `rate` a second have become due, at most `most`; what is beyond is lost.
    fn due(&mut self, rate: u64, most: usize, now: Duration) -> usize {
        let passed = now.saturating_sub(self.paced_until);
        let due = passed.as_nanos() * u128::from(rate) / 1_000_000_000;
        if due > 0 {
            // Forward by whole units only, so that their fractions add up.
            let nanos = (due * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
            self.paced_until += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(passed);
        }
        usize::try_from(due).unwrap_or(usize::MAX).min(most)
    }

    /// One packet, line or byte of the present mode.
    fn produce(&mut self) -> Vec<u8> {
        if self.has(FaultKind::Stuck) {
            self.samples.stick();
        }
        let biased = self.has(FaultKind::Bias);
        match self.mode {
            Mode::Normal => vec![self.samples.whitened(0, biased)],
            Mode::Rng1 => vec![self.samples.whitened(1, biased)],
            Mode::Rng2 => vec![self.samples.whitened(2, biased)],
            Mode::SupplyVoltage => format!("{}\n", self.supply()).into_bytes(),
            Mode::Debug => {
                let (first, second) = self.samples.pair(biased);
                format!("0x{first:03X} 0x{second:03X}\n").into_bytes()
            }
            Mode::Raw => {
                let (first, second) = self.samples.pair(biased);
                encode_raw(first, second).to_vec()
            }
            Mode::RawText => {
                let (first, second) = self.samples.pair(biased);
                format!("{first:04},{second:04}\n").into_bytes()
            }
            Mode::Unwhitened => {
                let (first, second) = self.samples.pair(biased);
                // Half the difference around the middle, so that it fits 0 to 511.
                format!("{},", (i32::from(first) - i32::from(second)) / 2 + 256).into_bytes()
            }
        }
    }

    /// The supply voltage in millivolts: in the middle of its limits, or a tenth below them.
    fn supply(&mut self) -> u32 {
        let (low, high) = self.model.supply_limits().unwrap_or(0..=0).into_inner();
        let ripple = self.samples.below(20);
        if self.has(FaultKind::Voltage) { low - low / 10 + ripple } else { low.midpoint(high) + ripple }
    }
}

impl Emulator for TrueRngEmulator {
    /// The device takes no commands.
    fn receive(&mut self, _bytes: &[u8], _now: Duration) {}

    fn line_changed(&mut self, line: LineSettings, now: Duration) {
        let before = self.line.replace(line);
        if before.is_none_or(|before| before.dtr != line.dtr) {
            // Nothing is sent while DTR is off, and nothing is stored.
            self.paced_until = now;
            self.rest.clear();
        }
        let knocked = self.knock.line_changed(line, now).and_then(|baud| Mode::of_baud(self.model, baud));
        if self.model.is_pro()
            && !self.has(FaultKind::Deaf)
            && let Some(mode) = knocked
        {
            self.mode = mode;
            self.rest.clear();
        }
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        self.seen_at = now;
        if !self.line.is_some_and(|line| line.dtr) || self.has(FaultKind::Stall) || self.gone() {
            self.paced_until = now;
            return;
        }
        let slow = self.mode == Mode::SupplyVoltage;
        let rate = if slow { VOLTAGE_LINES } else { self.bytes_per_second };
        let most = if slow { room / LONGEST_VOLTAGE_LINE } else { room };
        let mut due = self.due(rate, most, now);
        while due > 0 && !self.has(FaultKind::Stall) && !self.gone() {
            if self.rest.is_empty() {
                self.rest = self.produce();
                if self.has(FaultKind::Garble) {
                    self.samples.garble(&mut self.rest);
                }
            }
            let count = if slow { self.rest.len() } else { due.min(self.rest.len()) };
            out.extend(self.rest.drain(..count));
            self.sent += count as u64;
            // A packet of which nothing was left took its time all the same.
            due -= if slow { 1 } else { count.max(1) };
        }
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }

    fn watches_line(&self) -> bool {
        self.model.is_pro() && self.knock.is_under_way(self.seen_at)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    let describe = |name, model: Model, line| EmulatedModel {
        name,
        driver: super::NAME,
        model: model.to_string(),
        // A pro tells its serial number on USB only.
        serial: None,
        faults: FaultKind::ALL
            .into_iter()
            .filter(|fault| fault.is_on(model))
            .map(FaultKind::as_str)
            .collect(),
        line: Some(line),
        network: None,
    };
    vec![
        describe("truerng", Model::TrueRng, |options| from_options(Model::TrueRng, options)),
        describe("truerngpro", Model::ProV1, |options| from_options(Model::ProV1, options)),
        describe("truerngpro-v2", Model::ProV2, |options| from_options(Model::ProV2, options)),
    ]
}

fn from_options(model: Model, options: &EmulatorOptions) -> Result<Box<dyn Emulator>> {
    let mut emulator = TrueRngEmulator::new(model, options.seed);
    if let Some(rate) = options.rate_bytes_per_s {
        emulator = emulator.with_rate(rate);
    }
    if let Some(fault) = options.fault()? {
        emulator = emulator.with_fault(fault);
    }
    Ok(Box::new(emulator))
}
