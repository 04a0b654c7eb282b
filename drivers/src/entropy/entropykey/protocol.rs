//! What goes over an Entropy Key's wire: frames of 64 bytes one way, single letters the other, without any I/O.
//!
//! Source: the vendor's protocol text, version 0 (Debian source package ekeyd 1.1.5, doc/README.protocol).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use qhal::{Error, ErrorKind, Result};
use subtle::ConstantTimeEq;

/// Bytes of a frame.
pub const FRAME: usize = 64;
/// Characters of a frame's content, those that its MAC is computed over.
pub const CONTENT: usize = 52;
/// The last sequence number of a session; the next entropy needs a new session key.
pub const LAST_SEQUENCE: u16 = 4095;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A device's serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Serial(pub [u8; 12]);

impl Serial {
    /// Reads its 16 characters.
    pub fn parse(text: &str) -> Option<Self> {
        BASE64.decode(text).ok()?.try_into().map(Self).ok()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&BASE64.encode(self.0))
    }
}

/// Twelve bits as two characters, the low six bits first.
pub fn encode_sub_code(value: u16) -> [u8; 2] {
    [value & 63, value >> 6 & 63].map(|digit| ALPHABET.get(usize::from(digit)).copied().unwrap_or(b'A'))
}

/// Reads two characters as twelve bits.
pub fn decode_sub_code(text: [u8; 2]) -> Option<u16> {
    let digit = |letter| ALPHABET.iter().position(|other| *other == letter).map(|at| at as u16);
    Some(digit(text[0])? | digit(text[1])? << 6)
}

/// One frame: what it says, and what proves that the device said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Type, class and payload, filled up with blanks.
    pub content: [u8; CONTENT],
    /// The MAC, in base-64.
    pub mac: [u8; 8],
}

impl Frame {
    /// Reads one; `None` when the marks at its ends are not in their places.
    pub fn parse(bytes: &[u8; FRAME]) -> Option<Self> {
        let inner = bytes.strip_prefix(b"* ")?.strip_suffix(b"\r\n")?;
        let (content, mac) = inner.split_at_checked(CONTENT)?;
        Some(Self { content: content.try_into().ok()?, mac: mac.try_into().ok()? })
    }

    /// As it goes over the wire.
    pub fn encode(&self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        let parts = [&b"* "[..], &self.content, &self.mac, b"\r\n"].concat();
        bytes.iter_mut().zip(parts).for_each(|(slot, byte)| *slot = byte);
        bytes
    }

    /// Whether this is its MAC; the time that takes tells nothing about where they differ.
    pub fn is_proved_by(&self, mac: &[u8; 8]) -> bool {
        self.mac.ct_eq(mac).into()
    }
}

/// Finds the frames in a stream of bytes, from wherever it is entered and after whatever was lost.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    skipped: u64,
}

impl FrameReader {
    /// Takes one byte; gives the frame that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        self.bytes.push(byte);
        while let Some(bytes) = self.bytes.first_chunk::<FRAME>() {
            let frame = Frame::parse(bytes);
            let used = if frame.is_some() { FRAME } else { 1 };
            self.bytes.drain(..used);
            if frame.is_some() {
                return frame;
            }
            self.skipped += 1;
        }
        None
    }

    /// How many bytes belonged to no frame so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `S!`: who it is. From now on the session key is all zeros.
    Serial {
        /// The version of the protocol; 0 is the only one.
        protocol: u16,
        /// The serial number.
        serial: Serial,
    },
    /// `k>`: it has entropy and no session key, or no sequence number left.
    NeedsKey,
    /// `K!`: it has made a session key of this and the host's nonce.
    Keyed {
        /// How many bytes of nonce it received.
        nonce_length: u16,
        /// What it gave to the key.
        entropy: [u8; 32],
    },
    /// `E!`: encrypted entropy.
    Entropy {
        /// The number of the frame in its session.
        sequence: u16,
        /// The same as two characters; they go into the decryption.
        sub_code: [u8; 2],
        /// The bytes.
        cipher: [u8; 32],
    },
    /// `I>`: how it is.
    Information(Vec<Information>),
    /// `W>`: it did not understand what it was told.
    Unknown(String),
    /// `M>`: the nonce's MAC was received.
    LongTermUnlocked,
    /// `L!`: it has made a long-term key of this and the host's nonce.
    LongTermKeyed {
        /// How many bytes of nonce it received.
        nonce_length: u16,
        /// What it gave to the key.
        entropy: [u8; 32],
    },
    /// `l>`: it keeps its long-term key.
    LongTermRefused(String),
    /// `B>`: its generators went bad during keying.
    GeneratorsBad(String),
}

