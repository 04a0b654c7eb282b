//! From an address to a wire: which USB device is meant, and what stands behind it.

use std::time::Duration;

use qhal::{Address, Error, ErrorKind, Provenance, Result};

use super::UsbTransport;
use super::listing::{Listed, unit_of};
use super::native::NativeUsb;
use super::usbip::UsbIpTransport;
use crate::transport::ports::System;

/// How long a connection to another machine may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// A device that was opened, and what is known of where it is.
pub struct Connection {
    /// The wire.
    pub wire: Box<dyn UsbTransport>,
    /// Where numbers from there come from.
    pub provenance: Provenance,
    /// Why, in a few words.
    pub evidence: String,
}

/// Opens the device at `address` with these `interfaces`: `usb:VVVV:PPPP[/UNIT]` is one of this machine,
/// `usbip:HOST:PORT[/BUSID]` one that another machine (or an emulator) exports.
///
/// # Errors
/// `Unsupported` for another kind of address; `NotFound`; `InvalidInput` when it fits several devices; those of
/// [`NativeUsb::open`] and [`UsbIpTransport::connect`].
pub fn connect(system: &System, address: &Address, interfaces: &[u8]) -> Result<Connection> {
    match address {
        Address::Usb { .. } => {
            let listed = find(system, address)?;
            let (provenance, evidence) = listed.provenance();
            let wire = Box::new(NativeUsb::open(&listed, interfaces)?);
            Ok(Connection { wire, provenance, evidence })
        }
        Address::UsbIp { host, port, bus_id } => {
            let wire = UsbIpTransport::connect(host, *port, bus_id.as_deref(), CONNECT)?;
            let evidence =
                if wire.is_loopback() { "USB/IP over loopback" } else { "USB/IP, unauthenticated" }
                    .to_owned();
            Ok(Connection { wire: Box::new(wire), provenance: Provenance::Unverified, evidence })
        }
        other => {
            let message = format!("it is reached as usb:VVVV:PPPP/UNIT or usbip:HOST:PORT, not at {other}");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// The listed device that a `usb:` address means: by its ids, and by serial number or place where one is given.
///
/// # Errors
/// `Unsupported` for another kind of address, `NotFound`, `InvalidInput` when it fits several.
pub fn find(system: &System, address: &Address) -> Result<Listed> {
    let Address::Usb { vendor, product, unit } = address else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{address} is no USB device of this machine"),
        ));
    };
    let mut fitting: Vec<Listed> = system
        .usb_devices()?
        .into_iter()
        .filter(|listed| (listed.device.vendor, listed.device.product) == (*vendor, *product))
        .filter(|listed| unit.as_ref().is_none_or(|unit| is_called(listed, unit)))
        .collect();
    match (fitting.pop(), fitting.len()) {
        (Some(listed), 0) => Ok(listed),
        (None, _) => Err(Error::new(
            ErrorKind::NotFound,
            format!("no device is plugged in at {address}; 'qhal devices' lists those there are"),
        )),
        (Some(last), _) => {
            fitting.push(last);
            let list: Vec<String> = fitting.iter().map(|listed| address_of(listed).to_string()).collect();
            let message = format!("{address} fits several devices: use one of {}", list.join(", "));
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// Whether `unit` is the serial number of a device or the place where it is plugged in, `1-1.2` or `usb-1-1.2`.
fn is_called(listed: &Listed, unit: &str) -> bool {
    let Listed { device, .. } = listed;
    device.serial.as_deref() == Some(unit) || unit.strip_prefix("usb-").unwrap_or(unit) == device.path
}

/// The address under which a listed device is found again.
pub fn address_of(listed: &Listed) -> Address {
    let Listed { device, .. } = listed;
    Address::Usb { vendor: device.vendor, product: device.product, unit: Some(unit_of(device)) }
}

#[cfg(test)]
mod tests {
    use super::super::listing::tests::plug_in;
    use super::*;

    #[test]
    fn an_address_means_one_device() {
        let root = tempfile::tempdir().unwrap();
        let system = System::under(root.path());
        plug_in(root.path(), "1-1", 3, (0x12D8, 1), &[("serial", "A1")]);
        plug_in(root.path(), "1-2", 4, (0x12D8, 1), &[]);
        let find = |text: &str| find(&system, &text.parse().unwrap());
        assert_eq!(find("usb:12d8:0001/A1").unwrap().number, 3);
        assert_eq!(find("usb:12d8:0001/1-1").unwrap().number, 3);
        assert_eq!(find("usb:12d8:0001/usb-1-2").unwrap().number, 4);
        assert_eq!(address_of(&find("usb:12d8:0001/1-2").unwrap()).to_string(), "usb:12d8:0001/usb-1-2");
        assert_eq!(find("usb:12d8:0001").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(find("usb:12d8:0001/B").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find("usb:12d8:0002").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find("file:/x").unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
