//! The driver against the emulator in memory: set-up, folds, and every fault.

use qhal::EntropySource;

use super::emulator::{BitBabblerEmulator, FaultKind};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open,
};
use crate::fault::FaultName;
use crate::transport::usb::recorded::TracingUsb;
use crate::transport::usb::{EmulatedUsb, UsbEmulator};

fn emulator(name: &str, seed: u64, fault: Option<FaultKind>) -> BitBabblerEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    BitBabblerEmulator::new(name, &EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    for (name, folds) in [("White RNG", 0), ("Black RNG", 3)] {
        let kind = BitBabbler { folds };
        check_source(kind, |seed| emulator(name, seed, None));
        check_listing(kind, emulator(name, 1, None).blueprint(), "ftdi_sio");
        check_random_answers(kind, emulator(name, 1, None).blueprint(), 64);
    }
}

#[test]
fn the_set_up_is_that_of_the_makers_software() {
    let mut wire = TracingUsb::new(EmulatedUsb::new(emulator("White RNG", 1, None)), Vec::new());
    let mut babbler = BitBabbler::default().start(&mut wire, &IDS[0]).unwrap();
    babbler.release(&mut wire).unwrap();
    let text = String::from_utf8(wire.finish().unwrap().1).unwrap();
    let ours: Vec<&str> = text.lines().filter(|line| !line.starts_with("b 81")).collect();
    assert_eq!(
        ours,
        [
            "c 40 00 00 00 01 00 00 00 >",
            "c 40 00 01 00 01 00 00 00 >",
            "c 40 06 00 00 01 00 00 00 >",
            "c 40 07 00 00 01 00 00 00 >",
            "c 40 09 03 00 01 00 00 00 >",
            "c 40 02 00 00 01 01 00 00 >",
            "c 40 0b 00 00 01 00 00 00 >",
            "c 40 0b 00 02 01 00 00 00 >",
            "c c0 05 00 00 01 00 02 00 < 32 60",
            "b 02 > aa 87",
            "b 02 > ab 87",
            "b 02 > 8a 97 8d 80 00 0b 82 00 00 86 0b 00 85",
            "c 40 00 01 00 01 00 00 00 >",
            "c 40 00 01 00 01 00 00 00 >",
            "c 40 00 02 00 01 00 00 00 >",
            "c 40 0b 00 00 01 00 00 00 >",
            "c 40 00 00 00 01 00 00 00 >",
        ]
    );
}

#[test]
fn claims_grow_with_the_folds_and_blocks_shrink() {
    let claim = |name, folds| {
        let source = open(BitBabbler { folds }, emulator(name, 1, None)).unwrap();
        (source.claimed_min_entropy().per_sample(), source.stage())
    };
    let (white, black) = (claim("White RNG", 0), claim("Black RNG", 0));
    assert_eq!((white.1, black.1), (Stage::Raw, Stage::Raw));
    assert!((white.0 - 1.9325).abs() < 1e-9 && (black.0 - 0.483_125).abs() < 1e-9);
    assert_eq!(claim("White RNG", 1), (3.865, Stage::Conditioned));
    assert_eq!(claim("Black RNG", 8), (3.865, Stage::Conditioned));
    assert_eq!(
        open(BitBabbler { folds: 9 }, emulator("White RNG", 1, None)).err().unwrap().kind(),
        ErrorKind::InvalidInput
    );
    let mut folded = open(BitBabbler { folds: 3 }, emulator("Black RNG", 1, None)).unwrap();
    assert_eq!(folded.read(&mut [0; BLOCK]).unwrap(), BLOCK / 8);
    fill(&mut folded, 3000).unwrap();
}

#[test]
fn every_fault_is_an_error_or_bad_noise() {
    check_faults(
        BitBabbler::default(),
        |fault| emulator("White RNG", 1, Some(fault)),
        |fault| match fault {
            FaultKind::Stuck | FaultKind::Bias => Shows::InNoise,
            FaultKind::Deaf | FaultKind::Silent => Shows::As(ErrorKind::TimedOut),
            FaultKind::Engine | FaultKind::Overrun | FaultKind::Surplus => Shows::As(ErrorKind::Protocol),
            FaultKind::Unplug => Shows::As(ErrorKind::Disconnected),
        },
    );
}
