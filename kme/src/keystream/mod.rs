//! Key streams of ETSI GS QKD 004 V2.1.1: two applications agree on a name and take the same chunks by their number.
//!
//! The key manager where a stream was opened first *owns* it: it takes the chunks from its own stream of material and tells the
//! other one, as for every other key. So a chunk is the same at both ends or is not there, and each end gives it once.

mod access;
mod calls;
mod chunks;
mod peers;
mod registry;

pub(crate) use calls::{Opened, Opening};
pub(crate) use chunks::Chunk;
pub(crate) use registry::KeyStreams;

use serde::{Deserialize, Serialize};

/// The longest chunk, in bytes.
pub(crate) const MOST_CHUNK: u32 = 64 << 10;
/// The longest wait of one call, in milliseconds.
const MOST_TIMEOUT: u32 = 60_000;
/// The one type of metadata that is made.
pub(crate) const JSON: &str = "application/json";

/// What an application wants of a stream (§6.3, `QoS`), without its wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Qos {
    /// Bytes of a chunk.
    pub(crate) chunk_bytes: u32,
    /// The most key the application will ask for, in bit/s. Nothing is slowed down by it.
    pub(crate) max_bps: u32,
    /// The least it can do with, in bit/s.
    pub(crate) min_bps: u32,
    /// The largest deviation, in bit/s.
    pub(crate) jitter: u32,
    /// Kept and told; streams are served as they ask.
    pub(crate) priority: u32,
    /// How long a call may wait, in milliseconds.
    pub(crate) timeout_ms: u32,
    /// How long a chunk waits for its application, in seconds; 0 stands for what the key manager does otherwise.
    pub(crate) ttl_s: u32,
    /// The type of metadata that is wanted; empty for none.
    pub(crate) mimetype: String,
}

impl Qos {
    /// What can be had instead, where this cannot: chunks of up to `most_bytes`, kept for up to `lifetime_s`.
    pub(crate) fn counter_offer(&self, most_bytes: u32, lifetime_s: u32) -> Option<Self> {
        let mimetype = if self.mimetype.is_empty() { "" } else { JSON };
        let offer = Self {
            chunk_bytes: self.chunk_bytes.clamp(1, most_bytes),
            max_bps: self.max_bps.max(self.min_bps),
            timeout_ms: self.timeout_ms.min(MOST_TIMEOUT),
            ttl_s: self.ttl_s.min(lifetime_s),
            mimetype: mimetype.to_owned(),
            ..*self
        };
        (offer != *self).then_some(offer)
    }
}

/// What comes of a call of an application, with the numbers of §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    /// The stream is open and the other application is not there yet.
    PeerAbsent,
    /// GET_KEY: there is no such chunk (any more, or yet).
    InsufficientKey,
    /// GET_KEY and CLOSE: the stream is not open at both ends.
    PeerNotConnected,
    /// OPEN_CONNECT: these two share no keys.
    NoConnection,
    /// OPEN_CONNECT: the stream belongs to others.
    InUse,
    /// The other key manager did not answer in time.
    TimedOut,
    /// OPEN_CONNECT: not with this quality of service; what can be had is told.
    QosNotMet,
    /// GET_KEY: the metadata are longer than the application has room for, namely so many bytes.
    MetadataTooLong(u32),
}

impl Status {
    /// Its number.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::PeerAbsent => 1,
            Self::InsufficientKey => 2,
            Self::PeerNotConnected => 3,
            Self::NoConnection => 4,
            Self::InUse => 5,
            Self::TimedOut => 6,
            Self::QosNotMet => 7,
            Self::MetadataTooLong(_) => 8,
        }
    }
}

/// What key managers say to each other about a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum StreamMessage {
    /// An application of ours has opened it first; chunks come from us.
    Open { stream: String, opener: String, other: String, source: String, destination: String, qos: Qos },
    /// Our application has joined a stream of yours.
    Join { stream: String },
    /// Our application wants the chunk of this number, and those before it that nobody has made yet.
    Extend { stream: String, index: u32 },
    /// Our application has closed it.
    Close { stream: String },
}

/// What is answered to [`StreamMessage::Open`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAnswer {
    /// Whether chunks come from the key manager that asked. Where both opened the same name at once, one of them gives way.
    pub(crate) owner: bool,
    /// Whether the application of the one that answers has opened it.
    pub(crate) joined: bool,
    /// What holds for the stream.
    pub(crate) qos: Qos,
}

/// A stream as it is told of.
#[derive(Clone, Debug)]
pub(crate) struct StreamFigures {
    pub(crate) id: qhal::KeyId,
    /// Who opened it, and the other one.
    pub(crate) parties: [std::sync::Arc<str>; 2],
    /// Whether both are there.
    pub(crate) open: bool,
    pub(crate) qos: Qos,
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn qos() -> Qos {
        Qos {
            chunk_bytes: 32,
            max_bps: 40_000,
            min_bps: 5000,
            jitter: 10,
            priority: 0,
            timeout_ms: 5000,
            ttl_s: 3600,
            mimetype: JSON.to_owned(),
        }
    }

    #[test]
    fn what_cannot_be_had_is_countered_with_the_nearest_that_can() {
        assert_eq!(qos().counter_offer(1024, 3600), None);
        for (wanted, offered) in [
            (Qos { chunk_bytes: 1025, ..qos() }, Qos { chunk_bytes: 1024, ..qos() }),
            (Qos { chunk_bytes: 0, ..qos() }, Qos { chunk_bytes: 1, ..qos() }),
            (Qos { ttl_s: 3601, ..qos() }, qos()),
            (Qos { timeout_ms: u32::MAX, ..qos() }, Qos { timeout_ms: MOST_TIMEOUT, ..qos() }),
            (Qos { mimetype: "text/plain".to_owned(), ..qos() }, qos()),
            (Qos { min_bps: 50_000, ..qos() }, Qos { min_bps: 50_000, max_bps: 50_000, ..qos() }),
        ] {
            assert_eq!(wanted.counter_offer(1024, 3600), Some(offered.clone()), "{wanted:?}");
            assert_eq!(offered.counter_offer(1024, 3600), None, "an offer can be had");
        }
    }
}
