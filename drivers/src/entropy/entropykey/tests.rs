//! The driver against the emulator: in virtual time in memory, and once over a pseudo-terminal.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qhal::{Device, EntropySource, ErrorKind, Health, Stage};

use super::emulator::{EntropyKeyEmulator, FaultKind, Settings};
use super::protocol::LAST_SEQUENCE;
use super::*;
use crate::emulation::Noise;
use crate::entropy::testing::{fill, plug_in};
use crate::fault::FaultName;
use crate::transport::memory::MemoryTransport;
use crate::transport::pty::PtyServer;
use crate::transport::{Emulator, LineSettings};

type Shared = Arc<Mutex<EntropyKeyEmulator>>;

fn test_key() -> Key {
    Settings::default().long_term
}

fn over(emulator: impl Emulator + 'static, long_term: Option<Key>) -> Result<EntropyKeySource> {
    let wire = Wire::meet(Box::new(MemoryTransport::new(emulator)))?;
    let descriptor = describe(&Place::simulated(), wire.serial());
    EntropyKeySource::over(wire, descriptor, long_term)
}

fn open(settings: Settings) -> (Result<EntropyKeySource>, Shared) {
    let device = Arc::new(Mutex::new(EntropyKeyEmulator::new(settings)));
    (over(Arc::clone(&device), Some(test_key())), device)
}

fn broken(kind: FaultKind) -> Settings {
    Settings { fault: Some(kind.into()), ..Settings::default() }
}

#[test]
fn it_keeps_the_promises_of_a_source() {
    let (source, _) = open(Settings::default());
    let mut source = source.unwrap();
    qhal::conformance::entropy::check(&mut source).unwrap();
    assert_eq!(source.stage(), Stage::Conditioned);
    assert_eq!(source.descriptor().id.to_string(), "entropykey:NwBvBlg3OTBJORFD");
    assert_eq!(source.descriptor().origin, QuantumOrigin::Claimed);
    Box::new(source).close().unwrap();
}

#[test]
fn bytes_are_what_the_device_gathered() {
    let (source, _) = open(Settings { seed: 5, ..Settings::default() });
    let bytes = fill(&mut source.unwrap(), 5 * 32).unwrap();
    // Before the first whole block it drew 32 bytes for the session key.
    let mut noise = Noise::new(5);
    let (_key, block) = (noise.uniform(32), noise.uniform(2500));
    assert_eq!(bytes, block[..160]);
}

#[test]
fn at_the_end_of_its_numbers_a_session_is_keyed_anew() {
    let (source, device) = open(Settings::default());
    let mut source = source.unwrap();
    fill(&mut source, 32 * 78).unwrap();
    device.lock().unwrap().skip_to(LAST_SEQUENCE - 10);
    let bytes = fill(&mut source, 32 * 200).unwrap();
    assert_eq!(bytes.chunks(32).collect::<HashSet<_>>().len(), 200);
    assert_eq!(device.lock().unwrap().sessions(), 2);
    let properties = source.properties().unwrap();
    let lost = properties.iter().find(|property| property.name == "lost frames").unwrap();
    assert!(matches!(lost.value, qhal::PropertyValue::Number(count) if count > 3000.0), "{lost:?}");
}

#[test]
fn a_device_that_was_reset_meanwhile_is_keyed_anew() {
    let (source, device) = open(Settings::default());
    let mut source = source.unwrap();
    fill(&mut source, 100).unwrap();
    device.lock().unwrap().receive(&[3], Duration::from_secs(2));
    fill(&mut source, 5000).unwrap();
    assert_eq!(device.lock().unwrap().sessions(), 2);
}

#[test]
fn it_tells_how_it_is_with_and_without_a_key() {
    for key in [Some(test_key()), None] {
        let mut source = over(EntropyKeyEmulator::new(Settings::default()), key.clone()).unwrap();
        assert_eq!(source.health().unwrap(), Health::Good);
        let properties = source.properties().unwrap();
        let number = |name: &str| {
            properties.iter().find_map(|property| match property.value {
                qhal::PropertyValue::Number(value) if property.name == name => Some(value),
                _ => None,
            })
        };
        // 23751 shannons in 8052 bytes, as in the vendor's frame.
        assert!((number("left generator").unwrap() - 2.9497).abs() < 1e-4, "{properties:?}");
        if key.is_none() {
            let mut bytes = [0xEE; 40];
            let error = source.read(&mut bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.message().contains("NwBvBlg3OTBJORFD") && bytes == [0xEE; 40]);
        }
    }
}

