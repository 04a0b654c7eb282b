//! A circuit made ready to run: what evolves the state, where outcomes are needed, what is read at the end.

use qhal::circuit::{BitString, Circuit, Condition, Operation};
use qhal::{Error, ErrorKind, Result};

use crate::kernels::Choose;
use crate::lower::Op;
use crate::options::{Options, Precision};
use crate::program::{Program, Start};
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
    threads: usize,
}

/// What is done between two points where an outcome or a condition decides.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) condition: Option<Condition>,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Evolve(Unitaries),
    Measure { qubit: u32, bit: u32 },
    Reset { qubit: u32 },
}

/// A run of unitaries: one by one, or made into a program for one kind of number.
#[derive(Clone, Debug)]
pub(crate) enum Unitaries {
    Ops(Vec<Op>),
    F32(Program<f32>),
    F64(Program<f64>),
}

/// A kind of number that states can be made of.
pub(crate) trait Number: Choose {
    /// The program in `unitaries`, if it is one for this kind.
    fn program(unitaries: &Unitaries) -> Option<&Program<Self>>;
}

impl Number for f32 {
    fn program(unitaries: &Unitaries) -> Option<&Program<Self>> {
        if let Unitaries::F32(program) = unitaries { Some(program) } else { None }
    }
}

impl Number for f64 {
    fn program(unitaries: &Unitaries) -> Option<&Program<Self>> {
        if let Unitaries::F64(program) = unitaries { Some(program) } else { None }
    }
}

impl Plan {
    /// Plans a circuit of at most 63 qubits.
    pub(crate) fn new(circuit: &Circuit, options: &Options) -> Self {
        let mut plan = Self {
            qubits: circuit.qubits(),
            bits: circuit.bits(),
            steps: Vec::new(),
            final_measurements: Vec::new(),
            dynamic: false,
            threads: options.threads,
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
        plan.dynamic = plan
            .steps
            .iter()
            .any(|step| step.condition.is_some() || !matches!(step.action, Action::Evolve(_)));
        if options.fusion {
            plan.fuse(options);
        }
        plan
    }

    /// Makes programs of runs of unitaries where states are large enough for it.
    fn fuse(&mut self, options: &Options) {
        // Where histories branch, what a step does must not depend on which steps were done before it.
        let alone = !self.dynamic && self.steps.len() == 1;
        let start = if alone { Start::Zero } else { Start::InOrder };
        let (qubits, threads) = (self.qubits, options.threads);
        for step in &mut self.steps {
            let Action::Evolve(unitaries) = &mut step.action else { continue };
            let Unitaries::Ops(ops) = &*unitaries else { continue };
            match options.precision {
                Precision::F32 if Program::<f32>::suits(qubits) => {
                    *unitaries = Unitaries::F32(Program::new(qubits, ops, start, threads));
                }
                Precision::F64 if Program::<f64>::suits(qubits) => {
                    *unitaries = Unitaries::F64(Program::new(qubits, ops, start, threads));
                }
                _ => {}
            }
        }
    }

    fn push(&mut self, condition: Option<&Condition>, action: Action) {
        self.steps.push(Step { condition: condition.cloned(), action });
    }

    fn push_op(&mut self, condition: Option<&Condition>, op: Op) {
        match self.steps.last_mut() {
            Some(Step { condition: last, action: Action::Evolve(Unitaries::Ops(ops)) })
                if last.as_ref() == condition =>
            {
                ops.push(op);
            }
            _ => self.push(condition, Action::Evolve(Unitaries::Ops(vec![op]))),
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

    /// The plan in words: a line for each pass over the state, measurement and reset, and the time that the passes
    /// should take by what operations and memory cost on this machine (measured at the first call).
    pub fn explain(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            if step.condition.is_some() {
                text.push_str("if a condition holds: ");
            }
            match &step.action {
                Action::Evolve(Unitaries::Ops(ops)) => {
                    text.push_str(&format!("{} unitaries one by one\n", ops.len()));
                }
                Action::Evolve(Unitaries::F32(program)) => text.push_str(&program.explain(self.threads)),
                Action::Evolve(Unitaries::F64(program)) => text.push_str(&program.explain(self.threads)),
                Action::Measure { qubit, bit } => {
                    text.push_str(&format!("measure qubit {qubit} into bit {bit}\n"));
                }
                Action::Reset { qubit } => text.push_str(&format!("reset qubit {qubit}\n")),
            }
        }
        text
    }

    /// Zeros for the classical memory.
    pub(crate) fn memory(&self) -> BitString {
        BitString::zeros(self.bits)
    }
}

/// Applies the unitaries of a plan that was not fused to any state, wherever its qubits lie.
pub(crate) fn apply<T: Number>(register: &mut Register<T>, plan: &Plan, fusion: bool, threads: usize) {
    let fusion = fusion && Program::<T>::suits(register.qubits());
    for step in &plan.steps {
        let Action::Evolve(Unitaries::Ops(ops)) = &step.action else { continue };
        if fusion {
            let (positions, flips) = register.places();
            Program::<T>::new(register.qubits(), ops, Start::Placed(positions, flips), threads).run(register);
        } else {
            register.settle_flips();
            ops.iter().for_each(|op| reference::apply(register, op));
        }
    }
}

/// Applies unitaries to the state.
///
/// # Errors
/// `InvalidInput` when the plan was made for another precision.
pub(crate) fn evolve<T: Number>(register: &mut Register<T>, unitaries: &Unitaries) -> Result<()> {
    match (unitaries, T::program(unitaries)) {
        (Unitaries::Ops(ops), _) => ops.iter().for_each(|op| reference::apply(register, op)),
        (_, Some(program)) => program.run(register),
        _ => {
            let wrong = "a plan runs only on a simulator of the precision it was made for";
            return Err(Error::new(ErrorKind::InvalidInput, wrong));
        }
    }
    Ok(())
}
