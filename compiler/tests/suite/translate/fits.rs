//! What a processor takes as it is, and the sentence for what it does not.

use std::f64::consts::{FRAC_PI_2, PI};

use qhal::circuit::{BitString, Condition, Matrix, Operation};
use qhal::{Circuit, ErrorKind, Gate};
use qhal_compiler::translate::{Target, fits};

fn target(extra: &str) -> Target {
    let text = format!(
        r#"{{"schema-version": 1, "name": "chip", "numQubits": 3, "couplings": [[0, 1], [1, 2]], "features": [], {extra}
        "operations": [{{"name": "r", "numQubits": 1}}, {{"name": "cz", "numQubits": 2}},
        {{"name": "ecr", "numQubits": 2}}, {{"name": "rz", "numQubits": 1, "sites": [[0], [1]]}}]}}"#
    );
    Target::from_json(&text).unwrap()
}

type Write = fn(&mut Circuit);

fn written(write: Write) -> Circuit {
    let mut circuit = Circuit::with_size(3, 2);
    write(&mut circuit);
    circuit
}

#[test]
fn native_programs_fit() {
    let circuit = written(|circuit| {
        circuit.gate(Gate::R, &[1.0, 2.0], &[0]).unwrap();
        // The same in both directions, so the coupling may be listed in one.
        circuit.gate(Gate::Cz, &[], &[1, 0]).unwrap();
        circuit.gate(Gate::Ecr, &[], &[1, 2]).unwrap();
        circuit.gate(Gate::GPhase, &[1.0], &[]).unwrap();
        circuit.push(Operation::Delay { qubit: 2, seconds: 1e-6 }, None).unwrap();
        circuit.push(Operation::Barrier { qubits: &[] }, None).unwrap();
        circuit.measure(0, 0).unwrap();
    });
    fits(&circuit, &target("")).unwrap();
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let cases: [(Write, &str); 9] = [
        (
            |c| drop(c.gate(Gate::H, &[], &[2])),
            "instruction 1 (h on 2): chip has no such gate; it has r, cz, ecr, rz",
        ),
        (|c| drop(c.gate(Gate::Cz, &[], &[2, 0])), "instruction 1 (cz on 2, 0): chip has no coupling there"),
        (|c| drop(c.gate(Gate::Ecr, &[], &[2, 1])), "in the other direction only"),
        (|c| drop(c.gate(Gate::Rz, &[1.0], &[2])), "chip does not have this gate there"),
        (
            |c| {
                c.gate(Gate::R, &[1.0, 0.0], &[0]).unwrap();
                c.reset(0).unwrap();
            },
            "instruction 2 (reset on 0): chip has no resets",
        ),
        (
            |c| {
                c.measure(0, 0).unwrap();
                c.gate(Gate::R, &[1.0, 0.0], &[0]).unwrap();
            },
            "instruction 1 (measure on 0): chip has no measurements before the end",
        ),
        (
            |c| {
                let condition = Condition::equals(0, 1, BitString::zeros(1));
                let operation = Operation::Gate { gate: Gate::R, params: &[1.0, 0.0], qubits: &[0] };
                c.push(operation, Some(&condition)).unwrap();
            },
            "no operations under a condition",
        ),
        (|c| drop(c.unitary(&Matrix::identity(1), 0, &[1])), "no unitaries"),
        (|c| drop(c.add_qubits("more", 1)), "4 qubits, and chip has 3"),
    ];
    for (write, sentence) in cases {
        let misfit = fits(&written(write), &target("")).unwrap_err();
        let error = &misfit.error;
        assert!(error.message().contains(sentence), "{error}");
        let kind =
            if sentence.contains("qubits, and") { ErrorKind::Exhausted } else { ErrorKind::Unsupported };
        assert_eq!(error.kind(), kind);
        // Gates and couplings can be translated to others; features and qubits that are missing cannot.
        let lacks = ["no resets", "no measurements", "condition", "4 qubits"];
        assert_eq!(misfit.mendable, !lacks.iter().any(|lack| sentence.contains(lack)), "{error}");
    }
}

#[test]
fn quarter_turns_are_all_that_some_have() {
    let chip = target("\"quarterTurns\": true,");
    for (angle, can) in
        [(FRAC_PI_2, true), (-FRAC_PI_2, true), (PI, true), (0.3, false), (3.0 * FRAC_PI_2, false)]
    {
        let mut circuit = Circuit::with_size(1, 0);
        circuit.gate(Gate::R, &[angle, 0.7], &[0]).unwrap();
        assert_eq!(fits(&circuit, &chip).is_ok(), can, "{angle}");
    }
}

#[test]
fn the_most_shots_are_read() {
    assert_eq!(target("\"maxShots\": 2000,").capabilities.max_shots, 2000);
    assert_eq!(target("").capabilities.max_shots, u64::MAX);
    let none = r#"{"schema-version": 1, "name": "n", "numQubits": 1, "maxShots": 0, "operations": []}"#;
    assert_eq!(Target::from_json(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    let garnet = Target::named("iqm-garnet").unwrap();
    assert_eq!(garnet.measurement, Some(std::time::Duration::from_micros(15)));
}
