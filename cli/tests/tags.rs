//! Recordings of time taggers on the command line: a simulated link's, an emulated tagger's, and files of every format.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

mod common;

use std::path::Path;

use common::{Emulator, assert_fails, json, qhal};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_subcommand_has_help_with_a_working_example() {
    for word in ["record", "info", "convert", "correlate", "distill"] {
        let output = qhal(&["tags", word, "--help"]);
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(help.contains(&format!("Example: qhal tags {word} ")), "{help}");
    }
}

#[test]
fn what_a_simulated_link_records_gives_its_key_again() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["alice.tags", "bob.ptu"].map(|name| folder.path().join(name));
    let link =
        ["link", "simulate", "--protocol", "bbm92", "--distance", "10", "--seconds", "1", "--seed", "4"];
    let simulated = json(&qhal(&[&link[..], &["--json", "--tags", text(&a), text(&b)]].concat()));
    // Recording changes nothing.
    assert_eq!(json(&qhal(&[&link[..], &["--json"]].concat())), simulated);

    let info = json(&qhal(&["tags", "info", text(&b), "--json"]));
    assert_eq!((&info["format"], &info["records"]), (&"ptu".into(), &"HydraHarp 2 T2".into()));
    assert_eq!(info["inputs"].as_array().unwrap().len(), 4);

    let found = json(&qhal(&["tags", "correlate", text(&a), text(&b), "--window", "1ns", "--json"]));
    let number = |document: &serde_json::Value, key: &str| document[key].as_f64().unwrap();
    let ratio = number(&found, "coincidences") / number(&simulated, "detections");
    assert!((ratio - 1.0).abs() < 1e-3, "{ratio}");
    assert!(number(&found, "car") > 100.0 && number(&found, "accidentals") > 0.0, "{found}");
    // The clocks of the simulation are 137 ms apart, and light takes 4.9 µs for a kilometre.
    let late = number(&found, "offset_ns") - 137e6;
    assert!((48_000.0..50_000.0).contains(&late), "{late}");

    let distilled =
        json(&qhal(&["tags", "distill", text(&a), text(&b), "--protocol", "bbm92", "--seed", "4", "--json"]));
    for key in simulated.as_object().unwrap().keys() {
        assert!(distilled.get(key).is_some(), "{key} is missing: {distilled}");
    }
    let ratio = number(&distilled, "secret_bits") / number(&simulated, "secret_bits");
    assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    assert_eq!((&distilled["provenance"], &distilled["protocol"]), (&"Unverified".into(), &"bbm92".into()));
    assert!((number(&distilled, "qber") - number(&simulated, "qber")).abs() < 1e-3);
    assert_eq!(distilled["alarms"], serde_json::json!([]));

    assert_fails(
        &qhal(&["link", "simulate", "--seconds", "0.1", "--tags", text(&a), text(&b)]),
        2,
        &["--tags", "bbm92"],
    );
    assert_fails(&qhal(&["tags", "correlate", text(&a), text(&a), "--window", "1s"]), 2, &["window"]);
    assert_fails(&qhal(&["tags", "distill", text(&a), text(&b), "--channels", "Z0,X0"]), 2, &["Z0,X0,Z1,X1"]);
}

#[test]
fn e91_says_its_s_and_its_tags_say_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["alice.ptu", "bob.txt"].map(|name| folder.path().join(name));
    let link = ["link", "simulate", "--protocol", "e91", "--distance", "10", "--seconds", "1", "--seed", "4"];
    let simulated = json(&qhal(&[&link[..], &["--json", "--tags", text(&a), text(&b)]].concat()));
    let number = |document: &serde_json::Value, key: &str| document[key].as_f64().unwrap();
    let (s, deviation) = (number(&simulated, "chsh"), number(&simulated, "chsh_deviation"));
    assert!(
        (s - 2.73).abs() < 5.0 * deviation + 0.01 && number(&simulated, "secret_bits") > 0.0,
        "{simulated}"
    );
    let distill = ["tags", "distill", text(&a), text(&b), "--protocol", "e91", "--seed", "4"];
    let distilled = json(&qhal(&[&distill[..], &["--json"]].concat()));
    for key in simulated.as_object().unwrap().keys() {
        assert!(distilled.get(key).is_some(), "{key} is missing: {distilled}");
    }
    assert!((number(&distilled, "chsh") - s).abs() < deviation && distilled["protocol"] == "e91");
    let shown = qhal(&distill);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("CHSH value S") && shown.contains(" ± "), "{shown}");
    // A limit that these pairs do not reach; attacks; what does not go together.
    let strict = json(&qhal(&[&distill[..], &["--chsh-limit", "2.8", "--json"]].concat()));
    assert_eq!(
        (&strict["alarms"], &strict["secret_bits"]),
        (&serde_json::json!(["no-entanglement"]), &0.into())
    );
    let attacked = json(&qhal(&[&link[..], &["--attack", "intercept-resend", "--json"]].concat()));
    assert!(number(&attacked, "chsh") < 1.5 && attacked["secret_bits"] == 0, "{attacked}");
    assert!(attacked["alarms"].as_array().unwrap().contains(&"no-entanglement".into()), "{attacked}");
    for (more, words) in [
        (["--tags", "a.tags", "b.ptu"].as_slice(), ["six", ".ptu"]),
        (&["--chsh-limit", "3"], ["2.828", "3"]),
    ] {
        assert_fails(&qhal(&[&link[..], more].concat()), 2, &words);
    }
    assert_fails(&qhal(&["link", "simulate", "--chsh-limit", "2.1"]), 2, &["e91"]);
    assert_fails(&qhal(&[&distill[..], &["--channels", "Z0,X0,Z1,X1"]].concat()), 2, &["A0,B0,C0"]);
}

