//! Which streams are open, who is there, and where their chunks are: the state behind the calls, without waiting.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use qhal::KeyId;
use tokio::sync::Notify;

use super::{Qos, StreamFigures};

/// Streams at a time.
const MOST_STREAMS: usize = 10_000;
/// Streams that one application may have opened first: nobody keeps the others out.
const MOST_OF_ONE: usize = 500;

/// Whether an application is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has not opened the stream yet.
    Absent,
    /// It has, over this connection; `None` once that is gone, or when the application is another key manager's.
    Open(Option<u64>),
    /// It has closed the stream.
    Closed,
}

/// An application of a stream.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) sae: Arc<str>,
    pub(super) end: End,
}

/// A stream.
#[derive(Debug)]
pub(super) struct KeyStream {
    /// Whose chunks they are: who opened it first, then the other one.
    pub(super) parties: [Party; 2],
    /// The key manager with which its material is shared; this one when both applications are here.
    pub(super) kme: Arc<str>,
    /// Whether chunks are taken here.
    pub(super) owned: bool,
    /// The names that the first application used.
    pub(super) uris: [String; 2],
    pub(super) qos: Qos,
    /// Chunks that are here and that an application here has not got yet.
    pub(super) chunks: BTreeMap<u32, KeyId>,
    /// The first number of which no chunk was ever made.
    pub(super) next: u32,
    /// Whether one is being made: the other end may have it already.
    pub(super) making: bool,
    touched: Instant,
    /// Rings when somebody came or went, or a chunk came.
    pub(super) changed: Arc<Notify>,
    /// Held by whoever makes chunks: each number once, in order.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

impl KeyStream {
    pub(super) fn new(
        [opener, other]: [Arc<str>; 2],
        opened: End,
        (kme, owned): (Arc<str>, bool),
        uris: [String; 2],
        qos: Qos,
    ) -> Self {
        Self {
            parties: [Party { sae: opener, end: opened }, Party { sae: other, end: End::Absent }],
            kme,
            owned,
            uris,
            qos,
            chunks: BTreeMap::new(),
            next: 0,
            making: false,
            touched: Instant::now(),
            changed: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// An application's place in the stream.
    pub(super) fn place(&self, sae: &str) -> Option<usize> {
        self.parties.iter().position(|party| &*party.sae == sae)
    }

    /// Both ends as seen by an application of the stream: its own, the other's.
    pub(super) fn ends(&self, sae: &str) -> Option<[End; 2]> {
        let own = self.place(sae)?;
        Some([self.parties[own].end, self.parties[1 - own].end])
    }

    /// Notes that an application came or went.
    pub(super) fn set(&mut self, sae: &str, end: End) {
        if let Some(place) = self.place(sae) {
            self.parties[place].end = end;
            self.touched = Instant::now();
            self.changed.notify_waiters();
        }
    }

    /// Whether nobody will ask for anything any more.
    pub(super) fn is_over(&self) -> bool {
        self.parties.iter().any(|party| party.end == End::Closed)
            && self.parties.iter().all(|party| !matches!(party.end, End::Open(_)))
    }

    /// Notes a chunk that is here now. Numbers that were left out before it are never made.
    pub(super) fn add(&mut self, index: u32, id: KeyId) {
        self.chunks.insert(index, id);
        self.next = self.next.max(index.saturating_add(1));
        self.touched = Instant::now();
        self.changed.notify_waiters();
    }
}

/// All streams, by name.
#[derive(Debug, Default)]
pub(crate) struct KeyStreams {
    by_id: HashMap<KeyId, KeyStream>,
}

impl KeyStreams {
    pub(super) fn get(&self, id: &KeyId) -> Option<&KeyStream> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &KeyId) -> Option<&mut KeyStream> {
        self.by_id.get_mut(id)
    }

    /// Puts a stream in; `false` when there are too many.
    pub(super) fn insert(&mut self, id: KeyId, stream: KeyStream) -> bool {
        let own = |other: &&KeyStream| other.parties[0].sae == stream.parties[0].sae;
        let room = self.by_id.len() < MOST_STREAMS && self.by_id.values().filter(own).count() < MOST_OF_ONE;
        if room {
            self.by_id.insert(id, stream);
        }
        room
    }

    /// A stream that was opened with these very names and still waits for `sae`.
    pub(super) fn waiting_for(&self, sae: &str, uris: &[String; 2]) -> Option<KeyId> {
        let fits = |stream: &&KeyStream| {
            stream.uris == *uris && matches!(stream.ends(sae), Some([End::Absent, End::Open(_)]))
        };
        self.by_id.iter().find(|(_, stream)| fits(stream)).map(|(id, _)| *id)
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, id: &KeyId) -> Option<KeyStream> {
        let gone = self.by_id.remove(id)?;
        gone.changed.notify_waiters();
        Some(gone)
    }

    /// A connection is gone: its streams stay open and may be taken up over another one.
    pub(super) fn disconnected(&mut self, connection: u64) {
        for party in self.by_id.values_mut().flat_map(|stream| stream.parties.iter_mut()) {
            if party.end == End::Open(Some(connection)) {
                party.end = End::Open(None);
            }
        }
    }

    /// All of them, in the order of their names.
    pub(super) fn figures(&self) -> Vec<StreamFigures> {
        let mut all: Vec<StreamFigures> = self
            .by_id
            .iter()
            .map(|(id, stream)| StreamFigures {
                id: *id,
                parties: stream.parties.clone().map(|party| party.sae),
                open: stream.parties.iter().all(|party| matches!(party.end, End::Open(_))),
                qos: stream.qos.clone(),
            })
            .collect();
        all.sort_by_key(|stream| stream.id);
        all
    }

    /// Takes out streams in which nothing has happened for `lifetime`.
    pub(super) fn idle(&mut self, lifetime: Duration) -> Vec<(KeyId, KeyStream)> {
        let old = |stream: &KeyStream| stream.touched.elapsed() > lifetime;
        let ids: Vec<KeyId> = self.by_id.iter().filter(|(_, s)| old(s)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| Some((id, self.remove(&id)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::qos;
    use super::*;

    fn stream() -> KeyStream {
        let parties = [Arc::from("alice"), Arc::from("bob")];
        let uris = ["qkd://alice@a", "qkd://bob@b"].map(str::to_owned);
        KeyStream::new(parties, End::Open(Some(7)), (Arc::from("kme-b"), true), uris, qos())
    }

    #[test]
    fn a_stream_is_over_once_somebody_closed_it_and_nobody_has_it_open() {
        let mut stream = stream();
        assert_eq!(stream.ends("bob"), Some([End::Absent, End::Open(Some(7))]));
        assert_eq!(stream.ends("carol"), None);
        assert!(!stream.is_over(), "waiting is not over");
        stream.set("bob", End::Open(None));
        stream.set("alice", End::Closed);
        assert!(!stream.is_over(), "bob may still take what is there");
        stream.set("bob", End::Closed);
        assert!(stream.is_over());
    }

    #[test]
    fn streams_are_found_by_the_names_of_their_first_application_while_they_wait() {
        let mut streams = KeyStreams::default();
        let (id, names) = (KeyId([1; 16]), stream().uris);
        assert!(streams.insert(id, stream()));
        assert_eq!(streams.waiting_for("bob", &names), Some(id));
        assert_eq!(streams.waiting_for("alice", &names), None, "that is who opened it");
        assert_eq!(streams.waiting_for("bob", &[names[1].clone(), names[0].clone()]), None);
        streams.get_mut(&id).unwrap().set("bob", End::Open(Some(8)));
        assert_eq!(streams.waiting_for("bob", &names), None, "it waits no more");
        streams.disconnected(7);
        assert_eq!(streams.get(&id).unwrap().ends("alice"), Some([End::Open(None), End::Open(Some(8))]));
        assert!(streams.idle(Duration::from_secs(60)).is_empty());
        assert_eq!(streams.idle(Duration::ZERO).len(), 1);
        for number in 0..=MOST_OF_ONE as u128 {
            let fits = streams.insert(KeyId(number.to_be_bytes()), stream());
            assert_eq!(fits, number < MOST_OF_ONE as u128);
        }
        streams.idle(Duration::ZERO);
        assert!(streams.get(&id).is_none());
    }
}
