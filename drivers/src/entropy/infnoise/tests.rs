//! The driver against the emulator in memory: the set-up byte by byte, the maker's tests, and every fault.

use qhal::{Device, EntropySource};

use super::emulator::{FaultKind, InfiniteNoiseEmulator};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open, over,
};
use crate::fault::FaultName;
use crate::transport::usb::recorded::{TracingUsb, read_capture};
use crate::transport::usb::{EmulatedUsb, UsbEmulator};

fn emulator(seed: u64, fault: Option<FaultKind>) -> InfiniteNoiseEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    InfiniteNoiseEmulator::new(&EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

const WHITENED: InfiniteNoise = InfiniteNoise { whitening: Whitening::Keccak };

#[test]
fn it_keeps_the_promises_of_source_and_driver() {
    for kind in [InfiniteNoise::default(), WHITENED] {
        check_source(kind, |seed| emulator(seed, None));
        check_random_answers(kind, emulator(1, None).blueprint(), 4);
    }
    check_listing(WHITENED, emulator(1, None).blueprint(), "ftdi_sio");
}

#[test]
fn the_set_up_is_that_of_the_makers_library() {
    let mut wire = TracingUsb::new(EmulatedUsb::new(emulator(1, None)), Vec::new());
    prepare(&mut wire).unwrap();
    let (_, log) = wire.finish().unwrap();
    let text = String::from_utf8(log).unwrap();
    let requests: Vec<&str> = text.lines().filter(|line| line.starts_with('c')).collect();
    assert_eq!(
        requests,
        [
            "c 40 00 00 00 00 00 00 00 >",
            "c 40 09 01 00 00 00 00 00 >",
            "c 40 03 64 00 00 00 00 00 >",
            "c 40 0b ed 04 00 00 00 00 >",
            "c 40 00 01 00 00 00 00 00 >",
            "c 40 00 02 00 00 00 00 00 >",
        ]
    );
    assert_eq!(read_capture(&text).unwrap().len(), requests.len() + 2);
}

#[test]
fn the_model_finds_the_multiplier_as_designed() {
    for seed in 1..=2 {
        let mut source = open(InfiniteNoise::default(), emulator(seed, None)).unwrap();
        fill(&mut source, 20_000).unwrap();
        assert_eq!(source.health().unwrap(), Health::Good);
        let entropy = source.generator().model.entropy_per_bit();
        // log2(1.84) is 0.8797.
        assert!((0.87..0.906).contains(&entropy), "{entropy}");
        assert_eq!(source.generator().slow, 0);
        assert_eq!(source.stage(), Stage::Raw);
    }
}

#[test]
fn every_fault_is_an_error() {
    check_faults(
        InfiniteNoise::default(),
        |fault| emulator(1, Some(fault)),
        |fault| {
            Shows::As(match fault {
                FaultKind::Silent => ErrorKind::TimedOut,
                FaultKind::Unplug => ErrorKind::Disconnected,
                _ => ErrorKind::Unhealthy,
            })
        },
    );
}

#[test]
fn rounds_that_take_too_long_are_thrown_away() {
    // A tenth of the rate: a round takes 17 ms.
    let slow = EmulatorOptions { seed: 1, rate_bytes_per_s: Some(3750), ..EmulatorOptions::default() };
    let error = open(InfiniteNoise::default(), InfiniteNoiseEmulator::new(&slow).unwrap()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unhealthy, "{error}");
}

#[test]
fn whitened_bytes_are_fewer_than_raw_ones() {
    let mut source = over(WHITENED, Box::new(EmulatedUsb::new(emulator(1, None)))).unwrap();
    let mut out = [0; 64];
    let count = source.read(&mut out).unwrap();
    assert!((50..=54).contains(&count), "{count}");
    assert_eq!(source.stage(), Stage::Conditioned);
}
