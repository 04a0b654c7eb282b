//! Runs circuits the slow and obvious way, by the matrices of the gates alone: an opinion independent of any simulator.

use std::collections::BTreeMap;
use std::path::PathBuf;

use qhal::circuit::{BitString, Condition, Matrix, Operation};
use qhal::{Circuit, Complex64};
use qhal_compiler::NoIncludes;

/// One way the measurements can come out.
#[derive(Clone)]
struct Branch {
    /// Not normalised: its square is the probability of the branch.
    state: Vec<Complex64>,
    memory: BitString,
}

/// Reads a program that stands alone.
pub(crate) fn read(source: &str) -> Circuit {
    qhal_compiler::parse(source, "test.qasm", &NoIncludes).unwrap_or_else(|error| panic!("{error}"))
}

/// The state after a circuit that measures nothing before its end; final measurements are left out.
pub(crate) fn state(circuit: &Circuit) -> Vec<Complex64> {
    let mut branches = run(&circuit.without_final_measurements().unwrap());
    assert_eq!(branches.len(), 1, "the circuit branches");
    branches.remove(0).state
}

/// The probability of every content of the classical memory, highest bit first; below 1e-12 left out.
pub(crate) fn outcomes(circuit: &Circuit) -> BTreeMap<String, f64> {
    let mut probabilities = BTreeMap::new();
    for branch in run(circuit) {
        *probabilities.entry(branch.memory.to_string()).or_insert(0.0) += weight(&branch.state);
    }
    probabilities.retain(|_, probability| *probability > 1e-12);
    probabilities
}

/// The unitary of a circuit of gates: column after column, from every basis state.
pub(crate) fn unitary(circuit: &Circuit) -> Matrix {
    let dim = 1usize << circuit.qubits();
    let mut elements = vec![Complex64::ZERO; dim * dim];
    for column in 0..dim {
        let mut state = vec![Complex64::ZERO; dim];
        state[column] = Complex64::ONE;
        for instruction in circuit.instructions() {
            assert!(instruction.condition.is_none());
            apply(&mut state, &instruction.operation);
        }
        for (row, amplitude) in state.into_iter().enumerate() {
            elements[row * dim + column] = amplitude;
        }
    }
    Matrix::new(circuit.qubits(), elements).unwrap()
}

/// A file of the workspace's test data.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

fn weight(state: &[Complex64]) -> f64 {
    state.iter().map(|amplitude| amplitude.norm_sqr()).sum()
}

fn run(circuit: &Circuit) -> Vec<Branch> {
    let mut state = vec![Complex64::ZERO; 1 << circuit.qubits()];
    state[0] = Complex64::ONE;
    let mut branches = vec![Branch { state, memory: BitString::zeros(circuit.bits()) }];
    for instruction in circuit.instructions() {
        let mut next: Vec<Branch> = Vec::new();
        for mut branch in branches {
            if !instruction.condition.is_none_or(|condition: &Condition| condition.holds(&branch.memory)) {
                next.push(branch);
                continue;
            }
            match instruction.operation {
                Operation::Measure { qubit, bit } => {
                    for value in [false, true] {
                        let mut one = branch.clone();
                        project(&mut one.state, qubit, value);
                        one.memory.set(bit, value);
                        next.push(one);
                    }
                }
                Operation::Reset { qubit } => {
                    for value in [false, true] {
                        let mut one = branch.clone();
                        project(&mut one.state, qubit, value);
                        if value {
                            let x = qhal::Gate::X;
                            apply(
                                &mut one.state,
                                &Operation::Gate { gate: x, params: &[], qubits: &[qubit] },
                            );
                        }
                        next.push(one);
                    }
                }
                operation => {
                    apply(&mut branch.state, &operation);
                    next.push(branch);
                }
            }
        }
        next.retain(|branch| weight(&branch.state) > 1e-15);
        branches = next;
    }
    branches
}

fn project(state: &mut [Complex64], qubit: u32, value: bool) {
    for (index, amplitude) in state.iter_mut().enumerate() {
        if (index >> qubit & 1 == 1) != value {
            *amplitude = Complex64::ZERO;
        }
    }
}

fn apply(state: &mut [Complex64], operation: &Operation<'_>) {
    let (matrix, qubits) = match operation {
        Operation::Gate { gate, params, qubits } => (gate.matrix(params), *qubits),
        Operation::Unitary { matrix, controls, qubits } => (matrix.controlled(*controls).unwrap(), *qubits),
        Operation::Barrier { .. } | Operation::Delay { .. } => return,
        other => panic!("{} has no matrix", other.name()),
    };
    let mask: usize = qubits.iter().map(|qubit| 1 << qubit).sum();
    let place = |index: usize| -> usize {
        qubits.iter().enumerate().map(|(k, qubit)| (index >> k & 1) << qubit).sum()
    };
    let places: Vec<usize> = (0..matrix.dim()).map(place).collect();
    let mut old = vec![Complex64::ZERO; matrix.dim()];
    for base in (0..state.len()).filter(|index| index & mask == 0) {
        for (amplitude, place) in old.iter_mut().zip(&places) {
            *amplitude = state[base | place];
        }
        for (row, place) in places.iter().enumerate() {
            let line = &matrix.elements()[row * matrix.dim()..][..matrix.dim()];
            state[base | place] = line.iter().zip(&old).map(|(element, amplitude)| element * amplitude).sum();
        }
    }
}