#[test]
fn an_emulated_tagger_is_found_told_and_recorded() {
    let emulator = Emulator::start(&["tdc1", "--seed", "1"]);
    let device = format!("tdc1@{}", emulator.address());
    let info = json(&qhal(&["info", &device, "--json"]));
    assert_eq!((&info["kind"], &info["provenance"]), (&"time-tagger".into(), &"Unverified".into()));
    assert_eq!(info["capabilities"]["inputs"], 4);
    assert_eq!(info["capabilities"]["rates"].as_array().unwrap().len(), 4);
    // Who is there is found out without the driver's name, too.
    assert_eq!(json(&qhal(&["info", emulator.address(), "--json"]))["model"], "S-Fifteen TDC1");

    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("some.tags", "tags64"), ("some.ptu", "ptu"), ("some.txt", "text")] {
        let file = folder.path().join(name);
        let recorded = json(&qhal(&[
            "tags",
            "record",
            "--device",
            &device,
            "--seconds",
            "0.5",
            "-o",
            text(&file),
            "--json",
        ]));
        assert_eq!((&recorded["format"], &recorded["lost"]), (&format.into(), &false.into()));
        let seen = json(&qhal(&["tags", "info", text(&file), "--json"]));
        assert_eq!((&seen["tags"], &seen["format"]), (&recorded["tags"], &format.into()));
        // 11 000 events a second, one in eleven of two inputs.
        let tags = seen["tags"].as_f64().unwrap();
        assert!((tags - 5500.0).abs() < 5.0 * 5500f64.sqrt(), "{tags}");
        assert!(seen["seconds"].as_f64().unwrap() < 0.5 && seen["out_of_order"] == 0);
    }
    assert_eq!(emulator.stop(), 0);
    // No tagger is chosen that was not named, and a generator is none.
    let out = folder.path().join("none");
    let arguments = ["tags", "record", "--seconds", "0.1", "-o", text(&out)];
    assert_fails(&qhal(&arguments), 1, &["time tagger"]);
    assert_fails(&qhal(&[&arguments[..], &["--device", "simulator:qrng"]].concat()), 1, &["entropy"]);
    assert!(!out.exists());
}

#[test]
fn a_broken_tagger_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("some.tags");
    for (fault, words) in
        [("stall", "silent"), ("garble", "lost or altered"), ("unplug", ""), ("identity", "SPD")]
    {
        let emulator = Emulator::start(&["tdc1", "--seed", "1", "--fault", fault]);
        let device = format!("tdc1@{}", emulator.address());
        let output = qhal(&["tags", "record", "--device", &device, "--seconds", "2", "-o", text(&out)]);
        assert_fails(&output, 1, &[words]);
        assert!(!out.exists(), "{fault}");
    }
    let emulator = Emulator::start(&["tdc1", "--seed", "1", "--fault", "overflow"]);
    let device = format!("tdc1@{}", emulator.address());
    let recorded =
        json(&qhal(&["tags", "record", "--device", &device, "--seconds", "0.5", "-o", text(&out), "--json"]));
    assert_eq!(recorded["lost"], true);
}

#[test]
fn files_go_from_format_to_format_and_come_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut lines = String::new();
    for i in 0..2000_u64 {
        lines.push_str(&format!("{} {}\n", i * i * 977 + 40 * i, 1 << (i % 4) | (i % 7 == 0) as u64));
    }
    std::fs::write(path("start.txt"), &lines).unwrap();
    let mut last = path("start.txt");
    for (name, format) in [
        ("1.tags", "tags64"),
        ("2.swapped", "tags64-swapped"),
        ("3.hex", "tags64-hex"),
        ("4.ptu", "ptu"),
        ("5.raw", "qutag-raw"),
        ("6.csv", "qutag-text"),
        ("7.qcrypto", "qcrypto"),
        ("8.txt", "text"),
    ] {
        let next = path(name);
        let converted = json(&qhal(&["tags", "convert", text(&last), text(&next), "--to", format, "--json"]));
        assert_eq!((&converted["output_format"], &converted["tags"]), (&format.into(), &2000.into()));
        assert_eq!(json(&qhal(&["tags", "info", text(&next), "--json"]))["format"], format);
        last = next;
    }
    assert_eq!(std::fs::read_to_string(last).unwrap(), lines);
    for (arguments, status, words) in [
        (
            ["tags", "convert", text(&path("1.tags")), text(&path("x")), "--to", "qutag-binary"],
            2,
            "not written",
        ),
        (["tags", "convert", text(&path("1.tags")), text(&path("x")), "--to", "ttbin"], 2, "no format"),
        (["tags", "convert", text(&path("none")), text(&path("x")), "--to", "text"], 1, "none"),
        (["tags", "convert", text(&path("1.tags")), text(&path("x")), "--from", "ptu"], 1, "byte 0"),
    ] {
        assert_fails(&qhal(&arguments), status, &[words]);
    }
    assert!(!path("x").exists());
    // A packet of matches has no times, and says what it is.
    let words = [4_u32, 0x1234, 2, 5, 0, 0b00010 << 27 | 0b00101 << 22 | 0b00001 << 17];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(path("matches"), bytes).unwrap();
    let seen = json(&qhal(&["tags", "info", text(&path("matches")), "--json"]));
    assert_eq!((&seen["records"], &seen["entries"]), (&"type 4".into(), &2.into()));
}
