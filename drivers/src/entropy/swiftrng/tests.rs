//! The driver against the emulator: in virtual time in memory, and once over a pseudo-terminal.

use qhal::device::PropertyValue;
use qhal::{Device, EntropySource, Health, Stage};

use super::emulator::{FaultKind, Settings, SwiftRngEmulator};
use super::protocol::BLOCK;
use super::*;
use crate::entropy::testing::{fill, plug_in};
use crate::fault::FaultName;
use crate::transport::memory::MemoryTransport;
use crate::transport::pty::PtyServer;
use crate::transport::{Emulator, LineSettings};

fn over(emulator: impl Emulator + 'static, options: Options) -> Result<SwiftRngSource> {
    let mut wire = Wire::new(Box::new(MemoryTransport::new(emulator)));
    let info = wire.info()?;
    SwiftRngSource::over(wire, describe(&Place::simulated(), &info), info, options)
}

fn open(settings: Settings, options: Options) -> Result<SwiftRngSource> {
    over(SwiftRngEmulator::new(settings), options)
}

fn output(output: Output) -> Options {
    Options { output, ..Options::default() }
}

#[test]
fn every_output_of_every_firmware_keeps_the_promises_of_a_source() {
    for version in ["V1.0", "V1.2", "V2.0", "V3.1"] {
        for kind in Output::ALL {
            let settings = Settings { version: version.to_owned(), ..Settings::default() };
            let mut source = open(settings, output(kind)).unwrap();
            qhal::conformance::entropy::check(&mut source).unwrap();
            let conditioned = kind == Output::Random && version == "V3.1";
            let stage = if conditioned { Stage::Conditioned } else { Stage::Raw };
            assert_eq!(source.stage(), stage, "{version} {kind:?}");
            assert_eq!(kind.as_str().parse::<Output>().unwrap(), kind);
        }
    }
    assert!("noise3".parse::<Output>().is_err());
}

#[test]
fn bytes_are_those_of_the_device_in_their_order() {
    let read = |seed, kind, sizes: &[usize]| {
        let mut source = open(Settings { seed, ..Settings::default() }, output(kind)).unwrap();
        sizes.iter().flat_map(|size| fill(&mut source, *size).unwrap()).collect::<Vec<_>>()
    };
    let whole = read(1, Output::Random, &[40_000]);
    assert_eq!(whole, read(1, Output::Random, &[1, 15_998, 2, 1, 23_998]));
    assert_ne!(whole, read(2, Output::Random, &[40_000]));
    // What the emulator drew, without the status bytes in between.
    assert_eq!(whole, crate::emulation::Noise::new(1).uniform(3 * BLOCK)[..40_000]);
    let noise = read(1, Output::Noise2, &[20_000]);
    assert!(noise.iter().all(|byte| (8..=248).contains(byte)));
}

#[test]
fn it_tells_what_it_is_and_its_tables() {
    let mut source = open(Settings::default(), Options { power: Some(3), ..Options::default() }).unwrap();
    let descriptor = source.descriptor();
    assert_eq!(descriptor.id.to_string(), "swiftrng:SWRNG0000000217");
    assert_eq!((descriptor.model.as_str(), descriptor.origin), ("SwiftRNG", QuantumOrigin::NotQuantum));
    let properties = source.properties().unwrap();
    assert!(properties.iter().any(|property| property.value == PropertyValue::Text("3.0".to_owned())));
    for name in ["table of source 1", "table of source 2"] {
        let table = properties.iter().find(|property| property.name == name).unwrap();
        // The emulated noise has 5.0 bits a byte by theory (sum of eight nibbles).
        assert!(
            matches!(table.value, PropertyValue::Number(bits) if (4.7..5.1).contains(&bits)),
            "{table:?}"
        );
    }
    let model_z = Settings { model: "SwRNG Z".to_owned(), ..Settings::default() };
    assert_eq!(open(model_z, Options::default()).unwrap().descriptor().origin, QuantumOrigin::Claimed);
    let error = open(Settings::default(), Options { power: Some(10), ..Options::default() }).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn every_fault_is_an_error_or_bad_health_and_no_bytes() {
    for &kind in FaultKind::KINDS {
        let settings = Settings { fault: Some(kind.into()), ..Settings::default() };
        let opened = open(settings, Options::default());
        let expected = match kind {
            FaultKind::Status | FaultKind::Stuck | FaultKind::Bias => ErrorKind::Unhealthy,
            FaultKind::Short | FaultKind::Silent => ErrorKind::TimedOut,
            FaultKind::Unplug => ErrorKind::Disconnected,
            FaultKind::Version => ErrorKind::Protocol,
            FaultKind::Garble => {
                assert!(opened.and_then(|mut source| fill(&mut source, 100_000)).is_err());
                continue;
            }
            FaultKind::Diagnostics => {
                let health = opened.unwrap().health().unwrap();
                assert!(matches!(&health, Health::Failed(why) if why.contains("status 2")), "{health}");
                continue;
            }
        };
        let mut bytes = [0xEE; 64];
        let error = match opened {
            Ok(mut source) => source.read(&mut bytes).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), expected, "{}: {error}", kind.name());
        assert_eq!(bytes, [0xEE; 64], "{}: bytes of a failed read", kind.name());
    }
}

