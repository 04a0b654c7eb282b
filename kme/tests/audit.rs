//! What key managers put on record: every key that is given and every refusal, before anybody gets anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::{Lab, keys, start_with_audit, wait_for_keys};
use qhal::{Error, ErrorKind};
use qhal_kme::{Audit, Event};

/// Remembers events in words, and can be made to fail.
#[derive(Debug, Default)]
struct Remembered {
    events: Mutex<Vec<String>>,
    full: AtomicBool,
}

impl Audit for Remembered {
    fn note(&self, event: &Event<'_>) -> qhal::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Exhausted, "the disk is full"));
        }
        let names = |keys: &[qhal::KeyId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let words = match event {
            Event::Given { master, slaves, keys, bits } => {
                format!("given {master} {} {bits} {}", slaves.join(" "), names(keys))
            }
            Event::Fetched { slave, master, keys } => format!("fetched {slave} {master} {}", names(keys)),
            Event::Refused { application, partner, why } => format!("refused {application} {partner}: {why}"),
            other => format!("{other:?}"),
        };
        self.events.lock().unwrap().push(words);
        Ok(())
    }
}

#[test]
fn every_key_and_every_refusal_is_on_record_and_nothing_is_given_without() {
    let lab = Lab::new();
    let trails = [Arc::new(Remembered::default()), Arc::new(Remembered::default())];
    let [a, b] =
        [0, 1].map(|own| start_with_audit(lab.settings(own), own, 1 + own as u64, trails[own].clone()));
    [&a, &b].into_iter().for_each(wait_for_keys);
    let (mut alice, mut bob) = (lab.client("alice", &a), lab.client("bob", &b));
    let (code, given) = alice.post("/api/v1/keys/bob/enc_keys", r#"{"number": 2, "size": 128}"#);
    assert_eq!(code, 200, "{given}");
    let names: Vec<String> = keys(&given).into_iter().map(|(name, _)| name).collect();
    let fetch = format!("/api/v1/keys/alice/dec_keys?key_ID={}", names[0]);
    assert_eq!(bob.get(&fetch).0, 200);
    assert_eq!(bob.get(&fetch).0, 400, "given once");
    let of = |own: usize| trails[own].events.lock().unwrap().clone();
    assert_eq!(of(0), [format!("given alice bob 128 {} {}", names[0], names[1])]);
    let refused = "refused bob alice: one or more of the key IDs are not known here".to_owned();
    assert_eq!(of(1), [format!("fetched bob alice {}", names[0]), refused]);
    // No secret is in it.
    let secret = &keys(&given)[0].1;
    assert!(!of(0).iter().chain(&of(1)).any(|event| event.contains(secret.as_str())));
    // Without a record there are no keys.
    trails[0].full.store(true, Ordering::SeqCst);
    let (code, answer) = alice.get("/api/v1/keys/bob/enc_keys");
    assert_eq!((code, answer.get("keys")), (503, None), "{answer}");
    assert!(answer.to_string().contains("audit trail"), "{answer}");
    trails[0].full.store(false, Ordering::SeqCst);
    assert_eq!(alice.get("/api/v1/keys/bob/enc_keys").0, 200);
}
