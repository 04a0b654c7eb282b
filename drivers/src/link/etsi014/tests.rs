//! The driver against a key manager on loopback that keeps the rules of the standard, and against ones that do not.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::transport::https::lab::{Lab, Leaf};
use crate::transport::https::server::{Clients, Handler, HttpsServer, Reply, Request};

/// Where a key manager departs from the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Standard,
    /// No key: an empty list instead of 503.
    EmptyList,
    /// No key: 404.
    NotFound,
    Short,
    Twice,
    OtherName,
    NoBase64,
    Html,
    Busy,
}

/// One program that is both key managers, for the applications `alice` and `bob`.
struct Kme {
    manner: Manner,
    left: AtomicU64,
    made: AtomicU64,
    waiting: Mutex<HashMap<String, Vec<u8>>>,
}

impl Kme {
    fn key(&self, bits: usize) -> (String, Vec<u8>) {
        let number = match self.manner {
            Manner::Twice => 1,
            _ => self.made.fetch_add(1, Ordering::SeqCst) + 1,
        };
        let mut state = number;
        let bytes = (0..bits / 8).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        (
            KeyId(u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes())
                .to_string(),
            bytes.collect(),
        )
    }

    fn container(keys: &[(String, Vec<u8>)]) -> Reply {
        use base64::Engine;
        let encode = |bytes: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
        let keys: Vec<_> = keys.iter().map(|(id, key)| json!({"key_ID": id, "key": encode(key)})).collect();
        Reply::json(200, json!({ "keys": keys }).to_string())
    }

