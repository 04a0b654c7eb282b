//! Circuits on a large register of which few qubits are used: a simulation needs those alone.

use std::collections::BTreeSet;

use qhal::circuit::Operation;
use qhal::{Circuit, Result};

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
    }
}
