//! The device's side of a NeuG: a serial port whose parity chooses the mode, and counters on endpoint 0.
//!
//! *Unconfirmed*: the rate of raw samples (270 kB/s here, as of filtered bytes); the width of the error counters (16 bits);
//! the strings; that it keeps 512 bytes for a host that does not come.

use std::time::Duration;

use qhal::Result;

use super::protocol::{BULK_IN, BULK_OUT, CUT_OFFS, Counter, INTERRUPT_IN, LineCoding, Mode};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::descriptor::{Configuration, DeviceDescriptor, Endpoint, Interface};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Setup, Speed, UsbEmulator};

/// The serial number of the emulated unit: eight hexadecimal digits.
pub const SERIAL: &str = "00E0E001";

const PACKET: usize = 64;
const STORE: u32 = 512;
/// After so many full packets an empty one ends a transfer.
const PACKETS_PER_TRANSFER: u32 = 8;

fault_kinds! {
    "a NeuG":
    /// Every byte is the same, and the firmware's tests do not see it.
    Stuck = "stuck",
    /// Seven bits in eight are ones.
    Bias = "bias",
    /// The firmware's repetition count fails, and its counter says so.
    Repetition = "repetition" after 512,
    /// It does not take the mode that its parity asks for.
    Deaf = "deaf",
    /// It sends empty packets alone.
    Empty = "empty",
    /// It sends nothing any more.
    Silent = "silent",
    /// It is pulled out.
    Unplug = "unplug" after 2048,
}

/// A NeuG in software.
#[derive(Debug)]
pub struct NeuGEmulator {
    blueprint: Blueprint,
    condition: Condition<FaultKind>,
    noise: Noise,
    rate: Option<u32>,
    pace: Pace,
    coding: LineCoding,
    ready: bool,
    packets: u32,
}

impl NeuGEmulator {
    /// A stick that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let rate = options.rate_bytes_per_s.map(|_| options.rate_or(1));
        Ok(Self {
            blueprint: blueprint(),
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            rate,
            pace: Pace::new(1, STORE),
            coding: LineCoding { baud: 115_200, parity: 0 },
            ready: false,
            packets: 0,
        })
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    /// What it sends.
    pub fn mode(&self) -> Mode {
        if self.has(FaultKind::Deaf) {
            return Mode::Filtered;
        }
        Mode::of_parity(self.coding.parity).unwrap_or_default()
    }

    fn counter(&self, counter: Counter) -> Vec<u8> {
        let failed = u16::from(self.has(FaultKind::Repetition));
        let [repetition, window, long_window] = CUT_OFFS.map(|cut_off| cut_off as u16 / 2);
        let value = match counter {
            Counter::Mode => return vec![self.mode().number()],
            Counter::Errors | Counter::RepetitionErrors => failed,
            Counter::WindowErrors | Counter::LongWindowErrors => 0,
            Counter::Repetitions => repetition + failed * 5,
            Counter::Window => window,
            Counter::LongWindow => long_window,
        };
        value.to_le_bytes().to_vec()
    }

    fn byte(&mut self, quality: Quality) -> u8 {
        match (self.mode(), quality) {
            // Low bits of converters: about Gaussian, and so more than the 4.2 bits that the firmware counts on.
            (Mode::Raw, Quality::Fair) => (128.0 + 30.0 * self.noise.gaussian()).clamp(0.0, 255.0) as u8,
            _ => self.noise.byte(quality),
        }
    }
}

fn blueprint() -> Blueprint {
    let interface = |number, class, extra: &[u8], endpoints: Vec<Endpoint>| Interface {
        number,
        alternate: 0,
        class,
        extra: extra.to_vec(),
        endpoints,
    };
    let notices = Endpoint { address: INTERRUPT_IN, attributes: 3, max_packet: 8, interval: 255 };
    let bulk = |address| Endpoint::bulk(address, PACKET as u16);
    // USB CDC 1.2, §5.2.3: header, call management, abstract control model, union.
    let functions = [5, 0x24, 0, 0x10, 1, 5, 0x24, 1, 3, 1, 4, 0x24, 2, 2, 5, 0x24, 6, 0, 1];
    Blueprint {
        speed: Speed::Full,
        device: DeviceDescriptor {
            usb_version: 0x0110,
            class: [2, 0, 0],
            max_packet_0: 64,
            vendor: 0x234B,
            product: 0x0001,
            release: 0x0200,
        },
        configuration: Configuration {
            value: 1,
            attributes: 0x80,
            max_power: 50,
            interfaces: vec![
                interface(0, [2, 2, 1], &functions, vec![notices]),
                interface(1, [10, 0, 0], &[], vec![bulk(BULK_OUT), bulk(BULK_IN)]),
            ],
        },
        manufacturer: Some("Free Software Initiative of Japan".to_owned()),
        product_name: Some("NeuG True RNG".to_owned()),
        serial: Some(SERIAL.to_owned()),
    }
}

impl UsbEmulator for NeuGEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, setup: Setup, _length: u16, _now: Duration) -> Answer<Vec<u8>> {
        match (Counter::of(setup), setup.request_type, setup.request) {
            (Some(counter), ..) => Answer::Done(self.counter(counter)),
            // GET_LINE_CODING.
            (_, 0xA1, 0x21) => Answer::Done(self.coding.to_bytes().to_vec()),
            _ => Answer::Stall,
        }
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], now: Duration) -> Answer<()> {
        match (setup.request_type, setup.request, LineCoding::of_bytes(data)) {
            (0x21, 0x20, Some(coding)) => self.coding = coding,
            (0x21, 0x22, _) => {
                self.ready = setup.value & 1 == 1;
                let usual = if self.mode() == Mode::Conditioned { 80_000 } else { 270_000 };
                self.pace = Pace::new(self.rate.unwrap_or(usual), STORE);
                self.pace.restart(now);
                self.packets = 0;
            }
            _ => return Answer::Stall,
        }
        Answer::Done(())
    }

    fn packet_in(&mut self, endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        if endpoint != BULK_IN || !self.ready || self.has(FaultKind::Silent) {
            return Answer::Wait;
        }
        if self.packets == PACKETS_PER_TRANSFER {
            self.packets = 0;
            return Answer::Done(Vec::new());
        }
        if !self.pace.take(PACKET as u32, now) {
            return Answer::Wait;
        }
        if self.has(FaultKind::Empty) {
            return Answer::Done(Vec::new());
        }
        self.packets += 1;
        let quality = Quality::with(self.has(FaultKind::Stuck), self.has(FaultKind::Bias));
        self.condition.sent(PACKET);
        Answer::Done((0..PACKET).map(|_| self.byte(quality)).collect())
    }

    fn bulk_out(&mut self, _endpoint: u8, _data: &[u8], _now: Duration) -> Answer<()> {
        Answer::Done(())
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel::on_usb::<FaultKind>((NAME, NAME, IDS[0].name, SERIAL), |options| {
        Ok(Box::new(UsbIpServer::serve(NeuGEmulator::new(options)?, 0)?))
    })]
}
