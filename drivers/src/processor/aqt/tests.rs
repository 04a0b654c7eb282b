//! The driver against the emulator over loopback, with every fault, and its circuits against the maker's models.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use proptest::prelude::*;
use qhal::processor::{Wanted, wait as wait_for};
use serde_json::json;

use super::emulator::{Emulator, FaultKind};
use super::protocol::{circuit as written, counts, progress, read_circuit, word};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::fault::FaultName;
use crate::processor::machine::testing::Expected;
use crate::processor::machine::{Machine, SharedMachine};
use crate::transport::Served;
use crate::transport::https::server::HttpsServer;
use crate::transport::https::{Limits, Trust};
use qhal::Circuit;

fn serve(fault: Option<FaultKind>) -> (HttpsServer, Aqt) {
    let fault = fault.map(|fault| fault.name().to_owned());
    let options =
        EmulatorOptions { fault, machine: Some(SharedMachine::new(Expected)), ..EmulatorOptions::default() };
    let server = Emulator::serve(&options).unwrap();
    let ca = server.details()[0].1.clone();
    let limits = Limits { call: Duration::from_secs(5), ..Limits::default() };
    let settings = Settings { limits, ..Settings::new(Trust::File(ca.into())) };
    (server, Aqt::new(Options { https: Some(settings) }))
}

fn open(driver: &Aqt, address: &Address) -> Result<Box<dyn Processor>> {
    match driver.open(&driver.identify(address)?)? {
        OpenDevice::Processor(processor) => Ok(processor),
        other => panic!("{other:?}"),
    }
}

fn pause(_: &JobState) -> ControlFlow<()> {
    std::thread::sleep(Duration::from_millis(1));
    ControlFlow::Continue(())
}

/// x on the second qubit; the first is read into bit 1 and the second into bit 0.
fn crossed() -> Circuit {
    let mut circuit = Circuit::with_size(3, 2);
    circuit.gate(Gate::R, &[PI, 0.0], &[1]).unwrap().measure(0, 1).unwrap().measure(1, 0).unwrap();
    circuit
}

fn job(circuit: Circuit) -> Job {
    Job { program: Program::Circuit(circuit), shots: 20, seed: None, wanted: Wanted::default() }
}

#[test]
fn it_keeps_the_promises_of_processor_and_driver() {
    let (server, driver) = serve(None);
    let address = server.address();
    assert!(driver.recognises(&address) && !Aqt::default().recognises(&address));
    qhal::conformance::driver::check(&driver, &"serial:/dev/nowhere".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &driver.identify(&address).unwrap()).unwrap();
    let mut processor = open(&driver, &address).unwrap();
    qhal::conformance::processor::check(processor.as_mut(), &mut pause).unwrap();
}

#[test]
fn bits_are_where_the_program_wants_them() {
    let (server, driver) = serve(None);
    let mut processor = open(&driver, &server.address()).unwrap();
    assert_eq!(processor.descriptor().model, "AQT emulator, 12 ions");
    let id = processor.submit(job(crossed())).unwrap();
    let result = wait_for(processor.as_mut(), &id, &mut pause).unwrap();
    let found: Vec<_> = result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect();
    assert_eq!(found, [("01".to_owned(), 20)]);
    assert_eq!(result.provenance, Provenance::Unverified);
}

#[test]
fn every_fault_is_one_clear_error() {
    for (fault, kind, words) in [
        (FaultKind::Failed, ErrorKind::Refused, "an ion was lost"),
        (FaultKind::FewShots, ErrorKind::Protocol, "19 shots came where 20"),
        (FaultKind::ShortShots, ErrorKind::Protocol, "2 bits where 3 qubits"),
        (FaultKind::Levels, ErrorKind::Protocol, "2 is no bit"),
        (FaultKind::Status, ErrorKind::Protocol, "pondering"),
        (FaultKind::Name, ErrorKind::Protocol, "is no name"),
        (FaultKind::Garbage, ErrorKind::Protocol, "not JSON"),
        (FaultKind::Cut, ErrorKind::Disconnected, ""),
        (FaultKind::Denied, ErrorKind::PermissionDenied, ""),
        (FaultKind::Busy, ErrorKind::Busy, ""),
        (FaultKind::Forgets, ErrorKind::NotFound, "no such job"),
    ] {
        let (server, driver) = serve(Some(fault));
        let run = || {
            let mut processor = open(&driver, &server.address())?;
            let id = processor.submit(job(crossed()))?;
            wait_for(processor.as_mut(), &id, &mut pause)
        };
        let error = run().unwrap_err();
        assert_eq!(error.kind(), kind, "{}: {error}", fault.name());
        assert!(error.to_string().contains(words), "{}: {error}", fault.name());
    }
    // A job that never ends is given up by whoever waits.
    let (server, driver) = serve(Some(FaultKind::Endless));
    let mut processor = open(&driver, &server.address()).unwrap();
    let id = processor.submit(job(crossed())).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), JobState::Running));
    processor.cancel(&id).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), JobState::Cancelled));
}

