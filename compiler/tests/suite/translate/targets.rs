//! The targets that are built in, descriptions that are not, and what is refused.

use std::fs;

use qhal::circuit::{BitString, Condition, Operation};
use qhal::processor::Couplings;
use qhal::{Circuit, ErrorKind, Gate};
use qhal_compiler::translate::{Options, Target, Verification, estimate, translate};

use super::{assert_native, line, processor};
use crate::reference::{data, outcomes, read};

/// 27 circuits of MQT Bench, one in eight for each target, taken in turn: native, coupled, and the same by state.
#[test]
fn circuits_go_to_all_targets() {
    let mut programs = Vec::new();
    for entry in fs::read_dir(data("circuits")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "qasm") {
            programs.push((path.display().to_string(), read(&fs::read_to_string(&path).unwrap())));
        }
    }
    assert_eq!(programs.len(), 27);
    programs.sort_by(|a, b| a.0.cmp(&b.0));
    for (number, name) in Target::names().enumerate() {
        let target = Target::named(name).unwrap();
        for (path, program) in programs.iter().skip(number % 8).step_by(8) {
            let translation = translate(program, &target, Options::level(2))
                .unwrap_or_else(|error| panic!("{path} for {name}: {error}"));
            assert_native(&translation, &target);
            assert_ne!(translation.verification.method(), "blocks", "{path} for {name}");
            assert!(
                translation.verification.error() < 1e-9,
                "{path} for {name}: {:?}",
                translation.verification
            );
        }
    }
}

/// Counts of the published device data: qubits and couplings.
#[test]
fn targets_are_the_processors_they_are_named_after() {
    for (name, qubits, couplings) in [
        ("ibm-eagle", 127, Some(142)),
        ("ibm-heron", 156, Some(176)),
        ("ibm-nighthawk", 120, Some(218)),
        ("iqm-garnet", 20, Some(30)),
        ("iqm-emerald", 54, Some(90)),
        ("rigetti", 84, None),
        ("ionq-aria", 25, Some(0)),
        ("ionq-forte", 36, Some(0)),
        ("quantinuum", 56, Some(0)),
    ] {
        let target = Target::named(name).unwrap();
        assert_eq!(target.capabilities.qubits.len(), qubits, "{name}");
        let pairs = match &target.capabilities.couplings {
            Couplings::All => 0,
            Couplings::Pairs(pairs) => pairs.len(),
        };
        assert!(couplings.is_none_or(|expected| expected == pairs), "{name}: {pairs}");
    }
}

#[test]
fn fidelities_multiply() {
    let program = read(
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;",
    );
    let target = Target::named("iqm-garnet").unwrap();
    let translation = translate(&program, &target, Options::level(3)).unwrap();
    let estimate = estimate(&translation.circuit, &target.capabilities);
    assert_eq!(estimate.two_qubit_gates, 1);
    let mut product = 1.0;
    for instruction in translation.circuit.instructions() {
        let operation = instruction.operation;
        if let Operation::Measure { qubit, .. } = operation {
            product *= 1.0 - target.capabilities.qubits[qubit as usize].readout_error.unwrap();
        } else if let Operation::Gate { gate, qubits, .. } = operation {
            let native = target.capabilities.native_gates.iter().find(|native| native.gate == gate).unwrap();
            product *= native.sites.iter().find(|site| site.qubits == qubits).unwrap().fidelity.unwrap();
        }
    }
    let found = estimate.fidelity.unwrap() / estimate.waiting.unwrap();
    assert!((found - product).abs() < 1e-12 && (0.9..1.0).contains(&product), "{found} {product}");
    // r, cz, r at 42, 130 and 42 ns.
    assert!((estimate.seconds.unwrap() - 214e-9).abs() < 1e-12, "{:?}", estimate.seconds);
    // Where figures are missing nothing is made up.
    let heron = Target::named("ibm-heron").unwrap();
    let translation = translate(&program, &heron, Options::level(3)).unwrap();
    assert_eq!(qhal_compiler::translate::estimate(&translation.circuit, &heron.capabilities).fidelity, None);
}

