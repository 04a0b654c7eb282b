//! Which USB devices the operating system lists: read from Linux's sysfs, so that nothing is asked of any device.

use std::fs;
use std::path::Path;

use qhal::{Access, Error, Provenance, Result};

use crate::transport::ports::{self, Backing, System, UsbDevice, link_name, read_text, usb_device_at};

/// One USB device of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it says of itself, and where it is plugged in.
    pub device: UsbDevice,
    /// The number of its bus.
    pub bus: u8,
    /// Its address on the bus; another one each time it is plugged in.
    pub number: u8,
    /// The node to open: `/dev/bus/usb/001/004`.
    pub node: String,
    /// Which kernel driver has which of its interfaces: `(0, "ftdi_sio")`.
    pub drivers: Vec<(u8, String)>,
}

impl Listed {
    /// What tells it from others of its kind: its serial number, or where it is plugged in (`usb-1-1.2`).
    pub fn unit(&self) -> String {
        unit_of(&self.device)
    }

    /// Whether this user could open it now.
    pub fn access(&self) -> Access {
        ports::access_of(&self.node)
    }

    /// How far it can be trusted to be a device, and why.
    pub fn provenance(&self) -> (Provenance, String) {
        Backing::Usb(self.device.clone()).provenance()
    }
}

/// A device's serial number, or `usb-` and where it is plugged in.
pub fn unit_of(device: &UsbDevice) -> String {
    match &device.serial {
        Some(serial) => serial.clone(),
        None => format!("usb-{}", device.path),
    }
}

impl System {
    /// All USB devices but hubs of the system itself, sorted by where they are plugged in.
    ///
    /// # Errors
    /// `Other` or `PermissionDenied` when the system's list cannot be read; a system without USB has an empty list.
    pub fn usb_devices(&self) -> Result<Vec<Listed>> {
        let folder = self.path("sys/bus/usb/devices");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(Error::from_io(cause, format!("cannot list {}", folder.display()))),
        };
        let mut listed: Vec<Listed> =
            entries.filter_map(|entry| self.usb_device(&entry.ok()?.path())).collect();
        listed.sort_by(|a, b| a.device.path.cmp(&b.device.path));
        Ok(listed)
    }

    fn usb_device(&self, place: &Path) -> Option<Listed> {
        let name = place.file_name()?.to_str()?;
        // `usb1` is a root hub and `1-1:1.0` an interface.
        if !name.starts_with(|letter: char| letter.is_ascii_digit()) || name.contains(':') {
            return None;
        }
        let folder = fs::canonicalize(place).ok()?;
        let decimal = |file: &str| read_text(&folder.join(file))?.parse::<u8>().ok();
        let (bus, number) = (decimal("busnum")?, decimal("devnum")?);
        let node = self.path(&format!("dev/bus/usb/{bus:03}/{number:03}")).to_str()?.to_owned();
        let mut drivers: Vec<(u8, String)> = fs::read_dir(&folder)
            .ok()?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let interface = path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix(':')?.to_owned();
                let number = interface.split_once('.')?.1.parse().ok()?;
                Some((number, link_name(&path.join("driver"))?))
            })
            .collect();
        drivers.sort();
        Some(Listed { device: usb_device_at(&folder)?, bus, number, node, drivers })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Plugs a USB device into a made-up system, as Linux lays it out.
    pub(crate) fn plug_in(root: &Path, place: &str, number: u8, ids: (u16, u16), strings: &[(&str, &str)]) {
        let folder = root.join("sys/devices/pci0000:00/0000:00:14.0/usb1").join(place);
        let interface = folder.join(format!("{place}:1.0"));
        fs::create_dir_all(&interface).unwrap();
        let mut files = vec![
            ("idVendor", format!("{:04x}", ids.0)),
            ("idProduct", format!("{:04x}", ids.1)),
            ("busnum", "1".to_owned()),
            ("devnum", number.to_string()),
        ];
        files.extend(strings.iter().map(|(name, text)| (*name, (*text).to_owned())));
        for (name, text) in files {
            fs::write(folder.join(name), format!("{text}\n")).unwrap();
        }
        let list = root.join("sys/bus/usb/devices");
        fs::create_dir_all(&list).unwrap();
        symlink(&folder, list.join(place)).unwrap();
        symlink(&interface, list.join(format!("{place}:1.0"))).unwrap();
        let nodes = root.join("dev/bus/usb/001");
        fs::create_dir_all(&nodes).unwrap();
        fs::write(nodes.join(format!("{number:03}")), "").unwrap();
    }

    /// Pulls it out again.
    pub(crate) fn pull_out(root: &Path, place: &str) {
        fs::remove_file(root.join("sys/bus/usb/devices").join(place)).unwrap();
    }

    /// Lets a kernel driver have interface 0.
    pub(crate) fn bind(root: &Path, place: &str, driver: &str) {
        let drivers = root.join("sys/bus/usb/drivers").join(driver);
        fs::create_dir_all(&drivers).unwrap();
        let interface = root
            .join("sys/devices/pci0000:00/0000:00:14.0/usb1")
            .join(place)
            .join(format!("{place}:1.0/driver"));
        symlink(&drivers, interface).unwrap();
    }

    #[test]
    fn devices_are_listed_with_their_strings_nodes_and_kernel_drivers() {
        let root = tempfile::tempdir().unwrap();
        let system = System::under(root.path());
        assert_eq!(system.usb_devices().unwrap(), []);
        plug_in(root.path(), "1-2", 9, (0x0ABA, 0x0102), &[("product", "Quantis USB"), ("serial", "A1")]);
        plug_in(root.path(), "1-1.4", 10, (0x0403, 0x6015), &[("manufacturer", "13-37.org")]);
        bind(root.path(), "1-1.4", "ftdi_sio");
        symlink(root.path().join("sys/devices"), root.path().join("sys/bus/usb/devices/usb1")).unwrap();
        let listed = system.usb_devices().unwrap();
        let [noise, quantis] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((quantis.device.vendor, quantis.device.product), (0x0ABA, 0x0102));
        assert_eq!((quantis.unit().as_str(), quantis.drivers.len()), ("A1", 0));
        assert!(quantis.node.ends_with("dev/bus/usb/001/009"));
        assert_eq!((noise.unit().as_str(), noise.drivers[0].1.as_str()), ("usb-1-1.4", "ftdi_sio"));
        assert_eq!(noise.provenance(), (Provenance::Hardware, "USB 0403:6015".to_owned()));
        assert_eq!(noise.access(), Access::Ready);
        fs::remove_file(&noise.node).unwrap();
        assert!(matches!(noise.access(), Access::Denied { .. }));
        pull_out(root.path(), "1-2");
        assert_eq!(system.usb_devices().unwrap().len(), 1);
    }
}
