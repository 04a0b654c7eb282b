//! Circuits whose result is known in closed form from the literature.

mod common;

use std::f64::consts::{PI, SQRT_2};

use common::{BOTH, evolve, simulator, tolerance};
use qhal::Complex64;
use qhal::circuit::{BitString, Circuit, Condition, Gate, Matrix};
use qhal_simulator::Precision;

fn condition(bit: u32) -> Condition {
    Condition::equals(bit, 1, BitString::from_u64(1, 1))
}

#[test]
fn ghz_is_all_zeros_plus_all_ones() {
    // Greenberger, Horne, Zeilinger 1989: (|0…0⟩ + |1…1⟩)/√2.
    for precision in BOTH {
        let mut circuit = Circuit::with_size(17, 0);
        circuit.gate(Gate::H, &[], &[0]).unwrap();
        for qubit in 1..17 {
            circuit.gate(Gate::Cx, &[], &[qubit - 1, qubit]).unwrap();
        }
        let state = evolve(&circuit, precision);
        for index in [0, (1 << 17) - 1] {
            assert!((state.amplitude(index) - 1.0 / SQRT_2).norm() < tolerance(precision));
        }
        assert_eq!(state.probabilities(1e-12).unwrap().len(), 2);
    }
}

#[test]
fn the_fourier_transform_of_a_basis_state_is_a_plane_wave() {
    // Nielsen & Chuang eq. (5.2): amplitude k of QFT|j⟩ is e^{2πi·jk/N}/√N.
    let (qubits, index) = (9u32, 345u64);
    let mut circuit = Circuit::with_size(qubits, 0);
    for qubit in (0..qubits).filter(|qubit| index >> qubit & 1 == 1) {
        circuit.gate(Gate::X, &[], &[qubit]).unwrap();
    }
    for target in (0..qubits).rev() {
        circuit.gate(Gate::H, &[], &[target]).unwrap();
        for control in (0..target).rev() {
            circuit.gate(Gate::Cp, &[PI / f64::from(1 << (target - control))], &[control, target]).unwrap();
        }
    }
    for qubit in 0..qubits / 2 {
        circuit.gate(Gate::Swap, &[], &[qubit, qubits - 1 - qubit]).unwrap();
    }
    for precision in BOTH {
        let state = evolve(&circuit, precision);
        let size = f64::from(1 << qubits);
        for (k, amplitude) in state.iter().enumerate() {
            let expected = Complex64::cis(2.0 * PI * (index * k as u64) as f64 / size) / size.sqrt();
            assert!((amplitude - expected).norm() < tolerance(precision));
        }
    }
}

#[test]
fn the_w_state_has_one_excitation_everywhere_alike() {
    // Dür, Vidal, Cirac, PRA 62, 062314 (2000): Σ|0…1…0⟩/√n, here by controlled rotations.
    let qubits = 10u32;
    let mut circuit = Circuit::with_size(qubits, 0);
    circuit.gate(Gate::X, &[], &[0]).unwrap();
    for qubit in 1..qubits {
        // Of what qubit - 1 still holds, 1/(left + 1) stays there.
        let left = f64::from(qubits - qubit);
        let angle = 2.0 * (1.0 / (left + 1.0)).sqrt().acos();
        circuit.gate(Gate::Cry, &[angle], &[qubit - 1, qubit]).unwrap();
        circuit.gate(Gate::Cx, &[], &[qubit, qubit - 1]).unwrap();
    }
    let state = evolve(&circuit, Precision::F64);
    let probabilities = state.probabilities(1e-12).unwrap();
    assert_eq!(probabilities.len(), qubits as usize);
    for (bits, probability) in probabilities {
        assert_eq!(bits.words()[0].count_ones(), 1);
        assert!((probability - 0.1).abs() < 1e-12);
    }
}

