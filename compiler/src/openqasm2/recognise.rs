//! Definitions that say of a gate of the table what the table says: the gate itself is meant then.
//!
//! Exporters put a definition in front of every gate that the paper's library lacks. Unfolding it would lose what the
//! program was about: a processor knows the gate, not the three gates that it is explained by.

use qhal::circuit::Operation;
use qhal::{Circuit, Complex64, Gate};

use super::Program;
use super::symbols::Symbol;
use crate::translate::State;

/// A definition of more instructions is no explanation of a gate of the table.
const MOST_INSTRUCTIONS: u64 = 64;
/// Elements may differ by rounding.
const MOST_ERROR: f64 = 1e-12;
/// Angles that no coincidence makes two gates agree at.
const ANGLES: [[f64; 4]; 2] = [[0.731, -1.237, 2.113, 0.467], [-2.291, 0.389, 1.013, -0.853]];

impl Program<'_> {
    /// The gate of the table that definition `number` under `name` describes, up to a global phase.
    pub(super) fn recognised(&mut self, name: &str, number: u32) -> Option<Gate> {
        let Some(Symbol::Gate { gate, yielding: true }) = self.symbols.get(name) else { return None };
        let definition = self.bodies.definition(number);
        if definition.opaque.is_some()
            || definition.instructions > MOST_INSTRUCTIONS
            || self.bodies.signature(super::apply::Callee::Defined(number)) != (gate.params(), gate.qubits())
        {
            return None;
        }
        ANGLES.iter().all(|angles| self.agrees(name, number, gate, angles)).then_some(gate)
    }

    fn agrees(&mut self, name: &str, number: u32, gate: Gate, angles: &[f64; 4]) -> bool {
        let Ok(width) = u32::try_from(gate.qubits()) else { return false };
        let params = angles.get(..gate.params()).unwrap_or_default();
        let qubits: Vec<u32> = (0..width).collect();
        // The body goes where the program goes, to a circuit of its own.
        let program = std::mem::replace(&mut self.circuit, Circuit::with_size(width, 0));
        let before = std::mem::replace(&mut self.angles, params.to_vec());
        let unfolded = self.unfold(name, number, &qubits, None, 0);
        let body = std::mem::replace(&mut self.circuit, program);
        self.angles = before;
        unfolded.is_ok() && same(&body, Operation::Gate { gate, params, qubits: &qubits }).unwrap_or(false)
    }
}

/// Whether a circuit does what one operation does; `None` where that cannot be told.
pub(crate) fn same(body: &Circuit, operation: Operation<'_>) -> Option<bool> {
    let states = 1usize << body.qubits();
    let mut overlap = Complex64::ZERO;
    let mut columns = Vec::with_capacity(states);
    for column in 0..states {
        let (mut found, mut expected) =
            (State::basis(body.qubits(), column)?, State::basis(body.qubits(), column)?);
        for instruction in body.instructions() {
            if !matches!(instruction.operation, Operation::Barrier { .. }) {
                found.apply(&instruction.operation)?;
            }
        }
        expected.apply(&operation)?;
        overlap += found.overlap(&mut expected);
        columns.push((found, expected));
    }
    // One phase for all columns.
    let phase = overlap / overlap.norm();
    Some(columns.iter().all(|(found, expected)| {
        let pairs = found.amplitudes.iter().zip(&expected.amplitudes);
        // A phase that is not a number is near nothing.
        pairs.into_iter().all(|(found, expected)| (found - phase * expected).norm() < MOST_ERROR)
    }))
}
