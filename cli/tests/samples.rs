//! `qhal rng record`, `test`, `assess` with sidecars and reports, restart tests on devices, and `feed`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::path::{Path, PathBuf};

use common::{Emulator, assert_fails, json, qhal, stderr};
use proptest::prelude::*;

/// A file of NIST's tool (tests/data/README.md).
fn nist(name: &str) -> String {
    format!("{}/../tests/data/sp800-90b/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Records simulated samples into `folder`, with these further arguments.
fn record(folder: &Path, more: &[&str]) -> PathBuf {
    let file = folder.join("noise.bin");
    let mut arguments = vec!["rng", "record", "-o", text(&file), "--policy", "simulator-only"];
    arguments.extend(more);
    let output = qhal(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    file
}

fn sidecar(file: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(format!("{}.json", file.display())).unwrap()).unwrap()
}

#[test]
fn a_recording_says_where_it_comes_from_and_is_assessed_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &["-n", "20000"]);
    let told = sidecar(&file);
    assert_eq!(told["device"], "simulator:qrng");
    assert_eq!(told["provenance"], "Simulated");
    assert_eq!(told["origin"], "model");
    assert_eq!((&told["stage"], &told["samples"]), (&"raw".into(), &20_000.into()));
    assert_eq!(told["health"]["failures"], 0);
    let assessed = json(&qhal(&["rng", "assess", text(&file), "--json"]));
    assert_eq!(assessed["device"], "simulator:qrng");
    assert_eq!(assessed["bits"], 8);
    assert_eq!(assessed["claimed"], told["claimed_min_entropy"]);
    // The bits of the sidecar hold, also where the samples are narrower.
    assert_eq!(json(&qhal(&["rng", "test", text(&file), "--json"]))["bits"], 8);
    // Other samples beside the same sidecar are found out, and so is one that was tampered with.
    let mut samples = std::fs::read(&file).unwrap();
    samples[7] ^= 1;
    std::fs::write(&file, &samples).unwrap();
    assert_fails(&qhal(&["rng", "assess", text(&file)]), 1, &["noise.bin.json", "other samples"]);
}

#[test]
fn hostile_sidecars_are_refused_or_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &["-n", "500"]);
    let beside = folder.path().join("noise.bin.json");
    let good = sidecar(&file);
    for (key, value) in [
        ("sample_bits", serde_json::json!(9)),
        ("sample_bits", serde_json::json!(0)),
        ("claimed_min_entropy", serde_json::json!(-1.0)),
        ("claimed_min_entropy", serde_json::json!(8.5)),
        ("claimed_min_entropy", serde_json::json!("8")),
        ("provenance", serde_json::json!("Certified")),
        ("samples", serde_json::json!(499)),
        ("sha256", serde_json::json!("00")),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        std::fs::write(&beside, bad.to_string()).unwrap();
        assert_fails(&qhal(&["rng", "assess", text(&file)]), 1, &["noise.bin.json"]);
    }
    // Documents of other kinds are no business of ours: an assessment kept beside its samples, for one.
    for other in ["", "{", "[1, 2]", "{\"track\": \"non-iid\"}", "\u{0}\u{1}"] {
        std::fs::write(&beside, other).unwrap();
        let assessed = json(&qhal(&["rng", "assess", text(&file), "--json"]));
        assert!(assessed["device"].is_null(), "{other}");
    }
}

