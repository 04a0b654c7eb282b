//! OPEN_CONNECT and CLOSE: two applications come to a stream and leave it (ETSI GS QKD 004 V2.1.1 §6).

use std::sync::Arc;
use std::time::Duration;

use qhal::KeyId;

use super::registry::{End, KeyStream};
use super::{MOST_CHUNK, OpenAnswer, Qos, Status, StreamMessage};
use crate::manager::{Manager, lock};
use crate::peer::{Link, Request};
use crate::refusal::Refusal;

/// OPEN_CONNECT as an application calls it.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) qos: Qos,
    /// `None` where the key manager is to give a name.
    pub(crate) stream: Option<KeyId>,
}

/// What comes of it. Quality of service and name are there for the statuses 0, 1 and 7.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: Status,
    pub(crate) qos: Qos,
    pub(crate) stream: KeyId,
}

impl Manager {
    /// OPEN_CONNECT of the application `sae` over the connection of that number.
    pub(crate) async fn open_stream(
        &self,
        sae: &str,
        connection: u64,
        opening: &Opening,
    ) -> Result<Opened, Status> {
        let [own, other] = self.parties(sae, &opening.source, &opening.destination)?;
        let uris = [opening.source.clone(), opening.destination.clone()];
        let named = opening.stream.or_else(|| lock(&self.keystreams).waiting_for(&own, &uris));
        let stream = match named {
            Some(stream) => stream,
            None => Self::new_id().map_err(|_| Status::NoConnection)?,
        };
        let most = u32::try_from(self.capacity() / 4).unwrap_or(u32::MAX).clamp(1, MOST_CHUNK);
        let lifetime = u32::try_from(self.settings().kme.key_lifetime_s).unwrap_or(u32::MAX);
        let offer = opening.qos.counter_offer(most, lifetime);
        let joined = self.join(&stream, &own, connection)?;
        if let Some(first_time) = joined {
            // The other key manager knows of it before this application is told that all is well.
            if first_time && !self.is_here(&other) {
                let heard = self.ask_owner(&stream, |stream| StreamMessage::Join { stream }).await;
                heard.map_err(|refusal| self.cannot_open(&stream, &own, &refusal))?;
            }
        } else {
            let link = self.stream_link(&own, &other).ok_or(Status::NoConnection)?.clone();
            let qos = offer.clone().unwrap_or_else(|| opening.qos.clone());
            self.register(&stream, [own.clone(), other], connection, &link, uris, qos).await?;
        }
        // A name that nobody could know yet is told at once: the other application needs it.
        let patience = if named.is_none() { 0 } else { opening.qos.timeout_ms };
        let wait = self.wait_for_partner(&stream, &own, Duration::from_millis(u64::from(patience)));
        let (qos, there) = wait.await?;
        let status = match there {
            // Whoever joins takes what holds for the stream; only who opens it is made an offer.
            _ if joined.is_none() && offer.is_some() => Status::QosNotMet,
            true => Status::Success,
            false => Status::PeerAbsent,
        };
        Ok(Opened { status, qos, stream })
    }

    /// Notes that an application has a stream open, and whether it had not been there before; `None` when there is no such
    /// stream.
    fn join(&self, stream: &KeyId, sae: &str, connection: u64) -> Result<Option<bool>, Status> {
        let mut streams = lock(&self.keystreams);
        let Some(found) = streams.get_mut(stream) else { return Ok(None) };
        let first_time = match found.ends(sae) {
            Some([End::Absent, _]) => true,
            Some([End::Open(None), _]) => false,
            Some([End::Open(Some(known)), _]) if known == connection => false,
            _ => return Err(Status::InUse),
        };
        found.set(sae, End::Open(Some(connection)));
        Ok(Some(first_time))
    }

    /// The status for a stream that the other key manager does not take part in; it is not open here, then.
    fn cannot_open(&self, stream: &KeyId, sae: &str, refusal: &Refusal) -> Status {
        let mut streams = lock(&self.keystreams);
        if let Some(found) = streams.get_mut(stream) {
            found.set(sae, End::Absent);
        }
        match refusal {
            Refusal::Conflict(_) => Status::InUse,
            Refusal::Late(_) => Status::TimedOut,
            _ => Status::NoConnection,
        }
    }

