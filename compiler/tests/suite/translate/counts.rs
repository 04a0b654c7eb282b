//! Two-qubit gates against those of Qiskit 2.6.2 on the circuits of MQT Bench, and the same result for all threads.

use std::fs;

use qhal::Gate;
use qhal::processor::Couplings;
use qhal_compiler::translate::{Options, Target, translate};

use super::{assert_native, line, processor};
use crate::reference::{data, read};

const GATES: [Gate; 4] = [Gate::Sx, Gate::X, Gate::Rz, Gate::Cz];

/// Circuit, then medians of `transpile(..., optimization_level = 1 and 3)` on the line and on heavy-hex, five seeds,
/// measured in November 2026 with Qiskit 2.6.2, basis cz, rz, sx, x.
const QISKIT: [(&str, [(u32, u32); 2]); 5] = [
    ("qft_16", [(588, 402), (564, 418)]),
    ("qpeexact_12", [(313, 258), (304, 242)]),
    ("qaoa_12", [(507, 435), (396, 344)]),
    ("graphstate_16", [(49, 47), (16, 16)]),
    ("randomcircuit_8", [(543, 475), (504, 423)]),
];

fn maps() -> [Target; 2] {
    let text = fs::read_to_string(data("translate/heavy-hex-19.txt")).unwrap();
    let pairs = text.lines().map(|line| {
        let (a, b) = line.split_once(' ').unwrap();
        (a.parse().unwrap(), b.parse().unwrap())
    });
    [processor(16, line(16), &GATES), processor(19, Couplings::Pairs(pairs.collect()), &GATES)]
}

#[test]
fn no_more_gates_than_qiskit() {
    let mut logarithms = 0.0;
    for (name, rows) in QISKIT {
        let program = read(&fs::read_to_string(data(&format!("translate/{name}.qasm"))).unwrap());
        for (target, (level_1, level_3)) in maps().iter().zip(rows) {
            // States of 16 qubits and more are compared in the other tests' sizes; here blocks are.
            let mut options = Options::level(3);
            options.compare = false;
            let translation = translate(&program, target, options).unwrap();
            assert_native(&translation, target);
            let count = translation.circuit.two_qubit_gates() as f64;
            assert!(count <= f64::from(level_1), "{name}: {count} gates, and level 1 has {level_1}");
            logarithms += (count / f64::from(level_3)).ln();
        }
    }
    let mean = (logarithms / 10.0).exp();
    assert!(mean <= 0.9, "{mean} times the gates of level 3");
}

#[test]
fn threads_do_not_change_the_result() {
    let program = read(&fs::read_to_string(data("translate/qaoa_12.qasm")).unwrap());
    let [target, _] = maps();
    let texts = [1, 2, 3, 7].map(|threads| {
        let mut options = Options::level(3);
        (options.threads, options.compare, options.seed) = (threads, false, 5);
        qhal_compiler::openqasm2::emit(&translate(&program, &target, options).unwrap().circuit).unwrap()
    });
    assert!(texts.iter().all(|text| *text == texts[0]));
    let mut options = Options::level(3);
    (options.compare, options.seed) = (false, 6);
    let other = translate(&program, &target, options).unwrap();
    assert_ne!(qhal_compiler::openqasm2::emit(&other.circuit).unwrap(), texts[0]);
}
