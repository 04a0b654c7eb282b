//! Several devices kept alive: who serves, who is put out and comes back, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, EntropySource, Error, ErrorKind, Health, Kind,
    MinEntropy, OpenDevice, Policy, Provenance, QuantumOrigin, Result, SecureRandom, Stage,
};
use qhal_backends::ensemble::{Announcement, Combine, Ensemble, Plan};
use qhal_backends::random::Output;
use qhal_backends::{DeviceSpec, Registry};
use qhal_entropy::Config;

const GOOD: u8 = 0;
const STUCK: u8 = 1;
const GONE: u8 = 2;
const BROKEN_DRIVER: u8 = 3;

/// What the test does to a device while threads read it.
#[derive(Clone, Default)]
struct Handle {
    state: Arc<AtomicU8>,
    samples: Arc<AtomicU64>,
}

impl Handle {
    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::SeqCst) == state
    }
}

/// A driver of two devices, `a` better than `b`.
struct Pair {
    a: Handle,
    b: Handle,
}

fn descriptor(unit: &str) -> Descriptor {
    let better = unit == "a";
    Descriptor {
        id: DeviceId::new("pair", unit),
        kind: Kind::Entropy,
        provenance: if better { Provenance::Hardware } else { Provenance::Remote },
        evidence: "test".to_owned(),
        origin: if better { QuantumOrigin::Quantum } else { QuantumOrigin::Claimed },
        address: Address::File { path: format!("/dev/pair-{unit}") },
        model: String::new(),
        serial: None,
        access: Access::Ready,
    }
}

impl Driver for Pair {
    fn name(&self) -> &'static str {
        "pair"
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        let there = |(unit, handle): (&str, &Handle)| (!handle.is(GONE)).then(|| descriptor(unit));
        Ok([("a", &self.a), ("b", &self.b)].into_iter().filter_map(there).collect())
    }

    fn identify(&self, _: &Address) -> Result<Descriptor> {
        Err(Error::new(ErrorKind::Unsupported, "devices are listed"))
    }

    fn open(&self, device: &Descriptor) -> Result<OpenDevice> {
        let handle = if device.id.unit() == "a" { &self.a } else { &self.b };
        if handle.is(GONE) {
            return Err(Error::new(ErrorKind::NotFound, "it was pulled out"));
        }
        let seed = if device.id.unit() == "a" { 1 } else { 2 };
        Ok(OpenDevice::Entropy(Box::new(Source {
            device: device.clone(),
            handle: handle.clone(),
            noise: seed,
        })))
    }
}

struct Source {
    device: Descriptor,
    handle: Handle,
    noise: u64,
}

impl Device for Source {
    fn descriptor(&self) -> &Descriptor {
        &self.device
    }

