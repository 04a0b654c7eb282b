//! Runs small circuits exactly: one state vector for each row of outcomes that can occur.

use qhal::circuit::{BitString, Circuit, Matrix, Operation};
use qhal::{Complex64, Gate};

/// What the classical bits are, and the state that goes with it; its squared norm is the probability.
pub(crate) struct Branch {
    pub(crate) bits: BitString,
    pub(crate) state: Vec<Complex64>,
}

impl Branch {
    pub(crate) fn probability(&self) -> f64 {
        self.state.iter().map(|amplitude| amplitude.norm_sqr()).sum()
    }

    /// This branch with `qubit` found to be `value`.
    fn found(&self, qubit: u32, value: bool) -> Self {
        let keep = |index: usize| (index >> qubit & 1 == 1) == value;
        let amplitudes = self.state.iter().enumerate();
        let state = amplitudes.map(|(i, &a)| if keep(i) { a } else { Complex64::ZERO }).collect();
        Self { bits: self.bits.clone(), state }
    }
}

/// `matrix` applied to `qubits` of `state`, where the first `controls` of them are 1.
pub(crate) fn apply(state: &[Complex64], matrix: &Matrix, controls: u32, qubits: &[u32]) -> Vec<Complex64> {
    let matrix = matrix.controlled(controls).unwrap();
    let mut out = vec![Complex64::ZERO; state.len()];
    for (index, amplitude) in state.iter().enumerate() {
        let column: usize = qubits.iter().enumerate().map(|(at, &q)| (index >> q & 1) << at).sum();
        for row in 0..matrix.dim() {
            let to =
                qubits.iter().enumerate().fold(index, |to, (at, &q)| to & !(1 << q) | (row >> at & 1) << q);
            out[to] += matrix.get(row, column) * amplitude;
        }
    }
    out
}

/// All branches of `circuit` from the basis state `start`.
pub(crate) fn run_from(circuit: &Circuit, start: usize) -> Vec<Branch> {
    let mut state = vec![Complex64::ZERO; 1 << circuit.qubits()];
    state[start] = Complex64::ONE;
    let mut branches = vec![Branch { bits: BitString::zeros(circuit.bits()), state }];
    for instruction in circuit.instructions() {
        let (done, mut next): (Vec<Branch>, Vec<Branch>) = branches
            .into_iter()
            .partition(|branch| instruction.condition.is_none_or(|condition| condition.holds(&branch.bits)));
        for mut branch in done {
            match instruction.operation {
                Operation::Gate { gate, params, qubits } => {
                    branch.state = apply(&branch.state, &gate.matrix(params), 0, qubits);
                    next.push(branch);
                }
                Operation::Unitary { matrix, controls, qubits } => {
                    branch.state = apply(&branch.state, matrix, controls, qubits);
                    next.push(branch);
                }
                Operation::Measure { qubit, bit } => {
                    for value in [false, true] {
                        let mut found = branch.found(qubit, value);
                        found.bits.set(bit, value);
                        next.push(found);
                    }
                }
                Operation::Reset { qubit } => {
                    next.push(branch.found(qubit, false));
                    let mut one = branch.found(qubit, true);
                    one.state = apply(&one.state, &Gate::X.matrix(&[]), 0, &[qubit]);
                    next.push(one);
                }
                _ => next.push(branch),
            }
        }
        branches = next.into_iter().filter(|branch| branch.probability() > 1e-15).collect();
    }
    branches
}

/// The probability of each outcome that can occur, ascending.
pub(crate) fn distribution(circuit: &Circuit) -> Vec<(BitString, f64)> {
    let mut sums = std::collections::BTreeMap::new();
    for branch in run_from(circuit, 0) {
        let probability = branch.probability();
        *sums.entry(branch.bits).or_insert(0.0) += probability;
    }
    sums.into_iter().collect()
}