#[test]
fn a_failed_recording_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("qhal.toml");
    std::fs::write(&config, "[simulated.qrng]\nfailure = \"stuck\"\nfail_after = 9000\n").unwrap();
    let file = folder.path().join("noise.bin");
    let arguments = ["rng", "record", "-n", "64KiB", "-o", text(&file), "--policy", "simulator-only"];
    let output = qhal(&[&arguments[..], &["--config", text(&config)]].concat());
    assert_fails(&output, 1, &["repetition count"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the configuration is there");
    assert_eq!(qhal(&["rng", "record", "-o", text(&file)]).status.code(), Some(2));
    assert_eq!(qhal(&[&arguments[..], &["--restarts"]].concat()).status.code(), Some(2));
}

#[test]
fn an_emulated_device_gives_raw_noise_and_its_properties_and_can_be_restarted() {
    let emulator = Emulator::start(&["qcicada", "--seed", "1", "--rate", "100MB"]);
    let device = format!("qcicada@{}", emulator.address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("noise.bin");
    let output = qhal(&["rng", "record", "-n", "30000", "-o", text(&file), "--device", &device]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = sidecar(&file);
    assert_eq!((&told["provenance"], &told["stage"]), (&"Unverified".into(), &"raw".into()));
    assert_eq!(told["serial"], "QC0000000217");
    let properties = told["properties"].as_array().unwrap();
    assert!(properties.iter().any(|told| told["name"] == "firmware" && told["value"] == "5.14"), "{told}");
    // Conditioned bytes only by consent.
    let config = folder.path().join("qhal.toml");
    std::fs::write(&config, "[qcicada]\npost_processing = \"sha256\"\n").unwrap();
    let arguments =
        ["rng", "record", "-n", "3000", "-o", text(&file), "--device", &device, "--config", text(&config)];
    assert_fails(&qhal(&arguments), 1, &["conditioned", "--conditioned"]);
    assert!(qhal(&[&arguments[..], &["--conditioned"]].concat()).status.success());
    assert_eq!(sidecar(&file)["stage"], "conditioned");
    assert_eq!(emulator.stop(), 0);
}

#[test]
fn restart_tests_run_on_a_device_that_can_be_restarted_and_say_so_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("restarts.html");
    let document = json(&qhal(&[
        "rng",
        "assess",
        "--restart",
        "5",
        "--device",
        "simulator:qrng",
        "--policy",
        "simulator-only",
        "--json",
        "--report",
        text(&page),
    ]));
    assert_eq!((&document["track"], &document["passed"]), (&"restart".into(), &true.into()), "{document}");
    assert_eq!(document["provenance"], "Simulated");
    assert!(std::fs::read_to_string(&page).unwrap().contains("restart tests passed"));
    // A TrueRNG has no way to be restarted.
    let emulator = Emulator::start(&["truerng", "--seed", "1"]);
    let device = format!("truerng@{}", emulator.address());
    let arguments = ["rng", "assess", "--restart", "3", "--device", &device, "--conditioned"];
    assert_fails(&qhal(&arguments), 1, &["cannot be restarted"]);
    for wrong in [
        &["rng", "assess"][..],
        &["rng", "assess", "--device", "simulator:qrng"],
        &["rng", "assess", "x", "--restart", "1", "--device", "simulator:qrng"],
    ] {
        assert_eq!(qhal(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn quick_tests_report_figures_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let file = nist("truerand_8bit.bin");
    let [png, svg] = ["planes.png", "planes.svg"].map(|name| folder.path().join(name));
    let found = json(&qhal(&["rng", "test", &file, "--json", "-o", text(&png)]));
    // rngtest counts 399 blocks and no failure; ent prints chi-square 279.919616 and serial correlation 0.000361.
    assert_eq!((&found["fips_140_2"]["blocks"], &found["fips_140_2"]["failed"]), (&399.into(), &0.into()));
    let near = |value: &serde_json::Value, golden: f64| (value.as_f64().unwrap() - golden).abs() < 6e-7;
    assert!(near(&found["values"]["chi_square"]["score"], 279.919616), "{found}");
    assert!(near(&found["values"]["serial_correlation"], 0.000361), "{found}");
    assert_eq!(found["suspicious"], serde_json::json!([]));
    assert_eq!(std::fs::read(&png).unwrap()[..8], *b"\x89PNG\r\n\x1a\n");
    assert!(qhal(&["rng", "test", &file, "-o", text(&svg)]).status.success());
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg xmlns="));
    assert_fails(&qhal(&["rng", "test", &file, "-o", "planes.jpeg"]), 2, &[".png or .svg"]);
    assert_fails(&qhal(&["rng", "test", "/no/such/file"]), 1, &["/no/such/file"]);
    assert_fails(&qhal(&["rng", "test", text(folder.path())]), 1, &["folder"]);
    assert_fails(&qhal(&["rng", "test", &file, "--bits", "4"]), 1, &["does not fit 4 bits"]);
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert_fails(&qhal(&["rng", "test", text(&empty)]), 1, &["no samples"]);
}

/// What a page may not hold if it is to need nothing else.
fn assert_self_contained(page: &str) {
    for outside in ["http:", "https:", "<script", "<link", "url(", "@import", "src=\"/", "href="] {
        assert!(!page.contains(outside), "'{outside}' is in the page");
    }
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for part in ["<svg", "prefers-color-scheme:dark", "@media print", "data:image/png;base64,", "</main>"] {
        assert!(page.contains(part), "'{part}' is not in the page");
    }
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &["-n", "20000"]);
    for track in ["--non-iid", "--iid"] {
        let page = folder.path().join("report.html");
        let output = qhal(&["rng", "assess", text(&file), track, "--report", text(&page)]);
        assert!(output.status.success(), "{}", stderr(&output));
        let html = std::fs::read_to_string(&page).unwrap();
        assert_self_contained(&html);
        for part in
            ["simulator:qrng", "Simulated (computed here)", "Autocorrelation", "Bit planes", "SHA-256"]
        {
            assert!(html.contains(part), "'{part}' is not in the page");
        }
    }
}

/// Names of files and words of sidecars come from anywhere, and must not become part of the page.
#[test]
fn a_report_of_hostile_names_holds_no_markup_of_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &["-n", "500"]);
    let hostile = folder.path().join("<script>alert(1)<img src=x>.bin");
    std::fs::rename(&file, &hostile).unwrap();
    let mut told: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("noise.bin.json")).unwrap()).unwrap();
    told["model"] = "\"><script>alert(2)".into();
    told["properties"] =
        serde_json::json!([{"name": "<b>", "value": "<svg onload=alert(3)>", "unit": "'\">"}]);
    std::fs::write(format!("{}.json", hostile.display()), told.to_string()).unwrap();
    let page = folder.path().join("report.html");
    let output = qhal(&["rng", "assess", text(&hostile), "--report", text(&page)]);
    assert!(output.status.success(), "{}", stderr(&output));
    let html = std::fs::read_to_string(&page).unwrap();
    assert_self_contained(&html);
    assert!(html.contains("&lt;svg onload=alert(3)&gt;") && !html.contains("<svg onload"), "{html}");
}

