//! Every gate of the table, and unitaries, against the naive product with their matrices.

mod common;

use common::{BOTH, circuit_of, dense, distance, evolve, naive, random_gates, scrambled, tolerance};
use proptest::prelude::*;
use qhal::circuit::{Circuit, Gate};
use qhal_simulator::Precision;

const ANGLES: [f64; 4] = [0.83, -1.91, 2.47, 0.29];

/// All ordered choices of `count` of `qubits` qubits.
fn orders(qubits: u32, count: usize) -> Vec<Vec<u32>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    orders(qubits, count - 1)
        .into_iter()
        .flat_map(|order| {
            (0..qubits)
                .filter(|qubit| !order.contains(qubit))
                .map(|qubit| [order.as_slice(), &[qubit]].concat())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_gate_in_every_operand_order_does_what_its_matrix_says() {
    for gate in Gate::all() {
        for qubits in (gate.qubits().max(1) as u32)..=6 {
            // All orders in one circuit: a wrong one spoils the rest.
            let mut circuit = scrambled(qubits);
            let mut all = orders(qubits, gate.qubits());
            all.truncate(if qubits < 6 { 200 } else { 60 });
            for order in all {
                circuit.gate(gate, &ANGLES[..gate.params()], &order).unwrap();
                circuit.gate(Gate::Ry, &[0.41], &[order.first().copied().unwrap_or(0)]).unwrap();
            }
            let expected = naive(&circuit);
            for precision in BOTH {
                let off = distance(&evolve(&circuit, precision), &expected);
                assert!(off < tolerance(precision), "{gate} on {qubits} qubits is off by {off:e}");
            }
        }
    }
}

#[test]
fn gates_reach_qubits_of_any_height() {
    // 13 and 14 qubits: beyond one chunk, in one thread and in several.
    for qubits in [13, 14] {
        let mut circuit = scrambled(qubits);
        let top = qubits - 1;
        for gate in Gate::all().filter(|gate| gate.qubits() > 0) {
            let spread = [top, 0, top - 1, 1, 7];
            circuit.gate(gate, &ANGLES[..gate.params()], &spread[..gate.qubits()]).unwrap();
            let turned = [2, top, 5, top - 1, 12 - 3];
            circuit.gate(gate, &ANGLES[..gate.params()], &turned[..gate.qubits()]).unwrap();
        }
        let expected = naive(&circuit);
        for precision in BOTH {
            let off = distance(&evolve(&circuit, precision), &expected);
            assert!(off < tolerance(precision), "{qubits} qubits in {precision:?}: off by {off:e}");
        }
    }
}

#[test]
fn unitaries_on_up_to_six_qubits_under_controls() {
    for targets in 0..=6u32 {
        let matrix = dense(targets, 3);
        for controls in [0, 1, 2, 8 - targets] {
            let mut circuit = scrambled(8);
            let order = [5, 0, 7, 2, 4, 1, 6, 3];
            circuit.unitary(&matrix, controls, &order[..(controls + targets) as usize]).unwrap();
            let expected = naive(&circuit);
            for precision in BOTH {
                let off = distance(&evolve(&circuit, precision), &expected);
                assert!(off < tolerance(precision), "{controls} controls, {targets} targets: {off:e}");
            }
        }
    }
}

#[test]
fn many_controls_act_on_one_amplitude_in_a_thousand() {
    // x under 10 controls: exchanges two amplitudes of the uniform superposition with distinct phases.
    let mut circuit = scrambled(12);
    let flip = Gate::X.matrix(&[]);
    circuit.unitary(&flip, 10, &[11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
    circuit.unitary(&flip, 10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]).unwrap();
    assert!(distance(&evolve(&circuit, Precision::F64), &naive(&circuit)) < 1e-12);
}

#[test]
fn the_norm_survives_ten_thousand_gates() {
    let mut circuit = scrambled(5);
    for step in 0..10_000u32 {
        let angle = f64::from(step) * 0.37;
        match step % 3 {
            0 => circuit.gate(Gate::U, &[angle, 2.0 * angle, -angle], &[step % 5]).unwrap(),
            1 => circuit.gate(Gate::Cx, &[], &[step % 5, (step + 2) % 5]).unwrap(),
            _ => circuit.gate(Gate::Rzx, &[angle], &[step % 5, (step + 1) % 5]).unwrap(),
        };
    }
    assert!((evolve(&circuit, Precision::F64).norm() - 1.0).abs() < 1e-12);
    assert!((evolve(&circuit, Precision::F32).norm() - 1.0).abs() < 1e-4);
    let back = circuit.inverse().unwrap();
    let mut there_and_back = circuit.clone();
    for instruction in back.instructions() {
        there_and_back.push(instruction.operation, None).unwrap();
    }
    let amplitude = evolve(&there_and_back, Precision::F64).amplitude(0);
    assert!((amplitude - 1.0).norm() < 1e-10, "{amplitude}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn random_circuits_agree_with_the_naive_product(
        (qubits, gates) in (1u32..=8).prop_flat_map(|qubits| (Just(qubits), random_gates(qubits, 40)))
    ) {
        let circuit = circuit_of(qubits, &gates);
        let expected = naive(&circuit);
        for precision in BOTH {
            let off = distance(&evolve(&circuit, precision), &expected);
            prop_assert!(off < tolerance(precision), "{:?} is off by {:e}", precision, off);
        }
    }
}

#[test]
fn a_circuit_without_qubits_is_one_amplitude() {
    let mut circuit = Circuit::new();
    circuit.gate(Gate::GPhase, &[1.25], &[]).unwrap();
    let state = evolve(&circuit, Precision::F64);
    assert_eq!(state.len(), 1);
    assert!((state.amplitude(0) - qhal::Complex64::cis(1.25)).norm() < 1e-15);
    assert_eq!(state.sample(9, 1).unwrap(), [(0, 9)]);
}
