//! Crypta Labs QCicada: a photonic generator on a serial line or on TCP and UDP; Firefly and Dragonfly speak alike.
//!
//! Its noise is the shot noise of an LED's light on a photodiode. It tests itself by SP 800-90B, gives conditioned or
//! raw output, and signs reads with a key that its maker certified. It has been driven here only as an emulator:
//! what the sources left open is marked *unconfirmed* in [`protocol`] and [`emulator`].

mod device;
pub mod emulator;
mod network;
pub mod protocol;
pub mod signature;
mod source;
mod watch;
mod wire;

use std::time::Duration;

use qhal::{
    Access, Address, Descriptor, DeviceId, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance,
    QuantumOrigin, Result,
};

pub use device::{QCicada, SignedRead};
pub use network::Datagrams;
pub use wire::Limits;

use self::protocol::{BAUD, Info, PostProcess};
use self::signature::PublicKey;
use crate::transport::ports::{self, Port, System};
use crate::transport::serial::SerialTransport;
use crate::transport::tcp::TcpTransport;
use crate::transport::{LineSettings, Transport};

/// The name of the driver.
pub const NAME: &str = "qcicada";

/// How long a connection over the network may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// How reads get their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// By requests of as much as the device has ready. The store fills meanwhile, so this reaches the device's rate.
    #[default]
    OneShot,
    /// By stretches of a stream, stopped and checked every 64 KiB at the latest. For large reads.
    Continuous,
}

/// How a device is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What the device is to send; `None` leaves it as it is set. At the end it is set back.
    pub post_process: Option<PostProcess>,
    /// How reads get their bytes.
    pub read: ReadMode,
    /// Accept only bytes that the device signed with a key which this authority certified. The signature is checked
    /// over every read; the maker's key is not public, so the user supplies it.
    pub signed_by: Option<PublicKey>,
    /// How long to wait for what.
    pub limits: Limits,
}

impl Options {
    fn check(&self) -> Result<()> {
        if self.signed_by.is_some() && self.read == ReadMode::Continuous {
            return Err(Error::new(ErrorKind::InvalidInput, "a QCicada signs one-shot reads, not streams"));
        }
        Ok(())
    }
}

/// Where a device is, and what is known of that place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub address: Address,
    /// Where numbers from there come from.
    pub provenance: Provenance,
    /// Why, in a few words.
    pub evidence: String,
    /// The unit's name where the system lists it under one; otherwise the device's own serial number.
    pub unit: Option<String>,
}

impl Place {
    /// An emulator inside the process.
    pub fn simulated() -> Self {
        Self {
            address: Address::Simulated { model: NAME.to_owned() },
            provenance: Provenance::Simulated,
            evidence: "emulated device".to_owned(),
            unit: None,
        }
    }

    /// The device that says `info` of itself.
    fn describe(&self, info: &Info) -> Descriptor {
        let text = |label: &str| Some(label.trim().to_owned()).filter(|text| !text.is_empty());
        let serial = text(info.serial.as_str());
        let unit = self.unit.clone().or_else(|| serial.clone()).unwrap_or_else(|| self.address.to_string());
        Descriptor {
            id: DeviceId::new(NAME, unit),
            kind: Kind::Entropy,
            provenance: self.provenance,
            evidence: self.evidence.clone(),
            origin: origin(self.provenance),
            address: self.address.clone(),
            model: text(info.hardware.as_str()).unwrap_or_else(|| "QCicada".to_owned()),
            serial,
            access: Access::Ready,
        }
    }
}

/// The device's physics is quantum; whether what answers is such a device is known of hardware alone.
fn origin(provenance: Provenance) -> QuantumOrigin {
    match provenance {
        Provenance::Hardware => QuantumOrigin::Quantum,
        Provenance::Simulated => QuantumOrigin::Model,
        _ => QuantumOrigin::Claimed,
    }
}

/// Finds and opens QCicada, Firefly and Dragonfly.
///
/// Listed are ports whose USB strings name the maker or the device, and ports called `ttyQRNG…`. A QCicada with the
/// default strings of its FTDI chip is one of thousands of things; it is found when the user names its port.
/// Network devices are found by their address, `tcp:HOST:54936`; their random bytes come by UDP to the port of
/// that same number on this machine.
#[derive(Clone, Debug, Default)]
pub struct QCicadaDriver {
    options: Options,
    system: System,
}

