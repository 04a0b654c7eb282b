//! Quantum programs as data: registers, gates, measurement, reset, barriers, delays and classical conditions.

mod analysis;
mod bits;
mod gate;
mod matrix;
mod operation;
mod table;

pub use bits::BitString;
pub use gate::{Block, Clifford, Gate, GateSpec, Inverse, Library, Params};
pub use matrix::{MAX_MATRIX_QUBITS, Matrix};
pub use operation::{Condition, Instruction, Operation};

use crate::{Error, ErrorKind, Result};
use operation::{Code, Step};

/// A named run of qubits or classical bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its name in the program.
    pub name: String,
    /// The index of its first qubit or bit in the whole circuit.
    pub start: u32,
    /// How many it has, at least 1.
    pub size: u32,
}

/// A program of one straight line: what is done to numbered qubits and bits, in order.
///
/// Qubits and bits are numbered through all registers in the order of declaration. Everything a circuit holds
/// has been checked when it was put in: operands exist and differ, angles are finite, matrices fit.
///
/// Instructions are stored flat (a few machine words each), so that programs of millions of gates stay small.
#[derive(Clone, Debug, Default)]
pub struct Circuit {
    qubit_registers: Vec<Register>,
    bit_registers: Vec<Register>,
    qubits: u32,
    bits: u32,
    steps: Vec<Step>,
    params: Vec<f64>,
    operands: Vec<u32>,
    matrices: Vec<Matrix>,
    conditions: Vec<Condition>,
}

impl Circuit {
    /// An empty circuit without qubits.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty circuit of one quantum register `q` and one classical register `c`; a size of 0 leaves one out.
    pub fn with_size(qubits: u32, bits: u32) -> Self {
        let one = |name: &str, size| {
            if size == 0 { Vec::new() } else { vec![Register { name: name.to_owned(), start: 0, size }] }
        };
        Self {
            qubit_registers: one("q", qubits),
            bit_registers: one("c", bits),
            qubits,
            bits,
            ..Self::default()
        }
    }

    /// Declares `size` more qubits under `name` and returns the index of the first.
    ///
    /// # Errors
    /// `InvalidInput` for size 0, a name that is taken, or more than 2^32 − 1 qubits in all.
    pub fn add_qubits(&mut self, name: &str, size: u32) -> Result<u32> {
        self.check_register(name, size)?;
        let start = self.qubits;
        self.qubits = grown(start, size, "qubits")?;
        self.qubit_registers.push(Register { name: name.to_owned(), start, size });
        Ok(start)
    }

    /// Declares `size` more classical bits under `name` and returns the index of the first.
    ///
    /// # Errors
    /// `InvalidInput` for size 0, a name that is taken, or more than 2^32 − 1 bits in all.
    pub fn add_bits(&mut self, name: &str, size: u32) -> Result<u32> {
        self.check_register(name, size)?;
        let start = self.bits;
        self.bits = grown(start, size, "classical bits")?;
        self.bit_registers.push(Register { name: name.to_owned(), start, size });
        Ok(start)
    }

    fn check_register(&self, name: &str, size: u32) -> Result<()> {
        let taken =
            self.qubit_registers.iter().chain(&self.bit_registers).any(|register| register.name == name);
        if size == 0 || taken {
            let why = if taken { "the name is taken" } else { "its size is 0" };
            return Err(invalid(format!("cannot declare register '{name}': {why}")));
        }
        Ok(())
    }

    /// How many qubits there are.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    /// How many classical bits there are.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The quantum registers in the order of declaration.
    pub fn qubit_registers(&self) -> &[Register] {
        &self.qubit_registers
    }

    /// The classical registers in the order of declaration.
    pub fn bit_registers(&self) -> &[Register] {
        &self.bit_registers
    }

