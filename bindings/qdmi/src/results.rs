//! What a program brought back, in the nine forms in which it can be asked for.

use std::ffi::c_int;
use std::sync::{Arc, PoisonError};

use qhal::circuit::BitString;
use qhal::processor::Wanted;
use qhal::{Complex64, Error};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use crate::codes::{self, Outcome, Status, result};
use crate::job::{Job, Ran};
use crate::session::{Ready, report};

/// Basis states below this probability are left out of sparse lists, as in the hal.
const LEAST: f64 = 1e-12;
/// The most bytes of one answer.
const MOST_BYTES: u64 = 1 << 36;

/// One result of one program.
pub(crate) fn get(job: &Job, index: usize, kind: c_int) -> Outcome<Arc<[u8]>> {
    codes::check(kind, result::MAX)?;
    let ran = job.ran(index)?;
    if kind >= result::MAX {
        return Err(Status::NotSupported);
    }
    let cached =
        |ran: &Ran| ran.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).map(Arc::clone);
    if let Some(answer) = cached(&ran) {
        return Ok(answer);
    }
    make(&job.ready, &ran, kind)?;
    cached(&ran).ok_or(Status::Fatal)
}

/// Makes an answer and, where the work is the same, those that belong to it.
fn make(ready: &Ready, ran: &Ran, kind: c_int) -> Outcome {
    let keep = |kind: c_int, bytes: Vec<u8>| {
        ran.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, bytes.into());
    };
    match kind {
        result::SHOTS | result::HISTOGRAM_KEYS | result::HISTOGRAM_VALUES if ran.shots == 0 => {
            return Err(Status::InvalidArgument);
        }
        result::SHOTS => keep(kind, shots(ready, ran)?),
        result::HISTOGRAM_KEYS => keep(kind, list(ran.counts.iter().map(|(bits, _)| bits.to_string()))),
        result::HISTOGRAM_VALUES => {
            let values = ran.counts.iter().flat_map(|&(_, count)| (count as usize).to_ne_bytes());
            keep(kind, values.collect());
        }
        result::STATE_DENSE => keep(kind, dense_state(ready, ran)?),
        result::PROBABILITIES_DENSE => keep(kind, dense_probabilities(ready, ran)?),
        result::STATE_SPARSE_KEYS | result::STATE_SPARSE_VALUES => {
            let state = state(ready, ran)?;
            let there = || state.iter().enumerate().filter(|(_, amplitude)| amplitude.norm_sqr() > LEAST);
            let width = width(ran)?;
            let keys = there().map(|(at, _)| BitString::from_u64(width, place(ran, at as u64)).to_string());
            keep(result::STATE_SPARSE_KEYS, list(keys));
            let values = there().flat_map(|(_, amplitude)| doubles(&[amplitude.re, amplitude.im]));
            keep(result::STATE_SPARSE_VALUES, values.collect());
        }
        _ => {
            let listed = probabilities(ready, ran)?;
            let width = width(ran)?;
            let keys = listed.iter().map(|&(at, _)| BitString::from_u64(width, place(ran, at)).to_string());
            keep(result::PROBABILITIES_SPARSE_KEYS, list(keys));
            let values = listed.iter().flat_map(|&(_, p)| doubles(&[p]));
            keep(result::PROBABILITIES_SPARSE_VALUES, values.collect());
        }
    }
    Ok(())
}

/// Texts joined by commas, with a NUL.
fn list(texts: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, text) in texts.enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

/// The outcomes one by one. Shots of a simulation are independent, so that every order of them is as likely: one is drawn.
/// The order in which a real device saw them is lost, and not made up.
fn shots(ready: &Ready, ran: &Ran) -> Outcome<Vec<u8>> {
    if !ready.how.simulated {
        return Err(Status::NotSupported);
    }
    let length = ran.counts.first().map_or(1, |(bits, _)| u64::from(bits.width()) + 1);
    affordable(length.saturating_mul(ran.shots))?;
    let mut order: Vec<u32> = Vec::new();
    order.try_reserve_exact(ran.shots as usize).map_err(|_| Status::OutOfMemory)?;
    for (at, &(_, count)) in (0..).zip(&ran.counts) {
        order.extend((0..count).map(|_| at));
    }
    let mut random = ChaCha12Rng::from_seed(ran.seed);
    for at in (1..order.len()).rev() {
        // Lemire's reduction without its correction: off by less than 2^-32 for a billion shots.
        let other = (u128::from(random.next_u64()) * (at as u128 + 1)) >> 64;
        order.swap(at, other as usize);
    }
    let names: Vec<String> = ran.counts.iter().map(|(bits, _)| bits.to_string()).collect();
    Ok(list(order.into_iter().map(|at| names.get(at as usize).cloned().unwrap_or_default())))
}

