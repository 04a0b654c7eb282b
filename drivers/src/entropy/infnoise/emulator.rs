//! The device's side of an Infinite Noise TRNG: an FT240X in synchronous bit-bang, and the multiplier on its pins.
//!
//! The multiplier is a model: a charge is multiplied by 1.84 in every clock, kept within its range by the comparator's
//! bit, and disturbed by a little noise. *Unconfirmed*: the endpoints 81 and 02, as usual on FT-X chips.

use std::time::Duration;

use qhal::Result;

use super::protocol::{OUTPUTS, pins_of};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::ftdi::bit_mode;
use crate::transport::usb::ftdi::chip::{Chip, ChipKind};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Setup, UsbEmulator};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "1337-EMU00001";

/// 300 kbit/s of raw bits.
const BYTES_PER_S: u32 = 37_500;
const GAIN: f64 = 1.84;
/// What the noise adds or takes in a clock at most, relative to the range.
const NOISE: f64 = 2e-3;

fault_kinds! {
    "an Infinite Noise TRNG":
    /// A comparator always says 1.
    Stuck = "stuck",
    /// The multiplier multiplies by too little, so that bits can be predicted.
    Gain = "gain",
    /// Bits are random without a multiplier: more entropy than the design has.
    Foreign = "foreign",
    /// Nothing comes back from the pins.
    Silent = "silent",
    /// The bits stand still after the warm-up.
    Freeze = "freeze" after 40_000,
    /// It is pulled out.
    Unplug = "unplug" after 40_000,
}

/// An Infinite Noise TRNG in software.
#[derive(Debug)]
pub struct InfiniteNoiseEmulator {
    blueprint: Blueprint,
    chip: Chip,
    condition: Condition<FaultKind>,
    noise: Noise,
    /// In clocks: a bit is made with each.
    pace: Pace,
    /// What was written and is clocked out in its time.
    clocks: std::collections::VecDeque<u8>,
    charge: f64,
    bits: usize,
}

impl InfiniteNoiseEmulator {
    /// A device that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let kind = ChipKind::Ft240X;
        let clocks_per_s = options.rate_or(BYTES_PER_S).saturating_mul(8);
        Ok(Self {
            blueprint: kind.blueprint(kind.product(), "13-37.org", "Infinite Noise TRNG", SERIAL),
            chip: Chip::new(kind),
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            pace: Pace::new(clocks_per_s, u32::MAX),
            clocks: std::collections::VecDeque::new(),
            charge: 0.3,
            bits: 0,
        })
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    /// The comparator's bit of the next clock.
    fn bit(&mut self) -> bool {
        if self.has(FaultKind::Stuck) {
            return true;
        }
        if self.has(FaultKind::Freeze) {
            self.bits += 1;
            return (self.bits / 4).is_multiple_of(2);
        }
        if self.has(FaultKind::Foreign) {
            return self.noise.unit() < 0.5;
        }
        let gain = if self.has(FaultKind::Gain) { 1.2 } else { GAIN };
        let bit = self.charge >= 0.5;
        // Either half is stretched over nearly all of the range.
        let multiplied = if bit { 1.0 - gain * (1.0 - self.charge) } else { gain * self.charge };
        self.charge = (multiplied + NOISE * (2.0 * self.noise.unit() - 1.0)).clamp(0.0, 1.0);
        bit
    }

    /// Clocks out what is due: for every byte the pins are read before it takes effect.
    fn clock(&mut self, now: Duration) {
        if self.clocks.is_empty() {
            self.pace.restart(now);
            return;
        }
        let due = (self.pace.ready(now) as usize).min(self.clocks.len());
        if due == 0 || !self.pace.take(due as u32, now) {
            return;
        }
        for _ in 0..due {
            let Some(switches) = self.clocks.pop_front() else { break };
            let bit = self.bit();
            self.chip.push([pins_of(switches, bit)]);
        }
        self.condition.sent(due / 8);
    }
}

impl UsbEmulator for InfiniteNoiseEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, setup: Setup, _length: u16, _now: Duration) -> Answer<Vec<u8>> {
        self.chip.control_in(setup)
    }

    fn control_out(&mut self, setup: Setup, _data: &[u8], now: Duration) -> Answer<()> {
        self.clock(now);
        if setup == Setup::new(0x40, 0).with(2, setup.index) {
            self.clocks.clear();
        }
        self.chip.control_out(setup)
    }

    fn packet_in(&mut self, _endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        self.clock(now);
        self.chip.packet_in(now)
    }

    fn bulk_out(&mut self, _endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
        self.clock(now);
        let ready = self.chip.bit_mode() == bit_mode::SYNCHRONOUS
            && self.chip.outputs() == OUTPUTS
            && !self.has(FaultKind::Silent);
        if ready {
            self.clocks.extend(data);
        }
        Answer::Done(())
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel::on_usb::<FaultKind>((NAME, NAME, IDS[0].name, SERIAL), |options| {
        Ok(Box::new(UsbIpServer::serve(InfiniteNoiseEmulator::new(options)?, 0)?))
    })]
}
