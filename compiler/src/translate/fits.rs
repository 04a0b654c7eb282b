//! Whether a circuit can be handed to a processor as it is: native gates where they can be done, features, size.

use std::collections::{HashMap, HashSet};
use std::f64::consts::FRAC_PI_2;

use qhal::circuit::{Instruction, Operation};
use qhal::processor::{Couplings, NativeGate};
use qhal::{Circuit, Error, ErrorKind, Gate};

use super::Target;

/// Angles are taken for quarter turns up to so much (radians).
const QUARTER: f64 = 1e-9;

/// Why a circuit cannot be handed to a processor as it is.
#[derive(Debug)]
pub struct Misfit {
    /// The first thing that is wrong, in one sentence.
    pub error: Error,
    /// Whether [`translate`](super::translate()) may mend it: a gate or a coupling, not a feature or the size.
    pub mendable: bool,
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        misfit.error
    }
}

/// Checks that `target` runs `circuit` without translation.
///
/// A gate that is the same in both directions may be done on a coupling that is listed in the other one. Barriers, delays
/// and global phases are always possible.
///
/// # Errors
/// `Exhausted` when it has too few qubits; `Unsupported` for the first instruction that it cannot do: which one, where, why.
pub fn fits(circuit: &Circuit, target: &Target) -> Result<(), Misfit> {
    let most = target.capabilities.qubits.len();
    if circuit.qubits() as usize > most {
        let message = format!("the program has {} qubits, and {} has {most}", circuit.qubits(), target.name);
        return Err(Misfit { error: Error::new(ErrorKind::Exhausted, message), mendable: false });
    }
    let places = Places::new(target);
    let final_measurements = circuit.final_measurements();
    for (number, (instruction, is_final)) in circuit.instructions().zip(final_measurements).enumerate() {
        if let Some(why) = places.objection(instruction, is_final) {
            let what = instruction.operation.name();
            let list: Vec<String> = instruction.operation.qubits().iter().map(u32::to_string).collect();
            let on = if list.is_empty() { String::new() } else { format!(" on {}", list.join(", ")) };
            let message = format!("instruction {} ({what}{on}): {why}", number + 1);
            let mendable = instruction.operation.is_unitary()
                && (instruction.condition.is_none() || target.capabilities.features.conditions);
            return Err(Misfit { error: Error::new(ErrorKind::Unsupported, message), mendable });
        }
    }
    Ok(())
}

/// Where each native gate can be done.
struct Places<'t> {
    target: &'t Target,
    native: HashMap<Gate, Option<HashSet<&'t [u32]>>>,
    pairs: Option<HashSet<(u32, u32)>>,
}

impl<'t> Places<'t> {
    fn new(target: &'t Target) -> Self {
        let sites = |native: &'t NativeGate| {
            let listed = native.sites.iter().map(|site| site.qubits.as_slice()).collect();
            (!native.sites.is_empty()).then_some(listed)
        };
        let pairs = match &target.capabilities.couplings {
            Couplings::All => None,
            Couplings::Pairs(pairs) => Some(pairs.iter().copied().collect()),
        };
        let native = target.capabilities.native_gates.iter().map(|native| (native.gate, sites(native)));
        Self { target, native: native.collect(), pairs }
    }

    /// Why an instruction cannot be done; `None` if it can.
    fn objection(&self, instruction: Instruction<'_>, is_final: bool) -> Option<String> {
        let name = &self.target.name;
        let features = self.target.capabilities.features;
        if instruction.condition.is_some() && !features.conditions {
            return Some(format!("{name} has no operations under a condition"));
        }
        match instruction.operation {
            Operation::Gate { gate, params, qubits } => self.gate(gate, params, qubits),
            Operation::Unitary { .. } if !features.unitaries => {
                Some(format!("{name} has no unitaries given by a matrix"))
            }
            Operation::Measure { .. } if !is_final && !features.mid_circuit_measurement => {
                Some(format!("{name} has no measurements before the end of the program"))
            }
            Operation::Reset { .. } if !features.reset => Some(format!("{name} has no resets")),
            _ => None,
        }
    }

    fn gate(&self, gate: Gate, params: &[f64], qubits: &[u32]) -> Option<String> {
        let name = &self.target.name;
        if qubits.is_empty() {
            return None;
        }
        let Some(sites) = self.native.get(&gate) else {
            let gates = self.target.capabilities.native_gates.iter().map(|native| native.gate.name());
            let list: Vec<&str> = gates.collect();
            return Some(format!("{name} has no such gate; it has {}", list.join(", ")));
        };
        if self.target.quarter_turns && matches!(gate, Gate::R | Gate::Rx) {
            let quarters = params.first().copied().unwrap_or(0.0) / FRAC_PI_2;
            if (quarters - quarters.round()).abs() > QUARTER || quarters.abs() > 2.0 + QUARTER {
                return Some(format!("{name} turns by π/2 and π only"));
            }
        }
        let backward: Vec<u32> = qubits.iter().rev().copied().collect();
        let can = |order: &[u32]| match (sites, &self.pairs, order) {
            (Some(sites), ..) => sites.contains(order),
            (None, Some(pairs), &[a, b]) => pairs.contains(&(a, b)),
            _ => true,
        };
        if can(qubits) || is_symmetric(gate, params) && can(&backward) {
            return None;
        }
        Some(match qubits {
            [_, _] if can(&backward) => format!("{name} has this gate in the other direction only"),
            [_, _] => format!("{name} has no coupling there"),
            _ => format!("{name} does not have this gate there"),
        })
    }
}

/// Whether a gate on two qubits is the same with its qubits exchanged.
fn is_symmetric(gate: Gate, params: &[f64]) -> bool {
    let matrix = gate.matrix(params);
    let other = |index: usize| index >> 1 | (index & 1) << 1;
    matrix.qubits() == 2
        && (0..4).all(|row| {
            (0..4).all(|column| {
                (matrix.get(row, column) - matrix.get(other(row), other(column))).norm() < 1e-12
            })
        })
}
