//! Keys from two key managers to two applications: the calls, codes and rules of ETSI GS QKD 014 V1.1.1 and of SKIP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Lab, by_name, keys, wait};

#[test]
fn both_applications_get_the_same_keys_once() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut alice, mut bob) = (lab.client("alice", &a), lab.client("bob", &b));

    let (code, status) = alice.get("/api/v1/keys/bob/status");
    assert_eq!(code, 200, "{status}");
    for (name, value) in [
        ("source_KME_ID", "kme-a"),
        ("target_KME_ID", "kme-b"),
        ("master_SAE_ID", "alice"),
        ("slave_SAE_ID", "bob"),
    ] {
        assert_eq!(status[name], value);
    }
    for (name, value) in [
        ("key_size", 256),
        ("max_key_count", 1000),
        ("max_key_per_request", 128),
        ("max_key_size", 4096),
        ("min_key_size", 64),
        ("max_SAE_ID_count", 3),
    ] {
        assert_eq!(status[name], value);
    }
    assert_eq!(status["status_extension"]["qhal_provenance"], "Simulated");

    let (code, given) = alice.post("/api/v1/keys/bob/enc_keys", r#"{"number": 3, "size": 512}"#);
    assert_eq!(code, 200, "{given}");
    let given = keys(&given);
    assert_eq!(given.len(), 3);
    for (_, key) in &given {
        assert_eq!(STANDARD.decode(key).unwrap().len(), 64);
    }
    let (code, fetched) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
    assert_eq!(code, 200, "{fetched}");
    assert_eq!(keys(&fetched), given);
    let (code, error) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
    assert_eq!(code, 400, "a key is given once");
    assert!(error["message"].as_str().unwrap().contains("not known"), "{error}");

    // The other way round, by GET, and with all defaults.
    let (code, given) = bob.get("/api/v1/keys/alice/enc_keys");
    assert_eq!(code, 200, "{given}");
    let given = keys(&given);
    let (code, fetched) = alice.get(&format!("/api/v1/keys/bob/dec_keys?key_ID={}", given[0].0));
    assert_eq!((code, keys(&fetched)), (200, given));
}

#[test]
fn applications_of_one_site_share_keys_too_and_so_do_several_slaves() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut alice, mut anna) = (lab.client("alice", &a), lab.client("anna", &a));
    let (mut bob, mut bert) = (lab.client("bob", &b), lab.client("bert", &b));
    let (code, given) = alice.get("/api/v1/keys/anna/enc_keys?number=2");
    assert_eq!(code, 200, "{given}");
    let given = keys(&given);
    let (code, fetched) = anna.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
    assert_eq!((code, keys(&fetched)), (200, given));

    let body = r#"{"additional_slave_SAE_IDs": ["bert", "anna"]}"#;
    let (code, given) = alice.post("/api/v1/keys/bob/enc_keys", body);
    assert_eq!(code, 200, "{given}");
    let given = keys(&given);
    for slave in [&mut bob, &mut bert, &mut anna] {
        let (code, fetched) = slave.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
        assert_eq!((code, keys(&fetched)), (200, given.clone()));
        let (code, _) = slave.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
        assert!(matches!(code, 400 | 401), "once each, and not {code}");
    }
}

#[test]
fn strangers_get_nothing_and_cost_nothing() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut alice, mut bob, mut bert) =
        (lab.client("alice", &a), lab.client("bob", &b), lab.client("bert", &b));
    let (_, given) = alice.get("/api/v1/keys/bob/enc_keys");
    let given = keys(&given);
    // §5, table 9: an SAE that was not named gets 401, without a body.
    let (code, body) = bert.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
    assert_eq!((code, body), (401, serde_json::Value::Null));
    // Certified by the same authority, but no application here.
    for path in
        ["/api/v1/keys/bob/status", "/api/v1/keys/bob/enc_keys", "/capabilities", "/key?remoteSystemID=bob"]
    {
        let (code, body) = lab.client("mallory", &a).get(path);
        assert_eq!((code, body), (401, serde_json::Value::Null), "{path}");
    }
    // An application is no key manager, and one of the other site no master here.
    for path in ["/qhal/v1/begin", "/qhal/v1/blocks", "/qhal/v1/allotments", "/qhal/v1/alive"] {
        let (code, _) = alice.post(path, "{}");
        assert_eq!(code, 401, "{path}");
    }
    assert_eq!(lab.client("bob", &a).get("/api/v1/keys/alice/enc_keys").0, 401);
    let (code, fetched) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&given));
    assert_eq!((code, keys(&fetched)), (200, given), "the right one still gets it");
}

