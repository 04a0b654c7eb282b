//! `qhal link status`, `get` and `fetch` against two real key managers, `qhal kme serve`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{assert_fails, command, json, qhal, stderr};

/// Processes that end with the test.
struct Background(Vec<Child>);

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A lab of two key managers at free ports that run, and the addresses of both as devices.
fn lab(folder: &Path) -> (Background, [String; 2]) {
    let name = folder.join("lab").display().to_string();
    let made =
        qhal(&["pki", "new", &name, "--kme", "kme-a", "--kme", "kme-b", "--sae", "alice", "--sae", "bob"]);
    assert!(made.status.success(), "{}", stderr(&made));
    // Ports that were free a moment ago.
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let mut children = Vec::new();
    for kme in ["kme-a", "kme-b"] {
        let path = folder.join(format!("lab/{kme}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replacen("[kme]\n", &format!("[kme]\naudit = \"{kme}.jsonl\"\n"), 1);
        fs::write(&path, text.replace("8443", &ports[0].to_string()).replace("8444", &ports[1].to_string()))
            .unwrap();
        let arguments = ["kme", "serve", "--config", path.to_str().unwrap()];
        children.push(command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
    for (own, peer) in [("alice", "bob"), ("bob", "alice")] {
        let text = format!(
            "[etsi014]\npeer = \"{peer}\"\nca = \"ca.pem\"\ncertificate = \"{own}.pem\"\nkey = \"{own}.key\"\n"
        );
        fs::write(folder.join(format!("lab/{own}.toml")), text).unwrap();
    }
    (Background(children), ports.map(|port| format!("etsi014@https://localhost:{port}")))
}

#[test]
fn keys_go_from_one_end_to_the_other_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, devices) = lab(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let configs = [file("lab/alice.toml"), file("lab/bob.toml")];
    let run = |end: usize, words: &[&str]| {
        let mut all = vec!["link"];
        all.extend(words);
        all.extend(["--config", &configs[end], "--device", &devices[end]]);
        qhal(&all)
    };
    // The generator of this machine may be a simulation: it is said, and has to be wanted.
    let wanted = ["--policy", "prefer-hardware"];
    let until = Instant::now() + Duration::from_secs(60);
    let status = loop {
        let output = run(0, &[&["status", "--json"][..], &wanted].concat());
        if output.status.success() && json(&output)["stored_keys"].as_u64() > Some(10) {
            break json(&output);
        }
        assert!(Instant::now() < until, "{}", stderr(&output));
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&status["default_key_bits"], &status["min_key_bits"]), (&256.into(), &64.into()));
    assert!(status["device"].as_str().unwrap().starts_with("etsi014:localhost:"), "{status}");

    let keys = file("keys.json");
    let output = run(0, &[&["get", "-n", "2", "--size", "512", "-o", &keys][..], &wanted].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let names = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    let ours: serde_json::Value = serde_json::from_str(&fs::read_to_string(&keys).unwrap()).unwrap();
    let fetch = [&["fetch", names[0], names[1]][..], &wanted].concat();
    let theirs = json(&run(1, &fetch));
    assert_eq!(ours["keys"], theirs["keys"], "equal keys under equal names");
    assert_eq!(ours["keys"][0]["key"].as_str().unwrap().len(), 88);
    assert_fails(&run(1, &fetch), 1, &["etsi014:localhost:", "not known"]);
    assert_fails(&run(0, &[&["get", "--size", "12"][..], &wanted].concat()), 1, &["whole bytes"]);
    assert_fails(&run(0, &["fetch", "no-uuid"]), 2, &["UUID"]);
    // Both key managers have put it on record, in a chain that can be followed.
    for (kme, event) in [("kme-a", "given"), ("kme-b", "fetched")] {
        let trail = file(&format!("lab/{kme}.jsonl"));
        let checked = json(&qhal(&["kme", "audit", &trail, "--json"]));
        assert!(checked["lines"].as_u64() >= Some(1), "{checked}");
        let text = fs::read_to_string(&trail).unwrap();
        assert!(text.contains(event) && names.iter().all(|name| text.contains(name)), "{text}");
        assert!(!text.contains(ours["keys"][0]["key"].as_str().unwrap()), "a key is in the trail");
        fs::write(&trail, text.replacen("alice", "carol", 1)).unwrap();
        assert_fails(&qhal(&["kme", "audit", &trail]), 1, &["does not follow"]);
    }
}
