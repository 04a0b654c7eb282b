//! What the drivers of generators on USB have in common: how a device is found, opened, read and let go.
//!
//! No device hangs on this folder: each has its own, with what makes it different as a [`UsbKind`] and a [`Generator`].

mod driver;
mod source;

use qhal::device::Property;
use qhal::{Health, MinEntropy, QuantumOrigin, Result, Stage};

pub use driver::{Place, UsbDriver};
pub use source::UsbSource;

use crate::transport::ports::UsbDevice;
use crate::transport::usb::{UsbId, UsbTransport};

/// One kind of generator on USB.
pub trait UsbKind: Send + Sync + 'static {
    /// The name of the driver.
    const NAME: &'static str;
    /// The device, in a sentence: `a Quantis USB`.
    const DEVICE: &'static str;
    /// How it is recognised, each model by its own ids.
    const IDS: &'static [UsbId];
    /// Whether its physics is quantum, where the device is what it says.
    const ORIGIN: QuantumOrigin;
    /// The interfaces that are claimed.
    const INTERFACES: &'static [u8] = &[0];
    /// An open device of this kind.
    type Generator: Generator + 'static;

    /// The serial number, where it tells one unit from another.
    fn serial(usb: &UsbDevice) -> Option<&str> {
        usb.serial.as_deref()
    }

    /// Makes a device of the model `id` give random bytes.
    ///
    /// # Errors
    /// Those of the wire; `Unhealthy` when it says that it cannot; `Protocol` when it answers like another device.
    fn start(&self, wire: &mut dyn UsbTransport, id: &UsbId) -> Result<Self::Generator>;
}

/// An open generator, apart from the wire it is spoken to on. A [`UsbSource`] makes an entropy source of both.
pub trait Generator: Send {
    /// Where in the device the bytes are taken.
    fn stage(&self) -> Stage;

    /// What a sample is taken to be worth, and why that is a careful figure.
    ///
    /// # Errors
    /// `InvalidInput` for a figure that is none.
    fn claim(&self) -> Result<MinEntropy>;

    /// Appends the next samples, at least one, to `block`.
    ///
    /// # Errors
    /// Those of the wire; `Unhealthy` when the device reports a failed test or one of its maker's tests on this side
    /// fails; `Protocol` when the answer breaks the rules. Nothing in `block` is used then.
    fn fetch(&mut self, wire: &mut dyn UsbTransport, block: &mut Vec<u8>) -> Result<()>;

    /// Asks the device how it is; by default nothing can be asked.
    ///
    /// # Errors
    /// Those of the wire.
    fn health(&mut self, wire: &mut dyn UsbTransport) -> Result<Health> {
        let _ = wire;
        Ok(Health::Good)
    }

    /// Asks the device for everything else that it tells.
    ///
    /// # Errors
    /// Those of the wire.
    fn properties(&mut self, wire: &mut dyn UsbTransport) -> Result<Vec<Property>> {
        let _ = wire;
        Ok(Vec::new())
    }

    /// Leaves the device as it was found.
    ///
    /// # Errors
    /// Those of the wire.
    fn release(&mut self, wire: &mut dyn UsbTransport) -> Result<()> {
        let _ = wire;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod bench;
