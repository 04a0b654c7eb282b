//! Bytes of the two wire formats in use for ETSI GS QKD 004, and the values that they mean. The standard gives none.
//!
//! Both have the same frame. The ports of ETSI's reference program call themselves version 1.0.1: a field of 256 bytes for the
//! metadata's type, and a failure is its status alone. The reference program itself, version 2.1.1, ends the type by a NUL, has a
//! whole answer for a failure, and sends the metadata's buffer along with GET_KEY.

use qhal::KeyId;
use zeroize::Zeroizing;

use crate::keystream::{Chunk, Opened, Opening, Qos, Status};

/// Bytes before a payload: version (3), service, length (4, big-endian).
pub(super) const HEADER: usize = 8;
/// The longest payload that is read, in bytes: two URIs, or a metadata buffer.
pub(super) const LONGEST: usize = 64 << 10;
/// Bytes of the metadata's type where it has a fixed length.
const MIMETYPE: usize = 256;

/// Which of the two formats a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) [u8; 3]);

impl Version {
    fn is_reference(self) -> bool {
        self.0[0] >= 2
    }
}

/// What an application asks for.
#[derive(Debug)]
pub(super) enum Call {
    Open(Opening),
    GetKey { stream: KeyId, index: u32, room: u32 },
    Close { stream: KeyId },
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) service: u8,
    pub(super) length: usize,
}

impl Header {
    /// Reads a head; `None` for one that no call has.
    pub(super) fn read(bytes: [u8; HEADER]) -> Option<Self> {
        let [major, minor, patch, service, length @ ..] = bytes;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let known = matches!(service, 2 | 4 | 8) && length <= LONGEST;
        known.then_some(Self { version: Version([major, minor, patch]), service, length })
    }

    /// Reads a payload; `None` for one that the call cannot have.
    pub(super) fn payload(self, payload: &[u8]) -> Option<Call> {
        let mut rest = Reader(payload);
        let call = match self.service {
            2 => Call::Open(rest.opening()?),
            4 => {
                let (stream, index, room) = (rest.id()?, rest.number()?, rest.number()?);
                if self.version.is_reference() {
                    // The buffer as it is, to be filled: what is in it means nothing.
                    rest.take(usize::try_from(room).ok()?)?;
                }
                Call::GetKey { stream, index, room }
            }
            8 => Call::Close { stream: rest.id()? },
            _ => return None,
        };
        rest.0.is_empty().then_some(call)
    }

    /// The answer to OPEN_CONNECT.
    pub(super) fn opened(self, outcome: &Result<Opened, Status>, asked: &Opening) -> Zeroizing<Vec<u8>> {
        let (status, qos, stream) = match outcome {
            Ok(opened) => (opened.status, &opened.qos, opened.stream),
            Err(status) => (*status, &asked.qos, asked.stream.unwrap_or(KeyId([0; 16]))),
        };
        let mut out = self.begin();
        number(&mut out, status.code());
        if outcome.is_ok() || self.version.is_reference() {
            for value in [
                qos.chunk_bytes,
                qos.max_bps,
                qos.min_bps,
                qos.jitter,
                qos.priority,
                qos.timeout_ms,
                qos.ttl_s,
            ] {
                number(&mut out, value);
            }
            let mut mimetype = qos.mimetype.as_bytes().to_vec();
            mimetype.resize(if self.version.is_reference() { mimetype.len() + 1 } else { MIMETYPE }, 0);
            out.extend_from_slice(&mimetype);
            out.extend_from_slice(&stream.0);
        }
        self.end(out)
    }

    /// The answer to GET_KEY.
    pub(super) fn chunk(self, outcome: &Result<Chunk, Status>, index: u32) -> Zeroizing<Vec<u8>> {
        let reference = self.version.is_reference();
        let mut out = self.begin();
        match outcome {
            Ok(chunk) => {
                // Grown once, so that no copy of the key is left behind.
                out.reserve_exact(16 + chunk.bytes.len() + chunk.metadata.len());
                number(&mut out, Status::Success.code());
                number(&mut out, index);
                bytes(&mut out, &chunk.bytes);
                bytes(&mut out, chunk.metadata.as_bytes());
            }
            Err(status) => {
                let needed = match status {
                    Status::MetadataTooLong(needed) => Some(*needed),
                    _ => None,
                };
                number(&mut out, status.code());
                if reference {
                    number(&mut out, index);
                    bytes(&mut out, &[]);
                    // A buffer of the length that is needed: that program reads as many bytes.
                    bytes(&mut out, &vec![0; needed.unwrap_or(0) as usize]);
                } else if let Some(needed) = needed {
                    number(&mut out, needed);
                }
            }
        }
        self.end(out)
    }

