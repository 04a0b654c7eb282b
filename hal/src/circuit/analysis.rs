//! What can be said of a circuit without running it: final measurements, inverse, depth.

use super::{Circuit, Operation};
use crate::{Error, ErrorKind, Result};

impl Circuit {
    /// Which instructions are final measurements: unconditioned, with nothing after them that changes the qubit or
    /// reads the bit. They can be left out of the evolution and read from the final state.
    ///
    /// One flag an instruction.
    pub fn final_measurements(&self) -> Vec<bool> {
        let mut changed_later = vec![false; self.qubits as usize];
        let mut read_later = vec![false; self.bits as usize];
        let mut written_later = vec![false; self.bits as usize];
        let mut flags = vec![false; self.len()];
        for (flag, instruction) in flags.iter_mut().zip(self.instructions()).rev() {
            match instruction.operation {
                Operation::Measure { qubit, bit } if instruction.condition.is_none() => {
                    let at = bit as usize;
                    *flag = !changed_later[qubit as usize] && !read_later[at] && !written_later[at];
                    // Several final measurements of one qubit, or into one bit, keep their order among themselves.
                    if !*flag {
                        changed_later[qubit as usize] = true;
                        written_later[at] = true;
                    }
                }
                Operation::Barrier { .. } | Operation::Delay { .. } => {}
                operation => {
                    for &qubit in operation.qubits() {
                        changed_later[qubit as usize] = true;
                    }
                    if let Operation::Measure { bit, .. } = operation {
                        written_later[bit as usize] = true;
                    }
                }
            }
            if let Some(condition) = instruction.condition {
                for bit in condition.bits() {
                    read_later[bit as usize] = true;
                }
            }
        }
        flags
    }

    /// Whether outcomes are needed before the end: a measurement that is not final, a reset or a condition.
    pub fn is_dynamic(&self) -> bool {
        self.instructions().zip(self.final_measurements()).any(|(instruction, is_final)| {
            instruction.condition.is_some()
                || match instruction.operation {
                    Operation::Measure { .. } => !is_final,
                    Operation::Reset { .. } => true,
                    _ => false,
                }
        })
    }

    /// The same circuit without its final measurements.
    ///
    /// # Errors
    /// None that a circuit which exists can cause; the signature is that of [`Circuit::push`].
    pub fn without_final_measurements(&self) -> Result<Self> {
        let mut rest = self.without_instructions();
        for (instruction, is_final) in self.instructions().zip(self.final_measurements()) {
            if !is_final {
                rest.append(instruction.operation, instruction.condition)?;
            }
        }
        Ok(rest)
    }

    /// The circuit that undoes this one.
    ///
    /// # Errors
    /// `Unsupported` when it measures, resets or has conditions.
    pub fn inverse(&self) -> Result<Self> {
        let mut inverse = self.without_instructions();
        for instruction in self.instructions().rev() {
            if instruction.condition.is_some() {
                return Err(Error::new(ErrorKind::Unsupported, "a circuit with conditions has no inverse"));
            }
            match instruction.operation {
                Operation::Gate { gate, params, qubits } => {
                    let (gate, params) = gate.inverse(params);
                    inverse.append(Operation::Gate { gate, params: &params, qubits }, None)?;
                }
                Operation::Unitary { matrix, controls, qubits } => {
                    inverse
                        .append(Operation::Unitary { matrix: &matrix.adjoint(), controls, qubits }, None)?;
                }
                operation @ (Operation::Barrier { .. } | Operation::Delay { .. }) => {
                    inverse.append(operation, None)?
                }
                operation => {
                    let what = operation.name();
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("a circuit with {what} has no inverse"),
                    ));
                }
            }
        }
        Ok(inverse)
    }

    /// The length of the longest chain of operations that must follow each other; barriers order without counting,
    /// and a global phase, which is on no qubit, does not count.
    ///
    /// A classical bit makes whoever reads it wait for whoever wrote it.
    pub fn depth(&self) -> usize {
        self.longest_chain(|operation| {
            !matches!(operation, Operation::Barrier { .. }) && !operation.qubits().is_empty()
        })
    }

    /// [`depth`](Self::depth) counting only operations on two or more qubits.
    pub fn multi_qubit_depth(&self) -> usize {
        self.longest_chain(|operation| operation.is_unitary() && operation.qubits().len() > 1)
    }

    fn longest_chain(&self, counts: impl Fn(&Operation<'_>) -> bool) -> usize {
        let mut at_qubit = vec![0usize; self.qubits as usize];
        let mut written_at = vec![0usize; self.bits as usize];
        let mut read_at = vec![0usize; self.bits as usize];
        for instruction in self.instructions() {
            let operation = instruction.operation;
            let everywhere: Vec<u32>;
            let qubits = match operation {
                Operation::Barrier { qubits: [] } => {
                    everywhere = (0..self.qubits).collect();
                    &everywhere
                }
                _ => operation.qubits(),
            };
            let written = match operation {
                Operation::Measure { bit, .. } => bit..bit + 1,
                _ => 0..0,
            };
            let read = instruction.condition.map_or(0..0, |condition| condition.bits());
            // Readers wait for the writer, and do not wait for each other; a writer waits for all before it.
            let before = qubits
                .iter()
                .map(|&qubit| at_qubit[qubit as usize])
                .chain(written.clone().chain(read.clone()).map(|bit| written_at[bit as usize]))
                .chain(written.clone().map(|bit| read_at[bit as usize]));
            let level = before.max().unwrap_or(0) + usize::from(counts(&operation));
            for &qubit in qubits {
                at_qubit[qubit as usize] = level;
            }
            for bit in written {
                written_at[bit as usize] = level;
            }
            for bit in read {
                read_at[bit as usize] = read_at[bit as usize].max(level);
            }
        }
        at_qubit.into_iter().max().unwrap_or(0)
    }

    /// How many gates and unitaries act on exactly two qubits.
    pub fn two_qubit_gates(&self) -> usize {
        self.instructions()
            .filter(|instruction| {
                instruction.operation.is_unitary() && instruction.operation.qubits().len() == 2
            })
            .count()
    }
}
