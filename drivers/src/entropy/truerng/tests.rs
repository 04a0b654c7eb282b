//! The driver against the emulator: in virtual time in memory, and once over a pseudo-terminal.

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex};

use qhal::device::PropertyValue;
use qhal::{Device, EntropySource, Health, Stage};

use super::emulator::{FaultKind, TrueRngEmulator};
use super::*;
use crate::entropy::testing::{fill, plug_in};
use crate::transport::memory::MemoryTransport;
use crate::transport::pty::PtyServer;

const READING: LineSettings = LineSettings { baud: model::READING_BAUD, dtr: true };

type Shared = Arc<Mutex<TrueRngEmulator>>;

fn open(emulator: TrueRngEmulator, model: Model, mode: Mode) -> (Result<TrueRngSource>, Shared) {
    let shared = Arc::new(Mutex::new(emulator));
    let mut wire = MemoryTransport::new(Arc::clone(&shared));
    wire.configure(READING).unwrap();
    let descriptor = Descriptor {
        provenance: Provenance::Simulated,
        evidence: "emulator".to_owned(),
        ..describe(model, "test".to_owned(), "/dev/ttyACM0")
    };
    (TrueRngSource::over(Box::new(wire), descriptor, model, mode), shared)
}

#[test]
fn every_model_keeps_the_promises_of_a_source() {
    for (model, mode) in [
        (Model::TrueRng, Mode::Normal),
        (Model::ProV1, Mode::Normal),
        (Model::ProV2, Mode::Raw),
        (Model::ProV1, Mode::Rng2),
    ] {
        let (source, _) = open(TrueRngEmulator::new(model, 1), model, mode);
        qhal::conformance::entropy::check(&mut source.unwrap()).unwrap();
    }
}

#[test]
fn whatever_mode_a_pro_was_left_in_it_is_switched_and_left_as_it_starts() {
    for (mode, stage) in [
        (Mode::Normal, Stage::Conditioned),
        (Mode::Rng1, Stage::Conditioned),
        (Mode::Rng2, Stage::Conditioned),
        (Mode::Raw, Stage::Raw),
    ] {
        let (left, device) = open(TrueRngEmulator::new(Model::ProV1, 7), Model::ProV1, Mode::Raw);
        let mut left = left.unwrap();
        assert_eq!(device.lock().unwrap().mode(), Mode::Raw);
        fill(&mut left, 10).unwrap();
        drop(left);
        assert_eq!(device.lock().unwrap().mode(), Mode::Normal);

        let mut wire = MemoryTransport::new(Arc::clone(&device));
        wire.configure(READING).unwrap();
        source::knock_without_settling(&mut wire, Mode::Debug).unwrap();
        assert_eq!(device.lock().unwrap().mode(), Mode::Debug);
        let descriptor = describe(Model::ProV1, "test".to_owned(), "/dev/ttyACM0");
        let source = TrueRngSource::over(Box::new(wire), descriptor, Model::ProV1, mode).unwrap();
        assert_eq!(device.lock().unwrap().mode(), mode);
        assert_eq!(source.stage(), stage);
        Box::new(source).close().unwrap();
        assert_eq!(device.lock().unwrap().mode(), Mode::Normal);
    }
}

#[test]
fn bytes_are_reproducible_and_look_random() {
    let bytes = |seed, mode| {
        let (source, _) = open(TrueRngEmulator::new(Model::ProV2, seed), Model::ProV2, mode);
        fill(&mut source.unwrap(), 20_000).unwrap()
    };
    assert_eq!(bytes(1, Mode::Normal), bytes(1, Mode::Normal));
    assert_ne!(bytes(1, Mode::Normal), bytes(2, Mode::Normal));
    assert_ne!(bytes(1, Mode::Rng1), bytes(1, Mode::Rng2));
    // Whitened: half of 160 000 bits are ones, within 5 standard deviations of 200.
    let ones: u32 = bytes(3, Mode::Normal).iter().map(|byte| byte.count_ones()).sum();
    assert!((79_000..=81_000).contains(&ones), "{ones}");
    // Raw: the lowest bit is biased towards one, as on the device (55 %, one standard deviation is 0.35 %).
    let odd = bytes(3, Mode::Raw).iter().filter(|byte| *byte & 1 == 1).count();
    assert!((10_600..=11_400).contains(&odd), "{odd}");
}

