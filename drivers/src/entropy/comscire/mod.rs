//! ComScire QNG (R2000KU, R32MU and later): generators behind an FTDI chip, asked and told with single bytes.
//!
//! The maker says that its noise is mixed and quantum in part; nothing published lets one check it, so the origin is
//! *claimed*. The bytes are conditioned in the device. It has been driven here only as an emulator.
//!
//! Source: ComScire, the QWQNG library for Linux (New BSD).

pub mod emulator;
pub mod protocol;

use std::time::Duration;

use qhal::device::Property;
use qhal::{Error, ErrorKind, Health, MinEntropy, QuantumOrigin, Result, Stage};

use self::protocol::{BLOCK, Command, Serial, Status, float};
use super::usb::{Generator, UsbKind};
use crate::transport::usb::ftdi::Ftdi;
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "comscire";

/// The ids are FTDI's defaults, so the serial number has to fit as well. Which chip the later models have is *unconfirmed*.
const IDS: &[UsbId] = &[
    UsbId::new("ComScire R2000KU", 0x0403, 0x6001).numbered("QWR2"),
    UsbId::new("ComScire R32MU", 0x0403, 0x6014).numbered("QWR3"),
    UsbId::new("ComScire QNG", 0x0403, 0x6001).numbered("QWR4"),
    UsbId::new("ComScire QNG", 0x0403, 0x6014).numbered("QWR4"),
    UsbId::new("ComScire QNG", 0x0403, 0x6001).numbered("QWR7"),
    UsbId::new("ComScire QNG", 0x0403, 0x6014).numbered("QWR7"),
];

/// The chip's latency timer, in milliseconds.
const LATENCY: u8 = 2;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(1);
/// What comes out of the device first after it was started is late by this much.
const SETTLE: Duration = Duration::from_millis(10);
/// How often the serial number is asked for until it comes twice alike.
const SERIAL_TRIES: usize = 5;
/// Blocks between two looks at the status, for which the stream is stopped.
const BLOCKS_PER_STATUS: u32 = 16;

/// The ComScire QNG as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComScire;

impl UsbKind for ComScire {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "a ComScire QNG";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::Claimed;
    type Generator = Qng;

    /// As the maker's library does it: stop, ask for the serial number until it comes twice alike, start.
    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Qng> {
        let chip = Ftdi::new(wire, 0)?;
        chip.set_latency(wire, LATENCY)?;
        let mut qng = Qng { chip, serial: Serial::default(), blocks: 0 };
        qng.stop(wire)?;
        let mut before = None;
        for _ in 0..SERIAL_TRIES {
            let now = Serial(qng.ask(wire, Command::Serial)?);
            if before == Some(now) {
                qng.serial = now;
                qng.run(wire)?;
                qng.tell(wire, Command::ClearStatistics)?;
                return Ok(qng);
            }
            before = Some(now);
        }
        let message = format!("it told another serial number every time in {SERIAL_TRIES} tries");
        Err(Error::new(ErrorKind::Protocol, message))
    }
}

/// An open generator.
#[derive(Debug)]
pub struct Qng {
    chip: Ftdi,
    serial: Serial,
    /// Blocks that were read since the status was looked at.
    blocks: u32,
}

impl Qng {
    fn tell(&mut self, wire: &mut dyn UsbTransport, command: Command) -> Result<()> {
        self.chip.write(wire, &[command.byte()], LIMIT)
    }

    fn ask<const N: usize>(&mut self, wire: &mut dyn UsbTransport, command: Command) -> Result<[u8; N]> {
        self.tell(wire, command)?;
        let mut answer = [0; N];
        self.chip.read_exact(wire, &mut answer, LIMIT)?;
        Ok(answer)
    }

    /// Stops the stream and throws away what is left of it.
    fn stop(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.tell(wire, Command::Stop)?;
        self.chip.purge_receive(wire)
    }

    fn run(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.tell(wire, Command::Start)?;
        wire.pause(SETTLE);
        // The first byte belongs to no stream.
        self.chip.read_exact(wire, &mut [0], LIMIT)
    }

    /// Asks something between two stretches of the stream. That the device answers only while it does not stream
    /// is *unconfirmed*; among random bytes its answer could not be told.
    fn between<T>(
        &mut self,
        wire: &mut dyn UsbTransport,
        ask: impl FnOnce(&mut Self, &mut dyn UsbTransport) -> Result<T>,
    ) -> Result<T> {
        self.stop(wire)?;
        let answer = ask(self, wire);
        self.run(wire)?;
        answer
    }

    fn status(&mut self, wire: &mut dyn UsbTransport) -> Result<Status> {
        let bytes = self.between(wire, |qng, wire| qng.ask(wire, Command::Status))?;
        self.blocks = 0;
        Ok(Status(u32::from_le_bytes(bytes)))
    }
}

impl Generator for Qng {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    /// 4 of 8 bits: half of what the maker promises, because neither raw samples nor an assessment are published.
    fn claim(&self) -> Result<MinEntropy> {
        MinEntropy::new(4.0, 8)
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        if self.blocks >= BLOCKS_PER_STATUS && self.status(wire)?.is_bad() {
            return Err(Error::new(ErrorKind::Unhealthy, "the device reports that its statistics are bad"));
        }
        block.resize(BLOCK, 0);
        self.chip.read_exact(wire, block, LIMIT)?;
        if self.chip.status().has_error() {
            let message = "the chip reports that bytes were lost or damaged on their way to it";
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        self.blocks += 1;
        Ok(())
    }

    fn health(&mut self, wire: &mut dyn UsbTransport) -> Result<Health> {
        let status = self.status(wire)?;
        Ok(if status.is_bad() {
            Health::Failed("the device reports that its statistics are bad".to_owned())
        } else {
            Health::Good
        })
    }

    fn properties(&mut self, wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        let ones = self.between(wire, |qng, wire| qng.ask(wire, Command::ProbabilityOfOnes))?;
        let mut properties = vec![Property::text("internal serial", self.serial.to_string())];
        if let Some(ones) = float(ones) {
            properties.push(Property::number("probability of ones", ones, ""));
        }
        Ok(properties)
    }

    fn release(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        self.stop(wire)
    }
}

#[cfg(test)]
mod tests;
