//! The consolidated 64-bit form: time in bits 63 to 10, inputs in bits 3 to 0, bit 4 for words that only carry the time on.
//!
//! Source: `readevents4a -a1` of qcrypto; the 4-ps card ("timestamp7") has the same layout with its halves swapped on request.

use qhal::{Error, ErrorKind, Result};

use super::{Decode, Encode, Facts, Tag, unfit, wrong};

/// Bytes of a word.
pub const WORD: usize = 8;
/// The largest time, in units of 1/256 ns: 54 bits.
pub const MOST_TIME: u64 = (1 << 54) - 1;

const CHANNELS: u64 = 0xF;
const TIME_ALONE: u64 = 0x10;

/// Which half of a word comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The low half: a little-endian number of 64 bits.
    #[default]
    LowFirst,
    /// The high half (option `-X` of qcrypto's tools).
    HighFirst,
}

/// A word; a tag without inputs becomes one that only carries the time on.
///
/// # Errors
/// `InvalidInput` for a time beyond [`MOST_TIME`] or inputs beyond the four.
pub fn encode(tag: Tag) -> Result<u64> {
    if tag.time > MOST_TIME || tag.channels > CHANNELS {
        return Err(unfit(tag, "does not fit 54 bits of time and four inputs"));
    }
    let flag = if tag.channels == 0 { TIME_ALONE } else { 0 };
    Ok(tag.time << 10 | flag | tag.channels)
}

/// What a word says; `None` for one that only carries the time on.
pub fn decode(word: u64) -> Option<Tag> {
    let channels = word & CHANNELS;
    (word & TIME_ALONE == 0 && channels != 0).then_some(Tag { time: word >> 10, channels })
}

/// Many tags as bytes.
///
/// # Errors
/// As [`encode`].
pub fn write(tags: &[Tag], order: Order) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(tags.len() * WORD);
    for tag in tags {
        bytes.extend_from_slice(&halves(encode(*tag)?, order).to_le_bytes());
    }
    Ok(bytes)
}

/// Many tags from bytes; words that only carry the time on are left out.
///
/// # Errors
/// `Protocol` when the last word is cut short.
pub fn read(bytes: &[u8], order: Order) -> Result<Vec<Tag>> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    if !rest.is_empty() {
        let why = format!("{} bytes are no whole number of 8-byte tags", bytes.len());
        return Err(Error::new(ErrorKind::Protocol, why));
    }
    Ok(words.iter().filter_map(|word| decode(halves(u64::from_le_bytes(*word), order))).collect())
}

/// Carries times on beyond their 54 bits: in absolute mode they begin again every 19.5 hours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unwrap {
    last: u64,
    wraps: u64,
}

impl Unwrap {
    /// The time that is meant; one that fell by more than half of the range began again.
    pub(super) fn carry(&mut self, time: u64) -> u64 {
        if self.last > time && self.last - time > MOST_TIME / 2 {
            self.wraps += 1;
        }
        // An event that is a little late, just before the times began again.
        let late = self.wraps > 0 && time > self.last && time - self.last > MOST_TIME / 2;
        if !late {
            self.last = time;
        }
        (self.wraps - u64::from(late)) * (MOST_TIME + 1) + time
    }

    pub(super) fn wraps(&self) -> u64 {
        self.wraps
    }
}

/// Reads a file of words.
pub(super) struct Decoder {
    order: Order,
    unwrap: Unwrap,
}

impl Decoder {
    pub(super) fn new(order: Order) -> Self {
        Self { order, unwrap: Unwrap::default() }
    }
}

impl Decode for Decoder {
    fn decode(&mut self, bytes: &[u8], _offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let (words, rest) = bytes.as_chunks::<WORD>();
        for word in words {
            let word = halves(u64::from_le_bytes(*word), self.order);
            let time = self.unwrap.carry(word >> 10);
            out.extend(decode(word).map(|tag| Tag { time, ..tag }));
        }
        Ok(bytes.len() - rest.len())
    }

    fn end(&mut self, rest: &[u8], offset: u64, _out: &mut Vec<Tag>) -> Result<()> {
        if rest.is_empty() {
            return Ok(());
        }
        Err(wrong("tags64", offset, format!("the file ends {} bytes into a word of {WORD}", rest.len())))
    }

    fn facts(&self) -> Facts {
        Facts { tick: Some(1.0 / 256e9), wraps: self.unwrap.wraps(), ..Facts::default() }
    }
}

/// Writes a file of words.
pub(super) struct Encoder {
    order: Order,
}

impl Encoder {
    pub(super) fn new(order: Order) -> Self {
        Self { order }
    }
}

impl Encode for Encoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&halves(encode(tag)?, self.order).to_le_bytes());
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

pub(super) fn halves(word: u64, order: Order) -> u64 {
    match order {
        Order::LowFirst => word,
        Order::HighFirst => word.rotate_left(32),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_the_tools_are_read_and_written() {
        // The words that TDC1 events become: 1000 ns on input 4, 2^28 - 2 ns on input 1, 4 ns after the wrap on input 1.
        for (ns, channels, word) in [
            (1000, 8, 0x0000_0000_0fa0_0008),
            ((1 << 28) - 2, 1, 0x0000_3fff_fff8_0001),
            ((1 << 28) + 4, 1, 0x0000_4000_0010_0001),
        ] {
            let tag = Tag { time: ns * 256, channels };
            assert_eq!(encode(tag).unwrap(), word);
            assert_eq!(decode(word), Some(tag));
        }
        // Words of the card, (high, low): 65 333.011 796 794 s on input 1; 138.9 ns later on input 4.
        let card = |high: u64, low: u64| decode(high << 32 | low).unwrap();
        let (one, two) = (card(0xedae_1bd7, 0x4ce8_8f21), card(0xedae_1bd7, 0x4f14_3308));
        assert_eq!((one.channels, two.channels), (1, 8));
        assert!((one.time as f64 / 256e9 - 65_333.011_796_794).abs() < 1e-9);
        assert!(((two.time - one.time) as f64 / 256.0 - 138.9).abs() < 0.05);
    }

    #[test]
    fn halves_can_be_swapped_and_cut_words_are_noticed() {
        let tag = Tag { time: 0x1234_5678_9ABC, channels: 5 };
        let (low, high) = (write(&[tag], Order::LowFirst).unwrap(), write(&[tag], Order::HighFirst).unwrap());
        assert_eq!((&low[..4], &low[4..]), (&high[4..], &high[..4]));
        assert_eq!(read(&high, Order::HighFirst).unwrap(), [tag]);
        assert_eq!(read(&low[..7], Order::LowFirst).unwrap_err().kind(), ErrorKind::Protocol);
        assert!(encode(Tag { time: MOST_TIME + 1, channels: 1 }).is_err());
        assert!(encode(Tag { time: 0, channels: 16 }).is_err());
        assert_eq!(decode(encode(Tag { time: 9, channels: 0 }).unwrap()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tags in prop::collection::vec((0..=MOST_TIME, 1_u64..16), 0..50), swapped: bool) {
            let order = if swapped { Order::HighFirst } else { Order::LowFirst };
            let tags: Vec<Tag> = tags.into_iter().map(|(time, channels)| Tag { time, channels }).collect();
            prop_assert_eq!(read(&write(&tags, order).unwrap(), order).unwrap(), tags);
        }
    }
}
