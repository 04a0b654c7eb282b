//! Key streams from two key managers to two applications: calls, statuses and rules of ETSI GS QKD 004 V2.1.1 on the wire.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Client, Lab, Running, wait};
use qhal_kme::{Alone, PairSection};
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

type Id = [u8; 16];
const NOBODY: Id = [0; 16];
const ALICE: &str = "qkd://alice@site-a";
const BOB: &str = "qkd://bob@site-b";

/// An application at a wire, in the format of the ports of ETSI's reference program.
struct App(StreamOwned<ClientConnection, TcpStream>);

/// What OPEN_CONNECT gave: the status; chunk size, time limit, time to live; the type of metadata; the stream.
#[derive(Debug, PartialEq)]
struct Opened(u32, [u32; 3], String, Id);

impl App {
    fn new(lab: &Lab, name: &str, kme: &Running) -> Self {
        Self(Client::new(lab.folder.path(), name, kme.streams).connect().unwrap())
    }

    fn call(&mut self, service: u8, payload: &[u8]) -> Vec<u8> {
        self.ask(service, payload);
        self.answer(service)
    }

    fn ask(&mut self, service: u8, payload: &[u8]) {
        let mut message = vec![1, 0, 1, service];
        message.extend((payload.len() as u32).to_be_bytes());
        message.extend(payload);
        self.0.write_all(&message).unwrap();
        self.0.flush().unwrap();
    }

    fn answer(&mut self, service: u8) -> Vec<u8> {
        let mut head = [0; 8];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[..4], [1, 0, 1, service | 1]);
        let mut payload = vec![0; number(&head, 4) as usize];
        self.0.read_exact(&mut payload).unwrap();
        payload
    }

    fn open(&mut self, [source, destination]: [&str; 2], chunk: u32, timeout_ms: u32, id: Id) -> Opened {
        self.ask(2, &opening([source, destination], [chunk, timeout_ms, 600], "application/json", id));
        self.opened()
    }

    fn opened(&mut self) -> Opened {
        let answer = self.answer(2);
        if answer.len() == 4 {
            return Opened(number(&answer, 0), [0; 3], String::new(), NOBODY);
        }
        assert_eq!(answer.len(), 4 + 284 + 16);
        let qos = [number(&answer, 4), number(&answer, 24), number(&answer, 28)];
        let text = answer[32..288].split(|byte| *byte == 0).next().unwrap();
        Opened(
            number(&answer, 0),
            qos,
            String::from_utf8(text.to_vec()).unwrap(),
            answer[288..].try_into().unwrap(),
        )
    }

    /// The status, the chunk and its metadata.
    fn get(&mut self, id: Id, index: u32, room: u32) -> (u32, Vec<u8>, Value) {
        let answer = self.call(4, &[&id[..], &index.to_be_bytes(), &room.to_be_bytes()].concat());
        let status = number(&answer, 0);
        if status != 0 {
            let needed = if status == 8 { number(&answer, 4) } else { 0 };
            assert_eq!(answer.len(), if status == 8 { 8 } else { 4 });
            return (status, Vec::new(), needed.into());
        }
        assert_eq!(number(&answer, 4), index);
        let length = number(&answer, 8) as usize;
        let (chunk, rest) = answer[12..].split_at(length);
        assert_eq!(number(rest, 0) as usize, rest.len() - 4);
        let metadata =
            if rest.len() == 4 { Value::Null } else { serde_json::from_slice(&rest[4..]).unwrap() };
        (status, chunk.to_vec(), metadata)
    }

    fn key(&mut self, id: Id, index: u32) -> Vec<u8> {
        let (status, chunk, _) = self.get(id, index, 1024);
        assert_eq!(status, 0, "chunk {index}");
        chunk
    }

    fn close(&mut self, id: Id) -> u32 {
        number(&self.call(8, &id), 0)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn opening([source, destination]: [&str; 2], qos: [u32; 3], mimetype: &str, id: Id) -> Vec<u8> {
    let [chunk, timeout_ms, ttl_s] = qos;
    let mut payload = [source.as_bytes(), b"\0", destination.as_bytes(), b"\0"].concat();
    payload
        .extend([chunk, 40_000, 5000, 10, 0, timeout_ms, ttl_s].iter().flat_map(|value| value.to_be_bytes()));
    let mut field = mimetype.as_bytes().to_vec();
    field.resize(256, 0);
    payload.extend(field);
    payload.extend(id);
    payload
}

/// Both ends of a stream of chunks of 48 bytes.
fn both(lab: &Lab, [a, b]: [&Running; 2]) -> ([App; 2], Id) {
    let (mut alice, mut bob) = (App::new(lab, "alice", a), App::new(lab, "bob", b));
    let Opened(status, qos, mimetype, id) = alice.open([ALICE, BOB], 48, 2000, NOBODY);
    assert_eq!((status, qos, mimetype.as_str()), (1, [48, 2000, 600], "application/json"));
    // What was registered first holds, whatever the second asks for.
    assert_eq!(bob.open([BOB, ALICE], 32, 1, id), Opened(0, qos, mimetype, id));
    ([alice, bob], id)
}

#[test]
fn both_applications_take_the_same_chunks_once() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let ([mut alice, mut bob], id) = both(&lab, [&a, &b]);
    let (status, first, metadata) = alice.get(id, 0, 1024);
    assert_eq!((status, first.len()), (0, 48));
    assert_eq!((&metadata["hops"], &metadata["qhal_provenance"]), (&0.into(), &"Simulated".into()));
    assert!(metadata["age"].as_u64() < Some(60_000), "{metadata}");
    assert_eq!(bob.key(id, 0), first);
    // Either may be ahead, and they need not ask in order.
    let bobs: Vec<_> = [5, 1, 2, 3, 4].map(|index| bob.key(id, index)).into();
    let alices: Vec<_> = [5, 1, 2, 3, 4].map(|index| alice.key(id, index)).into();
    assert_eq!(alices, bobs);
    let mut all = [&alices[..], &[first]].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "no chunk is like another");
    for app in [&mut alice, &mut bob] {
        assert_eq!(app.get(id, 3, 1024).0, 2, "a chunk is given once");
        assert_eq!(app.get(id, 1_000_000, 1024).0, 2, "far beyond what was made");
    }
    assert_eq!(bob.key(id, 6), alice.key(id, 6), "and none of that costs a chunk");
    assert_eq!((a.manager.waiting(), b.manager.waiting()), (0, 0));
}

