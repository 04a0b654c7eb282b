//! What a processor refuses: too much, too little, what it does not list, and jobs that it does not know.

use super::bench::Bench;
use super::programs::{build, find_flip, measured};
use super::{NO_PROGRAM, RESUMES, TOO_LARGE, TOO_MANY_SHOTS, UNKNOWN, UNLISTED, ZERO_SHOTS};
use crate::circuit::{BitString, Circuit, Condition, Matrix, Operation};
use crate::conformance::{Violation, refusal, require};
use crate::processor::{Program, ProgramFormat, Wanted};
use crate::{ErrorKind, Job, JobId, JobState};

const TOO_MUCH: [ErrorKind; 4] =
    [ErrorKind::Exhausted, ErrorKind::Unsupported, ErrorKind::InvalidInput, ErrorKind::Refused];

/// Too much, too little, and what is not listed.
pub(super) fn check(bench: &mut Bench<'_>) -> Result<(), Violation> {
    check_shots(bench)?;
    check_size(bench)?;
    check_features(bench)?;
    check_formats(bench)
}

pub(super) fn check_unknown(bench: &mut Bench<'_>) -> Result<(), Violation> {
    for name in ["never submitted", ""] {
        let id = JobId(name.to_owned());
        let poll = bench.processor.poll(&id);
        refusal(UNKNOWN, &format!("poll of '{id}'"), poll, &[ErrorKind::NotFound])?;
        let cancel = bench.processor.cancel(&id);
        refusal(UNKNOWN, &format!("cancel of '{id}'"), cancel, &[ErrorKind::NotFound])?;
    }
    let circuit = small(bench)?;
    let job = bench.job(&circuit, 1);
    let kind = if bench.processor.keeps_jobs() { ErrorKind::NotFound } else { ErrorKind::Unsupported };
    let resume = bench.processor.resume(&JobId("never submitted".to_owned()), &job);
    refusal(RESUMES, "resume of 'never submitted'", resume, &[kind])
}

/// A flipped qubit, measured.
fn small(bench: &Bench<'_>) -> Result<Circuit, Violation> {
    let flip = find_flip(bench)?;
    build(|| measured(flip, &[(flip.0, 0)], 1))
}

fn check_shots(bench: &mut Bench<'_>) -> Result<(), Violation> {
    let circuit = small(bench)?;
    let none = bench.job(&circuit, 0);
    refusal(ZERO_SHOTS, "submit with 0 shots", bench.processor.submit(none), &[ErrorKind::InvalidInput])?;
    if let Some(more) = bench.capabilities.max_shots.checked_add(1) {
        let mut job = bench.job(&circuit, 1);
        job.shots = more;
        refusal(
            TOO_MANY_SHOTS,
            &format!("submit with {more} shots"),
            bench.processor.submit(job),
            &TOO_MUCH,
        )?;
    }
    Ok(())
}

fn check_size(bench: &mut Bench<'_>) -> Result<(), Violation> {
    let (_, steps) = find_flip(bench)?;
    let count = u32::try_from(bench.capabilities.qubits.len()).unwrap_or(u32::MAX - 1);
    // One too many, and as many as no memory holds.
    for last in [count, count.saturating_add(60)] {
        let circuit = build(|| measured((last, steps), &[(last, 0)], 1))?;
        let job = bench.job(&circuit, 1);
        let call = format!("submit of a program on {} qubits", last.saturating_add(1));
        refusal(TOO_LARGE, &call, bench.processor.submit(job), &TOO_MUCH)?;
    }
    Ok(())
}

fn check_features(bench: &mut Bench<'_>) -> Result<(), Violation> {
    let features = bench.capabilities.features;
    let (qubit, steps) = find_flip(bench)?;
    let flip_if = |circuit: &mut Circuit, condition: Option<&Condition>| {
        steps.iter().try_for_each(|&(gate, params)| {
            circuit.push(Operation::Gate { gate, params, qubits: &[qubit] }, condition)
        })
    };
    let plain = small(bench)?;
    let mut unlisted: Vec<(&str, Circuit, Wanted)> = Vec::new();
    let nothing = Wanted::default();
    if !features.mid_circuit_measurement {
        let circuit = build(|| {
            let mut circuit = plain.clone();
            flip_if(&mut circuit, None)?;
            circuit.measure(qubit, 0)?;
            Ok(circuit)
        })?;
        unlisted.push(("a measurement that is not final", circuit, nothing));
    }
    if !features.reset {
        let circuit = build(|| {
            let mut circuit = plain.without_instructions();
            circuit.reset(qubit)?.measure(qubit, 0)?;
            Ok(circuit)
        })?;
        unlisted.push(("a reset", circuit, nothing));
    }
    if !features.conditions {
        let circuit = build(|| {
            let mut circuit = plain.without_instructions();
            flip_if(&mut circuit, Some(&Condition::equals(0, 1, BitString::zeros(1))))?;
            circuit.measure(qubit, 0)?;
            Ok(circuit)
        })?;
        unlisted.push(("a condition", circuit, nothing));
    }
    if !features.unitaries {
        let circuit = build(|| {
            let mut circuit = plain.without_instructions();
            circuit.unitary(&Matrix::identity(1), 0, &[qubit])?.measure(qubit, 0)?;
            Ok(circuit)
        })?;
        unlisted.push(("a unitary", circuit, nothing));
    }
    if !features.probabilities {
        unlisted.push((
            "a wish for probabilities",
            plain.clone(),
            Wanted { probabilities: true, state: false },
        ));
    }
    if !features.state {
        unlisted.push(("a wish for the state", plain, Wanted { probabilities: false, state: true }));
    }
    for (what, circuit, wanted) in unlisted {
        let mut job = bench.job(&circuit, 1);
        job.wanted = wanted;
        let result = bench.processor.submit(job);
        refusal(UNLISTED, &format!("submit with {what}"), result, &[ErrorKind::Unsupported])?;
    }
    Ok(())
}

/// Formats that are not listed, and text that is no program in those that are.
pub(super) fn check_formats(bench: &mut Bench<'_>) -> Result<(), Violation> {
    let listed = bench.capabilities.formats.clone();
    let job = |program| Job { program, shots: 1, seed: None, wanted: Wanted::default() };
    if !listed.contains(&ProgramFormat::Circuit) {
        let result = bench.processor.submit(job(Program::Circuit(Circuit::with_size(1, 1))));
        refusal(UNLISTED, "submit of a circuit", result, &[ErrorKind::Unsupported])?;
    }
    for format in [ProgramFormat::OpenQasm2, ProgramFormat::OpenQasm3, ProgramFormat::QirBaseText] {
        let text = "this is no program".to_owned();
        let result = bench.processor.submit(job(Program::Text { format, text }));
        let call = format!("submit of no program as {format:?}");
        match result {
            _ if !listed.contains(&format) => {
                refusal(UNLISTED, &call, result, &[ErrorKind::Unsupported])?;
            }
            Ok(id) => {
                let state = bench.end(&id, &call)?;
                let failed = |state: &JobState| match state {
                    JobState::Failed(error) => error.kind() == ErrorKind::InvalidInput,
                    _ => false,
                };
                require(failed(&state), NO_PROGRAM, || format!("{call} ended as {state:?}"))?;
            }
            refused => refusal(NO_PROGRAM, &call, refused, &[ErrorKind::InvalidInput])?,
        }
    }
    // A form of text that is no text at all.
    let text = Program::Text { format: ProgramFormat::Circuit, text: String::new() };
    let result = bench.processor.submit(job(text));
    let kinds = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
    refusal(NO_PROGRAM, "submit of text with the format Circuit", result, &kinds)
}
