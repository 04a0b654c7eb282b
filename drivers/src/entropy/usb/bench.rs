//! What the tests of all drivers of generators on USB do alike: an emulator in memory, every fault, and random answers.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use qhal::{Driver, EntropySource, Result};

use super::{Place, UsbDriver, UsbKind, UsbSource};
use crate::emulation::{Noise, Quality};
pub(crate) use crate::entropy::testing::fill;
use crate::fault::FaultName;
use crate::transport::ports::System;
use crate::transport::usb::listing::tests::{bind, plug_in, pull_out};
use crate::transport::usb::{Answer, Blueprint, EmulatedUsb, Setup, UsbEmulator, UsbTransport};

/// Opens an emulated device in memory.
pub(crate) fn open<K: UsbKind>(
    kind: K,
    emulator: impl UsbEmulator + 'static,
) -> Result<UsbSource<K::Generator>> {
    over(kind, Box::new(EmulatedUsb::new(emulator)))
}

/// Opens what is behind a wire.
pub(crate) fn over<K: UsbKind>(kind: K, wire: Box<dyn UsbTransport>) -> Result<UsbSource<K::Generator>> {
    UsbDriver::new(kind).over(wire, Place::simulated(K::NAME))
}

/// The device keeps the promises of a source, its bytes are reproducible, and half of their bits are ones.
pub(crate) fn check_source<K: UsbKind + Clone, E: UsbEmulator + 'static>(kind: K, build: impl Fn(u64) -> E) {
    let mut source = open(kind.clone(), build(1)).unwrap();
    qhal::conformance::entropy::check(&mut source).unwrap();
    let bytes = |seed| fill(&mut open(kind.clone(), build(seed)).unwrap(), 8000).unwrap();
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
    let ones: u32 = bytes(3).iter().map(|byte| byte.count_ones()).sum();
    // Half of 64 000 within 16 standard deviations of 127: raw bits are not quite balanced.
    assert!((30_000..=34_000).contains(&ones), "{ones}");
}

/// The driver finds a listed device under its id, tells it from others with the same ids, and follows it in and out.
pub(crate) fn check_listing<K: UsbKind + Clone>(kind: K, blueprint: &Blueprint, kernel_driver: &str) {
    let root = tempfile::tempdir().unwrap();
    let driver = UsbDriver::new(kind).on(System::under(root.path()));
    let alien = "file:/dev/hwrng".parse().unwrap();
    qhal::conformance::driver::check(&driver, &alien).unwrap();
    let ids = (blueprint.device.vendor, blueprint.device.product);
    let strings: Vec<(&str, &str)> = [
        ("manufacturer", &blueprint.manufacturer),
        ("product", &blueprint.product_name),
        ("serial", &blueprint.serial),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    .collect();
    plug_in(root.path(), "1-3", 7, ids, &strings);
    bind(root.path(), "1-3", kernel_driver);
    plug_in(root.path(), "1-4", 8, (0x1D6B, 0x0104), &[("product", "Something else")]);
    let needs_strings = K::IDS.iter().all(|id| (id.vendor, id.product) != ids || id.strings().count() > 0);
    if needs_strings {
        plug_in(root.path(), "1-5", 9, ids, &[("manufacturer", "FTDI"), ("product", "UART")]);
    }
    let found = driver.probe().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].provenance, qhal::Provenance::Hardware);
    assert_eq!(found[0].access, qhal::Access::Ready);
    qhal::conformance::driver::check(&driver, &alien).unwrap();
    assert!(driver.recognises(&found[0].address));
    let identified = driver.identify(&found[0].address).unwrap();
    assert_eq!(identified.id, found[0].id);
    let other = driver.identify(&"usb:1d6b:0104".parse().unwrap()).unwrap_err();
    assert_eq!(other.kind(), qhal::ErrorKind::Protocol, "{other}");
    pull_out(root.path(), "1-3");
    assert_eq!(driver.probe().unwrap(), []);
    assert_eq!(driver.identify(&found[0].address).unwrap_err().kind(), qhal::ErrorKind::NotFound);
}

/// A device that answers anything to anything.
struct Babbler {
    blueprint: Blueprint,
    noise: Noise,
}

