//! The QCC command-and-control protocol: commands and replies as bytes, and back; no I/O.
//!
//! A command is one code byte and a payload of fixed length; a reply is one code byte and a payload whose
//! length follows from the code. There is no framing and no checksum, except inside a firmware chunk. All
//! integers are little-endian. `F8` and `F9` mean different things as a command and as a reply.
//!
//! Source: the vendor's C library "QCC" (`cmdctrl_types.h`, `qcc.c`), Crypta Labs 2022–2023; codes `51`, `F7`,
//! `F8` and `F9` as the third-party crate `qcicada` 0.2 uses them. What neither says is marked *unconfirmed*.

mod chunk;
mod identity;
mod values;

use qhal::{Error, ErrorKind, Result};

pub use chunk::{CHUNK_BYTES, Chunk, UpdateChunk, checksum};
pub use identity::{Info, Label, UpdateReport, UpdateState, Version};
pub use values::{Config, Flags, Generator, PostProcess, Sensor, Start, Statistics, Status};

/// Bits per second of a QCicada's serial line. Firefly and Dragonfly accept any.
pub const BAUD: u32 = 1_000_000;
/// TCP port of the network variant for commands, and UDP port of the host where its random bytes arrive.
pub const NETWORK_PORT: u16 = 54_936;
/// Most bytes of one one-shot request that an operator of a QCicada saw served. Firefly and Dragonfly: 35 200.
pub const ONE_SHOT_LIMIT: usize = 13_440;
/// Bytes of a public key (x ‖ y), a signature and a certificate (r ‖ s), all big-endian.
pub const KEY_BYTES: usize = 64;
/// Bytes of the reply to `STOP`: code and status; always the last ones of a stopped stream.
pub const STOP_REPLY_BYTES: usize = 6;
/// First firmware that knows `SIGNED_READ`.
pub const SIGNED_READ_SINCE: Version = Version::new(5, 13);

/// The two bytes that make a `REBOOT` be taken seriously.
const REBOOT_MAGIC: [u8; 2] = [0xA1, 0x25];

/// What the host can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `01`: how the device is.
    GetStatus,
    /// `04`: send random bytes, once or until stopped.
    Start(Start),
    /// `05`: stop sending. Bytes already queued still come; the reply is the last six bytes.
    Stop,
    /// `07`: the configuration.
    GetConfig,
    /// `08`: change the configuration.
    SetConfig(Config),
    /// `09`: the counters since the last reset.
    GetStatistics,
    /// `0A`: restart generation with its start-up test, and clear the counters.
    Reset,
    /// `0B`: versions, serial number, hardware.
    GetInfo,
    /// `20`: begin a test of the device's SHA-256.
    HashTestInit,
    /// `22`: feed it up to 1024 bytes; always 1026 bytes of payload on the wire.
    HashTestAccumulate(Chunk),
    /// `23`: the SHA-256 digest of what was fed.
    HashTestDigest,
    /// `40`: begin a firmware update of that many bytes.
    UpdateInit {
        /// Length of the whole image.
        length: u32,
    },
    /// `41`: up to 1024 bytes of the image; always 1027 bytes of payload on the wire.
    UpdateChunk(UpdateChunk),
    /// `51`: that many random bytes (1 at least) with the device's signature. Firmware 5.13 and later.
    SignedRead {
        /// How many random bytes.
        length: u16,
    },
    /// `F7`: the device's public key.
    GetPublicKey,
    /// `F8 A1 25`: restart the device.
    Reboot,
    /// `F9`: the maker's signature over the device's identity and public key.
    GetCertificate,
}

/// How the beginning of a byte stream reads as a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// Not enough bytes yet.
    Incomplete,
    /// A command, and how many bytes it took.
    Command(Command, usize),
    /// The code is known and that many bytes belong to it, but the payload makes no sense.
    Invalid(usize),
    /// No command has this code; what follows it cannot be known.
    Unknown(u8),
}