#[test]
fn feeding_credits_no_simulation_and_says_what_it_would_do() {
    let feed = |more: &[&str]| {
        let arguments = ["rng", "feed", "--once", "--dry-run", "--policy", "simulator-only"];
        qhal(&[&arguments[..], more].concat())
    };
    let document = json(&feed(&["--json"]));
    assert_eq!((&document["credited_bits"], &document["dry_run"]), (&0.into(), &true.into()));
    assert_eq!(document["provenance"], "Simulated");
    assert_fails(&feed(&["--credit", "1"]), 1, &["never credited"]);
    assert!(feed(&["--credit", "0"]).status.success());
    assert_fails(&feed(&["--credit", "257"]), 2, &["at most 256"]);
    assert_eq!(feed(&["--interval", "0s"]).status.code(), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is in a file: figures or one sentence.
    #[test]
    fn any_file_is_tested_and_assessed_or_refused(
        samples in prop::collection::vec(any::<u8>(), 0..300),
        mask in any::<u8>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("any.bin");
        std::fs::write(&file, samples.iter().map(|sample| sample & mask).collect::<Vec<u8>>()).unwrap();
        let page = folder.path().join("page.html");
        for arguments in [
            &["rng", "test", text(&file), "--json"][..],
            &["rng", "assess", text(&file), "--json", "--report", text(&page)],
        ] {
            let output = qhal(arguments);
            if output.status.success() {
                json(&output);
            } else {
                assert_fails(&output, 1, &["any.bin"]);
            }
        }
    }
}
