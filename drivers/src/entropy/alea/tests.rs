//! The driver against the emulator in memory, with every fault.

use super::emulator::{AleaEmulator, FaultKind};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{Shows, check_faults, check_listing, check_random_answers, check_source};
use crate::fault::FaultName;
use crate::transport::usb::UsbEmulator;

fn emulator(seed: u64, fault: Option<FaultKind>) -> AleaEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    AleaEmulator::new(&EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    check_source(Alea, |seed| emulator(seed, None));
    check_listing(Alea, emulator(1, None).blueprint(), "chaoskey");
    check_random_answers(Alea, emulator(1, None).blueprint(), 64);
}

#[test]
fn every_fault_is_an_error_or_bad_noise() {
    check_faults(
        Alea,
        |fault| emulator(1, Some(fault)),
        |fault| match fault {
            FaultKind::Stuck | FaultKind::Bias => Shows::InNoise,
            FaultKind::Silent => Shows::As(ErrorKind::TimedOut),
            FaultKind::Empty => Shows::As(ErrorKind::Protocol),
            FaultKind::Halt => Shows::As(ErrorKind::Refused),
            FaultKind::Unplug => Shows::As(ErrorKind::Disconnected),
        },
    );
}
