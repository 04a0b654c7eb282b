//! The parts of the command that need no device: help, status, listings, doctor, configuration, completions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use common::{assert_fails, command, json, qhal, stderr};

#[test]
fn every_subcommand_has_help_with_a_working_example() {
    for words in [
        &["status"][..],
        &["devices"],
        &["info"],
        &["doctor"],
        &["emulate"],
        &["rng", "read"],
        &["rng", "assess"],
        &["rng", "record"],
        &["rng", "test"],
        &["rng", "feed"],
        &["run"],
        &["translate"],
        &["negotiate"],
        &["jobs"],
        &["jobs", "resume"],
        &["jobs", "cancel"],
        &["demo"],
        &["bench"],
        &["bench", "limits"],
        &["bench", "statevector"],
        &["completions"],
    ] {
        let mut arguments = words.to_vec();
        arguments.push("--help");
        let output = qhal(&arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let example = text.lines().find_map(|line| line.strip_prefix("Example: qhal ")).unwrap_or_default();
        assert!(example.starts_with(&words.join(" ")), "{words:?}: {text}");
    }
}

#[test]
fn status_says_what_would_be_used_for_what_and_why() {
    for arguments in [&["--json"][..], &["status", "--json"]] {
        let document = json(&qhal(arguments));
        let processor = &document["choices"]["processor"];
        assert_eq!(processor["chosen"], "simulator:statevector");
        assert_eq!(processor["fallback"], true);
        assert_eq!(processor["provenance"], "Simulated");
        assert_eq!(processor["health"]["state"], "good");
        assert_eq!(document["choices"]["entropy"]["policy"], "require-hardware");
        assert_eq!(document["choices"]["key-link"]["chosen"], serde_json::Value::Null);
    }
    let text = String::from_utf8(qhal(&["status"]).stdout).unwrap();
    assert!(text.contains("simulator:statevector") && text.contains("this is a simulation"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours where nobody looks");
}

#[test]
fn devices_are_listed_with_their_provenance() {
    let document = json(&qhal(&["devices", "--all", "--json"]));
    let devices = document["devices"].as_array().unwrap();
    for id in ["simulator:qrng", "simulator:statevector"] {
        let device = devices.iter().find(|device| device["id"] == id).unwrap();
        assert_eq!(device["provenance"], "Simulated");
        assert_eq!(device["origin"], "model");
    }
    assert!(document["unclaimed_ports"].is_array());
    // The kernel's generator, where there is one, is never called quantum.
    for device in devices.iter().filter(|device| device["id"].as_str().unwrap().starts_with("hwrng:")) {
        assert_eq!(device["origin"], "not-quantum");
    }
}

#[test]
fn info_opens_a_device_and_tells_all() {
    let document = json(&qhal(&["info", "simulator:qrng", "--json"]));
    assert_eq!(document["capabilities"]["stage"], "raw");
    assert!(document["capabilities"]["claimed_min_entropy_per_sample"].as_f64().unwrap() > 6.0);
    let document = json(&qhal(&["info", "simulator:statevector", "--json"]));
    assert!(document["capabilities"]["qubits"].as_u64().unwrap() >= 20);
}

#[test]
fn doctor_answers_and_prints_rules() {
    let findings = json(&qhal(&["doctor", "--json"]));
    for finding in findings["findings"].as_array().unwrap() {
        assert!(finding["state"] != "problem" || finding["mend"].is_string(), "{finding}");
    }
    let rules = String::from_utf8(qhal(&["doctor", "--udev-rules"]).stdout).unwrap();
    assert!(rules.contains("ID_MM_DEVICE_IGNORE"), "{rules}");
}

#[test]
fn a_configuration_with_a_wrong_key_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("qhal.toml");
    std::fs::write(&config, "[rng]\npolicy = \"prefer-hardware\"\ncolour = \"red\"\n").unwrap();
    let path = config.to_str().unwrap();
    assert_fails(&qhal(&["status", "--config", path]), 1, &["qhal.toml:3:1", "colour"]);
    let by_environment = command(&["status"]).env("QHAL_CONFIG", path).output().unwrap();
    assert_fails(&by_environment, 1, &["qhal.toml:3:1"]);
    let in_folder = command(&["status"]).current_dir(folder.path()).output().unwrap();
    assert_fails(&in_folder, 1, &["qhal.toml:3:1"]);
    assert_fails(&qhal(&["status", "--config", "/no/such.toml"]), 1, &["/no/such.toml"]);
    // A completion script comes out all the same.
    assert!(qhal(&["completions", "bash", "--config", path]).status.success());
}

#[test]
fn the_demo_shows_devices_randomness_and_counts() {
    let output = qhal(&["demo"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", stderr(&output));
    for part in ["simulator:qrng, Simulated", "qcicada:QC0000000217, Unverified (pseudo-terminal)", "101"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

/// The sample file and figures of NIST's tool (tests/data/README.md).
#[test]
fn a_file_of_samples_is_assessed_as_nist_does() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/sp800-90b/rand4_short.bin");
    let document = json(&qhal(&["rng", "assess", file, "--json"]));
    assert_eq!(
        (&document["samples"], &document["symbols"], &document["bits"]),
        (&10_000.into(), &16.into(), &4.into())
    );
    let near = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-6;
    assert!(near(&document["assessed"], 3.2154882678767365), "{document}");
    assert!(near(&document["estimates"]["original"]["lag"], 3.7836506125537386), "{document}");
    assert!(near(&document["estimates"]["bitstring"]["compression"], 0.803_872_066_969_184_1), "{document}");
    assert!(document["estimates"]["original"]["collision"].is_null());
    assert_fails(&qhal(&["rng", "assess", "/no/such/file"]), 1, &["/no/such/file"]);
    assert_fails(&qhal(&["rng", "assess", file, "--bits", "2"]), 1, &["rand4_short.bin"]);
    assert_eq!(qhal(&["rng", "assess", file, "--iid", "--restart", "3"]).status.code(), Some(2));
}

#[test]
fn limits_of_the_machine_are_positive_figures_with_units() {
    let document = json(&qhal(&["bench", "limits", "--threads", "1", "--json"]));
    let limits = document["limits"].as_array().unwrap();
    assert!(document["instruction_set"].is_string() && limits.len() >= 6);
    for limit in limits {
        assert!(limit["per_second"].as_f64().unwrap() > 0.0 && limit["threads"] == 1, "{limit}");
        assert!(limit["unit"] == "bytes" || limit["unit"] == "operations");
    }
    assert_fails(&qhal(&["bench", "limits", "--threads", "0"]), 2, &["--threads"]);
}