#[test]
fn what_the_maker_s_own_client_sent_is_read() {
    // Seen on the wire of qiskit-aqt-provider 2.0.1: h on 0, cx from 0 to 1, all measured.
    let body = json!({"repetitions": 10, "number_of_qubits": 2, "quantum_circuit": [
        {"operation": "R", "qubit": 0, "theta": 1.0, "phi": 0.0}, {"operation": "RXX", "qubits": [0, 1], "theta": 0.5},
        {"operation": "RZ", "qubit": 0, "phi": -0.5}, {"operation": "R", "qubit": 0, "theta": 0.5, "phi": 1.0},
        {"operation": "R", "qubit": 1, "theta": 0.5, "phi": 1.0}, {"operation": "MEASURE"}]});
    let (circuit, shots) = read_circuit(body.to_string().as_bytes()).unwrap();
    assert_eq!((circuit.len(), shots), (7, 10));
    let found: Vec<_> =
        Expected.run(&circuit, shots).unwrap().iter().map(|(bits, n)| (bits.to_string(), *n)).collect();
    assert_eq!(found, [("00".to_owned(), 5), ("11".to_owned(), 5)]);
    for (change, words) in [
        (json!({"operation": "R", "qubit": 0, "theta": 1.5, "phi": 0.0}), "theta"),
        (json!({"operation": "R", "qubit": 0, "theta": -0.5, "phi": 0.0}), "theta"),
        (json!({"operation": "RXX", "qubits": [0, 1], "theta": 0.75}), "theta"),
        (json!({"operation": "R", "qubit": 2, "theta": 0.5, "phi": 0.0}), "qubit"),
        (json!({"operation": "RZ", "qubit": 0, "phi": 0.5, "theta": 0.5}), "no 'theta'"),
        (json!({"operation": "MEASURE"}), "before the end"),
    ] {
        let mut other = body.clone();
        other["quantum_circuit"][0] = change;
        let error = read_circuit(other.to_string().as_bytes()).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn what_an_ion_trap_does_not_do_is_refused() {
    let refused = |change: &dyn Fn(&mut Circuit)| {
        let mut circuit = Circuit::with_size(2, 2);
        change(&mut circuit);
        assert_eq!(written(&circuit, 1).unwrap_err().kind(), ErrorKind::Unsupported);
    };
    refused(&|c| _ = c.gate(Gate::H, &[], &[0]).unwrap());
    refused(&|c| _ = c.reset(0).unwrap());
    refused(&|c| _ = c.measure(0, 0).unwrap().gate(Gate::Rz, &[1.0], &[0]).unwrap());
    refused(&|c| (0..2000).for_each(|_| _ = c.gate(Gate::Rz, &[1.0], &[0]).unwrap()));
}

proptest! {
    /// Whatever the angles, what is sent is in the maker's ranges and does the same.
    #[test]
    fn angles_are_brought_into_range(gates in proptest::collection::vec((0..3usize, -20.0..20.0f64, -20.0..20.0f64, 0..2u32), 1..12)) {
        let mut circuit = Circuit::with_size(2, 2);
        for (kind, first, second, qubit) in gates {
            match kind {
                0 => circuit.gate(Gate::R, &[first, second], &[qubit]),
                1 => circuit.gate(Gate::Rz, &[first], &[qubit]),
                _ => circuit.gate(Gate::Rxx, &[first], &[qubit, 1 - qubit]),
            }.unwrap();
        }
        circuit.measure_all().unwrap();
        let (document, _) = written(&circuit, 2000).unwrap();
        let (read, shots) = read_circuit(document.to_string().as_bytes()).unwrap();
        let many = 1 << 40;
        let (before, after) = (Expected.run(&circuit, many).unwrap(), Expected.run(&read, many).unwrap());
        prop_assert_eq!(shots, 2000);
        for (outcome, count) in &before {
            let other = after.iter().find(|(known, _)| known == outcome).map_or(0, |(_, count)| *count);
            prop_assert!(count.abs_diff(other) < 1 << 10, "{:?} {:?}", before, after);
        }
    }

    #[test]
    fn no_answer_is_a_reason_to_panic(body in proptest::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        for body in [body.as_slice(), text.as_bytes()] {
            let _ = (progress(body), word(body), read_circuit(body), protocol::ions(body));
        }
    }
}

#[test]
fn shots_without_the_asked_bits_are_no_counts() {
    assert!(counts(&[vec![0, 1]], &vec![(0, 1)], 1, 2, 1).is_ok());
    assert!(counts(&[vec![0, 1]], &vec![(0, 1)], 1, 2, 2).is_err());
    assert!(counts(&[vec![0]], &vec![(0, 1)], 1, 2, 1).is_err());
}
