//! The device's side of an Alea: one endpoint, 100 kbit/s.
//!
//! *Unconfirmed*: the address of the endpoint (81 here; the driver takes whichever there is), the strings, and that the
//! stick keeps no more than 256 bytes for a host that does not come.

use std::time::Duration;

use qhal::Result;

use super::protocol::READ;
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::descriptor::{Configuration, DeviceDescriptor, Endpoint};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Speed, UsbEmulator};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "EMU0000001";

const ENDPOINT: u8 = 0x81;
/// 100 kbit/s.
const BYTES_PER_S: u32 = 12_500;
const STORE: u32 = 256;

fault_kinds! {
    "an Araneus Alea":
    /// Every byte is the same.
    Stuck = "stuck",
    /// Seven bits in eight are ones.
    Bias = "bias",
    /// It sends nothing any more.
    Silent = "silent",
    /// It answers with empty packets.
    Empty = "empty",
    /// The endpoint is halted.
    Halt = "halt",
    /// It is pulled out.
    Unplug = "unplug" after 1024,
}

/// An Alea in software.
#[derive(Debug)]
pub struct AleaEmulator {
    blueprint: Blueprint,
    condition: Condition<FaultKind>,
    noise: Noise,
    pace: Pace,
}

impl AleaEmulator {
    /// A stick that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let endpoint = Endpoint::bulk(ENDPOINT, READ as u16);
        let blueprint = Blueprint {
            speed: Speed::Full,
            device: DeviceDescriptor {
                usb_version: 0x0110,
                class: [0xFF, 0, 0],
                max_packet_0: 8,
                vendor: 0x12D8,
                product: 0x0001,
                release: 0x0100,
            },
            configuration: Configuration::vendor_specific(0x80, 50, vec![endpoint]),
            manufacturer: Some("Araneus".to_owned()),
            product_name: Some("Alea".to_owned()),
            serial: Some(SERIAL.to_owned()),
        };
        Ok(Self {
            blueprint,
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            pace: Pace::new(options.rate_or(BYTES_PER_S), STORE),
        })
    }
}

impl UsbEmulator for AleaEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn packet_in(&mut self, _endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        let has = |fault| self.condition.has(fault);
        if has(FaultKind::Halt) {
            return Answer::Stall;
        }
        if has(FaultKind::Silent) || !self.pace.take(READ as u32, now) {
            return Answer::Wait;
        }
        if has(FaultKind::Empty) {
            return Answer::Done(Vec::new());
        }
        let quality = Quality::with(has(FaultKind::Stuck), has(FaultKind::Bias));
        self.condition.sent(READ);
        Answer::Done(self.noise.bytes(READ, quality))
    }

    fn gone(&self) -> bool {
        self.condition.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel::on_usb::<FaultKind>((NAME, NAME, IDS[0].name, SERIAL), |options| {
        Ok(Box::new(UsbIpServer::serve(AleaEmulator::new(options)?, 0)?))
    })]
}
