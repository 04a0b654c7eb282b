//! One instruction of a circuit: what is done, to what, and under which condition.

use super::bits::BitString;
use super::gate::Gate;
use super::invalid;
use super::matrix::Matrix;
use crate::Result;

/// What one instruction does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// A gate of the table.
    Gate {
        /// Which one.
        gate: Gate,
        /// Its angles in radians.
        params: &'a [f64],
        /// What it acts on, controls first.
        qubits: &'a [u32],
    },
    /// A unitary given by its matrix, under any number of controls.
    Unitary {
        /// What is done to the targets.
        matrix: &'a Matrix,
        /// How many of the first `qubits` are controls.
        controls: u32,
        /// Controls, then targets; the first target is the lowest bit of the matrix index.
        qubits: &'a [u32],
    },
    /// A measurement in the Z basis.
    Measure {
        /// What is measured.
        qubit: u32,
        /// Where the outcome goes.
        bit: u32,
    },
    /// A return to |0⟩, whatever the state was.
    Reset {
        /// What is reset.
        qubit: u32,
    },
    /// Nothing may be moved across this on `qubits`; empty means all.
    Barrier {
        /// What it concerns.
        qubits: &'a [u32],
    },
    /// Waiting.
    Delay {
        /// What waits.
        qubit: u32,
        /// For how long, in seconds.
        seconds: f64,
    },
}

impl Operation<'_> {
    /// The qubits it acts on, in order.
    pub fn qubits(&self) -> &[u32] {
        match self {
            Self::Gate { qubits, .. } | Self::Unitary { qubits, .. } | Self::Barrier { qubits } => qubits,
            Self::Measure { qubit, .. } | Self::Reset { qubit } | Self::Delay { qubit, .. } => {
                std::slice::from_ref(qubit)
            }
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gate { gate, .. } => gate.name(),
            Self::Unitary { .. } => "unitary",
            Self::Measure { .. } => "measure",
            Self::Reset { .. } => "reset",
            Self::Barrier { .. } => "barrier",
            Self::Delay { .. } => "delay",
        }
    }

    /// Whether it is a gate or a unitary: something that keeps the state pure and has an inverse.
    pub fn is_unitary(&self) -> bool {
        matches!(self, Self::Gate { .. } | Self::Unitary { .. })
    }

    pub(super) fn check(&self, circuit_qubits: u32, circuit_bits: u32) -> Result<()> {
        let qubits = self.qubits();
        let wrong = |why: String| Err(invalid(format!("{}: {why}", self.name())));
        if let Some(missing) = qubits.iter().find(|&&qubit| qubit >= circuit_qubits) {
            return wrong(format!("there is no qubit {missing}, only {circuit_qubits}"));
        }
        if let Some(twice) = repeated(qubits) {
            return wrong(format!("qubit {twice} is named twice"));
        }
        match *self {
            Self::Gate { gate, params, qubits } => {
                if qubits.len() != gate.qubits() {
                    return wrong(format!("takes {} qubits, not {}", gate.qubits(), qubits.len()));
                }
                if params.len() != gate.params() {
                    return wrong(format!("takes {} angles, not {}", gate.params(), params.len()));
                }
                if let Some(angle) = params.iter().find(|angle| !angle.is_finite()) {
                    return wrong(format!("the angle {angle} is not a finite number"));
                }
            }
            Self::Unitary { matrix, controls, qubits } => {
                if qubits.len() as u64 != u64::from(controls) + u64::from(matrix.qubits()) {
                    let targets = matrix.qubits();
                    return wrong(format!(
                        "{controls} controls and {targets} targets, but {} qubits",
                        qubits.len()
                    ));
                }
                let error = matrix.unitarity_error();
                if error > 1e-8 {
                    return wrong(format!("the matrix is off from unitary by {error:.1e}"));
                }
            }
            Self::Measure { bit, .. } if bit >= circuit_bits => {
                return wrong(format!("there is no classical bit {bit}, only {circuit_bits}"));
            }
            Self::Delay { seconds, .. } if !(seconds.is_finite() && seconds >= 0.0) => {
                return wrong(format!("{seconds} s is not a time to wait"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The first qubit that stands twice in the list.
fn repeated(qubits: &[u32]) -> Option<u32> {
    if qubits.len() <= 16 {
        return qubits
            .iter()
            .enumerate()
            .find(|&(at, qubit)| qubits[..at].contains(qubit))
            .map(|(_, &qubit)| qubit);
    }
    let mut sorted = qubits.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// A test of the classical memory: a run of bits, or some bits of a run, equal those of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    first: u32,
    width: u32,
    value: BitString,
    /// Which bits of the run count; `None` for all.
    mask: Option<BitString>,
}

impl Condition {
    /// Holds when the `width` bits from `first` on, read as a number with the first bit lowest, equal `value`.
    /// A value with bits set beyond `width` is legal and never equal.
    pub fn equals(first: u32, width: u32, value: BitString) -> Self {
        Self { first, width, value, mask: None }
    }

    /// Holds when those of the `width` bits from `first` on that are set in `mask` equal the bits of `value`.
    pub fn masked(first: u32, width: u32, mask: BitString, value: BitString) -> Self {
        let all = (0..width).all(|index| mask.get(index));
        Self { first, width, value, mask: if all { None } else { Some(mask) } }
    }

    /// Which bits of the run count, from the first one on; `None` when all do.
    pub fn mask(&self) -> Option<&BitString> {
        self.mask.as_ref()
    }

    /// The indices of the bits it reads.
    pub fn bits(&self) -> std::ops::Range<u32> {
        self.first..self.first.saturating_add(self.width)
    }

    /// The number it compares with.
    pub fn value(&self) -> &BitString {
        &self.value
    }

    /// Whether `memory` satisfies it.
    pub fn holds(&self, memory: &BitString) -> bool {
        let counts = |offset: &u32| self.mask.as_ref().is_none_or(|mask| mask.get(*offset));
        (0..self.width)
            .filter(counts)
            .all(|offset| memory.get(self.first.saturating_add(offset)) == self.value.get(offset))
            && (self.width..self.value.width()).all(|index| !self.value.get(index))
    }

    pub(super) fn check(&self, circuit_bits: u32) -> Result<()> {
        match self.first.checked_add(self.width) {
            Some(end) if end <= circuit_bits => Ok(()),
            _ => Err(invalid(format!(
                "a condition reads {} bits from bit {} on, and there are only {circuit_bits}",
                self.width, self.first
            ))),
        }
    }
}

/// One instruction as it is read back from a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction<'a> {
    /// What is done.
    pub operation: Operation<'a>,
    /// Only if this holds; `None` means always.
    pub condition: Option<&'a Condition>,
}

/// An instruction as it is stored: a code and where its figures and operands lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) code: Code,
    pub(super) condition: u32,
    pub(super) param_start: u32,
    pub(super) operand_start: u32,
    pub(super) operand_end: u32,
}

impl Step {
    pub(super) const UNCONDITIONED: u32 = u32::MAX;
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    Gate(Gate),
    Unitary { matrix: u32, controls: u32 },
    Measure { bit: u32 },
    Reset,
    Barrier,
    Delay,
}
