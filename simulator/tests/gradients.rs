//! Gradients against PennyLane's, against shifted parameters, and over the ways in which they are computed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::f64::consts::FRAC_PI_2;

use common::{BOTH, circuit_of, random_gates, simulator};
use proptest::prelude::*;
use qhal::ErrorKind;
use qhal::circuit::{Circuit, Gate};
use qhal_simulator::{Angle, Ansatz, Options, PauliString, Precision, Simulator};
use serde_json::Value;

/// Angles and gates of the data as an ansatz.
fn read(case: &Value) -> (Ansatz, Vec<f64>, Vec<PauliString>) {
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let mut ansatz = Ansatz::new(case["qubits"].as_u64().unwrap() as u32);
    for gate in case["gates"].as_array().unwrap() {
        let angles: Vec<Angle> = gate[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|angle| match angle.as_f64() {
                Some(fixed) => fixed.into(),
                None => {
                    let [index, factor, offset] = numbers(angle)[..] else { panic!("{angle}") };
                    factor * Angle::parameter(index as usize) + offset
                }
            })
            .collect();
        let qubits: Vec<u32> = numbers(&gate[2]).into_iter().map(|qubit| qubit as u32).collect();
        ansatz.gate(gate[0].as_str().unwrap().parse().unwrap(), &angles, &qubits).unwrap();
    }
    let observable = case["observable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|term| PauliString::new(term[0].as_f64().unwrap(), term[1].as_str().unwrap()).unwrap());
    (ansatz, numbers(&case["parameters"]), observable.collect())
}

/// tests/data/gradients: made by PennyLane 0.45.0, `lightning.qubit`, `diff_method="adjoint"`.
#[test]
fn values_and_gradients_are_those_of_pennylane() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/gradients/pennylane.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.as_array().unwrap().len() >= 8);
    for case in cases.as_array().unwrap() {
        let (ansatz, mut parameters, observable) = read(case);
        // Parameters that no gate uses come last, if there are any.
        parameters.truncate(ansatz.parameters());
        for precision in BOTH {
            let tolerance = if precision == Precision::F64 { 1e-11 } else { 2e-5 };
            let simulator = simulator(precision, 2);
            let (value, gradient) = simulator.gradient(&ansatz, &parameters, &observable).unwrap();
            let expected = case["value"].as_f64().unwrap();
            assert!((value - expected).abs() < tolerance, "{precision:?}: {value} and {expected}");
            let batch = simulator.expectation_batch(&ansatz, &[&parameters], &observable).unwrap();
            assert!((batch[0] - expected).abs() < tolerance);
            let expected = case["gradient"].as_array().unwrap();
            assert!(expected.len() >= gradient.len());
            for (at, expected) in expected.iter().enumerate() {
                let (got, expected) = (gradient.get(at).copied().unwrap_or(0.0), expected.as_f64().unwrap());
                assert!((got - expected).abs() < tolerance, "{precision:?}: {got} and {expected}");
            }
        }
    }
}

/// The expectation value of an ansatz by way of an ordinary circuit.
fn value(simulator: &Simulator, ansatz: &Ansatz, parameters: &[f64], sum: &[PauliString]) -> f64 {
    simulator.expectation(&ansatz.bind(parameters).unwrap(), sum).unwrap()
}

/// Symmetric differences of fourth order.
fn differences(simulator: &Simulator, ansatz: &Ansatz, at: &[f64], sum: &[PauliString]) -> Vec<f64> {
    const STEP: f64 = 1e-3;
    (0..at.len())
        .map(|which| {
            let near = |steps: f64| {
                let mut moved = at.to_vec();
                moved[which] += steps * STEP;
                value(simulator, ansatz, &moved, sum)
            };
            (8.0 * (near(1.0) - near(-1.0)) - (near(2.0) - near(-2.0))) / (12.0 * STEP)
        })
        .collect()
}

