//! Bytes of ETSI GS QKD 004 V2.1.1 as its reference program's ports put them on the wire, and the values that they mean.
//!
//! The standard has no wire format. This one calls itself version 1.0.1: big-endian, a head of eight bytes, the type of metadata in
//! a field of 256 bytes; a failure is its status alone.

use qhal::{Error, ErrorKind, KeyId, Provenance, Result};
use serde_json::Value;
use zeroize::Zeroizing;

/// Bytes of a head: version (3), service, length of the payload (4).
pub const HEADER: usize = 8;
/// The longest payload that is read, in bytes.
const LONGEST: usize = 1 << 20;
/// Bytes of the metadata's type.
const MIMETYPE: usize = 256;
/// The type of metadata that every key manager makes (§6.5).
pub const JSON: &str = "application/json";
/// Bytes that an answer may have for metadata.
pub const ROOM: u32 = 1024;

/// A call of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `OPEN_CONNECT`.
    Open = 2,
    /// `GET_KEY`.
    GetKey = 4,
    /// `CLOSE`.
    Close = 8,
}

/// What comes of a call (§6, the table of statuses).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: success.
    Success,
    /// 1: the stream is open, the other application is not there yet.
    PeerAbsent,
    /// 2: no key (any more, or yet).
    InsufficientKey,
    /// 3: the other application has not opened the stream.
    PeerNotConnected,
    /// 4: these two share no keys.
    NoConnection,
    /// 5: the name of the stream is in use.
    InUse,
    /// 6: timed out.
    TimedOut,
    /// 7: not with this quality of service; the answer has a counter-offer.
    QosNotMet,
    /// 8: there is too little room for the metadata.
    MetadataTooLong,
}

impl Status {
    fn of(code: u32) -> Result<Self> {
        Ok(match code {
            0 => Self::Success,
            1 => Self::PeerAbsent,
            2 => Self::InsufficientKey,
            3 => Self::PeerNotConnected,
            4 => Self::NoConnection,
            5 => Self::InUse,
            6 => Self::TimedOut,
            7 => Self::QosNotMet,
            8 => Self::MetadataTooLong,
            other => return Err(protocol(format!("the key manager answers with the status {other}"))),
        })
    }

    /// What is to be told of it where it is a failure.
    pub fn failure(self) -> Error {
        let (kind, why) = match self {
            Self::Success => (ErrorKind::Protocol, "the key manager's answer is not complete"),
            Self::PeerAbsent | Self::PeerNotConnected => {
                (ErrorKind::Busy, "the application at the other end has not opened the stream")
            }
            Self::InsufficientKey => (ErrorKind::Exhausted, "the stream has no key now"),
            Self::NoConnection => {
                (ErrorKind::Refused, "the key manager shares no keys between source and destination")
            }
            Self::InUse => {
                (ErrorKind::Busy, "the stream is in use: both ends have to close it before it begins anew")
            }
            Self::TimedOut => (ErrorKind::TimedOut, "the key manager says that the time is up"),
            Self::QosNotMet => (ErrorKind::Unsupported, "the key manager gives no chunks of that length"),
            Self::MetadataTooLong => {
                (ErrorKind::Protocol, "the key manager has more metadata than there is room for")
            }
        };
        Error::new(kind, why)
    }
}

/// Quality of service, and the name of the stream (§6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Bytes of a chunk.
    pub chunk_bytes: u32,
    /// The most and the least key that is wanted and the largest deviation, in bit/s, and the priority. Zeros ask for nothing.
    pub rates: [u32; 4],
    /// How long the key manager may wait, in milliseconds.
    pub timeout_ms: u32,
    /// How long a chunk is kept, in seconds.
    pub ttl_s: u32,
    /// The type of metadata; empty for none.
    pub mimetype: String,
    /// The stream.
    pub stream: KeyId,
}

/// What OPEN_CONNECT gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The status.
    pub status: Status,
    /// What holds for the stream, or could; only with the statuses 0, 1 and 7.
    pub offer: Option<Opening>,
}

