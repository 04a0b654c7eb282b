//! TectroLabs SwiftRNG, all models on a serial port: Zener avalanche noise, asked for block by block.
//!
//! Every answer ends with a status byte, the device tells its model, firmware and serial number, and both noise sources
//! can be read before any correction. The oldest firmware (USB 1fc9:8110) has no serial port and is not reached here. What
//! the vendor's software does not show is marked *unconfirmed*. No device has been at hand: driven here as an emulator.

pub mod emulator;
pub mod protocol;
mod source;

use std::str::FromStr;

use qhal::{Address, Descriptor, Driver, Error, ErrorKind, Kind, OpenDevice, QuantumOrigin, Result};

pub use source::SwiftRngSource;

use self::source::{Info, Wire};
use crate::catalogue::UsbId;
use crate::family::{Family, Place, Told};
use crate::transport::ports::{System, UsbDevice};

/// The name of the driver.
pub const NAME: &str = "swiftrng";

const FAMILY: Family = Family {
    driver: NAME,
    device: "a SwiftRNG",
    kind: Kind::Entropy,
    origin: QuantumOrigin::NotQuantum,
    model_of,
    usb_serial_is_told: false,
    baud: 115_200,
};

const IDS: [UsbId; 5] = [
    UsbId::new("SwiftRNG", 0x1FC9, 0x8111),
    UsbId::new("SwiftRNG", 0x3975, 0x0001),
    UsbId::new("SwiftRNG", 0x3975, 0x0002),
    UsbId::new("SwiftRNG", 0x3975, 0x0003),
    UsbId::new("SwiftRNG", 0x3975, 0x0004),
];

/// What the driver claims.
pub(crate) fn usb_ids() -> Vec<UsbId> {
    IDS.to_vec()
}

/// The ids of 1fc9:8111 are those of the chip's maker, and the vendor's AlphaRNG has them too: there the product string has
/// to say SwiftRNG.
fn model_of(usb: &UsbDevice) -> Option<&'static str> {
    let id = IDS.iter().find(|id| (id.vendor, id.product) == (usb.vendor, usb.product))?;
    let name = usb.product_name.as_deref().map(str::to_ascii_lowercase);
    let named = name.as_deref().is_some_and(|name| name.contains("swiftrng"));
    (named || name.is_none() && id.vendor == 0x3975).then_some(id.name)
}

/// Which bytes a device is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// What the device makes of both sources.
    #[default]
    Random,
    /// The first noise source, as it is.
    Noise1,
    /// The second noise source, as it is.
    Noise2,
}

impl Output {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Random, Self::Noise1, Self::Noise2];

    /// Its name in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Noise1 => "noise1",
            Self::Noise2 => "noise2",
        }
    }
}

impl FromStr for Output {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|output| output.as_str() == text).ok_or_else(|| {
            let message = format!("'{text}' is no output of a SwiftRNG: use random, noise1 or noise2");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// How a device is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which bytes it is asked for.
    pub output: Output,
    /// The power profile to set, 0 to 9; `None` leaves it as it is.
    pub power: Option<u8>,
}

/// Finds and opens SwiftRNGs.
#[derive(Clone, Debug, Default)]
pub struct SwiftRng {
    options: Options,
    system: System,
}

impl SwiftRng {
    /// A driver that asks for random output.
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

    fn meet(&self, address: &Address) -> Result<(Place, Wire, Info)> {
        let place = FAMILY.place(&self.system, address)?;
        let mut wire = Wire::new(FAMILY.open(&place)?);
        let info = wire.info().map_err(|error| error.context(format!("no SwiftRNG at {address}")))?;
        Ok((place, wire, info))
    }
}

/// What the device at `place` is.
fn describe(place: &Place, info: &Info) -> Descriptor {
    // The vendor claims quantum tunnelling for its model Z; that its model text says Z is unconfirmed.
    let model_z = info.model.split([' ', '-', '_']).any(|word| word.eq_ignore_ascii_case("z"));
    let told = Told {
        model: Some(&info.model),
        serial: Some(&info.serial),
        origin: model_z.then_some(QuantumOrigin::Claimed),
    };
    FAMILY.describe(place, told)
}

impl Driver for SwiftRng {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        FAMILY.probe(&self.system)
    }

    /// Asks for version, model and serial number.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (place, _, info) = self.meet(address)?;
        Ok(describe(&place, &info))
    }

    fn recognises(&self, address: &Address) -> bool {
        FAMILY.may_be_at(&self.system, address)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let opened = || {
            let (place, wire, info) = self.meet(&descriptor.address)?;
            let found = describe(&place, &info);
            FAMILY.check(descriptor, &found)?;
            SwiftRngSource::over(wire, found, info, self.options)
        };
        let source = opened().map_err(|error| error.on(&descriptor.id))?;
        Ok(OpenDevice::Entropy(Box::new(source)))
    }
}

#[cfg(test)]
mod tests;
