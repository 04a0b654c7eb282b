//! Both ends of a simulated link over TCP, as the devices that key managers use: hal's conformance suite, attacks, and what may go
//! wrong between two processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the normal way to fail in a test"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qhal::conformance::key_link;
use qhal::{Driver, ErrorKind, Health, KeyLink, Kind, OpenDevice, Result};
use qhal_backends::link::LOCAL_LIMIT;
use qhal_backends::simulated::{
    ATTACKS, EndSettings, LinkProtocol, LinkSettings, NoiseSettings, ProcessorSettings, Role,
    SimulatedDriver, attack, simulate_link_end,
};

/// Long enough for a loaded machine.
const LONG: Duration = Duration::from_secs(120);

struct Lab {
    folder: tempfile::TempDir,
    address: String,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = Self { folder, address: free_address() };
        lab.secret("secret", "0123456789abcdef0123456789abcdef");
        lab
    }

    fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn end(&self, role: Role) -> EndSettings {
        let link = LinkSettings {
            protocol: LinkProtocol::Bb84Decoy,
            distance_km: 50.0,
            seconds: 0.0,
            chsh_limit: LOCAL_LIMIT,
            attack: None,
            seed: 11,
        };
        let secret_file = self.folder.path().join("secret");
        EndSettings { role, address: self.address.clone(), secret_file, link }
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn driver(end: EndSettings) -> SimulatedDriver {
    SimulatedDriver::new(NoiseSettings::default(), ProcessorSettings::default()).with_link(Some(end))
}

fn open(end: EndSettings) -> Result<Box<dyn KeyLink>> {
    let driver = driver(end);
    let device = driver.probe()?.into_iter().find(|device| device.kind == Kind::KeyLink).unwrap();
    match driver.open(&device)? {
        OpenDevice::KeyLink(link) => Ok(link),
        _ => panic!("a link is no {}", device.kind),
    }
}

/// Waits until an end has something to say.
fn until<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(begun.elapsed() < LONG, "nothing came of it");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn both_ends_keep_every_promise_of_links() {
    let lab = Lab::new();
    let (mut alice, mut bob) = (open(lab.end(Role::Alice)).unwrap(), open(lab.end(Role::Bob)).unwrap());
    let (id, key) = alice.next_key(256).unwrap();
    assert_eq!(bob.key(&id).unwrap(), key);
    // Enough for the suite, at either end.
    until(|| {
        (alice.status().unwrap().stored_keys.min(bob.status().unwrap().stored_keys) > 300).then_some(())
    });
    key_link::check(alice.as_mut(), bob.as_mut()).unwrap();
    let told = |link: &mut Box<dyn KeyLink>, name: &str| {
        link.properties().unwrap().into_iter().find(|property| property.name == name).unwrap().value
    };
    assert_eq!(
        told(&mut alice, "phys_qkd_role"),
        qhal::device::PropertyValue::Text("transmitter".to_owned())
    );
    let qhal::device::PropertyValue::Number(qber) = told(&mut bob, "qber") else { panic!("no figure") };
    // One photon in a hundred is misaligned; of some 10^6 bits that is 0.01 ± 0.0001 (dark counts add less).
    assert!((qber - 0.01).abs() < 0.001, "{qber}");
    assert_eq!((alice.health().unwrap(), bob.health().unwrap()), (Health::Good, Health::Good));

    // An end whose other end is gone gives what it has, and then says why there is no more.
    alice.close().unwrap();
    let health = until(|| Some(bob.health().unwrap()).filter(|health| *health != Health::Good));
    assert_eq!(health.as_str(), "degraded");
    while bob.next_key(1 << 15).is_ok() {}
    let error = bob.next_key(1 << 15).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
}

#[test]
fn ends_find_each_other_again_and_what_was_begun_before_is_still_there() {
    let lab = Lab::new();
    // The receiving end comes first.
    let mut bob = open(lab.end(Role::Bob)).unwrap();
    let mut alice = open(lab.end(Role::Alice)).unwrap();
    let (old, key) = alice.next_key(512).unwrap();
    alice.close().unwrap();
    let mut alice = open(lab.end(Role::Alice)).unwrap();
    let (new, other) = alice.next_key(512).unwrap();
    assert_eq!(bob.key(&new).unwrap(), other);
    assert_eq!(bob.key(&old).unwrap(), key);
    // What the end that went had kept is gone: no key, rather than another.
    let (id, _) = bob.next_key(256).unwrap();
    let fetched = alice.key(&id);
    assert!(fetched.is_err_and(|error| error.kind() == ErrorKind::NotFound));
}

#[test]
fn every_attack_raises_its_alarm_at_both_ends_and_leaves_no_key() {
    for name in ATTACKS {
        let lab = Lab::new();
        let mut sending = lab.end(Role::Alice);
        sending.link.attack = Some(attack(name, 1.0).unwrap());
        let (mut alice, mut bob) = (open(sending).unwrap(), open(lab.end(Role::Bob)).unwrap());
        for end in [&mut alice, &mut bob] {
            let error =
                until(|| end.next_key(256).err().filter(|error| error.kind() == ErrorKind::Unhealthy));
            assert!(error.to_string().contains(name), "{name}: {error}");
            assert!(matches!(end.health().unwrap(), Health::Degraded(why) if why.contains(name)), "{name}");
            assert_eq!(end.status().unwrap().stored_keys, 0);
        }
    }
}

#[test]
fn ends_that_do_not_fit_say_why() {
    let lab = Lab::new();
    // Other lengths of fibre.
    let mut other = lab.end(Role::Bob);
    other.link.distance_km = 10.0;
    let (_alice, mut bob) = (open(lab.end(Role::Alice)).unwrap(), open(other).unwrap());
    let words = until(|| match bob.health().unwrap() {
        Health::Degraded(why) if why.contains("set to") => Some(why),
        _ => None,
    });
    assert!(words.contains("bb84-decoy, 50 km") && words.contains("bb84-decoy, 10 km"), "{words}");

    // Other secrets.
    let lab = Lab::new();
    let mut other = lab.end(Role::Bob);
    other.secret_file = lab.secret("other", "fedcba9876543210fedcba9876543210");
    let (mut alice, mut bob) = (open(lab.end(Role::Alice)).unwrap(), open(other).unwrap());
    for end in [&mut alice, &mut bob] {
        until(|| {
            matches!(end.health().unwrap(), Health::Degraded(why) if why.contains("same secret"))
                .then_some(())
        });
    }
    assert_eq!((alice.status().unwrap().stored_keys, bob.status().unwrap().stored_keys), (0, 0));
}

#[test]
fn what_cannot_be_an_end_is_refused() {
    let lab = Lab::new();
    let refused = |end: EndSettings| open(end).err().unwrap();
    let with_secret = |secret: &Path| EndSettings { secret_file: secret.to_owned(), ..lab.end(Role::Alice) };
    let short = lab.secret("short", "0123456789abcdef");
    assert!(refused(with_secret(&short)).to_string().contains("fewer than 32"));
    assert_eq!(refused(with_secret(Path::new("/nowhere"))).kind(), ErrorKind::NotFound);
    let open_to_all = lab.secret("open", "0123456789abcdef0123456789abcdef");
    std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refused(with_secret(&open_to_all)).kind(), ErrorKind::Refused);
    for protocol in [LinkProtocol::Bbm92, LinkProtocol::E91] {
        let mut pairs = lab.end(Role::Alice);
        pairs.link.protocol = protocol;
        assert_eq!(refused(pairs).kind(), ErrorKind::Unsupported);
    }
    // An address that is in use.
    let _listener = TcpListener::bind(&lab.address).unwrap();
    assert_eq!(refused(lab.end(Role::Alice)).kind(), ErrorKind::Busy);
}

