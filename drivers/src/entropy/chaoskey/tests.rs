//! The driver against the emulator in memory, on both endpoints and with every fault.

use qhal::EntropySource;

use super::emulator::{ChaosKeyEmulator, FaultKind};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open,
};
use crate::fault::FaultName;
use crate::transport::usb::UsbEmulator;

const RAW: ChaosKey = ChaosKey { output: Output::Raw };

fn emulator(seed: u64, fault: Option<FaultKind>) -> ChaosKeyEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    ChaosKeyEmulator::new(&EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    check_source(ChaosKey::default(), |seed| emulator(seed, None));
    check_source(RAW, |seed| emulator(seed, None));
    check_listing(RAW, emulator(1, None).blueprint(), "chaoskey");
    check_random_answers(ChaosKey::default(), emulator(1, None).blueprint(), 64);
    check_random_answers(RAW, emulator(1, None).blueprint(), 64);
}

#[test]
fn whitened_and_raw_are_told_apart() {
    let whitened = open(ChaosKey::default(), emulator(1, None)).unwrap();
    let mut raw = open(RAW, emulator(1, None)).unwrap();
    assert_eq!((whitened.stage(), raw.stage()), (Stage::Conditioned, Stage::Raw));
    assert!(raw.claimed_min_entropy().per_sample() < whitened.claimed_min_entropy().per_sample());
    assert_eq!(fill(&mut raw, 32).unwrap().len(), 32);
}

#[test]
fn every_fault_is_an_error_or_bad_noise() {
    for kind in [ChaosKey::default(), RAW] {
        check_faults(
            kind,
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
}
