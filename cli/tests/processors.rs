//! `qhal run` on processors of other makers, emulated: made native on the way, run, found again, and refused in one sentence.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use common::{Emulator, assert_fails, json, qhal};

/// x on the first qubit, and a Bell pair of the others.
const PROGRAM: &str = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg c[3]; x q[0]; h q[1]; cx q[1],q[2]; measure q -> c;";

/// An emulator with a configuration that trusts it, and the program.
fn lab(model: &str, extra: &[&str]) -> (Emulator, tempfile::TempDir, [PathBuf; 2]) {
    let emulator = Emulator::start(&[&[model, "--seed", "7"], extra].concat());
    let folder = tempfile::tempdir().unwrap();
    let (config, program) = (folder.path().join("qhal.toml"), folder.path().join("program.qasm"));
    let ca = emulator.announced["ca"].as_str().unwrap();
    std::fs::write(&config, format!("[{model}]\nca = \"{ca}\"\n")).unwrap();
    std::fs::write(&program, PROGRAM).unwrap();
    (emulator, folder, [config, program])
}

#[test]
fn programs_run_on_emulated_processors_of_other_makers() {
    for model in ["iqm", "aqt"] {
        let (emulator, _folder, [config, program]) = lab(model, &[]);
        let (config, program) = (config.to_str().unwrap(), program.to_str().unwrap());
        let device = format!("{model}@{}", emulator.address());
        let run = |rest: &[&str]| {
            qhal(
                &[
                    &["--config", config, "run", program, "--device", &device, "--shots", "1000", "--json"],
                    rest,
                ]
                .concat(),
            )
        };
        let document = json(&run(&["--translate"]));
        assert_eq!(document["provenance"], "Unverified");
        let counts = document["counts"].as_object().unwrap();
        let [one, three] = ["001", "111"].map(|outcome| counts[outcome].as_u64().unwrap());
        assert_eq!((counts.len(), one + three), (2, 1000));
        // Five standard deviations of half of 1000.
        assert!(one.abs_diff(500) < 80, "{counts:?}");
        // What is not native is refused with what helps.
        assert_fails(&run(&[]), 1, &["does not do the gate x", "--translate"]);
        assert_fails(
            &run(&["--translate", "--show", "probabilities"]),
            1,
            &["neither probabilities nor the state"],
        );
    }
}

#[test]
fn a_processor_that_fails_says_why() {
    for (model, fault, words) in
        [("iqm", "failed", "the fridge is warm"), ("aqt", "failed", "an ion was lost")]
    {
        let (emulator, _folder, [config, program]) = lab(model, &["--fault", fault]);
        let device = format!("{model}@{}", emulator.address());
        let arguments = [
            "--config",
            config.to_str().unwrap(),
            "run",
            program.to_str().unwrap(),
            "--device",
            &device,
            "--translate",
        ];
        assert_fails(&qhal(&arguments), 1, &[words]);
    }
}
