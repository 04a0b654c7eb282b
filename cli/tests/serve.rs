//! `qhal serve` over HTTP, as its clients see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::daemon::{Answer, Daemon};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SIMULATED: [&str; 2] = ["--policy", "simulator-only"];

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn answers_say_where_their_bytes_come_from() {
    let daemon = Daemon::start("most_bytes = 100000\n", &SIMULATED);
    daemon.wait_until_healthy();
    let mut seen = HashSet::new();
    for (format, decode) in [
        ("binary", (|answer: &Answer| answer.body.clone()) as fn(&Answer) -> Vec<u8>),
        ("hex", |answer| unhex(&answer.text())),
        ("base64", |answer| STANDARD.decode(&answer.body).unwrap()),
    ] {
        for size in [1, 32, 100_000] {
            let answer = daemon.get(&format!("/api/v1/random?bytes={size}&format={format}"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            let bytes = decode(&answer);
            assert_eq!(bytes.len(), size);
            assert!(size == 1 || seen.insert(bytes), "the same bytes twice");
            for (name, value) in [
                ("qhal-devices", "simulator:qrng"),
                ("qhal-provenance", "Simulated"),
                ("qhal-quantum-origin", "model"),
                ("qhal-fallback", "false"),
                ("qhal-output", "drbg"),
                ("qhal-fresh", "false"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(answer.headers.get(name).map(String::as_str), Some(value), "{name}");
            }
        }
    }
    assert_eq!(daemon.get("/api/v1/random?bytes=8&fresh=true").headers["qhal-fresh"], "true");

    let answer = daemon.get("/api/v1/integers?count=1000&min=-3&max=2");
    let integers: Vec<i64> =
        answer.json()["integers"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect();
    assert_eq!(integers.len(), 1000);
    let distinct: HashSet<i64> = integers.iter().copied().collect();
    // Each of six values is missed with a chance of (5/6)^1000 < 2^-260.
    assert_eq!(distinct, (-3..=2).collect());
    let widest = format!("/api/v1/integers?count=3&min={}&max={}", i64::MIN, i64::MAX);
    assert_eq!(daemon.get(&widest).json()["integers"].as_array().unwrap().len(), 3);

    let answer = daemon.get("/api/v1/uuids?count=50").json();
    let uuids: HashSet<&str> =
        answer["uuids"].as_array().unwrap().iter().map(|uuid| uuid.as_str().unwrap()).collect();
    assert_eq!(uuids.len(), 50);
    for uuid in uuids {
        // RFC 9562 §5.4: version 4, variant 10.
        assert!(
            uuid.len() == 36 && uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]),
            "{uuid}"
        );
    }

    let status = daemon.get("/api/v1/status").json();
    assert_eq!(status["devices"][0]["serving"], true);
    assert_eq!(status["provenance"], "Simulated");
    let metrics = daemon.get("/metrics").text();
    assert!(metrics.contains("qhal_device_up{device=\"policy simulator-only\"} 1"), "{metrics}");
    assert!(
        metrics.contains("qhal_http_requests_total{route=\"/api/v1/random\",status=\"200\"} 10"),
        "{metrics}"
    );
    let openapi = daemon.get("/api/v1/openapi.json").json();
    for path in openapi["paths"].as_object().unwrap().keys() {
        assert_ne!(daemon.get(path).status, 404, "{path} is described and not served");
    }
}

#[test]
fn wrong_requests_are_told_so_and_draw_nothing() {
    let daemon = Daemon::start("most_bytes = 1000\n", &SIMULATED);
    daemon.wait_until_healthy();
    for path in [
        "/api/v1/random",
        "/api/v1/random?bytes=0",
        "/api/v1/random?bytes=1001",
        "/api/v1/random?bytes=-1",
        "/api/v1/random?bytes=99999999999999999999999999",
        "/api/v1/random?bytes=8&format=octal",
        "/api/v1/random?bytes=8&bites=8",
        "/api/v1/random?bytes=8&bytes=9",
        "/api/v1/random?bytes=%ff",
        "/api/v1/integers?min=2&max=1",
        "/api/v1/integers?count=0&max=1",
        "/api/v1/integers?count=10001&max=1",
        "/api/v1/integers?max=9223372036854775808",
        "/api/v1/uuids?count=0",
    ] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(daemon.get("/api/v2").status, 404);
    let post = daemon.exchange(
        b"POST /api/v1/random?bytes=8 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(Answer::parse(&post).unwrap().status, 405);
    assert!(!daemon.get("/metrics").text().contains("qhal_random_bytes_total{"), "something was drawn");
}

/// What no client would send; the daemon answers with an error or closes, and serves the next one.
#[test]
fn hostile_input_stops_nobody() {
    let daemon = Daemon::start("connections = 16\n", &SIMULATED);
    daemon.wait_until_healthy();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(5000));
    let mut inputs: Vec<Vec<u8>> = [
        "",
        "\r\n\r\n",
        "GET",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{0}x HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: x\n\n",
        "GET /healthz HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n",
        "GET /api/v1/random?bytes=8 HTTP/1.1\r\nAuthorization: Bearer \u{fffd}\r\n\r\n",
        "GET http://elsewhere/api/v1/random?bytes=8 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &long,
        &many,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let mut state = 1u64;
    for length in 0..60 {
        inputs.push(
            (0..length * 7)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect(),
        );
    }
    for input in inputs {
        let mut stream = daemon.connect("http");
        let _ = stream.write_all(&input);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        if let Some(answer) = Answer::parse(&answer) {
            assert!(answer.status != 500, "{:?}", String::from_utf8_lossy(&input));
        }
    }
    // Connections that say nothing take places, not the daemon.
    let idle: Vec<_> = (0..8).map(|_| daemon.connect("http")).collect();
    assert_eq!(daemon.get("/api/v1/random?bytes=8").body.len(), 8);
    drop(idle);
    assert!(!daemon.errors().contains("panicked"), "{}", daemon.errors());
}

/// RFC 8032 by AWS-LC, which shares no code with what signed.
#[test]
fn receipts_are_verified_by_another_implementation() {
    let daemon = Daemon::start("", &SIMULATED);
    daemon.wait_until_healthy();
    let key = daemon.get("/api/v1/receipts/key").json();
    assert_eq!(key["public_key"], daemon.announced["receipt_key"]);
    let public = UnparsedPublicKey::new(&ED25519, unhex(key["public_key"].as_str().unwrap()));
    let pem = key["public_key_pem"].as_str().unwrap().lines().nth(1).unwrap();
    assert_eq!(STANDARD.decode(pem).unwrap()[12..], unhex(key["public_key"].as_str().unwrap()));
    let mut counters = Vec::new();
    for format in ["binary", "hex"] {
        let answer = daemon.get(&format!("/api/v1/random?bytes=48&receipt=true&format={format}"));
        let bytes = if format == "hex" { unhex(&answer.text()) } else { answer.body.clone() };
        let text = STANDARD.decode(&answer.headers["qhal-receipt"]).unwrap();
        let signature = STANDARD.decode(&answer.headers["qhal-receipt-signature"]).unwrap();
        let signed = [b"qhal-receipt-v1\0".as_slice(), &text].concat();
        public.verify(&signed, &signature).expect("the signature holds");
        for at in [0, 16, signed.len() - 1] {
            let mut forged = signed.clone();
            forged[at] ^= 1;
            assert!(public.verify(&forged, &signature).is_err());
        }
        let receipt: Value = serde_json::from_slice(&text).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(receipt["sha256"], digest.as_str());
        assert_eq!((receipt["bytes"].as_u64(), receipt["version"].as_u64()), (Some(48), Some(1)));
        assert_eq!(
            (receipt["provenance"].as_str(), receipt["fallback"].as_bool()),
            (Some("Simulated"), Some(false))
        );
        assert_eq!(receipt["devices"][0], "simulator:qrng");
        assert!(receipt["time_ms"].as_u64().unwrap() > 1_700_000_000_000);
        counters.push(receipt["counter"].as_u64().unwrap());
    }
    assert_eq!(counters, [0, 1]);
}

#[test]
fn who_has_no_token_gets_nothing_and_tokens_are_never_said() {
    let secret = "correct-horse-battery-staple";
    let daemon = Daemon::start_with("tokens = \"FOLDER/tokens\"\n", &SIMULATED, |folder| {
        std::fs::write(folder.join("tokens"), format!("# who\nalice:{secret}\nbob:another-long-secret\n"))
            .unwrap();
    });
    daemon.wait_until_healthy();
    for path in
        ["/api/v1/random?bytes=8", "/api/v1/integers?max=5", "/api/v1/uuids", "/api/v1/status", "/metrics"]
    {
        for header in [
            "",
            "Authorization: Bearer wrong-wrong-wrong-wrong\r\n",
            &format!("Authorization: Basic {secret}\r\n"),
        ] {
            let answer = daemon.get_with(path, header);
            assert_eq!(
                (answer.status, answer.headers["www-authenticate"].as_str()),
                (401, "Bearer"),
                "{path}"
            );
        }
        let answer = daemon.get_with(path, &format!("Authorization: bearer {secret}\r\n"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(!answer.text().contains(secret));
    }
    let (status, errors) = daemon.terminate();
    assert_eq!(status, Some(0), "{errors}");
    assert!(!errors.contains(secret) && !errors.contains("another"), "{errors}");
}

#[test]
fn a_quota_is_kept_for_each_client() {
    let config = "tokens = \"FOLDER/tokens\"\nmost_bytes = 1000\nrate_bytes_per_s = 1\nburst_bytes = 1000\n";
    let daemon = Daemon::start_with(config, &SIMULATED, |folder| {
        std::fs::write(folder.join("tokens"), "alice:0123456789abcdef\nbob:fedcba9876543210\n").unwrap();
    });
    daemon.wait_until_healthy();
    let ask = |token: &str| {
        daemon.get_with("/api/v1/random?bytes=900", &format!("Authorization: Bearer {token}\r\n"))
    };
    assert_eq!(ask("0123456789abcdef").status, 200);
    let refused = ask("0123456789abcdef");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=801).contains(&wait), "{wait}");
    assert_eq!(ask("fedcba9876543210").status, 200);
}

/// A device that fails its health test: an error with the reason and a time to come back, and not one byte.
#[test]
fn a_failed_health_test_is_a_503_without_a_byte() {
    let config = "patience_ms = 500\n[rng]\noutput = \"conditioned\"\n[simulated.qrng]\nfailure = \"stuck\"\nfail_after = 60000\n";
    let daemon = Daemon::start(config, &SIMULATED);
    daemon.wait_until_healthy();
    daemon.wait_until("a failed test", |daemon| {
        let answer = daemon.get("/api/v1/random?bytes=4096");
        if answer.status == 200 {
            assert_eq!(answer.body.len(), 4096);
            return false;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.headers["retry-after"].parse::<u64>().unwrap() >= 1);
        let document = answer.json();
        assert_eq!(document["status"], 503);
        document["detail"].as_str().unwrap().contains("repetition")
    });
    assert_eq!(daemon.get("/healthz").status, 503);
    assert!(daemon.errors().contains("does not serve"), "{}", daemon.errors());
    // It is a new device when it is opened again, and comes back through its start-up test.
    daemon.wait_until("another admission", |daemon| {
        daemon.get("/api/v1/status").json()["devices"][0]["admissions"].as_u64() >= Some(2)
    });
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let mut socket = None;
    let daemon = Daemon::start_with("", &SIMULATED, |folder| {
        let bound = UnixDatagram::bind(folder.join("notify")).unwrap();
        bound.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket = Some(bound);
    });
    let socket = socket.unwrap();
    let receive = || {
        let mut text = [0; 64];
        let count = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    assert_eq!(receive(), "READY=1");
    // An open connection that says nothing does not hold it up.
    let _idle = daemon.connect("http");
    let (status, errors) = daemon.terminate();
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(receive(), "STOPPING=1");
}

/// Two emulated devices of different make; one is pulled out: it is said, and the other goes on.
#[test]
fn a_fail_over_is_announced() {
    let pulled = common::Emulator::start(&["truerng", "--seed", "1"]);
    let stays = common::Emulator::start(&["qcicada", "--seed", "2"]);
    let (a, b) = (format!("truerng@{}", pulled.address()), format!("qcicada@{}", stays.address()));
    let config = format!("[rng]\ndevices = [\"{a}\", \"{b}\"]\ncombine = \"redundant\"\n");
    let daemon = Daemon::start(&config, &[]);
    daemon.wait_until("two devices", |daemon| {
        let devices = daemon.get("/api/v1/status").json()["devices"].clone();
        devices.as_array().unwrap().iter().all(|device| device["serving"] == true)
    });
    daemon.wait_until("bytes of both", |daemon| {
        let answer = daemon.get("/api/v1/random?bytes=32&fresh=true");
        answer.status == 200 && answer.headers["qhal-devices"].contains(", ")
    });
    let answer = daemon.get("/api/v1/random?bytes=32");
    assert_eq!(
        (answer.headers["qhal-provenance"].as_str(), answer.headers["qhal-quantum-origin"].as_str()),
        ("Unverified", "not-quantum")
    );
    pulled.stop();
    daemon.wait_until("an announcement", |daemon| daemon.errors().contains("1 device still serves"));
    daemon.wait_until("bytes of the other", |daemon| {
        let answer = daemon.get("/api/v1/random?bytes=32");
        answer.status == 200 && !answer.headers["qhal-devices"].contains("truerng")
    });
    let answer = daemon.get("/api/v1/random?bytes=32");
    assert_eq!((answer.headers["qhal-quantum-origin"].as_str(), answer.body.len()), ("claimed", 32));
    assert_eq!(daemon.get("/api/v1/status").json()["fail_overs"], 1);
}
