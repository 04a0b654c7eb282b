//! Bare `qhal bench`: our own figures on this machine, each beside a time that nothing on it can beat.

use std::f64::consts::PI;
use std::time::Instant;

use qhal::{Circuit, Gate};
use qhal_backends::simulated::limits::{Limit, Quantity, instruction_set};
use qhal_backends::simulated::{Engine, PauliString, Precision, ProcessorSettings, StateVector};
use serde_json::{Value, json};

use super::limits::{document, measured};
use crate::context::Context;
use crate::failure::Outcome;
use crate::{interrupt, report};

/// Qubits of the circuits that are timed, and of the state that is read: both beyond the caches.
const CIRCUIT_QUBITS: u32 = 22;
const READ_QUBITS: u32 = 24;
/// How often each is done; the best counts.
const TIMES: usize = 3;

/// One of our figures.
struct Figure {
    what: String,
    precision: Precision,
    seconds: f64,
    /// What moving the state once takes at the measured bandwidth.
    limit: f64,
    bound: &'static str,
}

pub(crate) fn run(context: &Context) -> Outcome {
    let settings = context.processor(None);
    let threads = settings.threads;
    let limits = measured(threads)?;
    let mut figures = Vec::new();
    for precision in [Precision::F64, Precision::F32] {
        let settings = ProcessorSettings { precision, ..settings.clone() };
        circuits(&settings, &limits, &mut figures)?;
        readings(&settings, &limits, &mut figures)?;
    }
    if context.json {
        return report::json(&json!({
            "instruction_set": instruction_set(),
            "threads": threads,
            "figures": figures.iter().map(Figure::document).collect::<Vec<_>>(),
            "limits": limits.iter().map(document).collect::<Vec<_>>(),
        }));
    }
    report::line(format!("state vectors, {threads} threads, {} instructions", instruction_set()))?;
    let mut rows = vec![["what", "numbers", "here", "at best", "because"].map(str::to_owned).to_vec()];
    rows.extend(figures.iter().map(Figure::row));
    report::table(&rows)?;
    report::note("at best: moving the state that often at this machine's bandwidth (qhal bench limits)");
    Ok(())
}

impl Figure {
    fn row(&self) -> Vec<String> {
        vec![
            self.what.clone(),
            self.precision.as_str().to_owned(),
            format!("{:.2} ms", self.seconds * 1e3),
            format!("{:.2} ms", self.limit * 1e3),
            self.bound.to_owned(),
        ]
    }

    fn document(&self) -> Value {
        json!({
            "what": self.what,
            "precision": self.precision.as_str(),
            "seconds": self.seconds,
            "limit_seconds": self.limit,
            "limit": self.bound,
        })
    }
}

/// The shortest of some runs, in seconds.
fn best<T>(mut work: impl FnMut() -> qhal::Result<T>) -> Outcome<f64> {
    let mut shortest = f64::INFINITY;
    for _ in 0..TIMES {
        interrupt::check()?;
        let begun = Instant::now();
        let result = work()?;
        shortest = shortest.min(begun.elapsed().as_secs_f64());
        drop(result);
    }
    Ok(shortest)
}

/// Bytes a second of the most threads that were measured.
fn bandwidth(limits: &[Limit], quantity: Quantity) -> f64 {
    let fitting = limits.iter().filter(|limit| limit.quantity == quantity);
    fitting.max_by_key(|limit| limit.threads).map_or(f64::INFINITY, |limit| limit.per_second)
}

fn bytes(precision: Precision, qubits: u32) -> f64 {
    precision.amplitude_bytes() as f64 * f64::from(qubits).exp2()
}

fn circuits(settings: &ProcessorSettings, limits: &[Limit], figures: &mut Vec<Figure>) -> Outcome {
    let engine = Engine::new(settings)?;
    let moved = 2.0 * bytes(settings.precision, CIRCUIT_QUBITS);
    let limit = moved / bandwidth(limits, Quantity::InPlace);
    let cases = [
        (format!("Fourier transform of {CIRCUIT_QUBITS} qubits"), fourier(CIRCUIT_QUBITS)?),
        (format!("ansatz of {CIRCUIT_QUBITS} qubits, 10 layers"), ansatz(CIRCUIT_QUBITS, 10)?),
    ];
    for (what, circuit) in cases {
        let seconds = best(|| engine.evolve(&circuit))?;
        let bound = "one read and write of the state";
        figures.push(Figure { what, precision: settings.precision, seconds, limit, bound });
    }
    Ok(())
}

fn readings(settings: &ProcessorSettings, limits: &[Limit], figures: &mut Vec<Figure>) -> Outcome {
    let precision = settings.precision;
    let mut measured = ansatz(READ_QUBITS, 1)?;
    measured.measure_all()?;
    let engine = Engine::new(settings)?;
    let plan = engine.plan(&measured)?;
    let state = engine.run(&plan)?;
    let limit = bytes(precision, READ_QUBITS) / bandwidth(limits, Quantity::Read);
    let mut add = |what: &str, seconds| {
        let what = format!("{what} of {READ_QUBITS} qubits");
        figures.push(Figure { what, precision, seconds, limit, bound: "one read of the state" });
    };
    add("counts of 1000000 shots", best(|| state.counts(&plan, 1_000_000, 1))?);
    add("24 ZZ terms", best(|| state.expectation(&ring()))?);
    add("100 Pauli strings", best(|| state.expectation(&strings()))?);
    add("marginal of 8", best(|| state.marginal(&[0, 3, 6, 9, 12, 15, 18, 21]))?);
    drop::<StateVector>(state);
    Ok(())
}

/// A Fourier transform without its final swaps.
fn fourier(qubits: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, 0);
    for target in (0..qubits).rev() {
        circuit.gate(Gate::H, &[], &[target])?;
        for control in (0..target).rev() {
            let angle = PI / f64::from(target - control).exp2();
            circuit.gate(Gate::Cp, &[angle], &[control, target])?;
        }
    }
    Ok(circuit)
}

/// Layers of turns about y and z and a chain of controlled nots: no amplitude stays zero.
fn ansatz(qubits: u32, layers: u32) -> qhal::Result<Circuit> {
    let mut circuit = Circuit::with_size(qubits, 0);
    for layer in 0..layers {
        for qubit in 0..qubits {
            let angle = 0.4 + f64::from(layer * qubits + qubit);
            circuit.gate(Gate::Ry, &[angle], &[qubit])?.gate(Gate::Rz, &[2.0 * angle], &[qubit])?;
        }
        for qubit in 1..qubits {
            circuit.gate(Gate::Cx, &[], &[qubit - 1, qubit])?;
        }
    }
    Ok(circuit)
}

/// Z on each qubit and its neighbour.
fn ring() -> Vec<PauliString> {
    let pair = |qubit: u32| 1u64 << qubit | 1u64 << ((qubit + 1) % READ_QUBITS);
    (0..READ_QUBITS).map(|qubit| PauliString { coefficient: 1.0, x: 0, z: pair(qubit) }).collect()
}

/// Strings of 1 to 12 letters on qubits without a pattern.
fn strings() -> Vec<PauliString> {
    let mut state = 1u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..100)
        .map(|_| {
            let (mut x, mut z) = (0u64, 0u64);
            for _ in 0..1 + next(12) {
                let qubit = next(READ_QUBITS.into());
                let letter = 1 + next(3);
                x |= (letter & 1) << qubit;
                z |= (letter >> 1) << qubit;
            }
            PauliString { coefficient: 1.0, x, z }
        })
        .collect()
}