impl Command {
    /// The code byte.
    pub const fn code(&self) -> u8 {
        match self {
            Self::GetStatus => 0x01,
            Self::Start(_) => 0x04,
            Self::Stop => 0x05,
            Self::GetConfig => 0x07,
            Self::SetConfig(_) => 0x08,
            Self::GetStatistics => 0x09,
            Self::Reset => 0x0A,
            Self::GetInfo => 0x0B,
            Self::HashTestInit => 0x20,
            Self::HashTestAccumulate(_) => 0x22,
            Self::HashTestDigest => 0x23,
            Self::UpdateInit { .. } => 0x40,
            Self::UpdateChunk(_) => 0x41,
            Self::SignedRead { .. } => 0x51,
            Self::GetPublicKey => 0xF7,
            Self::Reboot => 0xF8,
            Self::GetCertificate => 0xF9,
        }
    }

    /// The name, as the vendor's library spells it (the two `GET_DEV_…` as the crate `qcicada` does).
    pub const fn name(&self) -> &'static str {
        match self {
            Self::GetStatus => "GET_STATUS",
            Self::Start(_) => "START",
            Self::Stop => "STOP",
            Self::GetConfig => "GET_CONFIG",
            Self::SetConfig(_) => "SET_CONFIG",
            Self::GetStatistics => "GET_STATISTICS",
            Self::Reset => "RESET",
            Self::GetInfo => "GET_INFO",
            Self::HashTestInit => "HASH_TEST_INIT",
            Self::HashTestAccumulate(_) => "HASH_TEST_ACCUMULATE",
            Self::HashTestDigest => "HASH_TEST_DIGEST",
            Self::UpdateInit { .. } => "UPDATE_INIT",
            Self::UpdateChunk(_) => "UPDATE_CHUNK",
            Self::SignedRead { .. } => "SIGNED_READ",
            Self::GetPublicKey => "GET_DEV_PUB_KEY",
            Self::Reboot => "REBOOT",
            Self::GetCertificate => "GET_DEV_CERTIFICATE",
        }
    }

    /// The code byte of the reply that means success.
    pub const fn success(&self) -> u8 {
        match self {
            Self::GetStatus | Self::Start(_) | Self::Stop | Self::SetConfig(_) | Self::Reset => code::ACK,
            Self::GetConfig => code::CONFIG,
            Self::GetStatistics => code::STATISTICS,
            Self::GetInfo => code::INFO,
            Self::HashTestInit | Self::HashTestAccumulate(_) => code::HASH_TEST_ACK,
            Self::HashTestDigest => code::DIGEST,
            Self::UpdateInit { .. } | Self::UpdateChunk(_) => code::UPDATE,
            Self::SignedRead { .. } => code::SIGNED_READ,
            Self::GetPublicKey => code::PUBLIC_KEY,
            Self::Reboot => code::REBOOTING,
            Self::GetCertificate => code::CERTIFICATE,
        }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.code()];
        match self {
            Self::Start(start) => bytes.extend(start.encode()),
            Self::SetConfig(config) => bytes.extend(config.encode()),
            Self::HashTestAccumulate(chunk) => chunk.encode(&mut bytes),
            Self::UpdateInit { length } => bytes.extend(length.to_le_bytes()),
            Self::UpdateChunk(chunk) => chunk.encode(&mut bytes),
            Self::SignedRead { length } => bytes.extend(length.to_le_bytes()),
            Self::Reboot => bytes.extend(REBOOT_MAGIC),
            _ => {}
        }
        bytes
    }

    /// Bytes of payload after the command code `code`; `None` for a code that is no command. `full` is whether
    /// the firmware was built in the vendor's "full mode", which decides how long a configuration is.
    pub const fn payload_bytes(code: u8, full: bool) -> Option<usize> {
        Some(match code {
            0x01 | 0x05 | 0x07 | 0x09 | 0x0A | 0x0B | 0x20 | 0x23 | 0xF7 | 0xF9 => 0,
            0x04 => Start::BYTES,
            0x08 if full => Config::FULL_BYTES,
            0x08 => Config::SHORT_BYTES,
            0x22 => 2 + CHUNK_BYTES,
            0x40 => 4,
            0x41 => 3 + CHUNK_BYTES,
            0x51 | 0xF8 => 2,
            _ => return None,
        })
    }

    /// Reads the command at the beginning of `stream`, as a device does; `full` as in
    /// [`payload_bytes`](Command::payload_bytes).
    pub fn parse(stream: &[u8], full: bool) -> Parsed {
        let Some((&code, rest)) = stream.split_first() else { return Parsed::Incomplete };
        let Some(length) = Self::payload_bytes(code, full) else { return Parsed::Unknown(code) };
        let Some(payload) = rest.get(..length) else { return Parsed::Incomplete };
        match Self::from_payload(code, payload) {
            Some(command) => Parsed::Command(command, 1 + length),
            None => Parsed::Invalid(1 + length),
        }
    }

    fn from_payload(code: u8, payload: &[u8]) -> Option<Self> {
        Some(match (code, payload) {
            (0x01, _) => Self::GetStatus,
            (0x04, _) => Self::Start(Start::decode(payload)?),
            (0x05, _) => Self::Stop,
            (0x07, _) => Self::GetConfig,
            (0x08, _) => Self::SetConfig(Config::decode(payload).ok()?),
            (0x09, _) => Self::GetStatistics,
            (0x0A, _) => Self::Reset,
            (0x0B, _) => Self::GetInfo,
            (0x20, _) => Self::HashTestInit,
            (0x22, _) => Self::HashTestAccumulate(Chunk::decode(payload)?),
            (0x23, _) => Self::HashTestDigest,
            (0x40, &[a, b, c, d]) => Self::UpdateInit { length: u32::from_le_bytes([a, b, c, d]) },
            (0x41, _) => Self::UpdateChunk(UpdateChunk::decode(payload)?),
            (0x51, &[a, b]) => Self::SignedRead { length: u16::from_le_bytes([a, b]) },
            (0xF7, _) => Self::GetPublicKey,
            (0xF8, magic) if *magic == REBOOT_MAGIC => Self::Reboot,
            (0xF9, _) => Self::GetCertificate,
            _ => return None,
        })
    }
}

