//! A second, naive simulator straight from the definition, and random circuits for it.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use qhal::Complex64;
use qhal::circuit::{Circuit, Gate, Matrix, Operation};
use qhal_simulator::{Options, Precision, Simulator, StateVector};

pub(crate) const BOTH: [Precision; 2] = [Precision::F64, Precision::F32];

/// How far amplitudes may be off in a short circuit.
pub(crate) fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-12,
    }
}

pub(crate) fn simulator(precision: Precision, threads: usize) -> Simulator {
    Simulator::new(Options { threads, precision, ..Options::default() }).unwrap()
}

pub(crate) fn evolve(circuit: &Circuit, precision: Precision) -> StateVector {
    let simulator = simulator(precision, 2);
    simulator.evolve(&simulator.plan(circuit).unwrap()).unwrap()
}

/// The state of a circuit of gates and unitaries, element by element from their matrices.
pub(crate) fn naive(circuit: &Circuit) -> Vec<Complex64> {
    let mut state = vec![Complex64::ZERO; 1 << circuit.qubits()];
    state[0] = Complex64::ONE;
    for instruction in circuit.instructions() {
        match instruction.operation {
            Operation::Gate { gate, params, qubits } => {
                state = times(&gate.matrix(params), 0, qubits, &state);
            }
            Operation::Unitary { matrix, controls, qubits } => {
                state = times(matrix, controls as usize, qubits, &state);
            }
            _ => {}
        }
    }
    state
}

fn times(matrix: &Matrix, controls: usize, qubits: &[u32], state: &[Complex64]) -> Vec<Complex64> {
    let (controls, targets) = qubits.split_at(controls);
    let row_of = |index: usize| {
        targets.iter().enumerate().fold(0, |row, (bit, qubit)| row | (index >> qubit & 1) << bit)
    };
    let with_row = |index: usize, row: usize| {
        targets
            .iter()
            .enumerate()
            .fold(index, |index, (bit, qubit)| index & !(1 << qubit) | (row >> bit & 1) << qubit)
    };
    (0..state.len())
        .map(|index| {
            if controls.iter().any(|qubit| index >> qubit & 1 == 0) {
                return state[index];
            }
            (0..matrix.dim())
                .map(|column| matrix.get(row_of(index), column) * state[with_row(index, column)])
                .sum()
        })
        .collect()
}

/// The largest difference between amplitudes.
pub(crate) fn distance(state: &StateVector, expected: &[Complex64]) -> f64 {
    assert_eq!(state.len() as usize, expected.len());
    state.iter().zip(expected).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

/// A circuit of u gates and controlled phases that leaves no amplitude zero.
pub(crate) fn scrambled(qubits: u32) -> Circuit {
    let mut circuit = Circuit::with_size(qubits, 0);
    for qubit in 0..qubits {
        let angle = 0.7 + 1.3 * f64::from(qubit);
        circuit.gate(Gate::U, &[0.5 + 0.1 * angle.sin(), angle, 0.3 * angle], &[qubit]).unwrap();
    }
    for qubit in 1..qubits {
        circuit.gate(Gate::Cp, &[0.4 + f64::from(qubit)], &[qubit - 1, qubit]).unwrap();
        circuit.gate(Gate::Ry, &[0.9], &[qubit]).unwrap();
    }
    circuit
}

/// A unitary on `qubits` qubits that no symmetry simplifies: the naive simulator's own columns.
pub(crate) fn dense(qubits: u32, seed: u64) -> Matrix {
    let dim = 1usize << qubits;
    let mut elements = vec![Complex64::ZERO; dim * dim];
    for column in 0..dim {
        let mut circuit = Circuit::with_size(qubits, 0);
        for qubit in (0..qubits).filter(|qubit| column >> qubit & 1 == 1) {
            circuit.gate(Gate::X, &[], &[qubit]).unwrap();
        }
        for layer in 0..3 {
            for qubit in 0..qubits {
                let angle = 0.37 * (1 + seed % 100 + u64::from(qubit) + 7 * layer) as f64;
                circuit.gate(Gate::U, &[angle, 1.7 * angle, 2.9 * angle], &[qubit]).unwrap();
                if qubit > 0 {
                    circuit.gate(Gate::Rxx, &[1.1 * angle], &[qubit - 1, qubit]).unwrap();
                }
            }
        }
        for (row, amplitude) in naive(&circuit).into_iter().enumerate() {
            elements[row * dim + column] = amplitude;
        }
    }
    Matrix::new(qubits, elements).unwrap()
}

/// One random gate of the whole table, or a unitary under controls, on distinct qubits.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    pub(crate) pick: usize,
    pub(crate) order: Vec<u32>,
    pub(crate) angles: [f64; 4],
}

pub(crate) fn random_gates(qubits: u32, most: usize) -> impl Strategy<Value = Vec<Random>> {
    let order = Just((0..qubits).collect::<Vec<u32>>()).prop_shuffle();
    let angle = prop_oneof![
        -7.0..7.0f64,
        prop::sample::select(vec![0.0, std::f64::consts::PI, -std::f64::consts::FRAC_PI_2])
    ];
    let one = (0..1000usize, order, [angle.clone(), angle.clone(), angle.clone(), angle])
        .prop_map(|(pick, order, angles)| Random { pick, order, angles });
    prop::collection::vec(one, 0..most)
}

pub(crate) fn circuit_of(qubits: u32, gates: &[Random]) -> Circuit {
    let mut circuit = Circuit::with_size(qubits, 0);
    let table: Vec<Gate> = Gate::all().collect();
    for Random { pick, order, angles } in gates {
        // One in eight is a dense unitary, the rest is spread over the table.
        if pick % 8 == 0 {
            let targets = (1 + pick / 8 % 3).min(order.len());
            let controls = (pick / 24 % 3).min(order.len() - targets);
            let matrix = dense(targets as u32, *pick as u64);
            circuit.unitary(&matrix, controls as u32, &order[..controls + targets]).unwrap();
            continue;
        }
        let gate = table[pick % table.len()];
        if gate.qubits() <= order.len() {
            circuit.gate(gate, &angles[..gate.params()], &order[..gate.qubits()]).unwrap();
        }
    }
    circuit
}

/// Pearson's statistic of counts against probabilities, with its degrees of freedom; rare outcomes are put together.
pub(crate) fn chi_square(observed: &[(u64, f64)], shots: u64) -> (f64, f64) {
    let (mut statistic, mut cells) = (0.0, 0.0f64);
    let (mut rare_seen, mut rare_expected) = (0.0, 0.0);
    for &(seen, probability) in observed {
        let expected = probability * shots as f64;
        if expected < 5.0 {
            rare_seen += seen as f64;
            rare_expected += expected;
        } else {
            statistic += (seen as f64 - expected).powi(2) / expected;
            cells += 1.0;
        }
    }
    if rare_expected >= 5.0 {
        statistic += (rare_seen - rare_expected).powi(2) / rare_expected;
        cells += 1.0;
    } else {
        assert!(rare_seen < 30.0, "impossible outcomes were seen");
    }
    (statistic, (cells - 1.0).max(1.0))
}

/// Whether counts are within five standard deviations of what Pearson's statistic does by chance.
pub(crate) fn assert_fits(observed: &[(u64, f64)], shots: u64) {
    let (statistic, freedom) = chi_square(observed, shots);
    assert!(
        statistic < freedom + 5.0 * (2.0 * freedom).sqrt() + 5.0,
        "chi-square {statistic} for {freedom} degrees of freedom"
    );
}
