//! Outcomes find their bits of the memory, and what was carried out becomes a circuit.

use std::rc::Rc;

use qhal::circuit::{BitString, Condition, Matrix, Operation, Params};
use qhal::{Circuit, Gate};

use super::logic::{Cube, Logic, Outcome};
use super::value::unsupported;
use crate::diagnostic::{Fault, Read};

/// Something to do, where any of some cases holds.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) cases: Option<Rc<Vec<Cube>>>,
    pub(super) action: Action,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Gate(Gate, Params, Vec<u32>),
    Unitary(Rc<Matrix>, u32, Vec<u32>),
    Measure(u32, Outcome),
    Reset(u32),
    Barrier(Vec<u32>),
    Delay(u32, f64),
}

/// A place of the memory for one or more outcomes, each of which overwrites the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// The outcome that it holds now.
    pub(super) now: Outcome,
    /// The bit of the program that it was measured into first.
    pub(super) home: Option<u32>,
    /// Nothing may have been in the place before: it keeps 0 where the measurement is not done.
    pub(super) fresh: bool,
}

/// Outcomes and where they are kept.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) slots: Vec<Slot>,
    /// The slot of each outcome.
    pub(super) slot_of: Vec<usize>,
}

impl Outcomes {
    pub(super) fn new_slot(&mut self, home: Option<u32>, fresh: bool) -> Outcome {
        let outcome = self.slot_of.len() as Outcome;
        self.slot_of.push(self.slots.len());
        self.slots.push(Slot { now: outcome, home, fresh });
        outcome
    }

    /// A new outcome in the place of another.
    pub(super) fn over(&mut self, former: Outcome) -> Outcome {
        let outcome = self.slot_of.len() as Outcome;
        let slot = self.slot_of[former as usize];
        self.slot_of.push(slot);
        self.slots[slot].now = outcome;
        outcome
    }

    /// Whether an outcome can still be read.
    pub(super) fn stands(&self, outcome: Outcome) -> bool {
        self.slot_of.get(outcome as usize).is_some_and(|&slot| self.slots[slot].now == outcome)
    }
}

/// When a slot is first written and last used, by the number of the step.
#[derive(Clone, Copy, Debug)]
struct Life {
    first: usize,
    last: usize,
}

/// Makes the circuit: `circuit` has the registers, `finals` what each bit of the program is in the end and where it was
/// last assigned.
pub(super) fn circuit(
    mut circuit: Circuit,
    steps: &[Step],
    mut outcomes: Outcomes,
    finals: &[(Logic, usize)],
) -> Read<Circuit> {
    let mut lives: Vec<Option<Life>> = vec![None; outcomes.slots.len()];
    for (number, step) in steps.iter().enumerate() {
        let read = step.cases.iter().flat_map(|cases| cases.iter().flatten().map(|(outcome, _)| *outcome));
        let written = if let Action::Measure(_, outcome) = step.action { Some(outcome) } else { None };
        for outcome in read.chain(written) {
            let life = &mut lives[outcomes.slot_of[outcome as usize]];
            match life {
                Some(life) => life.last = number,
                None => *life = Some(Life { first: number, last: number }),
            }
        }
    }
    // What must be in the bits of the program in the end.
    let mut kept: Vec<Option<usize>> = vec![None; finals.len()];
    let mut closed = vec![false; finals.len()];
    for (bit, (logic, at)) in finals.iter().enumerate() {
        match logic {
            Logic::Known(false) => closed[bit] = true,
            _ => {
                let slot = logic
                    .copied()
                    .filter(|outcome| outcomes.stands(*outcome))
                    .map(|outcome| outcomes.slot_of[outcome as usize]);
                let Some(slot) = slot else {
                    let message = "this bit of the program ends as something else than one outcome, which a circuit has no \
                                   place for";
                    return Err(unsupported(*at, message));
                };
                if kept.contains(&Some(slot)) {
                    let message =
                        "two bits of the program end as the same outcome, which a circuit has one place for";
                    return Err(unsupported(*at, message));
                }
                kept[bit] = Some(slot);
                outcomes.slots[slot].home = Some(bit as u32);
            }
        }
    }
    let mut free_from = vec![0usize; finals.len()];
    let mut place_of: Vec<u32> = vec![0; outcomes.slots.len()];
    let mut more = 0u32;
    let mut order: Vec<usize> = (0..lives.len()).filter(|slot| lives[*slot].is_some()).collect();
    order.sort_by_key(|slot| lives[*slot].map(|life| life.first));
    for slot in order {
        let Some(life) = lives[slot] else { continue };
        let home = outcomes.slots[slot].home.map(|home| home as usize).filter(|home| {
            let used = free_from.get(*home).copied().unwrap_or(usize::MAX);
            let before_last = kept[*home].is_none_or(|last| {
                last == slot || lives[last].is_some_and(|of_last| life.last < of_last.first)
            });
            let ends_as_zero = closed[*home];
            used <= life.first && (used == 0 || !outcomes.slots[slot].fresh) && before_last && !ends_as_zero
        });
        place_of[slot] = match home {
            Some(home) => {
                free_from[home] = life.last + 1;
                home as u32
            }
            None if kept.contains(&Some(slot)) => {
                let message = "this program uses an outcome for longer than its bit keeps it";
                return Err(unsupported(steps[life.first].at, message));
            }
            None => {
                more += 1;
                finals.len() as u32 + more - 1
            }
        };
    }
    if more > 0 {
        let mut name = "outcomes".to_owned();
        while circuit
            .bit_registers()
            .iter()
            .chain(circuit.qubit_registers())
            .any(|register| register.name == name)
        {
            name.push('_');
        }
        circuit.add_bits(&name, more).map_err(|error| Fault::new(0, error.message()))?;
    }
    let place = |outcome: Outcome| place_of[outcomes.slot_of[outcome as usize]];
    for step in steps {
        let operation = match &step.action {
            Action::Gate(gate, params, qubits) => Operation::Gate { gate: *gate, params, qubits },
            Action::Unitary(matrix, controls, qubits) => {
                Operation::Unitary { matrix, controls: *controls, qubits }
            }
            Action::Measure(qubit, outcome) => Operation::Measure { qubit: *qubit, bit: place(*outcome) },
            Action::Reset(qubit) => Operation::Reset { qubit: *qubit },
            Action::Barrier(qubits) => Operation::Barrier { qubits },
            Action::Delay(qubit, seconds) => Operation::Delay { qubit: *qubit, seconds: *seconds },
        };
        let wrong = |error: qhal::Error| Fault::new(step.at, error.message()).of(error.kind());
        match &step.cases {
            None => circuit.push(operation, None).map_err(wrong)?,
            Some(cases) => {
                for case in cases.iter() {
                    let bits: Vec<(u32, bool)> =
                        case.iter().map(|&(outcome, value)| (place(outcome), value)).collect();
                    circuit.push(operation, Some(&condition(&bits))).map_err(wrong)?;
                }
            }
        }
    }
    Ok(circuit)
}

/// All of some bits as said.
fn condition(bits: &[(u32, bool)]) -> Condition {
    let first = bits.iter().map(|(bit, _)| *bit).min().unwrap_or(0);
    let width = bits.iter().map(|(bit, _)| bit + 1 - first).max().unwrap_or(0);
    let (mut mask, mut value) = (BitString::zeros(width), BitString::zeros(width));
    for &(bit, wanted) in bits {
        mask.set(bit - first, true);
        value.set(bit - first, wanted);
    }
    Condition::masked(first, width, mask, value)
}