#[test]
fn a_model_has_its_modes_and_no_others() {
    for (model, mode) in [
        (Model::TrueRng, Mode::Raw),
        (Model::TrueRng, Mode::SupplyVoltage),
        (Model::ProV1, Mode::Unwhitened),
        (Model::ProV2, Mode::Unwhitened),
        (Model::ProV2, Mode::Debug),
    ] {
        let (source, _) = open(TrueRngEmulator::new(model, 1), model, mode);
        assert_eq!(source.err().unwrap().kind(), ErrorKind::Unsupported, "{model} {mode}");
    }
}

#[test]
fn claims_are_below_what_a_sample_could_hold() {
    let claim = |model, mode| {
        open(TrueRngEmulator::new(model, 1), model, mode).0.unwrap().claimed_min_entropy().per_sample()
    };
    assert_eq!(claim(Model::TrueRng, Mode::Normal), 4.0);
    // log2(20·√(2π)) / 2 and log2(50·√(2π)) / 2.
    assert!((claim(Model::ProV1, Mode::Raw) - 2.823_838_1).abs() < 1e-6);
    assert!((claim(Model::ProV2, Mode::Raw) - 3.484_802_1).abs() < 1e-6);
}

#[test]
fn health_is_the_supply_voltage_and_the_stream_goes_on_after_it() {
    for (model, expected) in [(Model::ProV1, 9050.0..9070.0), (Model::ProV2, 16_000.0..16_020.0)] {
        for mode in [Mode::Normal, Mode::Raw] {
            let (source, device) = open(TrueRngEmulator::new(model, 1), model, mode);
            let mut source = source.unwrap();
            fill(&mut source, 100).unwrap();
            assert_eq!(source.health().unwrap(), Health::Good);
            assert_eq!(device.lock().unwrap().mode(), mode);
            fill(&mut source, 10_000).unwrap();
            let properties = source.properties().unwrap();
            let value = |name: &str| {
                properties.iter().find_map(|property| match property.value {
                    PropertyValue::Number(value) if property.name == name => Some(value),
                    _ => None,
                })
            };
            assert!(expected.contains(&value("supply voltage").unwrap()), "{properties:?}");
            assert_eq!(value("raw mean").is_some(), mode == Mode::Raw);
            // Switching cuts the stream, at most one packet each time.
            assert_eq!(value("bytes outside packets").is_some_and(|bytes| bytes < 8.0), mode == Mode::Raw);
        }
    }
    let (source, _) = open(TrueRngEmulator::new(Model::TrueRng, 1), Model::TrueRng, Mode::Normal);
    assert_eq!(source.unwrap().health().unwrap(), Health::Good);
}

fn broken(model: Model, mode: Mode, fault: &str) -> TrueRngSource {
    let emulator = TrueRngEmulator::new(model, 1).with_fault_named(fault).unwrap();
    open(emulator, model, mode).0.unwrap()
}

#[test]
fn a_wrong_voltage_is_a_failure() {
    for (model, voltage) in [(Model::ProV1, "70"), (Model::ProV2, "135")] {
        let health = broken(model, Mode::Normal, "voltage").health().unwrap();
        assert!(matches!(&health, Health::Failed(why) if why.contains(&format!("is {voltage}"))), "{health}");
    }
}

#[test]
fn a_silent_device_times_out_and_a_missing_one_is_gone() {
    for (fault, kind) in [("stall:2000000", ErrorKind::TimedOut), ("unplug:2000000", ErrorKind::Disconnected)]
    {
        for (model, mode) in [(Model::TrueRng, Mode::Normal), (Model::ProV2, Mode::Raw)] {
            let mut source = broken(model, mode, fault);
            let error = fill(&mut source, 4 << 20).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(error.device().unwrap().to_string(), "truerng:test");
        }
    }
}

#[test]
fn stuck_and_biased_devices_are_what_health_tests_will_find() {
    for mode in [Mode::Normal, Mode::Raw] {
        let stuck = fill(&mut broken(Model::ProV1, mode, "stuck"), 5000).unwrap();
        assert_eq!(stuck.iter().collect::<HashSet<_>>().len(), 1, "{mode}");
    }
    let bytes = fill(&mut broken(Model::TrueRng, Mode::Normal, "bias"), 20_000).unwrap();
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    // Seven eighths of 160 000.
    assert!((139_000..=141_000).contains(&ones), "{ones}");

    // The vendor's limits find both in raw samples.
    for fault in ["stuck", "bias"] {
        let mut source = broken(Model::ProV2, Mode::Raw, fault);
        fill(&mut source, 10_000).unwrap();
        assert!(
            matches!(source.health().unwrap(), Health::Failed(why) if why.contains("raw samples")),
            "{fault}"
        );
    }
}

