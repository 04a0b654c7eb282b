//! The driver against the emulator in memory, with every fault.

use qhal::device::PropertyValue;
use qhal::{Device, Provenance};

use super::emulator::{FaultKind, QuantisEmulator};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open,
};
use crate::fault::FaultName;
use crate::transport::usb::{SharedUsb, UsbEmulator};

fn emulator(seed: u64, fault: Option<FaultKind>) -> QuantisEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    QuantisEmulator::new(&EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    check_source(Quantis, |seed| emulator(seed, None));
    check_listing(Quantis, emulator(1, None).blueprint(), "usbtest");
    check_random_answers(Quantis, emulator(1, None).blueprint(), 64);
}

#[test]
fn an_open_board_tells_what_it_is() {
    let mut source = open(Quantis, emulator(1, None)).unwrap();
    let descriptor = source.descriptor().clone();
    assert_eq!(descriptor.id.to_string(), "quantis:EMU0000001");
    assert_eq!((descriptor.provenance, descriptor.origin), (Provenance::Simulated, QuantumOrigin::Model));
    assert_eq!(source.health().unwrap(), Health::Good);
    let properties = source.properties().unwrap();
    let value = |name: &str| properties.iter().find(|property| property.name == name).unwrap().value.clone();
    assert_eq!(value("rate"), PropertyValue::Number(4000.0));
    assert_eq!(value("modules"), PropertyValue::Number(1.0));
    assert_eq!(value("power"), PropertyValue::Flag(true));
}

#[test]
fn every_fault_is_an_error_or_shows_in_health_or_noise() {
    check_faults(
        Quantis,
        |fault| emulator(1, Some(fault)),
        |fault| match fault {
            FaultKind::Stuck | FaultKind::Bias => Shows::InNoise,
            FaultKind::Power => Shows::InHealth,
            FaultKind::NoModule | FaultKind::Module => Shows::As(ErrorKind::Unhealthy),
            FaultKind::Silent => Shows::As(ErrorKind::TimedOut),
            FaultKind::Halt => Shows::As(ErrorKind::Refused),
            FaultKind::Short => Shows::As(ErrorKind::Protocol),
            FaultKind::Unplug => Shows::As(ErrorKind::Disconnected),
        },
    );
}

#[test]
fn a_board_that_was_left_switched_off_is_switched_on() {
    let (half, device) = SharedUsb::new(emulator(1, None));
    let now = Duration::ZERO;
    device.lock().unwrap().control_out(Command::DisableModules.setup(), &[], now);
    let mut source = open(Quantis, half).unwrap();
    assert_eq!(source.health().unwrap(), Health::Good);
    fill(&mut source, 2048).unwrap();
}
