//! `qhal negotiate`: offers and refusals as the contract words them; leases that real processes want at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{assert_fails, command, json, qhal, stderr};

fn with(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("QHAL_STATE_DIR", folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    with(folder, arguments).output().unwrap()
}

const ASK: [&str; 6] = ["negotiate", "--qubits", "3", "--depth", "4", "--json"];

#[test]
fn offers_and_refusals_have_the_words_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let document =
        json(&run(folder.path(), &[&ASK[..], &["--shots", "5000", "--strategy", "reliability"]].concat()));
    assert_eq!(document["strategy"], "reliability");
    assert_eq!((&document["chosen"], &document["fallback"]), (&"simulator:statevector".into(), &true.into()));
    let offers = document["offers"].as_array().unwrap();
    let offer = |id: &str| offers.iter().find(|offer| offer["device"] == id).unwrap();
    assert_eq!(offer("simulator:statevector")["expected_fidelity"], 1.0);
    let garnet = offer("simulator:garnet");
    assert_eq!((&garnet["provenance"], garnet["qubits"].as_array().unwrap().len()), (&"Simulated".into(), 3));
    assert!((0.8..0.99).contains(&garnet["expected_fidelity"].as_f64().unwrap()), "{garnet}");
    assert!(garnet["run_seconds"].as_f64().unwrap() > 0.0 && garnet["why"].is_string());
    assert!(offer("simulator:heron")["expected_fidelity"].is_null(), "nothing is known of it");
    let refusals = document["refusals"].as_array().unwrap();
    let aqt = refusals.iter().find(|refusal| refusal["device"] == "simulator:aqt").unwrap();
    assert!(aqt["reasons"][0].as_str().unwrap().contains("2000 shots"));
}

#[test]
fn a_program_is_translated_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ghz.qasm");
    std::fs::write(
        &path,
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg c[3]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; measure q -> c;",
    )
    .unwrap();
    let ask = ["negotiate", path.to_str().unwrap(), "--fidelity", "0.8", "--strategy", "minimal", "--json"];
    let document = json(&run(folder.path(), &ask));
    let offers = document["offers"].as_array().unwrap();
    let garnet = offers.iter().find(|offer| offer["device"] == "simulator:garnet").unwrap();
    // What `qhal run --translate` would get.
    assert_eq!(garnet["two_qubit_gates"], 2);
    let refused = document["refusals"].to_string();
    assert!(refused.contains("simulator:heron") && refused.contains("fidelity is not known"), "{refused}");
    let text = String::from_utf8(run(folder.path(), &ask[..6]).stdout).unwrap();
    assert!(text.starts_with("PROCESSOR") && text.contains("simulator:garnet"), "{text}");
}

#[test]
fn what_nobody_takes_is_refused_with_all_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let large = run(folder.path(), &["negotiate", "--qubits", "5000"]);
    assert_fails(&large, 1, &["simulator:garnet: it has 20 qubits", "simulator:heron: it has 156"]);
    let hardware = run(folder.path(), &[&ASK[..], &["--policy", "require-hardware"]].concat());
    assert_fails(&hardware, 1, &["it is a simulation"]);
    let named =
        run(folder.path(), &[&ASK[..], &["--device", "simulated:garnet", "--fidelity", "0.9999"]].concat());
    assert_fails(&named, 1, &["simulator:garnet: the expected fidelity is", "simulator:garnet was named"]);
    assert_fails(&qhal(&["negotiate"]), 2, &["--qubits"]);
    assert_fails(&qhal(&["negotiate", "--qubits", "2", "--strategy", "best"]), 2, &["balanced"]);
    assert_fails(&qhal(&["negotiate", "--qubits", "2", "--wait", "1s"]), 2, &["--lease"]);
}

#[test]
fn a_lease_keeps_others_away_until_it_is_given_back_or_ends() {
    let folder = tempfile::tempdir().unwrap();
    let garnet = [&ASK[..], &["--device", "simulated:garnet"]].concat();
    let lease = |client: &str, time: &str| {
        run(folder.path(), &[&garnet[..], &["--lease", time, "--client", client]].concat())
    };
    let first = json(&lease("alice", "10min"));
    let id = first["lease"]["id"].as_str().unwrap();
    assert_eq!(
        (&first["lease"]["device"], &first["lease"]["client"]),
        (&"simulator:garnet".into(), &"alice".into())
    );
    assert_fails(&lease("bob", "1min"), 1, &["simulator:garnet: alice has it", "--wait"]);
    // Nor does a run slip in; she herself may.
    let program = folder.path().join("x.qasm");
    std::fs::write(&program, "include \"qelib1.inc\"; qreg q[1]; creg c[1]; r(pi,0) q[0]; measure q -> c;")
        .unwrap();
    let go = |client: &str| {
        let words = ["run", program.to_str().unwrap(), "--device", "simulated:garnet", "--json"];
        with(folder.path(), &words).env("QHAL_CLIENT", client).output().unwrap()
    };
    assert_fails(&go("bob"), 1, &["alice has leased it"]);
    assert_eq!(json(&go("alice"))["device"], "simulator:garnet");
    assert_eq!(
        json(&run(folder.path(), &["negotiate", "--leases", "--json"]))["leases"][0]["client"],
        "alice"
    );
    assert!(run(folder.path(), &["negotiate", "--release", id]).status.success());
    assert_fails(&run(folder.path(), &["negotiate", "--release", id]), 1, &["no lease"]);
    assert!(lease("bob", "50ms").status.success());
    std::thread::sleep(std::time::Duration::from_millis(60));
    // He is gone without a word, and the processor is free.
    assert!(lease("carol", "10ms").status.success());
}

/// Eight processes at once want the same processor, then any of those there are.
#[test]
fn processes_at_once_never_get_the_same_processor() {
    let folder = tempfile::tempdir().unwrap();
    let race = |extra: &[&str], prefix: &str| -> Vec<Output> {
        let children: Vec<_> = (0..8)
            .map(|number| {
                let client = format!("{prefix}{number}");
                let words = [&ASK[..], &["--lease", "10min", "--client", &client], extra].concat();
                with(folder.path(), &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
    };
    let one = race(&["--device", "simulated:garnet"], "one");
    let won = one.iter().filter(|output| output.status.success()).count();
    assert_eq!(won, 1, "{:?}", one.iter().map(stderr).collect::<Vec<_>>());
    let any = race(&[], "any");
    let devices: Vec<String> =
        any.iter().map(|output| json(output)["lease"]["device"].as_str().unwrap().to_owned()).collect();
    assert_eq!(devices.iter().collect::<HashSet<_>>().len(), 8, "{devices:?}");
    assert!(!devices.contains(&"simulator:garnet".to_owned()), "{devices:?}");
}

#[test]
fn who_waits_gets_it_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let garnet = [&ASK[..], &["--device", "simulated:garnet"]].concat();
    let first = [&garnet[..], &["--lease", "10min", "--client", "alice"]].concat();
    let held = json(&run(folder.path(), &first));
    let waits = [&garnet[..], &["--lease", "1min", "--wait", "60s", "--client", "bob"]].concat();
    let child = with(folder.path(), &waits).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let late = [&garnet[..], &["--lease", "1min", "--wait", "300ms", "--client", "carol"]].concat();
    assert_fails(&run(folder.path(), &late), 1, &["did not become free in time"]);
    assert!(
        run(folder.path(), &["negotiate", "--release", held["lease"]["id"].as_str().unwrap()])
            .status
            .success()
    );
    assert_eq!(json(&child.wait_with_output().unwrap())["lease"]["client"], "bob");
}
