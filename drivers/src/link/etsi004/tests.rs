//! The driver against a key manager that behaves, and against ones that do not.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

use super::*;
use crate::transport::https::lab::{Lab, Leaf};
use crate::transport::https::server::{Clients, configuration};

/// How the key manager departs from what is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Standard,
    /// The other application never comes.
    Alone,
    /// It makes a counter-offer of other rates and another time to live, and holds who comes back to it.
    OtherTime,
    /// The same, with chunks of another length.
    OtherLength,
    /// The stream belongs to somebody else.
    InUse,
    /// It answers with another chunk.
    OtherChunk,
    /// It answers as HTTP would.
    Html,
    /// It hangs up instead of an answer to GET_KEY.
    HangsUp,
    /// It says what its keys are made of, and changes its mind after the first.
    Changing,
}

/// A key manager for both applications at once.
#[derive(Debug)]
struct Kme {
    manner: Manner,
    /// Chunks that there are.
    chunks: u32,
    given: Mutex<HashSet<(Vec<u8>, u32)>>,
    offered: Mutex<bool>,
}

impl Kme {
    fn serve(self: &Arc<Self>, tcp: TcpStream, config: &Arc<ServerConfig>) {
        let mut wire = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), tcp);
        // Whoever hangs up ends it.
        let _ = self.answer_all(&mut wire);
        wire.conn.send_close_notify();
        let _ = wire.flush();
    }

    fn answer_all(&self, wire: &mut StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
        let mut us = String::new();
        loop {
            let mut head = [0; 8];
            wire.read_exact(&mut head)?;
            let mut payload = vec![0; u32::from_be_bytes(head[4..].try_into().unwrap()) as usize];
            wire.read_exact(&mut payload)?;
            let answer = match head[3] {
                2 => {
                    us = String::from_utf8_lossy(payload.split(|byte| *byte == 0).next().unwrap()).into();
                    self.open(&payload)
                }
                4 if self.manner == Manner::HangsUp => return Ok(()),
                4 => self.get(&us, &payload),
                _ => vec![0, 0, 0, 3],
            };
            if self.manner == Manner::Html {
                wire.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            } else {
                wire.write_all(&[1, 0, 1, head[3] | 1])?;
                wire.write_all(&(answer.len() as u32).to_be_bytes())?;
                wire.write_all(&answer)?;
            }
            wire.flush()?;
        }
    }

    fn open(&self, payload: &[u8]) -> Vec<u8> {
        let mut qos = payload[payload.len() - 300..].to_vec();
        let first = !std::mem::replace(&mut *self.offered.lock().unwrap(), true);
        let status = match self.manner {
            Manner::InUse => return vec![0, 0, 0, 5],
            Manner::Alone => 1,
            Manner::OtherTime if first || qos[11] != 9 || qos[27] != 60 => {
                qos[11] = 9;
                qos[24..28].copy_from_slice(&[0, 0, 0, 60]);
                7
            }
            Manner::OtherLength => {
                qos[..4].copy_from_slice(&[0, 0, 0, 64]);
                7
            }
            _ => 0,
        };
        [&[0, 0, 0, status], &qos[..]].concat()
    }

    fn get(&self, us: &str, payload: &[u8]) -> Vec<u8> {
        let index = u32::from_be_bytes(payload[16..20].try_into().unwrap());
        let new = self.given.lock().unwrap().insert((us.as_bytes().to_vec(), index));
        if index >= self.chunks || !new {
            return vec![0, 0, 0, 2];
        }
        let key = Sha256::digest([&payload[..16], &index.to_be_bytes()].concat());
        let shown = if self.manner == Manner::OtherChunk { index + 1 } else { index };
        let metadata = match (self.manner, index) {
            (Manner::Changing, 0) => r#"{"age": 1, "qhal_provenance": "Unverified"}"#,
            (Manner::Changing, _) => r#"{"age": 1, "qhal_provenance": "Simulated"}"#,
            _ => "",
        };
        let mut answer = [&[0; 4][..], &shown.to_be_bytes(), &[0, 0, 0, 32], &key].concat();
        answer.extend((metadata.len() as u32).to_be_bytes());
        answer.extend(metadata.as_bytes());
        answer
    }
}

/// A served key manager: its address, the drivers of both applications, and what must live as long.
fn serve(manner: Manner, chunks: u32) -> (Address, [Etsi004; 2], Lab) {
    let mut lab = Lab::new().unwrap();
    let config = configuration(&mut lab, Leaf::Good, Clients::Certified).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let kme = Kme { manner, chunks, given: Mutex::default(), offered: Mutex::default() };
    let kme = Arc::new(kme);
    std::thread::spawn(move || {
        for tcp in listener.incoming().map_while(std::io::Result::ok) {
            let (kme, config) = (kme.clone(), config.clone());
            std::thread::spawn(move || kme.serve(tcp, &config));
        }
    });
    let uris = ["qkd://alice@a", "qkd://bob@b"].map(str::to_owned);
    let drivers = [("alice", 0), ("bob", 1)].map(|(name, own)| {
        let identity = Some(lab.client(name, false).unwrap());
        Etsi004::new(Options {
            tls: Some(Settings { identity, ..Settings::new(lab.trust()) }),
            stream: Some("f81d4fae-7dec-4d0e-a765-00a0c91e6bf6".parse().unwrap()),
            source: Some(uris[own].clone()),
            destination: Some(uris[1 - own].clone()),
            chunk_bits: None,
        })
    });
    (Address::Tcp { host: "127.0.0.1".to_owned(), port }, drivers, lab)
}

