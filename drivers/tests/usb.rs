//! The wires of USB: an emulated device over USB/IP through the kernel's loopback, and wrappers that record and disturb.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use qhal::{Address, Driver, EntropySource, ErrorKind, OpenDevice, Provenance, QuantumOrigin};
use qhal_drivers::entropy::quantis::Quantis;
use qhal_drivers::entropy::quantis::emulator::QuantisEmulator;
use qhal_drivers::entropy::quantis::protocol::{BULK_IN, Question};
use qhal_drivers::entropy::usb::{Place, UsbDriver};
use qhal_drivers::transport::Served;
use qhal_drivers::transport::usb::fault::{Fault, FaultyUsb};
use qhal_drivers::transport::usb::recorded::{RecordedUsb, TracingUsb};
use qhal_drivers::transport::usb::usbip::{UsbIpServer, UsbIpTransport};
use qhal_drivers::transport::usb::{EmulatedUsb, Setup, UsbTransport};
use qhal_drivers::{DriverOptions, EmulatorOptions};

const LIMIT: Duration = Duration::from_secs(10);

fn emulator(fault: Option<&str>) -> QuantisEmulator {
    let fault = fault.map(str::to_owned);
    QuantisEmulator::new(&EmulatorOptions { seed: 1, fault, rate_bytes_per_s: None, machine: None }).unwrap()
}

fn port_of(server: &UsbIpServer) -> u16 {
    match server.address() {
        Address::UsbIp { port, .. } => port,
        other => panic!("{other}"),
    }
}

fn connect(server: &UsbIpServer) -> qhal::Result<UsbIpTransport> {
    UsbIpTransport::connect("127.0.0.1", port_of(server), None, LIMIT)
}

#[test]
fn over_usb_ip_a_device_keeps_the_promises_of_a_driver_and_is_unverified() {
    let server = UsbIpServer::serve(emulator(None), 0).unwrap();
    let driver = UsbDriver::new(Quantis);
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!(found.id.to_string(), "quantis:EMU0000001");
    assert_eq!((found.provenance, found.origin), (Provenance::Unverified, QuantumOrigin::Claimed));
    assert_eq!(found.evidence, "USB/IP over loopback");
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    let OpenDevice::Entropy(mut source) = driver.open(&found).unwrap() else { panic!("no source") };
    qhal::conformance::entropy::check(source.as_mut()).unwrap();
    source.close().unwrap();
    Box::new(server).stop().unwrap();
}

#[test]
fn over_usb_ip_a_device_says_the_same_as_in_memory() {
    let server = UsbIpServer::serve(emulator(None), 0).unwrap();
    let mut far = connect(&server).unwrap();
    let mut near = EmulatedUsb::new(emulator(None));
    assert_eq!(far.device().serial, near.device().serial);
    assert_eq!(far.device().product_name.as_deref(), Some("Quantis USB"));
    assert_eq!((far.endpoints(), far.max_packet(BULK_IN)), (near.endpoints(), near.max_packet(BULK_IN)));
    let read = |wire: &mut dyn UsbTransport| {
        let mut bytes = vec![0; 4096];
        assert_eq!(wire.bulk_in(BULK_IN, &mut bytes, LIMIT).unwrap(), 4096);
        bytes
    };
    assert_eq!(read(&mut far), read(&mut near));
    // Refused requests, wrong directions, wrong endpoints and buffers.
    for wire in [&mut far as &mut dyn UsbTransport, &mut near] {
        let mut byte = [0];
        let refused = wire.control_in(Setup::new(0xC1, 0x77), &mut byte, LIMIT).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let asked = wire.control_in(Question::ModulesMask.setup(), &mut byte, LIMIT).unwrap();
        assert_eq!((asked, byte), (1, [1]));
        for wrong in [
            wire.control_in(Setup::new(0x41, 0x12), &mut byte, LIMIT).unwrap_err(),
            wire.control_out(Setup::new(0xC1, 0x12), &[], LIMIT).unwrap_err(),
            wire.bulk_in(0x81, &mut [0; 64], LIMIT).unwrap_err(),
            wire.bulk_in(BULK_IN, &mut [0; 500], LIMIT).unwrap_err(),
            wire.bulk_out(0x02, &[0], LIMIT).unwrap_err(),
            wire.clear_halt(0x05).unwrap_err(),
        ] {
            assert_eq!(wrong.kind(), ErrorKind::InvalidInput, "{wrong}");
        }
        assert_eq!(wire.set_alternate(0, 3).unwrap_err().kind(), ErrorKind::Refused);
        wire.set_alternate(0, 0).unwrap();
        wire.clear_halt(BULK_IN).unwrap();
    }
}

#[test]
fn every_exported_device_is_recognised_by_its_driver_alone_and_read() {
    for model in qhal_drivers::emulators() {
        let options = EmulatorOptions { seed: 1, ..EmulatorOptions::default() };
        let Some(server) = model.serve(&options, false).ok() else { continue };
        let address = server.address();
        if !matches!(address, Address::UsbIp { .. }) {
            continue;
        }
        // One after the other, each of which imports the device and lets it go.
        let drivers = qhal_drivers::all(&DriverOptions::default());
        let asked = drivers.iter().filter(|driver| driver.recognises(&address));
        let answers: Vec<_> = asked.map(|driver| (driver, driver.identify(&address))).collect();
        let mut found = answers.iter().filter_map(|(driver, answer)| Some((driver, answer.as_ref().ok()?)));
        let Some((driver, descriptor)) = found.next() else {
            panic!("{}: {:?}", model.name, errors(&answers))
        };
        assert_eq!((descriptor.id.driver(), &descriptor.serial), (model.driver, &model.serial));
        assert!(found.next().is_none(), "{}", model.name);
        let OpenDevice::Entropy(mut source) = driver.open(descriptor).unwrap() else { panic!("no source") };
        fill(source.as_mut(), 1000).unwrap();
        source.close().unwrap();
    }
}

