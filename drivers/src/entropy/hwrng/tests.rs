//! The kernel's generator: its names, its claims, and reading it, on made-up systems and on this one.

use std::fs;
use std::io::Write;

use super::*;

/// A system whose selected generator is `current`, with a pipe for a device.
fn system_with(current: &str, quality: &str) -> (tempfile::TempDir, HwRng) {
    let root = tempfile::tempdir().unwrap();
    let class = root.path().join("sys/class/misc/hw_random");
    fs::create_dir_all(&class).unwrap();
    fs::create_dir_all(root.path().join("dev")).unwrap();
    fs::write(class.join("rng_current"), format!("{current}\n")).unwrap();
    fs::write(class.join("rng_available"), format!("{current} none\n")).unwrap();
    fs::write(class.join("rng_quality"), format!("{quality}\n")).unwrap();
    let device = root.path().join("dev/hwrng");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &device,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let driver = HwRng::new().on(System::under(root.path())).with_time_limit(Duration::from_millis(20));
    (root, driver)
}

fn open(driver: &HwRng) -> Box<dyn EntropySource> {
    let descriptor = driver.probe().unwrap().remove(0);
    match driver.open(&descriptor).unwrap() {
        OpenDevice::Entropy(source) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_of_the_generator_tells_what_it_is() {
    for (name, virtual_machine, expected, evidence) in [
        ("virtio_rng.0", true, Provenance::Unverified, "virtio_rng"),
        ("virtio_rng.1", false, Provenance::Unverified, "virtio_rng"),
        ("pseries-rng", false, Provenance::Unverified, "pseries-rng"),
        ("smccc_trng", false, Provenance::Unverified, "smccc_trng"),
        ("tpm-rng-0", false, Provenance::Hardware, "tpm-rng-0"),
        ("tpm-rng-0", true, Provenance::Unverified, "tpm-rng-0 in a virtual machine"),
        ("intel", false, Provenance::Hardware, "intel"),
        ("amd", false, Provenance::Hardware, "amd"),
        ("3f104000.rng", false, Provenance::Hardware, "3f104000.rng"),
    ] {
        assert_eq!(provenance(Some(name), virtual_machine), (expected, evidence.to_owned()), "{name}");
    }
    assert_eq!(provenance(None, false).0, Provenance::Unverified);
}

#[test]
fn the_claim_is_half_of_what_the_kernel_says_and_at_most_four_bits() {
    for (quality, expected) in [
        (None, 1.0),
        (Some(0), 1.0),
        (Some(1), 1.0 / 256.0),
        (Some(512), 2.0),
        (Some(1000), 3.90625),
        (Some(1024), 4.0),
        (Some(u32::MAX), 4.0),
    ] {
        assert_eq!(claim(quality).unwrap().per_sample(), expected, "{quality:?}");
    }
}

#[test]
fn a_listed_generator_has_a_stable_name_and_is_not_quantum() {
    let (_root, driver) = system_with("tpm-rng-0", "1024");
    let found = driver.probe().unwrap().remove(0);
    assert_eq!(found.id.to_string(), "hwrng:tpm-rng-0");
    assert_eq!(found.origin, QuantumOrigin::NotQuantum);
    assert_eq!(found.provenance, Provenance::Hardware);
    assert_eq!(found.address, Address::File { path: driver.device_path() });
    assert_eq!(driver.identify(&found.address).unwrap(), found);
    let elsewhere = Address::File { path: "/dev/null".to_owned() };
    assert_eq!(driver.identify(&elsewhere).unwrap_err().kind(), ErrorKind::Unsupported);
    let wire = "serial:/dev/ttyACM0".parse().unwrap();
    qhal::conformance::driver::check(&driver, &wire).unwrap();
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
}

#[test]
fn no_generator_is_no_error_and_a_missing_node_is_listed_with_a_hint() {
    let (root, driver) = system_with("none", "0");
    assert_eq!(driver.probe().unwrap(), []);
    let (root2, driver2) = system_with("intel", "0");
    fs::remove_file(root2.path().join("dev/hwrng")).unwrap();
    assert!(matches!(driver2.probe().unwrap().remove(0).access, Access::Denied { .. }));
    // No sysfs at all, as in a container that hides it: the device is there, its name is not.
    fs::remove_dir_all(root.path().join("sys")).unwrap();
    let unnamed = driver.probe().unwrap().remove(0);
    assert_eq!((unnamed.id.unit(), unnamed.provenance), ("unnamed", Provenance::Unverified));
    assert_eq!(HwRng::new().on(System::under("/nonexistent")).probe().unwrap(), []);
}

#[test]
fn reading_waits_no_longer_than_its_limit_and_notices_another_generator() {
    let (root, driver) = system_with("intel", "512");
    let device = root.path().join("dev/hwrng");
    let mut writer = OpenOptions::new().read(true).write(true).open(&device).unwrap();
    let mut source = open(&driver);
    assert_eq!(source.claimed_min_entropy().per_sample(), 2.0);

    let mut out = [0; 8];
    assert_eq!(source.read(&mut []).unwrap(), 0);
    assert_eq!(source.read(&mut out).unwrap_err().kind(), ErrorKind::TimedOut);
    writer.write_all(b"abc").unwrap();
    assert_eq!(source.read(&mut out).unwrap(), 3);
    assert_eq!(&out[..3], b"abc");
    assert_eq!(source.health().unwrap(), Health::Good);

    fs::write(root.path().join("sys/class/misc/hw_random/rng_current"), "virtio_rng.0\n").unwrap();
    writer.write_all(b"xyz").unwrap();
    assert_eq!(source.read(&mut out).unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(matches!(source.health().unwrap(), Health::Failed(why) if why.contains("virtio_rng.0")));
    let stale = source.descriptor().clone();
    assert_eq!(driver.open(&stale).unwrap_err().kind(), ErrorKind::NotFound);

    drop(writer);
    fs::write(root.path().join("sys/class/misc/hw_random/rng_current"), "intel\n").unwrap();
    assert_eq!(source.read(&mut out).unwrap_err().kind(), ErrorKind::Disconnected);
    source.close().unwrap();
}

/// On a machine with a generator that this user may read, it is read; everywhere else the listing is looked at.
#[test]
fn the_generator_of_this_machine() {
    let driver = HwRng::new();
    let Some(found) = driver.probe().unwrap().into_iter().next() else {
        assert!(!Path::new("/dev/hwrng").exists() || current(&System::default()).is_none());
        return;
    };
    assert_eq!((found.id.driver(), found.origin), ("hwrng", QuantumOrigin::NotQuantum));
    if found.access != Access::Ready {
        assert_ne!(driver.open(&found).unwrap_err().kind(), ErrorKind::Other);
        return;
    }
    qhal::conformance::driver::check_open(&driver, &found).unwrap();
    let mut source = open(&driver);
    let mut bytes = [0; 64];
    let mut got = 0;
    while got < bytes.len() {
        got += source.read(&mut bytes[got..]).unwrap();
    }
    // 64 random bytes have fewer than 16 different values with a chance below 2^-150.
    let mut seen = bytes.to_vec();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() >= 16, "{bytes:?}");
    source.close().unwrap();
}