#[test]
fn wrong_requests_are_refused_in_one_sentence_and_all_or_nothing() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut alice, mut bob) = (lab.client("alice", &a), lab.client("bob", &b));
    for (path, body) in [
        ("/api/v1/keys/alice/enc_keys", ""),
        ("/api/v1/keys/nobody/enc_keys", ""),
        ("/api/v1/keys/%20/enc_keys", ""),
        ("/api/v1/keys/bob/enc_keys", "["),
        ("/api/v1/keys/bob/enc_keys", r#"{"size": 12}"#),
        ("/api/v1/keys/bob/enc_keys", r#"{"number": 0}"#),
        ("/api/v1/keys/bob/enc_keys", r#"{"extension_mandatory": [{"x_route": "sky"}]}"#),
        ("/api/v1/keys/bob/enc_keys", r#"{"additional_slave_SAE_IDs": ["bob"]}"#),
    ] {
        let (code, error) = alice.post(path, body);
        assert_eq!(code, 400, "{path} {body}");
        assert!(error["message"].is_string(), "{error}");
    }
    assert_eq!(alice.get("/api/v2").0, 404);
    assert_eq!(alice.request("DELETE", "/api/v1/keys/bob/status", "").0, 405);
    let (_, given) = alice.get("/api/v1/keys/bob/enc_keys?number=2");
    let mut names = keys(&given);
    names.push(("00000000-0000-4000-8000-000000000000".to_owned(), String::new()));
    assert_eq!(bob.post("/api/v1/keys/alice/dec_keys", &by_name(&names)).0, 400);
    names.pop();
    let (code, fetched) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&names));
    assert_eq!((code, keys(&fetched)), (200, names), "a refused request takes nothing");
}

#[test]
fn an_empty_store_says_so_and_recovers() {
    let lab = Lab::new();
    let mut settings = lab.settings(0);
    settings.kme.max_keys = 4;
    let a = lab.start_with(settings, 0, 1);
    let b = lab.start(1, 2);
    common::wait_for_keys(&a);
    let mut alice = lab.client("alice", &a);
    let (code, error) = alice.get("/api/v1/keys/bob/enc_keys?number=100");
    assert_eq!(code, 503, "{error}");
    assert!(error["message"].as_str().unwrap().contains("not enough key material"), "{error}");
    for _ in 0..20 {
        wait("another key", || alice.get("/api/v1/keys/bob/enc_keys").0 == 200);
    }
    drop(b);
}

#[test]
fn encryptors_get_keys_by_skip() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut alice, mut bob) = (lab.client("alice", &a), lab.client("bob", &b));
    let (code, capabilities) = alice.get("/capabilities");
    assert_eq!(code, 200);
    assert_eq!(capabilities["localSystemID"], "alice");
    assert_eq!(capabilities["remoteSystemID"], serde_json::json!(["anna", "bert", "bob"]));
    let (code, key) = alice.get("/key?remoteSystemID=bob&size=128");
    assert_eq!(code, 200, "{key}");
    let id = key["keyId"].as_str().unwrap();
    assert_eq!((id.len(), key["key"].as_str().unwrap().len()), (32, 32));
    let (code, same) = bob.get(&format!("/key/{id}?remoteSystemID=alice"));
    assert_eq!((code, &same), (200, &key));
    assert_eq!(bob.get(&format!("/key/{id}?remoteSystemID=alice")).0, 400, "erased once delivered");
    for path in
        ["/key", "/key?remoteSystemID=bob&size=7", "/key/zz?remoteSystemID=alice", "/entropy?minentropy=0"]
    {
        assert_eq!(alice.get(path).0, 400, "{path}");
    }
    let (code, random) = alice.get("/entropy?minentropy=512");
    assert_eq!((code, random["randomStr"].as_str().unwrap().len()), (200, 128));
    assert_eq!(alice.post("/capabilities", "").0, 405);
}
