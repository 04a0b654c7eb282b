//! ubld.it TrueRNG v1 to v3 and TrueRNGpro V1 and V2: USB sticks that stream avalanche noise over a serial port.
//!
//! They take no commands and say nothing of themselves. A TrueRNGpro is switched by a knock of baud rates, and
//! tells its supply voltage in one of its modes. Their noise is thermal and avalanche noise, so none is quantum.

pub mod emulator;
pub mod model;
pub mod protocol;
mod source;

use std::time::Duration;

use qhal::{
    Access, Address, Descriptor, DeviceId, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance,
    QuantumOrigin, Result,
};

pub use model::{Mode, Model};
pub use source::TrueRngSource;

use crate::transport::ports::{self, Backing, System, UsbDevice};
use crate::transport::serial::SerialTransport;
use crate::transport::{LineSettings, Transport};

const NAME: &str = "truerng";

/// Finds and opens TrueRNGs; in [`Mode::Normal`] unless told otherwise.
#[derive(Clone, Debug)]
pub struct TrueRng {
    mode: Mode,
    system: System,
}

impl Default for TrueRng {
    fn default() -> Self {
        Self { mode: Mode::Normal, system: System::default() }
    }
}

impl TrueRng {
    /// A driver that opens devices in [`Mode::Normal`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens devices in `mode` from now on; [`open`](Driver::open) fails with `Unsupported` where a device does not
    /// have it or it gives no bytes.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Looks for devices on another `system`.
    #[must_use]
    pub fn on(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    /// Describes the device behind `path` if the system's list says that it is one of ours.
    fn of_usb(path: &str, usb: &UsbDevice) -> Option<(Model, Descriptor)> {
        let model = Model::of_usb(usb.vendor, usb.product, usb.product_name.as_deref())?;
        let unit = match (&usb.serial, usb.path.as_str()) {
            (Some(serial), _) => serial.clone(),
            // Two without a serial number are told apart by where they are plugged in.
            (None, "") => unit_of_path(path),
            (None, place) => format!("usb-{place}"),
        };
        let (provenance, evidence) = Backing::Usb(usb.clone()).provenance();
        Some((
            model,
            Descriptor { provenance, evidence, serial: usb.serial.clone(), ..describe(model, unit, path) },
        ))
    }
}

/// A descriptor of which nothing is known but that `model` is at `path`.
fn describe(model: Model, unit: String, path: &str) -> Descriptor {
    Descriptor {
        id: DeviceId::new(NAME, unit),
        kind: Kind::Entropy,
        provenance: Provenance::Unverified,
        evidence: String::new(),
        origin: QuantumOrigin::NotQuantum,
        address: Address::Serial { path: path.to_owned() },
        model: model.to_string(),
        serial: None,
        access: Access::Ready,
    }
}

/// `/dev/pts/3` as a unit: `pts/3`.
fn unit_of_path(path: &str) -> String {
    path.strip_prefix("/dev/").unwrap_or(path).to_owned()
}

fn model_called(name: &str) -> Option<Model> {
    Model::ALL.into_iter().find(|model| model.as_str() == name)
}

fn path_of(address: &Address) -> Result<&str> {
    match address {
        Address::Serial { path } => Ok(path),
        other => {
            let message = format!("a TrueRNG is reached through a serial port, not at {other}");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

fn open_port(path: &str) -> Result<SerialTransport> {
    SerialTransport::open(path, LineSettings { baud: model::READING_BAUD, dtr: true })
}

/// Finds out which design streams on `wire`, by trying the knock that only a pro hears and only a pro
/// answers with text; leaves it in [`Mode::Normal`].
fn which_model(wire: &mut dyn Transport) -> Result<Model> {
    let mut bytes = [0; 64];
    wire.read_exact(&mut bytes, Duration::from_secs(1)).map_err(|error| match error.kind() {
        ErrorKind::TimedOut => {
            Error::new(ErrorKind::TimedOut, "a TrueRNG streams unasked, and nothing came").because(error)
        }
        _ => error,
    })?;
    source::knock_without_settling(wire, Mode::SupplyVoltage)?;
    let supply = source::read_supply(wire, model::SETTLE + Duration::from_millis(500));
    source::knock_without_settling(wire, Mode::Normal)?;
    wire.pause(model::LAST_RATE_HOLD);
    match supply {
        // The pros run on different supplies: V1 on 9 V, V2 on 16 V; 12 V lies between their limits.
        Ok(millivolts) if millivolts < 12_000 => Ok(Model::ProV1),
        Ok(_) => Ok(Model::ProV2),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Protocol) => Ok(Model::TrueRng),
        Err(error) => Err(error),
    }
}

impl Driver for TrueRng {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        let ports = self.system.ports()?;
        let found = ports.iter().filter_map(|port| Self::of_usb(&port.path, port.usb()?));
        // Only a port of ours is looked at more closely, which takes time.
        Ok(found
            .map(|(_, found)| Descriptor { access: ports::access_of(&found_path(&found)), ..found })
            .collect())
    }

    /// A USB device must be one of ours by its ids. At a port of which the system knows nothing (a pseudo-terminal), it is
    /// enough that bytes come unasked, since there is no command that would tell more: that is believed because
    /// the user named this driver, and stays `Unverified`. Finding out which design it is takes about three seconds.
    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let path = path_of(address)?;
        match self.system.backing_of(path) {
            Some(Backing::Usb(usb)) => {
                let (_, found) = Self::of_usb(path, &usb).ok_or_else(|| another(path, &Backing::Usb(usb)))?;
                return Ok(Descriptor { access: ports::access_of(path), ..found });
            }
            Some(backing @ Backing::Pci { .. }) => return Err(another(path, &backing)),
            Some(Backing::PseudoTerminal | Backing::Uart) | None => {}
        }
        let mut port = open_port(path)?;
        let model = which_model(&mut port).map_err(|error| error.context(format!("no TrueRNG at {path}")))?;
        let (provenance, evidence) = self.system.provenance_of(path);
        Ok(Descriptor { provenance, evidence, ..describe(model, unit_of_path(path), path) })
    }

    /// Only by its USB ids: on any other port whatever streams looks like a TrueRNG.
    fn recognises(&self, address: &Address) -> bool {
        let Ok(path) = path_of(address) else { return false };
        matches!(self.system.backing_of(path), Some(Backing::Usb(usb)) if Self::of_usb(path, &usb).is_some())
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let opened = || {
            let path = path_of(&descriptor.address)?;
            let model = model_called(&descriptor.model).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("'{}' is no model of this driver", descriptor.model),
                )
            })?;
            // The stick may have been swapped for another since it was listed.
            let unit = match self.system.backing_of(path) {
                Some(Backing::Usb(usb)) => {
                    Self::of_usb(path, &usb).map(|(_, found)| found.id.unit().to_owned())
                }
                _ => Some(unit_of_path(path)),
            };
            if unit.as_deref() != Some(descriptor.id.unit()) {
                return Err(Error::new(ErrorKind::NotFound, format!("it is not at {path} (any more)")));
            }
            let port = open_port(path)?;
            TrueRngSource::over(Box::new(port), descriptor.clone(), model, self.mode)
        };
        let source = opened().map_err(|error: Error| error.on(&descriptor.id))?;
        Ok(OpenDevice::Entropy(Box::new(source)))
    }
}

/// The system names a device at `path`, and it is none of ours.
fn another(path: &str, backing: &Backing) -> Error {
    Error::new(ErrorKind::Protocol, format!("{path} is no TrueRNG: it is {}", backing.provenance().1))
}

fn found_path(found: &Descriptor) -> String {
    match &found.address {
        Address::Serial { path } => path.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