#[test]
fn metadata_are_as_long_as_there_is_room_for() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let ([mut alice, mut bob], id) = both(&lab, [&a, &b]);
    let (status, _, needed) = alice.get(id, 0, 4);
    let needed = needed.as_u64().unwrap() as u32;
    assert!(status == 8 && needed > 4, "{status} {needed}");
    let (status, key, metadata) = alice.get(id, 0, needed + 3);
    assert!(status == 0 && metadata["hops"] == 0 && metadata["qhal_provenance"].is_null(), "{metadata}");
    let (_, same, none) = bob.get(id, 0, 0);
    assert_eq!((same, none), (key, Value::Null));
}

#[test]
fn what_cannot_be_opened_has_the_status_for_it() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let ([mut alice, mut bob], id) = both(&lab, [&a, &b]);
    let status = |opened: Opened| opened.0;
    for names in [
        ["client", BOB],
        [ALICE, "server"],
        [ALICE, "qkd://carol@site-b"],
        [ALICE, "qkd://alice@site-a"],
        [BOB, "qkd://bert@site-b"],
    ] {
        assert_eq!(status(alice.open(names, 32, 0, NOBODY)), 4, "{names:?}");
    }
    // Somebody else's stream, and one's own over a second connection.
    let mut anna = App::new(&lab, "anna", &a);
    assert_eq!(status(anna.open(["qkd://anna@site-a", BOB], 32, 0, id)), 5);
    assert_eq!(status(App::new(&lab, "alice", &a).open([ALICE, BOB], 32, 0, id)), 5);
    assert_eq!(anna.get(id, 0, 0).0, 3);
    assert_eq!(anna.close(id), 3);
    assert_eq!((alice.get([7; 16], 0, 0).0, alice.close([7; 16])), (3, 3));
    // A counter-offer is open as offered, and may be taken up.
    for (qos, mimetype, offered) in [
        ([1 << 20, 0, 600], "application/json", [8000, 0, 600]),
        ([32, 0, 1_000_000], "application/json", [32, 0, 3600]),
        ([32, 0, 600], "text/xml", [32, 0, 600]),
    ] {
        alice.ask(2, &opening([ALICE, BOB], qos, mimetype, NOBODY));
        let Opened(status, qos, mimetype, id) = alice.opened();
        assert_eq!((status, qos, mimetype.as_str()), (7, offered, "application/json"));
        assert_eq!(alice.open([ALICE, BOB], offered[0], 0, id).0, 1);
        assert_eq!(bob.open([BOB, ALICE], offered[0], 0, id).0, 0);
        assert_eq!(alice.key(id, 0), bob.key(id, 0));
    }
    // Nobody is served without a certificate that names an application.
    let mut mallory = App::new(&lab, "mallory", &a);
    assert!(mallory.0.write_all(&[1, 0, 1, 8]).is_err() || mallory.0.read_exact(&mut [0; 8]).is_err());
}

