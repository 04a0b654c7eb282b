//! The bodies of gates that a program defines, and their unfolding where the gates are called.

use std::ops::Range;

use qhal::circuit::{Condition, Operation};
use qhal::{ErrorKind, Gate};

use super::apply::Callee;
use super::expression::{Step, evaluate};
use super::{Program, refused};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// Steps of unfolding that are granted for each instruction of the limit: a body may call gates that do nothing, and
/// compute angles in many steps.
pub(super) const WORK_PER_INSTRUCTION: u64 = 16;

/// A gate that the program defines or declares.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    parameters: usize,
    pub(super) qubits: u32,
    /// Which of [`Bodies::calls`] it consists of.
    pub(super) body: Range<usize>,
    /// How many instructions it unfolds to, all calls followed; saturates.
    pub(super) instructions: u64,
    /// How many steps the unfolding takes; saturates.
    pub(super) work: u64,
    /// The opaque gate it leads to, if any: itself, or one that its body calls.
    pub(super) opaque: Option<u32>,
}

impl Definition {
    /// A gate with an empty body; `qubits` has been counted in 32 bits.
    pub(super) fn new(parameters: usize, qubits: usize) -> Self {
        let qubits = u32::try_from(qubits).unwrap_or(u32::MAX);
        Self { parameters, qubits, body: 0..0, instructions: 0, work: 1, opaque: None }
    }
}

/// One statement of a body.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) done: Done,
    /// Which of [`Bodies::angles`] it takes.
    pub(super) angles: Range<usize>,
    /// Which of [`Bodies::qubits`] it acts on.
    pub(super) qubits: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Gate(Gate),
    Defined(u32),
    Barrier,
}

/// An angle in a body.
#[derive(Clone, Debug)]
pub(super) enum Angle {
    Number(f64),
    Parameter(u32),
    /// Which of [`Bodies::steps`] compute it.
    Steps(Range<usize>),
}

/// All definitions of a program, stored flat.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    definitions: Vec<Definition>,
    names: Vec<Box<str>>,
    pub(super) calls: Vec<Call>,
    pub(super) angles: Vec<Angle>,
    pub(super) steps: Vec<Step>,
    /// Numbers of the defined gate's own qubits.
    pub(super) qubits: Vec<u32>,
}

impl Bodies {
    /// How many angles and qubits a gate takes.
    pub(super) fn signature(&self, callee: Callee) -> (usize, usize) {
        match callee {
            Callee::Gate(gate) => (gate.params(), gate.qubits()),
            Callee::Defined(number) => {
                let definition = self.definition(number);
                (definition.parameters, definition.qubits as usize)
            }
        }
    }

    /// The definition of this number; numbers are handed out here alone.
    pub(super) fn definition(&self, number: u32) -> &Definition {
        &self.definitions[number as usize]
    }

    /// Adds a statement to `definition`, which is being read.
    pub(super) fn add(&mut self, definition: &mut Definition, call: Call) {
        let (instructions, work, opaque) = match call.done {
            Done::Gate(_) => (1, 1, None),
            Done::Barrier => (call.qubits.len() as u64, call.qubits.len() as u64, None),
            Done::Defined(number) => {
                let called = self.definition(number);
                (called.instructions, called.work, called.opaque)
            }
        };
        let steps =
            self.angles.get(call.angles.clone()).unwrap_or_default().iter().map(|angle| match angle {
                Angle::Steps(steps) => steps.len() as u64,
                _ => 1,
            });
        let steps: u64 = steps.sum::<u64>() + call.qubits.len() as u64;
        definition.instructions = definition.instructions.saturating_add(instructions);
        // A step of an expression or an operand is far quicker than an instruction.
        definition.work = definition.work.saturating_add(work).saturating_add(steps / 4);
        definition.opaque = definition.opaque.or(opaque);
        self.calls.push(call);
    }

    pub(super) fn define(&mut self, name: &str, definition: Definition, at: usize) -> Read<u32> {
        let number = u32::try_from(self.definitions.len())
            .map_err(|_| Fault::new(at, "there are too many definitions"))?;
        self.definitions.push(definition);
        self.names.push(name.into());
        Ok(number)
    }

    pub(super) fn declare_opaque(
        &mut self,
        name: &str,
        parameters: usize,
        qubits: usize,
        at: usize,
    ) -> Read<u32> {
        let number = self.define(name, Definition::new(parameters, qubits), at)?;
        self.definitions[number as usize].opaque = Some(number);
        Ok(number)
    }

