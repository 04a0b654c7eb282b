//! The processor suite on processors in memory: with all gates, with few, with noise, with text, and wrong ones.

use std::ops::ControlFlow;
use std::time::Duration;

use qhal::circuit::{Circuit, Gate};
use qhal::conformance::{Violation, device, processor, processor::*};
use qhal::processor::{
    Capabilities, Couplings, Features, GateSite, NativeGate, Program, ProgramFormat, QubitProperties,
};
use qhal::{Address, JobState, Kind, Processor, Provenance};

use crate::all_caught;
use crate::processor_in_memory::{Fault, Memory, gives_up, memory, natives};

fn go_on(_: &JobState) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn check(processor: &mut Memory) -> Result<(), Violation> {
    // A job that has not ended after this many polls never will.
    let mut polls = 0;
    processor::check(processor, &mut |_| {
        polls += 1;
        if polls > 10_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

fn site(qubits: &[u32], fidelity: f64) -> GateSite {
    GateSite { qubits: qubits.to_vec(), duration: Some(Duration::from_nanos(40)), fidelity: Some(fidelity) }
}

#[test]
fn a_processor_that_can_do_everything_passes() {
    check(&mut memory(Fault::None)).unwrap();
}

#[test]
fn a_processor_that_keeps_jobs_passes() {
    let mut keeper = memory(Fault::None);
    keeper.keeps = true;
    check(&mut keeper).unwrap();
}

#[test]
fn a_processor_that_takes_its_time_passes() {
    let mut slow = memory(Fault::None);
    slow.polls = 5;
    check(&mut slow).unwrap();
    slow.polls = 1;
    assert_eq!(processor::check(&mut slow, &mut gives_up).unwrap_err().promise, ENDS);
}

#[test]
fn processors_of_every_common_gate_set_pass() {
    use Gate::*;
    let sets: [&[Gate]; 12] = [
        &[Rz, Sx, X, Cx],
        &[Rz, Sx, X, Ecr],
        &[Rz, Sx, Cz],
        &[R, Rz, Cz],
        &[R, Rz, Rxx],
        &[U3, Ryy],
        &[U, Cz],
        &[U2, U1, Cx],
        &[Rx, Ry, Rz, Rzz],
        &[H, Z, Rzx],
        &[Y, H, Cz],
        &[Sxdg, Rz, Iswap],
    ];
    for set in sets {
        let mut line = memory(Fault::None);
        line.capabilities.native_gates = natives(set.iter().copied());
        line.capabilities.couplings = Couplings::Pairs(vec![(1, 2), (2, 1), (2, 3)]);
        check(&mut line).unwrap_or_else(|violation| panic!("{set:?}: {violation}"));
    }
}

#[test]
fn a_noisy_machine_that_gives_counts_alone_passes() {
    let mut machine = memory(Fault::None);
    machine.noise = 8;
    machine.descriptor.provenance = Provenance::Unverified;
    machine.descriptor.address = Address::Tcp { host: "machine".into(), port: 1 };
    machine.capabilities = Capabilities {
        qubits: vec![
            QubitProperties {
                t1: Some(Duration::from_micros(30)),
                t2: Some(Duration::from_micros(20)),
                readout_error: Some(0.08)
            };
            3
        ],
        native_gates: vec![
            NativeGate { gate: Gate::R, sites: vec![site(&[1], 0.999), site(&[2], 1.0)] },
            NativeGate { gate: Gate::Cz, sites: vec![site(&[2, 1], 0.99)] },
        ],
        couplings: Couplings::Pairs(vec![(0, 1), (2, 1)]),
        features: Features::default(),
        formats: vec![ProgramFormat::Circuit, ProgramFormat::QirBaseText],
        max_shots: 500,
    };
    check(&mut machine).unwrap();
    // So few shots that chance decides must not be held against it.
    machine.noise = 0;
    machine.capabilities.max_shots = 1;
    check(&mut machine).unwrap();
}

#[test]
fn one_qubit_is_enough() {
    let mut one = memory(Fault::None);
    one.capabilities.qubits.truncate(1);
    one.capabilities.native_gates = natives([Gate::H, Gate::T, Gate::X]);
    check(&mut one).unwrap();
}

#[test]
fn a_processor_of_text_passes_with_somebody_to_write_it() {
    let mut text = memory(Fault::None);
    text.polls = 1;
    text.capabilities.formats = vec![ProgramFormat::OpenQasm3];
    // Without, only the refusals are checked.
    check(&mut text).unwrap();
    let library = text.library.clone();
    let write = &mut |circuit: &Circuit| {
        let mut library = library.lock().unwrap();
        library.push(circuit.clone());
        Program::Text { format: ProgramFormat::OpenQasm3, text: (library.len() - 1).to_string() }
    };
    check_with(&mut text, write, &mut go_on).unwrap();
    for fault in [Fault::TakesUnlisted, Fault::TakesUnlistedCircuits] {
        let mut wrong = memory(fault);
        wrong.capabilities.formats = vec![ProgramFormat::OpenQasm3];
        assert_eq!(check(&mut wrong).unwrap_err().promise, UNLISTED);
    }
}

#[test]
fn a_processor_is_checked_as_a_device_too() {
    let mut wrong = memory(Fault::None);
    wrong.descriptor.kind = Kind::Entropy;
    assert_eq!(check(&mut wrong).unwrap_err().promise, device::KIND);
}

#[test]
fn a_processor_that_is_not_simulated_may_draw_as_it_likes() {
    let mut machine = memory(Fault::OwnSeed);
    assert_eq!(check(&mut machine).unwrap_err().promise, SEED);
    machine.descriptor.provenance = Provenance::Hardware;
    machine.descriptor.address = Address::File { path: "/dev/machine".into() };
    check(&mut machine).unwrap();
}

type Change = fn(&mut Capabilities);

/// What is wrong with a processor: what it says, or what it does.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Says(Change),
    Does(Fault),
}

/// Wrong capabilities, and the promise that each breaks.
fn incapable() -> Vec<(&'static str, Wrong)> {
    let list: [(&'static str, Change); 19] = [
        (QUBITS, |c| c.qubits.clear()),
        (QUBITS, |c| c.max_shots = 0),
        (READOUT, |c| c.qubits[4].readout_error = Some(1.5)),
        (READOUT, |c| c.qubits[0].readout_error = Some(f64::NAN)),
        (COUPLINGS, |c| c.couplings = Couplings::Pairs(vec![(0, 1), (0, 5)])),
        (COUPLINGS, |c| c.couplings = Couplings::Pairs(vec![(1, 1)])),
        (COUPLINGS, |c| c.couplings = Couplings::Pairs(vec![(0, 1), (0, 1)])),
        (NATIVE, |c| c.native_gates.extend(natives([Gate::H]))),
        (NATIVE, |c| c.native_gates[3].sites = vec![site(&[5], 1.0)]),
        (NATIVE, |c| c.native_gates[3].sites = vec![site(&[0, 1], 1.0)]),
        (NATIVE, |c| c.native_gates[3].sites = vec![site(&[0], 1.0), site(&[0], 0.9)]),
        (NATIVE, |c| {
            c.native_gates = vec![NativeGate { gate: Gate::Cx, sites: vec![site(&[2, 2], 1.0)] }];
        }),
        (FIDELITY, |c| c.native_gates[3].sites = vec![site(&[0], 99.9)]),
        (FIDELITY, |c| c.native_gates[3].sites = vec![site(&[0], f64::NAN)]),
        (SITES, |c| {
            c.couplings = Couplings::Pairs(vec![(0, 1)]);
            c.native_gates.retain(|native| native.gate != Gate::Cx);
            c.native_gates.push(NativeGate { gate: Gate::Cx, sites: vec![site(&[1, 0], 1.0)] });
        }),
        (FORMATS, |c| c.formats.clear()),
        (FORMATS, |c| c.formats.push(ProgramFormat::Circuit)),
        (FLIPS, |c| c.native_gates.clear()),
        (FLIPS, |c| c.native_gates = natives([Gate::Rz, Gate::Cz, Gate::Swap])),
    ];
    list.into_iter().map(|(promise, change)| (promise, Wrong::Says(change))).collect()
}

#[test]
fn every_wrong_processor_is_caught() {
    let faults = [
        (CAPABILITIES_STAY, Fault::CapabilitiesChange),
        (ACCEPTS, Fault::Refuses),
        (ENDS, Fault::Fails),
        (ENDS, Fault::NeverEnds),
        (NAMES, Fault::OneName),
        (PROVENANCE, Fault::SaysHardware),
        (TOTAL, Fault::SaysMoreShots),
        (TOTAL, Fault::LosesAShot),
        (COUNTS, Fault::CountsZeros),
        (COUNTS, Fault::CountsDescend),
        (COUNTS, Fault::CountsWide),
        (BIT_ORDER, Fault::BitsReversed),
        (BIT_ORDER, Fault::UnmeasuredIs1),
        (BELL, Fault::Entangles(false)),
        (BELL, Fault::Entangles(true)),
        (MID_CIRCUIT, Fault::MeasuresAtTheEnd),
        (RESET, Fault::NoReset),
        (CONDITION, Fault::IgnoresConditions),
        (CONDITION, Fault::NeverMeetsConditions),
        (UNITARY, Fault::TransposesMatrices),
        (UNITARY, Fault::QubitsReversedInMatrices),
        (WANTED, Fault::ExactUnasked),
        (WANTED, Fault::NoProbabilities),
        (PROBABILITIES, Fault::ProbabilitiesReversed),
        (PROBABILITIES, Fault::ProbabilitiesWithZeros),
        (PROBABILITIES, Fault::ProbabilitiesTooLarge),
        (STATE, Fault::StateReversed),
        (STATE, Fault::StateShort),
        (STATE, Fault::StateLong),
        (GATES, Fault::TurnsTBack),
        (NO_SHOTS, Fault::NeedsShots),
        (SEED, Fault::OwnSeed),
        (SEED, Fault::OneSeed),
        (ZERO_SHOTS, Fault::TakesNoShots),
        (TOO_MANY_SHOTS, Fault::TakesAnyShots),
        (TOO_LARGE, Fault::TakesAnySize),
        (UNLISTED, Fault::TakesUnlisted),
        (UNLISTED, Fault::UnlistedIsInvalid),
        (NO_PROGRAM, Fault::TakesAnyText),
        (NO_PROGRAM, Fault::TakesTextAsCircuit),
        (NO_PROGRAM, Fault::TextIsUnsupported),
        (UNKNOWN, Fault::UnknownRuns),
        (UNKNOWN, Fault::UnknownIsInvalid),
        (UNKNOWN, Fault::CancelsUnknown),
        (RESUMES, Fault::ResumesUnknown),
        (RESUMES, Fault::ResumeIsUnsupported),
        (ONCE, Fault::Remembers),
        (ONCE, Fault::CancelsAfterTheEnd),
        (ONCE, Fault::RunsAfterTheEnd),
        (CANCELS, Fault::CannotCancel),
        (CANCELS, Fault::CancelIsFailure),
    ];
    let faults = faults.into_iter().map(|(promise, fault)| (promise, Wrong::Does(fault))).chain(incapable());
    all_caught(PROMISES, faults, |wrong| match wrong {
        Wrong::Does(fault) => check(&mut memory(*fault)),
        Wrong::Says(change) => {
            let mut processor = memory(Fault::None);
            change(&mut processor.capabilities);
            check(&mut processor)
        }
    });
}

#[test]
fn every_feature_that_is_not_listed_is_tried() {
    let without: [fn(&mut Features); 6] = [
        |features| features.mid_circuit_measurement = false,
        |features| features.reset = false,
        |features| features.conditions = false,
        |features| features.unitaries = false,
        |features| features.probabilities = false,
        |features| features.state = false,
    ];
    for (index, without) in without.into_iter().enumerate() {
        let mut right = memory(Fault::None);
        without(&mut right.capabilities.features);
        check(&mut right).unwrap();
        let mut wrong = memory(Fault::TakesUnlisted);
        wrong.capabilities.formats = vec![
            ProgramFormat::Circuit,
            ProgramFormat::OpenQasm2,
            ProgramFormat::OpenQasm3,
            ProgramFormat::QirBaseText,
        ];
        without(&mut wrong.capabilities.features);
        assert_eq!(check(&mut wrong).unwrap_err().promise, UNLISTED, "feature {index}");
        assert!(wrong.capabilities().formats.len() == 4);
    }
}
