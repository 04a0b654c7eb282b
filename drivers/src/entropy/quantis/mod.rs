//! ID Quantique Quantis USB: a photonic generator with up to four optical modules.
//!
//! Requests on endpoint 0 tell how the modules are, and random bytes come from one bulk endpoint. The device gives no raw
//! samples. It has been driven here only as an emulator; what the sources left open is marked *unconfirmed*.
//!
//! Sources: ID Quantique, libQuantis (QuantisUsb_Unix.c, QuantisUsb_Commands.h); Nicos Panayides, quantisusb.

pub mod emulator;
pub mod protocol;

use std::time::Duration;

use qhal::device::Property;
use qhal::{Error, ErrorKind, Health, MinEntropy, QuantumOrigin, Result, Stage};

use self::protocol::{Answer, BULK_IN, Command, LIMIT, Question, UNPROGRAMMED};
use super::usb::{Generator, UsbKind};
use crate::transport::ports::UsbDevice;
use crate::transport::usb::{UsbId, UsbTransport, control_in_exact};

/// The name of the driver.
pub const NAME: &str = "quantis";

/// The vendor id belongs to another company in the public list (Ellisys), so both ids have to fit.
const IDS: &[UsbId] = &[UsbId::new("Quantis USB", 0x0ABA, 0x0102)];

/// What is thrown away after the modules were switched off and on, as the vendor's library does.
const DISCARDED_AFTER_RESET: usize = 4096;
/// How long the modules take to settle after that.
const SETTLE: Duration = Duration::from_secs(1);

/// The Quantis USB as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantis;

impl UsbKind for Quantis {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "a Quantis USB";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::Quantum;
    type Generator = Board;

    /// A unit whose serial number was never programmed is told apart by where it is plugged in.
    fn serial(usb: &UsbDevice) -> Option<&str> {
        usb.serial.as_deref().filter(|serial| *serial != UNPROGRAMMED)
    }

    /// Asks for the modules and, if their status is not good, switches them off and on as the vendor's library does.
    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Board> {
        let packet = wire.max_packet(BULK_IN).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "it does not have the endpoint 86 of a Quantis USB")
        })?;
        let mut board = Board { packet };
        if board.ask(wire, Question::ModulesMask)?.0 == 0 {
            return Err(Error::new(ErrorKind::Unhealthy, "the board says that it has no optical module"));
        }
        if !board.ask(wire, Question::ModulesStatus)?.is_good() {
            board.reset(wire)?;
        }
        Ok(board)
    }
}

/// An open board.
#[derive(Debug)]
pub struct Board {
    packet: usize,
}

impl Board {
    fn ask(&self, wire: &mut dyn UsbTransport, question: Question) -> Result<Answer> {
        let mut bytes = [0; 4];
        let wanted = bytes.get_mut(..question.length()).unwrap_or_default();
        control_in_exact(wire, question.setup(), wanted, LIMIT)?;
        Ok(Answer(u32::from_le_bytes(bytes)))
    }

    fn tell(&self, wire: &mut dyn UsbTransport, command: Command) -> Result<()> {
        wire.control_out(command.setup(), &[], LIMIT)
    }

    fn reset(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.tell(wire, Command::DisableModules)?;
        self.tell(wire, Command::EnableModules)?;
        wire.pause(SETTLE);
        let mut discarded = Vec::new();
        while discarded.len() < DISCARDED_AFTER_RESET {
            self.fetch(wire, &mut discarded)?;
        }
        Ok(())
    }
}

impl Generator for Board {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    /// 4 of 8 bits: the vendor gives the bits as unbiased and independent, the way from detector to bit is not
    /// published and there are no raw samples to assess, so half is taken.
    fn claim(&self) -> Result<MinEntropy> {
        MinEntropy::new(4.0, 8)
    }

    /// The status, then exactly one packet, as the vendor's library reads.
    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        if !self.ask(wire, Question::ModulesStatus)?.is_good() {
            return Err(Error::new(ErrorKind::Unhealthy, "the board reports that a module failed"));
        }
        let mut packet = vec![0; self.packet];
        let count = wire.bulk_in(BULK_IN, &mut packet, LIMIT)?;
        if count != self.packet {
            let message = format!("{count} bytes came instead of a packet of {}", self.packet);
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        block.append(&mut packet);
        Ok(())
    }

    fn health(&mut self, wire: &mut dyn UsbTransport) -> Result<Health> {
        let failed = |why: &str| Ok(Health::Failed(why.to_owned()));
        if self.ask(wire, Question::ModulesMask)?.0 == 0 {
            return failed("no optical module is present");
        }
        if self.ask(wire, Question::ModulesPower)?.0 == 0 {
            return failed("the optical modules have no power");
        }
        if !self.ask(wire, Question::ModulesStatus)?.is_good() {
            return failed("the board reports that a module failed");
        }
        Ok(Health::Good)
    }

    fn properties(&mut self, wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        let version = self.ask(wire, Question::BoardVersion)?.0;
        let modules = self.ask(wire, Question::ModulesMask)?.0.count_ones();
        let rate = f64::from(self.ask(wire, Question::ModuleRate)?.0);
        Ok(vec![
            Property::number("board version", version.into(), ""),
            Property::number("modules", modules.into(), ""),
            Property::number("rate", rate * f64::from(modules), "kbit/s"),
            Property::flag("power", self.ask(wire, Question::ModulesPower)?.0 != 0),
            Property::flag(
                "ais-31 start-up tests requested",
                self.ask(wire, Question::Ais31Requested)?.0 != 0,
            ),
        ])
    }
}

#[cfg(test)]
mod tests;
