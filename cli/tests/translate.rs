//! `qhal translate`: programs in, native programs with their figures out; what cannot be translated refused in one sentence.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use common::{assert_fails, json, qhal, qhal_with_input, stderr};

const GHZ: &str = "OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[3];\ncreg c[3];\nh q[0];\ncx q[0],q[1];\ncx q[0],q[2];\n\
                   measure q -> c;\n";

/// A program for a large chip uses few of its qubits, and runs here all the same.
#[test]
fn what_was_translated_to_a_large_chip_runs_in_simulation() {
    for (chip, qubits) in [("quantinuum", 56), ("ibm-heron", 156)] {
        let native = qhal_with_input(&["translate", "-", "--to", chip], GHZ);
        let native = String::from_utf8(native.stdout).unwrap();
        assert!(native.contains(&format!("qreg q[{qubits}];")), "{native}");
        let counts = json(&qhal_with_input(&["run", "-", "--shots", "100", "--json"], &native));
        let outcomes: Vec<&String> = counts["counts"].as_object().unwrap().keys().collect();
        assert_eq!(outcomes, ["000", "111"], "{chip}");
        // What is asked of the whole register needs it whole.
        let whole = qhal_with_input(&["run", "-", "--show", "probabilities"], &native);
        assert_fails(&whole, 1, &[&format!("{qubits} qubits")]);
    }
}

#[test]
fn the_document_has_the_words_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("native.qasm");
    let to = ["translate", "-", "--to", "iqm-garnet", "--json", "-o", out.to_str().unwrap()];
    let document = json(&qhal_with_input(&to, GHZ));
    assert_eq!(document["two_qubit_gates"], 2);
    assert!(document["depth"].as_u64().unwrap() >= 4);
    assert_eq!(document["layout"].as_array().unwrap().len(), 3);
    assert_eq!(document["final_layout"].as_array().unwrap().len(), 3);
    let fidelity = document["estimated_fidelity"].as_f64().unwrap();
    assert!((0.8..1.0).contains(&fidelity), "{fidelity}");
    assert!(document["verified"]["error"].as_f64().unwrap() < 1e-9);
    assert!(document["program"].is_null());
    // What was written is a program of native gates that gives the same counts.
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("qreg q[20];") && text.contains("cz "), "{text}");
    let counts = |program: &str| {
        let run = ["run", "-", "--shots", "2000", "--seed", "3", "--json"];
        json(&qhal_with_input(&run, program))["counts"].clone()
    };
    let native = counts(&text);
    assert_eq!(native.as_object().unwrap().keys().collect::<Vec<_>>(), ["000", "111"]);
    assert!((native["000"].as_i64().unwrap() - 1000).abs() < 250, "{native}");
}

#[test]
fn the_program_can_be_piped_on() {
    let output = qhal_with_input(&["translate", "-", "--to", "ibm-heron"], GHZ);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.starts_with("OPENQASM 2.0;"), "{text}");
    let newer = qhal_with_input(&["translate", "-", "--to", "ibm-heron", "--format", "openqasm3"], GHZ);
    let newer = String::from_utf8_lossy(&newer.stdout).into_owned();
    assert!(newer.starts_with("OPENQASM 3.0;") && newer.contains("measure"), "{newer}");
    let summary = stderr(&output);
    assert!(summary.contains("2 two-qubit gates") && summary.contains("fidelity unknown"), "{summary}");
}

#[test]
fn levels_and_seeds_are_obeyed() {
    let program = |level: &str, seed: &str, threads: &str| {
        let to = [
            "translate",
            "-",
            "--to",
            "ibm-heron",
            "--optimize",
            level,
            "--seed",
            seed,
            "--threads",
            threads,
        ];
        let output = qhal_with_input(&to, GHZ);
        assert!(output.status.success(), "{}", stderr(&output));
        output.stdout
    };
    assert_eq!(program("3", "7", "1"), program("3", "7", "2"));
    assert_fails(&qhal(&["translate", "x.qasm", "--to", "aqt", "--optimize", "4"]), 2, &["0..=3"]);
}

#[test]
fn a_simulated_processor_is_a_target_too() {
    let document =
        json(&qhal_with_input(&["translate", "-", "--to", "simulator:statevector", "--json"], GHZ));
    assert_eq!(document["two_qubit_gates"], 2);
    assert!(document["program"].as_str().unwrap().starts_with("OPENQASM 2.0;"));
}

#[test]
fn a_description_in_a_file_is_a_target() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    let text = r#"{"schema-version": 1, "name": "mine", "numQubits": 3, "couplings": [[0, 1], [1, 2]],
        "operations": [{"name": "u3", "numQubits": 1}, {"name": "cx", "numQubits": 2}]}"#;
    std::fs::write(&path, text).unwrap();
    let document = json(&qhal_with_input(&["translate", "-", "--to", path.to_str().unwrap(), "--json"], GHZ));
    assert_eq!((&document["target"], &document["two_qubit_gates"]), (&"mine".into(), &2.into()));
    std::fs::write(&path, &text[..60]).unwrap();
    let output = qhal_with_input(&["translate", "-", "--to", path.to_str().unwrap()], GHZ);
    assert_fails(&output, 1, &["mine.json", "line 1"]);
}

#[test]
fn what_cannot_be_translated_is_refused() {
    assert_fails(&qhal_with_input(&["translate", "-", "--to", "nowhere"], GHZ), 1, &["nowhere", "ibm-heron"]);
    assert_fails(&qhal(&["translate", "missing.qasm", "--to", "aqt"]), 1, &["missing.qasm"]);
    assert_fails(&qhal_with_input(&["translate", "-", "--to", "missing.json"], GHZ), 1, &["missing.json"]);
    let large = "OPENQASM 2.0; qreg q[13];";
    assert_fails(&qhal_with_input(&["translate", "-", "--to", "aqt"], large), 1, &["13 qubits", "12"]);
}
