//! `conditioner = "toeplitz"`: an extractor in the place of the hash, its seed, and what is said of both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::daemon::Daemon;
use common::{assert_fails, command, json, stderr};

const CHOSEN: &str = "[rng]\nconditioner = \"toeplitz\"\n";

/// Runs a command on the simulated generator with this configuration, its state in `folder`.
fn run(folder: &Path, config: &str, arguments: &[&str]) -> Output {
    let file = folder.join("qhal.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = command(arguments);
    command.args(["--policy", "simulator-only", "--config", file.to_str().unwrap()]);
    command.env("QHAL_STATE_DIR", folder.join("state")).output().unwrap()
}

fn read(folder: &Path, config: &str, more: &[&str]) -> Output {
    run(folder, config, &[&["rng", "read", "-n", "5000", "--format", "hex"], more].concat())
}

fn seed(folder: &Path, bytes: usize) {
    let mut state = 1u64;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let path = folder.join("s.seed");
    std::fs::write(&path, (0..bytes).map(byte).collect::<Vec<u8>>()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_seed_is_drawn_once_and_kept_and_all_of_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let document = json(&read(folder.path(), CHOSEN, &["--json", "--output", "conditioned"]));
    let conditioner = &document["conditioner"];
    assert_eq!(conditioner["name"], "toeplitz");
    assert_eq!(conditioner["vetted"], false);
    assert_eq!(conditioner["credited_bits_per_byte"], 7.992);
    assert_eq!((&conditioner["input_bits"], &conditioner["epsilon_exponent"]), (&8192.into(), &64.into()));
    let output = conditioner["output_bits"].as_u64().unwrap();
    assert!(output.is_multiple_of(256) && (1..=8192 - 128).contains(&output), "{output}");
    let kept = folder.path().join("state/toeplitz-2048.seed");
    let origin = conditioner["seed"]["origin"].as_str().unwrap();
    assert!(origin.starts_with("operating system") && origin.ends_with(kept.to_str().unwrap()), "{origin}");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let first = std::fs::read(&kept).unwrap();
    assert_eq!(first.len(), 2048);
    assert_eq!(document["provenance"], "Simulated");
    assert_eq!(document["health"]["failures"], 0);

    let second = read(folder.path(), CHOSEN, &[]);
    assert!(second.status.success(), "{}", stderr(&second));
    let said = stderr(&second);
    assert!(said.contains("not vetted, credited with 7.992 bits a byte; seed: operating system"), "{said}");
    assert_eq!(std::fs::read(&kept).unwrap(), first, "the seed was drawn again");
    std::fs::write(&kept, &first[1..]).unwrap();
    assert_fails(&read(folder.path(), CHOSEN, &[]), 1, &["2047 bytes and should have 2048"]);
}

/// The same samples through the same seed are the same bytes; through another, others.
#[test]
fn bytes_follow_from_samples_and_seed() {
    let folder = tempfile::tempdir().unwrap();
    seed(folder.path(), 4096);
    let config = format!(
        "{CHOSEN}[rng.toeplitz]\nseed = \"s.seed\"\ninput_bits = 16384\nassessed_output = 0.9\n[simulated.qrng]\nseed = 7\n"
    );
    for output in ["conditioned", "drbg"] {
        let once = || json(&read(folder.path(), &config, &["--json", "--output", output]));
        let document = once();
        assert_eq!(document["data"], once()["data"]);
        assert_eq!(document["data"].as_str().unwrap().len(), 10_000);
        assert_eq!(document["conditioner"]["input_bits"], 16_384);
        assert_eq!(document["conditioner"]["credited_bits_per_byte"], 7.2);
        let origin = document["conditioner"]["seed"]["origin"].as_str().unwrap();
        assert_eq!(origin, format!("file {}", folder.path().join("s.seed").display()));
        let hashed =
            json(&read(folder.path(), "[simulated.qrng]\nseed = 7\n", &["--json", "--output", output]));
        assert_ne!(hashed["data"], document["data"]);
        assert_eq!(
            (&hashed["conditioner"]["name"], &hashed["conditioner"]["vetted"]),
            (&"sha256".into(), &true.into())
        );
    }
    assert!(!folder.path().join("state").exists(), "a seed was drawn though one was named");
}

#[test]
fn two_devices_go_through_one_extractor_and_raw_samples_through_none() {
    let folder = tempfile::tempdir().unwrap();
    let raw = json(&read(folder.path(), CHOSEN, &["--json", "--output", "raw"]));
    assert!(raw.get("conditioner").is_none());
    assert!(!folder.path().join("state").exists(), "a seed was drawn for nothing");
    let config = format!("{CHOSEN}[rng.toeplitz]\nseed = \"s.seed\"\n");
    seed(folder.path(), 5000);
    let emulator = common::Emulator::start(&["qcicada", "--seed", "1"]);
    let device = format!("qcicada@{}", emulator.address());
    let file = folder.path().join("qhal.toml");
    std::fs::write(&file, config).unwrap();
    let arguments =
        ["rng", "read", "-n", "64", "--format", "hex", "--json", "--policy", "prefer-hardware", "--config"];
    let mut arguments = arguments.to_vec();
    arguments.extend([file.to_str().unwrap(), "--device", &device, "--device", "simulator:qrng"]);
    let both = json(&common::qhal(&arguments));
    assert_eq!(both["devices"].as_array().unwrap().len(), 2);
    assert_eq!(both["conditioner"]["name"], "toeplitz");
    assert_eq!(emulator.stop(), 0);
}

#[test]
fn the_daemon_says_what_conditions_in_status_and_receipts() {
    let config = format!("{CHOSEN}[rng.toeplitz]\nseed = \"s.seed\"\n");
    let daemon = Daemon::start_with(&config, &["--policy", "simulator-only"], |folder| seed(folder, 2048));
    daemon.wait_until_healthy();
    let answer = daemon.get("/api/v1/random?bytes=20000&fresh=true&receipt=true");
    assert_eq!((answer.status, answer.body.len()), (200, 20_000));
    let receipt = STANDARD.decode(&answer.headers["qhal-receipt"]).unwrap();
    let receipt: serde_json::Value = serde_json::from_slice(&receipt).unwrap();
    assert_eq!((&receipt["conditioner"], &receipt["provenance"]), (&"toeplitz".into(), &"Simulated".into()));
    let conditioner = &daemon.get("/api/v1/status").json()["conditioner"];
    assert_eq!((&conditioner["name"], &conditioner["vetted"]), (&"toeplitz".into(), &false.into()));
    let origin = conditioner["seed"]["origin"].as_str().unwrap();
    assert!(origin.starts_with("file ") && origin.ends_with("s.seed"), "{origin}");
    assert!(daemon.errors().contains("seed: file "), "{}", daemon.errors());
}

#[test]
fn a_feeding_is_credited_with_what_is_not_vetted() {
    let folder = tempfile::tempdir().unwrap();
    let feed = |config: &str, more: &[&str]| {
        run(folder.path(), config, &[&["rng", "feed", "--once", "--dry-run"], more].concat())
    };
    assert_fails(&feed(CHOSEN, &["--credit", "256"]), 2, &["at most 255 bits", "toeplitz"]);
    let document = json(&feed(CHOSEN, &["--credit", "0", "--json"]));
    assert_eq!(document["conditioner"]["name"], "toeplitz");
    assert_fails(&feed("", &["--credit", "257"]), 2, &["at most 256 bits", "sha256"]);
}

#[test]
fn wrong_settings_are_one_sentence_each() {
    let folder = tempfile::tempdir().unwrap();
    seed(folder.path(), 1024);
    std::fs::write(folder.path().join("text"), "0123456789abcdef\n".repeat(300)).unwrap();
    for (settings, words) in [
        ("input_bits = 100", &["[rng.toeplitz]", "choose 4096 to 16777216"][..]),
        ("epsilon_exponent = 8", &["[rng.toeplitz]", "choose 32 to 256"]),
        ("assessed_output = 1.5", &["[rng.toeplitz]", "0.5 to 1"]),
        ("seed = \"s.seed\"", &["[rng.toeplitz]", "take a seed of 2048 bytes", "s.seed has 1024"]),
        ("seed = \"none\"", &["[rng.toeplitz]", "cannot read the seed", "none"]),
        ("seed = \"text\"", &["[rng.toeplitz]", "not uniform", "not of text"]),
        ("seed = \".\"", &["[rng.toeplitz]", "is not a seed"]),
        (
            "input_bits = 4096\nseed = \"s.seed\"\nepsilon_exponent = 256\n[simulated.qrng]\nbias = 0.45\nmodel = \"measured-qubits\"",
            &["set a larger input"],
        ),
    ] {
        let output = read(folder.path(), &format!("{CHOSEN}[rng.toeplitz]\n{settings}\n"), &[]);
        assert_fails(&output, 1, words);
        assert_eq!(stderr(&output).trim().lines().count(), 1, "{}", stderr(&output));
    }
    let alone = read(folder.path(), "[rng.toeplitz]\ninput_bits = 8192\n", &[]);
    assert_fails(&alone, 1, &["set conditioner = \"toeplitz\" under [rng]"]);
    let path = folder.path().join("s.seed");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let open = read(folder.path(), &format!("{CHOSEN}[rng.toeplitz]\nseed = \"s.seed\"\n"), &[]);
    assert_fails(&open, 1, &["others may change the seed", "chmod go-w"]);
}
