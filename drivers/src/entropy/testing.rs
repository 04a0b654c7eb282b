//! What the tests of several drivers share: reading to the end, and a made-up list of USB devices.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use qhal::{EntropySource, Result};

/// Reads until there are `count` bytes.
pub(crate) fn fill(source: &mut dyn EntropySource, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|rest| !rest.is_empty()) {
        got += source.read(rest)?;
    }
    Ok(bytes)
}

/// Puts a USB device with a serial port into a made-up sysfs, as Linux lays it out.
pub(crate) fn plug_in(root: &Path, place: &str, port: &str, ids: (u16, u16), strings: &[(&str, &str)]) {
    let usb = root.join("sys/devices/pci0000:00/0000:00:14.0/usb1").join(place);
    let interface = usb.join(format!("{place}:1.0"));
    let tty = interface.join("tty").join(port);
    fs::create_dir_all(&tty).unwrap();
    fs::write(usb.join("idVendor"), format!("{:04x}\n", ids.0)).unwrap();
    fs::write(usb.join("idProduct"), format!("{:04x}\n", ids.1)).unwrap();
    for (name, value) in strings {
        fs::write(usb.join(name), format!("{value}\n")).unwrap();
    }
    symlink(&interface, tty.join("device")).unwrap();
    let class = root.join("sys/class/tty");
    fs::create_dir_all(&class).unwrap();
    symlink(&tty, class.join(port)).unwrap();
    fs::create_dir_all(root.join("dev")).unwrap();
    fs::write(root.join("dev").join(port), "").unwrap();
}
