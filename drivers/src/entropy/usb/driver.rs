//! Finds generators of one kind on USB by what they say of themselves, and opens them.

use qhal::{
    Access, Address, Descriptor, DeviceId, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance,
    QuantumOrigin, Result,
};

use super::{UsbKind, UsbSource};
use crate::transport::ports::{System, UsbDevice};
use crate::transport::usb::connect::{self, Connection, connect};
use crate::transport::usb::{UsbId, UsbTransport};

/// The driver of one kind of generator.
///
/// Devices of this machine are recognised by ids and strings from the system's list, which speaks to none of them. A device
/// that another machine exports is asked for its descriptors.
#[derive(Clone, Debug)]
pub struct UsbDriver<K> {
    kind: K,
    system: System,
}

impl<K: UsbKind> UsbDriver<K> {
    /// A driver that opens devices as `kind` says.
    pub fn new(kind: K) -> Self {
        Self { kind, system: System::default() }
    }

    /// Looks for devices on another `system`.
    #[must_use]
    pub fn on(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    /// Opens the device on `wire`, whatever is behind it.
    ///
    /// # Errors
    /// `Protocol` when it is none of this kind, those of [`UsbKind::start`].
    pub fn over(&self, mut wire: Box<dyn UsbTransport>, place: Place) -> Result<UsbSource<K::Generator>> {
        let (id, descriptor) =
            describe::<K>(wire.device(), place).ok_or_else(|| another::<K>(wire.device()))?;
        let started = self.kind.start(wire.as_mut(), &id);
        UsbSource::new(wire, started.map_err(|error| error.on(&descriptor.id))?, descriptor)
    }
}

/// Where a device is, and what is known of that place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address; `None` for one that is listed under its ids.
    pub address: Option<Address>,
    /// Where numbers from there come from.
    pub provenance: Provenance,
    /// Why, in a few words.
    pub evidence: String,
}

impl Place {
    /// An emulator inside the process.
    pub fn simulated(name: &str) -> Self {
        Self {
            address: Some(Address::Simulated { model: name.to_owned() }),
            provenance: Provenance::Simulated,
            evidence: "emulated device".to_owned(),
        }
    }
}

/// The ids and the descriptor of a device of this kind; `None` for one of another.
fn describe<K: UsbKind>(usb: &UsbDevice, place: Place) -> Option<(UsbId, Descriptor)> {
    let id = *K::IDS.iter().find(|id| id.matches(usb))?;
    let serial = K::serial(usb);
    // Two without a serial number are told apart by where they are plugged in.
    let unit = serial.map_or_else(|| format!("usb-{}", usb.path), str::to_owned);
    let address = Address::Usb { vendor: usb.vendor, product: usb.product, unit: Some(unit.clone()) };
    let descriptor = Descriptor {
        id: DeviceId::new(K::NAME, unit),
        kind: Kind::Entropy,
        provenance: place.provenance,
        evidence: place.evidence,
        origin: origin(K::ORIGIN, place.provenance),
        address: place.address.unwrap_or(address),
        model: id.name.to_owned(),
        serial: serial.map(str::to_owned),
        access: Access::Ready,
    };
    Some((id, descriptor))
}

/// A device's physics may be quantum; whether what answers is such a device is known of hardware alone.
fn origin(of_device: QuantumOrigin, provenance: Provenance) -> QuantumOrigin {
    match (of_device, provenance) {
        (QuantumOrigin::Quantum | QuantumOrigin::Claimed, Provenance::Simulated) => QuantumOrigin::Model,
        (QuantumOrigin::Quantum, Provenance::Unverified) => QuantumOrigin::Claimed,
        (origin, _) => origin,
    }
}

/// Something else is there.
fn another<K: UsbKind>(usb: &UsbDevice) -> Error {
    let words = [&usb.manufacturer, &usb.product_name, &usb.serial];
    let words: Vec<&str> = words.into_iter().filter_map(|text| text.as_deref()).collect();
    let (vendor, product, words) = (usb.vendor, usb.product, words.join(" "));
    let message = format!("it is not {}: it is USB {vendor:04x}:{product:04x} \"{words}\"", K::DEVICE);
    Error::new(ErrorKind::Protocol, message)
}

impl<K: UsbKind> Driver for UsbDriver<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        let listed = self.system.usb_devices()?;
        let found = listed.into_iter().filter_map(|listed| {
            let (provenance, evidence) = listed.provenance();
            let place = Place { address: None, provenance, evidence };
            let (_, descriptor) = describe::<K>(&listed.device, place)?;
            // Only a device of ours is looked at more closely, which takes time.
            Some(Descriptor { access: listed.access(), ..descriptor })
        });
        Ok(found.collect())
    }

    /// A device of this machine need not be opened for this; one on another machine is asked for its descriptors.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let no_such = |error: Error| error.context(format!("no {} at {address}", K::NAME));
        if let Address::Usb { .. } = address {
            let listed = connect::find(&self.system, address)?;
            let (provenance, evidence) = listed.provenance();
            let place = Place { address: None, provenance, evidence };
            let (_, descriptor) =
                describe::<K>(&listed.device, place).ok_or_else(|| no_such(another::<K>(&listed.device)))?;
            return Ok(Descriptor { access: listed.access(), ..descriptor });
        }
        let Connection { wire, provenance, evidence } = connect(&self.system, address, K::INTERFACES)?;
        let place = Place { address: Some(address.clone()), provenance, evidence };
        let described = describe::<K>(wire.device(), place);
        described.map(|(_, descriptor)| descriptor).ok_or_else(|| no_such(another::<K>(wire.device())))
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let opened = || {
            let address = &descriptor.address;
            let Connection { wire, provenance, evidence } = connect(&self.system, address, K::INTERFACES)?;
            let place = Place { address: Some(address.clone()), provenance, evidence };
            // The device may have been swapped for another since it was listed.
            match describe::<K>(wire.device(), place.clone()) {
                Some((_, found)) if found.id != descriptor.id => {
                    let message = format!("it is not at {address} any more: {} is there", found.id);
                    Err(Error::new(ErrorKind::NotFound, message))
                }
                _ => self.over(wire, place),
            }
        };
        let source = opened().map_err(|error: Error| error.on(&descriptor.id))?;
        Ok(OpenDevice::Entropy(Box::new(source)))
    }

    /// By its ids and strings, where the system lists it; an exported device tells them when it is asked.
    fn recognises(&self, address: &Address) -> bool {
        match address {
            Address::Usb { .. } => connect::find(&self.system, address)
                .is_ok_and(|listed| K::IDS.iter().any(|id| id.matches(&listed.device))),
            Address::UsbIp { .. } => true,
            _ => false,
        }
    }
}
