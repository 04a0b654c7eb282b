//! ChaosKey: a USB stick with a noisy transistor junction, that sends whitened bytes or raw samples from bulk endpoints.
//!
//! Its noise is avalanche noise: not quantum. It has been driven here only as an emulator. Linux has a driver of its own,
//! `chaoskey`, that feeds `/dev/hwrng` from the first endpoint; it is put aside while this one reads.
//!
//! Sources: Linux, drivers/usb/misc/chaoskey.c; Keith Packard, chaosread (endpoints and form of the raw samples).

pub mod emulator;
pub mod protocol;

use qhal::device::Property;
use qhal::{Error, ErrorKind, MinEntropy, QuantumOrigin, Result, Stage};

pub use self::protocol::Output;
use self::protocol::{FIRST_LIMIT, LIMIT, low_bytes};
use super::usb::{Generator, UsbKind};
use crate::transport::usb::{UsbId, UsbTransport};

/// The name of the driver.
pub const NAME: &str = "chaoskey";

const IDS: &[UsbId] = &[UsbId::new("ChaosKey", 0x1D50, 0x60C6)];

/// The ChaosKey as a kind of generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChaosKey {
    /// What is read from it.
    pub output: Output,
}

impl UsbKind for ChaosKey {
    const NAME: &'static str = NAME;
    const DEVICE: &'static str = "a ChaosKey";
    const IDS: &'static [UsbId] = IDS;
    const ORIGIN: QuantumOrigin = QuantumOrigin::NotQuantum;
    type Generator = Stick;

    fn start(&self, wire: &mut dyn UsbTransport, _id: &UsbId) -> Result<Stick> {
        let endpoint = self.output.endpoint();
        let packet = wire.max_packet(endpoint).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!("it does not have the endpoint {endpoint:02x} of a ChaosKey"),
            )
        })?;
        Ok(Stick { output: self.output, packet, met: false })
    }
}

/// An open stick.
#[derive(Debug)]
pub struct Stick {
    output: Output,
    packet: usize,
    met: bool,
}

impl Generator for Stick {
    fn stage(&self) -> Stage {
        match self.output {
            Output::Whitened => Stage::Conditioned,
            Output::Raw => Stage::Raw,
        }
    }

    /// Whitened: 4 of 8 bits, half of what Linux credits, because no assessment is published. Raw: a sample is the low
    /// eight of an ADC's twelve bits; how they are distributed is not published, so 1 bit is taken until somebody
    /// assesses them.
    fn claim(&self) -> Result<MinEntropy> {
        match self.output {
            Output::Whitened => MinEntropy::new(4.0, 8),
            Output::Raw => MinEntropy::new(1.0, 8),
        }
    }

    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()> {
        let limit = if self.met { LIMIT } else { FIRST_LIMIT };
        let mut bytes = vec![0; self.packet];
        let count = wire.bulk_in(self.output.endpoint(), &mut bytes, limit)?;
        self.met = true;
        bytes.truncate(count);
        match self.output {
            Output::Whitened => block.append(&mut bytes),
            Output::Raw => block.extend(low_bytes(&bytes)?),
        }
        Ok(())
    }

    fn properties(&mut self, _wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        Ok(vec![Property::text("output", self.output.as_str())])
    }
}

#[cfg(test)]
mod tests;
