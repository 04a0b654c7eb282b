//! Circuits on a large register of which few qubits are used: a simulation needs those alone.

use std::collections::BTreeSet;

use qhal::circuit::Operation;
use qhal::processor::{Capabilities, Couplings, Wanted};
use qhal::{Circuit, Result};

/// A circuit whose register is larger than a processor, on the qubits that it uses — where these fit and every qubit of the processor
/// is as good as any other, as in an ideal simulation. Counts do not depend on the rest; what is asked of the whole register (its state
/// or its probabilities) stays with the register, and so does everything else: the processor refuses it.
///
/// # Errors
/// `InvalidInput`, which cannot happen for a circuit that is sound.
pub fn within_reach(circuit: Circuit, capabilities: &Capabilities, wanted: &Wanted) -> Result<Circuit> {
    let most = capabilities.qubits.len();
    let alike = capabilities.couplings == Couplings::All
        && capabilities.native_gates.iter().all(|native| native.sites.is_empty())
        && capabilities.qubits.windows(2).all(|two| two[0] == two[1]);
    if circuit.qubits() as usize <= most || !alike || wanted.state || wanted.probabilities {
        return Ok(circuit);
    }
    let used = used_qubits(&circuit);
    if used.is_empty() || used.len() > most { Ok(circuit) } else { compact(&circuit, &used) }
}

/// The qubits that anything happens to, ascending.
pub(super) fn used_qubits(circuit: &Circuit) -> Vec<u32> {
    let mut used = BTreeSet::new();
    for instruction in circuit.instructions() {
        match instruction.operation {
            Operation::Barrier { .. } | Operation::Delay { .. } => {}
            operation => used.extend(operation.qubits().iter().copied()),
        }
    }
    used.into_iter().collect()
}

/// The numbers of qubits among those that are used; `None` where one is not.
pub(super) fn numbers(qubits: &[u32], used: &[u32]) -> Option<Vec<u32>> {
    qubits.iter().map(|qubit| used.binary_search(qubit).ok().map(|at| at as u32)).collect()
}

/// The same circuit on the used qubits alone; barriers and delays are left out, without noise they do nothing.
pub(super) fn compact(circuit: &Circuit, used: &[u32]) -> Result<Circuit> {
    let mut small = Circuit::with_size(used.len() as u32, 0);
    for register in circuit.bit_registers() {
        // The only quantum register is called `q`; nobody sees the names.
        let name = if register.name == "q" { "q_bits" } else { register.name.as_str() };
        small.add_bits(name, register.size)?;
    }
    for instruction in circuit.instructions() {
        let Some(qubits) = numbers(instruction.operation.qubits(), used) else { continue };
        let operation = match instruction.operation {
            Operation::Gate { gate, params, .. } => Operation::Gate { gate, params, qubits: &qubits },
            Operation::Unitary { matrix, controls, .. } => {
                Operation::Unitary { matrix, controls, qubits: &qubits }
            }
            Operation::Measure { bit, .. } => {
                Operation::Measure { qubit: qubits.first().copied().unwrap_or(0), bit }
            }
            Operation::Reset { .. } => Operation::Reset { qubit: qubits.first().copied().unwrap_or(0) },
            _ => continue,
        };
        small.push(operation, instruction.condition)?;
    }
    Ok(small)
}

#[cfg(test)]
mod tests {
    use qhal::processor::{Features, QubitProperties};

    use super::*;

    #[test]
    fn what_nothing_happens_to_is_left_out() {
        let mut circuit = Circuit::with_size(100, 2);
        circuit.gate(qhal::circuit::Gate::Cx, &[], &[7, 93]).unwrap();
        circuit.measure(93, 0).unwrap().measure(7, 1).unwrap();
        let used = used_qubits(&circuit);
        assert_eq!(used, [7, 93]);
        let small = compact(&circuit, &used).unwrap();
        assert_eq!((small.qubits(), small.bits(), small.len()), (2, 2, 3));
        assert_eq!(small.get(0).unwrap().operation.qubits(), [0, 1]);
        assert_eq!(small.get(1).unwrap().operation.qubits(), [1]);
        // Only where it has to be, for counts, and where any qubit will do.
        let (ideal, counts) = (ideal(20), Wanted::default());
        let reached = |capabilities: &Capabilities, wanted: &Wanted| {
            within_reach(circuit.clone(), capabilities, wanted).unwrap().qubits()
        };
        assert_eq!(reached(&ideal, &counts), 2);
        assert_eq!(reached(&self::ideal(100), &counts), 100);
        assert_eq!(reached(&self::ideal(1), &counts), 100);
        assert_eq!(reached(&ideal, &Wanted { probabilities: true, ..counts }), 100);
        let chip = Capabilities { couplings: Couplings::Pairs(vec![(0, 1)]), ..ideal };
        assert_eq!(reached(&chip, &counts), 100);
    }

    fn ideal(qubits: usize) -> Capabilities {
        Capabilities {
            qubits: vec![QubitProperties::default(); qubits],
            native_gates: Vec::new(),
            couplings: Couplings::All,
            features: Features::default(),
            formats: Vec::new(),
            max_shots: 1,
        }
    }
}
