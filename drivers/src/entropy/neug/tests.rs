//! The driver against the emulator in memory: modes by parity, counters, and every fault.

use qhal::{Device, EntropySource};

use super::emulator::{FaultKind, NeuGEmulator};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open,
};
use crate::fault::FaultName;
use crate::transport::usb::{SharedUsb, UsbEmulator};

fn emulator(seed: u64, fault: Option<FaultKind>) -> NeuGEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    NeuGEmulator::new(&EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn every_mode_keeps_the_promises_of_source_and_driver() {
    for mode in Mode::ALL {
        check_source(NeuG { mode }, |seed| emulator(seed, None));
        check_random_answers(NeuG { mode }, emulator(1, None).blueprint(), 64);
    }
    check_listing(NeuG::default(), emulator(1, None).blueprint(), "cdc_acm");
}

#[test]
fn parity_chooses_the_mode_and_at_the_end_it_is_as_it_starts() {
    for (mode, stage, claim) in [
        (Mode::Conditioned, Stage::Conditioned, 4.0),
        (Mode::Filtered, Stage::Conditioned, 2.1),
        (Mode::Raw, Stage::Raw, 2.1),
    ] {
        let (half, device) = SharedUsb::new(emulator(1, None));
        let mut source = open(NeuG { mode }, half).unwrap();
        assert_eq!((source.stage(), source.claimed_min_entropy().per_sample()), (stage, claim));
        assert_eq!(device.lock().unwrap().mode(), mode);
        fill(&mut source, 3000).unwrap();
        assert_eq!(source.health().unwrap(), Health::Good);
        Box::new(source).close().unwrap();
        assert_eq!(device.lock().unwrap().mode(), Mode::Conditioned);
    }
}

#[test]
fn every_fault_is_an_error_or_bad_noise() {
    check_faults(
        NeuG::default(),
        |fault| emulator(1, Some(fault)),
        |fault| match fault {
            FaultKind::Stuck | FaultKind::Bias => Shows::InNoise,
            FaultKind::Deaf => Shows::InHealth,
            FaultKind::Repetition => Shows::As(ErrorKind::Unhealthy),
            FaultKind::Empty | FaultKind::Silent => Shows::As(ErrorKind::TimedOut),
            FaultKind::Unplug => Shows::As(ErrorKind::Disconnected),
        },
    );
}
