//! Moonbase Otago OneRNG: an open-hardware stick with an avalanche diode and a radio receiver's noise.
//!
//! It is told what to do by `cmd` strings and streams while it runs. Its USB strings are the same in every unit; what tells
//! two apart is the id that firmware 3 tells on its wire. No device has been at hand: driven here as an emulator.

pub mod emulator;
pub mod protocol;
mod source;

use qhal::{Address, Descriptor, Driver, Kind, OpenDevice, QuantumOrigin, Result};

pub use protocol::Mode;
pub use source::OneRngSource;

use self::source::{Info, Wire};
use crate::catalogue::UsbId;
use crate::family::{Family, Place, Told};
use crate::transport::ports::{System, UsbDevice};

/// The name of the driver.
pub const NAME: &str = "onerng";

const FAMILY: Family = Family {
    driver: NAME,
    device: "a OneRNG",
    kind: Kind::Entropy,
    origin: QuantumOrigin::NotQuantum,
    model_of,
    // All units have the serial number `00` on USB.
    usb_serial_is_told: false,
    baud: 9_600,
};

const ID: UsbId = UsbId::new("OneRNG", 0x1D50, 0x6086);

/// What the driver claims.
pub(crate) fn usb_ids() -> Vec<UsbId> {
    vec![ID]
}

fn model_of(usb: &UsbDevice) -> Option<&'static str> {
    ((usb.vendor, usb.product) == (ID.vendor, ID.product)).then_some(ID.name)
}

/// How a device is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which sources are on.
    pub mode: Mode,
}

impl Default for Options {
    /// As the device is after power-on.
    fn default() -> Self {
        Self { mode: Mode::Avalanche }
    }
}

/// Finds and opens OneRNGs.
#[derive(Clone, Debug, Default)]
pub struct OneRng {
    options: Options,
    system: System,
}

impl OneRng {
    /// A driver that opens devices in [`Mode::Avalanche`].
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

    /// Like [`Driver::open`], with the firmware image as well.
    ///
    /// # Errors
    /// Those of [`Driver::open`].
    pub fn open_device(&self, descriptor: &Descriptor) -> Result<OneRngSource> {
        let (place, wire, info) = self.meet(&descriptor.address)?;
        let found = describe(&place, &info);
        FAMILY.check(descriptor, &found)?;
        OneRngSource::over(wire, found, info, self.options.mode)
    }

    fn meet(&self, address: &Address) -> Result<(Place, Wire, Info)> {
        let place = FAMILY.place(&self.system, address)?;
        let mut wire = Wire::new(FAMILY.open(&place)?);
        let info = wire.info().map_err(|error| error.context(format!("no OneRNG at {address}")))?;
        Ok((place, wire, info))
    }
}

/// What the device at `place` is.
fn describe(place: &Place, info: &Info) -> Descriptor {
    FAMILY.describe(place, Told { model: Some(ID.name), serial: info.id.as_deref(), origin: None })
}

impl Driver for OneRng {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        FAMILY.probe(&self.system)
    }

    /// Silences the sources and asks for version and id.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (place, mut wire, info) = self.meet(address)?;
        wire.rest()?;
        Ok(describe(&place, &info))
    }

    fn recognises(&self, address: &Address) -> bool {
        FAMILY.may_be_at(&self.system, address)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let source = self.open_device(descriptor).map_err(|error| error.on(&descriptor.id))?;
        Ok(OpenDevice::Entropy(Box::new(source)))
    }
}

#[cfg(test)]
mod tests;