impl Babbler {
    fn answer(&mut self, most: usize) -> Answer<Vec<u8>> {
        let count = (self.noise.unit() * 1.1 * most as f64) as usize;
        match self.noise.byte(Quality::Fair) {
            0..4 => Answer::Stall,
            4..8 => Answer::Wait,
            8..40 => Answer::Done(Vec::new()),
            40..120 => Answer::Done(vec![0; most]),
            _ => Answer::Done(self.noise.bytes(count, Quality::Fair)),
        }
    }
}

impl UsbEmulator for Babbler {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, _setup: Setup, length: u16, _now: Duration) -> Answer<Vec<u8>> {
        match self.answer(length.into()) {
            // Mostly of the right length, or hardly any device would ever be opened.
            Answer::Done(_) => Answer::Done(self.noise.bytes(length.into(), Quality::Fair)),
            other => other,
        }
    }

    fn control_out(&mut self, _setup: Setup, _data: &[u8], _now: Duration) -> Answer<()> {
        if self.noise.byte(Quality::Fair) < 2 { Answer::Stall } else { Answer::Done(()) }
    }

    fn packet_in(&mut self, endpoint: u8, _now: Duration) -> Answer<Vec<u8>> {
        let endpoints = self.blueprint.configuration.endpoints(&[]);
        let packet = endpoints.iter().find(|one| one.address == endpoint).map_or(64, |one| one.max_packet);
        self.answer(packet.into())
    }

    fn bulk_out(&mut self, _endpoint: u8, _data: &[u8], _now: Duration) -> Answer<()> {
        if self.noise.byte(Quality::Fair) < 2 { Answer::Stall } else { Answer::Done(()) }
    }
}

/// Whatever the device answers, nothing panics, every call comes to an end, and a read that fails gives no bytes.
pub(crate) fn check_random_answers<K: UsbKind + Clone>(kind: K, blueprint: &Blueprint, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&any::<u64>(), |seed| {
        let babbler = Babbler { blueprint: blueprint.clone(), noise: Noise::new(seed) };
        let Ok(mut source) = open(kind.clone(), babbler) else { return Ok(()) };
        for size in [1, 64, 1000, 5000] {
            let mut out = vec![0x5A; size];
            match source.read(&mut out) {
                Ok(count) => prop_assert!((1..=size).contains(&count)),
                Err(_) => prop_assert!(out.iter().all(|byte| *byte == 0x5A)),
            }
            let _ = (qhal::Device::health(&mut source), qhal::Device::properties(&mut source));
        }
        Ok(())
    });
    checked.unwrap();
}

/// How a fault shows when 8 kB are read.
#[derive(Debug)]
pub(crate) enum Shows {
    /// They cannot be read.
    As(qhal::ErrorKind),
    /// There are far more ones than zeros, or hardly any different bytes: the health tests' business.
    InNoise,
    /// They are read, and the device's health is not good.
    InHealth,
}

/// Every fault of an emulator shows as expected.
pub(crate) fn check_faults<K: UsbKind + Clone, F: FaultName, E: UsbEmulator + 'static>(
    kind: K,
    build: impl Fn(F) -> E,
    expected: impl Fn(F) -> Shows,
) {
    for &fault in F::KINDS {
        let result = open(kind.clone(), build(fault)).and_then(|mut source| {
            let bytes = fill(&mut source, 8192)?;
            Ok((bytes, qhal::Device::health(&mut source)?))
        });
        let name = fault.name();
        match (expected(fault), result) {
            (Shows::As(kind), Err(error)) => assert_eq!(error.kind(), kind, "{name}: {error}"),
            (Shows::InHealth, Ok((_, health))) => assert_ne!(health, qhal::Health::Good, "{name}"),
            (Shows::InNoise, Ok((bytes, _))) => {
                let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
                let values = bytes.iter().collect::<HashSet<_>>().len();
                assert!(ones > 38_000 || values < 20, "{name}: {ones} ones, {values} values");
            }
            (expected, result) => {
                let result = result.map(|(bytes, health)| (bytes.len(), health));
                panic!("{name}: {expected:?} and {result:?}");
            }
        }
    }
}