#[test]
fn grover_succeeds_as_often_as_the_closed_form_says() {
    // Boyer, Brassard, Høyer, Tapp, quant-ph/9605034 §3: sin²((2k+1)θ) with sin θ = 2^{-n/2}.
    let (qubits, marked) = (8u32, 0b1011_0010u64);
    let all: Vec<u32> = (0..qubits).collect();
    let flip = Matrix::new(1, vec![1.0.into(), 0.0.into(), 0.0.into(), (-1.0).into()]).unwrap();
    let mut circuit = Circuit::with_size(qubits, 0);
    for &qubit in &all {
        circuit.gate(Gate::H, &[], &[qubit]).unwrap();
    }
    let theta = (f64::from(1 << qubits)).sqrt().recip().asin();
    for round in 1..=14u32 {
        for (gate, mask) in [(None, marked), (Some(Gate::H), 0)] {
            for pass in 0..2 {
                for &qubit in &all {
                    let flips = mask >> qubit & 1 == 0;
                    match (gate, pass, flips) {
                        (Some(gate), 0, _) => {
                            circuit.gate(gate, &[], &[qubit]).unwrap();
                            circuit.gate(Gate::X, &[], &[qubit]).unwrap();
                        }
                        (Some(gate), _, _) => {
                            circuit.gate(Gate::X, &[], &[qubit]).unwrap();
                            circuit.gate(gate, &[], &[qubit]).unwrap();
                        }
                        (None, _, true) => {
                            circuit.gate(Gate::X, &[], &[qubit]).unwrap();
                        }
                        _ => {}
                    }
                }
                if pass == 0 {
                    circuit.unitary(&flip, qubits - 1, &all).unwrap();
                }
            }
        }
        let expected = ((2.0 * f64::from(round) + 1.0) * theta).sin().powi(2);
        assert!((evolve(&circuit, Precision::F64).probability(marked) - expected).abs() < 1e-12);
    }
}

#[test]
fn teleportation_brings_the_state_over_in_every_branch() {
    // Bennett et al., PRL 70, 1895 (1993).
    let state = [0.7, 1.1, -0.4];
    let mut circuit = Circuit::with_size(3, 2);
    circuit.gate(Gate::U, &state, &[0]).unwrap();
    circuit.gate(Gate::H, &[], &[1]).unwrap().gate(Gate::Cx, &[], &[1, 2]).unwrap();
    circuit.gate(Gate::Cx, &[], &[0, 1]).unwrap().gate(Gate::H, &[], &[0]).unwrap();
    circuit.measure(0, 0).unwrap().measure(1, 1).unwrap();
    let x = qhal::circuit::Operation::Gate { gate: Gate::X, params: &[], qubits: &[2] };
    let z = qhal::circuit::Operation::Gate { gate: Gate::Z, params: &[], qubits: &[2] };
    circuit.push(x, Some(&condition(1))).unwrap();
    circuit.push(z, Some(&condition(0))).unwrap();
    // Undone on the other side, so every branch must end in |0⟩ there.
    let (inverse, params) = Gate::U.inverse(&state);
    circuit.gate(inverse, &params, &[2]).unwrap();
    for precision in BOTH {
        let simulator = simulator(precision, 1);
        let plan = simulator.plan(&circuit).unwrap();
        assert!(plan.is_dynamic());
        let probabilities = simulator.probabilities(&plan).unwrap();
        assert_eq!(probabilities.len(), 4);
        for (bits, probability) in probabilities {
            assert!(!bits.get(2));
            assert!((probability - 0.25).abs() < tolerance(precision));
        }
    }
}

#[test]
fn a_bell_pair_violates_chsh_by_the_tsirelson_bound() {
    // Tsirelson 1980: 2√2, at angles 0, π/2 and π/4, −π/4 in the x–z plane.
    let correlation = |a: f64, b: f64| {
        let mut circuit = Circuit::with_size(2, 0);
        circuit.gate(Gate::H, &[], &[0]).unwrap().gate(Gate::Cx, &[], &[0, 1]).unwrap();
        circuit.gate(Gate::Ry, &[-a], &[0]).unwrap().gate(Gate::Ry, &[-b], &[1]).unwrap();
        let state = evolve(&circuit, Precision::F64);
        (0..4u64).map(|index| state.probability(index) * [1.0, -1.0, -1.0, 1.0][index as usize]).sum::<f64>()
    };
    let (a, b) = ([0.0, PI / 2.0], [PI / 4.0, -PI / 4.0]);
    let chsh =
        correlation(a[0], b[0]) + correlation(a[0], b[1]) + correlation(a[1], b[0]) - correlation(a[1], b[1]);
    assert!((chsh - 2.0 * SQRT_2).abs() < 1e-12);
}
