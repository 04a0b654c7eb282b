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

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// What a command printed as JSON; null where it failed.
fn json_or_null(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The key stream that both applications of a lab know.
const STREAM: &str = "f81d4fae-7dec-4d0e-a765-00a0c91e6bf6";

/// A lab of two key managers at free ports that run, and the addresses of both as devices: for keys, and for key streams.
fn lab(folder: &Path, more: &[&str]) -> (Background, [String; 2], [String; 2]) {
    changed_lab(folder, more, |text| text)
}

/// The same, with configurations that are changed before they are used; what the key managers say is beside them.
fn changed_lab(
    folder: &Path,
    more: &[&str],
    change: impl Fn(String) -> String,
) -> (Background, [String; 2], [String; 2]) {
    let name = folder.join("lab").display().to_string();
    let words = ["pki", "new", &name, "--kme", "kme-a", "--kme", "kme-b", "--sae", "alice", "--sae", "bob"];
    let made = qhal(&[&words[..], more].concat());
    assert!(made.status.success(), "{}", stderr(&made));
    let free: [u16; 5] = free_ports();
    let [first, second, _, streams, other_streams] = free;
    let ports = [first, second];
    let mut children = Vec::new();
    for kme in ["kme-a", "kme-b"] {
        let path = folder.join(format!("lab/{kme}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replacen("[kme]\n", &format!("[kme]\naudit = \"{kme}.jsonl\"\n"), 1);
        // By way of words, since a free port may look like a usual one.
        let usual = [8443, 8444, 8445, 25575, 25576].map(|port| format!("127.0.0.1:{port}\""));
        let text = usual
            .iter()
            .zip('a'..)
            .fold(text, |text, (port, word)| text.replace(port, &format!("@{word}\"")));
        let text = free.iter().zip('a'..).fold(text, |text, (port, word)| {
            text.replace(&format!("@{word}\""), &format!("127.0.0.1:{port}\""))
        });
        fs::write(&path, change(text)).unwrap();
        let arguments = ["kme", "serve", "--config", path.to_str().unwrap()];
        let said = fs::File::create(folder.join(format!("lab/{kme}.err"))).unwrap();
        children.push(command(&arguments).stdout(Stdio::null()).stderr(said).spawn().unwrap());
    }
    for (own, peer) in [("alice", "bob"), ("bob", "alice")] {
        let files = format!("ca = \"ca.pem\"\ncertificate = \"{own}.pem\"\nkey = \"{own}.key\"\n");
        let text = format!(
            "[etsi014]\npeer = \"{peer}\"\n{files}\n[etsi004]\nstream = \"{STREAM}\"\nsource = \"qkd://{own}@lab\"\n\
             destination = \"qkd://{peer}@lab\"\n{files}"
        );
        fs::write(folder.join(format!("lab/{own}.toml")), text).unwrap();
    }
    let streams = [streams, other_streams].map(|port| format!("etsi004@tcp:localhost:{port}"));
    (Background(children), ports.map(|port| format!("etsi014@https://localhost:{port}")), streams)
}

#[test]
fn keys_go_from_one_end_to_the_other_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, devices, _) = lab(folder.path(), &[]);
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

#[test]
fn chunks_of_a_key_stream_are_the_same_at_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, keys, devices) = lab(folder.path(), &[]);
    let config = |name: &str| folder.path().join(format!("lab/{name}.toml")).display().to_string();
    let [alice, bob] = ["alice", "bob"].map(config);
    // Key managers that have met have keys.
    let until = Instant::now() + Duration::from_secs(60);
    let status = ["link", "status", "--json", "--policy", "prefer-hardware", "--config"];
    while json_or_null(&qhal(&[&status[..], &[&alice, "--device", &keys[0]]].concat()))["stored_keys"]
        .as_u64()
        < Some(10)
    {
        assert!(Instant::now() < until, "no keys");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A name tells which chunk it is: alice, whose URI comes first, begins with the even ones.
    let names = [0_u8, 2].map(|index| format!("{}{:02x}", &STREAM[..34], 0xF6 ^ index));
    let fetch = ["link", "fetch", &names[0], &names[1], "--policy", "prefer-hardware", "--config"];
    let bobs = command(&[&fetch[..], &[&bob, "--device", &devices[1]]].concat());
    let bobs = { bobs }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let get = ["link", "get", "-n", "2", "--policy", "prefer-hardware", "--config"];
    let alices = json(&qhal(&[&get[..], &[&alice, "--device", &devices[0]]].concat()));
    let bobs = json(&bobs.wait_with_output().unwrap());
    assert_eq!(alices["keys"], bobs["keys"]);
    assert_eq!(alices["keys"].as_array().unwrap().len(), 2);
    assert_eq!(alices["keys"][1]["key_ID"], names[1]);
    assert_eq!(alices["key_container_extension"]["qhal_provenance"], "Simulated", "{alices}");
}

