//! From the text of a program to the circuit that is run: read, and freed of the qubits that it does not use.

use std::ffi::c_int;

use qhal::circuit::{Circuit, Operation};
use qhal::{Error, ErrorKind, Result};

use crate::codes::format;

/// A program as it is run.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// What is run.
    pub(crate) circuit: Circuit,
    /// Which qubit of the program each qubit of the circuit is, ascending.
    pub(crate) used: Vec<u32>,
    /// How many qubits the program declares.
    pub(crate) width: u32,
}

/// Reads a program. With `compact`, qubits that are never touched are left out: a program for a device has a register as
/// wide as the device, however small it is.
///
/// # Errors
/// `InvalidInput` and `Unsupported` of the compiler, with line and column; `InvalidInput` for a program without qubits.
pub(crate) fn prepare(text: &str, language: c_int, compact: bool) -> Result<Prepared> {
    // The version line may be missing where the format has told it; the place of errors stays.
    let named = text.contains("OPENQASM");
    let with_version =
        if language == format::QASM3 && !named { format!("OPENQASM 3.0; {text}") } else { String::new() };
    let text = if with_version.is_empty() { text } else { &with_version };
    let circuit = qhal_compiler::parse(text, "program", &qhal_compiler::NoIncludes).map_err(|at| {
        Error::new(at.kind, format!("line {}, column {}: {}", at.line, at.column, at.message))
    })?;
    let width = circuit.qubits();
    if width == 0 {
        return Err(Error::new(ErrorKind::InvalidInput, "the program declares no qubits"));
    }
    if !compact {
        return Ok(Prepared { circuit, used: (0..width).collect(), width });
    }
    let used = used_qubits(&circuit);
    if used.len() == width as usize {
        return Ok(Prepared { circuit, used, width });
    }
    let circuit = without_idle(&circuit, &used)?;
    Ok(Prepared { circuit, used, width })
}

/// The qubits on which something is done, ascending; the first if there is none.
fn used_qubits(circuit: &Circuit) -> Vec<u32> {
    let mut is_used = vec![false; circuit.qubits() as usize];
    for instruction in circuit.instructions() {
        if matches!(instruction.operation, Operation::Barrier { .. }) {
            continue;
        }
        for &qubit in instruction.operation.qubits() {
            if let Some(used) = is_used.get_mut(qubit as usize) {
                *used = true;
            }
        }
    }
    let used: Vec<u32> = (0..).zip(&is_used).filter(|(_, used)| **used).map(|(at, _)| at).collect();
    if used.is_empty() { vec![0] } else { used }
}

/// The same on the qubits that are `used` alone.
fn without_idle(circuit: &Circuit, used: &[u32]) -> Result<Circuit> {
    let new = |qubit: u32| used.binary_search(&qubit).ok().map(|at| at as u32);
    let mut small = Circuit::with_size(used.len() as u32, circuit.bits());
    for instruction in circuit.instructions() {
        let qubits: Vec<u32> = instruction.operation.qubits().iter().filter_map(|&at| new(at)).collect();
        let first = qubits.first().copied().unwrap_or(0);
        let moved = match instruction.operation {
            Operation::Gate { gate, params, .. } => Operation::Gate { gate, params, qubits: &qubits },
            Operation::Unitary { matrix, controls, .. } => {
                Operation::Unitary { matrix, controls, qubits: &qubits }
            }
            Operation::Measure { bit, .. } => Operation::Measure { qubit: first, bit },
            Operation::Reset { .. } => Operation::Reset { qubit: first },
            Operation::Delay { seconds, .. } => Operation::Delay { qubit: first, seconds },
            // Nothing moves across a barrier of qubits that do not exist.
            Operation::Barrier { .. } if qubits.is_empty() => continue,
            Operation::Barrier { .. } => Operation::Barrier { qubits: &qubits },
            other => {
                let message = format!("'{}' cannot be run here", other.name());
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        small.push(moved, instruction.condition)?;
    }
    Ok(small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_qubits_are_left_out_and_remembered() {
        let text = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[30]; creg c[2]; barrier q;\
                    h q[7]; cx q[7],q[21]; measure q[21] -> c[0]; if(c==1) x q[7]; measure q[7] -> c[1];";
        let prepared = prepare(text, format::QASM2, true).unwrap();
        assert_eq!((prepared.used.as_slice(), prepared.width), ([7, 21].as_slice(), 30));
        assert_eq!((prepared.circuit.qubits(), prepared.circuit.bits(), prepared.circuit.len()), (2, 2, 6));
        let whole = prepare(text, format::QASM2, false).unwrap();
        assert_eq!((whole.used.len(), whole.circuit.qubits()), (30, 30));
    }

    #[test]
    fn what_is_no_program_is_refused_with_its_place() {
        for (text, words) in [
            ("OPENQASM 2.0; qreg q[1]; x q[0];", "line 1, column 26"),
            ("OPENQASM 2.0;", "no qubits"),
            ("this is no program", "line 1"),
        ] {
            let error = prepare(text, format::QASM2, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains(words), "{error}");
        }
    }
}