/// A chunk of a stream.
pub struct Chunk {
    /// The key.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What the key manager says its keys are made of, where it says so (`qhal_provenance`).
    pub provenance: Option<Provenance>,
}

/// A message: head and payload.
fn message(service: Service, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![1, 0, 1, service as u8];
    message.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend(payload);
    message
}

/// OPEN_CONNECT from `source` to `destination` (URIs).
///
/// # Errors
/// `InvalidInput` for URIs with a NUL in them.
pub fn open(source: &str, destination: &str, opening: &Opening) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    for uri in [source, destination] {
        if uri.contains('\0') {
            return Err(Error::new(ErrorKind::InvalidInput, "a URI has no NUL in it"));
        }
        payload.extend(uri.as_bytes());
        payload.push(0);
    }
    let qos = [&[opening.chunk_bytes][..], &opening.rates, &[opening.timeout_ms, opening.ttl_s]].concat();
    payload.extend(qos.iter().flat_map(|value| value.to_be_bytes()));
    let mut field = opening.mimetype.clone().into_bytes();
    field.resize(MIMETYPE, 0);
    payload.extend(field);
    payload.extend(opening.stream.0);
    Ok(message(Service::Open, &payload))
}

/// GET_KEY of one chunk.
pub fn get_key(stream: &KeyId, index: u32) -> Vec<u8> {
    let payload = [&stream.0[..], &index.to_be_bytes(), &ROOM.to_be_bytes()].concat();
    message(Service::GetKey, &payload)
}

/// CLOSE.
pub fn close(stream: &KeyId) -> Vec<u8> {
    message(Service::Close, &stream.0)
}

/// The length of the payload behind a head.
///
/// # Errors
/// `Protocol` for a head that answers no such call.
pub fn payload_length(head: [u8; HEADER], service: Service) -> Result<usize> {
    let [_, _, _, answered, length @ ..] = head;
    if answered != service as u8 | 1 {
        return Err(protocol("what answers there does not speak ETSI GS QKD 004 as its ports do"));
    }
    match u32::from_be_bytes(length) as usize {
        length @ 4..=LONGEST => Ok(length),
        length => Err(protocol(format!("the key manager announces an answer of {length} bytes"))),
    }
}

/// Reads the answer to OPEN_CONNECT.
///
/// # Errors
/// `Protocol` for what is none.
pub fn opened(payload: &[u8]) -> Result<Opened> {
    let mut rest = Reader(payload);
    let status = Status::of(rest.number()?)?;
    if !matches!(status, Status::Success | Status::PeerAbsent | Status::QosNotMet) {
        return Ok(Opened { status, offer: None });
    }
    let chunk_bytes = rest.number()?;
    let rates = [rest.number()?, rest.number()?, rest.number()?, rest.number()?];
    let (timeout_ms, ttl_s) = (rest.number()?, rest.number()?);
    let field = rest.take(MIMETYPE)?;
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    let mimetype = String::from_utf8_lossy(text).into_owned();
    let stream = rest.id()?;
    Ok(Opened { status, offer: Some(Opening { chunk_bytes, rates, timeout_ms, ttl_s, mimetype, stream }) })
}

/// Reads the answer to GET_KEY of the chunk `index`, which has `bytes` bytes.
///
/// # Errors
/// The failure that the status says; `Protocol` for what is no answer, or not to this call.
pub fn chunk(payload: &[u8], index: u32, bytes: u32) -> std::result::Result<Chunk, (Status, Error)> {
    let read = || -> Result<std::result::Result<Chunk, Status>> {
        let mut rest = Reader(payload);
        let status = Status::of(rest.number()?)?;
        if status != Status::Success {
            return Ok(Err(status));
        }
        let found = rest.number()?;
        if found != index {
            return Err(protocol(format!("chunk {found} came where {index} was asked for")));
        }
        let length = rest.number()?;
        if length != bytes {
            return Err(protocol(format!("a chunk of {length} bytes came, not of {bytes}")));
        }
        let key = rest.take(length as usize)?;
        let length = rest.number()? as usize;
        let metadata = rest.take(length)?;
        // What is not understood of them is nobody's loss.
        let metadata: Option<Value> = serde_json::from_slice(metadata).ok();
        let provenance = metadata.as_ref().and_then(|known| known["qhal_provenance"].as_str());
        Ok(Ok(Chunk {
            bytes: Zeroizing::new(key.to_vec()),
            provenance: provenance.and_then(|name| name.parse().ok()),
        }))
    };
    match read() {
        Ok(outcome) => outcome.map_err(|status| (status, status.failure())),
        Err(error) => Err((Status::Success, error)),
    }
}