fn open(driver: &Etsi004, address: &Address) -> Result<Box<dyn KeyLink>> {
    match driver.open(&driver.identify(address)?)? {
        OpenDevice::KeyLink(link) => Ok(link),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_ends_keep_the_promises_of_a_link() {
    for manner in [Manner::Standard, Manner::OtherTime] {
        let (address, drivers, _lab) = serve(manner, 10_000);
        let nowhere = "serial:/dev/nowhere".parse().unwrap();
        qhal::conformance::driver::check(&drivers[0], &nowhere).unwrap();
        let [mut alice, mut bob] = [0, 1].map(|end: usize| open(&drivers[end], &address).unwrap());
        qhal::conformance::key_link::check(alice.as_mut(), bob.as_mut()).unwrap();
    }
    let (address, drivers, _lab) = serve(Manner::Standard, 1);
    qhal::conformance::key_link::check_exhaustion(open(&drivers[0], &address).unwrap().as_mut()).unwrap();
    // Every opening takes a chunk, and the stream goes on behind it at the same key manager.
    let (address, drivers, _lab) = serve(Manner::Standard, 10_000);
    let descriptor = drivers[1].identify(&address).unwrap();
    assert!(descriptor.id.to_string().ends_with("/f81d4fae-7dec-4d0e-a765-00a0c91e6bf6"), "{descriptor:?}");
    assert_eq!(descriptor.provenance, Provenance::Unverified, "it runs here");
    qhal::conformance::driver::check_open(&drivers[1], &descriptor).unwrap();
}

#[test]
fn either_end_may_begin_and_no_chunk_is_begun_twice() {
    let (address, drivers, _lab) = serve(Manner::Standard, 100);
    let [mut alice, mut bob] = [0, 1].map(|end: usize| open(&drivers[end], &address).unwrap());
    let mut names = HashSet::new();
    for _ in 0..5 {
        let (one, alices) = alice.next_key(256).unwrap();
        let (other, bobs) = bob.next_key(256).unwrap();
        assert!(names.insert(one) && names.insert(other) && alices != bobs);
        assert_eq!((alice.key(&other).unwrap(), bob.key(&one).unwrap()), (bobs, alices));
    }
    let text = names.iter().map(KeyId::to_string).min().unwrap();
    assert!(text.starts_with("f81d4fae-7dec-4d0e-a765-00a0c91e6b"), "{text}");
}

#[test]
fn what_is_not_believed_or_not_there_is_one_sentence() {
    for (manner, kind, words) in [
        (Manner::Alone, ErrorKind::Busy, "has not opened the stream"),
        (Manner::OtherLength, ErrorKind::Unsupported, "set chunk_bits = 512"),
        (Manner::InUse, ErrorKind::Busy, "in use"),
        (Manner::OtherChunk, ErrorKind::Protocol, "chunk 1 came where 0"),
        (Manner::Html, ErrorKind::Protocol, "does not speak ETSI GS QKD 004"),
        (Manner::HangsUp, ErrorKind::Disconnected, "broke the connection off"),
    ] {
        let (address, drivers, _lab) = serve(manner, 10);
        let error = open(&drivers[0], &address).err().unwrap();
        assert!(error.kind() == kind && error.chain().contains(words), "{manner:?}: {error:?}");
    }
    let (address, drivers, _lab) = serve(Manner::Standard, 1);
    let mut link = open(&drivers[0], &address).unwrap();
    link.next_key(256).unwrap();
    let error = link.next_key(256).unwrap_err();
    assert!(error.kind() == ErrorKind::Exhausted && error.message().contains("no key now"), "{error}");
    let (address, drivers, _lab) = serve(Manner::Changing, 10);
    let mut link = open(&drivers[0], &address).unwrap();
    assert_eq!(link.descriptor().provenance, Provenance::Unverified);
    link.next_key(256).unwrap();
    let error = link.next_key(256).unwrap_err();
    assert!(error.kind() == ErrorKind::Unhealthy && error.message().contains("Simulated now"), "{error}");
    // The other end begins with chunk 1, which is simulated from the start.
    let (address, drivers, _lab) = serve(Manner::Changing, 10);
    assert_eq!(open(&drivers[1], &address).unwrap().descriptor().provenance, Provenance::Simulated);
}

#[test]
fn settings_that_are_missing_are_named() {
    let (address, drivers, mut lab) = serve(Manner::Standard, 10);
    let whole = &drivers[0].options;
    // Whatever is missing, an address of another kind is none of its business.
    let nowhere = "serial:/dev/nowhere".parse().unwrap();
    assert_eq!(Etsi004::default().identify(&nowhere).unwrap_err().kind(), ErrorKind::Unsupported);
    for (options, words) in [
        (Options { tls: None, ..whole.clone() }, "ca, certificate and key"),
        (Options { stream: None, ..whole.clone() }, "stream"),
        (Options { source: None, ..whole.clone() }, "source"),
        (Options { destination: None, ..whole.clone() }, "destination"),
        (Options { chunk_bits: Some(12), ..whole.clone() }, "whole bytes"),
    ] {
        let driver = Etsi004::new(options);
        assert!(!driver.recognises(&address), "{words}");
        let error = driver.identify(&address).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains(words), "{error}");
    }
    let stranger = Some(lab.client("mallory", true).unwrap());
    let tls = Settings { identity: stranger, ..Settings::new(lab.trust()) };
    let error = Etsi004::new(Options { tls: Some(tls), ..whole.clone() }).identify(&address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}