/// The code bytes of replies.
pub mod code {
    /// Success, with the status.
    pub const ACK: u8 = 0x11;
    /// Refused or failed; no payload.
    pub const NACK: u8 = 0x12;
    /// The configuration.
    pub const CONFIG: u8 = 0x17;
    /// The counters.
    pub const STATISTICS: u8 = 0x19;
    /// Versions and serial number.
    pub const INFO: u8 = 0x1B;
    /// A step of the hash test was done; no payload.
    pub const HASH_TEST_ACK: u8 = 0x21;
    /// A SHA-256 digest.
    pub const DIGEST: u8 = 0x24;
    /// How a firmware update stands.
    pub const UPDATE: u8 = 0x43;
    /// Random bytes and their signature follow.
    pub const SIGNED_READ: u8 = 0x52;
    /// The device restarts; no payload.
    pub const REBOOTING: u8 = 0xF8;
    /// The device's public key.
    pub const PUBLIC_KEY: u8 = 0xF9;
    /// The device's certificate.
    pub const CERTIFICATE: u8 = 0xFB;
}

/// What the device can answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `11`: done; this is the status.
    Ack(Status),
    /// `12`: no. It carries no reason.
    Nack,
    /// `17`: the configuration.
    Config(Config),
    /// `19`: the counters.
    Statistics(Statistics),
    /// `1B`: versions, serial number, hardware.
    Info(Info),
    /// `21`: a step of the hash test was done.
    HashTestAck,
    /// `24`: a SHA-256 digest.
    Digest([u8; 32]),
    /// `43`: how a firmware update stands.
    Update(UpdateReport),
    /// `52`: as many random bytes as were asked for follow, then the 64 bytes of their signature.
    SignedRead,
    /// `F8`: the device restarts now.
    Rebooting,
    /// `F9`: the device's public key, x ‖ y.
    PublicKey([u8; KEY_BYTES]),
    /// `FB`: the device's certificate, r ‖ s.
    Certificate([u8; KEY_BYTES]),
}