#[test]
fn every_fault_is_an_error_and_no_bytes() {
    for &kind in FaultKind::KINDS {
        let (opened, _) = open(broken(kind));
        let expected = match kind {
            FaultKind::BadMac | FaultKind::WrongKey | FaultKind::ShortNonce => ErrorKind::Protocol,
            FaultKind::FailMode | FaultKind::GeneratorsBad => ErrorKind::Unhealthy,
            FaultKind::Silent => ErrorKind::TimedOut,
            FaultKind::Unplug => {
                let error = fill(&mut opened.unwrap(), 10_000).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Disconnected);
                continue;
            }
            FaultKind::Replay => {
                let mut source = opened.unwrap();
                fill(&mut source, 32).unwrap();
                assert_eq!(source.read(&mut [0; 32]).unwrap_err().kind(), ErrorKind::Protocol);
                continue;
            }
            FaultKind::Garble => {
                assert!(opened.and_then(|mut source| fill(&mut source, 20_000)).is_err());
                continue;
            }
            FaultKind::Stuck => {
                // Only the health tests can see it.
                assert_eq!(fill(&mut opened.unwrap(), 64).unwrap(), [0x5A; 64]);
                continue;
            }
            FaultKind::Bias => {
                let ones: u32 =
                    fill(&mut opened.unwrap(), 10_000).unwrap().iter().map(|byte| byte.count_ones()).sum();
                assert!((69_000..71_000).contains(&ones), "{ones}");
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
    let health = open(broken(FaultKind::FailMode)).0.unwrap().health().unwrap();
    assert!(matches!(&health, Health::Failed(why) if why.contains("voltage")), "{health}");
    let error = open(broken(FaultKind::WrongKey)).0.unwrap().read(&mut [0; 9]).unwrap_err();
    assert!(error.message().contains("long-term key"), "{error}");
}

#[test]
fn after_an_error_the_next_read_starts_anew() {
    let device = Arc::new(Mutex::new(EntropyKeyEmulator::new(broken(FaultKind::BadMac))));
    let mut source = over(Arc::clone(&device), Some(test_key())).unwrap();
    assert!(source.read(&mut [0; 32]).is_err());
    *device.lock().unwrap() = EntropyKeyEmulator::new(Settings::default());
    fill(&mut source, 100).unwrap();
}

#[test]
fn the_long_term_key_is_set_with_the_master_key_alone() {
    let (source, device) = open(Settings::default());
    let mut source = source.unwrap();
    fill(&mut source, 100).unwrap();
    let fresh = source.set_long_term_key(&test_key()).unwrap();
    assert_eq!(device.lock().unwrap().long_term_key(), &fresh);
    assert_ne!(fresh, test_key());
    fill(&mut source, 100).unwrap();
    let error = source.set_long_term_key(&Key::new([9; 32])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("Nonce MAC does not match"), "{error}");
    assert_eq!(device.lock().unwrap().long_term_key(), &fresh);
    fill(&mut source, 100).unwrap();
}

/// Answers with well-formed frames of arbitrary contents, and with arbitrary bytes.
struct Stranger(Noise, Vec<u8>);

impl Emulator for Stranger {
    fn receive(&mut self, bytes: &[u8], _now: Duration) {
        for byte in bytes {
            let noise = self.0.uniform(58);
            self.1.extend(b"* ");
            self.1.push([b'S', b'E', b'K', b'I', b'k'][usize::from(byte % 5)]);
            self.1.push([b'!', b'>'][usize::from(noise[0] % 2)]);
            self.1.extend(noise.iter().map(|byte| b'A' + byte % 26));
            self.1.extend(b"\r\n");
            self.1.extend(&noise[..usize::from(noise[1] % 40)]);
        }
    }

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, _now: Duration) {
        let count = room.min(self.1.len());
        out.extend(self.1.drain(..count));
    }
}

#[test]
fn arbitrary_frames_never_panic_and_are_never_believed() {
    for seed in 0..100 {
        assert!(over(Stranger(Noise::new(seed), Vec::new()), Some(test_key())).is_err());
    }
    // A device whose wire goes bad after the introduction.
    for seed in 0..20 {
        let fault = Some(emulator::Fault { kind: FaultKind::Garble, after: 64 });
        let (source, _) = open(Settings { seed, fault, ..Settings::default() });
        let mut source = source.unwrap();
        let mut bytes = [0xEE; 64];
        for _ in 0..20 {
            if source.read(&mut bytes).is_err() {
                assert_eq!(bytes, [0xEE; 64]);
            }
            bytes.fill(0xEE);
        }
    }
}

#[test]
fn the_list_of_the_system_shows_it_with_its_serial_number() {
    let root = tempfile::tempdir().unwrap();
    plug_in(root.path(), "1-1", "ttyACM0", (0x20DF, 0x0001), &[("serial", "NwBvBlg3OTBJORFD")]);
    plug_in(root.path(), "1-2", "ttyACM1", (0x20DF, 0x0002), &[("serial", "NwBvBlg3OTBJORFE")]);
    let found = EntropyKey::new().on(System::under(root.path())).probe().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id.to_string(), "entropykey:NwBvBlg3OTBJORFD");
    assert_eq!(found[0].serial.as_deref(), Some("NwBvBlg3OTBJORFD"));
}

#[test]
fn over_a_pseudo_terminal_it_keeps_the_promises_of_a_driver() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = folder.path().join("keyring");
    fs::write(&keyring, format!("NwBvBlg3OTBJORFD {}\n", *test_key().to_keyring())).unwrap();
    fs::set_permissions(&keyring, fs::Permissions::from_mode(0o600)).unwrap();
    let server = PtyServer::serve(EntropyKeyEmulator::new(Settings::default())).unwrap();
    let driver = EntropyKey::new().with_options(Options { keyring: Some(keyring) });
    let found = driver.identify(&server.address()).unwrap();
    assert_eq!(found.evidence, "pseudo-terminal");
    qhal::conformance::driver::check(&driver, &"tcp:localhost:1".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    fill(&mut driver.open_device(&found).unwrap(), 100).unwrap();
    server.stop().unwrap();
}
