//! `qhal rng read` and `qhal emulate`: bytes with their provenance from emulated and simulated devices, or none at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Emulator, assert_fails, json, qhal, stderr};

fn read<'a>(device: &'a str, more: &[&'a str]) -> std::process::Output {
    let mut arguments = vec!["rng", "read", "-n", "4096", "--device", device];
    arguments.extend(more);
    qhal(&arguments)
}

#[test]
fn an_emulated_qcicada_is_read_over_its_pseudo_terminal_and_is_unverified() {
    let emulator = Emulator::start(&["qcicada", "--seed", "1"]);
    assert_eq!(emulator.announced["serial"], "QC0000000217");
    let device = format!("qcicada@{}", emulator.address());
    for output in ["raw", "conditioned", "drbg"] {
        let read = read(&device, &["--output", output]);
        assert!(read.status.success(), "{}", stderr(&read));
        assert_eq!(read.stdout.len(), 4096);
        assert!(stderr(&read).contains("Unverified (pseudo-terminal)"), "{}", stderr(&read));
    }
    // Without a name in front, the driver is found by asking.
    let info = json(&qhal(&["info", emulator.address(), "--json"]));
    assert_eq!(info["id"], "qcicada:QC0000000217");
    assert_eq!(info["provenance"], "Unverified");
    assert_eq!(emulator.stop(), 0);
}

#[test]
fn an_emulated_device_on_usb_is_read_over_usb_ip_and_is_unverified() {
    let emulator = Emulator::start(&["quantis", "--seed", "1"]);
    assert!(emulator.address().starts_with("usbip:127.0.0.1:"), "{}", emulator.address());
    let device = format!("quantis@{}", emulator.address());
    for output in ["raw", "conditioned", "drbg"] {
        let read = read(&device, &["--output", output]);
        assert!(read.status.success(), "{}", stderr(&read));
        assert_eq!(read.stdout.len(), 4096);
        assert!(stderr(&read).contains("Unverified (USB/IP over loopback)"), "{}", stderr(&read));
    }
    // Without a name in front, the driver is found by the device's ids.
    let info = json(&qhal(&["info", emulator.address(), "--json"]));
    assert_eq!(info["id"], "quantis:EMU0000001");
    // What only answers correctly is not known to be what it says.
    assert_eq!((&info["provenance"], &info["origin"]), (&"Unverified".into(), &"claimed".into()));
    assert_fails(&read(&format!("alea@{}", emulator.address()), &[]), 1, &["0aba:0102"]);
    assert_eq!(emulator.stop(), 0);
}

#[test]
fn an_emulated_appliance_is_read_over_https_and_is_unverified_on_this_machine() {
    let emulator = Emulator::start(&["quantis-appliance", "--seed", "1"]);
    assert!(emulator.address().starts_with("https://127.0.0.1:"), "{}", emulator.address());
    let folder = tempfile::tempdir().unwrap();
    let usual = configuration(folder.path(), "usual.toml", "");
    let config = trusting(folder.path(), &emulator, &usual);
    let device = format!("quantis-appliance@{}", emulator.address());
    for output in ["raw", "conditioned", "drbg"] {
        let read = read(&device, &["--output", output, "--config", &config]);
        assert!(read.status.success(), "{}", stderr(&read));
        assert_eq!(read.stdout.len(), 4096);
        assert!(stderr(&read).contains("Unverified (HTTPS over loopback)"), "{}", stderr(&read));
    }
    let info = json(&qhal(&["info", emulator.address(), "--json", "--config", &config]));
    assert_eq!(info["id"], "quantis-appliance:EMU0000002");
    assert_eq!((&info["provenance"], &info["origin"]), (&"Unverified".into(), &"claimed".into()));
    // Whom to trust has to be said, and a certificate of somebody else is not enough.
    assert_fails(&read(&device, &["--config", &usual]), 1, &["[quantis-appliance]", "ca ="]);
    let other = Emulator::start(&["quantis-appliance", "--seed", "1"]);
    let elsewhere = format!("quantis-appliance@{}", other.address());
    assert_fails(&read(&elsewhere, &["--config", &config]), 1, &["certificate", "not trusted"]);
    assert_eq!(emulator.stop(), 0);
}

#[test]
fn modes_of_usb_devices_come_from_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("qhal.toml");
    let config = config.to_str().unwrap();
    for (model, section, stage) in [
        ("chaoskey", "[chaoskey]\noutput = \"raw\"\n", "raw"),
        ("neug", "[neug]\nmode = \"raw\"\n", "raw"),
        ("infnoise", "[infnoise]\nwhitening = true\n", "conditioned"),
        ("bitbabbler-black", "[bitbabbler]\nfolds = 3\n", "conditioned"),
    ] {
        std::fs::write(config, section).unwrap();
        let emulator = Emulator::start(&[model, "--seed", "1"]);
        let info = json(&qhal(&["info", emulator.address(), "--json", "--config", config]));
        assert_eq!(info["capabilities"]["stage"], stage, "{model}");
    }
    std::fs::write(config, "[bitbabbler]\nfolds = 9\n").unwrap();
    assert_fails(&qhal(&["devices", "--config", config]), 1, &["bitbabbler.folds"]);
}

