//! `qhal jobs`: what was run on a named processor is written down, and a job that runs can be given up by another process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::{assert_fails, command, json};

fn with(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("QHAL_STATE_DIR", folder.join("state"));
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    with(folder, arguments).output().unwrap()
}

fn jobs(folder: &Path) -> Vec<serde_json::Value> {
    json(&run(folder, &["jobs", "--json"]))["jobs"].as_array().unwrap().clone()
}

/// A program that keeps the simulation of a chip busy for minutes.
fn long(folder: &Path) -> std::path::PathBuf {
    let mut text = String::from("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[20];\ncreg c[20];\n");
    for round in 0..400 {
        for qubit in 0..20 {
            text.push_str(&format!("r({}.5,0.3) q[{qubit}];\n", round % 3));
        }
        for (a, b) in [(0, 1), (3, 4), (8, 9), (13, 14), (17, 18), (5, 6), (11, 16), (7, 12), (10, 15)] {
            text.push_str(&format!("cz q[{a}],q[{b}];\n"));
        }
    }
    text.push_str("measure q -> c;\n");
    let path = folder.join("long.qasm");
    std::fs::write(&path, text).unwrap();
    path
}

/// Starts it and waits until it is written down as running.
fn started(folder: &Path) -> (Child, String) {
    let path = long(folder);
    let words =
        ["run", path.to_str().unwrap(), "--device", "simulated:garnet", "--shots", "100000", "--json"];
    let child = with(folder, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = loop {
        if let Some(job) = jobs(folder).iter().find(|job| job["state"] == "running") {
            break job["id"].as_str().unwrap().to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    (child, id)
}

#[test]
fn what_was_run_is_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(jobs(folder).is_empty());
    let path = folder.join("x.qasm");
    std::fs::write(&path, "include \"qelib1.inc\"; qreg q[1]; creg c[1]; r(pi,0) q[0]; measure q -> c;")
        .unwrap();
    let words = ["run", path.to_str().unwrap(), "--shots", "500", "--seed", "4", "--json"];
    // Without a name nothing is written down.
    json(&run(folder, &words));
    assert!(jobs(folder).is_empty());
    let result = json(&run(folder, &[&words[..], &["--device", "simulated:garnet"]].concat()));
    let listed = jobs(folder);
    assert_eq!(listed.len(), 1);
    let (id, job) = (listed[0]["id"].as_str().unwrap(), &listed[0]);
    assert_eq!(
        (&job["device"], &job["state"], &job["shots"]),
        (&"simulator:garnet".into(), &"done".into(), &500.into())
    );
    assert_eq!(json(&run(folder, &["jobs", "show", id, "--json"]))["result"]["counts"], result["counts"]);
    // It has ended: resuming shows it, cancelling says so.
    let text = String::from_utf8(run(folder, &["jobs", "resume", id]).stdout).unwrap();
    assert!(text.contains("500 shots on simulator:garnet, done"), "{text}");
    assert_fails(&run(folder, &["jobs", "cancel", id]), 1, &["done already"]);
    assert_fails(&run(folder, &["jobs", "show", "0badcafe"]), 1, &["no job 0badcafe"]);
    assert_fails(&run(folder, &["jobs", "show", "../etc"]), 1, &["is no job"]);
    let detached = [&words[..], &["--device", "simulated:garnet", "--detach"]].concat();
    assert_fails(&run(folder, &detached), 1, &["keeps no jobs"]);
    // A damaged file is said and hides nothing.
    std::fs::write(folder.join("state/jobs/00000000.json"), "{").unwrap();
    let output = run(folder, &["jobs", "--json"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("00000000.json"));
    assert_eq!(json(&output)["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn another_process_gives_a_job_up() {
    let folder = tempfile::tempdir().unwrap();
    let (child, id) = started(folder.path());
    let cancelled = json(&run(folder.path(), &["jobs", "cancel", &id, "--json"]));
    assert_eq!(cancelled["state"], "cancelled");
    let output = child.wait_with_output().unwrap();
    assert_fails(&output, 1, &["given up"]);
    assert_eq!(jobs(folder.path())[0]["state"], "cancelled");
}

#[test]
fn a_job_whose_process_was_killed_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, id) = started(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(jobs(folder.path())[0]["state"], "lost");
    assert_fails(&run(folder.path(), &["jobs", "resume", &id]), 1, &["was lost", "long.qasm"]);
    assert_eq!(json(&run(folder.path(), &["jobs", "cancel", &id, "--json"]))["state"], "failed");
}