impl Message {
    /// Reads the content of a frame.
    ///
    /// # Errors
    /// `Protocol` for a type, class or payload that is none.
    pub fn parse(content: &[u8; CONTENT]) -> Result<Self> {
        let [kind, class, payload @ ..] = content;
        let wrong = || {
            let letters = [*kind, *class].map(|letter| letter.escape_ascii().to_string()).concat();
            Error::new(ErrorKind::Protocol, format!("an Entropy Key sends no frame '{letters}' like this"))
        };
        let message = match (kind, class) {
            (b'S', b'!') => {
                let (protocol, serial) = binary(payload).ok_or_else(wrong)?;
                Self::Serial { protocol, serial: Serial(serial) }
            }
            (b'k', b'>') => Self::NeedsKey,
            (b'K', b'!') => {
                let (nonce_length, entropy) = binary(payload).ok_or_else(wrong)?;
                Self::Keyed { nonce_length, entropy }
            }
            (b'E', b'!') => {
                let (sequence, cipher) = binary(payload).ok_or_else(wrong)?;
                Self::Entropy { sequence, sub_code: encode_sub_code(sequence), cipher }
            }
            (b'I', b'>') => {
                let blocks = text(payload).ok_or_else(wrong)?;
                let blocks = blocks.split(' ').filter(|block| !block.is_empty());
                Self::Information(blocks.map(Information::parse).collect::<Option<_>>().ok_or_else(wrong)?)
            }
            (b'W', b'>') => Self::Unknown(text(payload).ok_or_else(wrong)?),
            (b'M', b'>') => Self::LongTermUnlocked,
            (b'L', b'!') => {
                let (nonce_length, entropy) = binary(payload).ok_or_else(wrong)?;
                Self::LongTermKeyed { nonce_length, entropy }
            }
            (b'l', b'>') => Self::LongTermRefused(text(payload).ok_or_else(wrong)?),
            (b'B', b'>') => Self::GeneratorsBad(text(payload).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        Ok(message)
    }
}

/// Sub-code and payload of a binary frame.
fn binary<const N: usize>(payload: &[u8]) -> Option<(u16, [u8; N])> {
    let (sub_code, rest) = payload.split_first_chunk::<2>()?;
    let bytes = BASE64.decode(rest.trim_ascii_end()).ok()?;
    Some((decode_sub_code(*sub_code)?, bytes.try_into().ok()?))
}

fn text(payload: &[u8]) -> Option<String> {
    let printable = payload.iter().all(|byte| (b' '..=b'~').contains(byte));
    let text = std::str::from_utf8(payload).ok().filter(|_| printable)?;
    Some(text.trim_end().to_owned())
}

/// The content of a binary frame.
pub fn encode_binary(kind: u8, sub_code: u16, payload: &[u8]) -> [u8; CONTENT] {
    let [low, high] = encode_sub_code(sub_code);
    padded([&[kind, b'!', low, high], BASE64.encode(payload).as_bytes()].concat())
}

/// The content of a text frame.
pub fn encode_text(kind: u8, text: &str) -> [u8; CONTENT] {
    padded([&[kind, b'>'], text.as_bytes()].concat())
}

fn padded(bytes: Vec<u8>) -> [u8; CONTENT] {
    let mut content = [b' '; CONTENT];
    content.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    content
}

/// One block of an information frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Information {
    /// `T`: the temperature in tenths of a kelvin.
    Temperature(u32),
    /// `V`: the supply in millivolts.
    Supply(u32),
    /// `F`: the FIPS 140-2 tests of blocks of 20 000 bits.
    Fips(Fips),
    /// `S`: the generators.
    Generators(Generators),
    /// Something that version 0 of the protocol does not know.
    Other,
}

/// What the FIPS 140-2 tests inside the device found since the counters were last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fips {
    /// Blocks tested.
    pub blocks: u32,
    /// Blocks that failed.
    pub failed: u32,
    /// Of these, by test.
    pub monobit: u32,
    /// Of these, by test.
    pub poker: u32,
    /// Of these, by test.
    pub runs: u32,
}

