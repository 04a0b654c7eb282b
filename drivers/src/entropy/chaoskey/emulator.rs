//! The device's side of a ChaosKey: whitened bytes on one endpoint, raw samples on another.
//!
//! *Unconfirmed*: the rate (1 MB/s of whitened bytes is what its maker names; half as many samples), mean and deviation of
//! the samples, the strings, and that it keeps 1024 bytes for a host that does not come.

use std::time::Duration;

use qhal::Result;

use super::protocol::{Output, encode_raw};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::descriptor::{Configuration, DeviceDescriptor, Endpoint};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Speed, UsbEmulator};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "EMU0000001";

const PACKET: usize = 64;
const BYTES_PER_S: u32 = 1_000_000;
const STORE: u32 = 1024;
/// Samples about the middle of an ADC of twelve bits.
const MEAN: f64 = 2048.0;
const DEVIATION: f64 = 400.0;

fault_kinds! {
    "a ChaosKey":
    /// Every byte and every sample is the same.
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
    Unplug = "unplug" after 2048,
}

/// A ChaosKey in software.
#[derive(Debug)]
pub struct ChaosKeyEmulator {
    blueprint: Blueprint,
    condition: Condition<FaultKind>,
    noise: Noise,
    pace: Pace,
}

impl ChaosKeyEmulator {
    /// A stick that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let endpoints = [0x85, 0x86, 0x87].map(|address| Endpoint::bulk(address, PACKET as u16));
        let blueprint = Blueprint {
            speed: Speed::Full,
            device: DeviceDescriptor {
                usb_version: 0x0200,
                class: [0xFF, 0, 0],
                max_packet_0: 64,
                vendor: 0x1D50,
                product: 0x60C6,
                release: 0x0100,
            },
            configuration: Configuration::vendor_specific(0x80, 50, endpoints.to_vec()),
            manufacturer: Some("altusmetrum.org".to_owned()),
            product_name: Some("ChaosKey".to_owned()),
            serial: Some(SERIAL.to_owned()),
        };
        Ok(Self {
            blueprint,
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            pace: Pace::new(options.rate_or(BYTES_PER_S), STORE),
        })
    }

    fn sample(&mut self, quality: Quality) -> u16 {
        let value = (MEAN + DEVIATION * self.noise.gaussian()).clamp(0.0, 4095.0) as u16;
        match quality {
            Quality::Fair => value,
            Quality::Biased => value | u16::from(self.noise.byte(Quality::Biased)),
            Quality::Stuck => MEAN as u16,
        }
    }
}

impl UsbEmulator for ChaosKeyEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn packet_in(&mut self, endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        let has = |fault| self.condition.has(fault);
        if has(FaultKind::Halt) {
            return Answer::Stall;
        }
        // The firmware's image is not emulated.
        let known = [Output::Whitened, Output::Raw].map(Output::endpoint).contains(&endpoint);
        if !known || has(FaultKind::Silent) || !self.pace.take(PACKET as u32, now) {
            return Answer::Wait;
        }
        if has(FaultKind::Empty) {
            return Answer::Done(Vec::new());
        }
        let quality = Quality::with(has(FaultKind::Stuck), has(FaultKind::Bias));
        self.condition.sent(PACKET);
        Answer::Done(if endpoint == Output::Raw.endpoint() {
            let samples: Vec<u16> = (0..PACKET / 2).map(|_| self.sample(quality)).collect();
            encode_raw(&samples)
        } else {
            self.noise.bytes(PACKET, quality)
        })
    }

    fn gone(&self) -> bool {
        self.condition.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel::on_usb::<FaultKind>((NAME, NAME, IDS[0].name, SERIAL), |options| {
        Ok(Box::new(UsbIpServer::serve(ChaosKeyEmulator::new(options)?, 0)?))
    })]
}
