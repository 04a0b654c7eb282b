//! What is written is read as the same circuit.

use std::fs;

use proptest::prelude::*;
use qhal::circuit::{BitString, Condition, Matrix, Operation};
use qhal::{Circuit, Complex64, ErrorKind, Gate};
use qhal_compiler::openqasm2::emit;

use crate::reference::{data, outcomes, read, state, unitary};

/// Some angles, none of them special.
const ANGLES: [f64; 4] = [0.7, -0.4, 1.9, 2.3];

#[test]
fn every_gate_of_the_table_is_written_so_that_it_means_the_same() {
    for gate in Gate::all() {
        let qubits: Vec<u32> = (0..gate.qubits() as u32).rev().collect();
        let mut circuit = Circuit::with_size(gate.qubits().max(1) as u32, 0);
        circuit.gate(gate, &ANGLES[..gate.params()], &qubits).unwrap();
        let text = emit(&circuit).unwrap();
        let distance = unitary(&read(&text)).distance_up_to_phase(&unitary(&circuit));
        assert!(distance < 1e-12, "{gate}: {distance}\n{text}");
        // Only what the paper's file lacks is defined, once.
        assert!(text.matches(&format!("gate {gate}")).count() <= 1);
    }
}

#[test]
fn the_text_is_plain() {
    let mut circuit = Circuit::new();
    circuit.add_qubits("data", 2).unwrap();
    circuit.add_bits("out", 2).unwrap();
    circuit.gate(Gate::H, &[], &[0]).unwrap();
    circuit.gate(Gate::Ecr, &[], &[1, 0]).unwrap();
    circuit.gate(Gate::Rz, &[3.0 * std::f64::consts::PI / 4.0], &[1]).unwrap();
    circuit.gate(Gate::U, &[1e-7, -0.5, 0.0], &[1]).unwrap();
    circuit.push(Operation::Barrier { qubits: &[] }, None).unwrap();
    circuit.measure(0, 1).unwrap();
    let condition = Condition::equals(0, 2, BitString::from_u64(2, 2));
    circuit.push(Operation::Gate { gate: Gate::X, params: &[], qubits: &[1] }, Some(&condition)).unwrap();
    circuit.reset(0).unwrap();
    assert_eq!(
        emit(&circuit).unwrap(),
        "OPENQASM 2.0;\n\
         include \"qelib1.inc\";\n\
         gate rzx(theta) a,b { h b; cx a,b; rz(theta) b; cx a,b; h b; }\n\
         gate ecr a,b { rzx(pi/4) a,b; x a; rzx(-pi/4) a,b; }\n\
         qreg data[2];\n\
         creg out[2];\n\
         h data[0];\n\
         ecr data[1],data[0];\n\
         rz(3*pi/4) data[1];\n\
         U(1.0e-7,-0.5,0.0) data[1];\n\
         barrier data;\n\
         measure data[0] -> out[1];\n\
         if(out==2) x data[1];\n\
         reset data[0];\n"
    );
}

#[test]
fn the_reference_circuits_come_back() {
    for entry in fs::read_dir(data("circuits")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "qasm") {
            let circuit = read(&fs::read_to_string(&path).unwrap());
            let again = read(&emit(&circuit).unwrap());
            assert_eq!(circuit.qubit_registers(), again.qubit_registers());
            assert_eq!(circuit.bit_registers(), again.bit_registers());
            let overlap: Complex64 =
                state(&circuit).iter().zip(state(&again)).map(|(a, b)| a.conj() * b).sum();
            assert!((overlap.norm() - 1.0).abs() < 1e-9, "{}", path.display());
        }
    }
}

