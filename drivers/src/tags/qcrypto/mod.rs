//! The packets of qcrypto, one epoch of 2^29 ns each: raw events (type 1), times and bases for the other end (2), the results kept
//! here (3), and which events matched (4). All fields are words of 32 bits, little-endian.
//!
//! Source: `remotecrypto/filespec.txt` of github.com/s-fifteen-instruments/qcrypto. Where that text and the programs differ (`chopper.c`,
//! `costream.c`, `decompress.c`) the programs are followed: the basis bits of an entry stand behind its difference. A packet ends by
//! itself, so that several may stand in one file.

mod entries;
mod packets;
mod stream;

pub use packets::Packet;
pub(super) use stream::{Decoder, Encoder};

use qhal::{Error, ErrorKind, Result};

/// Units of 1/256 ns in 125 ps, the step of times here.
pub const STEP: u64 = 32;
/// Bits of the time within an epoch, in steps.
pub const FINE_BITS: u32 = 32;

/// Bits of the epoch in a raw event.
const COUNTER: u32 = 0x1_FFFF;
/// The largest packet that is taken as a whole, in bytes.
pub const LARGEST: usize = 64 << 20;
/// The tag's bit for epochs that count from 1970.
const EXTENDED: u32 = 0x100;
const NAME: &str = "qcrypto";

/// A stretch of 2^29 ns, 0.537 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Its number; files are named by it, in eight hexadecimal digits.
    pub number: u32,
    /// Whether it counts from 1970-01-01 in 32 bits; else it is the top 17 bits of the tagger's own time.
    pub extended: bool,
}

impl Epoch {
    /// The epoch at a Unix time in seconds; it begins again in January 2043.
    pub fn at_unix(seconds: u64) -> Self {
        // 10^9/2^29 = 1953125/2^20.
        let number = (u128::from(seconds) * 1_953_125) >> 20;
        Self { number: number as u32, extended: true }
    }

    /// The epoch of a time in units of 1/256 ns on the tagger's own clock.
    pub fn at(time: u64) -> Self {
        Self { number: (time >> (FINE_BITS + 5)) as u32 & COUNTER, extended: false }
    }

    /// Joins a tagger's counter of 17 bits to the host's full number, which may be an epoch or so ahead or behind.
    pub fn join(host: u32, counter: u32) -> Self {
        let (host_top, counter_top) = (host >> 15 & 3, counter >> 15 & 3);
        let base = (host & !COUNTER).wrapping_add(counter & COUNTER);
        let number = match (host_top, counter_top) {
            (3, 0) => base.wrapping_add(COUNTER + 1),
            (0, 2 | 3) | (1, 3) => base.wrapping_sub(COUNTER + 1),
            _ => base,
        };
        Self { number, extended: true }
    }

    /// When it begins on the tagger's own clock, in units of 1/256 ns.
    pub fn start(self) -> u64 {
        u64::from(self.number & COUNTER) << (FINE_BITS + 5)
    }

    fn tag(self, kind: u32) -> u32 {
        kind | if self.extended { EXTENDED } else { 0 }
    }
}

/// The type of the packet that begins like this, 1 to 4, if it is one.
pub fn kind_of(start: &[u8]) -> Option<u32> {
    let word =
        |at: usize| -> Option<u32> { start.get(4 * at..4 * at + 4)?.try_into().ok().map(u32::from_le_bytes) };
    let kind = word(0)? & !EXTENDED;
    let fits = match kind {
        1 => word(3)? == 49 && word(4)? <= 8,
        2 => order(word(3)?, word(4)?).is_ok() && word(5)? <= 16,
        3 => (1..=16).contains(&word(3)?),
        4 => order(word(3)?, word(4)?).is_ok(),
        _ => false,
    };
    fits.then_some(kind)
}

/// Checks the widths of differences and of what stands behind them.
fn order(bits: u32, base_bits: u32) -> Result<()> {
    if (2..=32).contains(&bits) && base_bits <= 32 - bits {
        return Ok(());
    }
    let message = format!(
        "qcrypto: differences of {bits} bits with {base_bits} bits behind them do not fit a word of 32"
    );
    Err(Error::new(ErrorKind::Protocol, message))
}
