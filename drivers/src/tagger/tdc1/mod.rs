//! S-Fifteen TDC1: four inputs, times in steps of 2 ns, commands and a binary stream over a USB serial port.
//!
//! Sources: the documentation of the TDC1 (wiki `Timestamp_TDC1`), `S15lib/instruments` of pyS15 and `readevents4a` of qcrypto. Its
//! USB ids are not published: a port is taken for one by its manufacturer and product strings, and `*IDN?` confirms it. No device
//! has been at hand: driven here as an emulator. *Unconfirmed*: that the device's clock is at 0 when a stream begins.

mod device;
pub mod emulator;
pub mod protocol;

use qhal::{Address, Descriptor, Driver, Kind, OpenDevice, QuantumOrigin, Result};

pub use device::Tdc1Tagger;
pub use protocol::Level;

use self::device::Wire;
use crate::family::{Family, Place, Told};
use crate::transport::ports::{System, UsbDevice};

/// The name of the driver.
pub const NAME: &str = "tdc1";

const MODEL: &str = "S-Fifteen TDC1";

const FAMILY: Family = Family {
    driver: NAME,
    device: "a TDC1",
    kind: Kind::TimeTagger,
    // It notes when detectors fire; what they see is another device's physics.
    origin: QuantumOrigin::NotQuantum,
    model_of,
    usb_serial_is_told: false,
    // USB CDC: the rate means nothing.
    baud: 115_200,
};

/// The by-id name of a unit is `usb-S-Fifteen_Instruments_USB_Counter_TDC1-0019-if00`.
fn model_of(usb: &UsbDevice) -> Option<&'static str> {
    let has = |text: &Option<String>, word: &str| text.as_deref().is_some_and(|text| text.contains(word));
    let ours =
        has(&usb.manufacturer, "S-Fifteen") && (has(&usb.product_name, "TDC1") || has(&usb.serial, "TDC1"));
    ours.then_some(MODEL)
}

/// How a device is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The signals at its inputs.
    pub level: Level,
}

/// Finds and opens TDC1s.
#[derive(Clone, Debug, Default)]
pub struct Tdc1 {
    options: Options,
    system: System,
}

impl Tdc1 {
    /// A driver that opens devices for NIM signals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens devices with these options from now on.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The devices of another `system`.
    #[must_use]
    pub fn on(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    fn meet(&self, address: &Address) -> Result<(Place, Wire)> {
        let place = FAMILY.place(&self.system, address)?;
        let mut wire = Wire::new(FAMILY.open(&place)?);
        wire.identify().map_err(|error| error.context(format!("no TDC1 at {address}")))?;
        Ok((place, wire))
    }
}

/// What the device at `place` is.
fn describe(place: &Place) -> Descriptor {
    FAMILY.describe(place, Told { model: Some(MODEL), ..Told::default() })
}

impl Driver for Tdc1 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        FAMILY.probe(&self.system)
    }

    /// Stops a stream that somebody left running, and asks for the name.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (place, _) = self.meet(address)?;
        Ok(describe(&place))
    }

    fn recognises(&self, address: &Address) -> bool {
        FAMILY.may_be_at(&self.system, address)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let opened = self.meet(&descriptor.address).and_then(|(place, wire)| {
            let found = describe(&place);
            FAMILY.check(descriptor, &found)?;
            Tdc1Tagger::over(wire, found, self.options)
        });
        Ok(OpenDevice::TimeTagger(Box::new(opened.map_err(|error| error.on(&descriptor.id))?)))
    }
}

#[cfg(test)]
mod tests;