    /// A stream that was not known here: chunks will be taken here, unless the other key manager was first.
    async fn register(
        &self,
        stream: &KeyId,
        parties: [Arc<str>; 2],
        connection: u64,
        link: &Arc<Link>,
        uris: [String; 2],
        qos: Qos,
    ) -> Result<(), Status> {
        let [opener, other] = parties.clone().map(|sae| sae.to_string());
        let [source, destination] = uris.clone();
        let message = StreamMessage::Open {
            stream: stream.to_string(),
            opener,
            other,
            source,
            destination,
            qos: qos.clone(),
        };
        let new = KeyStream::new(
            parties.clone(),
            End::Open(Some(connection)),
            (link.name().clone(), true),
            uris,
            qos,
        );
        if !lock(&self.keystreams).insert(*stream, new) {
            return Err(Status::NoConnection);
        }
        if link.is_local() {
            return Ok(());
        }
        match self.ask_about_stream(link, message).await {
            Ok(answer) => {
                self.settled(stream, &parties[1], answer);
                Ok(())
            }
            Err(refusal) => {
                let status = self.cannot_open(stream, &parties[0], &refusal);
                let mut streams = lock(&self.keystreams);
                // Both opened it at once, and this end gave way meanwhile: all is well.
                if let Some(found) = streams.get_mut(stream).filter(|found| !found.owned) {
                    found.set(&parties[0], End::Open(Some(connection)));
                    return Ok(());
                }
                streams.remove(stream);
                Err(status)
            }
        }
    }

    /// What the other key manager answered to a stream that was opened here.
    fn settled(&self, stream: &KeyId, other: &str, answer: Option<OpenAnswer>) {
        let mut streams = lock(&self.keystreams);
        let (Some(found), Some(answer)) = (streams.get_mut(stream), answer) else { return };
        if !answer.owner {
            found.owned = false;
            found.parties.sort_by_key(|party| *party.sae != *other);
            found.qos = answer.qos;
        }
        if answer.joined {
            found.set(other, End::Open(None));
        }
    }

    async fn wait_for_partner(
        &self,
        stream: &KeyId,
        sae: &str,
        patience: Duration,
    ) -> Result<(Qos, bool), Status> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let (changed, qos) = {
                let streams = lock(&self.keystreams);
                let found = streams.get(stream).ok_or(Status::NoConnection)?;
                if let Some([_, End::Open(_)]) = found.ends(sae) {
                    return Ok((found.qos.clone(), true));
                }
                // Who waits is on the list before the lock is given back, so that no ring is missed.
                let changed = found.changed.clone().notified_owned();
                (changed, found.qos.clone())
            };
            if tokio::time::timeout_at(until, changed).await.is_err() {
                return Ok((qos, false));
            }
        }
    }

    /// CLOSE: what was made for this application is wiped; the other one may still take what is there.
    pub(crate) fn close_stream(&self, sae: &str, stream: &KeyId) -> Status {
        {
            let streams = lock(&self.keystreams);
            if !streams.get(stream).is_some_and(|found| matches!(found.ends(sae), Some([End::Open(_), _]))) {
                return Status::PeerNotConnected;
            }
        }
        self.tell(stream, |stream| StreamMessage::Close { stream });
        self.leave(stream, sae);
        Status::Success
    }

    /// Asks the key manager that owns a stream for something.
    pub(super) async fn ask_owner(
        &self,
        stream: &KeyId,
        message: impl FnOnce(String) -> StreamMessage,
    ) -> Result<(), Refusal> {
        let kme = lock(&self.keystreams).get(stream).map(|found| found.kme.clone());
        let link = kme.and_then(|kme| self.link(&kme).cloned());
        let link = link.ok_or_else(|| Refusal::bad("there is no such stream"))?;
        self.ask_about_stream(&link, message(stream.to_string())).await.map(drop)
    }

    async fn ask_about_stream(
        &self,
        link: &Arc<Link>,
        message: StreamMessage,
    ) -> Result<Option<OpenAnswer>, Refusal> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let busy = || Refusal::unavailable(format!("the key manager '{}' does not keep up", link.name()));
        link.sender().try_send(Request::Stream(message, sender)).map_err(|_| busy())?;
        receiver.await.unwrap_or_else(|_| Err(busy()))
    }

    /// Tells the other key manager of a stream, if there is one; it is asked nothing.
    fn tell(&self, stream: &KeyId, message: impl FnOnce(String) -> StreamMessage) {
        let kme = lock(&self.keystreams).get(stream).map(|found| found.kme.clone());
        let link = kme.and_then(|kme| self.link(&kme)).filter(|link| !link.is_local());
        if let Some(link) = link {
            let (sender, _) = tokio::sync::oneshot::channel();
            // One that does not keep up learns it when it asks for the next chunk.
            let _ = link.sender().try_send(Request::Stream(message(stream.to_string()), sender));
        }
    }
}