/// Reads the answer to CLOSE.
///
/// # Errors
/// `Protocol` for what is none.
pub fn closed(payload: &[u8]) -> Result<Status> {
    Status::of(Reader(payload).number()?)
}

pub(super) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message.into())
}

/// What is left of a payload.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let split = self.0.split_at_checked(length);
        let (taken, rest) = split.ok_or_else(|| protocol("the key manager's answer is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.try_into().map_err(|_| protocol("a number is cut short"))?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn id(&mut self) -> Result<KeyId> {
        let bytes = self.take(16)?.try_into().map_err(|_| protocol("a name is cut short"))?;
        Ok(KeyId(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The hand-out's golden vectors (`tests/data/README.md`: hardware facts of key distribution §21, "ETSI 004 wire").
    #[test]
    fn golden_requests() {
        let stream: KeyId = "f81d4fae-7dec-4d0e-a765-00a0c91e6bf6".parse().unwrap();
        let wanted = "0100010400000018f81d4fae7dec4d0ea76500a0c91e6bf60000000000000400";
        assert_eq!(hex(&get_key(&stream, 0)), wanted);
        assert_eq!(hex(&close(&stream)), "0100010800000010f81d4fae7dec4d0ea76500a0c91e6bf6");
        let opening = Opening {
            chunk_bytes: 32,
            rates: [40_000, 5000, 10, 0],
            timeout_ms: 5000,
            ttl_s: 3600,
            mimetype: JSON.to_owned(),
            stream: KeyId([0; 16]),
        };
        let request = open("qkd://appA@nodeA", "qkd://appB@nodeB", &opening).unwrap();
        assert_eq!(request.len(), 342);
        assert!(hex(&request).starts_with("010001020000014e716b643a"));
        let digest = "98b1bf0dff34705aed291522ce1bc42eedbb791a55d7ec36f5fd3b896242a18c";
        assert_eq!(hex(&Sha256::digest(&request)), digest);
    }

    #[test]
    fn answers_are_read_and_held_to_the_call() {
        let answer = [&[0; 4][..], &[0, 0, 0, 6], &[0, 0, 0, 3], &[1, 2, 3], &[0, 0, 0, 2], b"{}"].concat();
        assert_eq!(*chunk(&answer, 6, 3).ok().unwrap().bytes, [1, 2, 3]);
        for (answer, index, bytes, words) in [
            (&answer[..], 7, 3, "chunk 6 came"),
            (&answer[..], 6, 4, "of 3 bytes"),
            (&answer[..13], 6, 3, "cut short"),
            (&[0, 0, 0, 2][..], 6, 3, "no key now"),
            (&[0, 0, 0, 3][..], 6, 3, "has not opened"),
            (&[0, 0, 0, 99][..], 6, 3, "status 99"),
        ] {
            let (_, error) = chunk(answer, index, bytes).err().unwrap();
            assert!(error.message().contains(words), "{error}");
        }
        assert_eq!(opened(&[0, 0, 0, 5]).unwrap(), Opened { status: Status::InUse, offer: None });
        assert!(opened(&[0, 0, 0, 0]).is_err());
        assert!(payload_length(*b"HTTP/1.1", Service::Open).is_err());
        assert!(payload_length([1, 0, 1, 3, 255, 255, 255, 255], Service::Open).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = (opened(&bytes), closed(&bytes), chunk(&bytes, 0, 32).err());
        }
    }
}