#[test]
fn after_a_failed_block_the_next_one_is_in_step() {
    let fault = Some(emulator::Fault { kind: FaultKind::Status, after: BLOCK as u64 });
    let emulator = std::sync::Arc::new(std::sync::Mutex::new(SwiftRngEmulator::new(Settings {
        fault,
        ..Settings::default()
    })));
    let mut source = over(emulator.clone(), Options::default()).unwrap();
    fill(&mut source, BLOCK).unwrap();
    assert_eq!(source.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::Unhealthy);
    *emulator.lock().unwrap() = SwiftRngEmulator::new(Settings::default());
    assert_eq!(fill(&mut source, BLOCK).unwrap(), crate::emulation::Noise::new(0).uniform(BLOCK));
}

/// Answers every byte with bytes of its own, as something that is no SwiftRNG would.
struct Stranger(crate::emulation::Noise, Vec<u8>, usize);

impl Emulator for Stranger {
    fn receive(&mut self, bytes: &[u8], _now: std::time::Duration) {
        let answer = self.0.uniform(bytes.len() * self.2);
        self.1.extend(answer);
    }

    fn line_changed(&mut self, _line: LineSettings, _now: std::time::Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: std::time::Duration) {
        let count = room.min(self.1.len());
        out.extend(self.1.drain(..count));
    }
}

#[test]
fn arbitrary_answers_never_panic_and_never_give_bytes_of_a_failed_read() {
    for seed in 0..200 {
        let length = [0, 1, 4, 5, 9, 16, 17, 20_000][seed as usize % 8];
        let stranger = || Stranger(crate::emulation::Noise::new(seed), Vec::new(), length);
        assert!(over(stranger(), Options::default()).is_err());
        // Past the introduction.
        let info =
            Info { version: protocol::Version::CORRECTED, model: "m".to_owned(), serial: "s".to_owned() };
        let wire = Wire::new(Box::new(MemoryTransport::new(stranger())));
        let descriptor = describe(&Place::simulated(), &info);
        let mut source = SwiftRngSource::over(wire, descriptor, info, Options::default()).unwrap();
        let mut bytes = [0xEE; 32];
        let _ = (source.health(), source.properties());
        if source.read(&mut bytes).is_err() {
            assert_eq!(bytes, [0xEE; 32]);
        }
    }
}

#[test]
fn the_list_of_the_system_shows_ours_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    let serial = ("serial", "SWRNG1");
    plug_in(root.path(), "1-1", "ttyACM0", (0x3975, 0x0003), &[("product", "SwiftRNG"), serial]);
    plug_in(root.path(), "1-2", "ttyACM1", (0x1FC9, 0x8111), &[("product", "SwiftRNG")]);
    plug_in(root.path(), "1-3", "ttyACM2", (0x1FC9, 0x8111), &[("product", "Alpha_RNG"), serial]);
    plug_in(root.path(), "1-4", "ttyACM3", (0x1FC9, 0x8111), &[]);
    plug_in(root.path(), "1-5", "ttyACM4", (0x3975, 0x0005), &[("product", "Alpha RNG")]);
    let found = SwiftRng::new().on(System::under(root.path())).probe().unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids, ["swiftrng:SWRNG1", "swiftrng:usb-1-2"]);
    assert!(found.iter().all(|found| found.provenance == qhal::Provenance::Hardware));
}

#[test]
fn over_a_pseudo_terminal_it_keeps_the_promises_of_a_driver() {
    let server = PtyServer::serve(SwiftRngEmulator::new(Settings::default())).unwrap();
    let driver = SwiftRng::new();
    assert!(driver.recognises(&server.address()));
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!(
        (found.provenance, found.evidence.as_str()),
        (qhal::Provenance::Unverified, "pseudo-terminal")
    );
    qhal::conformance::driver::check(&driver, &"tcp:localhost:1".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    server.stop().unwrap();
}
