//! What key managers of this make say to each other: the objects of ETSI GS QKD 020, with places in a stream instead of keys.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qhal::{KeyId, Provenance};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The owner begins a new life of its stream.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    pub(crate) epoch: u64,
}

/// The owner appends a block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    pub(crate) epoch: u64,
    /// Where it begins, in bytes from the beginning of this life.
    pub(crate) start: u64,
    pub(crate) source: BlockSource,
}

/// Where the other end gets the bytes of a block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BlockSource {
    /// From this message: made at one end and sent to the other.
    Relay {
        /// Base64.
        value: Secret,
        provenance: Provenance,
    },
    /// From its own end of the link, under this name.
    Link { key_id: String, bits: u32 },
}

/// Bytes that are wiped when dropped, written as base64.
#[derive(Clone, Default)]
pub(crate) struct Secret(pub(crate) Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&**self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// Keys that the owner took for one master and its slaves at the other end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allotment {
    pub(crate) epoch: u64,
    pub(crate) initiator_sae_id: String,
    pub(crate) target_sae_ids: Vec<String>,
    pub(crate) keys: Vec<AllottedKey>,
    /// Where the key is a chunk of a key stream: which.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) chunk: Option<StreamPlace>,
}

/// A chunk of a key stream (ETSI GS QKD 004).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamPlace {
    pub(crate) stream: String,
    pub(crate) index: u32,
}

/// A name and where the key lies.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllottedKey {
    pub(crate) key_id: String,
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

impl Allotment {
    pub(super) fn new(
        epoch: u64,
        master: &Arc<str>,
        slaves: &[Arc<str>],
        taken: Vec<(KeyId, Range<u64>)>,
        chunk: Option<(KeyId, u32)>,
    ) -> Self {
        let key = |(id, range): (KeyId, Range<u64>)| AllottedKey {
            key_id: id.to_string(),
            start: range.start,
            bytes: range.end - range.start,
        };
        Self {
            epoch,
            initiator_sae_id: master.to_string(),
            target_sae_ids: slaves.iter().map(|slave| slave.to_string()).collect(),
            keys: taken.into_iter().map(key).collect(),
            chunk: chunk.map(|(stream, index)| StreamPlace { stream: stream.to_string(), index }),
        }
    }
}

/// How it went with one allotment: nothing, or why not and whether the stream is void.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Acknowledgement {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) conflict: bool,
}
