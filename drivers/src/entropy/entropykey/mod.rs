//! Simtec Entropy Key (UDEKEY01): a stick whose every frame is authenticated and whose entropy is encrypted.
//!
//! Two reverse-biased P-N junctions ("quantum effect generators" in the vendor's words, which nothing published lets one
//! check) are sampled, debiased and tested by FIPS 140-2 inside the device. It tells its temperature, its supply and the
//! state of its generators. Its entropy can be decrypted only with the long-term key of the unit, which its owner sets
//! with the printed master key; the keys are kept in a keyring of the vendor's own form. No device has been at hand:
//! driven here as an emulator.

pub mod emulator;
mod keys;
pub mod protocol;
mod skein;
mod source;
mod wire;

use std::path::PathBuf;

use qhal::{Address, Descriptor, Driver, Kind, OpenDevice, QuantumOrigin, Result};

pub use keys::{Key, Keyring};
pub use source::EntropyKeySource;

use self::protocol::Serial;
use self::wire::Wire;
use crate::catalogue::UsbId;
use crate::family::{Family, Place, Told};
use crate::transport::ports::{System, UsbDevice};

/// The name of the driver.
pub const NAME: &str = "entropykey";

const FAMILY: Family = Family {
    driver: NAME,
    device: "an Entropy Key",
    kind: Kind::Entropy,
    origin: QuantumOrigin::Claimed,
    model_of,
    // The USB serial string is the base-64 form of the serial number.
    usb_serial_is_told: true,
    baud: 115_200,
};

const ID: UsbId = UsbId::new("Entropy Key", 0x20DF, 0x0001);

/// What the driver claims.
pub(crate) fn usb_ids() -> Vec<UsbId> {
    vec![ID]
}

fn model_of(usb: &UsbDevice) -> Option<&'static str> {
    ((usb.vendor, usb.product) == (ID.vendor, ID.product)).then_some(ID.name)
}

/// How a device is to be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The keyring with the long-term keys; without it a device tells how it is, and gives no entropy.
    pub keyring: Option<PathBuf>,
}

/// Finds and opens Entropy Keys.
#[derive(Clone, Debug, Default)]
pub struct EntropyKey {
    options: Options,
    system: System,
}

impl EntropyKey {
    /// A driver without a keyring.
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

    /// Like [`Driver::open`], for those who set long-term keys as well.
    ///
    /// # Errors
    /// Those of [`Driver::open`], and of [`Keyring::read`].
    pub fn open_device(&self, descriptor: &Descriptor) -> Result<EntropyKeySource> {
        let (place, wire) = self.meet(&descriptor.address)?;
        let found = describe(&place, wire.serial());
        FAMILY.check(descriptor, &found)?;
        let keyring = self.options.keyring.as_deref().map(Keyring::read).transpose()?.unwrap_or_default();
        let long_term = keyring.key_of(wire.serial()).cloned();
        EntropyKeySource::over(wire, found, long_term)
    }

    fn meet(&self, address: &Address) -> Result<(Place, Wire)> {
        let place = FAMILY.place(&self.system, address)?;
        let met = Wire::meet(FAMILY.open(&place)?);
        let wire = met.map_err(|error| error.context(format!("no Entropy Key at {address}")))?;
        Ok((place, wire))
    }
}

/// What the device at `place` is.
fn describe(place: &Place, serial: Serial) -> Descriptor {
    let serial = serial.to_string();
    FAMILY.describe(place, Told { model: Some(ID.name), serial: Some(&serial), origin: None })
}

impl Driver for EntropyKey {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        FAMILY.probe(&self.system)
    }

    /// Resets whoever is there; an Entropy Key answers with its serial number and proves it.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (place, wire) = self.meet(address)?;
        Ok(describe(&place, wire.serial()))
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
