//! `qhal run`: programs in, counts, probabilities and states out; bad programs refused with the place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use common::{assert_fails, json, qhal, qhal_with_input, stderr};

const BELL: &str = "OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n";

#[test]
fn counts_of_a_bell_pair_as_json() {
    let document = json(&qhal_with_input(&["run", "-", "--shots", "1000", "--seed", "1", "--json"], BELL));
    assert_eq!(document["provenance"], "Simulated");
    assert_eq!(document["device"], "simulator:statevector");
    assert_eq!((&document["shots"], &document["qubits"]), (&1000.into(), &2.into()));
    let counts = document["counts"].as_object().unwrap();
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["00", "11"]);
    let (zeros, ones) = (counts["00"].as_u64().unwrap(), counts["11"].as_u64().unwrap());
    assert_eq!(zeros + ones, 1000);
    // 5 standard deviations of a fair coin.
    assert!(zeros.abs_diff(500) < 80, "{zeros}");
    for part in ["parse", "compile", "execute", "sample"] {
        assert!(document["seconds"][part].is_f64());
    }
}

#[test]
fn the_same_seed_gives_the_same_counts() {
    let run = |seed, threads| {
        json(&qhal_with_input(&["run", "-", "--seed", seed, "--threads", threads, "--json"], BELL))["counts"]
            .clone()
    };
    assert_eq!(run("5", "1"), run("5", "2"));
}

#[test]
fn registers_are_written_as_qiskit_writes_them() {
    // x on q[0] only; two registers, the last declared first.
    let program = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg a[1]; creg b[2]; x q[0]; x q[2];\
                   measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];";
    let document = json(&qhal_with_input(&["run", "-", "--shots", "10", "--json"], program));
    assert_eq!(document["counts"], serde_json::json!({"10 1": 10}));
}

#[test]
fn probabilities_leave_final_measurements_out() {
    let document = json(&qhal_with_input(&["run", "-", "--show", "probabilities", "--json"], BELL));
    let probabilities = document["probabilities"].as_object().unwrap();
    assert_eq!(probabilities.len(), 2);
    for bits in ["00", "11"] {
        assert!((probabilities[bits].as_f64().unwrap() - 0.5).abs() < 1e-12);
    }
}

#[test]
fn conditions_and_resets_work_on_the_way() {
    // Quantum teleportation of |1⟩ (Bennett et al. 1993), with classical corrections, then q[0] reset and read.
    let program = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg a[1]; creg b[1]; creg out[2];\
        x q[0]; h q[1]; cx q[1],q[2]; cx q[0],q[1]; h q[0]; measure q[0] -> a[0]; measure q[1] -> b[0];\
        if(b==1) x q[2]; if(a==1) z q[2]; reset q[0]; measure q[2] -> out[0]; measure q[0] -> out[1];";
    let document = json(&qhal_with_input(&["run", "-", "--shots", "4000", "--seed", "2", "--json"], program));
    let counts = document["counts"].as_object().unwrap();
    assert_eq!(counts.len(), 4, "{counts:?}");
    for (bits, count) in counts {
        assert!(bits.starts_with("01 "), "the third qubit is always 1 and the first 0: {bits}");
        assert!(count.as_u64().unwrap().abs_diff(1000) < 5 * 28, "{bits}: {count}");
    }
}

#[test]
fn a_state_is_written_as_complex128() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.bin");
    let output = qhal_with_input(&["run", "-", "--show", "state", "-o", file.to_str().unwrap()], BELL);
    assert!(output.status.success(), "{}", stderr(&output));
    let bytes = std::fs::read(file).unwrap();
    let numbers: Vec<f64> =
        bytes.chunks_exact(8).map(|part| f64::from_le_bytes(part.try_into().unwrap())).collect();
    assert_eq!(numbers.len(), 8);
    for (index, expected) in [(0, 0.5f64.sqrt()), (2, 0.0), (4, 0.0), (6, 0.5f64.sqrt())] {
        assert!((numbers[index] - expected).abs() < 1e-15 && numbers[index + 1] == 0.0, "{numbers:?}");
    }
}

