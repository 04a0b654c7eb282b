//! Devices on serial ports that the system's list names by USB ids: finding them, and the checks around opening one.

use qhal::{
    Access, Address, Descriptor, DeviceId, Error, ErrorKind, Kind, Provenance, QuantumOrigin, Result,
};

use crate::transport::ports::{self, Backing, System, UsbDevice};
use crate::transport::serial::SerialTransport;
use crate::transport::{LineSettings, Transport};

/// One family of devices, as far as the system's list and a port's address go.
pub(crate) struct Family {
    /// The driver's name.
    pub(crate) driver: &'static str,
    /// One of them in a sentence: `a SwiftRNG`.
    pub(crate) device: &'static str,
    /// What they can be opened as.
    pub(crate) kind: Kind,
    /// Whether the physics is quantum, where the model does not say otherwise.
    pub(crate) origin: QuantumOrigin,
    /// The model, if what the system lists is one of them.
    pub(crate) model_of: fn(&UsbDevice) -> Option<&'static str>,
    /// Whether the USB serial number is the one that the device tells on its wire too.
    pub(crate) usb_serial_is_told: bool,
    /// The baud rate; USB devices ignore it.
    pub(crate) baud: u32,
}

/// A port, and what is known of it before anybody is asked.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: String,
    provenance: Provenance,
    evidence: String,
    usb: Option<UsbDevice>,
}

impl Place {
    /// An emulator inside the process.
    #[cfg(test)]
    pub(crate) fn simulated() -> Self {
        Self {
            path: "/dev/emulated".to_owned(),
            provenance: Provenance::Simulated,
            evidence: "emulated device".to_owned(),
            usb: None,
        }
    }
}

/// What a device says of itself once it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    pub(crate) model: Option<&'a str>,
    pub(crate) serial: Option<&'a str>,
    pub(crate) origin: Option<QuantumOrigin>,
}

impl Family {
    /// The devices that the system lists; opens nothing.
    pub(crate) fn probe(&self, system: &System) -> Result<Vec<Descriptor>> {
        let ours = system.ports()?.into_iter().filter_map(|port| {
            let usb = port.usb().filter(|usb| (self.model_of)(usb).is_some())?.clone();
            let place = place(port.path, Some(port.backing));
            let serial = usb.serial.as_deref().filter(|_| self.usb_serial_is_told);
            let found = self.describe(&place, Told { serial, ..Told::default() });
            // Only a port of ours is looked at more closely, which takes time.
            Some(Descriptor { access: ports::access_of(&place.path), ..found })
        });
        Ok(ours.collect())
    }

    /// Whether one of these may be at `address`: on a serial port of which the system does not say otherwise.
    pub(crate) fn may_be_at(&self, system: &System, address: &Address) -> bool {
        self.place(system, address).is_ok()
    }

    /// What is known of `address`.
    ///
    /// # Errors
    /// `Unsupported` for what is no serial port, `Protocol` for a port of which the system says that it is something else.
    pub(crate) fn place(&self, system: &System, address: &Address) -> Result<Place> {
        let Address::Serial { path } = address else {
            let message = format!("{} is reached through a serial port, not at {address}", self.device);
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let backing = system.backing_of(path);
        let another = match &backing {
            Some(Backing::Usb(usb)) => (self.model_of)(usb).is_none(),
            Some(Backing::Pci { .. }) => true,
            Some(Backing::PseudoTerminal | Backing::Uart) | None => false,
        };
        if let (true, Some(backing)) = (another, &backing) {
            let message = format!("{path} is not {}: it is {}", self.device, backing.provenance().1);
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        Ok(place(path.clone(), backing))
    }

    /// Opens the port at `place`.
    ///
    /// # Errors
    /// Those of [`SerialTransport::open`].
    pub(crate) fn open(&self, place: &Place) -> Result<Box<dyn Transport>> {
        Ok(Box::new(SerialTransport::open(&place.path, LineSettings { baud: self.baud, dtr: true })?))
    }

    /// Describes the device at `place`, with what it told.
    pub(crate) fn describe(&self, place: &Place, told: Told<'_>) -> Descriptor {
        let listed = place.usb.as_ref();
        let unit = match listed {
            // A serial number of zeros is one that the maker did not give.
            Some(usb) => match usb.serial.as_deref().filter(|serial| serial.bytes().any(|byte| byte != b'0'))
            {
                Some(serial) => serial.to_owned(),
                None => format!("usb-{}", usb.path),
            },
            None => match told.serial {
                Some(serial) => serial.to_owned(),
                None => place.path.strip_prefix("/dev/").unwrap_or(&place.path).to_owned(),
            },
        };
        let model = told.model.or_else(|| (self.model_of)(listed?));
        Descriptor {
            id: DeviceId::new(self.driver, unit),
            kind: self.kind,
            provenance: place.provenance,
            evidence: place.evidence.clone(),
            origin: told.origin.unwrap_or(self.origin),
            address: Address::Serial { path: place.path.clone() },
            model: model.unwrap_or(self.device.trim_start_matches("a ").trim_start_matches("an ")).to_owned(),
            serial: told.serial.map(str::to_owned),
            access: Access::Ready,
        }
    }

    /// Whether the device that was `found` is the one that was described before.
    ///
    /// # Errors
    /// `NotFound` when it is another one.
    pub(crate) fn check(&self, described: &Descriptor, found: &Descriptor) -> Result<()> {
        let same_serial = described.serial.is_none() || described.serial == found.serial;
        if found.id == described.id && same_serial {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("{} is not at {} any more: {} answers there", described.id, described.address, found.id),
        ))
    }
}

fn place(path: String, backing: Option<Backing>) -> Place {
    let (provenance, evidence) = match &backing {
        Some(backing) => backing.provenance(),
        None => (Provenance::Unverified, "the system does not know this port".to_owned()),
    };
    let usb = match backing {
        Some(Backing::Usb(usb)) => Some(usb),
        _ => None,
    };
    Place { path, provenance, evidence, usb }
}