#[test]
fn every_fault_of_every_emulator_yields_no_bytes_and_one_sentence() {
    let models = json(&qhal(&["emulate", "list", "--json"]));
    let folder = tempfile::tempdir().unwrap();
    let usual = configuration(folder.path(), "usual.toml", "");
    let raw_mode = configuration(folder.path(), "raw.toml", "[truerng]\nmode = \"raw\"\n");
    let cases: Vec<(&str, &str, &str)> = models["models"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|model| {
            let [name, driver] = ["model", "driver"].map(|key| model[key].as_str().unwrap());
            let faults = model["faults"].as_array().unwrap();
            faults.iter().map(move |fault| (name, driver, fault.as_str().unwrap()))
        })
        // What a driver copes with: it stops a stream it meets, nobody asked for signatures, and it finds its way
        // back into a stream of packets after damaged ones.
        .filter(|(_, driver, fault)| {
            !["streaming", "bad-signature", "bad-certificate"].contains(fault)
                && (*driver, *fault) != ("truerng", "garble")
        })
        .collect();
    assert!(cases.len() >= 20, "only {} faults", cases.len());
    // They mostly wait for devices that do not answer; too many at once would disturb the knocks of baud rates.
    for some in cases.chunks(4) {
        std::thread::scope(|scope| {
            for &(name, driver, fault) in some {
                // In normal mode there is nothing that a deaf device would have to hear.
                let config = if (driver, fault) == ("truerng", "deaf") { &raw_mode } else { &usual };
                scope.spawn(move || fault_yields_nothing(name, driver, fault, config));
            }
        });
    }
}

