//! What this key manager does about streams for another one, and what it forgets.

use std::sync::Arc;
use std::time::Duration;

use qhal::KeyId;

use super::chunks::WINDOW;
use super::registry::{End, KeyStream};
use super::{OpenAnswer, StreamFigures, StreamMessage};
use crate::manager::{Manager, lock};
use crate::peer::{Link, StreamPlace};
use crate::refusal::Refusal;

impl Manager {
    /// A message of another key manager about a stream.
    pub(crate) fn hear(
        self: &Arc<Self>,
        from: &Arc<Link>,
        message: StreamMessage,
    ) -> Result<Option<OpenAnswer>, Refusal> {
        let id = |stream: &str| {
            stream.parse::<KeyId>().map_err(|_| Refusal::bad("that is not the name of a stream"))
        };
        match message {
            StreamMessage::Open { stream, opener, other, source, destination, qos } => {
                let stream = id(&stream)?;
                let (opener, others) = self.stream_targets(from.name(), &opener, &[other])?;
                let other = others.into_iter().next().ok_or(Refusal::Unauthorized)?;
                if qos.counter_offer(super::MOST_CHUNK, u32::MAX).is_some() {
                    return Err(Refusal::bad("no stream can have such a quality of service"));
                }
                let new = KeyStream::new(
                    [opener, other],
                    End::Open(None),
                    (from.name().clone(), false),
                    [source, destination],
                    qos,
                );
                self.opened_there(stream, new).map(Some)
            }
            StreamMessage::Join { stream } => {
                self.theirs(from, &id(&stream)?, |found, other| found.set(&other, End::Open(None)))?;
                Ok(None)
            }
            StreamMessage::Extend { stream, index } => {
                let stream = id(&stream)?;
                let bytes = self.theirs(from, &stream, |found, other| {
                    let near = found.next.saturating_add(WINDOW);
                    let open = matches!(found.ends(&other), Some([End::Open(_), End::Open(_)]));
                    (open && found.owned && index < near).then_some(found.qos.chunk_bytes)
                });
                let bytes = bytes.ok().flatten();
                let bytes =
                    bytes.ok_or_else(|| Refusal::conflict("that chunk is not to be had from here"))?;
                if from.streams().ours.material.free() < u64::from(bytes) {
                    from.wanted.notify_one();
                    return Err(Refusal::unavailable("not enough key material for another chunk"));
                }
                // Answered before it is done: both ends may ask each other at once over one connection each.
                let manager = self.clone();
                tokio::spawn(async move {
                    // The application at the other end asks again.
                    let _ = manager.make_chunks(&stream, index).await;
                });
                Ok(None)
            }
            StreamMessage::Close { stream } => {
                let stream = id(&stream)?;
                let other = self.theirs(from, &stream, |_, other| other)?;
                self.leave(&stream, &other);
                Ok(None)
            }
        }
    }

    /// Does something to a stream that is shared with `from`; the name is that of the application there.
    fn theirs<T>(
        &self,
        from: &Link,
        stream: &KeyId,
        work: impl FnOnce(&mut KeyStream, Arc<str>) -> T,
    ) -> Result<T, Refusal> {
        let mut streams = lock(&self.keystreams);
        let found = streams.get_mut(stream).filter(|found| found.kme == *from.name() && !from.is_local());
        let found = found.ok_or_else(|| Refusal::bad("there is no such stream here"))?;
        let other = found.parties.iter().map(|party| party.sae.clone()).find(|sae| !self.is_here(sae));
        let other = other.ok_or(Refusal::Unauthorized)?;
        Ok(work(found, other))
    }

