//! Random circuits of a few qubits and bits, for properties that have to hold of all of them.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use qhal::circuit::{BitString, Circuit, Condition, Matrix, Operation};
use qhal::{Complex64, Gate};

/// What an instruction will be, before it is known how many qubits and bits there are.
#[derive(Clone, Debug)]
enum What {
    Gate(Gate, [f64; 4]),
    Unitary(f64, bool),
    Measure(Index),
    Reset,
    Barrier(usize),
    Delay(f64),
}

#[derive(Clone, Debug)]
struct Draft {
    what: What,
    /// The qubits are taken from here, one after the other.
    order: Index,
    condition: Option<(Index, Index, u64)>,
}

fn gate() -> impl Strategy<Value = What> {
    (select(Gate::all().collect::<Vec<_>>()), prop::array::uniform4(-7.0..7.0f64))
        .prop_map(|(gate, angles)| What::Gate(gate, angles))
}

fn unitary() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => gate(),
        1 => (-7.0..7.0f64, any::<bool>()).prop_map(|(angle, control)| What::Unitary(angle, control)),
        1 => (0usize..4).prop_map(What::Barrier),
        1 => (0.0..1.0f64).prop_map(What::Delay),
    ]
}

fn anything() -> impl Strategy<Value = What> {
    prop_oneof![3 => unitary(), 5 => any::<Index>().prop_map(What::Measure), 1 => Just(What::Reset)]
}

/// A circuit of gates, unitaries, barriers and delays on 1 to 4 qubits.
pub(crate) fn unitary_circuit() -> impl Strategy<Value = Circuit> {
    let draft = (unitary(), any::<Index>()).prop_map(|(what, order)| Draft { what, order, condition: None });
    (1u32..5, prop::collection::vec(draft, 0..12)).prop_map(|(qubits, drafts)| build(qubits, 0, &drafts))
}

/// A circuit of everything there is, on 1 to 4 qubits and 1 to 4 bits.
pub(crate) fn circuit() -> impl Strategy<Value = Circuit> {
    let condition = prop::option::weighted(0.2, (any::<Index>(), any::<Index>(), 0u64..16));
    let draft = (anything(), any::<Index>(), condition).prop_map(|(what, order, condition)| Draft {
        what,
        order,
        condition,
    });
    (1u32..5, 1u32..5, prop::collection::vec(draft, 0..12))
        .prop_map(|(qubits, bits, drafts)| build(qubits, bits, &drafts))
}

fn build(qubits: u32, bits: u32, drafts: &[Draft]) -> Circuit {
    let mut circuit = Circuit::with_size(qubits, bits);
    for Draft { what, order, condition } in drafts {
        let mut line: Vec<u32> = (0..qubits).collect();
        line.rotate_left(order.index(qubits as usize));
        // Gates that need more qubits than there are stay away.
        let Some(operands) = line.get(..operands(what, qubits)) else { continue };
        let condition = condition.as_ref().map(|(first, width, value)| {
            let first = first.index(bits as usize) as u32;
            let width = width.index((bits - first) as usize + 1) as u32;
            Condition::equals(first, width, BitString::from_u64(width, *value))
        });
        let matrix;
        let first = operands.first().copied().unwrap_or(0);
        let operation = match what {
            What::Gate(gate, angles) => {
                Operation::Gate { gate: *gate, params: &angles[..gate.params()], qubits: operands }
            }
            What::Unitary(angle, control) => {
                let (sin, cos) = angle.sin_cos();
                let rows = [cos, -sin, sin, cos].map(Complex64::from);
                matrix = Matrix::new(1, rows.to_vec()).unwrap();
                Operation::Unitary { matrix: &matrix, controls: u32::from(*control), qubits: operands }
            }
            What::Measure(bit) => Operation::Measure { qubit: first, bit: bit.index(bits as usize) as u32 },
            What::Reset => Operation::Reset { qubit: first },
            What::Barrier(_) => Operation::Barrier { qubits: operands },
            What::Delay(seconds) => Operation::Delay { qubit: first, seconds: *seconds },
        };
        circuit.push(operation, condition.as_ref()).unwrap();
    }
    circuit
}

fn operands(what: &What, qubits: u32) -> usize {
    match what {
        What::Gate(gate, _) => gate.qubits(),
        What::Unitary(_, control) => 1 + usize::from(*control),
        What::Barrier(count) => (*count).min(qubits as usize),
        _ => 1,
    }
}