impl Reply {
    /// The code byte.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Ack(_) => code::ACK,
            Self::Nack => code::NACK,
            Self::Config(_) => code::CONFIG,
            Self::Statistics(_) => code::STATISTICS,
            Self::Info(_) => code::INFO,
            Self::HashTestAck => code::HASH_TEST_ACK,
            Self::Digest(_) => code::DIGEST,
            Self::Update(_) => code::UPDATE,
            Self::SignedRead => code::SIGNED_READ,
            Self::Rebooting => code::REBOOTING,
            Self::PublicKey(_) => code::PUBLIC_KEY,
            Self::Certificate(_) => code::CERTIFICATE,
        }
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.code()];
        match self {
            Self::Ack(status) => bytes.extend(status.encode()),
            Self::Config(config) => bytes.extend(config.encode()),
            Self::Statistics(statistics) => bytes.extend(statistics.encode()),
            Self::Info(info) => bytes.extend(info.encode()),
            Self::Digest(digest) => bytes.extend(digest),
            Self::Update(report) => bytes.extend(report.encode()),
            Self::PublicKey(bytes64) | Self::Certificate(bytes64) => bytes.extend(bytes64),
            Self::Nack | Self::HashTestAck | Self::SignedRead | Self::Rebooting => {}
        }
        bytes
    }

    /// Fewest and most bytes of payload after the reply code `code`; `None` for a code that is no reply. They
    /// differ where firmware built without the vendor's "full mode" sends less (*unconfirmed* which products).
    pub const fn payload_bytes(code: u8) -> Option<(usize, usize)> {
        Some(match code {
            code::ACK => (Status::BYTES, Status::BYTES),
            code::NACK | code::HASH_TEST_ACK | code::SIGNED_READ | code::REBOOTING => (0, 0),
            code::CONFIG => (Config::SHORT_BYTES, Config::FULL_BYTES),
            code::STATISTICS => (Statistics::SHORT_BYTES, Statistics::FULL_BYTES),
            code::INFO => (Info::BYTES, Info::BYTES),
            code::DIGEST => (32, 32),
            code::UPDATE => (UpdateReport::BYTES, UpdateReport::BYTES),
            code::PUBLIC_KEY | code::CERTIFICATE => (KEY_BYTES, KEY_BYTES),
            _ => return None,
        })
    }

    /// Reads a reply from its code and the whole of its payload.
    ///
    /// # Errors
    /// `Protocol` for an unknown code, a payload of another length, or values that the protocol does not know.
    pub fn decode(code: u8, payload: &[u8]) -> Result<Self> {
        let length = || {
            Error::new(
                ErrorKind::Protocol,
                format!("a reply {code:02X} does not have {} bytes of payload", payload.len()),
            )
        };
        Ok(match code {
            code::ACK => Self::Ack(Status::decode(payload)?),
            code::NACK if payload.is_empty() => Self::Nack,
            code::CONFIG => Self::Config(Config::decode(payload)?),
            code::STATISTICS => Self::Statistics(Statistics::decode(payload)?),
            code::INFO => Self::Info(Info::decode(payload)?),
            code::HASH_TEST_ACK if payload.is_empty() => Self::HashTestAck,
            code::DIGEST => Self::Digest(payload.try_into().map_err(|_| length())?),
            code::UPDATE => Self::Update(UpdateReport::decode(payload)?),
            code::SIGNED_READ if payload.is_empty() => Self::SignedRead,
            code::REBOOTING if payload.is_empty() => Self::Rebooting,
            code::PUBLIC_KEY => Self::PublicKey(payload.try_into().map_err(|_| length())?),
            code::CERTIFICATE => Self::Certificate(payload.try_into().map_err(|_| length())?),
            code::NACK | code::HASH_TEST_ACK | code::SIGNED_READ | code::REBOOTING => return Err(length()),
            _ => return Err(Error::new(ErrorKind::Protocol, format!("{code:02X} is no code of a reply"))),
        })
    }
}

#[cfg(test)]
mod tests;
