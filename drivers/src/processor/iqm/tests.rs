//! The driver against the emulator over loopback, with every fault.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use proptest::prelude::*;
use qhal::processor::{Couplings, Wanted, wait as wait_for};
use qhal::{Circuit, Gate};
use serde_json::json;

use super::emulator::{Emulator, FaultKind, QUBITS};
use super::*;
use crate::catalogue::EmulatorOptions;
use crate::fault::FaultName;
use crate::processor::machine::SharedMachine;
use crate::processor::machine::testing::Expected;
use crate::transport::Served;
use crate::transport::https::server::HttpsServer;
use crate::transport::https::{Limits, Trust};

fn serve(fault: Option<FaultKind>) -> (HttpsServer, Iqm) {
    let fault = fault.map(|fault| fault.name().to_owned());
    let options =
        EmulatorOptions { fault, machine: Some(SharedMachine::new(Expected)), ..EmulatorOptions::default() };
    let server = Emulator::serve(&options).unwrap();
    let ca = server.details()[0].1.clone();
    let limits = Limits { call: Duration::from_secs(5), ..Limits::default() };
    let settings = Settings { limits, ..Settings::new(Trust::File(ca.into())) };
    (server, Iqm::new(Options { https: Some(settings), quantum_computer: None }))
}

fn open(driver: &Iqm, address: &Address) -> Result<Box<dyn Processor>> {
    match driver.open(&driver.identify(address)?)? {
        OpenDevice::Processor(processor) => Ok(processor),
        other => panic!("{other:?}"),
    }
}

fn pause(_: &JobState) -> ControlFlow<()> {
    std::thread::sleep(Duration::from_millis(5));
    ControlFlow::Continue(())
}

/// x on the fourth qubit; it is read into bit 0, and the third into bit 1.
fn crossed() -> Circuit {
    let mut circuit = Circuit::with_size(4, 3);
    circuit.gate(Gate::R, &[PI, 0.0], &[3]).unwrap().gate(Gate::Cz, &[], &[2, 3]).unwrap();
    circuit.measure(3, 0).unwrap().measure(2, 1).unwrap();
    circuit
}

fn job(circuit: Circuit) -> Job {
    Job { program: Program::Circuit(circuit), shots: 20, seed: None, wanted: Wanted::default() }
}

#[test]
fn it_keeps_the_promises_of_processor_and_driver() {
    let (server, driver) = serve(None);
    let address = server.address();
    assert!(driver.recognises(&address) && !Iqm::default().recognises(&address));
    qhal::conformance::driver::check(&driver, &"serial:/dev/nowhere".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&driver, &driver.identify(&address).unwrap()).unwrap();
    let mut processor = open(&driver, &address).unwrap();
    qhal::conformance::processor::check(processor.as_mut(), &mut pause).unwrap();
}

#[test]
fn what_the_server_says_becomes_capabilities() {
    for fault in [None, Some(FaultKind::NoMetrics)] {
        let (server, driver) = serve(fault);
        let mut processor = open(&driver, &server.address()).unwrap();
        assert_eq!(processor.descriptor().model, "IQM star, 5 qubits");
        assert_eq!(processor.queue().unwrap().jobs, Some(0));
        assert_eq!(processor.health().unwrap(), Health::Good);
        let capabilities = processor.capabilities();
        assert_eq!(capabilities.couplings, Couplings::Pairs(vec![(0, 2), (1, 2), (3, 2), (4, 2)]));
        let known = fault.is_none();
        assert_eq!(capabilities.qubits.len(), QUBITS.len());
        assert_eq!(capabilities.qubits[3].t1, known.then_some(Duration::from_micros(43)));
        assert_eq!(capabilities.qubits[0].t2, known.then_some(Duration::from_micros(20)));
        let readout = capabilities.qubits[4].readout_error;
        assert_eq!(readout.map(|error| (error * 1000.0).round()), known.then_some(26.0));
        let [single, pair] = capabilities.native_gates.as_slice() else { panic!("{capabilities:?}") };
        assert_eq!((single.gate, single.sites.len()), (Gate::R, 5));
        assert_eq!((pair.gate, pair.sites[2].fidelity), (Gate::Cz, known.then_some(0.993)));
    }
}

