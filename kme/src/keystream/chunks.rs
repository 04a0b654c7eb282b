//! GET_KEY: chunks of a stream, each made once, in order, and given once to each application (ETSI GS QKD 004 V2.1.1 §6).

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use qhal::KeyId;
use serde_json::json;
use zeroize::Zeroizing;

use super::registry::End;
use super::{Qos, Status, StreamMessage};
use crate::audit::Event;
use crate::manager::{Manager, lock};
use crate::refusal::Refusal;
use crate::store::{Found, Held, Place};
use crate::telemetry::Consumer;

/// Chunks that may be asked for beyond the ones that were made: both ends ask in nearly the same order.
pub(super) const WINDOW: u32 = 64;
/// How long a call waits between two attempts to get material.
const PAUSE: Duration = Duration::from_millis(20);
/// How long it waits for a chunk that the other key manager makes before it asks for it again.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// A chunk with its metadata.
pub(crate) struct Chunk {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// JSON, or nothing where none was wanted.
    pub(crate) metadata: String,
}

/// Whether a chunk can be given now.
enum Ready {
    /// It is here: its name as a key, and who opened the stream.
    Chunk(KeyId, Arc<str>),
    /// It has to be made, here or by the other key manager.
    Missing { owned: bool, skipped: u32, patience: Duration, changed: Arc<tokio::sync::Notify> },
}

impl Manager {
    /// GET_KEY: the chunk of this number, once for each application; metadata of up to `room` bytes come with it.
    pub(crate) async fn stream_chunk(
        &self,
        sae: &str,
        stream: &KeyId,
        index: u32,
        room: u32,
    ) -> Result<Chunk, Status> {
        let began = Instant::now();
        let mut paid = 0;
        loop {
            let (owned, skipped, patience, changed) = match self.ready(sae, stream, index)? {
                Ready::Chunk(id, opener) => return self.take_chunk(sae, stream, index, (&id, &opener), room),
                Ready::Missing { owned, skipped, patience, changed } => (owned, skipped, patience, changed),
            };
            // Who asks ahead uses material up that nobody may come for: it counts as taken.
            if skipped > paid {
                self.charge(sae, stream, skipped - paid)?;
                paid = skipped;
            }
            let changed = changed.notified();
            tokio::pin!(changed);
            // On the list before anything is asked for, so that no ring is missed.
            changed.as_mut().enable();
            let outcome = if owned {
                self.make_chunks(stream, index).await
            } else {
                self.ask_owner(stream, |stream| StreamMessage::Extend { stream, index }).await
            };
            let (pause, patience) = match outcome {
                // Made here: it is there now, or its number is lost.
                Ok(()) if owned => continue,
                Ok(()) => (ON_ITS_WAY, patience.max(ON_ITS_WAY)),
                // The key manager that owns the stream knows it no more.
                Err(Refusal::Conflict(_)) if !owned => return Err(Status::PeerNotConnected),
                Err(_) => (PAUSE, patience),
            };
            let Some(left) = patience.checked_sub(began.elapsed()) else {
                return Err(Status::InsufficientKey);
            };
            let _ = tokio::time::timeout(pause.min(left), changed).await;
        }
    }

    fn ready(&self, sae: &str, stream: &KeyId, index: u32) -> Result<Ready, Status> {
        let streams = lock(&self.keystreams);
        let found = streams.get(stream).ok_or(Status::PeerNotConnected)?;
        let Some([End::Open(_), partner]) = found.ends(sae) else { return Err(Status::PeerNotConnected) };
        if partner == End::Absent {
            return Err(Status::PeerNotConnected);
        }
        if let Some(id) = found.chunks.get(&index) {
            return Ok(Ready::Chunk(*id, found.parties[0].sae.clone()));
        }
        if index < found.next || index - found.next >= WINDOW {
            return Err(Status::InsufficientKey);
        }
        if partner == End::Closed && !found.making {
            return Err(Status::PeerNotConnected);
        }
        let patience = Duration::from_millis(u64::from(found.qos.timeout_ms));
        let (skipped, changed) = (index - found.next, found.changed.clone());
        Ok(Ready::Missing { owned: found.owned, skipped, patience, changed })
    }

    /// Gives a chunk that is here.
    fn take_chunk(
        &self,
        sae: &str,
        stream: &KeyId,
        index: u32,
        (id, opener): (&KeyId, &Arc<str>),
        room: u32,
    ) -> Result<Chunk, Status> {
        let (qos, partner, kme) = {
            let streams = lock(&self.keystreams);
            let found = streams.get(stream).ok_or(Status::PeerNotConnected)?;
            let partner = found.parties.iter().find(|party| *party.sae != *sae);
            let partner = partner.map(|party| party.sae.clone()).ok_or(Status::PeerNotConnected)?;
            (found.qos.clone(), partner, found.kme.clone())
        };
        let mut held = lock(&self.held);
        let key = match held.find(id, opener, sae) {
            Found::Key(key) => key,
            // It had its time.
            Found::Unknown | Found::NotTheirs => return Err(Status::InsufficientKey),
        };
        let left = key.expires.saturating_duration_since(Instant::now());
        let metadata = self.metadata(&qos, self.chunk_lifetime(&qos).saturating_sub(left), &kme, room)?;
        let bytes = self.bytes(&key.place).ok_or(Status::InsufficientKey)?;
        self.charge(sae, stream, 1)?;
        let recorded = self.trail.note(|| {
            if **opener == *sae {
                let bits = qos.chunk_bytes * 8;
                Event::Given { master: sae, slaves: vec![&*partner], keys: vec![*id], bits }
            } else {
                Event::Fetched { slave: sae, master: opener, keys: vec![*id] }
            }
        });
        recorded.map_err(|_| Status::InsufficientKey)?;
        if let Some(done) = held.fetched(id, sae) {
            self.wipe(&done.place);
            drop(held);
            if let Some(found) = lock(&self.keystreams).get_mut(stream) {
                found.chunks.remove(&index);
            }
        }
        let bits = 8 * bytes.len() as u64;
        lock(&self.consumption).add(Consumer::Stream(*stream), bits, SystemTime::now());
        Ok(Chunk { bytes, metadata })
    }