/// How many qubits the program declares.
fn width(ran: &Ran) -> Outcome<u32> {
    let width = ran.prepared.as_ref().ok_or(Status::NotSupported)?.width;
    if width <= 64 { Ok(width) } else { Err(Status::NotSupported) }
}

/// The basis state of the whole program, of one of the qubits that it uses; the others are 0.
fn place(ran: &Ran, at: u64) -> u64 {
    let used = ran.prepared.as_ref().map_or(&[][..], |prepared| &prepared.used);
    (0..).zip(used).filter(|(bit, _)| at >> bit & 1 == 1).fold(0, |whole, (_, &qubit)| whole | 1 << qubit)
}

fn affordable(bytes: u64) -> Outcome {
    if bytes <= MOST_BYTES { Ok(()) } else { Err(Status::OutOfMemory) }
}

/// Runs the circuit once more for what is wanted of it.
fn exact(ready: &Ready, ran: &Ran, wanted: Wanted) -> Outcome<qhal::processor::JobResult> {
    let prepared = ran.prepared.as_ref().ok_or(Status::NotSupported)?;
    if prepared.circuit.is_dynamic() {
        // There is no one state before the end.
        return Err(Status::NotSupported);
    }
    let result = ready.runner.exact(prepared.circuit.clone(), wanted)?;
    result.map_err(|error: Error| {
        report(&format!("exact results: {}", error.chain()));
        Status::of(&error)
    })
}

fn state(ready: &Ready, ran: &Ran) -> Outcome<Vec<Complex64>> {
    if !ready.how.state {
        return Err(Status::NotSupported);
    }
    width(ran)?;
    exact(ready, ran, Wanted { state: true, ..Wanted::default() })?.state.ok_or(Status::Fatal)
}

/// Probabilities by basis state of the qubits that are used.
fn probabilities(ready: &Ready, ran: &Ran) -> Outcome<Vec<(u64, f64)>> {
    width(ran)?;
    if ready.how.probabilities {
        let listed = exact(ready, ran, Wanted { probabilities: true, ..Wanted::default() })?.probabilities;
        let first = |bits: &BitString| bits.words().first().copied().unwrap_or(0);
        return Ok(listed.ok_or(Status::Fatal)?.iter().map(|(bits, p)| (first(bits), *p)).collect());
    }
    let state = state(ready, ran)?;
    let all = (0..).zip(&state).map(|(at, amplitude)| (at, amplitude.norm_sqr()));
    Ok(all.filter(|&(_, p)| p > LEAST).collect())
}

/// Zeros for all basis states, so many bytes for each.
fn zeros(ran: &Ran, bytes: u64) -> Outcome<Vec<u8>> {
    let states = 1u64.checked_shl(width(ran)?).unwrap_or(0);
    let size = states.checked_mul(bytes).filter(|&size| size > 0).ok_or(Status::OutOfMemory)?;
    affordable(size)?;
    let size = usize::try_from(size).map_err(|_| Status::OutOfMemory)?;
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(size).map_err(|_| Status::OutOfMemory)?;
    zeros.resize(size, 0);
    Ok(zeros)
}

fn dense_state(ready: &Ready, ran: &Ran) -> Outcome<Vec<u8>> {
    let mut all = zeros(ran, 16)?;
    for (at, amplitude) in (0..).zip(&state(ready, ran)?) {
        put(&mut all, place(ran, at) as usize * 16, &doubles(&[amplitude.re, amplitude.im]));
    }
    Ok(all)
}

fn dense_probabilities(ready: &Ready, ran: &Ran) -> Outcome<Vec<u8>> {
    let mut all = zeros(ran, 8)?;
    for (at, p) in probabilities(ready, ran)? {
        put(&mut all, place(ran, at) as usize * 8, &p.to_ne_bytes());
    }
    Ok(all)
}

fn put(all: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(to) = all.get_mut(at..at + bytes.len()) {
        to.copy_from_slice(bytes);
    }
}
