//! Final measurements, inverse and depth: by hand, and against slow ways to the same answer.

use proptest::prelude::*;
use qhal::circuit::{BitString, Circuit, Condition, Instruction, Operation};
use qhal::{ErrorKind, Gate};

use crate::branches::{distribution, run_from};
use crate::random::{circuit, unitary_circuit};

fn gate(circuit: &mut Circuit, gate: Gate, qubits: &[u32]) {
    circuit.gate(gate, &vec![0.5; gate.params()], qubits).unwrap();
}

fn conditional_x(circuit: &mut Circuit, qubit: u32, bit: u32) {
    let condition = Condition::equals(bit, 1, BitString::from_u64(1, 1));
    circuit.push(Operation::Gate { gate: Gate::X, params: &[], qubits: &[qubit] }, Some(&condition)).unwrap();
}

#[test]
fn a_measurement_is_final_if_nothing_later_needs_it_done() {
    let mut circuit = Circuit::with_size(3, 3);
    circuit.measure(0, 0).unwrap(); // its outcome is read below
    circuit.measure(1, 1).unwrap(); // its qubit goes on
    gate(&mut circuit, Gate::H, &[1]);
    conditional_x(&mut circuit, 2, 0);
    circuit.measure(1, 1).unwrap();
    circuit.push(Operation::Barrier { qubits: &[] }, None).unwrap();
    circuit.push(Operation::Delay { qubit: 2, seconds: 1e-6 }, None).unwrap();
    circuit.measure(2, 2).unwrap();
    circuit.measure(2, 1).unwrap(); // writes over the bit above, and both stay in order
    assert_eq!(circuit.final_measurements(), [false, false, false, false, true, false, false, true, true]);
    assert!(circuit.is_dynamic());

    let mut plain = Circuit::with_size(2, 2);
    gate(&mut plain, Gate::Cx, &[0, 1]);
    plain.measure_all().unwrap();
    assert_eq!(plain.final_measurements(), [false, true, true]);
    assert!(!plain.is_dynamic());
    assert_eq!(plain.without_final_measurements().unwrap().len(), 1);

    // A measurement under a condition needs its bit at its time.
    let mut late = Circuit::with_size(2, 2);
    late.measure(0, 0).unwrap();
    let condition = Condition::equals(1, 1, BitString::from_u64(1, 0));
    late.push(Operation::Measure { qubit: 1, bit: 0 }, Some(&condition)).unwrap();
    assert_eq!(late.final_measurements(), [false, false]);

    // What is measured now must not be written over what is measured later.
    let mut over = Circuit::with_size(2, 1);
    over.measure(0, 0).unwrap();
    over.measure(1, 0).unwrap();
    gate(&mut over, Gate::H, &[1]);
    assert_eq!(over.final_measurements(), [false, false, false]);
}

#[test]
fn resets_and_conditions_make_a_circuit_dynamic() {
    let mut reset = Circuit::with_size(1, 0);
    reset.reset(0).unwrap();
    assert!(reset.is_dynamic());
    let mut condition = Circuit::with_size(1, 1);
    conditional_x(&mut condition, 0, 0);
    assert!(condition.is_dynamic());
    assert!(!Circuit::new().is_dynamic());
}

#[test]
fn depth_is_the_longest_chain() {
    let mut circuit = Circuit::with_size(3, 2);
    assert_eq!((circuit.depth(), circuit.multi_qubit_depth()), (0, 0));
    gate(&mut circuit, Gate::H, &[0]);
    gate(&mut circuit, Gate::H, &[1]);
    assert_eq!((circuit.depth(), circuit.multi_qubit_depth()), (1, 0));
    gate(&mut circuit, Gate::Cx, &[0, 1]);
    assert_eq!((circuit.depth(), circuit.multi_qubit_depth(), circuit.two_qubit_gates()), (2, 1, 1));
    // A barrier makes the idle qubit wait, and counts for nothing itself.
    circuit.push(Operation::Barrier { qubits: &[] }, None).unwrap();
    assert_eq!(circuit.depth(), 2);
    gate(&mut circuit, Gate::X, &[2]);
    assert_eq!(circuit.depth(), 3);
    // One outcome, two readers: they wait for it and not for each other.
    circuit.measure(0, 0).unwrap();
    assert_eq!(circuit.depth(), 3);
    conditional_x(&mut circuit, 1, 0);
    conditional_x(&mut circuit, 2, 0);
    assert_eq!(circuit.depth(), 4);
    // Who writes the bit anew waits for its readers.
    circuit.measure(0, 0).unwrap();
    assert_eq!(circuit.depth(), 5);
    gate(&mut circuit, Gate::GPhase, &[]);
    assert_eq!(circuit.depth(), 5);
    gate(&mut circuit, Gate::Ccx, &[0, 1, 2]);
    assert_eq!((circuit.multi_qubit_depth(), circuit.two_qubit_gates()), (2, 1));
}

#[test]
fn who_writes_a_bit_waits_for_its_last_reader() {
    let mut circuit = Circuit::with_size(3, 1);
    circuit.measure(2, 0).unwrap();
    for _ in 0..5 {
        gate(&mut circuit, Gate::H, &[0]);
    }
    conditional_x(&mut circuit, 0, 0);
    conditional_x(&mut circuit, 1, 0);
    assert_eq!(circuit.depth(), 6);
    circuit.measure(2, 0).unwrap();
    assert_eq!(circuit.depth(), 7);
}

