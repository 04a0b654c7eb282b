//! What the system's lists say, on made-up systems laid out as Linux does, and on this one.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::transport::LineSettings;
use crate::transport::pty::PtyServer;
use crate::transport::serial::SerialTransport;

/// Puts a tty into sysfs whose device folder is `device`, with the number `number`.
fn add_tty(root: &Path, name: &str, number: &str, device: &str) -> PathBuf {
    let device = root.join("sys/devices").join(device);
    let tty = device.join("tty").join(name);
    fs::create_dir_all(&tty).unwrap();
    for folder in ["sys/class/tty", "sys/dev/char", "sys/bus/pci", "sys/bus/usb/drivers/ftdi_sio"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    symlink(&device, tty.join("device")).unwrap();
    symlink(root.join("sys/class/tty"), tty.join("subsystem")).unwrap();
    symlink(&tty, root.join("sys/class/tty").join(name)).unwrap();
    symlink(&tty, root.join("sys/dev/char").join(number)).unwrap();
    device
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), format!("{text}\n")).unwrap();
    }
}

/// A machine with an FTDI adapter behind a hub, a PCI card with a driver of its own, a PCI UART, and the board's UARTs of
/// which one has a chip.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let adapter = add_tty(at, "ttyUSB0", "188:0", "pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB0");
    symlink(at.join("sys/bus/usb/drivers/ftdi_sio"), adapter.join("driver")).unwrap();
    let usb = adapter.ancestors().nth(2).unwrap().to_owned();
    write(&usb, &[("idVendor", "0403"), ("idProduct", "6001"), ("manufacturer", "FTDI")]);
    write(&usb, &[("product", "FT232R \x1b[31mUSB UART"), ("serial", "A9\x07XYZ")]);
    for (tty, number, slot) in [("ttyQRNG0", "240:0", "0000:03:00.0"), ("ttyS4", "4:68", "0000:04:00.0")] {
        let card = add_tty(at, tty, number, &format!("pci0000:00/{slot}"));
        write(&card, &[("vendor", "0x1234"), ("device", "0xabcd")]);
        symlink(at.join("sys/bus/pci"), card.join("subsystem")).unwrap();
    }
    for (tty, number, chip) in [("ttyS0", "4:64", "4"), ("ttyS1", "4:65", "0")] {
        add_tty(at, tty, number, &format!("platform/{tty}.device"));
        write(&at.join("sys/class/tty").join(tty), &[("type", chip)]);
    }
    fs::create_dir_all(at.join("sys/devices/virtual/tty/tty0")).unwrap();
    symlink(at.join("sys/devices/virtual/tty/tty0"), at.join("sys/class/tty/tty0")).unwrap();
    root
}

#[test]
fn ports_are_listed_with_what_is_behind_them() {
    let root = machine();
    let ports = System::under(root.path()).ports().unwrap();
    let names: Vec<_> = ports.iter().map(|port| port.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["ttyQRNG0", "ttyS0", "ttyS4", "ttyUSB0"]);
    assert_eq!(ports[0].backing.provenance(), (Provenance::Hardware, "PCI 1234:abcd".to_owned()));
    assert!(matches!(&ports[0].backing, Backing::Pci { slot, .. } if slot == "0000:03:00.0"));
    // A UART names itself, not what is wired to it, wherever it sits.
    assert_eq!(ports[1].backing, Backing::Uart);
    assert_eq!(ports[2].backing, Backing::Uart);
    assert_eq!(ports[2].backing.provenance().0, Provenance::Unverified);

    assert_eq!(ports[3].driver.as_deref(), Some("ftdi_sio"));
    assert_eq!(ports[3].path, root.path().join("dev/ttyUSB0").to_str().unwrap());
    let usb = ports[3].usb().unwrap();
    assert_eq!((usb.vendor, usb.product, usb.path.as_str()), (0x0403, 0x6001, "1-1.2"));
    assert_eq!(usb.manufacturer.as_deref(), Some("FTDI"));
    // What a device calls itself cannot steer a terminal.
    assert_eq!(usb.product_name.as_deref(), Some("FT232R [31mUSB UART"));
    assert_eq!(usb.serial.as_deref(), Some("A9XYZ"));
    assert_eq!(ports[3].backing.provenance(), (Provenance::Hardware, "USB 0403:6001".to_owned()));
}

#[test]
fn what_is_behind_a_node_is_told_by_its_number() {
    let root = machine();
    let system = System::under(root.path());
    assert!(matches!(system.backing_of_number(188, 0), Some(Backing::Usb(usb)) if usb.path == "1-1.2"));
    assert!(matches!(system.backing_of_number(240, 0), Some(Backing::Pci { .. })));
    assert_eq!(system.backing_of_number(4, 64), Some(Backing::Uart));
    assert_eq!(system.backing_of_number(136, 3), Some(Backing::PseudoTerminal));
    assert_eq!(system.backing_of_number(143, 0), Some(Backing::PseudoTerminal));
    assert_eq!(system.backing_of_number(188, 1), None);
    assert_eq!(System::under("/nonexistent").ports().unwrap(), []);
}

#[test]
fn a_pseudo_terminal_is_recognised_through_a_link() {
    struct Silent;
    impl crate::transport::Emulator for Silent {
        fn receive(&mut self, _bytes: &[u8], _now: std::time::Duration) {}
        fn line_changed(&mut self, _line: LineSettings, _now: std::time::Duration) {}
        fn transmit(&mut self, _out: &mut Vec<u8>, _room: usize, _now: std::time::Duration) {}
    }
    let server = PtyServer::serve(Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ttyUSB0");
    symlink(server.path(), &link).unwrap();
    let link = link.to_str().unwrap();
    for path in [server.path(), link] {
        assert_eq!(provenance_of(path), (Provenance::Unverified, "pseudo-terminal".to_owned()));
        assert_eq!(access_of(path), Access::Ready);
    }

    let port = SerialTransport::open(link, LineSettings { baud: 9600, dtr: true }).unwrap();
    let me = format!("(pid {})", std::process::id());
    for path in [server.path(), link] {
        assert!(
            matches!(access_of(path), Access::Busy { holder: Some(who) } if who.ends_with(&me)),
            "{path}"
        );
    }
    drop(port);
    assert_eq!(access_of(link), Access::Ready);
    assert_eq!(System::default().backing_of("/dev/null"), None);
    assert_eq!(provenance_of("/dev/null").0, Provenance::Unverified);
}

#[test]
fn what_may_not_be_opened_comes_with_advice() {
    assert!(matches!(access_of("/dev/ttyABSENT7"), Access::Denied { hint } if hint.contains("missing")));
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node");
    fs::write(&node, "").unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(denied_hint(node.to_str().unwrap()).contains("no group may use"));
    // The group of the node, if it may read and write, is named.
    fs::set_permissions(&node, fs::Permissions::from_mode(0o660)).unwrap();
    let hint = denied_hint(node.to_str().unwrap());
    match group_name(fs::metadata(&node).unwrap().gid()) {
        Some(group) if group != "root" => assert!(hint.contains(&format!("usermod -aG {group}")), "{hint}"),
        _ => assert!(hint.contains("no group may use"), "{hint}"),
    }
}

#[test]
fn the_ports_of_this_machine_can_be_listed() {
    for port in System::default().ports().unwrap() {
        assert!(port.path.starts_with("/dev/"), "{port:?}");
        if Path::new(&port.path).exists() {
            assert_eq!(System::default().backing_of(&port.path), Some(port.backing), "{}", port.path);
        }
    }
}
