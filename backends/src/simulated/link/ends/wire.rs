//! What the two ends say to each other over TCP: messages of a kind, a length (four bytes, low first) and contents.
//!
//! The connection stands for two channels of a real link. `Light` is the quantum channel: what it did to the photons comes as the
//! bytes that the receiver's tagger sends. The rest is the public channel, which everybody may read and change: messages of
//! distillation carry tags of their own, and those beside them can at most stop a block.

use std::io::{ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use qhal::{Error, ErrorKind, Result};

/// The version of this protocol.
pub(super) const VERSION: u8 = 1;
/// The most bytes of a message.
const MOST: usize = 1 << 26;
/// The most bytes of a greeting's text.
const MOST_WORDS: usize = 1 << 12;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// Who speaks: the first message of either end.
    Hello { version: u8, nonce: [u8; 16], settings: String },
    /// That the speaker has the secret: the second message of either end.
    Proof([u8; 32]),
    /// So many pulses were sent, and this is what the tagger saw of them.
    Light { pulses: u64, bias_current: f64, tags: Vec<u8> },
    /// The block is over: distil it.
    Block(u64),
    /// A message of distillation.
    Classical(Vec<u8>),
    /// This end does not trust the block: alarms, as names and what was seen.
    Alarms(Vec<[String; 2]>),
    /// Whether this end wants more key.
    Wants(bool),
    /// This end has had enough, and goes.
    Bye,
}

impl Message {
    fn encode(&self) -> Result<(u8, Vec<u8>)> {
        Ok(match self {
            Self::Hello { version, nonce, settings } => {
                (0, [std::slice::from_ref(version), nonce, settings.as_bytes()].concat())
            }
            Self::Light { pulses, bias_current, tags } => {
                (1, [&pulses.to_le_bytes(), &bias_current.to_le_bytes(), tags.as_slice()].concat())
            }
            Self::Block(number) => (2, number.to_le_bytes().to_vec()),
            Self::Classical(bytes) => (3, bytes.clone()),
            Self::Alarms(alarms) => (4, serde_json::to_vec(alarms).map_err(|_| nonsense())?),
            Self::Wants(wants) => (5, vec![u8::from(*wants)]),
            Self::Bye => (6, Vec::new()),
            Self::Proof(tag) => (7, tag.to_vec()),
        })
    }

    fn decode(kind: u8, contents: &[u8]) -> Result<Self> {
        let eight = |at: usize| -> Result<[u8; 8]> {
            contents.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(nonsense)
        };
        Ok(match (kind, contents) {
            (0, [version, rest @ ..]) => {
                let (nonce, settings) = rest.split_first_chunk().ok_or_else(nonsense)?;
                if settings.len() > MOST_WORDS {
                    return Err(nonsense());
                }
                let settings = std::str::from_utf8(settings).map_err(|_| nonsense())?.to_owned();
                Self::Hello { version: *version, nonce: *nonce, settings }
            }
            (1, _) => {
                let pulses = u64::from_le_bytes(eight(0)?);
                let bias_current = f64::from_le_bytes(eight(8)?);
                Self::Light { pulses, bias_current, tags: contents.get(16..).unwrap_or_default().to_vec() }
            }
            (2, [_, _, _, _, _, _, _, _]) => Self::Block(u64::from_le_bytes(eight(0)?)),
            (3, _) => Self::Classical(contents.to_vec()),
            (4, _) => Self::Alarms(serde_json::from_slice(contents).map_err(|_| nonsense())?),
            (5, [wants]) => Self::Wants(*wants != 0),
            (6, []) => Self::Bye,
            (7, tag) => Self::Proof(tag.try_into().map_err(|_| nonsense())?),
            _ => return Err(nonsense()),
        })
    }
}

fn nonsense() -> Error {
    Error::new(ErrorKind::Protocol, "what the other end of the link sends is no message of this protocol")
}

/// The connection to the other end.
pub(super) struct Wire {
    stream: TcpStream,
    /// Bytes that came and are no whole message yet.
    pending: Vec<u8>,
}

