//! The driver against the emulator: in virtual time in memory, and once over a pseudo-terminal.

use std::sync::{Arc, Mutex};

use qhal::{Device, EntropySource, ErrorKind, Health, Stage};

use super::emulator::{FaultKind, OneRngEmulator, Settings};
use super::*;
use crate::entropy::testing::{fill, plug_in};
use crate::fault::FaultName;
use crate::transport::memory::MemoryTransport;
use crate::transport::pty::PtyServer;
use crate::transport::{Emulator, LineSettings, Transport};

type Shared = Arc<Mutex<OneRngEmulator>>;

fn open(settings: Settings, mode: Mode) -> (Result<OneRngSource>, Shared) {
    let device = Arc::new(Mutex::new(OneRngEmulator::new(settings)));
    let mut transport = MemoryTransport::new(Arc::clone(&device));
    transport.configure(LineSettings { baud: 9600, dtr: true }).unwrap();
    // What piled up before anybody asked.
    transport.pause(std::time::Duration::from_millis(300));
    let mut wire = Wire::new(Box::new(transport));
    let source = wire.info().and_then(|info| {
        let descriptor = describe(&Place::simulated(), &info);
        OneRngSource::over(wire, descriptor, info, mode)
    });
    (source, device)
}

#[test]
fn every_mode_keeps_the_promises_of_a_source_and_is_set_back() {
    for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::Off) {
        for version in [2, 3] {
            let (source, device) = open(Settings { version, ..Settings::default() }, mode);
            let mut source = source.unwrap();
            assert!(device.lock().unwrap().is_running());
            assert_eq!(device.lock().unwrap().mode(), mode);
            qhal::conformance::entropy::check(&mut source).unwrap();
            assert_eq!(source.stage(), if mode.is_raw() { Stage::Raw } else { Stage::Conditioned });
            let unit = source.descriptor().id.unit().to_owned();
            assert_eq!(unit, if version == 3 { "5148414C000000000000000000000217" } else { "emulated" });
            Box::new(source).close().unwrap();
            assert!(!device.lock().unwrap().is_running());
            assert_eq!(device.lock().unwrap().mode(), Mode::Avalanche);
        }
    }
    let (source, _) = open(Settings::default(), Mode::Off);
    assert_eq!(source.err().unwrap().kind(), ErrorKind::Unsupported);
}

#[test]
fn bytes_are_reproducible_and_those_of_the_mode_alone() {
    let read = |seed, mode| {
        let (source, _) = open(Settings { seed, ..Settings::default() }, mode);
        fill(&mut source.unwrap(), 20_000).unwrap()
    };
    assert_eq!(read(1, Mode::Avalanche), read(1, Mode::Avalanche));
    assert_ne!(read(1, Mode::Avalanche), read(2, Mode::Avalanche));
    // Raw noise has no byte below 8; one whitened byte of before, or a letter of an answer, would be seen in the mean.
    let raw = read(3, Mode::AvalancheRaw);
    assert!(raw.iter().all(|byte| (8..=248).contains(byte)));
}

#[test]
fn the_firmware_image_is_read_whole_and_the_stream_goes_on() {
    for version in [2, 3] {
        let (source, device) = open(Settings { version, ..Settings::default() }, Mode::Avalanche);
        let mut source = source.unwrap();
        fill(&mut source, 1000).unwrap();
        let image = source.firmware_image().unwrap();
        assert_eq!(image, device.lock().unwrap().firmware_image());
        assert_eq!((image.version, image.signature.len()), (version, 287));
        assert!(device.lock().unwrap().is_running());
        fill(&mut source, 1000).unwrap();
    }
}

#[test]
fn every_fault_is_an_error_bad_health_or_left_to_the_health_tests() {
    for &kind in FaultKind::KINDS {
        let (opened, _) = open(Settings { fault: Some(kind.into()), ..Settings::default() }, Mode::Avalanche);
        let expected = match kind {
            FaultKind::Stuck => {
                let bytes = fill(&mut opened.unwrap(), 1000).unwrap();
                assert!(bytes.iter().all(|byte| *byte == 0x5A));
                continue;
            }
            FaultKind::Bias => {
                let bytes = fill(&mut opened.unwrap(), 10_000).unwrap();
                let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
                assert!((69_000..71_000).contains(&ones), "{ones}");
                continue;
            }
            FaultKind::Withheld | FaultKind::Silent => ErrorKind::TimedOut,
            FaultKind::Version => ErrorKind::Protocol,
            FaultKind::Unplug => ErrorKind::Disconnected,
        };
        let error = match opened {
            Ok(mut source) => {
                let mut error = None;
                while error.is_none() {
                    error = source.read(&mut [0; 512]).err();
                }
                if kind == FaultKind::Withheld {
                    assert!(matches!(source.health().unwrap(), Health::Failed(_)));
                }
                error.unwrap()
            }
            Err(error) => error,
        };
        assert_eq!(error.kind(), expected, "{}: {error}", kind.name());
    }
}

/// Streams bytes of its own and answers nothing.
struct Stranger(crate::emulation::Noise);

impl Emulator for Stranger {
    fn receive(&mut self, _bytes: &[u8], _now: std::time::Duration) {}

    fn line_changed(&mut self, _line: LineSettings, _now: std::time::Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: std::time::Duration) {
        out.extend(self.0.uniform(room));
    }
}

#[test]
fn arbitrary_streams_are_not_taken_for_a_onerng() {
    for seed in 0..50 {
        let stranger = Stranger(crate::emulation::Noise::new(seed));
        let mut wire = Wire::new(Box::new(MemoryTransport::new(stranger)));
        assert_eq!(wire.info().unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[test]
fn the_list_of_the_system_tells_units_apart_by_their_place() {
    let root = tempfile::tempdir().unwrap();
    for (place, port) in [("1-1", "ttyACM0"), ("1-2", "ttyACM1")] {
        plug_in(root.path(), place, port, (0x1D50, 0x6086), &[("product", "00"), ("serial", "00")]);
    }
    plug_in(root.path(), "1-3", "ttyACM2", (0x1D50, 0x6087), &[("product", "00")]);
    let found = OneRng::new().on(System::under(root.path())).probe().unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids, ["onerng:usb-1-1", "onerng:usb-1-2"]);
}

#[test]
fn over_a_pseudo_terminal_it_keeps_the_promises_of_a_driver() {
    let server = PtyServer::serve(OneRngEmulator::new(Settings::default())).unwrap();
    let driver = OneRng::new();
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!(found.evidence, "pseudo-terminal");
    qhal::conformance::driver::check(&driver, &"tcp:localhost:1".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    server.stop().unwrap();
}
