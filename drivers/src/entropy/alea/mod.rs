//! Araneus Alea I and II: USB sticks that send random bytes from one bulk endpoint, and take no commands.
//!
//! Their noise is that of a reverse-biased semiconductor junction, so they are not quantum in the sense of this project;
//! how their bytes are conditioned is not published. They have been driven here only as an emulator.
//!
//! Sources: Linux, drivers/usb/misc/chaoskey.c (which drives the Alea I too); OpenBSD, ualea(4).

pub mod emulator;
pub mod protocol;

use qhal::{Error, ErrorKind, MinEntropy, QuantumOrigin, Result, Stage};

use self::protocol::{FIRST_LIMIT, LIMIT, READ, endpoint};
use super::usb::{Generator, UsbKind};
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "alea";

/// Both generations have the same ids.
const IDS: &[UsbId] = &[UsbId::new("Araneus Alea", 0x12D8, 0x0001)];

/// The Alea as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alea;

impl UsbKind for Alea {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "an Araneus Alea";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::NotQuantum;
    type Generator = Stick;

    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Stick> {
        match endpoint(&wire.endpoints()) {
            Some(endpoint) => Ok(Stick { endpoint, met: false }),
            None => {
                Err(Error::new(ErrorKind::Protocol, "it has no endpoint from which random bytes could come"))
            }
        }
    }
}

/// An open stick.
#[derive(Debug)]
pub struct Stick {
    endpoint: u8,
    met: bool,
}

impl Generator for Stick {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    /// 4 of 8 bits: half of what the maker promises, because neither raw samples nor an assessment are published.
    fn claim(&self) -> Result<MinEntropy> {
        MinEntropy::new(4.0, 8)
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        let packet = wire.max_packet(self.endpoint).unwrap_or(READ);
        let mut bytes = vec![0; READ.next_multiple_of(packet.max(1))];
        let limit = if self.met { LIMIT } else { FIRST_LIMIT };
        let count = wire.bulk_in(self.endpoint, &mut bytes, limit)?;
        self.met = true;
        bytes.truncate(count);
        block.append(&mut bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
