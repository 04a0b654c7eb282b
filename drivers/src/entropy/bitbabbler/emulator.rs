//! The device's side of a BitBabbler: an FT232H with the part of its MPSSE that the device needs, and four noise sources.
//!
//! The noise is a model: bits that follow the one before in 55 of 100 cases. *Unconfirmed*: how correlated the sources are.

use std::time::Duration;

use qhal::Result;

use super::protocol::{BAD_COMMAND, CLOCK_IN, SEND_NOW};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::ftdi::bit_mode;
use crate::transport::usb::ftdi::chip::{Chip, ChipKind};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Setup, UsbEmulator};

/// The serial number of the emulated unit.
pub const SERIAL: &str = "EMU001";

/// The product id that FTDI gave the maker.
const PRODUCT: u16 = 0x7840;
/// Of 100 bits, how many are like the one before.
const ALIKE: f64 = 0.55;

fault_kinds! {
    "a BitBabbler":
    /// The sources stand still.
    Stuck = "stuck",
    /// Sixty-three bits in sixty-four are ones.
    Bias = "bias",
    /// The engine does not answer.
    Deaf = "deaf",
    /// The engine answers wrongly to commands that it cannot know.
    Engine = "engine",
    /// Bits are no longer clocked in.
    Silent = "silent" after 4096,
    /// The chip reports an overrun.
    Overrun = "overrun",
    /// More bytes come than were asked for.
    Surplus = "surplus",
    /// It is pulled out.
    Unplug = "unplug" after 4096,
}

/// A BitBabbler in software.
#[derive(Debug)]
pub struct BitBabblerEmulator {
    blueprint: Blueprint,
    chip: Chip,
    condition: Condition<FaultKind>,
    noise: Noise,
    rate: Option<u32>,
    pace: Pace,
    /// Commands of which not all bytes have come.
    heard: Vec<u8>,
    /// Bytes that are still to be clocked in.
    wanted: usize,
    bit: bool,
}

impl BitBabblerEmulator {
    /// A device with this product string that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(product_name: &str, options: &EmulatorOptions) -> Result<Self> {
        let kind = ChipKind::Ft232H;
        let rate = options.rate_bytes_per_s.map(|_| options.rate_or(1));
        Ok(Self {
            blueprint: kind.blueprint(PRODUCT, "BitBabbler", product_name, SERIAL),
            chip: Chip::new(kind),
            condition: Condition::new(options.fault()?),
            noise: Noise::new(options.seed),
            rate,
            // At the 6 MHz / 2 / 65536 that the engine starts with nothing is read.
            pace: Pace::new(rate.unwrap_or(312_500), u32::MAX),
            heard: Vec::new(),
            wanted: 0,
            bit: false,
        })
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    /// Executes the commands that are complete.
    fn execute(&mut self, now: Duration) {
        while let Some(&command) = self.heard.first() {
            let length = match command {
                0x80 | 0x82 | 0x86 | CLOCK_IN => 3,
                _ => 1,
            };
            if self.heard.len() < length {
                return;
            }
            let words: Vec<u8> = self.heard.drain(..length).collect();
            match words.as_slice() {
                &[CLOCK_IN, low, high] => {
                    if self.wanted == 0 {
                        self.pace.restart(now);
                    }
                    self.wanted += usize::from(u16::from_le_bytes([low, high])) + 1;
                }
                &[0x86, low, high] => {
                    // 60 MHz, divided by 2 and by one more than the divisor; eight bits are a byte.
                    let divisor = 1 + u32::from(u16::from_le_bytes([low, high]));
                    self.pace = Pace::new(self.rate.unwrap_or(30_000_000 / divisor / 8), u32::MAX);
                    self.pace.restart(now);
                }
                // Pins, clock and loop-back, which the noise does not depend on; and what is sent at once anyway.
                [0x80 | 0x82, ..] | [0x84 | 0x85 | 0x8A | 0x8B | 0x8C | 0x8D | 0x96 | 0x97 | SEND_NOW] => {}
                &[wrong] if self.has(FaultKind::Engine) => self.chip.push([BAD_COMMAND, !wrong]),
                &[wrong] => self.chip.push([BAD_COMMAND, wrong]),
                _ => {}
            }
        }
    }

    fn byte(&mut self) -> u8 {
        match Quality::with(self.has(FaultKind::Stuck), self.has(FaultKind::Bias)) {
            Quality::Fair => (0..8).fold(0, |byte, _| {
                self.bit ^= self.noise.unit() >= ALIKE;
                byte << 1 | u8::from(self.bit)
            }),
            // Below what is claimed even of unfolded bytes of a Black.
            Quality::Biased => self.noise.byte(Quality::Biased) | self.noise.byte(Quality::Biased),
            Quality::Stuck => self.noise.byte(Quality::Stuck),
        }
    }

    /// Clocks in what is due.
    fn clock(&mut self, now: Duration) {
        let due = (self.pace.ready(now) as usize).min(self.wanted);
        if due == 0 || self.has(FaultKind::Silent) || !self.pace.take(due as u32, now) {
            return;
        }
        self.wanted -= due;
        let bytes: Vec<u8> = (0..due).map(|_| self.byte()).collect();
        self.condition.sent(due);
        self.chip.push(bytes);
        if self.wanted == 0 && self.has(FaultKind::Surplus) {
            self.chip.push([0x55; 3]);
        }
    }
}

impl UsbEmulator for BitBabblerEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, setup: Setup, _length: u16, _now: Duration) -> Answer<Vec<u8>> {
        self.chip.control_in(setup)
    }

    fn control_out(&mut self, setup: Setup, _data: &[u8], now: Duration) -> Answer<()> {
        self.clock(now);
        let answer = self.chip.control_out(setup);
        if self.chip.bit_mode() != bit_mode::MPSSE {
            self.heard.clear();
            self.wanted = 0;
        }
        answer
    }

    fn packet_in(&mut self, _endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        self.clock(now);
        self.chip.status.line = if self.has(FaultKind::Overrun) { 0x62 } else { 0x60 };
        self.chip.packet_in(now)
    }

    fn bulk_out(&mut self, _endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
        self.clock(now);
        if self.chip.bit_mode() == bit_mode::MPSSE && !self.has(FaultKind::Deaf) {
            self.heard.extend(data);
            self.execute(now);
        }
        Answer::Done(())
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![
        EmulatedModel::on_usb::<FaultKind>(("bitbabbler-white", NAME, IDS[0].name, SERIAL), |options| {
            Ok(Box::new(UsbIpServer::serve(BitBabblerEmulator::new("White RNG", options)?, 0)?))
        }),
        EmulatedModel::on_usb::<FaultKind>(("bitbabbler-black", NAME, IDS[1].name, SERIAL), |options| {
            Ok(Box::new(UsbIpServer::serve(BitBabblerEmulator::new("Black RNG", options)?, 0)?))
        }),
    ]
}
