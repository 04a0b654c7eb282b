//! The simulated devices under the conformance suites of their traits, and bytes all the way to a consumer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use qhal::conformance;
use qhal::{Driver, ErrorKind, Kind, OpenDevice, Policy, Provenance};
use qhal_backends::random::{Output, Random};
use qhal_backends::simulated::{Failure, NoiseModel, NoiseSettings, ProcessorSettings, SimulatedDriver};
use qhal_backends::{DeviceSpec, Registry, select};
use qhal_entropy::Config;

fn driver(noise: NoiseSettings) -> SimulatedDriver {
    let processor = ProcessorSettings { threads: 2, memory_limit: 1 << 28, ..ProcessorSettings::default() };
    SimulatedDriver::new(NoiseSettings { seed: Some(1), ..noise }, processor)
}

fn open(driver: &SimulatedDriver, kind: Kind) -> OpenDevice {
    let found = driver.probe().unwrap().into_iter().find(|device| device.kind == kind).unwrap();
    driver.open(&found).unwrap()
}

#[test]
fn the_simulated_driver_keeps_its_promises() {
    let alien = "serial:/dev/null".parse().unwrap();
    let driver = driver(NoiseSettings::default());
    conformance::driver::check(&driver, &alien).unwrap();
    for device in driver.probe().unwrap() {
        conformance::driver::check_open(&driver, &device).unwrap();
    }
}

#[test]
fn both_noise_models_keep_the_promises_of_an_entropy_source() {
    for model in [NoiseModel::ShotNoise { clearance: 20.0 }, NoiseModel::MeasuredQubits] {
        let driver = driver(NoiseSettings { model, ..NoiseSettings::default() });
        let OpenDevice::Entropy(mut source) = open(&driver, Kind::Entropy) else { panic!("another kind") };
        conformance::entropy::check(source.as_mut()).unwrap();
    }
}

#[test]
fn the_simulated_processor_keeps_its_promises() {
    let OpenDevice::Processor(mut processor) = open(&driver(NoiseSettings::default()), Kind::Processor)
    else {
        panic!("another kind")
    };
    let mut pause = |_: &qhal::JobState| {
        std::thread::sleep(std::time::Duration::from_micros(100));
        std::ops::ControlFlow::Continue(())
    };
    conformance::processor::check(processor.as_mut(), &mut pause).unwrap();
}

#[test]
fn a_consumer_gets_conditioned_bytes_or_zeros_and_the_name_of_the_test() {
    for (failure, test) in [(Failure::Stuck, "repetition"), (Failure::Dark, "adaptive")] {
        let noise = NoiseSettings { failure: Some((failure, 5000)), ..NoiseSettings::default() };
        let OpenDevice::Entropy(source) = open(&driver(noise), Kind::Entropy) else { panic!("another kind") };
        let mut random = Random::new(source, Output::Conditioned, &Config::default()).unwrap();
        let mut good = [0; 32];
        random.fill(&mut good).unwrap();
        assert_ne!(good, [0; 32]);
        let mut bytes = [1; 4096];
        let error = random.fill(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unhealthy, "{error}");
        assert!(error.message().contains(test), "{error}");
        assert!(bytes.iter().all(|byte| *byte == 0));
        assert_eq!(random.fill(&mut bytes[..1]).unwrap_err().kind(), ErrorKind::Unhealthy, "it stays shut");
    }
}

#[test]
fn selection_follows_the_policy_to_the_open_device() {
    let registry = Registry::new(vec![Box::new(driver(NoiseSettings::default()))]);
    let selected = select(&registry, Kind::Processor, Policy::PreferHardware, None).unwrap();
    assert!(selected.announcement().unwrap().contains("simulator:statevector"));
    let refused = select(&registry, Kind::Entropy, Policy::RequireHardware, None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    let named: DeviceSpec = "simulator:qrng".parse().unwrap();
    assert!(select(&registry, Kind::Entropy, Policy::RequireHardware, Some(&named)).is_err());
    let mut taken = select(&registry, Kind::Entropy, Policy::SimulatorOnly, Some(&named)).unwrap();
    assert!(taken.announcement().is_none());
    assert_eq!(taken.device.as_device().descriptor().provenance, Provenance::Simulated);
    // A processor is no source of entropy.
    let wrong: DeviceSpec = "simulator:statevector".parse().unwrap();
    assert_eq!(
        select(&registry, Kind::Entropy, Policy::SimulatorOnly, Some(&wrong)).unwrap_err().kind(),
        ErrorKind::Refused
    );
}