/// A configuration like `config` that trusts the certificate of an emulated device, where it has one.
fn trusting(folder: &Path, emulator: &Emulator, config: &str) -> String {
    let Some(ca) = emulator.announced["ca"].as_str() else { return config.to_owned() };
    let driver = emulator.announced["driver"].as_str().unwrap();
    let path = folder.join("qhal.toml");
    let text = std::fs::read_to_string(config).unwrap();
    std::fs::write(&path, format!("{text}\n[{driver}]\nca = {ca:?}\ntime_limit_s = 3\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Writes a configuration with what the emulated devices need: the keyring for the test key of the emulated Entropy Key.
fn configuration(folder: &Path, name: &str, more: &str) -> String {
    let keyring = folder.join("keyring");
    std::fs::write(&keyring, "NwBvBlg3OTBJORFD AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n").unwrap();
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, format!("{more}[entropykey]\nkeyring = {keyring:?}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn emulated_serial_devices_are_found_by_asking_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "qhal.toml", "");
    let config = config.as_str();
    std::thread::scope(|scope| {
        for (model, serial, origin) in [
            ("entropykey", "NwBvBlg3OTBJORFD", "claimed"),
            ("swiftrng", "SWRNG0000000217", "not-quantum"),
            ("onerng", "5148414C000000000000000000000217", "not-quantum"),
        ] {
            scope.spawn(move || {
                let emulator = Emulator::start(&[model, "--seed", "1"]);
                let info = json(&qhal(&["info", emulator.address(), "--json", "--config", config]));
                assert_eq!(info["id"], format!("{model}:{serial}"));
                assert_eq!((&info["provenance"], &info["origin"]), (&"Unverified".into(), &origin.into()));
                assert_eq!(info["health"]["state"], "good");
                let device = format!("{model}@{}", emulator.address());
                for output in ["raw", "drbg"] {
                    let read = read(&device, &["--output", output, "--config", config]);
                    assert!(read.status.success(), "{model}: {}", stderr(&read));
                    assert_eq!(read.stdout.len(), 4096);
                }
                assert_eq!(emulator.stop(), 0);
            });
        }
    });
}

fn fault_yields_nothing(name: &str, driver: &str, fault: &str, config: &str) {
    let emulator = Emulator::start(&[name, "--fault", fault, "--seed", "1"]);
    let device = format!("{driver}@{}", emulator.address());
    let folder = tempfile::tempdir().unwrap();
    let config = &trusting(folder.path(), &emulator, config);
    let arguments =
        ["rng", "read", "-n", "64KiB", "--output", "raw", "--device", &device, "--config", config];
    let output = qhal(&arguments);
    if output.status.success() {
        // A fault that only shows in the health the device reports, such as a supply out of limits.
        let info = qhal(&["info", &device, "--json", "--config", config]);
        let state =
            if info.status.success() { json(&info)["health"]["state"].clone() } else { "failed".into() };
        assert_ne!(state, "good", "{name} with {fault}: read went through and health is good");
    } else {
        assert_fails(&output, 1, &[]);
    }
}

#[test]
fn signed_reads_are_verified_against_the_users_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("qhal.toml");
    // The test CA of the emulator: the public key of private key 01 02 … 20.
    let key = "515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f\
               4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354";
    std::fs::write(&config, format!("[qcicada]\nca_public_key = \"{key}\"\n")).unwrap();
    let signed = |fault: Option<&str>| {
        let mut arguments = vec!["qcicada", "--seed", "1"];
        arguments.extend(fault.map(|fault| ["--fault", fault]).iter().flatten());
        let emulator = Emulator::start(&arguments);
        let device = format!("qcicada@{}", emulator.address());
        read(&device, &["--signed", "--output", "raw", "--config", config.to_str().unwrap()])
    };
    let good = signed(None);
    assert!(good.status.success() && good.stdout.len() == 4096, "{}", stderr(&good));
    assert_fails(&signed(Some("bad-signature")), 1, &["signature"]);
    assert_fails(&signed(Some("bad-certificate")), 1, &["certificate"]);
    // Without a key nothing can be verified, so nothing is read.
    let emulator = Emulator::start(&["qcicada", "--seed", "1"]);
    let device = format!("qcicada@{}", emulator.address());
    assert_fails(&read(&device, &["--signed"]), 1, &["ca_public_key"]);
}

#[test]
fn a_simulation_is_never_taken_for_hardware() {
    let refused = read("simulator:qrng", &[]);
    assert_fails(&refused, 1, &["simulator:qrng", "simulation"]);
    let taken = read("simulator:qrng", &["--policy", "simulator-only", "--format", "hex"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    assert_eq!(taken.stdout.len(), 2 * 4096 + 1);
    assert!(stderr(&taken).contains("Simulated"), "{}", stderr(&taken));
}

#[test]
fn a_failing_source_shuts_the_tap() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("qhal.toml");
    for (failure, words) in [("stuck", "repetition"), ("dark", "adaptive"), ("gone", "unplugged")] {
        std::fs::write(&config, format!("[simulated.qrng]\nfailure = \"{failure}\"\nfail_after = 9000\n"))
            .unwrap();
        for output in ["raw", "conditioned"] {
            let file = folder.path().join("bytes");
            let arguments =
                ["rng", "read", "-n", "64KiB", "--policy", "simulator-only", "--output", output, "--config"];
            let mut arguments = arguments.to_vec();
            arguments.extend([config.to_str().unwrap(), "-o", file.to_str().unwrap()]);
            assert_fails(&qhal(&arguments), 1, &[words]);
            assert!(!file.exists(), "a file of a failed read is left behind");
        }
    }
}

#[test]
fn bytes_come_in_every_form() {
    let simulated = |more: &[&str]| {
        let mut arguments = vec!["rng", "read", "-n", "48", "--policy", "simulator-only"];
        arguments.extend(more);
        qhal(&arguments)
    };
    assert_eq!(simulated(&[]).stdout.len(), 48);
    assert_eq!(simulated(&["--format", "base64"]).stdout.len(), 65);
    let document = json(&simulated(&["--json"]));
    assert_eq!(document["data"].as_str().unwrap().len(), 96);
    assert_eq!(document["provenance"], "Simulated");
    assert_eq!(document["health"]["failures"], 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    assert!(simulated(&["-o", file.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 48);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o077,
            0,
            "others may not read keys"
        );
    }
}

#[test]
fn wrong_names_and_files_are_explained() {
    assert_fails(&read("nosuch", &[]), 1, &["no driver 'nosuch'", "qcicada"]);
    assert_fails(&read("qcicada:QC1", &[]), 1, &["qcicada:QC1 is not attached"]);
    assert_fails(&read("serial:/dev/ttyNOWHERE", &[]), 1, &["/dev/ttyNOWHERE"]);
    assert_fails(&read("qcicada@tcp:127.0.0.1:1", &[]), 1, &["127.0.0.1"]);
    let output = qhal(&["rng", "read", "-n", "1", "--policy", "simulator-only", "-o", "/no/such/folder/x"]);
    assert_fails(&output, 1, &["/no/such/folder/x"]);
    assert_eq!(qhal(&["rng", "read"]).status.code(), Some(2));
    assert_eq!(qhal(&["rng", "read", "-n", "0"]).status.code(), Some(2));
    assert_fails(&qhal(&["emulate", "nothing"]), 2, &["qcicada"]);
    assert_fails(&qhal(&["emulate", "qcicada", "--fault", "boredom"]), 2, &["stuck"]);
}
