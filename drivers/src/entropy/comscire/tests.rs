//! The driver against the emulator in memory: both chips, and every fault.

use qhal::Device;

use super::emulator::{ComScireEmulator, FaultKind, Model};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::entropy::usb::bench::{
    Shows, check_faults, check_listing, check_random_answers, check_source, fill, open,
};
use crate::fault::FaultName;
use crate::transport::ports::UsbDevice;
use crate::transport::usb::{EmulatedUsb, UsbEmulator};

fn emulator(model: Model, seed: u64, fault: Option<FaultKind>) -> ComScireEmulator {
    let fault = fault.map(|fault| fault.name().to_owned());
    ComScireEmulator::new(model, &EmulatorOptions { seed, fault, ..EmulatorOptions::default() }).unwrap()
}

#[test]
fn both_models_keep_the_promises_of_source_and_driver() {
    for model in [Model::R2000Ku, Model::R32Mu] {
        check_source(ComScire, |seed| emulator(model, seed, None));
        check_listing(ComScire, emulator(model, 1, None).blueprint(), "ftdi_sio");
        check_random_answers(ComScire, emulator(model, 1, None).blueprint(), 64);
    }
}

#[test]
fn the_serial_number_tells_the_model_and_no_other_chip_is_claimed() {
    let model = |product, serial: &str| {
        let wire = EmulatedUsb::new(emulator(Model::R2000Ku, 1, None));
        let device = wire.device().clone();
        let device = UsbDevice { product, serial: Some(serial.to_owned()), ..device };
        IDS.iter().find(|id| id.matches(&device)).map(|id| id.name)
    };
    assert_eq!(model(0x6001, "QWR21234"), Some("ComScire R2000KU"));
    assert_eq!(model(0x6014, "QWR31234"), Some("ComScire R32MU"));
    assert_eq!(model(0x6014, "QWR70001"), Some("ComScire QNG"));
    assert_eq!(model(0x6014, "QWR21234"), None);
    assert_eq!(model(0x6001, "A50285BI"), None);
}

#[test]
fn the_stream_goes_on_after_questions() {
    let mut source = open(ComScire, emulator(Model::R2000Ku, 5, None)).unwrap();
    fill(&mut source, 10_000).unwrap();
    assert_eq!(source.health().unwrap(), Health::Good);
    let properties = source.properties().unwrap();
    assert_eq!(properties[0], Property::text("internal serial", "00001"));
    assert_eq!(properties[1], Property::number("probability of ones", 0.5, ""));
    // Past the next look at the status.
    fill(&mut source, 20 * BLOCK).unwrap();
}

#[test]
fn every_fault_is_an_error_or_bad_noise() {
    let build = |fault| emulator(Model::R2000Ku, 1, Some(fault));
    check_faults(ComScire, build, |fault| match fault {
        FaultKind::Stuck | FaultKind::Bias => Shows::InNoise,
        FaultKind::Statistics => Shows::InHealth,
        FaultKind::Deaf | FaultKind::Silent => Shows::As(ErrorKind::TimedOut),
        FaultKind::Serial | FaultKind::Overrun => Shows::As(ErrorKind::Protocol),
        FaultKind::Unplug => Shows::As(ErrorKind::Disconnected),
    });
    let mut source = open(ComScire, build(FaultKind::Statistics)).unwrap();
    assert!(matches!(source.health().unwrap(), Health::Failed(why) if why.contains("statistics")));
    let error = fill(&mut source, 20 * BLOCK).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unhealthy);
}