/// The best pair of the device is taken, not the first.
#[test]
fn the_layout_knows_the_fidelities() {
    let text = r#"{"schema-version": 1, "name": "three", "numQubits": 4, "couplings": [[0,1],[1,2],[2,3]],
        "operations": [{"name": "r", "numQubits": 1, "fidelity": 0.999}, {"name": "cz", "numQubits": 2, "fidelity": 0.9,
        "siteOverrides": [{"sites": [3, 2], "fidelity": 0.99}]}, {"name": "measure", "numQubits": 1, "fidelity": 0.98}]}"#;
    let target = Target::from_json(text).unwrap();
    let program = read("OPENQASM 2.0; include \"qelib1.inc\"; qreg q[2]; h q[0]; cx q[0],q[1];");
    let mut layout = translate(&program, &target, Options::level(3)).unwrap().initial_layout;
    layout.sort_unstable();
    assert_eq!(layout, [2, 3]);
}

#[test]
fn descriptions_that_are_wrong_say_what() {
    let with = |operations: &str| {
        format!(
            r#"{{"schema-version": 1, "name": "x", "numQubits": 2, "couplings": [[0,1]], "operations": [{operations}]}}"#
        )
    };
    for (text, word) in [
        ("{".to_owned(), "line 1"),
        (
            r#"{"schema-version": 2, "name": "x", "numQubits": 2, "operations": []}"#.to_owned(),
            "schema version",
        ),
        (r#"{"schema-version": 1, "name": "x", "numQubits": 0, "operations": []}"#.to_owned(), "0 qubits"),
        (
            r#"{"schema-version": 1, "name": "x", "numQubits": 2, "couplings": [[0,2]], "operations": []}"#
                .to_owned(),
            "coupling (0, 2)",
        ),
        (with(r#"{"name": "blink", "numQubits": 1}"#), "'blink'"),
        (with(r#"{"name": "cz", "numQubits": 1}"#), "acts on 2 qubits"),
        (with(r#"{"name": "cz", "numQubits": 2, "fidelity": 1.5}"#), "fidelity 1.5"),
        (with(r#"{"name": "cz", "numQubits": 2, "sites": [[0,0]]}"#), "[0, 0]"),
        (with(r#"{"name": "r", "numQubits": 1, "siteOverrides": [{"sites": [7]}]}"#), "[7]"),
        (with(r#"{"name": "r", "numQubits": 1, "duration": -1}"#), "duration"),
    ] {
        let error = Target::from_json(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(word), "'{word}' is not in: {error}");
    }
    let error = Target::named("ibm-hummingbird").unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.message().contains("ibm-heron"));
}

#[test]
fn what_a_processor_cannot_do_is_refused() {
    let large = Circuit::with_size(21, 0);
    let garnet = Target::named("iqm-garnet").unwrap();
    let error = translate(&large, &garnet, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert_eq!(error.message(), "the program has 21 qubits, and IQM Garnet has only 20 that can be used");

    let mut dynamic = Circuit::with_size(1, 1);
    dynamic.measure(0, 0).unwrap();
    let condition = Condition::equals(0, 1, BitString::from_u64(1, 1));
    dynamic.push(Operation::Gate { gate: Gate::X, params: &[], qubits: &[0] }, Some(&condition)).unwrap();
    let error = translate(&dynamic, &Target::named("aqt").unwrap(), Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);

    // A reset of a fresh qubit asks for nothing; a later one does.
    let mut fresh = Circuit::with_size(2, 1);
    fresh.reset(0).unwrap().gate(Gate::H, &[], &[0]).unwrap().gate(Gate::Cx, &[], &[0, 1]).unwrap();
    let translation = translate(&fresh, &Target::named("aqt").unwrap(), Options::default()).unwrap();
    assert_eq!(translation.circuit.two_qubit_gates(), 1);
    fresh.reset(0).unwrap();
    let error = translate(&fresh, &Target::named("aqt").unwrap(), Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.message().contains("resets")), (ErrorKind::Unsupported, true));

    let poor = processor(2, Couplings::All, &[Gate::H, Gate::T, Gate::Cx]);
    assert_eq!(translate(&large, &poor, Options::default()).unwrap_err().kind(), ErrorKind::Unsupported);
    let lonely = processor(2, Couplings::All, &[Gate::U]);
    assert_eq!(translate(&large, &lonely, Options::default()).unwrap_err().kind(), ErrorKind::Unsupported);
    // Two parts that are not connected are not one processor.
    let parts = processor(4, Couplings::Pairs(vec![(0, 1), (2, 3)]), &[Gate::U, Gate::Cz]);
    let error = translate(&Circuit::with_size(3, 0), &parts, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
}

/// Teleportation with corrections under conditions: the same outcomes by the test's own branches.
#[test]
fn programs_with_outcomes_before_the_end_keep_them() {
    let program = read(
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[4]; creg a[1]; creg b[1]; creg c[2];\n\
         u3(0.8,0.3,0.5) q[0]; h q[1]; cx q[1],q[3]; cx q[0],q[1]; h q[0]; measure q[0] -> a[0]; measure q[1] -> b[0];\n\
         if(b==1) x q[3]; if(a==1) cz q[0],q[3]; reset q[0]; if(a==1) cu3(0.3,0.2,0.1) q[3],q[2]; barrier q[0],q[3];\n\
         cx q[3],q[0]; measure q[3] -> c[0]; measure q[2] -> c[1];",
    );
    for level in 0..4 {
        for gates in [[Gate::R, Gate::Cz], [Gate::U, Gate::Iswap], [Gate::U, Gate::Rzx]] {
            let target = processor(4, line(4), &gates);
            let translation = translate(&program, &target, Options::level(level)).unwrap();
            assert_native(&translation, &target);
            assert!(matches!(translation.verification, Verification::States { .. }));
            let (expected, found) = (outcomes(&program), outcomes(&translation.circuit));
            assert!(expected.len() > 4 && expected.keys().eq(found.keys()), "{found:?}");
            for (bits, probability) in expected {
                assert!((found[&bits] - probability).abs() < 1e-9, "{bits}");
            }
        }
    }
}

/// A qubit that has been measured for good may still be in the way of others.
#[test]
fn measured_qubits_may_be_moved() {
    let program = read(
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[5]; creg c[5]; h q[0]; cx q[0],q[1]; cx q[0],q[2]; ry(0.3) q[0];\n\
         measure q[0] -> c[0]; cx q[1],q[3]; ry(0.7) q[1]; cx q[2],q[4]; cx q[3],q[4]; cx q[1],q[4]; cx q[2],q[3]; ry(0.4) q[4];\n\
         cx q[4],q[1]; measure q[1] -> c[1]; measure q[2] -> c[2]; measure q[3] -> c[3]; measure q[4] -> c[4];",
    );
    let target = processor(5, line(5), &[Gate::R, Gate::Cz]);
    let expected = outcomes(&program);
    let mut moved = 0;
    for seed in 0..20 {
        let mut options = Options::level((seed % 4) as u8);
        options.seed = seed;
        let translation = translate(&program, &target, options).unwrap();
        moved += translation.circuit.final_measurements().iter().filter(|is_final| **is_final).count() % 5;
        let found = outcomes(&translation.circuit);
        assert!(expected.keys().eq(found.keys()));
        assert!(expected.iter().all(|(bits, probability)| (found[bits] - probability).abs() < 1e-9));
    }
    assert!(moved > 0, "no qubit was moved after its measurement, so nothing was tried");
}
