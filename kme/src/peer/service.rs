//! What this key manager does for another one that shares material with it.

use std::sync::Arc;
use std::time::Instant;

use qhal::KeyId;
use zeroize::Zeroizing;

use super::Link;
use super::messages::{Acknowledgement, Allotment, Begin, Block, BlockSource};
use crate::manager::Manager;
use crate::refusal::Refusal;
use crate::store::{Held, Place};
use crate::supply::{FromLink, MOST_BLOCK};

/// The owner begins anew: what of its stream nobody was promised is void here, too.
pub(crate) fn begin(link: &Arc<Link>, message: &Begin) -> Result<(), Refusal> {
    if message.epoch == 0 {
        return Err(Refusal::bad("a life of a stream has a number other than 0"));
    }
    link.streams().theirs.begin(message.epoch);
    // A key manager that begins has forgotten our stream as well.
    link.wanted.notify_one();
    Ok(())
}

/// Whether the owner's stream is the one that is known here.
pub(crate) fn alive(link: &Arc<Link>, message: &Begin) -> Result<(), Refusal> {
    if link.streams().theirs.epoch() == message.epoch {
        return Ok(());
    }
    Err(Refusal::conflict("that life of the stream is not known here"))
}

/// Appends a block of the owner's stream.
pub(crate) fn append(
    manager: &Manager,
    link: &Arc<Link>,
    from_link: Option<&FromLink>,
    block: Block,
) -> Result<(), Refusal> {
    let room = manager.capacity().saturating_add(MOST_BLOCK as u64);
    if link.streams().theirs.material.free() > room {
        return Err(Refusal::unavailable("there is no room for more material of that stream"));
    }
    let bytes = match block.source {
        BlockSource::Relay { value, provenance } => {
            link.note_provenance(provenance);
            value.0
        }
        BlockSource::Link { key_id, bits } => {
            let from_link =
                from_link.ok_or_else(|| Refusal::bad("this end has no device of a link for that stream"))?;
            let id: KeyId = key_id.parse().map_err(|_| Refusal::bad("that is not the name of a key"))?;
            from_link.fetch(manager, link, &id, bits)?
        }
    };
    if bytes.is_empty() || bytes.len() > MOST_BLOCK {
        return Err(Refusal::bad(format!("a block has 1 to {MOST_BLOCK} bytes")));
    }
    let bytes: Zeroizing<Vec<u8>> = bytes;
    let length = bytes.len() as u64;
    link.streams().theirs.append(block.epoch, block.start, bytes)?;
    link.note_made(length);
    Ok(())
}

/// Holds keys for applications here; each allotment has its own answer.
pub(crate) fn allot(manager: &Manager, link: &Arc<Link>, batch: Vec<Allotment>) -> Vec<Acknowledgement> {
    batch
        .into_iter()
        .map(|allotment| match allot_one(manager, link, &allotment) {
            Ok(()) => Acknowledgement::default(),
            Err(refusal) => Acknowledgement {
                conflict: matches!(refusal, Refusal::Conflict(_)),
                message: Some(refusal.to_string()),
            },
        })
        .collect()
}

fn allot_one(manager: &Manager, link: &Arc<Link>, allotment: &Allotment) -> Result<(), Refusal> {
    let Allotment { epoch, initiator_sae_id, target_sae_ids, keys, chunk } = allotment;
    let (master, slaves) = match chunk {
        None => manager.check_targets(link.name(), initiator_sae_id, target_sae_ids)?,
        Some(_) => manager.stream_targets(link.name(), initiator_sae_id, target_sae_ids)?,
    };
    let lone = keys.first().filter(|_| keys.len() == 1);
    let chunk = match (chunk, lone) {
        (None, _) => None,
        (Some(place), Some(key)) => {
            let (stream, lifetime) = manager.check_chunk(link, place, key.bytes)?;
            Some((stream, place.index, Instant::now() + lifetime))
        }
        (Some(_), None) => return Err(Refusal::bad("a chunk of a key stream is one key")),
    };
    let expires = chunk.map_or_else(|| manager.expiry(), |(_, _, expires)| expires);
    for key in keys {
        let id: KeyId = key.key_id.parse().map_err(|_| Refusal::bad("that is not the name of a key"))?;
        let end = key.start.checked_add(key.bytes).ok_or_else(|| Refusal::bad("a key lies out of bounds"))?;
        let range = link.streams().theirs.follow(*epoch, &(key.start..end))?;
        let place = Place::Theirs(link.name().clone(), range.clone());
        let held = Held { master: master.clone(), waiting: slaves.clone(), place, expires };
        if let Err(refusal) = manager.hold(id, held) {
            link.streams().theirs.material.wipe(&range);
            return Err(refusal);
        }
        if let Some((stream, index, _)) = &chunk {
            manager.add_chunk(stream, *index, id);
        }
    }
    Ok(())
}