#[test]
fn bad_programs_are_refused_with_the_place() {
    for (program, place, words) in [
        ("OPENQASM 2.0;\nqreg q[2];\nqrex c;\n", "standard input:3:1", "qrex"),
        ("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[1];\nh q[1];\n", "standard input:4:", "1"),
        ("OPENQASM 2.0;\nqreg q[1];\nU(1,2", "standard input:3:", ""),
        ("OPENQASM 2.0;\ninclude \"nowhere.inc\";\n", "standard input:2:", "nowhere.inc"),
        ("", "-", "no qubits"),
    ] {
        let output = qhal_with_input(&["run", "-", "--shots", "1"], program);
        assert_fails(&output, 1, &[place, words]);
    }
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_tried() {
    let program = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[60]; creg c[1]; h q; measure q[0] -> c[0];";
    assert_fails(&qhal_with_input(&["run", "-"], program), 1, &["60 qubits"]);
    assert_fails(&qhal(&["run", "no/such/file.qasm"]), 1, &["no/such/file.qasm"]);
}

#[test]
fn wrong_usage_is_status_two() {
    for arguments in [
        &["run"][..],
        &["run", "x.qasm", "--shots", "0"],
        &["run", "x.qasm", "--threads", "0"],
        &["run", "x.qasm", "--show", "state"],
        &["run", "x.qasm", "--policy", "whatever"],
        &["run", "x.qasm", "--device", "serial:"],
        &["fly"],
    ] {
        let output = qhal(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn hardware_is_not_replaced_by_a_simulation_behind_the_users_back() {
    let output = qhal_with_input(&["run", "-", "--policy", "require-hardware"], BELL);
    assert_fails(&output, 1, &["simulator:statevector", "simulation"]);
    // Preferring hardware, the stand-in is announced.
    let output = qhal_with_input(&["run", "-", "--shots", "1"], BELL);
    assert!(output.status.success() && stderr(&output).contains("a simulation"), "{}", stderr(&output));
}

#[test]
fn a_plan_is_shown_without_running_it() {
    let output = qhal_with_input(&["run", "-", "--explain"], BELL);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("2 unitaries"), "{text}");
    assert_eq!(qhal(&["run", "x.qasm", "--explain", "--show", "state"]).status.code(), Some(2));
}

/// Bit 0 is set and bit 1 is not: after translation the qubits are elsewhere, the bits are not.
const ASYMMETRIC: &str = "OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[3];\ncreg a[1];\ncreg b[2];\nx q[0];\nh q[1];\n\
                          h q[1];\ncx q[0],q[2];\nmeasure q[0] -> a[0];\nmeasure q[1] -> b[0];\nmeasure q[2] -> b[1];\n";

#[test]
fn a_chip_refuses_with_the_mend_and_takes_what_was_translated() {
    let run = ["run", "-", "--device", "simulated:garnet", "--shots", "2000", "--seed", "3", "--json"];
    let refused = qhal_with_input(&run, ASYMMETRIC);
    assert_fails(&refused, 1, &["simulator:garnet", "x on 0", "qhal translate FILE --to simulated:garnet"]);
    // In two steps, as the sentence says, and in one.
    let folder = tempfile::tempdir().unwrap();
    let native = folder.path().join("native.qasm");
    let to = ["translate", "-", "--to", "simulated:garnet", "-o", native.to_str().unwrap()];
    assert!(qhal_with_input(&to, ASYMMETRIC).status.success());
    let text = std::fs::read_to_string(&native).unwrap();
    let stepwise = json(&qhal_with_input(&run, &text));
    let at_once = json(&qhal_with_input(&[&run[..], &["--translate"]].concat(), ASYMMETRIC));
    for document in [&stepwise, &at_once] {
        assert_eq!(document["device"], "simulator:garnet");
        assert_eq!(document["provenance"], "Simulated");
        assert!(document["method"].as_str().unwrap().contains("noise by the chip's figures"), "{document}");
        let counts = document["counts"].as_object().unwrap();
        let most = counts.iter().max_by_key(|(_, count)| count.as_u64()).unwrap();
        assert_eq!(most.0, "10 1");
        assert!((1500..2000).contains(&most.1.as_u64().unwrap()), "there is noise: {counts:?}");
    }
    assert_eq!(at_once["translation"]["needed"], true);
    assert_eq!(at_once["translation"]["layout"].as_array().unwrap().len(), 3);
    // The translation promised this much.
    let promised = at_once["translation"]["estimated_fidelity"].as_f64().unwrap();
    let share = at_once["counts"]["10 1"].as_f64().unwrap() / 2000.0;
    assert!((share - promised).abs() < 0.03, "{share} and {promised}");
    let native = json(&qhal_with_input(&[&run[..], &["--translate"]].concat(), &text));
    assert_eq!(native["translation"]["needed"], false);
    assert_eq!(native["counts"], stepwise["counts"]);
}

#[test]
fn chips_are_listed_and_tell_their_figures() {
    let devices = json(&qhal(&["devices", "--json"]));
    let listed = |id: &str| devices["devices"].as_array().unwrap().iter().any(|device| device["id"] == id);
    assert!(listed("simulator:garnet") && listed("simulator:heron"), "{devices}");
    let info = json(&qhal(&["info", "simulated:garnet", "--json"]));
    assert_eq!((&info["id"], &info["capabilities"]["qubits"]), (&"simulator:garnet".into(), &20.into()));
    assert!(info["properties"].to_string().contains("IQM Garnet"), "{info}");
    assert_fails(&qhal(&["info", "simulated:nowhere"]), 1, &["nowhere", "garnet"]);
}

/// OpenQASM 3 with a value from the command line, a subroutine and a branch on an outcome.
#[test]
fn openqasm_3_runs_with_its_inputs() {
    let program = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\ninput float theta;\nqubit[2] q;\nbit[2] c;\n\
        def flip(qubit a) { rx(theta) a; }\nflip(q[0]);\nc[0] = measure q[0];\nif (c[0]) x q[1];\nc[1] = measure q[1];\n";
    let document =
        json(&qhal_with_input(&["run", "-", "--shots", "10", "--input", "theta=pi", "--json"], program));
    assert_eq!(document["counts"], serde_json::json!({"11": 10}));
    let output = qhal_with_input(&["run", "-", "--shots", "10"], program);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("standard input:3:1: the input 'theta' has no value")
            && error.contains("--input theta=0"),
        "{error}"
    );
}