    fn give(&self, from: &str, to: &str, bits: usize) -> Reply {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return match self.manner {
                Manner::EmptyList => Self::container(&[]),
                Manner::NotFound => Reply::status(404),
                _ => Reply::json(503, r#"{"message": "not enough key material"}"#),
            };
        }
        let (id, mut key) = self.key(bits);
        self.waiting.lock().unwrap().insert(format!("{from}/{to}/{id}"), key.clone());
        match self.manner {
            Manner::Short => drop(key.pop()),
            Manner::NoBase64 => {
                return Reply::json(200, format!(r#"{{"keys": [{{"key_ID": "{id}", "key": "???"}}]}}"#));
            }
            Manner::Html => return Reply::bytes(200, "text/html", b"<html>login</html>".to_vec()),
            Manner::Busy => return Reply::json(503, r#"{"message": "maintenance"}"#),
            _ => {}
        }
        Self::container(&[(id, key)])
    }

    fn fetch(&self, master: &str, us: &str, id: &str) -> Reply {
        match self.waiting.lock().unwrap().remove(&format!("{master}/{us}/{id}")) {
            Some(key) if self.manner == Manner::OtherName => {
                Self::container(&[("00000000-0000-4000-8000-000000000001".to_owned(), key)])
            }
            Some(key) => Self::container(&[(id.to_owned(), key)]),
            None => Reply::json(400, r#"{"message": "one or more keys specified are not found on KME"}"#),
        }
    }
}

impl Handler for Kme {
    fn answer(&self, request: &Request) -> Reply {
        let (Some(us), segments) = (&request.client, request.segments()) else { return Reply::status(401) };
        let ["api", "v1", "keys", peer, call] = segments.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return Reply::status(404);
        };
        match call {
            "status" => {
                let left = self.left.load(Ordering::SeqCst);
                let status = json!({
                    "source_KME_ID": "kme-1", "target_KME_ID": "kme-2", "master_SAE_ID": us, "slave_SAE_ID": peer,
                    "key_size": 256, "stored_key_count": left, "max_key_count": 1000, "max_key_per_request": 1,
                    "max_key_size": 1024, "min_key_size": 64, "max_SAE_ID_count": 0,
                });
                Reply::json(200, status.to_string())
            }
            "enc_keys" => {
                let size = request.parameter("size").map_or(256, |size| size.parse().unwrap());
                self.give(us, peer, size)
            }
            "dec_keys" => self.fetch(peer, us, &request.parameter("key_ID").unwrap_or_default()),
            _ => Reply::status(404),
        }
    }
}

/// A served key manager, and the drivers of both applications.
fn serve(manner: Manner, keys: u64) -> (HttpsServer, [Etsi014; 2]) {
    let mut lab = Lab::new().unwrap();
    let drivers = [("alice", "bob"), ("bob", "alice")].map(|(own, peer)| {
        let identity = lab.client(own, false).unwrap();
        let settings = Settings { identity: Some(identity), ..Settings::new(lab.trust()) };
        Etsi014::new(Options { https: Some(settings), peer: Some(peer.to_owned()) })
    });
    let kme = Kme { manner, left: keys.into(), made: 0.into(), waiting: Mutex::default() };
    (HttpsServer::serve(lab, Leaf::Good, Clients::Certified, kme, Vec::new()).unwrap(), drivers)
}

fn open(driver: &Etsi014, address: &Address) -> Box<dyn KeyLink> {
    match driver.open(&driver.identify(address).unwrap()).unwrap() {
        OpenDevice::KeyLink(link) => link,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_ends_keep_the_promises_of_a_link() {
    let (server, drivers) = serve(Manner::Standard, 100);
    let address = server.address();
    qhal::conformance::driver::check(&drivers[0], &"serial:/dev/nowhere".parse().unwrap()).unwrap();
    qhal::conformance::driver::check_open(&drivers[0], &drivers[0].identify(&address).unwrap()).unwrap();
    let [mut alice, mut bob] = [0, 1].map(|end: usize| open(&drivers[end], &address));
    assert!(alice.descriptor().id.to_string().ends_with("/bob"), "{:?}", alice.descriptor());
    qhal::conformance::key_link::check(alice.as_mut(), bob.as_mut()).unwrap();
    qhal::conformance::key_link::check_exhaustion(alice.as_mut()).unwrap();
}

#[test]
fn what_is_not_believed_or_not_there_is_one_sentence() {
    for (manner, kind, words) in [
        (Manner::EmptyList, ErrorKind::Exhausted, "no key left"),
        (Manner::NotFound, ErrorKind::Exhausted, "no key is left"),
        (Manner::Standard, ErrorKind::Exhausted, "not enough key material"),
    ] {
        let (server, drivers) = serve(manner, 0);
        let error = open(&drivers[0], &server.address()).next_key(256).unwrap_err();
        assert!(error.kind() == kind && error.message().contains(words), "{manner:?}: {error}");
    }
    for (manner, kind, words) in [
        (Manner::Short, ErrorKind::Protocol, "a key of 248 bits came"),
        (Manner::NoBase64, ErrorKind::Protocol, "base64"),
        (Manner::Html, ErrorKind::Protocol, "no JSON"),
        (Manner::Busy, ErrorKind::Busy, "maintenance"),
    ] {
        let (server, drivers) = serve(manner, 10);
        let error = open(&drivers[0], &server.address()).next_key(256).unwrap_err();
        assert!(error.kind() == kind && error.chain().contains(words), "{manner:?}: {error}");
    }
    let (server, drivers) = serve(Manner::Twice, 10);
    let mut link = open(&drivers[0], &server.address());
    link.next_key(256).unwrap();
    assert_eq!(link.next_key(256).unwrap_err().kind(), ErrorKind::Unhealthy);
    let (server, drivers) = serve(Manner::OtherName, 10);
    let [mut alice, mut bob] = [0, 1].map(|end: usize| open(&drivers[end], &server.address()));
    let (id, _) = alice.next_key(256).unwrap();
    assert_eq!(bob.key(&id).unwrap_err().kind(), ErrorKind::Protocol);

    let address = server.address();
    let error = Etsi014::default().identify(&address).unwrap_err();
    assert!(error.message().contains("set ca, certificate and key"), "{error}");
    let nobody = Etsi014::new(Options { peer: None, ..drivers[0].options.clone() });
    assert!(nobody.identify(&address).unwrap_err().message().contains("peer = "));
}