#[test]
fn measurements_and_conditions_come_back() {
    let circuit = read(
        "include \"qelib1.inc\"; qreg q[2]; creg a[1]; creg b[70]; ry(1) q[0]; measure q[0] -> a[0]; ry(0.5) q[1];
         if(a==1) sx q[1]; measure q[1] -> b[69]; if(b==590295810358705651712) x q[0]; if(b==5) x q[1]; reset q[1];
         measure q -> a; ".replace("measure q -> a; ", "measure q[0] -> a[0]; measure q[1] -> b[0];").as_str(),
    );
    let (expected, found) = (outcomes(&circuit), outcomes(&read(&emit(&circuit).unwrap())));
    assert!(expected.len() > 2 && expected.keys().eq(found.keys()), "{expected:?} {found:?}");
    assert!(expected.values().zip(found.values()).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn names_that_the_language_forbids_are_changed() {
    let mut circuit = Circuit::new();
    for name in ["x", "Q", "if", "x_", "é", "swap", "1", ""] {
        circuit.add_qubits(name, 1).unwrap();
        circuit.add_bits(&format!("{name}c"), 1).unwrap();
    }
    circuit.gate(Gate::Swap, &[], &[0, 1]).unwrap().measure_all().unwrap();
    let again = read(&emit(&circuit).unwrap());
    let names: Vec<&str> = again.qubit_registers().iter().map(|register| register.name.as_str()).collect();
    assert_eq!(names, ["x_", "r_Q", "if_", "x__", "r__", "swap_", "r_1", "r_"]);
    assert_eq!(again.len(), 1 + 8);
}

#[test]
fn what_the_language_cannot_say_is_named() {
    let refused = |circuit: &Circuit| {
        let error = emit(circuit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        error.to_string()
    };
    let mut circuit = Circuit::with_size(3, 3);
    circuit.push(Operation::Delay { qubit: 0, seconds: 1e-6 }, None).unwrap();
    assert_eq!(refused(&circuit), "'delay' cannot be written in OpenQASM 2");
    let mut circuit = Circuit::with_size(3, 3);
    let condition = Condition::equals(1, 2, BitString::zeros(2));
    circuit.push(Operation::Reset { qubit: 0 }, Some(&condition)).unwrap();
    assert_eq!(refused(&circuit), "a condition on bits 1 to 2 alone cannot be written in OpenQASM 2");
    let mut circuit = Circuit::with_size(3, 0);
    circuit.unitary(&Matrix::identity(2), 0, &[0, 1]).unwrap();
    assert_eq!(refused(&circuit), "a matrix on 2 qubits cannot be written in OpenQASM 2");
    let mut circuit = Circuit::with_size(3, 0);
    circuit.unitary(&Matrix::identity(1), 2, &[0, 1, 2]).unwrap();
    assert_eq!(refused(&circuit), "a matrix on 1 qubits under 2 controls cannot be written in OpenQASM 2");
    let mut circuit = Circuit::new();
    circuit.gate(Gate::GPhase, &[1.0], &[]).unwrap();
    assert_eq!(refused(&circuit), "a phase of a circuit without qubits cannot be written in OpenQASM 2");
}

fn any_gate() -> impl Strategy<Value = (Gate, Vec<f64>, Vec<u32>)> {
    let gates: Vec<Gate> = Gate::all().collect();
    (
        prop::sample::select(gates),
        prop::collection::vec(-7.0f64..7.0, 4),
        Just(vec![0u32, 1, 2, 3, 4]).prop_shuffle(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_circuits_come_back(gates in prop::collection::vec(any_gate(), 0..12)) {
        let mut circuit = Circuit::with_size(5, 0);
        for (gate, angles, qubits) in &gates {
            circuit.gate(*gate, &angles[..gate.params()], &qubits[..gate.qubits()]).unwrap();
        }
        let again = read(&emit(&circuit).unwrap());
        prop_assert!(unitary(&again).distance_up_to_phase(&unitary(&circuit)) < 1e-11);
    }

    #[test]
    fn matrices_on_one_qubit_come_back(angles in prop::array::uniform4(-4.0f64..4.0), flat in 0u8..4, control: bool) {
        let [theta, phi, lambda, gamma] = angles;
        // Some of the time diagonal or antidiagonal, where angles are undefined.
        let theta = match flat { 0 => 0.0, 1 => std::f64::consts::PI, _ => theta };
        let u = Gate::U.matrix(&[theta, phi, lambda]);
        let turned = u.elements().iter().map(|element| element * Complex64::cis(gamma)).collect();
        let mut circuit = Circuit::with_size(2, 0);
        let (controls, qubits): (u32, &[u32]) = if control { (1, &[1, 0]) } else { (0, &[1]) };
        circuit.unitary(&Matrix::new(1, turned).unwrap(), controls, qubits).unwrap();
        let again = read(&emit(&circuit).unwrap());
        prop_assert!(unitary(&again).distance_up_to_phase(&unitary(&circuit)) < 1e-11);
    }

    #[test]
    fn angles_come_back_to_the_last_bit(angle in prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, times in -64i32..64, divisor in 1u32..20) {
        for angle in [angle, f64::from(times) * std::f64::consts::PI / f64::from(divisor)] {
            let mut circuit = Circuit::with_size(1, 0);
            circuit.gate(Gate::Rx, &[angle], &[0]).unwrap();
            let text = emit(&circuit).unwrap();
            let again = read(&text);
            let Operation::Gate { params, .. } = again.get(0).unwrap().operation else { panic!() };
            prop_assert_eq!(params[0], angle, "{}", text);
        }
    }

    #[test]
    fn conditions_of_any_width_come_back(bits in "[01]{1,400}") {
        let value: BitString = bits.parse().unwrap();
        let mut circuit = Circuit::with_size(1, value.width());
        let condition = Condition::equals(0, value.width(), value.clone());
        circuit.push(Operation::Reset { qubit: 0 }, Some(&condition)).unwrap();
        let again = read(&emit(&circuit).unwrap());
        prop_assert!(again.get(0).unwrap().condition.unwrap().holds(&value));
    }
}

/// Definitions in front of a program that say what hal's table says are the gate; those that say otherwise win.
#[test]
fn definitions_of_known_gates_are_recognised() {
    let mut circuit = Circuit::with_size(3, 0);
    for gate in [Gate::R, Gate::Rxx, Gate::Ecr, Gate::Iswap, Gate::Sx, Gate::Csx, Gate::Cswap, Gate::Rzx] {
        let qubits: Vec<u32> = (0..gate.qubits() as u32).collect();
        circuit.gate(gate, &[0.3, 0.8][..gate.params()], &qubits).unwrap();
    }
    let back = read(&emit(&circuit).unwrap());
    let names = |circuit: &Circuit| circuit.instructions().map(|i| i.operation.name()).collect::<Vec<_>>();
    assert_eq!(names(&back), names(&circuit));
    // As Qiskit 2.6.2 writes it.
    let head = "OPENQASM 2.0; include \"qelib1.inc\";";
    let qiskit = "gate r(param0,param1) q0 { u(param0,-pi/2 + param1,pi/2 - param1) q0; }";
    let first =
        |definition: &str| names(&read(&format!("{head} {definition} qreg q[1]; r(0.1,0.2) q[0];")))[0];
    assert_eq!(first(qiskit), "r");
    for other in [
        "gate r(a,b) q { u(b,-pi/2 + a,pi/2 - a) q; }",
        "gate r(a,b) q { u(a,pi/2 + b,pi/2 - b) q; }",
        "gate r(a,b) q { u(a+1e-6,-pi/2 + b,pi/2 - b) q; }",
    ] {
        assert_eq!(first(other), "u", "{other}");
    }
}
