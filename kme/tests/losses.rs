//! Key managers that die and come back: two ends never have different keys under one name, and no key is given twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::collections::HashSet;

use common::{Lab, by_name, keys, wait};

#[test]
fn whatever_end_begins_anew_there_are_equal_keys_or_none() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let (mut a, mut b) = (Some(a), Some(b));
    let mut seen = HashSet::new();
    let mut waiting = Vec::new();
    for round in 0..6 {
        let (one, other) = (a.as_ref().unwrap(), b.as_ref().unwrap());
        let (mut alice, mut bob) = (lab.client("alice", one), lab.client("bob", other));
        let mut given = Vec::new();
        wait("keys after a beginning", || {
            let (code, answer) = alice.get("/api/v1/keys/bob/enc_keys?number=5");
            assert!(code == 200 || code == 503, "{answer}");
            if code == 200 {
                given = keys(&answer);
            }
            code == 200
        });
        for (id, key) in &given {
            assert!(seen.insert(id.clone()) && seen.insert(key.clone()), "given twice");
        }
        let (code, fetched) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&given[..3]));
        assert_eq!((code, keys(&fetched)), (200, given[..3].to_vec()));
        waiting.extend_from_slice(&given[3..]);
        // Keys promised before the *other* end began anew are still there.
        if round % 2 == 0 {
            drop(a.take());
            a = Some(lab.start(0, 100 + round));
            let (code, fetched) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&waiting));
            assert_eq!((code, keys(&fetched)), (200, waiting.clone()));
        } else {
            drop(b.take());
            b = Some(lab.start(1, 100 + round));
            let mut bob = lab.client("bob", b.as_ref().unwrap());
            let (code, error) = bob.post("/api/v1/keys/alice/dec_keys", &by_name(&waiting));
            assert_eq!(code, 400, "what it forgot it does not make up: {error}");
        }
        waiting.clear();
    }
}

#[test]
fn without_the_other_end_there_are_no_keys_and_one_sentence() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    drop(b);
    let (code, error) = lab.client("alice", &a).get("/api/v1/keys/bob/enc_keys");
    assert_eq!(code, 503);
    assert!(error["message"].as_str().unwrap().contains("kme-b"), "{error}");
    wait("an alarm", || a.manager.links().iter().any(|link| link.kme == "kme-b" && link.alarm.is_some()));
}

#[test]
fn a_link_that_repeats_itself_is_not_believed() {
    // The ledger of the state file is what remembers: see `ledger.rs`; here, that the state file survives a restart.
    let lab = Lab::new();
    let first = lab.start(0, 1);
    assert_eq!(qhal_kme::Manager::new(lab.settings(0)).unwrap_err().kind(), qhal::ErrorKind::Busy);
    drop(first);
    assert!(qhal_kme::Manager::new(lab.settings(0)).is_ok());
}