#[test]
fn two_key_managers_give_keys_of_a_simulated_link_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, devices, _) = lab(folder.path(), &["--simulated-link"]);
    let secret = folder.path().join("lab/link.secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let run = |end: usize, words: &[&str]| {
        let config = folder.path().join(["lab/alice.toml", "lab/bob.toml"][end]).display().to_string();
        let mut all = vec!["link"];
        all.extend(words);
        all.extend(["--config", &config, "--device", &devices[end], "--policy", "prefer-hardware"]);
        qhal(&all)
    };
    // Either application begins a key, and the other gets the same.
    for (one, other) in [(0, 1), (1, 0)] {
        let until = Instant::now() + Duration::from_secs(120);
        let ours = loop {
            let output = run(one, &["get"]);
            if output.status.success() {
                break json(&output);
            }
            assert!(Instant::now() < until, "{}", stderr(&output));
            std::thread::sleep(Duration::from_millis(100));
        };
        let name = ours["keys"][0]["key_ID"].as_str().unwrap();
        let theirs = json(&run(other, &["fetch", name]));
        assert_eq!(ours["keys"], theirs["keys"]);
        for container in [&ours, &theirs] {
            assert_eq!(container["key_container_extension"]["qhal_provenance"], "Simulated", "{container}");
        }
    }
    let three = ["pki", "new", "elsewhere", "--kme", "a", "--kme", "b", "--kme", "c", "--simulated-link"];
    assert_fails(&qhal(&three), 2, &["two ends"]);
}

#[test]
fn an_attack_on_the_link_is_named_by_both_key_managers_and_leaves_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let attack = |text: String| match text.contains("end = \"transmitter\"") {
        true => text.replace("distance_km = 25", "distance_km = 25\nattack = \"intercept-resend\""),
        false => text,
    };
    let (_running, devices, _) = changed_lab(folder.path(), &["--simulated-link"], attack);
    let until = Instant::now() + Duration::from_secs(120);
    for kme in ["kme-a", "kme-b"] {
        let path = folder.path().join(format!("lab/{kme}.err"));
        let said = || fs::read_to_string(&path).unwrap();
        while !said().contains("the link has no key left: intercept-resend: the QBER is") {
            assert!(Instant::now() < until, "{kme} says: {}", said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let alice = folder.path().join("lab/alice.toml").display().to_string();
    let get = ["link", "get", "--policy", "prefer-hardware", "--config", &alice, "--device", &devices[0]];
    assert_fails(&qhal(&get), 1, &["not enough key material"]);
}

#[test]
fn both_ends_of_a_simulated_link_run_as_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("link.secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let secret = secret.display().to_string();
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let common = ["link", "simulate", "--distance", "50", "--json", "--secret-file", &secret];
    let sending = [&common[..], &["--seconds", "1", "--listen", &address]].concat();
    let sending = command(&sending).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let receiving = json(&qhal(&[&common[..], &["--connect", &address]].concat()));
    let sending = json(&sending.wait_with_output().unwrap());
    assert_eq!((&sending["end"], &receiving["end"]), (&"transmitter".into(), &"receiver".into()));
    assert!(sending["secret_bits"].as_u64() > Some(100_000), "{sending}");
    for figure in ["secret_bits", "sifted_bits", "leak_bits", "detections", "qber", "alarms", "blocks"] {
        assert_eq!(sending[figure], receiving[figure], "{figure}");
    }
    let alone = ["link", "simulate", "--listen", &address];
    assert_fails(&qhal(&alone), 2, &["--secret-file"]);
    let pairs = [&common[..], &["--protocol", "bbm92", "--listen", &address]].concat();
    assert_fails(&qhal(&pairs), 1, &["bb84-decoy"]);
}
