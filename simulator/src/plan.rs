//! A circuit made ready to run: what evolves the state, where outcomes are needed, what is read at the end.

use qhal::Result;
use qhal::circuit::{BitString, Circuit, Condition, Operation};

use crate::lower::Op;
use crate::real::Real;
use crate::reference;
use crate::register::Register;

/// A circuit made ready by [`Simulator::plan`](crate::Simulator::plan); it can be run any number of times.
#[derive(Clone, Debug)]
pub struct Plan {
    qubits: u32,
    bits: u32,
    pub(crate) steps: Vec<Step>,
    /// Qubit and bit of each final measurement, in order.
    pub(crate) final_measurements: Vec<(u32, u32)>,
    dynamic: bool,
}

/// What is done between two points where an outcome or a condition decides.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) condition: Option<Condition>,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Evolve(Vec<Op>),
    Measure { qubit: u32, bit: u32 },
    Reset { qubit: u32 },
}

impl Plan {
    /// Plans a circuit of at most 63 qubits.
    pub(crate) fn new(circuit: &Circuit) -> Self {
        let mut plan = Self {
            qubits: circuit.qubits(),
            bits: circuit.bits(),
            steps: Vec::new(),
            final_measurements: Vec::new(),
            dynamic: circuit.is_dynamic(),
        };
        for (instruction, is_final) in circuit.instructions().zip(circuit.final_measurements()) {
            let condition = instruction.condition;
            match instruction.operation {
                Operation::Measure { qubit, bit } if is_final => plan.final_measurements.push((qubit, bit)),
                Operation::Measure { qubit, bit } => plan.push(condition, Action::Measure { qubit, bit }),
                Operation::Reset { qubit } => plan.push(condition, Action::Reset { qubit }),
                operation => {
                    if let Some(op) = Op::new(operation) {
                        plan.push_op(condition, op);
                    }
                }
            }
        }
        plan
    }

    fn push(&mut self, condition: Option<&Condition>, action: Action) {
        self.steps.push(Step { condition: condition.cloned(), action });
    }

    fn push_op(&mut self, condition: Option<&Condition>, op: Op) {
        match self.steps.last_mut() {
            Some(Step { condition: last, action: Action::Evolve(ops) }) if last.as_ref() == condition => {
                ops.push(op);
            }
            _ => self.push(condition, Action::Evolve(vec![op])),
        }
    }

    /// How many qubits the circuit has.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    /// How many classical bits it has.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Whether it needs outcomes before the end: measurements that are not final, resets or conditions.
    pub fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    /// Which qubit goes to which bit in the end, in order; later entries overwrite earlier ones.
    pub fn final_measurements(&self) -> &[(u32, u32)] {
        &self.final_measurements
    }

    /// Zeros for the classical memory.
    pub(crate) fn memory(&self) -> BitString {
        BitString::zeros(self.bits)
    }
}

/// Applies `ops` to the state.
///
/// # Errors
/// None yet that a planned circuit can cause.
pub(crate) fn evolve<T: Real>(register: &mut Register<T>, ops: &[Op]) -> Result<()> {
    for op in ops {
        reference::apply(register, op);
    }
    Ok(())
}
