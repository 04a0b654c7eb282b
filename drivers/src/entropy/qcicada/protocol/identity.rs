//! What a device says it is, and how the update of its firmware stands.

use std::fmt;

use qhal::{Error, ErrorKind, Result};

use super::values::Fields;

/// A version, major << 16 | minor: `0x0005000E` is 5.14.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

impl Version {
    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self((major as u32) << 16 | minor as u32)
    }

    /// The part before the dot.
    pub const fn major(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The part after the dot.
    pub const fn minor(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}

/// Up to 24 printable ASCII characters, padded with NULs on the wire; all 24 places may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label {
    bytes: [u8; Self::BYTES],
    length: usize,
}

impl Label {
    /// Bytes on the wire.
    pub const BYTES: usize = 24;

    /// A label of `text`.
    ///
    /// # Errors
    /// `InvalidInput` when it is longer than 24 characters or has others than printable ASCII.
    pub fn new(text: &str) -> Result<Self> {
        let mut bytes = [0; Self::BYTES];
        match bytes.get_mut(..text.len()) {
            Some(used) if is_printable(text.as_bytes()) => used.copy_from_slice(text.as_bytes()),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("'{text}' is not up to {} printable ASCII characters", Self::BYTES),
                ));
            }
        }
        Ok(Self { bytes, length: text.len() })
    }

    /// The characters, without the padding.
    pub fn as_str(&self) -> &str {
        // Never anything else than ASCII, by the two ways a label is made.
        self.bytes.get(..self.length).and_then(|used| std::str::from_utf8(used).ok()).unwrap_or_default()
    }

    /// What stands before the first NUL, if all of it is printable; whatever follows the NUL is padding.
    fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(Self::BYTES);
        let used = bytes.get(..length).filter(|used| is_printable(used))?;
        Self::new(std::str::from_utf8(used).ok()?).ok()
    }
}

fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Versions, serial number and hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Version of the generator's core.
    pub core: Version,
    /// Version of the firmware.
    pub firmware: Version,
    /// Serial number, like `QC0000000217`.
    pub serial: Label,
    /// Hardware, like `CICADA-QRNG-1.1`.
    pub hardware: Label,
}

impl Info {
    /// Bytes on the wire.
    pub const BYTES: usize = 8 + 2 * Label::BYTES;

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.core.0.to_le_bytes().to_vec();
        bytes.extend(self.firmware.0.to_le_bytes());
        bytes.extend(self.serial.bytes);
        bytes.extend(self.hardware.bytes);
        bytes
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Protocol` for another number of bytes, or names that are not printable ASCII.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields(payload);
        let raw = (|| Some((fields.u32()?, fields.u32()?, fields.take()?, fields.take()?)))();
        let (core, firmware, serial, hardware) = fields.end(raw, "an identity", payload.len())?;
        match (Label::decode(&serial), Label::decode(&hardware)) {
            (Some(serial), Some(hardware)) => {
                Ok(Self { core: Version(core), firmware: Version(firmware), serial, hardware })
            }
            _ => Err(Error::new(ErrorKind::Protocol, "an identity with names that are not printable")),
        }
    }

    /// Major and minor version of the hardware out of `CICADA-QRNG-M.N`, as the certificate has them; `None`
    /// for other models, whose certificates are *unconfirmed*.
    pub fn hardware_version(&self) -> Option<(u8, u8)> {
        let (major, minor) = self.hardware.as_str().strip_prefix("CICADA-QRNG-")?.split_once('.')?;
        Some((decimal(major)?, decimal(minor)?))
    }

    /// The decimal part of the serial number, `QC0000000217` → 217, as the certificate has it.
    pub fn serial_number(&self) -> Option<u32> {
        decimal(self.serial.as_str().strip_prefix("QC")?)
    }
}

/// A number of digits only: no sign.
fn decimal<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Where a firmware update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateState {
    /// 0: ready for the first chunk.
    Ready,
    /// 1: some chunks are in.
    InProgress,
    /// 2: all of the image is in.
    Complete,
    /// 3: a chunk came without a beginning.
    NotInitialized,
    /// 4: no room for the image, or the memory failed.
    Memory,
    /// 5: the image does not verify.
    VerificationFailed,
    /// 6: the chunk is not valid.
    Invalid,
}

impl UpdateState {
    /// All of them, by code.
    pub const ALL: [Self; 7] = [
        Self::Ready,
        Self::InProgress,
        Self::Complete,
        Self::NotInitialized,
        Self::Memory,
        Self::VerificationFailed,
        Self::Invalid,
    ];

    /// The state in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::InProgress => "in progress",
            Self::Complete => "complete",
            Self::NotInitialized => "not initialized",
            Self::Memory => "memory error",
            Self::VerificationFailed => "verification failed",
            Self::Invalid => "invalid chunk",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::InProgress => 1,
            Self::Complete => 2,
            Self::NotInitialized => 3,
            Self::Memory => 4,
            Self::VerificationFailed => 5,
            Self::Invalid => 6,
        }
    }
}

/// The answer to both update commands: state u8, remaining u32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// Where it stands.
    pub state: UpdateState,
    /// Bytes of the image still to come.
    pub remaining: u32,
}

impl UpdateReport {
    /// Bytes on the wire.
    pub const BYTES: usize = 5;

    /// The bytes on the wire.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.remaining.to_le_bytes();
        [self.state.code(), a, b, c, d]
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Protocol` for another number of bytes or an unknown state.
    pub fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields(payload);
        let raw = (|| Some((fields.u8()?, fields.u32()?)))();
        let (code, remaining) = fields.end(raw, "a report of an update", payload.len())?;
        match UpdateState::ALL.get(usize::from(code)) {
            Some(&state) => Ok(Self { state, remaining }),
            None => Err(Error::new(ErrorKind::Protocol, format!("{code} is no state of an update (0 to 6)"))),
        }
    }
}