    /// Takes chunks off what an application may have; each counts as the keys of usual length that it could be.
    fn charge(&self, sae: &str, stream: &KeyId, chunks: u32) -> Result<(), Status> {
        let bytes = lock(&self.keystreams).get(stream).map(|found| found.qos.chunk_bytes);
        let worth = (bytes.ok_or(Status::PeerNotConnected)? * 8).div_ceil(self.settings().kme.key_bits);
        let application = self.sae(sae).map_err(|_| Status::NoConnection)?;
        let outcome = self.check_quota(application, worth.saturating_mul(chunks));
        outcome.map_err(|_| Status::InsufficientKey)
    }

    /// What is said of a chunk (§6.5): its age in milliseconds and the links it went over beyond the first; and where its bits came
    /// from, if there is room for that, too.
    fn metadata(&self, qos: &Qos, age: Duration, kme: &str, room: u32) -> Result<String, Status> {
        if qos.mimetype.is_empty() || room == 0 {
            return Ok(String::new());
        }
        let mut document = json!({ "age": u32::try_from(age.as_millis()).unwrap_or(u32::MAX), "hops": 0 });
        let short = document.to_string();
        let fits = |text: &str| text.len() <= room as usize;
        if !fits(&short) {
            return Err(Status::MetadataTooLong(short.len() as u32));
        }
        if let Some(provenance) = self.link(kme).and_then(|link| link.state(1).provenance) {
            document["qhal_provenance"] = json!(provenance.to_string());
        }
        let long = document.to_string();
        Ok(if fits(&long) { long } else { short })
    }

    /// Takes material for the chunks up to `index`, and has the other key manager hold them.
    pub(super) async fn make_chunks(&self, stream: &KeyId, index: u32) -> Result<(), Refusal> {
        let gone = || Refusal::bad("there is no such stream");
        let turn = lock(&self.keystreams).get(stream).ok_or_else(gone)?.turn.clone();
        let _turn = turn.lock().await;
        loop {
            let (number, kme, parties, qos) = {
                let mut streams = lock(&self.keystreams);
                let found = streams.get_mut(stream).filter(|found| found.owned).ok_or_else(gone)?;
                if found.next > index {
                    return Ok(());
                }
                if found.parties.iter().any(|party| !matches!(party.end, End::Open(_))) {
                    return Err(gone());
                }
                found.making = true;
                let parties = found.parties.clone().map(|party| party.sae);
                (found.next, found.kme.clone(), parties, found.qos.clone())
            };
            let made = self.make_chunk(stream, number, &kme, &parties, &qos).await;
            if let Some(found) = lock(&self.keystreams).get_mut(stream) {
                found.making = false;
                found.changed.notify_waiters();
            }
            made?;
        }
    }

    /// Takes material for one chunk. Whether it comes to be or not, unless nothing was sent its number is never used again.
    async fn make_chunk(
        &self,
        stream: &KeyId,
        number: u32,
        kme: &Arc<str>,
        parties: &[Arc<str>; 2],
        qos: &Qos,
    ) -> Result<(), Refusal> {
        let link = self.link(kme).ok_or_else(|| Refusal::bad("there is no such stream"))?;
        let (local, remote): (Vec<_>, Vec<_>) = parties.iter().cloned().partition(|sae| self.is_here(sae));
        let place = Some((*stream, number));
        let pending = link.promise(&parties[0], &remote, 1, u64::from(qos.chunk_bytes), place)?;
        let promise = match pending.confirmed().await {
            Ok(promise) => promise,
            Err(Refusal::Conflict(why)) => return Err(Refusal::Conflict(why)),
            Err(other) => {
                // Whether the other end has it cannot be known.
                if let Some(found) = lock(&self.keystreams).get_mut(stream) {
                    found.next = number.saturating_add(1);
                }
                return Err(other);
            }
        };
        for (id, range) in promise.into_keys() {
            let expires = Instant::now() + self.chunk_lifetime(qos);
            let place = Place::Ours(kme.clone(), range);
            let held = Held { master: parties[0].clone(), waiting: local.clone(), place, expires };
            self.hold(id, held)?;
            if let Some(found) = lock(&self.keystreams).get_mut(stream) {
                found.add(number, id);
            }
        }
        Ok(())
    }

    /// How long a chunk waits for its applications.
    pub(super) fn chunk_lifetime(&self, qos: &Qos) -> Duration {
        let usual = self.settings().kme.key_lifetime_s;
        Duration::from_secs(if qos.ttl_s == 0 { usual } else { u64::from(qos.ttl_s).min(usual) })
    }
}