    /// A stream that was opened at the other key manager.
    fn opened_there(&self, stream: KeyId, new: KeyStream) -> Result<OpenAnswer, Refusal> {
        let taken = || Refusal::conflict("a stream of that name is in use");
        let [opener, other] = new.parties.clone().map(|party| party.sae);
        let mut streams = lock(&self.keystreams);
        let Some(found) = streams.get_mut(&stream) else {
            let qos = new.qos.clone();
            if !streams.insert(stream, new) {
                return Err(Refusal::unavailable("too many streams are open"));
            }
            return Ok(OpenAnswer { owner: true, joined: false, qos });
        };
        if found.kme != new.kme || found.place(&opener).is_none() || found.place(&other).is_none() {
            return Err(taken());
        }
        let theirs_first = *found.kme < *self.settings().kme.id;
        let never_used = found.next == 0 && found.chunks.is_empty();
        match found.ends(&other) {
            // Their key manager has forgotten it and our application has never seen it.
            Some([End::Absent, _]) if never_used => {
                let qos = new.qos.clone();
                *found = new;
                Ok(OpenAnswer { owner: true, joined: false, qos })
            }
            // Both opened it at once: chunks come from the key manager whose name comes first.
            Some([End::Open(_), End::Absent | End::Open(_)])
                if never_used && (found.owned || theirs_first) =>
            {
                if found.owned && theirs_first {
                    found.owned = false;
                    found.parties.reverse();
                    found.qos = new.qos;
                }
                let owner = theirs_first;
                found.set(&opener, End::Open(None));
                Ok(OpenAnswer { owner, joined: true, qos: found.qos.clone() })
            }
            _ => Err(taken()),
        }
    }

    /// Checks that a chunk which another key manager gives may be put into that stream; gives how long it is kept.
    pub(crate) fn check_chunk(
        &self,
        from: &Link,
        place: &StreamPlace,
        bytes: u64,
    ) -> Result<(KeyId, Duration), Refusal> {
        let stream = place.stream.parse().map_err(|_| Refusal::bad("that is not the name of a stream"))?;
        let fits = self.theirs(from, &stream, |found, _| {
            let fits = !found.owned && place.index >= found.next && bytes == u64::from(found.qos.chunk_bytes);
            let waits =
                found.parties.iter().any(|party| self.is_here(&party.sae) && party.end != End::Closed);
            (fits && waits).then(|| self.chunk_lifetime(&found.qos))
        })?;
        fits.map(|lifetime| (stream, lifetime)).ok_or_else(|| Refusal::bad("that chunk has no place here"))
    }

    /// Notes a chunk that another key manager gave.
    pub(crate) fn add_chunk(&self, stream: &KeyId, index: u32, id: KeyId) {
        if let Some(found) = lock(&self.keystreams).get_mut(stream) {
            found.add(index, id);
        }
    }

    /// An application closes a stream: what waits for it here is wiped, and the stream goes once both have closed it.
    pub(super) fn leave(&self, stream: &KeyId, sae: &str) {
        let (ids, over) = {
            let mut streams = lock(&self.keystreams);
            let Some(found) = streams.get_mut(stream) else { return };
            found.set(sae, End::Closed);
            let ids: Vec<KeyId> = found.chunks.values().copied().collect();
            let over = found.is_over();
            if over {
                streams.remove(stream);
                lock(&self.consumption).forget(stream);
            }
            (ids, over)
        };
        for id in ids {
            if over {
                self.forget(&id);
            } else {
                self.renounce(&id, sae);
            }
        }
    }

    /// The streams that there are.
    pub(crate) fn stream_figures(&self) -> Vec<StreamFigures> {
        lock(&self.keystreams).figures()
    }

    /// A connection is gone; its streams wait for another one.
    pub(crate) fn disconnected(&self, connection: u64) {
        lock(&self.keystreams).disconnected(connection);
    }

    /// Forgets streams in which nothing has happened for as long as a key is kept.
    pub(crate) fn sweep_streams(&self) {
        let lifetime = Duration::from_secs(self.settings().kme.key_lifetime_s);
        let gone = lock(&self.keystreams).idle(lifetime);
        for (stream, gone) in gone {
            gone.chunks.values().for_each(|id| self.forget(id));
            lock(&self.consumption).forget(&stream);
        }
    }
}
