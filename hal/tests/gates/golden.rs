//! Every matrix of the table against Qiskit's (tests/data/gates/qiskit-gates.json; origin in tests/data/README.md).

use std::collections::BTreeSet;

use qhal::circuit::Matrix;
use qhal::{Complex64, Gate};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The rows of one section: gate, angles, Qiskit's matrix.
fn section(name: &str) -> Vec<(Gate, Vec<f64>, Matrix)> {
    let file: Value =
        serde_json::from_str(include_str!("../../../tests/data/gates/qiskit-gates.json")).unwrap();
    let rows = file[name].as_array().unwrap().iter().map(|row| {
        let gate: Gate = row["name"].as_str().unwrap().parse().unwrap();
        let elements: Vec<Complex64> =
            numbers(&row["elements"]).chunks_exact(2).map(|pair| Complex64::new(pair[0], pair[1])).collect();
        let qubits = elements.len().trailing_zeros() / 2;
        (gate, numbers(&row["angles"]), Matrix::new(qubits, elements).unwrap())
    });
    rows.collect()
}

fn gates(rows: &[(Gate, Vec<f64>, Matrix)]) -> BTreeSet<Gate> {
    rows.iter().map(|&(gate, ..)| gate).collect()
}

#[test]
fn every_matrix_is_that_of_qiskits_gate_class() {
    let rows = section("library");
    for (gate, angles, expected) in &rows {
        let distance = gate.matrix(angles).distance(expected);
        assert!(distance < 1e-12, "{gate} at {angles:?} is off by {distance:e}");
    }
    // Qiskit has no class for the gate of qelib1.inc that does nothing for a while.
    let missing: Vec<Gate> = Gate::all().filter(|gate| !gates(&rows).contains(gate)).collect();
    assert_eq!(missing, [Gate::U0]);
}

#[test]
fn every_matrix_is_what_the_text_of_qelib1_comes_to() {
    let rows = section("qelib1");
    for (gate, angles, expected) in &rows {
        let distance = gate.matrix(angles).distance_up_to_phase(expected);
        assert!(distance < 1e-12, "{gate} at {angles:?} is off by {distance:e}");
    }
    assert_eq!(gates(&rows).len(), 42, "Qiskit's file defines 42 gates");
}