/// The state of both generators over the latest stretch of raw data (80 kbit at most).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generators {
    /// Bytes read from each.
    pub bytes: u32,
    /// Entropy of both and of their exclusive or, in shannons: left, right, both.
    pub shannons: [u32; 3],
    /// The left generator without its bias: bytes, shannons.
    pub left: [u32; 2],
    /// The right generator without its bias: bytes, shannons.
    pub right: [u32; 2],
    /// What is wrong; it stays until the device is unplugged.
    pub failure: FailMode,
}

/// Why a device has locked itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FailMode(pub u8);

impl FailMode {
    /// Nothing is wrong.
    pub const NONE: Self = Self(b'0');

    /// What is wrong, if something is.
    pub const fn reason(self) -> Option<&'static str> {
        Some(match self.0 {
            b'0' | 0 => return None,
            b'1' => "its left generator is no longer random",
            b'2' => "its right generator is no longer random",
            b'3' => "its generators have become correlated",
            b'4' => "its left generator is strongly biased",
            b'5' => "its right generator is strongly biased",
            b'7' => "it is too cold",
            b'8' => "it is too hot",
            b'9' => "too many of its blocks failed the FIPS 140-2 tests",
            b'A' => "its supply voltage is too low",
            b'B' => "its supply voltage is too high",
            _ => "it reports a failure that its protocol does not name",
        })
    }
}

impl Information {
    fn parse(block: &str) -> Option<Self> {
        let (kind, rest) = block.split_at_checked(1)?;
        let number = |text: &str| {
            let plain = (1..=9).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
            text.parse().ok().filter(|_: &u32| plain)
        };
        let fields: Vec<&str> = rest.split(':').collect();
        let numbers: Vec<Option<u32>> = fields.iter().map(|field| number(field)).collect();
        Some(match (kind, numbers.as_slice()) {
            ("T", [Some(tenths)]) => Self::Temperature(*tenths),
            ("V", [Some(millivolts)]) => Self::Supply(*millivolts),
            ("F", [Some(blocks), Some(failed), Some(monobit), Some(poker), Some(runs)]) => Self::Fips(Fips {
                blocks: *blocks,
                failed: *failed,
                monobit: *monobit,
                poker: *poker,
                runs: *runs,
            }),
            ("S", [Some(bytes), Some(l), Some(r), Some(x), Some(lb), Some(ls), Some(rb), Some(rs), _]) => {
                let failure = match fields.last().map(|field| field.as_bytes()) {
                    Some([letter]) => FailMode(*letter),
                    _ => return None,
                };
                let (shannons, left, right) = ([*l, *r, *x], [*lb, *ls], [*rb, *rs]);
                Self::Generators(Generators { bytes: *bytes, shannons, left, right, failure })
            }
            ("T" | "V" | "F" | "S", _) => return None,
            _ => Self::Other,
        })
    }
}

/// What a host can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ctrl-C, understood in every state.
    Reset,
    /// `K`: make a session key with this nonce.
    SessionKey(Vec<u8>),
    /// `M`: the MAC of the nonce to come.
    NonceMac([u8; 8]),
    /// `L`: make a long-term key with this nonce.
    LongTermKey(Vec<u8>),
}

impl Command {
    /// As it goes over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let with_nonce =
            |letter: char, nonce: &[u8]| format!("{letter}{}.", BASE64.encode(nonce)).into_bytes();
        match self {
            Self::Reset => vec![3],
            Self::SessionKey(nonce) => with_nonce('K', nonce),
            Self::NonceMac(mac) => [&b"M"[..], mac].concat(),
            Self::LongTermKey(nonce) => with_nonce('L', nonce),
        }
    }
}

#[cfg(test)]
mod tests;