impl QCicadaDriver {
    /// A driver that reads devices as they are set.
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

    /// Like [`Driver::open`], with everything the device can do beyond an entropy source.
    ///
    /// # Errors
    /// Those of [`Driver::open`] and [`QCicada::over`].
    pub fn open_device(&self, descriptor: &Descriptor) -> Result<QCicada<Box<dyn Transport>>> {
        let (commands, data, place) = self.connect(&descriptor.address)?;
        let (wire, info) = device::meet(commands, data, &self.options)
            .map_err(|error| error.context(format!("no QCicada at {}", descriptor.address)))?;
        let found = place.describe(&info);
        let same_serial = descriptor.serial.is_none() || descriptor.serial == found.serial;
        if found.id != descriptor.id || !same_serial {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} is not at {} any more: {} answers there",
                    descriptor.id, descriptor.address, found.id
                ),
            ));
        }
        QCicada::prepare(wire, info, found, self.options)
    }

    fn connect(&self, address: &Address) -> Result<(Box<dyn Transport>, Option<Datagrams>, Place)> {
        let place = |provenance, evidence: String, unit| Place {
            address: address.clone(),
            provenance,
            evidence,
            unit,
        };
        match address {
            Address::Serial { path } => {
                let transport = SerialTransport::open(path, LineSettings { baud: BAUD, dtr: true })?;
                let (provenance, evidence) = ports::provenance_of(path);
                let listed = self.system.ports().unwrap_or_default();
                let unit = listed.iter().find(|port| port.path == *path && is_ours(port)).map(unit_of);
                Ok((Box::new(transport), None, place(provenance, evidence, unit)))
            }
            Address::Tcp { host, port } => {
                let transport = TcpTransport::connect(host, *port, CONNECT)?;
                let data = Datagrams::bind(transport.peer(), *port)?;
                let evidence = if transport.peer().ip().is_loopback() {
                    "loopback socket"
                } else {
                    "unauthenticated socket"
                };
                Ok((
                    Box::new(transport),
                    Some(data),
                    place(Provenance::Unverified, evidence.to_owned(), None),
                ))
            }
            other => Err(Error::new(
                ErrorKind::Unsupported,
                format!("a QCicada is reached as serial:PORT or tcp:HOST:PORT, not as {other}"),
            )),
        }
    }
}

/// Whether the system's own list names the port as one of these devices.
fn is_ours(port: &Port) -> bool {
    let named = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default().to_ascii_lowercase();
        text.contains("cicada") || text.contains("crypta")
    };
    let strings = port.usb().is_some_and(|usb| named(&usb.manufacturer) || named(&usb.product_name));
    strings || node_of(port).starts_with("ttyQRNG")
}

fn node_of(port: &Port) -> &str {
    port.path.rsplit('/').next().unwrap_or(&port.path)
}

/// What tells a listed port's device from others before it has been asked.
fn unit_of(port: &Port) -> String {
    match port.usb() {
        Some(usb) => usb.serial.clone().unwrap_or_else(|| format!("usb-{}", usb.path)),
        None => node_of(port).to_owned(),
    }
}

impl Driver for QCicadaDriver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        let describe = |port: Port| {
            let (provenance, evidence) = port.backing.provenance();
            let model = port.usb().and_then(|usb| usb.product_name.clone());
            Descriptor {
                id: DeviceId::new(NAME, unit_of(&port)),
                kind: Kind::Entropy,
                provenance,
                evidence,
                origin: origin(provenance),
                access: ports::access_of(&port.path),
                model: model.unwrap_or_else(|| "Crypta Labs QRNG".to_owned()),
                // The serial number of a USB chip need not be the device's own.
                serial: None,
                address: Address::Serial { path: port.path },
            }
        };
        Ok(self.system.ports()?.into_iter().filter(is_ours).map(describe).collect())
    }

    /// Speaks to whoever is there: `STOP`, and when that is over, `GET_INFO`.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let (commands, data, place) = self.connect(address)?;
        let met = device::meet(commands, data, &self.options);
        let (_, info) = met.map_err(|error| error.context(format!("no QCicada at {address}")))?;
        Ok(place.describe(&info))
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        Ok(OpenDevice::Entropy(Box::new(self.open_device(descriptor)?)))
    }
}

#[cfg(test)]
mod tests;