#[test]
fn garbled_packets_are_left_out() {
    let mut source = broken(Model::ProV2, Mode::Raw, "garble");
    fill(&mut source, 10_000).unwrap();
    let skipped =
        source.properties().unwrap().into_iter().find(|property| property.name == "bytes outside packets");
    assert!(matches!(skipped.unwrap().value, PropertyValue::Number(bytes) if bytes > 100.0));
}

#[test]
fn a_deaf_device_gives_no_raw_samples() {
    let emulator = TrueRngEmulator::new(Model::ProV2, 1).with_fault(FaultKind::Deaf.into());
    let (source, device) = open(emulator, Model::ProV2, Mode::Raw);
    assert_eq!(device.lock().unwrap().mode(), Mode::Normal);
    // Whitened bytes look like a packet now and then; the voltage cannot be read at all.
    assert_eq!(source.unwrap().health().unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn the_model_is_found_out_by_its_voltage() {
    for model in Model::ALL {
        for fault in [None, Some(FaultKind::Voltage)] {
            let mut emulator = TrueRngEmulator::new(model, 5);
            if let Some(fault) = fault {
                emulator = emulator.with_fault(fault.into());
            }
            let mut wire = MemoryTransport::new(emulator);
            wire.configure(READING).unwrap();
            assert_eq!(which_model(&mut wire).unwrap(), model);
            assert_eq!(wire.emulator().mode(), Mode::Normal);
        }
    }
    let silent = TrueRngEmulator::new(Model::TrueRng, 5).with_fault(FaultKind::Stall.into());
    let mut wire = MemoryTransport::new(silent);
    wire.configure(READING).unwrap();
    assert_eq!(which_model(&mut wire).unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn the_list_of_the_system_shows_ours_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    plug_in(root.path(), "1-1", "ttyACM0", (0x04D8, 0xF5FE), &[("product", "TrueRNG")]);
    plug_in(root.path(), "1-1.4", "ttyACM1", (0x04D8, 0xF5FE), &[("product", "TrueRNG")]);
    plug_in(root.path(), "1-2", "ttyACM2", (0x16D0, 0x0AA0), &[("product", "TrueRNGpro"), ("serial", "P17")]);
    plug_in(root.path(), "1-3", "ttyACM3", (0x04D8, 0x000A), &[("product", "CDC RS-232")]);
    let driver = TrueRng::new().on(System::under(root.path()));
    let found = driver.probe().unwrap();
    let ids: Vec<_> = found.iter().map(|found| found.id.to_string()).collect();
    assert_eq!(ids, ["truerng:usb-1-1", "truerng:usb-1-1.4", "truerng:P17"]);
    assert!(
        found.iter().all(|found| found.provenance == Provenance::Hardware && found.access == Access::Ready)
    );
    assert_eq!(found[0].evidence, "USB 04d8:f5fe");
    assert_eq!(found[2].model, "TrueRNGpro");
    assert_eq!(found[2].serial.as_deref(), Some("P17"));
    assert_eq!(found[2].origin, QuantumOrigin::NotQuantum);

    fs::remove_file(root.path().join("dev/ttyACM0")).unwrap();
    assert!(
        matches!(&driver.probe().unwrap()[0].access, Access::Denied { hint } if hint.contains("missing"))
    );
}

#[test]
fn over_a_pseudo_terminal_it_is_unverified_and_the_knock_is_heard() {
    let server = PtyServer::serve(TrueRngEmulator::new(Model::ProV2, 1)).unwrap();
    let driver = TrueRng::new().with_mode(Mode::Raw);
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!(found.model, "TrueRNGpro V2");
    assert_eq!((found.provenance, found.evidence.as_str()), (Provenance::Unverified, "pseudo-terminal"));
    let OpenDevice::Entropy(mut source) = driver.open(&found).unwrap() else { panic!("no source") };
    let bytes = fill(source.as_mut(), 5000).unwrap();
    assert!(bytes.iter().collect::<HashSet<_>>().len() > 200);
    assert_eq!(source.stage(), Stage::Raw);
    source.close().unwrap();
    server.stop().unwrap();
}

#[test]
fn it_keeps_the_promises_of_a_driver() {
    let alien = "tcp:localhost:1".parse().unwrap();
    qhal::conformance::driver::check(&TrueRng::new(), &alien).unwrap();
    let server = PtyServer::serve(TrueRngEmulator::new(Model::TrueRng, 1)).unwrap();
    let found = TrueRng::new().identify(&server.address()).unwrap();
    assert_eq!(found.model, "TrueRNG");
    assert!(!TrueRng::new().recognises(&server.address()) && !TrueRng::new().recognises(&alien));
    qhal::conformance::driver::check_open(&TrueRng::new(), &found).unwrap();
}