    /// The answer to CLOSE.
    pub(super) fn closed(self, status: Status) -> Zeroizing<Vec<u8>> {
        let mut out = self.begin();
        number(&mut out, status.code());
        self.end(out)
    }

    /// The answer to a call that could not be read.
    pub(super) fn refused(self) -> Zeroizing<Vec<u8>> {
        let mut out = self.begin();
        let status = if self.service == 2 { Status::NoConnection } else { Status::PeerNotConnected };
        number(&mut out, status.code());
        self.end(out)
    }

    fn begin(self) -> Zeroizing<Vec<u8>> {
        let [major, minor, patch] = self.version.0;
        let mut out = Zeroizing::new(Vec::with_capacity(512));
        out.extend_from_slice(&[major, minor, patch, self.service | 1, 0, 0, 0, 0]);
        out
    }

    fn end(self, mut out: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        let length = u32::try_from(out.len() - HEADER).unwrap_or(u32::MAX).to_be_bytes();
        out[4..HEADER].copy_from_slice(&length);
        out
    }
}

fn number(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, u32::try_from(value.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(value);
}

/// What is left of a payload.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn id(&mut self) -> Option<KeyId> {
        self.take(16)?.try_into().ok().map(KeyId)
    }

    /// Text up to a NUL.
    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(self.take(end + 1)?.get(..end)?).ok()?;
        Some(text.to_owned())
    }

    fn opening(&mut self) -> Option<Opening> {
        let (source, destination) = (self.text()?, self.text()?);
        let mut qos = Qos {
            chunk_bytes: self.number()?,
            max_bps: self.number()?,
            min_bps: self.number()?,
            jitter: self.number()?,
            priority: self.number()?,
            timeout_ms: self.number()?,
            ttl_s: self.number()?,
            mimetype: String::new(),
        };
        // Either a whole field or text with its NUL; the name of the stream comes after it.
        let field = self.take(self.0.len().checked_sub(16)?)?;
        let text = field.split(|byte| *byte == 0).next()?;
        let fits = field.len() == MIMETYPE || field.len() == text.len() + 1;
        let blank = field[text.len()..].iter().all(|byte| *byte == 0);
        if !fits || !blank {
            return None;
        }
        qos.mimetype = std::str::from_utf8(text).ok()?.to_owned();
        let stream = self.id()?;
        let stream = (stream.0 != [0; 16]).then_some(stream);
        Some(Opening { source, destination, qos, stream })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The OPEN_CONNECT request of the hand-out's golden vectors (§21, "ETSI 004 wire"), by its parts.
    fn golden_open() -> Vec<u8> {
        let mut message = vec![1, 0, 1, 2, 0, 0, 0x01, 0x4E];
        message.extend(b"qkd://appA@nodeA\0qkd://appB@nodeB\0");
        message
            .extend([32_u32, 40_000, 5000, 10, 0, 5000, 3600].iter().flat_map(|value| value.to_be_bytes()));
        message.extend(b"application/json");
        message.resize(message.len() + 240, 0);
        message.extend([0; 16]);
        message
    }

    fn read(message: &[u8]) -> Option<(Header, Call)> {
        let header = Header::read(message.get(..HEADER)?.try_into().ok()?)?;
        let payload = message.get(HEADER..).filter(|payload| payload.len() == header.length)?;
        Some((header, header.payload(payload)?))
    }

    #[test]
    fn golden_requests_are_read() {
        let message = golden_open();
        assert_eq!(message.len(), 342);
        let (header, Call::Open(opening)) = read(&message).unwrap() else { panic!("not an OPEN_CONNECT") };
        assert_eq!(header.version, Version([1, 0, 1]));
        assert_eq!(
            (opening.source.as_str(), opening.destination.as_str()),
            ("qkd://appA@nodeA", "qkd://appB@nodeB")
        );
        assert_eq!((opening.qos.chunk_bytes, opening.qos.ttl_s, opening.stream), (32, 3600, None));
        assert_eq!(opening.qos.mimetype, "application/json");

        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let id: KeyId = "f81d4fae-7dec-4d0e-a765-00a0c91e6bf6".parse().unwrap();
        let get = hex("0100010400000018f81d4fae7dec4d0ea76500a0c91e6bf60000000000000400");
        let (_, Call::GetKey { stream, index, room }) = read(&get).unwrap() else { panic!("not a GET_KEY") };
        assert_eq!((stream, index, room), (id, 0, 1024));
        let close = hex("0100010800000010f81d4fae7dec4d0ea76500a0c91e6bf6");
        let (header, Call::Close { stream }) = read(&close).unwrap() else { panic!("not a CLOSE") };
        assert_eq!(stream, id);
        assert_eq!(**header.closed(Status::Success), [1, 0, 1, 9, 0, 0, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn the_reference_program_ends_the_type_by_a_nul_and_sends_its_buffer() {
        let mut message = golden_open();
        message.truncate(HEADER + 34 + 28 + 17);
        message.extend([7; 16]);
        message[..3].copy_from_slice(&[2, 1, 1]);
        message[4..8].copy_from_slice(&(95_u32).to_be_bytes());
        let (header, Call::Open(opening)) = read(&message).unwrap() else { panic!("not an OPEN_CONNECT") };
        assert_eq!(
            (opening.qos.mimetype.as_str(), opening.stream),
            ("application/json", Some(KeyId([7; 16])))
        );
        // Its answer has everything in it, whatever the status.
        let answer = header.opened(&Err(Status::InUse), &opening);
        assert_eq!(answer.len(), HEADER + 4 + 28 + 17 + 16);
        assert_eq!(answer[HEADER..HEADER + 4], [0, 0, 0, 5]);
        let mut get = vec![2, 1, 1, 4, 0, 0, 0, 26];
        get.extend([7; 16]);
        get.extend([0, 0, 0, 3, 0, 0, 0, 2, 0x01, 0x10]);
        let (header, Call::GetKey { index, room, .. }) = read(&get).unwrap() else { panic!("not a GET_KEY") };
        assert_eq!((index, room), (3, 2));
        let failed = header.chunk(&Err(Status::MetadataTooLong(20)), 3);
        assert_eq!(failed[HEADER..HEADER + 16], [0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 20]);
        assert_eq!(failed.len(), HEADER + 16 + 20);
    }

    #[test]
    fn answers_of_the_ports_have_what_belongs_to_their_status() {
        let (header, Call::Open(opening)) = read(&golden_open()).unwrap() else {
            panic!("not an OPEN_CONNECT")
        };
        let opened = Opened { status: Status::QosNotMet, qos: opening.qos.clone(), stream: KeyId([9; 16]) };
        let answer = header.opened(&Ok(opened), &opening);
        assert_eq!((answer.len(), answer[3], answer[HEADER + 3]), (HEADER + 4 + 284 + 16, 3, 7));
        assert_eq!(header.opened(&Err(Status::NoConnection), &opening).len(), HEADER + 4);
        let header = Header { service: 4, ..header };
        let chunk = Chunk { bytes: Zeroizing::new(vec![0xAB; 5]), metadata: "{}".to_owned() };
        let wanted =
            [0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 5, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0, 0, 0, 2, b'{', b'}'];
        assert_eq!(header.chunk(&Ok(chunk), 6)[HEADER..], wanted);
        assert_eq!(header.chunk(&Err(Status::MetadataTooLong(20)), 6)[HEADER..], [0, 0, 0, 8, 0, 0, 0, 20]);
        assert_eq!(header.chunk(&Err(Status::InsufficientKey), 6)[HEADER..], [0, 0, 0, 2]);
    }

    proptest! {
        /// Whatever comes: no panic, and a payload that is cut short or has more at its end is none.
        #[test]
        fn nothing_that_comes_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..334) {
            for service in [2, 4, 8] {
                for version in [[1, 0, 1], [2, 1, 1]] {
                    let header = Header { version: Version(version), service, length: bytes.len() };
                    let _ = header.payload(&bytes);
                }
            }
            let message = golden_open();
            let (header, payload) = (Header::read(message[..HEADER].try_into().unwrap()).unwrap(), &message[HEADER..]);
            // Cut there it is the other format, to the byte.
            prop_assume!(at != 34 + 28 + 17 + 16);
            prop_assert!(header.payload(&payload[..at]).is_none());
            let mut longer = payload.to_vec();
            longer.push(0);
            prop_assert!(header.payload(&longer).is_none());
        }
    }
}
