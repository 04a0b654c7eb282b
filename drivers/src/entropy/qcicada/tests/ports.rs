//! Over real wires: a pseudo-terminal, TCP and UDP on the loopback address; and the list of the system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use qhal::conformance;
use qhal::{Access, Address, Device as _, Driver as _, ErrorKind, Provenance, QuantumOrigin};

use super::super::emulator::server::NetworkServer;
use super::super::{PostProcess, QCicadaDriver, ReadMode};
use super::*;
use crate::transport::ports::System;
use crate::transport::pty::PtyServer;

/// As fast as a fast line, so that tests are.
fn fast(fault: Option<&str>) -> QCicadaEmulator {
    let fault = fault.map(|fault| fault.parse().unwrap());
    QCicadaEmulator::new(Settings { rate: 2_000_000, fault, ..Settings::default() }).unwrap()
}

fn driver(options: Options) -> QCicadaDriver {
    QCicadaDriver::new().with_options(Options { limits: limits(false), ..options })
}

fn read(device: &mut dyn qhal::EntropySource, count: usize) -> qhal::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut got = 0;
    while got < count {
        got += device.read(&mut bytes[got..])?;
    }
    Ok(bytes)
}

#[test]
fn on_a_pseudo_terminal_it_is_unverified_and_keeps_every_promise() {
    let server = PtyServer::serve(fast(None)).unwrap();
    let driver = driver(Options::default());
    let descriptor = driver.identify(&server.address()).unwrap();
    assert_eq!(descriptor.id.to_string(), "qcicada:QC0000000217");
    assert_eq!(descriptor.provenance_with_evidence(), "Unverified (pseudo-terminal)");
    assert_eq!(descriptor.origin, QuantumOrigin::Claimed);
    conformance::driver::check_open(&driver, &descriptor).unwrap();
    let mut device = driver.open_device(&descriptor).unwrap();
    conformance::entropy::check(&mut device).unwrap();
    device.test_hash().unwrap();
    assert_eq!(driver.identify(&server.address()).unwrap_err().kind(), ErrorKind::Busy, "while it is open");
    Box::new(device).close().unwrap();
}

#[test]
fn on_a_pseudo_terminal_it_reads_in_every_way() {
    let server = PtyServer::serve(fast(Some("streaming"))).unwrap();
    for (read_mode, signed_by) in
        [(ReadMode::OneShot, None), (ReadMode::Continuous, None), (ReadMode::OneShot, Some(authority()))]
    {
        let options = Options {
            read: read_mode,
            signed_by,
            post_process: Some(PostProcess::RawNoise),
            ..Options::default()
        };
        let driver = driver(options);
        let mut device = driver.open_device(&driver.identify(&server.address()).unwrap()).unwrap();
        let bytes = read(&mut device, 100_000).unwrap();
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        // 800 000 bits: σ is 447; the model's own bias of a bit is far below one per mille.
        assert!(ones.abs_diff(400_000) < 6 * 447, "{read_mode:?}: {ones}");
    }
}

#[test]
fn faults_cross_a_real_wire() {
    for (fault, signed_by, kind) in [
        ("nack", None, ErrorKind::Refused),
        ("short-read", None, ErrorKind::TimedOut),
        ("health-flag", None, ErrorKind::Unhealthy),
        ("stuck", None, ErrorKind::Unhealthy),
        ("gone", None, ErrorKind::Disconnected),
        ("silent", None, ErrorKind::TimedOut),
        ("wrong-reply", None, ErrorKind::Protocol),
        ("garble", None, ErrorKind::Protocol),
        ("bad-signature", Some(authority()), ErrorKind::Protocol),
        ("bad-certificate", Some(authority()), ErrorKind::Protocol),
    ] {
        let serial = PtyServer::serve(fast(Some(fault))).unwrap();
        let network = NetworkServer::serve(fast(Some(fault)), 0, None).unwrap();
        for address in [serial.address(), network.address()] {
            let limits = limits(kind == ErrorKind::TimedOut);
            let driver =
                QCicadaDriver::new().with_options(Options { signed_by, limits, ..Options::default() });
            let outcome = driver
                .identify(&address)
                .and_then(|descriptor| driver.open_device(&descriptor))
                .and_then(|mut device| read(&mut device, 2000));
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), kind, "{fault} at {address}: {}", error.chain());
        }
    }
}