fn errors<D>(answers: &[(D, qhal::Result<qhal::Descriptor>)]) -> Vec<String> {
    answers.iter().filter_map(|(_, answer)| Some(answer.as_ref().err()?.chain())).collect()
}

#[test]
fn one_host_has_the_device_and_others_are_told() {
    let server = UsbIpServer::serve(emulator(None), 0).unwrap();
    let first = connect(&server).unwrap();
    assert_eq!(connect(&server).err().unwrap().kind(), ErrorKind::Busy);
    let other = UsbIpTransport::connect("127.0.0.1", port_of(&server), Some("2-7"), LIMIT);
    assert_eq!(other.err().unwrap().kind(), ErrorKind::Busy);
    drop(first);
    // The server may need a moment to hear that the connection is over.
    let again = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        connect(&server).ok()
    });
    drop(again.unwrap());
    let missing = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let error = UsbIpTransport::connect("127.0.0.1", port_of(&server), Some("2-7"), LIMIT).err()?;
        (error.kind() != ErrorKind::Busy).then_some(error)
    });
    assert_eq!(missing.unwrap().kind(), ErrorKind::NotFound);
}

#[test]
fn a_transfer_that_is_late_is_taken_back_and_the_next_one_is_heard() {
    let server = UsbIpServer::serve(emulator(Some("silent")), 0).unwrap();
    let mut wire = connect(&server).unwrap();
    for _ in 0..3 {
        let error = wire.bulk_in(BULK_IN, &mut [0; 512], Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let mut mask = [0];
        wire.control_in(Question::ModulesMask.setup(), &mut mask, LIMIT).unwrap();
        assert_eq!(mask, [1]);
    }
}

#[test]
fn an_unplugged_device_is_gone_for_its_host_and_for_the_server() {
    let server = UsbIpServer::serve(emulator(Some("unplug:1024")), 0).unwrap();
    let mut wire = connect(&server).unwrap();
    let mut bytes = [0; 4096];
    let error = (0..3).find_map(|_| wire.bulk_in(BULK_IN, &mut bytes, LIMIT).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(connect(&server).is_err());
}

#[test]
fn a_peer_that_speaks_something_else_is_left_and_the_next_one_is_served() {
    let server = UsbIpServer::serve(emulator(None), 0).unwrap();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xFF; 400], &[0x01, 0x11, 0x80, 0x05, 0, 0], &[]] {
        let mut peer = TcpStream::connect(("127.0.0.1", port_of(&server))).unwrap();
        peer.write_all(garbage).unwrap();
    }
    assert!(connect(&server).is_ok());
    // And the other way round: a server that is none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    });
    let error = UsbIpTransport::connect("127.0.0.1", port, None, LIMIT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    answering.join().unwrap();
}

fn fill(source: &mut dyn EntropySource, count: usize) -> qhal::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut got = 0;
    while got < count {
        got += source.read(&mut bytes[got..])?;
    }
    Ok(bytes)
}

#[test]
fn a_captured_conversation_is_replayed_and_our_side_is_held_to_it() {
    let place = || Place::simulated("quantis");
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let wire = EmulatedUsb::new(emulator(None));
    let (device, packets) = (wire.device().clone(), [(BULK_IN, 512)]);
    let traced = TracingUsb::new(wire, Shared(log.clone()));
    let driver = UsbDriver::new(Quantis);
    let live = fill(&mut driver.over(Box::new(traced), place()).unwrap(), 2048).unwrap();
    let capture = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(
        capture.starts_with("c c1 15 00 00 00 00 01 00 < 01\nc c1 13 00 00 00 00 01 00 < 01\n"),
        "{capture}"
    );

    let replay = RecordedUsb::new(&capture, device.clone(), &packets).unwrap();
    let mut source = driver.over(Box::new(replay), place()).unwrap();
    assert_eq!(fill(&mut source, 2048).unwrap(), live);
    assert_eq!(source.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::Disconnected);

    let other = capture.replacen("c c1 13", "c c1 14", 1);
    let replay = RecordedUsb::new(&other, device, &packets).unwrap();
    let error = driver.over(Box::new(replay), place()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[test]
fn disturbed_transfers_give_errors_and_no_bytes() {
    // Transfers 0 and 1 open the board; then status and packet in turn.
    for (fault, kind) in [
        (Fault::Stall { at: 3 }, ErrorKind::Refused),
        (Fault::Silence { at: 2, times: 1 }, ErrorKind::TimedOut),
        (Fault::Cut { at: 3, length: 511 }, ErrorKind::Protocol),
        (Fault::Cut { at: 2, length: 0 }, ErrorKind::Protocol),
        (Fault::Flip { at: 2, offset: 0, mask: 1 }, ErrorKind::Unhealthy),
        (Fault::Unplug { at: 3 }, ErrorKind::Disconnected),
    ] {
        let wire = FaultyUsb::new(EmulatedUsb::new(emulator(None)), vec![fault]);
        let mut source = UsbDriver::new(Quantis).over(Box::new(wire), Place::simulated("quantis")).unwrap();
        let mut out = [0x5A; 100];
        let error = source.read(&mut out).unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(out.iter().all(|byte| *byte == 0x5A), "{fault:?}");
        // What was no more than a disturbance is over.
        let goes_on = source.read(&mut out);
        assert_eq!(goes_on.is_ok(), !matches!(fault, Fault::Unplug { .. }), "{fault:?}");
    }
}