#[test]
fn names_agreed_on_before_bring_both_together_whoever_is_first() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    for round in 0..8_u8 {
        let id = [round + 1; 16];
        let mut apps = [App::new(&lab, "alice", &a), App::new(&lab, "bob", &b)];
        let calls = [[ALICE, BOB], [BOB, ALICE]];
        // At once, or one after the other; each waits for the other one.
        let order = [[0, 1], [1, 0]][usize::from(round % 2)];
        for end in order {
            apps[end].ask(2, &opening(calls[end], [32, 20_000, 600], "", id));
            std::thread::sleep(Duration::from_millis(u64::from(round / 4) * 100));
        }
        let [one, other] = apps.each_mut().map(App::opened);
        assert_eq!((&one, one.0), (&other, 0));
        let [alice, bob] = &mut apps;
        assert_eq!(
            (0..4).map(|index| alice.key(id, index)).collect::<Vec<_>>(),
            (0..4).map(|index| bob.key(id, index)).collect::<Vec<_>>()
        );
    }
    let began = Instant::now();
    let mut alice = App::new(&lab, "alice", &a);
    let Opened(status, ..) = alice.open([ALICE, BOB], 32, 300, [99; 16]);
    assert!(status == 1 && began.elapsed() >= Duration::from_millis(300), "it waits as long as it was told");
    assert_eq!(alice.get([99; 16], 0, 0).0, 3, "nobody to share it with yet");
    // The same two names in the same order and no name for the stream: that is the one that waits.
    let Opened(_, _, _, id) = alice.open([ALICE, "qkd://bert@site-b"], 32, 0, NOBODY);
    let mut bert = App::new(&lab, "bert", &b);
    assert_eq!(
        bert.open([ALICE, "qkd://bert@site-b"], 32, 0, NOBODY),
        Opened(0, [32, 0, 600], "application/json".to_owned(), id)
    );
    assert_eq!(alice.key(id, 0), bert.key(id, 0));
}

#[test]
fn an_application_takes_no_more_than_it_may_nor_uses_it_up() {
    let lab = Lab::new();
    let mut settings = lab.settings(0);
    settings.saes[0].keys_per_second = Some(4);
    let (a, b) = (lab.start_with(settings, 0, 1), lab.start(1, 2));
    [&a, &b].into_iter().for_each(common::wait_for_keys);
    let (mut alice, mut bob) = (App::new(&lab, "alice", &a), App::new(&lab, "bob", &b));
    let Opened(_, _, _, id) = alice.open([ALICE, BOB], 32, 0, NOBODY);
    bob.open([BOB, ALICE], 32, 0, id);
    // Nine chunks to get to the tenth would be more than a second's worth.
    assert_eq!(alice.get(id, 9, 0).0, 2);
    assert_eq!((a.manager.waiting(), b.manager.waiting()), (0, 0), "nothing was made for it");
    let taken = (0..8).filter(|index| alice.get(id, *index, 0).0 == 0).count();
    assert!((1..8).contains(&taken), "{taken}");
    let key = bob.key(id, 0);
    wait("a second later there is more", || alice.get(id, taken as u32, 0).0 == 0);
    assert_eq!(key.len(), 32);
}