fn some_strings(qubits: u32, seed: u64) -> Vec<PauliString> {
    let mask = (1u64 << qubits) - 1;
    (1..6u64)
        .map(|number| {
            let mixed = (seed + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            PauliString {
                coefficient: 0.3 * number as f64 - 0.8,
                x: mixed >> 7 & mask,
                z: mixed >> 31 & mask,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_angle_of_random_circuits(
        (qubits, gates) in (1u32..=8).prop_flat_map(|qubits| (Just(qubits), random_gates(qubits, 25))),
        seed in any::<u64>(),
    ) {
        let (ansatz, parameters) = Ansatz::of(&circuit_of(qubits, &gates)).unwrap();
        let sum = some_strings(qubits, seed);
        let simulator = simulator(Precision::F64, 1);
        let (found, gradient) = simulator.gradient(&ansatz, &parameters, &sum).unwrap();
        prop_assert!((found - value(&simulator, &ansatz, &parameters, &sum)).abs() < 1e-11);
        for (got, expected) in gradient.iter().zip(differences(&simulator, &ansatz, &parameters, &sum)) {
            prop_assert!((got - expected).abs() < 1e-8, "{} and {}", got, expected);
        }
    }

    /// The parameter-shift rule: exact for rotations, each angle with its own parameter.
    #[test]
    fn rotations_obey_the_parameter_shift_rule(
        turns in prop::collection::vec((0usize..7, 0u32..6, 1u32..6, -3.0..3.0f64), 1..25),
        seed in any::<u64>(),
    ) {
        let mut circuit = Circuit::with_size(6, 0);
        for &(pick, first, step, angle) in &turns {
            let gate = [Gate::Rx, Gate::Ry, Gate::Rz, Gate::Rxx, Gate::Ryy, Gate::Rzz, Gate::Rzx][pick];
            circuit.gate(gate, &[angle], &[first, (first + step) % 6][..gate.qubits()]).unwrap();
            circuit.gate(Gate::Ch, &[], &[first, (first + step) % 6]).unwrap();
        }
        let (ansatz, parameters) = Ansatz::of(&circuit).unwrap();
        let sum = some_strings(6, seed);
        let simulator = simulator(Precision::F64, 1);
        let (_, gradient) = simulator.gradient(&ansatz, &parameters, &sum).unwrap();
        for (which, got) in gradient.iter().enumerate() {
            let shifted = |by: f64| {
                let mut moved = parameters.clone();
                moved[which] += by;
                value(&simulator, &ansatz, &moved, &sum)
            };
            let expected = (shifted(FRAC_PI_2) - shifted(-FRAC_PI_2)) / 2.0;
            prop_assert!((got - expected).abs() < 1e-11, "{} and {}", got, expected);
        }
    }
}

/// Layers of turns and a ring of controlled gates, with a swap and a wide gate on the way.
fn layers(qubits: u32, depth: u32) -> Ansatz {
    let mut ansatz = Ansatz::new(qubits);
    let mut next = 0;
    let mut parameter = || {
        next += 1;
        Angle::parameter(next % 40)
    };
    for layer in 0..depth {
        for qubit in 0..qubits {
            ansatz.gate(Gate::Ry, &[parameter()], &[qubit]).unwrap();
            ansatz.gate(Gate::Rz, &[0.5 * parameter() + 0.1], &[qubit]).unwrap();
        }
        for qubit in 0..qubits {
            let pair = [qubit, (qubit + 1 + layer) % qubits];
            match qubit % 4 {
                0 => ansatz.gate(Gate::Cx, &[], &pair),
                1 => ansatz.gate(Gate::Crx, &[parameter()], &pair),
                2 => ansatz.gate(Gate::Rzz, &[-parameter()], &pair),
                _ => ansatz.gate(Gate::Swap, &[], &pair),
            }
            .unwrap();
        }
        ansatz.gate(Gate::Rc3x, &[], &[layer, qubits - 1, 2 + layer, qubits - 3]).unwrap();
        ansatz
            .gate(Gate::Cu, &[parameter(), parameter(), 0.3.into(), parameter()], &[qubits - 1, 0])
            .unwrap();
    }
    ansatz
}

#[test]
fn states_of_many_blocks_have_the_gradients_of_differences() {
    for qubits in [13, 16] {
        let ansatz = layers(qubits, 2);
        let parameters: Vec<f64> = (0..ansatz.parameters()).map(|at| 0.4 + 0.7 * at as f64).collect();
        let sum = some_strings(qubits, 5);
        let one = simulator(Precision::F64, 1).gradient(&ansatz, &parameters, &sum).unwrap();
        let two = simulator(Precision::F64, 2).gradient(&ansatz, &parameters, &sum).unwrap();
        let narrow = simulator(Precision::F32, 2).gradient(&ansatz, &parameters, &sum).unwrap();
        assert!((one.0 - two.0).abs() < 1e-12 && (one.0 - narrow.0).abs() < 1e-5);
        let simulator = simulator(Precision::F64, 2);
        assert!((one.0 - value(&simulator, &ansatz, &parameters, &sum)).abs() < 1e-12);
        assert_eq!(two, simulator.gradient(&ansatz, &parameters, &sum).unwrap(), "the same for every run");
        for which in (0..parameters.len()).step_by(7) {
            let expected = {
                let near = |steps: f64| {
                    let mut moved = parameters.clone();
                    moved[which] += steps * 1e-3;
                    value(&simulator, &ansatz, &moved, &sum)
                };
                (8.0 * (near(1.0) - near(-1.0)) - (near(2.0) - near(-2.0))) / 12e-3
            };
            for (gradient, tolerance) in [(&one.1, 1e-8), (&two.1, 1e-8), (&narrow.1, 1e-4)] {
                assert!((gradient[which] - expected).abs() < tolerance, "{} and {expected}", gradient[which]);
            }
        }
    }
}

#[test]
fn batches_are_what_each_set_alone_is() {
    let ansatz = layers(6, 1);
    let sum = some_strings(6, 9);
    let sets: Vec<Vec<f64>> =
        (0..9).map(|set| (0..ansatz.parameters()).map(|at| 0.1 * (set * at) as f64).collect()).collect();
    let simulator = simulator(Precision::F64, 2);
    let values = simulator.expectation_batch(&ansatz, &sets, &sum).unwrap();
    let gradients = simulator.gradient_batch(&ansatz, &sets, &sum).unwrap();
    for ((set, value), gradient) in sets.iter().zip(values).zip(gradients) {
        assert_eq!(gradient, simulator.gradient(&ansatz, set, &sum).unwrap());
        assert!((value - gradient.0).abs() < 1e-12);
    }
    assert!(simulator.expectation_batch(&ansatz, &[[0.0; 0]; 0], &sum).unwrap().is_empty());
}

#[test]
fn wrong_parameters_and_too_large_states_are_refused() {
    let mut ansatz = Ansatz::new(3);
    ansatz.gate(Gate::Rx, &[Angle::parameter(1)], &[0]).unwrap();
    assert_eq!(ansatz.parameters(), 2);
    let simulator = Simulator::new(Options::default()).unwrap();
    for parameters in [&[0.0][..], &[0.0, f64::NAN]] {
        assert_eq!(simulator.gradient(&ansatz, parameters, &[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(simulator.gradient(&ansatz, &[0.1, 0.2], &[]).unwrap(), (0.0, vec![0.0, 0.0]));
    assert!(ansatz.gate(Gate::Rx, &[f64::NAN * Angle::parameter(0)], &[0]).is_err());
    assert!(ansatz.gate(Gate::Rx, &[], &[0]).is_err());
    let wide = PauliString::new(1.0, "XIII").unwrap();
    assert_eq!(
        simulator.gradient(&ansatz, &[0.1, 0.2], &[wide]).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    let large = Ansatz::new(26);
    let error = simulator.gradient(&large, &[], &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.message().contains("two states"), "{error}");
    let mut measured = Circuit::with_size(1, 1);
    measured.measure(0, 0).unwrap().gate(Gate::H, &[], &[0]).unwrap();
    assert_eq!(Ansatz::of(&measured).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn every_gate_of_the_table_can_be_part_of_an_ansatz() {
    for gate in Gate::all() {
        let mut circuit = common::scrambled(5);
        let angles: Vec<f64> = (0..gate.params()).map(|at| 0.9 - 0.4 * at as f64).collect();
        let qubits = [3, 0, 4, 1, 2];
        circuit.gate(gate, &angles, &qubits[..gate.qubits()]).unwrap();
        circuit.gate(Gate::H, &[], &[3]).unwrap().gate(Gate::Cx, &[], &[4, 0]).unwrap();
        let (ansatz, parameters) = Ansatz::of(&circuit).unwrap();
        let sum = some_strings(5, 3);
        for precision in BOTH {
            let simulator = simulator(precision, 1);
            let (found, gradient) = simulator.gradient(&ansatz, &parameters, &sum).unwrap();
            let exact = common::simulator(Precision::F64, 1);
            let (tolerance, near) = if precision == Precision::F64 { (1e-12, 1e-8) } else { (1e-5, 1e-5) };
            assert!((found - value(&exact, &ansatz, &parameters, &sum)).abs() < tolerance, "{gate}");
            for (got, expected) in gradient.iter().zip(differences(&exact, &ansatz, &parameters, &sum)) {
                assert!((got - expected).abs() < near, "{gate}: {got} and {expected}");
            }
        }
    }
}