#[test]
fn on_the_network_commands_and_bytes_go_their_own_ways() {
    let server = NetworkServer::serve(fast(None), 0, None).unwrap();
    for (read_mode, signed_by) in
        [(ReadMode::OneShot, None), (ReadMode::Continuous, None), (ReadMode::OneShot, Some(authority()))]
    {
        let driver = driver(Options { read: read_mode, signed_by, ..Options::default() });
        let descriptor = driver.identify(&server.address()).unwrap();
        assert_eq!(descriptor.provenance, Provenance::Unverified);
        assert_eq!(descriptor.evidence, "loopback socket");
        conformance::driver::check_open(&driver, &descriptor).unwrap();
        let mut device = driver.open_device(&descriptor).unwrap();
        assert_eq!(read(&mut device, 30_000).unwrap().len(), 30_000);
        assert_eq!(device.status().unwrap().flags.faults().len(), 0);
    }
    server.stop().unwrap();
}

#[test]
fn addresses_of_other_kinds_and_absent_ports_are_errors() {
    let driver = driver(Options::default());
    conformance::driver::check(&driver, &"file:/dev/hwrng".parse().unwrap()).unwrap();
    let absent = driver.identify(&"serial:/dev/ttyQRNG-none".parse().unwrap()).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: closed.port() };
    assert_eq!(driver.identify(&address).unwrap_err().kind(), ErrorKind::NotFound);
}

/// Writes a port into a made-up /sys: tty `name` on a USB device with these ids and strings.
fn usb_port(root: &Path, name: &str, ids: (&str, &str), strings: &[(&str, &str)]) {
    let device = root.join(format!("sys/devices/usb1/1-{name}"));
    let tty = device.join("1-1:1.0").join(name);
    fs::create_dir_all(&tty).unwrap();
    fs::create_dir_all(root.join(format!("sys/class/tty/{name}"))).unwrap();
    fs::create_dir_all(root.join("dev")).unwrap();
    fs::write(root.join("dev").join(name), "").unwrap();
    fs::write(device.join("idVendor"), ids.0).unwrap();
    fs::write(device.join("idProduct"), ids.1).unwrap();
    for (file, text) in strings {
        fs::write(device.join(file), text).unwrap();
    }
    symlink(&tty, root.join(format!("sys/class/tty/{name}/device"))).unwrap();
}

#[test]
fn only_ports_that_name_the_device_are_listed() {
    let root = tempfile::tempdir().unwrap();
    let ftdi = ("0403", "6001");
    usb_port(root.path(), "ttyUSB0", ftdi, &[("manufacturer", "FTDI"), ("product", "FT232R USB UART")]);
    usb_port(
        root.path(),
        "ttyUSB1",
        ftdi,
        &[("manufacturer", "Crypta Labs"), ("product", "QCicada"), ("serial", "QC0000000217")],
    );
    usb_port(root.path(), "ttyACM0", ("1fc9", "0094"), &[("product", "CRYPTALABS Firefly")]);
    usb_port(
        root.path(),
        "ttyACM1",
        ("04d8", "f5fe"),
        &[("manufacturer", "ubld.it"), ("product", "TrueRNG")],
    );
    usb_port(root.path(), "ttyQRNG0", ("1234", "5678"), &[]);
    let listed = QCicadaDriver::new().on(System::under(root.path())).probe().unwrap();
    let ids: Vec<_> = listed.iter().map(|descriptor| descriptor.id.to_string()).collect();
    assert_eq!(ids, ["qcicada:usb-1-ttyACM0", "qcicada:usb-1-ttyQRNG0", "qcicada:QC0000000217"]);
    for descriptor in &listed {
        conformance::device::check_descriptor(descriptor).unwrap();
        assert_eq!(
            (descriptor.provenance, descriptor.origin),
            (Provenance::Hardware, QuantumOrigin::Quantum)
        );
        assert_eq!((&descriptor.serial, &descriptor.access), (&None, &Access::Ready));
    }
    assert_eq!((listed[2].model.as_str(), listed[2].evidence.as_str()), ("QCicada", "USB 0403:6001"));
    assert_eq!(QCicadaDriver::new().on(System::under("/nonexistent")).probe().unwrap(), []);
}