#[test]
fn bits_are_where_the_program_wants_them() {
    let (server, driver) = serve(None);
    let mut processor = open(&driver, &server.address()).unwrap();
    let id = processor.submit(job(crossed())).unwrap();
    let result = wait_for(processor.as_mut(), &id, &mut pause).unwrap();
    let found: Vec<_> = result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect();
    assert_eq!(found, [("001".to_owned(), 20)]);
    // A job that was submitted is found again by its name, by another opening.
    let id = processor.submit(job(crossed())).unwrap();
    processor.close().unwrap();
    let mut again = open(&driver, &server.address()).unwrap();
    again.resume(&id, &job(crossed())).unwrap();
    assert_eq!(wait_for(again.as_mut(), &id, &mut pause).unwrap().counts, result.counts);
    let error = again.resume(&JobId("../x".to_owned()), &job(crossed())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn every_fault_is_one_clear_error() {
    for (fault, kind, words) in [
        (FaultKind::Failed, ErrorKind::Refused, "the fridge is warm"),
        (FaultKind::FewShots, ErrorKind::Protocol, "19 in all, and 20 shots"),
        (FaultKind::ShortKeys, ErrorKind::Protocol, "no outcome of 2 bits"),
        (FaultKind::OtherKey, ErrorKind::Protocol, "one measurement"),
        (FaultKind::Status, ErrorKind::Protocol, "pondering"),
        (FaultKind::Name, ErrorKind::Protocol, "no name of the job"),
        (FaultKind::Stranger, ErrorKind::Protocol, "'prx' is calibrated on qubits that there are not"),
        (FaultKind::TooGood, ErrorKind::Protocol, "is 1.25"),
        (FaultKind::Resonator, ErrorKind::Unsupported, "resonators"),
        (FaultKind::Garbage, ErrorKind::Protocol, "not JSON"),
        (FaultKind::Cut, ErrorKind::Disconnected, ""),
        (FaultKind::Denied, ErrorKind::PermissionDenied, ""),
        (FaultKind::Busy, ErrorKind::Busy, ""),
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
    assert!(matches!(processor.poll(&id).unwrap(), JobState::Queued { ahead: Some(4) }));
    processor.cancel(&id).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), JobState::Cancelled));
}

#[test]
fn machines_are_chosen_by_name() {
    let (server, driver) = serve(None);
    let named = |name: &str| {
        let mut options = driver.options.clone();
        options.quantum_computer = Some(name.to_owned());
        Iqm::new(options).identify(&server.address())
    };
    assert!(named("star").is_ok());
    let error = named("garnet").unwrap_err();
    assert!(error.message().contains("no machine garnet: it has star"), "{error}");
    let two = [Machine { id: "1".into(), alias: "a".into() }, Machine { id: "2".into(), alias: "b".into() }];
    let error = driver.choose(two.to_vec()).unwrap_err();
    assert!(error.message().contains("several machines (a, b)"), "{error}");
}

#[test]
fn circuits_are_sent_in_the_server_s_words() {
    let (server, driver) = serve(None);
    let machine = {
        let processor = driver.connect(&server.address()).unwrap();
        processor.architecture
    };
    let (document, meaning) = protocol::circuit(&crossed(), &machine, 20).unwrap();
    assert_eq!(meaning, [0, 1]);
    assert_eq!(
        document["circuits"][0]["instructions"],
        json!([
            {"name": "prx", "locus": ["QB4"], "args": {"angle": PI, "phase": 0.0}},
            {"name": "cz", "locus": ["QB4", "QB3"], "args": {}},
            {"name": "measure", "locus": ["QB4", "QB3"], "args": {"key": "m"}},
        ])
    );
    let refused = |change: &dyn Fn(&mut Circuit), words: &str| {
        let mut circuit = Circuit::with_size(5, 5);
        change(&mut circuit);
        let error = protocol::circuit(&circuit, &machine, 1).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    };
    refused(&|c| _ = c.gate(Gate::H, &[], &[0]).unwrap(), "the gate h");
    refused(&|c| _ = c.gate(Gate::Cz, &[], &[0, 1]).unwrap(), "cz on qubits [0, 1]");
    refused(&|c| _ = c.reset(0).unwrap(), "'reset'");
    refused(&|c| _ = c.measure(0, 0).unwrap().measure(0, 1).unwrap(), "after it has been measured");
}

#[test]
fn every_word_for_a_status_is_known() {
    use protocol::{Progress, progress};
    let of = |word: &str| progress(json!({"status": word}).to_string().as_bytes()).unwrap();
    for word in ["received", "queued", "waiting"] {
        assert_eq!(of(word), Progress::Queued(None));
    }
    for word in [
        "accepted",
        "processing",
        "validation_started",
        "fetch_calibration_ended",
        "compilation_started",
        "compiled",
        "pending compilation",
        "pending_execution",
        "execution_started",
        "post_processing_ended",
        "running",
    ] {
        assert_eq!(of(word), Progress::Running, "{word}");
    }
    assert_eq!((of("ready"), of("completed")), (Progress::Done, Progress::Done));
    assert_eq!((of("aborted"), of("cancelled")), (Progress::Cancelled, Progress::Cancelled));
    assert_eq!(of("failed"), Progress::Failed(None));
}

proptest! {
    #[test]
    fn no_answer_is_a_reason_to_panic(body in proptest::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        for body in [body.as_slice(), text.as_bytes()] {
            let _ = (protocol::machines(body), protocol::job_name(body), protocol::progress(body));
            let _ = (protocol::counts(body, &[0], 1, 1), protocol::queue_length(body));
            let _ = protocol::architecture(body, body, Some(body), 1);
        }
    }
}
