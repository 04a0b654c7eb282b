//! Circuits that need outcomes on the way: every possible history is followed once, depth first, with its share.

use qhal::circuit::BitString;
use qhal::{ErrorKind, Result};

use crate::plan::{Action, Number, Plan, evolve};
use crate::real::Real;
use crate::register::Register;
use crate::workers::Workers;

/// How a share of the whole (shots, or a probability) is split at an outcome, and what is done with it in the end.
pub(crate) trait Share<T> {
    /// The share itself.
    type Weight: Copy;

    /// Splits `weight` between outcomes 0 and 1, of which 1 has `probability`; `None` where nothing is left.
    ///
    /// # Errors
    /// Whatever stops the whole run.
    fn split(&mut self, weight: Self::Weight, probability: f64) -> Result<[Option<Self::Weight>; 2]>;

    /// Takes the final state of one history.
    ///
    /// # Errors
    /// Whatever stops the whole run.
    fn finish(&mut self, register: &Register<T>, memory: &BitString, weight: Self::Weight) -> Result<()>;
}

/// A history that waits to be followed on.
struct Branch<T, W> {
    /// Its state after the last outcome; `None` when there was no room: then the history is run again.
    register: Option<Register<T>>,
    memory: BitString,
    step: usize,
    outcomes: Vec<bool>,
    weight: W,
}

/// Follows all histories of a plan; never holds more than `most_states` states (at least one).
///
/// # Errors
/// `Exhausted` when there is no memory for one state; those of `share`.
pub(crate) fn follow<T: Number, S: Share<T>>(
    plan: &Plan,
    workers: &Workers,
    most_states: u64,
    whole: S::Weight,
    share: &mut S,
) -> Result<()> {
    let root = Branch { register: None, memory: plan.memory(), step: 0, outcomes: Vec::new(), weight: whole };
    let mut waiting = vec![root];
    // States of histories that are at their end, to be written over.
    let mut spare: Vec<Register<T>> = Vec::new();
    while let Some(branch) = waiting.pop() {
        let Branch { register, mut memory, mut step, mut outcomes, mut weight } = branch;
        let mut forced = Vec::new();
        let mut register = match register {
            Some(register) => register,
            None => {
                forced = std::mem::take(&mut outcomes);
                (memory, step) = (plan.memory(), 0);
                spare.clear();
                Register::new(plan.qubits(), workers.clone())?
            }
        };
        while let Some(current) = plan.steps.get(step) {
            step += 1;
            if current.condition.as_ref().is_some_and(|condition| !condition.holds(&memory)) {
                continue;
            }
            let event = match &current.action {
                Action::Evolve(ops) => {
                    evolve(&mut register, ops)?;
                    continue;
                }
                Action::Measure { qubit, bit } => Event { qubit: *qubit, bit: Some(*bit) },
                Action::Reset { qubit } => Event { qubit: *qubit, bit: None },
            };
            let odds = event.odds(&register);
            let outcome = match forced.get(outcomes.len()) {
                Some(&outcome) => outcome,
                None => {
                    let shares = share.split(weight, odds.of_one())?;
                    if let [Some(_), Some(one)] = shares {
                        let held =
                            waiting.iter().filter(|branch| branch.register.is_some()).count() + spare.len();
                        let held = held as u64;
                        let room = held + 1 < most_states || !spare.is_empty();
                        let mut other = Branch {
                            register: if room { copy(&register, spare.pop())? } else { None },
                            memory: memory.clone(),
                            step,
                            outcomes: [outcomes.as_slice(), &[true]].concat(),
                            weight: one,
                        };
                        if let Some(register) = &mut other.register {
                            event.happen(register, &mut other.memory, true, &odds);
                        }
                        waiting.push(other);
                    }
                    let [zero, one] = shares;
                    weight = zero.or(one).unwrap_or(weight);
                    zero.is_none() && one.is_some()
                }
            };
            event.happen(&mut register, &mut memory, outcome, &odds);
            outcomes.push(outcome);
        }
        share.finish(&register, &memory, weight)?;
        if spare.is_empty() {
            spare.push(register);
        }
    }
    Ok(())
}

/// A copy of the state, in the place of `spare` if there is one, or nothing where the system has no memory for it.
fn copy<T: Real>(register: &Register<T>, spare: Option<Register<T>>) -> Result<Option<Register<T>>> {
    if let Some(mut spare) = spare {
        spare.copy_from(register);
        return Ok(Some(spare));
    }
    match register.duplicate() {
        Ok(copy) => Ok(Some(copy)),
        Err(error) if error.kind() == ErrorKind::Exhausted => Ok(None),
        Err(error) => Err(error),
    }
}

/// A measurement, or a reset where there is no bit.
struct Event {
    qubit: u32,
    bit: Option<u32>,
}

/// How likely the two outcomes of an event are.
struct Odds {
    /// The probabilities of 0 and 1; exactly 0 where the state differs from that by rounding only.
    parts: [f64; 2],
    /// Whether one of them is exactly 0 in the state already.
    settled: bool,
}

impl Odds {
    fn of_one(&self) -> f64 {
        let [zero, one] = self.parts;
        one / (zero + one)
    }
}

impl Event {
    fn odds<T: Real>(&self, register: &Register<T>) -> Odds {
        // A gate changes an amplitude by about one unit in the last place, hence its square by that squared.
        let rounding = match T::PRECISION {
            crate::Precision::F32 => 1e-11,
            crate::Precision::F64 => 1e-26,
        };
        let (zero, one) = register.probabilities_of(self.qubit);
        let total = zero + one;
        let parts = [zero, one].map(|part| if part < rounding * total { 0.0 } else { part });
        Odds { parts, settled: zero == 0.0 || one == 0.0 }
    }

    fn happen<T: Real>(
        &self,
        register: &mut Register<T>,
        memory: &mut BitString,
        outcome: bool,
        odds: &Odds,
    ) {
        if !odds.settled {
            register.collapse(self.qubit, outcome, odds.parts[usize::from(outcome)]);
        }
        match self.bit {
            Some(bit) => memory.set(bit, outcome),
            None if outcome => register.flip(self.qubit),
            None => {}
        }
    }
}
