//! The device's side of a Quantis USB: its descriptors, its requests, and random bytes at its own pace.
//!
//! *Unconfirmed*: 4000 kbit/s from each module; that a switched-off board answers status 0 and sends nothing; that it
//! keeps 4096 bytes for a host that does not come.

use std::time::Duration;

use qhal::Result;

use super::protocol::{Answer as Told, BULK_IN, Command, Question};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::descriptor::{Configuration, DeviceDescriptor, Endpoint};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Setup, Speed, UsbEmulator};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "EMU0000001";

const PACKET: usize = 512;
const STORE: u32 = 4096;
/// What one module makes, in kbit/s and in bytes a second.
const MODULE_RATE: u32 = 4000;
const BYTES_PER_S: u32 = MODULE_RATE * 1000 / 8;

fault_kinds! {
    "a Quantis USB":
    /// Every byte is the same.
    Stuck = "stuck",
    /// Seven bits in eight are ones.
    Bias = "bias",
    /// The board has lost its optical module.
    NoModule = "no-module",
    /// The module's own check fails.
    Module = "module",
    /// The module has no power; the status says nothing of it.
    Power = "power",
    /// It answers requests and sends no bytes any more.
    Silent = "silent",
    /// The endpoint is halted.
    Halt = "halt",
    /// Packets are cut short.
    Short = "short",
    /// It is pulled out.
    Unplug = "unplug" after 2048,
}

/// A Quantis USB with one module, in software.
#[derive(Debug)]
pub struct QuantisEmulator {
    blueprint: Blueprint,
    condition: Condition<FaultKind>,
    noise: Noise,
    pace: Pace,
    enabled: bool,
    ais31: bool,
}

impl QuantisEmulator {
    /// A unit that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        Ok(Self {
            blueprint: blueprint(),
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            pace: Pace::new(options.rate_or(BYTES_PER_S), STORE),
            enabled: true,
            ais31: false,
        })
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    fn works(&self) -> bool {
        self.enabled && !self.has(FaultKind::NoModule) && !self.has(FaultKind::Module)
    }

    fn answer(&self, question: Question) -> Told {
        Told(match question {
            Question::BoardVersion => 2,
            Question::ModulesStatus => u32::from(self.works()),
            Question::ModulesPower => u32::from(self.enabled && !self.has(FaultKind::Power)),
            Question::ModulesMask => u32::from(!self.has(FaultKind::NoModule)),
            Question::ModuleRate => MODULE_RATE,
            Question::Ais31Requested => u32::from(self.ais31),
        })
    }
}

/// The descriptors of a unit, as Nicos Panayides' library lists them.
fn blueprint() -> Blueprint {
    Blueprint {
        speed: Speed::High,
        device: DeviceDescriptor {
            usb_version: 0x0200,
            class: [0xFF, 0, 0],
            max_packet_0: 64,
            vendor: 0x0ABA,
            product: 0x0102,
            release: 0x0200,
        },
        configuration: Configuration::vendor_specific(
            0x80,
            150,
            vec![Endpoint::bulk(BULK_IN, PACKET as u16)],
        ),
        manufacturer: Some("id Quantique".to_owned()),
        product_name: Some("Quantis USB".to_owned()),
        serial: Some(SERIAL.to_owned()),
    }
}

impl UsbEmulator for QuantisEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, setup: Setup, _length: u16, _now: Duration) -> Answer<Vec<u8>> {
        match Question::of(setup) {
            Some(question) => Answer::Done(self.answer(question).to_bytes(question)),
            None => Answer::Stall,
        }
    }

    fn control_out(&mut self, setup: Setup, _data: &[u8], now: Duration) -> Answer<()> {
        match Command::of(setup) {
            Some(Command::DisableModules) => self.enabled = false,
            Some(Command::EnableModules) => {
                self.enabled = true;
                self.pace.restart(now);
            }
            Some(Command::ClearAis31) => self.ais31 = false,
            None => return Answer::Stall,
        }
        Answer::Done(())
    }

    fn packet_in(&mut self, _endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        if self.has(FaultKind::Halt) {
            return Answer::Stall;
        }
        let silent = self.has(FaultKind::Silent) || !self.works();
        if silent || !self.pace.take(PACKET as u32, now) {
            return Answer::Wait;
        }
        let quality = Quality::with(self.has(FaultKind::Stuck), self.has(FaultKind::Bias));
        let count = if self.has(FaultKind::Short) { PACKET - 100 } else { PACKET };
        self.condition.sent(count);
        Answer::Done(self.noise.bytes(count, quality))
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel::on_usb::<FaultKind>((NAME, NAME, IDS[0].name, SERIAL), |options| {
        Ok(Box::new(UsbIpServer::serve(QuantisEmulator::new(options)?, 0)?))
    })]
}