/// Hands on what comes, and inverts one bit of every so many bytes that go to the sending end.
fn alter(from: TcpListener, to: String, every: usize) {
    std::thread::spawn(move || {
        for bob in from.incoming() {
            let (Ok(mut bob), Ok(mut alice)) = (bob, TcpStream::connect(&to)) else { continue };
            let (mut back, mut forth) = (alice.try_clone().unwrap(), bob.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back, &mut forth));
            let mut buffer = [0; 4096];
            let mut passed = 0;
            while let Ok(count @ 1..) = bob.read(&mut buffer) {
                for byte in &mut buffer[..count] {
                    passed += 1;
                    if passed % every == 0 {
                        *byte ^= 1;
                    }
                }
                if alice.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        }
    });
}

#[test]
fn over_a_channel_that_alters_bytes_the_ends_have_equal_keys_or_none() {
    let lab = Lab::new();
    let through = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiving = EndSettings { address: through.local_addr().unwrap().to_string(), ..lab.end(Role::Bob) };
    // A block takes the receiving end some megabytes, so that a few get through and a few do not.
    alter(through, lab.address.clone(), 5_000_011);
    let (mut alice, mut bob) = (open(lab.end(Role::Alice)).unwrap(), open(receiving).unwrap());
    let mut equal = 0;
    until(|| {
        for swap in [false, true] {
            let (one, other) = if swap { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
            if one.status().unwrap().stored_keys == 0 {
                continue;
            }
            if let Ok((id, key)) = one.next_key(1 << 13) {
                match other.key(&id) {
                    Ok(same) => {
                        assert_eq!(same, key);
                        equal += 1;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
                }
            }
        }
        (equal >= 100).then_some(())
    });
}

#[test]
fn a_run_of_some_seconds_gives_the_same_figures_at_both_ends() {
    let lab = Lab::new();
    let run = |role, seconds| {
        let mut end = lab.end(role);
        end.link.seconds = seconds;
        std::thread::spawn(move || simulate_link_end(&end, &mut |_| Ok(())))
    };
    let (sending, receiving) = (run(Role::Alice, 1.2), run(Role::Bob, 3600.0));
    let (sending, receiving) = (sending.join().unwrap().unwrap(), receiving.join().unwrap().unwrap());
    assert!((sending.seconds - 1.2).abs() < 1e-6 && (receiving.seconds - 1.2).abs() < 1e-6);
    assert!(sending.secret_bits > 100_000 && sending.blocks == 2);
    assert_eq!(
        (
            sending.detections,
            sending.sifted_bits,
            sending.leak_bits,
            sending.secret_bits,
            sending.blocks_with_key
        ),
        (receiving.detections, receiving.sifted_bits, receiving.leak_bits, receiving.secret_bits, 2)
    );
    // Somebody else at the address.
    let mut end = lab.end(Role::Bob);
    end.link.seconds = 1.0;
    let listener = TcpListener::bind(&lab.address).unwrap();
    let other = std::thread::spawn(move || {
        listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let error = simulate_link_end(&end, &mut |_| Ok(())).unwrap_err();
    other.join().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}