    /// How many instructions there are, barriers and delays included.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is no instruction.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The instructions in order.
    pub fn instructions(
        &self,
    ) -> impl DoubleEndedIterator<Item = Instruction<'_>> + ExactSizeIterator + Clone {
        self.steps.iter().map(|step| self.view(step))
    }

    /// Instruction number `index`.
    pub fn get(&self, index: usize) -> Option<Instruction<'_>> {
        self.steps.get(index).map(|step| self.view(step))
    }

    /// Appends one instruction, done only if `condition` holds.
    ///
    /// # Errors
    /// `InvalidInput` when an operand does not exist or is named twice, the number of operands or angles is wrong, a
    /// figure is not finite, a duration is negative, a matrix is not unitary to 1e-8, or the condition reads bits
    /// that do not exist; `Exhausted` beyond 2^32 − 2 operands. The circuit is unchanged then.
    pub fn push(&mut self, operation: Operation<'_>, condition: Option<&Condition>) -> Result<()> {
        operation.check(self.qubits, self.bits)?;
        if let Some(condition) = condition {
            condition.check(self.bits)?;
        }
        self.append(operation, condition)
    }

    /// Appends `gate` with `params` in radians on `qubits`, controls first.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn gate(&mut self, gate: Gate, params: &[f64], qubits: &[u32]) -> Result<&mut Self> {
        self.push(Operation::Gate { gate, params, qubits }, None)?;
        Ok(self)
    }

    /// Appends a measurement of `qubit` in the Z basis, whose outcome goes to `bit`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn measure(&mut self, qubit: u32, bit: u32) -> Result<&mut Self> {
        self.push(Operation::Measure { qubit, bit }, None)?;
        Ok(self)
    }

    /// Appends a measurement of every qubit to the bit of the same number; declares the bits that
    /// are missing as register `meas`.
    ///
    /// # Errors
    /// `InvalidInput` when there are fewer bits than qubits and the name `meas` is taken.
    pub fn measure_all(&mut self) -> Result<&mut Self> {
        if self.bits < self.qubits {
            self.add_bits("meas", self.qubits - self.bits)?;
        }
        for index in 0..self.qubits {
            self.measure(index, index)?;
        }
        Ok(self)
    }

    /// Appends a return of `qubit` to |0⟩.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn reset(&mut self, qubit: u32) -> Result<&mut Self> {
        self.push(Operation::Reset { qubit }, None)?;
        Ok(self)
    }

    /// Appends the unitary `matrix` on the last of `qubits`, done where the first `controls` of them are 1.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn unitary(&mut self, matrix: &Matrix, controls: u32, qubits: &[u32]) -> Result<&mut Self> {
        self.push(Operation::Unitary { matrix, controls, qubits }, None)?;
        Ok(self)
    }

    /// A circuit of the same registers without instructions.
    #[must_use]
    pub fn without_instructions(&self) -> Self {
        Self {
            qubit_registers: self.qubit_registers.clone(),
            bit_registers: self.bit_registers.clone(),
            qubits: self.qubits,
            bits: self.bits,
            ..Self::default()
        }
    }

    /// Appends what has been checked.
    fn append(&mut self, operation: Operation<'_>, condition: Option<&Condition>) -> Result<()> {
        // All that can fail comes before anything is changed.
        let (param_start, operand_start) = (index32(self.params.len())?, index32(self.operands.len())?);
        let operand_end = index32(self.operands.len() + operation.qubits().len())?;
        let matrix_at = index32(self.matrices.len())?;
        let condition = match condition {
            None => Step::UNCONDITIONED,
            // Programs repeat the condition for every statement of a block.
            Some(condition) => {
                let repeats = self.conditions.last() == Some(condition);
                let at = index32(self.conditions.len() - usize::from(repeats))?;
                if !repeats {
                    self.conditions.push(condition.clone());
                }
                at
            }
        };
        let code = match operation {
            Operation::Gate { gate, params, .. } => {
                self.params.extend_from_slice(params);
                Code::Gate(gate)
            }
            Operation::Unitary { matrix, controls, .. } => {
                self.matrices.push(matrix.clone());
                Code::Unitary { matrix: matrix_at, controls }
            }
            Operation::Measure { bit, .. } => Code::Measure { bit },
            Operation::Reset { .. } => Code::Reset,
            Operation::Barrier { .. } => Code::Barrier,
            Operation::Delay { seconds, .. } => {
                self.params.push(seconds);
                Code::Delay
            }
        };
        self.operands.extend_from_slice(operation.qubits());
        self.steps.push(Step { code, condition, param_start, operand_start, operand_end });
        Ok(())
    }

    fn view(&self, step: &Step) -> Instruction<'_> {
        let qubits = &self.operands[step.operand_start as usize..step.operand_end as usize];
        let params =
            |count: usize| &self.params[step.param_start as usize..step.param_start as usize + count];
        let operation = match step.code {
            Code::Gate(gate) => Operation::Gate { gate, params: params(gate.params()), qubits },
            Code::Unitary { matrix, controls } => {
                Operation::Unitary { matrix: &self.matrices[matrix as usize], controls, qubits }
            }
            Code::Measure { bit } => Operation::Measure { qubit: qubits[0], bit },
            Code::Reset => Operation::Reset { qubit: qubits[0] },
            Code::Barrier => Operation::Barrier { qubits },
            Code::Delay => Operation::Delay { qubit: qubits[0], seconds: params(1)[0] },
        };
        let condition =
            (step.condition != Step::UNCONDITIONED).then(|| &self.conditions[step.condition as usize]);
        Instruction { operation, condition }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn grown(start: u32, size: u32, what: &str) -> Result<u32> {
    start.checked_add(size).ok_or_else(|| invalid(format!("{start} and {size} more {what} are too many")))
}

fn index32(index: usize) -> Result<u32> {
    // The last number means "no condition".
    u32::try_from(index)
        .ok()
        .filter(|&index| index != Step::UNCONDITIONED)
        .ok_or_else(|| Error::new(ErrorKind::Exhausted, "a circuit holds at most 2^32 - 2 operands"))
}
