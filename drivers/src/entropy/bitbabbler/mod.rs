//! BitBabbler White and Black: analogue noise sources, shifted in by the MPSSE of an FTDI FT232H.
//!
//! The device does not process its bits; the maker's software folds them (XOR of one half of a block with the other) and
//! tests them on the host. Raw bits are taken here unless folding is asked for. Nobody claims a quantum
//! origin for its noise. It has been driven here only as an emulator.
//!
//! Source: bit-babbler 0.9 (facts of ftdi-device.h, secret-source.h); FTDI, AN_108 (commands of the MPSSE).

pub mod emulator;
pub mod protocol;

use std::time::Duration;

use qhal::device::Property;
use qhal::{Error, ErrorKind, MinEntropy, QuantumOrigin, Result, Stage};

use self::protocol::{BIT_RATE, Setting, fold, read_command, rejected};
use super::usb::{Generator, UsbKind};
use crate::transport::usb::ftdi::{Ftdi, Status, bit_mode, request};
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "bitbabbler";

const IDS: &[UsbId] = &[
    UsbId::new("BitBabbler White", 0x0403, 0x7840).named("White RNG"),
    UsbId::new("BitBabbler Black", 0x0403, 0x7840).named("Black RNG"),
];

const LIMIT: Duration = Duration::from_secs(5);
/// The engine needs this long after it was switched on, and after its settings.
const AFTER_MODE: Duration = Duration::from_millis(50);
const AFTER_SETTINGS: Duration = Duration::from_millis(30);
/// How long an echo of a rejected command may take.
const ECHO_LIMIT: Duration = Duration::from_millis(200);
/// How often opening is tried.
const TRIES: usize = 20;
/// Bytes of one read: far below the largest, so that little is fetched in vain.
const BLOCK: usize = 8192;
/// The maker's numbers of folds.
const WHITE_FOLDS: u8 = 1;
const BLACK_FOLDS: u8 = 3;

/// The BitBabbler as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct BitBabbler {
    /// How often every block is folded, 0 to 8; none gives raw bits. The maker folds a White once and a Black three times.
    pub folds: u8,
}

impl UsbKind for BitBabbler {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "a BitBabbler";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::NotQuantum;
    type Generator = Babbler;

    fn start(&self, wire: &mut dyn UsbTransport, id: &UsbId) -> Result<Babbler> {
        if self.folds > 8 {
            let message = format!("a block cannot be folded {} times: 0 to 8", self.folds);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if wire.endpoints().len() != 2 {
            return Err(Error::new(
                ErrorKind::Protocol,
                "it does not have the two endpoints of a BitBabbler",
            ));
        }
        let chip = Ftdi::new(wire, 1)?;
        // The maker's model needs so many folds until a byte is nearly full.
        let needed = if *id == IDS[0] { WHITE_FOLDS } else { BLACK_FOLDS };
        let mut babbler =
            Babbler { chip, setting: Setting::default(), folds: self.folds, needed, high: false };
        let mut tried = 0;
        loop {
            tried += 1;
            match babbler.prepare(wire) {
                Ok(()) => return Ok(babbler),
                // What the engine was in the middle of may disturb the first tries.
                Err(error)
                    if tried < TRIES && matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Protocol) => {
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// An open device.
#[derive(Debug)]
pub struct Babbler {
    chip: Ftdi,
    setting: Setting,
    folds: u8,
    needed: u8,
    /// Whether the link has packets of 512 bytes.
    high: bool,
}

impl Babbler {
    /// Resets the chip, switches its engine on, makes sure that it listens, and sets pins and clock.
    fn prepare(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        let chip = &mut self.chip;
        let packet = chip.payload() + 2;
        self.high = packet > 64;
        chip.reset(wire)?;
        chip.purge_receive(wire)?;
        chip.request(wire, request::EVENT_CHARACTER, 0, 0)?;
        chip.request(wire, request::ERROR_CHARACTER, 0, 0)?;
        chip.set_latency(wire, self.setting.latency(packet))?;
        // RTS/CTS, so that nothing is lost while the host is away.
        chip.request(wire, request::FLOW_CONTROL, 0, 1)?;
        chip.set_bit_mode(wire, bit_mode::RESET, 0)?;
        chip.set_bit_mode(wire, bit_mode::MPSSE, 0)?;
        wire.pause(AFTER_MODE);
        chip.ask_status(wire)?;
        for wrong in [0xAA, 0xAB] {
            chip.write(wire, &[wrong, protocol::SEND_NOW], LIMIT)?;
            let mut echo = [0; 2];
            chip.read_exact(wire, &mut echo, ECHO_LIMIT)?;
            if echo != rejected(wrong) {
                let message = format!("the engine answered {echo:02x?} to a command that it cannot know");
                return Err(Error::new(ErrorKind::Protocol, message));
            }
        }
        chip.write(wire, &self.setting.commands(), LIMIT)?;
        wire.pause(AFTER_SETTINGS);
        chip.purge_receive(wire)
    }

    /// The modem and line status that belong to working bits.
    fn is_sound(&self, status: Status) -> bool {
        let modem = if self.high { 0x32 } else { 0x31 };
        status.modem == modem && status.line & !0x60 == 0
    }
}

impl Generator for Babbler {
    fn stage(&self) -> Stage {
        if self.folds == 0 { Stage::Raw } else { Stage::Conditioned }
    }

    /// The maker folds until a byte passes for 7.73 bits of min-entropy (the limit of its tests), a White once and a Black
    /// three times. So an unfolded byte is taken to hold 7.73 bits divided by as many bytes as are folded into one, and
    /// of this half: 1.9 and 0.48. Every fold doubles it, up to half of the 7.73.
    fn claim(&self) -> Result<MinEntropy> {
        let left = self.needed.saturating_sub(self.folds);
        MinEntropy::new(7.73 / 2.0 / f64::from(1_u32 << left), 8)
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        self.chip.write(wire, &read_command(BLOCK as u16), LIMIT)?;
        block.resize(BLOCK, 0);
        self.chip.read_exact(wire, block, LIMIT)?;
        let status = self.chip.status();
        if !self.is_sound(status) {
            let message = format!("the chip reports status {:02x} {:02x}", status.modem, status.line);
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        match self.chip.surplus() {
            0 => {
                fold(block, self.folds);
                Ok(())
            }
            surplus => {
                self.chip.purge_receive(wire)?;
                let message = format!("{surplus} bytes more came than were asked for");
                Err(Error::new(ErrorKind::Protocol, message))
            }
        }
    }

    fn properties(&mut self, _wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        Ok(vec![
            Property::number("bit rate", BIT_RATE.into(), "bit/s"),
            Property::number("folds", self.folds.into(), ""),
        ])
    }

    fn release(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.chip.purge_receive(wire)?;
        self.chip.purge_transmit(wire)?;
        self.chip.set_bit_mode(wire, bit_mode::RESET, 0)?;
        self.chip.reset(wire)
    }
}

#[cfg(test)]
mod tests;