    /// Says that `name`, which leads to opaque gate number `opaque`, cannot be applied.
    #[cold]
    pub(super) fn opaque_fault(&self, name: &str, opaque: u32, at: usize) -> Fault {
        let declared = quoted(&self.names[opaque as usize]);
        let name = quoted(name);
        let message = if declared == name {
            format!("{name} is opaque: the program does not say what it does, so it cannot be run")
        } else {
            format!("{name} uses {declared}, which is opaque: the program does not say what it does")
        };
        Fault::new(at, message).of(ErrorKind::Unsupported)
    }
}

/// The state of an unfolding; its memory is kept from one call to the next.
#[derive(Debug, Default)]
pub(super) struct Machine {
    frames: Vec<Frame>,
    /// Parameters of the open calls, the innermost last.
    parameters: Vec<f64>,
    /// Qubits of the open calls, the innermost last.
    qubits: Vec<u32>,
    stack: Vec<f64>,
}

/// A call that is being unfolded.
#[derive(Clone, Debug)]
struct Frame {
    number: u32,
    /// What is left of its body.
    rest: Range<usize>,
    /// Where its parameters and qubits start.
    parameters: usize,
    qubits: usize,
}

impl Program<'_> {
    /// Appends what definition `number`, called `name`, does to `qubits` with the parameters in `self.angles`.
    ///
    /// Calls are followed with a stack of our own: a program may nest definitions deeper than the call stack is.
    pub(super) fn unfold(
        &mut self,
        name: &str,
        number: u32,
        qubits: &[u32],
        condition: Option<&Condition>,
        at: usize,
    ) -> Read<()> {
        let Machine { frames, parameters, qubits: wires, stack } = &mut self.machine;
        let bodies = &self.bodies;
        frames.clear();
        parameters.clear();
        wires.clear();
        parameters.extend_from_slice(&self.angles);
        wires.extend_from_slice(qubits);
        frames.push(Frame { number, rest: bodies.definition(number).body.clone(), parameters: 0, qubits: 0 });
        while let Some(frame) = frames.last_mut() {
            let Some(call) = frame.rest.next().and_then(|index| bodies.calls.get(index)) else {
                parameters.truncate(frame.parameters);
                wires.truncate(frame.qubits);
                frames.pop();
                continue;
            };
            // What is called finds its parameters and qubits behind those of the caller.
            let (own_parameters, own_qubits) = (frame.parameters, frame.qubits);
            let (next_parameters, next_qubits) = (parameters.len(), wires.len());
            for angle in bodies.angles.get(call.angles.clone()).unwrap_or_default() {
                let own = parameters.get(own_parameters..next_parameters).unwrap_or_default();
                let value = match angle {
                    Angle::Number(value) => *value,
                    Angle::Parameter(number) => own.get(*number as usize).copied().unwrap_or(f64::NAN),
                    Angle::Steps(steps) => {
                        let steps = bodies.steps.get(steps.clone()).unwrap_or_default();
                        evaluate(steps, own, stack).map_err(|why| {
                            let inside = quoted(&bodies.names[frame.number as usize]);
                            Fault::new(
                                at,
                                format!("calling {}: {why}, in the body of {inside}", quoted(name)),
                            )
                        })?
                    }
                };
                parameters.push(value);
            }
            for &qubit in bodies.qubits.get(call.qubits.clone()).unwrap_or_default() {
                let wire = wires.get(own_qubits + qubit as usize).copied().unwrap_or(u32::MAX);
                wires.push(wire);
            }
            let (params, qubits) = (&parameters[next_parameters..], &wires[next_qubits..]);
            let pushed = match call.done {
                Done::Gate(gate) => self.circuit.push(Operation::Gate { gate, params, qubits }, condition),
                // Nothing is done by a barrier, so nothing can depend on the condition.
                Done::Barrier => self.circuit.push(Operation::Barrier { qubits }, None),
                Done::Defined(number) => {
                    let rest = bodies.definition(number).body.clone();
                    frames.push(Frame { number, rest, parameters: next_parameters, qubits: next_qubits });
                    continue;
                }
            };
            pushed.map_err(|error| refused(&error, at))?;
            parameters.truncate(next_parameters);
            wires.truncate(next_qubits);
        }
        Ok(())
    }
}

/// Leaves out what stands in the list a second time.
pub(super) fn once_each(qubits: &mut Vec<u32>) {
    if !qubits.is_sorted_by(|one, next| one < next) {
        let mut seen = std::collections::HashSet::with_capacity(qubits.len());
        qubits.retain(|&qubit| seen.insert(qubit));
    }
}