#[test]
fn what_measures_resets_or_asks_has_no_inverse() {
    let mut circuits = vec![Circuit::with_size(1, 1); 3];
    circuits[0].measure(0, 0).unwrap();
    circuits[1].reset(0).unwrap();
    conditional_x(&mut circuits[2], 0, 0);
    for circuit in circuits {
        assert_eq!(circuit.inverse().unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// The longest chain by looking at every pair.
fn slow_depth(circuit: &Circuit, counts: impl Fn(&Operation<'_>) -> bool) -> usize {
    let all: Vec<u32> = (0..circuit.qubits()).collect();
    let qubits = |instruction: &Instruction<'_>| match instruction.operation {
        Operation::Barrier { qubits: [] } => all.clone(),
        operation => operation.qubits().to_vec(),
    };
    let written = |instruction: &Instruction<'_>| match instruction.operation {
        Operation::Measure { bit, .. } => vec![bit],
        _ => Vec::new(),
    };
    let read = |instruction: &Instruction<'_>| {
        instruction.condition.map_or(Vec::new(), |condition| condition.bits().collect())
    };
    let meet = |a: &[u32], b: &[u32]| a.iter().any(|item| b.contains(item));
    let instructions: Vec<Instruction<'_>> = circuit.instructions().collect();
    let mut levels: Vec<usize> = Vec::new();
    for (at, later) in instructions.iter().enumerate() {
        let before = instructions[..at].iter().zip(&levels).filter(|(earlier, _)| {
            meet(&qubits(earlier), &qubits(later))
                || meet(&written(earlier), &written(later))
                || meet(&written(earlier), &read(later))
                || meet(&read(earlier), &written(later))
        });
        let level = before.map(|(_, &level)| level).max().unwrap_or(0);
        levels.push(level + usize::from(counts(&later.operation)));
    }
    levels.into_iter().max().unwrap_or(0)
}

fn close(a: &[(BitString, f64)], b: &[(BitString, f64)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.0 == y.0 && (x.1 - y.1).abs() < 1e-9)
}

proptest! {
    // Rare orders of measurements count here.
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn final_measurements_can_be_put_off_to_the_end(circuit in circuit()) {
        let flags = circuit.final_measurements();
        prop_assert_eq!(flags.len(), circuit.len());
        let rest = circuit.without_final_measurements().unwrap();
        prop_assert_eq!(rest.len(), flags.iter().filter(|flag| !**flag).count());
        prop_assert_eq!((rest.qubits(), rest.bits()), (circuit.qubits(), circuit.bits()));
        prop_assert_eq!(rest.bit_registers(), circuit.bit_registers());
        prop_assert!(rest.final_measurements().iter().all(|flag| !flag));
        let mut put_off = rest;
        for (instruction, _) in circuit.instructions().zip(&flags).filter(|(_, flag)| **flag) {
            prop_assert!(instruction.condition.is_none());
            prop_assert_eq!(instruction.operation.name(), "measure");
            put_off.push(instruction.operation, None).unwrap();
        }
        let (at_once, at_the_end) = (distribution(&circuit), distribution(&put_off));
        prop_assert!(close(&at_once, &at_the_end), "{at_once:?} became {at_the_end:?}");
    }

    #[test]
    fn a_circuit_is_dynamic_unless_gates_come_first_and_measurements_last(circuit in circuit()) {
        let flags = circuit.final_measurements();
        let simple = circuit.instructions().zip(flags).all(|(instruction, is_final)| {
            let measures = matches!(instruction.operation, Operation::Measure { .. });
            let resets = matches!(instruction.operation, Operation::Reset { .. });
            instruction.condition.is_none() && !resets && (!measures || is_final)
        });
        prop_assert_eq!(circuit.is_dynamic(), !simple);
    }

    #[test]
    fn depth_is_that_of_the_slow_way(circuit in circuit()) {
        let counts = |operation: &Operation<'_>| {
            !matches!(operation, Operation::Barrier { .. }) && !operation.qubits().is_empty()
        };
        prop_assert_eq!(circuit.depth(), slow_depth(&circuit, counts));
        let large = |operation: &Operation<'_>| operation.is_unitary() && operation.qubits().len() > 1;
        prop_assert_eq!(circuit.multi_qubit_depth(), slow_depth(&circuit, large));
        prop_assert!(circuit.multi_qubit_depth() <= circuit.depth() && circuit.depth() <= circuit.len());
    }

    #[test]
    fn the_inverse_undoes_the_circuit(circuit in unitary_circuit(), start: prop::sample::Index) {
        let start = start.index(1 << circuit.qubits());
        let inverse = circuit.inverse().unwrap();
        let mut both = circuit.clone();
        for instruction in inverse.instructions() {
            both.push(instruction.operation, None).unwrap();
        }
        let branches = run_from(&both, start);
        prop_assert_eq!(branches.len(), 1);
        for (index, amplitude) in branches[0].state.iter().enumerate() {
            let expected = f64::from(u8::from(index == start));
            prop_assert!((amplitude - expected).norm() < 1e-10, "{index}: {amplitude}");
        }
    }

    #[test]
    fn the_inverse_of_the_inverse_is_the_circuit(circuit in unitary_circuit()) {
        let again = circuit.inverse().unwrap().inverse().unwrap();
        prop_assert_eq!(again.len(), circuit.len());
        prop_assert_eq!(again.depth(), circuit.depth());
        for (a, b) in again.instructions().zip(circuit.instructions()) {
            match (a.operation, b.operation) {
                (
                    Operation::Gate { gate: x, params: p, qubits: q },
                    Operation::Gate { gate: y, params: r, qubits: s },
                ) => {
                    prop_assert_eq!((x, q), (y, s));
                    // u2's angles come back with 2π more and less.
                    prop_assert!(x.matrix(p).distance(&y.matrix(r)) < 1e-12);
                }
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