    fn health(&mut self) -> Result<Health> {
        Ok(Health::Good)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for Source {
    fn stage(&self) -> Stage {
        Stage::Raw
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        MinEntropy::new(7.0, 8).unwrap()
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        match self.handle.state.load(Ordering::SeqCst) {
            GONE => return Err(Error::new(ErrorKind::Disconnected, "it was pulled out")),
            BROKEN_DRIVER => panic!("a driver with a fault"),
            STUCK => out.fill(7),
            _ => {
                for byte in out.iter_mut() {
                    self.noise = self
                        .noise
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    *byte = (self.noise >> 56) as u8;
                }
            }
        }
        self.handle.samples.fetch_add(out.len() as u64, Ordering::SeqCst);
        Ok(out.len())
    }
}

struct House {
    ensemble: Ensemble,
    a: Handle,
    b: Handle,
    said: Arc<Mutex<Vec<Announcement>>>,
}

fn plan(devices: &[&str]) -> Plan {
    Plan {
        devices: devices.iter().map(|device| device.parse::<DeviceSpec>().unwrap()).collect(),
        policy: Policy::RequireHardware,
        combine: Combine::Redundant,
        least: 1,
        output: Output::Drbg,
        config: Config { startup_samples: 1024, ..Config::default() },
        patience: Duration::from_secs(60),
    }
}

impl House {
    fn new(plan: &Plan) -> Self {
        let (a, b, said) = (Handle::default(), Handle::default(), Arc::<Mutex<Vec<Announcement>>>::default());
        let registry = Registry::new(vec![Box::new(Pair { a: a.clone(), b: b.clone() })]);
        let sink = Arc::clone(&said);
        let announce = move |announcement: &Announcement| sink.lock().unwrap().push(announcement.clone());
        let ensemble = Ensemble::start(registry, plan, announce).unwrap();
        ensemble.wait_for_all(Duration::from_secs(60)).unwrap();
        Self { ensemble, a, b, said }
    }

    fn devices(&mut self) -> Vec<String> {
        let lineage = self.ensemble.draw(&mut [0; 64], true).unwrap();
        lineage.devices.iter().map(|device| device.id.to_string()).collect()
    }

    fn wait_until(&mut self, what: &str, mut ready: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready(self) {
            assert!(Instant::now() < deadline, "{what} did not come: {:?}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_words(&mut self, words: &str) {
        self.wait_until(words, |house| {
            house.said.lock().unwrap().iter().any(|announcement| announcement.to_string().contains(words))
        });
    }
}

#[test]
fn two_devices_are_a_secure_random_of_the_weaker_provenance() {
    for combine in [Combine::Redundant, Combine::Additive] {
        for output in [Output::Drbg, Output::Conditioned] {
            let mut house = House::new(&Plan { combine, output, ..plan(&["pair:a", "pair:b"]) });
            qhal::conformance::secure_random::check(&mut house.ensemble).unwrap();
            if combine == Combine::Redundant {
                assert_eq!(
                    house.devices(),
                    ["pair:a", "pair:b"].map(str::to_owned).into_iter().collect::<Vec<_>>()
                );
                assert_eq!(house.ensemble.provenance(), Provenance::Remote);
                assert_eq!(house.ensemble.lineage().unwrap().origin(), QuantumOrigin::Claimed);
            }
        }
    }
}

#[test]
fn a_device_that_fails_is_put_out_and_comes_back_through_a_start_up_test() {
    let mut house = House::new(&plan(&["pair:a", "pair:b"]));
    house.b.set(STUCK);
    house.wait_until("only a", |house| house.devices() == ["pair:a"]);
    house.wait_for_words("repetition");
    house.wait_for_words("1 device still serves");
    house.b.set(GOOD);
    house.wait_until("both", |house| house.devices().len() == 2);
    let seat = house.ensemble.view().seats().remove(1);
    assert!(seat.serving && seat.totals.admissions >= 2 && seat.totals.losses >= 1, "{seat:?}");
}

#[test]
fn a_driver_that_panics_takes_nobody_with_it() {
    let mut house = House::new(&plan(&["pair:a", "pair:b"]));
    house.b.set(BROKEN_DRIVER);
    house.wait_until("only a", |house| house.devices() == ["pair:a"]);
    house.wait_for_words("panicked");
}

#[test]
fn too_few_devices_give_nothing_and_say_why() {
    let mut house = House::new(&Plan { least: 2, ..plan(&["pair:a", "pair:b"]) });
    house.a.set(GONE);
    house.wait_until("a loss", |house| !house.ensemble.view().serves());
    let mut out = [0xEE; 100];
    let error = house.ensemble.draw(&mut out, false).unwrap_err();
    assert_eq!((error.kind(), out), (ErrorKind::Exhausted, [0; 100]));
    // Seen when it was read, or when it was looked for again.
    let gone = ["pulled out", "not attached"].iter().any(|words| error.message().contains(words));
    assert!(error.message().contains("only pair:b serves") && gone, "{error}");
    qhal::conformance::secure_random::check_refusal(&mut house.ensemble).unwrap();
    house.a.set(GOOD);
    house.wait_until("two devices", |house| house.ensemble.fill(&mut [0; 8]).is_ok());
}

/// Without a name the best serves; when it goes, the policy decides again (what is remote is taken by name alone), and
/// what is plugged is said and looked at.
#[test]
fn the_best_that_the_policy_allows_serves_and_plugging_is_noticed() {
    let mut house = House::new(&plan(&[]));
    assert_eq!(house.devices(), ["pair:a"]);
    house.a.set(GONE);
    house.wait_until("a loss", |house| !house.ensemble.view().serves());
    let error = house.ensemble.draw(&mut [0; 8], false).unwrap_err();
    assert!(error.message().contains("pulled out") || error.message().contains("made elsewhere"), "{error}");
    house.wait_for_words("unplugged: pair:a");
    house.a.set(GOOD);
    house.wait_for_words("plugged: pair:a");
    house.wait_until("the device again", |house| house.ensemble.fill(&mut [0; 8]).is_ok());
}

#[test]
fn fresh_bytes_are_of_samples_that_were_read_after_the_call() {
    for output in [Output::Drbg, Output::Conditioned] {
        let mut house = House::new(&Plan { output, ..plan(&["pair:a", "pair:b"]) });
        for _ in 0..20 {
            let before = (house.a.samples.load(Ordering::SeqCst), house.b.samples.load(Ordering::SeqCst));
            house.ensemble.draw(&mut [0; 32], true).unwrap();
            let after = (house.a.samples.load(Ordering::SeqCst), house.b.samples.load(Ordering::SeqCst));
            // 320 bits of min-entropy at 7 bits a sample.
            assert!(after.0 >= before.0 + 46 && after.1 >= before.1 + 46, "{before:?} {after:?}");
        }
    }
}

#[test]
fn impossible_plans_are_refused() {
    for (plan, words) in [
        (Plan { output: Output::Raw, ..plan(&["pair:a", "pair:b"]) }, "raw"),
        (Plan { least: 3, ..plan(&["pair:a", "pair:b"]) }, "at least 3 of 2"),
        (Plan { least: 0, ..plan(&["pair:a"]) }, "at least 0"),
        (plan(&["pair:a", "pair:a"]), "named twice"),
    ] {
        let error = Ensemble::start(Registry::new(vec![]), &plan, |_| {}).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(words), "{error}");
    }
    // One device under two names counts once.
    let registry = Registry::new(vec![Box::new(Pair {
        a: Handle::default(),
        b: Handle { state: Arc::new(AtomicU8::new(GONE)), ..Handle::default() },
    })]);
    let ensemble = Ensemble::start(registry, &plan(&["pair:a", "pair"]), |_| {}).unwrap();
    let error = ensemble.wait_for_all(Duration::from_secs(60)).unwrap_err();
    assert!(error.message().contains("counts once"), "{error}");
}
