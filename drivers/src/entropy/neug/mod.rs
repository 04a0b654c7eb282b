//! FST-01 with NeuG: a microcontroller that samples its own converters, on a USB serial port whose parity chooses the mode.
//!
//! It is spoken to over USB and not through the kernel's serial port, because its counters of failed tests are read on
//! endpoint 0. Nobody claims a quantum origin for its noise. It has been driven here only as an emulator.
//!
//! Source: FSIJ, NeuG (mirror jj1bdx/neug), and USB CDC 1.2, §6.3 for the two requests of a serial port.

pub mod emulator;
pub mod protocol;

use qhal::device::Property;
use qhal::{Error, ErrorKind, Health, MinEntropy, QuantumOrigin, Result, Stage};

pub use self::protocol::Mode;
use self::protocol::{BLOCK, BULK_IN, Counter, LIMIT, LineCoding, control_lines, line_coding};
use super::usb::{Generator, UsbKind};
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "neug";

/// 234B:0004 is the same device as a disk, which gives no random bytes.
const IDS: &[UsbId] = &[UsbId::new("FST-01 NeuG", 0x234B, 0x0001)];

/// The NeuG as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeuG {
    /// What it sends.
    pub mode: Mode,
}

impl UsbKind for NeuG {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "a NeuG";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::NotQuantum;
    /// The serial port's settings and its data.
    const INTERFACES: &'static [u8] = &[0, 1];
    type Generator = Stick;

    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Stick> {
        let packet = wire
            .max_packet(BULK_IN)
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "it does not have the endpoint 81 of a NeuG"))?;
        let mut stick = Stick { mode: self.mode, packet, errors: 0 };
        // Closed first, so that the mode is that of this opening.
        stick.set(wire, self.mode, false)?;
        stick.errors = stick.ask(wire, Counter::Errors)?;
        stick.set(wire, self.mode, true)?;
        Ok(stick)
    }
}

/// An open stick.
#[derive(Debug)]
pub struct Stick {
    mode: Mode,
    packet: usize,
    /// Failed tests before it was opened.
    errors: u32,
}

impl Stick {
    /// Sets parity and DTR, which choose the mode and let it stream.
    fn set(&self, wire: &mut dyn UsbTransport, mode: Mode, ready: bool) -> Result<()> {
        let coding = LineCoding { baud: protocol::BAUD, parity: mode.parity() };
        wire.control_out(line_coding(), &coding.to_bytes(), LIMIT)?;
        wire.control_out(control_lines(ready), &[], LIMIT)
    }

    fn ask(&self, wire: &mut dyn UsbTransport, counter: Counter) -> Result<u32> {
        let mut bytes = [0; 4];
        let count = wire.control_in(counter.setup(), &mut bytes, LIMIT)?;
        if count == 0 {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the device told nothing where it was asked for a counter",
            ));
        }
        Ok(u32::from_le_bytes(bytes))
    }

    /// Failed tests since it was opened.
    fn failures(&self, wire: &mut dyn UsbTransport) -> Result<u32> {
        // The counter has 16 bits and may begin again.
        let errors = self.ask(wire, Counter::Errors)?;
        Ok(u32::from((errors as u16).wrapping_sub(self.errors as u16)))
    }
}

impl Generator for Stick {
    fn stage(&self) -> Stage {
        match self.mode {
            Mode::Conditioned | Mode::Filtered => Stage::Conditioned,
            Mode::Raw => Stage::Raw,
        }
    }

    /// Conditioned by SHA-256: 4 of 8 bits, half of what is meant. Raw: half of the 4.2 bits a byte from which the
    /// firmware computes the cut-offs of its own tests. A byte behind the CRC-32 holds at least what one in front of it
    /// does.
    fn claim(&self) -> Result<MinEntropy> {
        match self.mode {
            Mode::Conditioned => MinEntropy::new(4.0, 8),
            Mode::Filtered | Mode::Raw => MinEntropy::new(2.1, 8),
        }
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        let failures = self.failures(wire)?;
        if failures > 0 {
            let message = format!("the device counts {failures} failed tests since it was opened");
            return Err(Error::new(ErrorKind::Unhealthy, message));
        }
        let limit = wire.now().saturating_add(LIMIT);
        loop {
            let mut bytes = vec![0; BLOCK.next_multiple_of(self.packet.max(1))];
            let left = limit.saturating_sub(wire.now());
            let count = wire.bulk_in(BULK_IN, &mut bytes, left)?;
            bytes.truncate(count);
            // An empty packet ends a transfer that was a whole number of packets long.
            if count > 0 {
                block.append(&mut bytes);
                return Ok(());
            }
            if wire.now() >= limit {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("only empty packets came within {LIMIT:?}"),
                ));
            }
        }
    }

    fn health(&mut self, wire: &mut dyn UsbTransport) -> Result<Health> {
        let failures = self.failures(wire)?;
        if failures > 0 {
            return Ok(Health::Failed(format!("it counts {failures} failed tests since it was opened")));
        }
        let mode = self.ask(wire, Counter::Mode)?;
        Ok(if mode == u32::from(self.mode.number()) {
            Health::Good
        } else {
            Health::Degraded(format!(
                "it says that it is in mode {mode} and was set to {}",
                self.mode.number()
            ))
        })
    }

    fn properties(&mut self, wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        let mut properties = vec![Property::text("mode", self.mode.as_str())];
        for counter in Counter::ALL.into_iter().filter(|counter| *counter != Counter::Mode) {
            properties.push(Property::number(counter.as_str(), self.ask(wire, counter)?.into(), ""));
        }
        Ok(properties)
    }

    fn release(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.set(wire, Mode::Conditioned, false)
    }
}

#[cfg(test)]
mod tests;