impl Wire {
    /// # Errors
    /// Those of the operating system.
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        let set = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(SILENCE)));
        set.map_err(|cause| Error::from_io(cause, "cannot set up the link's connection"))?;
        Ok(Self { stream, pending: Vec::new() })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `Disconnected`, `TimedOut`; `InvalidInput` for a message that is too long.
    pub(super) fn send(&mut self, message: &Message) -> Result<()> {
        let (kind, contents) = message.encode()?;
        let length = u32::try_from(contents.len()).ok().filter(|length| *length as usize <= MOST);
        let length = length.ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "a message of the link is longer than 64 MiB")
        })?;
        let mut bytes = Vec::with_capacity(5 + contents.len());
        bytes.push(kind);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&contents);
        self.stream.write_all(&bytes).map_err(|cause| Error::from_io(cause, "the other end of the link"))
    }

    /// The next message, if a whole one comes within `limit`.
    ///
    /// # Errors
    /// `Disconnected` when the other end has gone; `Protocol` for what is no message.
    pub(super) fn receive(&mut self, limit: Duration) -> Result<Option<Message>> {
        let begun = Instant::now();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let left = limit.saturating_sub(begun.elapsed());
            // A time limit of nothing would be none at all.
            let wait = left.max(Duration::from_millis(1));
            let read = self.stream.set_read_timeout(Some(wait)).and_then(|()| self.stream.read(&mut buffer));
            match read {
                Ok(0) => {
                    return Err(Error::new(ErrorKind::Disconnected, "the other end of the link has gone"));
                }
                Ok(count) => self.pending.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {
                    if left.is_zero() {
                        return Ok(None);
                    }
                }
                Err(cause) => return Err(Error::from_io(cause, "the other end of the link")),
            }
        }
    }

    /// A message that has come whole.
    fn whole(&mut self) -> Result<Option<Message>> {
        let Some((&[kind, a, b, c, d], rest)) = self.pending.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MOST {
            return Err(nonsense());
        }
        let Some(contents) = rest.get(..length) else { return Ok(None) };
        let message = Message::decode(kind, contents)?;
        self.pending.drain(..5 + length);
        Ok(Some(message))
    }
}

/// How long an end may be silent before it is taken for gone.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            (any::<u8>(), any::<[u8; 16]>(), ".{0,40}")
                .prop_map(|(version, nonce, settings)| Message::Hello { version, nonce, settings }),
            (any::<u64>(), -1e3..1e3f64, proptest::collection::vec(any::<u8>(), 0..50))
                .prop_map(|(pulses, bias_current, tags)| Message::Light { pulses, bias_current, tags }),
            any::<u64>().prop_map(Message::Block),
            proptest::collection::vec(any::<u8>(), 0..50).prop_map(Message::Classical),
            proptest::collection::vec([".{0,9}", ".{0,9}"], 0..3).prop_map(Message::Alarms),
            any::<bool>().prop_map(Message::Wants),
            Just(Message::Bye),
            any::<[u8; 32]>().prop_map(Message::Proof),
        ]
    }

    proptest! {
        #[test]
        fn messages_come_as_they_were_sent_however_they_are_cut(messages in proptest::collection::vec(message(), 1..5), piece in 1usize..40) {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let mut raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut wire = Wire::new(listener.accept().unwrap().0).unwrap();
            let mut bytes = Vec::new();
            for message in &messages {
                let (kind, contents) = message.encode().unwrap();
                bytes.push(kind);
                bytes.extend_from_slice(&(contents.len() as u32).to_le_bytes());
                bytes.extend_from_slice(&contents);
            }
            for piece in bytes.chunks(piece) {
                raw.write_all(piece).unwrap();
            }
            for message in &messages {
                let came = wire.receive(Duration::from_secs(60)).unwrap();
                prop_assert_eq!(came.as_ref(), Some(message));
            }
            drop(raw);
            prop_assert_eq!(wire.receive(Duration::from_secs(60)).unwrap_err().kind(), ErrorKind::Disconnected);
        }

        #[test]
        fn nothing_that_comes_is_a_reason_to_panic(kind: u8, contents in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Message::decode(kind, &contents);
        }
    }
}
