//! The blocks of up to 1024 bytes that hash tests and firmware updates carry, with the update's checksum.

use qhal::{Error, ErrorKind, Result};

/// Room for data in one chunk; a shorter one is padded with zeros on the wire.
pub const CHUNK_BYTES: usize = 1024;

/// The checksum of a firmware chunk: one's complement of the 8-bit sum of its data.
pub fn checksum(data: &[u8]) -> u8 {
    !data.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte))
}

/// A length and 1024 bytes of room.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    length: u16,
    room: Box<[u8; CHUNK_BYTES]>,
}

impl Chunk {
    /// A chunk of at most 1024 bytes.
    ///
    /// # Errors
    /// `InvalidInput` for more.
    pub fn new(data: &[u8]) -> Result<Self> {
        let mut room = Box::new([0; CHUNK_BYTES]);
        match (room.get_mut(..data.len()), u16::try_from(data.len())) {
            (Some(used), Ok(length)) => {
                used.copy_from_slice(data);
                Ok(Self { length, room })
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{} bytes do not fit a chunk of {CHUNK_BYTES}", data.len()),
            )),
        }
    }

    /// The data; `None` when the length on the wire was more than a chunk holds.
    pub fn data(&self) -> Option<&[u8]> {
        self.room.get(..usize::from(self.length))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.length.to_le_bytes());
        out.extend(self.room.iter());
    }

    /// Reads 1026 bytes of payload; `None` for another number.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (length, room) = payload.split_first_chunk::<2>()?;
        let room: [u8; CHUNK_BYTES] = room.try_into().ok()?;
        Some(Self { length: u16::from_le_bytes(*length), room: Box::new(room) })
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.length)
    }
}

/// A chunk of a firmware image with its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateChunk {
    chunk: Chunk,
    checksum: u8,
}

impl UpdateChunk {
    /// A chunk of at most 1024 bytes, with the checksum that belongs to it.
    ///
    /// # Errors
    /// `InvalidInput` for more.
    pub fn new(data: &[u8]) -> Result<Self> {
        Ok(Self { chunk: Chunk::new(data)?, checksum: checksum(data) })
    }

    /// The data; `None` when the length is more than a chunk holds or the checksum does not match.
    pub fn data(&self) -> Option<&[u8]> {
        self.chunk.data().filter(|data| checksum(data) == self.checksum)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.chunk.encode(out);
        out.push(self.checksum);
    }

    /// Reads 1027 bytes of payload, whatever the checksum; `None` for another number.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let (&checksum, chunk) = payload.split_last()?;
        Some(Self { chunk: Chunk::decode(chunk)?, checksum })
    }
}
