//! States of a few qubits, changed by the matrices of hal's table alone: what translates has no part in it.

use qhal::circuit::{Block, Matrix, Operation};
use qhal::{Complex64, Gate};

use super::algebra::times;

/// More amplitudes than these take too much memory.
const MOST_QUBITS: u32 = 24;

/// A state of up to 24 qubits.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) amplitudes: Vec<Complex64>,
    /// What is still to be done to each qubit alone: several gates take one pass over the amplitudes.
    pending: Vec<Option<[[Complex64; 2]; 2]>>,
}

impl State {
    /// |index⟩; `None` for too many qubits.
    pub(crate) fn basis(qubits: u32, index: usize) -> Option<Self> {
        if qubits > MOST_QUBITS {
            return None;
        }
        let mut amplitudes = vec![Complex64::ZERO; 1 << qubits];
        *amplitudes.get_mut(index)? = Complex64::ONE;
        Some(Self { amplitudes, pending: vec![None; qubits as usize] })
    }

    /// ⟨other|self⟩.
    pub(crate) fn overlap(&mut self, other: &mut Self) -> Complex64 {
        self.settle();
        other.settle();
        self.amplitudes.iter().zip(&other.amplitudes).map(|(a, b)| a * b.conj()).sum()
    }

    pub(crate) fn norm(&self) -> f64 {
        self.amplitudes.iter().map(|amplitude| amplitude.norm_sqr()).sum()
    }

    /// Does what is pending.
    pub(crate) fn settle(&mut self) {
        for qubit in 0..self.pending.len() as u32 {
            self.settle_on(&[qubit]);
        }
    }

    fn settle_on(&mut self, qubits: &[u32]) {
        for &qubit in qubits {
            if let Some(u) = self.pending.get_mut(qubit as usize).and_then(Option::take) {
                self.one(&u, &[], qubit);
            }
        }
    }

    /// Does a gate or unitary; `None` for what is none.
    pub(crate) fn apply(&mut self, operation: &Operation<'_>) -> Option<()> {
        match *operation {
            Operation::Gate { gate, params, qubits: &[qubit] } => {
                let Block::One(u) = gate.block(params) else { return None };
                let slot = self.pending.get_mut(qubit as usize)?;
                *slot = Some(slot.map_or(u, |before| times(&u, &before)));
                return Some(());
            }
            _ => self.settle_on(operation.qubits()),
        }
        match *operation {
            Operation::Gate { gate, params, qubits } => {
                let controls = gate.controls();
                match gate.block(params) {
                    Block::Phase(angle) => {
                        self.amplitudes.iter_mut().for_each(|amplitude| *amplitude *= Complex64::cis(angle));
                    }
                    Block::One(u) => self.one(&u, &qubits[..controls], *qubits.get(controls)?),
                    _ if gate == Gate::Swap => self.exchange(qubits[0], qubits[1]),
                    _ => self.many(&gate.matrix(params), &[], qubits),
                }
            }
            Operation::Unitary { matrix, controls, qubits } => {
                let (controls, targets) = qubits.split_at_checked(controls as usize)?;
                self.many(matrix, controls, targets);
            }
            Operation::Barrier { .. } | Operation::Delay { .. } => {}
            _ => return None,
        }
        Some(())
    }

    fn one(&mut self, u: &[[Complex64; 2]; 2], controls: &[u32], target: u32) {
        let bit = 1usize << target;
        let mask: usize = controls.iter().map(|&control| 1usize << control).sum();
        let diagonal = u[0][1] == Complex64::ZERO && u[1][0] == Complex64::ZERO;
        for (block, pairs) in self.amplitudes.chunks_exact_mut(2 * bit).enumerate() {
            let base = block * 2 * bit;
            let (low, high) = pairs.split_at_mut(bit);
            for (offset, (a, b)) in low.iter_mut().zip(high).enumerate() {
                if (base + offset) & mask != mask {
                    continue;
                }
                if diagonal {
                    if u[0][0] != Complex64::ONE {
                        *a *= u[0][0];
                    }
                    *b *= u[1][1];
                } else {
                    (*a, *b) = (u[0][0] * *a + u[0][1] * *b, u[1][0] * *a + u[1][1] * *b);
                }
            }
        }
    }

    pub(crate) fn exchange(&mut self, a: u32, b: u32) {
        let (a, b) = (1usize << a, 1usize << b);
        for index in 0..self.amplitudes.len() {
            if index & a != 0 && index & b == 0 {
                self.amplitudes.swap(index, index ^ a ^ b);
            }
        }
    }

    fn many(&mut self, matrix: &Matrix, controls: &[u32], qubits: &[u32]) {
        let targets: usize = qubits.iter().map(|&qubit| 1usize << qubit).sum();
        let mask: usize = controls.iter().map(|&control| 1usize << control).sum();
        let place = |index: usize| -> usize {
            qubits.iter().enumerate().map(|(k, &qubit)| (index >> k & 1) << qubit).sum()
        };
        let places: Vec<usize> = (0..matrix.dim()).map(place).collect();
        let mut old = vec![Complex64::ZERO; matrix.dim()];
        for base in (0..self.amplitudes.len()).filter(|index| index & targets == 0 && index & mask == mask) {
            for (amplitude, place) in old.iter_mut().zip(&places) {
                *amplitude = self.amplitudes[base | place];
            }
            for (row, place) in places.iter().enumerate() {
                let line = &matrix.elements()[row * matrix.dim()..][..matrix.dim()];
                self.amplitudes[base | place] =
                    line.iter().zip(&old).map(|(element, old)| element * old).sum();
            }
        }
    }

    /// The probability of 1.
    pub(crate) fn probability(&mut self, qubit: u32) -> f64 {
        self.settle_on(&[qubit]);
        let ones = self.amplitudes.iter().enumerate().filter(|(index, _)| index >> qubit & 1 == 1);
        ones.map(|(_, amplitude)| amplitude.norm_sqr()).sum()
    }

    /// Keeps what has this outcome, without making it longer again.
    pub(crate) fn project(&mut self, qubit: u32, outcome: bool) {
        self.settle_on(&[qubit]);
        for (index, amplitude) in self.amplitudes.iter_mut().enumerate() {
            if (index >> qubit & 1 == 1) != outcome {
                *amplitude = Complex64::ZERO;
            }
        }
    }

    pub(crate) fn flip(&mut self, qubit: u32) {
        let bit = 1usize << qubit;
        for index in 0..self.amplitudes.len() {
            if index & bit == 0 {
                self.amplitudes.swap(index, index | bit);
            }
        }
    }
}
