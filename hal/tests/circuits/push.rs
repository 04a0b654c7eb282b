//! What may be put into a circuit, what is refused, and that a refusal changes nothing.

use proptest::prelude::*;
use qhal::circuit::{BitString, Circuit, Condition, Matrix, Operation};
use qhal::{Complex64, ErrorKind, Gate};

/// Everything that can be seen of a circuit.
fn seen(circuit: &Circuit) -> String {
    let instructions: Vec<_> = circuit.instructions().collect();
    let registers = (circuit.qubit_registers(), circuit.bit_registers());
    format!("{} {} {registers:?} {instructions:?}", circuit.qubits(), circuit.bits())
}

fn begun() -> Circuit {
    let mut circuit = Circuit::with_size(3, 2);
    circuit.gate(Gate::Rx, &[0.5], &[1]).unwrap();
    let condition = Condition::equals(0, 2, BitString::from_u64(2, 3));
    circuit.push(Operation::Reset { qubit: 2 }, Some(&condition)).unwrap();
    circuit
}

#[test]
fn a_wrong_instruction_is_refused_and_changes_nothing() {
    let not_unitary = |elements: [f64; 4]| Matrix::new(1, elements.map(Complex64::from).to_vec()).unwrap();
    let (stretched, huge) = (not_unitary([1.0, 0.0, 0.0, 1.001]), not_unitary([1e200, 1e200, -1e200, 1e200]));
    let turned = Matrix::new(1, vec![Complex64::new(1e200, 1e200); 4]).unwrap();
    let identity = Matrix::identity(1);
    let many: Vec<u32> = (0..20).map(|qubit| qubit % 3).collect();
    let gate = |gate, params, qubits| Operation::Gate { gate, params, qubits };
    let unitary = |matrix, controls, qubits| Operation::Unitary { matrix, controls, qubits };
    let wrong = [
        gate(Gate::X, &[], &[3]),
        gate(Gate::X, &[], &[u32::MAX]),
        gate(Gate::X, &[], &[]),
        gate(Gate::X, &[], &[0, 1]),
        gate(Gate::X, &[0.1], &[0]),
        gate(Gate::Rx, &[], &[0]),
        gate(Gate::Rx, &[f64::NAN], &[0]),
        gate(Gate::Rx, &[f64::INFINITY], &[0]),
        gate(Gate::Cx, &[], &[1, 1]),
        gate(Gate::Ccx, &[], &[0, 1, 0]),
        unitary(&identity, 0, &[]),
        unitary(&identity, 0, &[0, 1]),
        unitary(&identity, 1, &[0, 0]),
        unitary(&identity, 1, &[0, 3]),
        unitary(&identity, u32::MAX, &[0]),
        unitary(&stretched, 0, &[0]),
        unitary(&huge, 0, &[0]),
        unitary(&turned, 0, &[0]),
        Operation::Measure { qubit: 3, bit: 0 },
        Operation::Measure { qubit: 0, bit: 2 },
        Operation::Reset { qubit: 3 },
        Operation::Barrier { qubits: &[0, 3] },
        Operation::Barrier { qubits: &[1, 0, 1] },
        Operation::Barrier { qubits: &many },
        Operation::Delay { qubit: 3, seconds: 1.0 },
        Operation::Delay { qubit: 0, seconds: -1e-9 },
        Operation::Delay { qubit: 0, seconds: f64::NAN },
        Operation::Delay { qubit: 0, seconds: f64::INFINITY },
    ];
    let mut circuit = begun();
    let before = seen(&circuit);
    for operation in wrong {
        let error = circuit.push(operation, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{operation:?}");
        assert!(error.message().starts_with(operation.name()), "{error} does not say what is wrong");
        assert_eq!(seen(&circuit), before, "{operation:?}");
    }
    for (first, width) in [(0, 3), (2, 1), (3, 0), (u32::MAX, 1), (1, u32::MAX)] {
        let condition = Condition::equals(first, width, BitString::zeros(1));
        let error = circuit.push(Operation::Reset { qubit: 0 }, Some(&condition)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{first} {width}");
        assert_eq!(seen(&circuit), before);
    }
}

#[test]
fn registers_are_numbered_through_and_wrong_ones_refused() {
    let mut circuit = Circuit::new();
    assert_eq!((circuit.add_qubits("a", 2).unwrap(), circuit.add_qubits("b", 3).unwrap()), (0, 2));
    assert_eq!((circuit.add_bits("c", 1).unwrap(), circuit.add_bits("d", 4).unwrap()), (0, 1));
    assert_eq!((circuit.qubits(), circuit.bits()), (5, 5));
    let before = seen(&circuit);
    for (name, size) in [("a", 1), ("d", 1), ("e", 0), ("e", u32::MAX)] {
        assert_eq!(circuit.add_qubits(name, size).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(circuit.add_bits(name, size).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(seen(&circuit), before);
    }
}

#[test]
fn measure_all_adds_the_bits_that_are_missing() {
    let mut circuit = Circuit::with_size(3, 1);
    circuit.measure_all().unwrap();
    assert_eq!((circuit.bits(), circuit.len()), (3, 3));
    let names: Vec<&str> = circuit.bit_registers().iter().map(|register| register.name.as_str()).collect();
    assert_eq!(names, ["c", "meas"]);
    let mut taken = Circuit::new();
    taken.add_qubits("meas", 2).unwrap();
    let before = seen(&taken);
    assert_eq!(taken.measure_all().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(seen(&taken), before);
}

#[test]
fn many_instructions_read_back_in_order() {
    let mut circuit = Circuit::with_size(2, 2);
    let conditions: Vec<Option<Condition>> = [None, Some(1), Some(1), Some(2), None, Some(1)]
        .map(|value: Option<u64>| value.map(|value| Condition::equals(0, 2, BitString::from_u64(2, value))))
        .to_vec();
    for (index, condition) in conditions.iter().enumerate() {
        let angles = [index as f64];
        let operation = Operation::Gate { gate: Gate::Rzz, params: &angles, qubits: &[1, 0] };
        circuit.push(operation, condition.as_ref()).unwrap();
    }
    assert_eq!((circuit.len(), circuit.is_empty()), (6, false));
    for (index, condition) in conditions.iter().enumerate() {
        let instruction = circuit.get(index).unwrap();
        let angles = [index as f64];
        assert_eq!(
            instruction.operation,
            Operation::Gate { gate: Gate::Rzz, params: &angles, qubits: &[1, 0] }
        );
        assert_eq!(instruction.condition, condition.as_ref());
    }
    assert_eq!(circuit.get(6), None);
}

proptest! {
    #[test]
    fn what_is_taken_reads_back_and_what_is_refused_leaves_no_trace(
        name in prop::sample::select(Gate::all().collect::<Vec<_>>()),
        angles in prop::collection::vec(prop_oneof![9 => -7.0..7.0f64, 1 => Just(f64::NAN)], 0..5),
        qubits in prop::collection::vec(0u32..5, 0..6),
    ) {
        let mut circuit = begun();
        let before = seen(&circuit);
        let operation = Operation::Gate { gate: name, params: &angles, qubits: &qubits };
        match circuit.push(operation, None) {
            Ok(()) => {
                let last = circuit.get(circuit.len() - 1).unwrap();
                prop_assert_eq!((last.operation, last.condition), (operation, None));
                prop_assert_eq!((angles.len(), qubits.len()), (name.params(), name.qubits()));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
                prop_assert_eq!(seen(&circuit), before);
            }
        }
    }
}