#[test]
fn after_a_close_the_other_end_takes_what_is_there() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    for closes in [0, 1] {
        let (mut apps, id) = both(&lab, [&a, &b]);
        let kept: Vec<_> = (0..3).map(|index| apps[closes].key(id, index)).collect();
        assert_eq!(apps[closes].close(id), 0);
        assert_eq!((apps[closes].close(id), apps[closes].get(id, 0, 0).0), (3, 3));
        let other = &mut apps[1 - closes];
        assert_eq!((0..3).map(|index| other.key(id, index)).collect::<Vec<_>>(), kept);
        // Until its key manager has heard of it, one chunk after the other may still be made.
        let mut next = 3..;
        wait("the other key manager knows", || other.get(id, next.next().unwrap(), 0).0 == 3);
        assert_eq!(other.close(id), 0);
        assert_eq!((a.manager.waiting(), b.manager.waiting()), (0, 0), "nothing is left of it");
    }
}

#[test]
fn applications_of_one_site_have_streams_too_and_pairs_are_kept_apart() {
    let lab = Lab::new();
    let pair = |master: &str, slave: &str| PairSection { master: master.to_owned(), slave: slave.to_owned() };
    let with = |own: usize| {
        let mut settings = lab.settings(own);
        settings.pairs = vec![pair("alice", "anna"), pair("alice", "bob")];
        settings.saes[1].uris = vec!["urn:anna".to_owned()];
        settings.kme.streams_alone = Alone::Success;
        lab.start_with(settings, own, own as u64)
    };
    let [a, b] = [0, 1].map(with);
    [&a, &b].into_iter().for_each(common::wait_for_keys);
    let (mut alice, mut anna) = (App::new(&lab, "alice", &a), App::new(&lab, "anna", &a));
    let Opened(status, _, _, id) = anna.open(["urn:anna", ALICE], 32, 0, NOBODY);
    assert_eq!(status, 0, "as it was configured");
    assert_eq!(anna.get(id, 0, 0).0, 3, "alone all the same");
    assert_eq!(alice.open([ALICE, "urn:anna"], 32, 0, id).0, 0);
    assert_eq!(
        (0..3).map(|index| alice.key(id, index)).collect::<Vec<_>>(),
        (0..3).map(|index| anna.key(id, index)).collect::<Vec<_>>()
    );
    assert_eq!((anna.close(id), alice.close(id), a.manager.waiting()), (0, 0, 0));
    assert_eq!(anna.open(["urn:anna", BOB], 32, 0, NOBODY).0, 4, "no such pair");
    let mut bob = App::new(&lab, "bob", &b);
    let Opened(status, _, _, id) = bob.open([BOB, ALICE], 32, 0, NOBODY);
    assert_eq!((status, alice.open([ALICE, BOB], 32, 0, id).0), (0, 0), "a stream is for both alike");
    assert_eq!(alice.key(id, 0), bob.key(id, 0));
}

#[test]
fn a_key_manager_that_begins_anew_never_gives_two_chunks_of_one_number() {
    let lab = Lab::new();
    let [a, b] = lab.both();
    let ([mut alice, mut bob], id) = both(&lab, [&a, &b]);
    let first = alice.key(id, 0);
    drop((alice, a));
    let a = lab.start(0, 7);
    common::wait_for_keys(&a);
    let mut alice = App::new(&lab, "alice", &a);
    // The other end still has its half of a stream of that name.
    assert_eq!(alice.open([ALICE, BOB], 48, 0, id).0, 5);
    assert_eq!(bob.key(id, 0), first, "what was given before is there");
    wait("the loss is told", || bob.get(id, 1, 0).0 == 3);
    assert_eq!(bob.close(id), 0);
    wait("both key managers have found each other again", || {
        let Opened(status, _, _, id) = alice.open([ALICE, BOB], 48, 0, NOBODY);
        status == 1 && bob.open([BOB, ALICE], 48, 0, id).0 == 0 && {
            let (status, chunk, _) = alice.get(id, 0, 0);
            status == 0 && bob.key(id, 0) == chunk
        }
    });
}
