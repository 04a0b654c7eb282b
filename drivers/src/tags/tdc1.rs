//! The 32-bit words of the S-Fifteen TDC1: 27 bits of time in 2 ns, a flag, four inputs, and wraps every 0.268 s.
//!
//! Source: the documentation of the TDC1 (wiki `Timestamp_TDC1`) and `readevents4a` of qcrypto.

use qhal::{Error, ErrorKind, Result};

use super::{Tag, UNITS_PER_NS};

/// Bytes of a word.
pub const WORD: usize = 4;
/// Units of 1/256 ns in one step of the device's time.
pub const STEP: u64 = 2 * UNITS_PER_NS;
/// Steps after which its time begins again.
pub const WRAP: u64 = 1 << 27;

const TIME_SHIFT: u32 = 5;
const TIME_ALONE: u32 = 0x10;
const CHANNELS: u32 = 0xF;

/// The longest time between two words, in steps: without events the device sends a word about every 140 ms. More than this is no
/// time that passed but a stream whose words are not where they seem.
pub const MOST_GAP: u64 = 75_000_000;

/// The word of an event, or of a time alone if no input fired; the time is cut to steps and wraps.
pub fn encode(tag: Tag) -> u32 {
    let channels = tag.channels as u32 & CHANNELS;
    let steps = (tag.time / STEP % WRAP) as u32;
    steps << TIME_SHIFT | if channels == 0 { TIME_ALONE } else { 0 } | channels
}

/// Reads a stream, however it is cut: keeps a word that is not whole yet, and counts the wraps.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
    /// Steps since the device's clock was at 0, at the last word.
    now: u64,
}

impl Reader {
    /// One that begins with the device's clock at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time of the last word, in units of 1/256 ns: words without events carry it on.
    pub fn now(&self) -> u64 {
        self.now * STEP
    }

    /// Takes what came and appends the events in it. Words that only carry the time on are counted and left out.
    ///
    /// # Errors
    /// `Protocol` when a word cannot follow the one before: a byte was lost or altered, and what comes now means nothing.
    pub fn read(&mut self, bytes: &[u8], out: &mut Vec<Tag>) -> Result<()> {
        let mut bytes = bytes;
        if !self.rest.is_empty() {
            let missing = (WORD - self.rest.len()).min(bytes.len());
            let (first, others) = bytes.split_at(missing);
            self.rest.extend_from_slice(first);
            bytes = others;
            if let Ok(word) = <[u8; WORD]>::try_from(self.rest.as_slice()) {
                self.rest.clear();
                self.word(u32::from_le_bytes(word), out)?;
            }
        }
        let (words, rest) = bytes.as_chunks::<WORD>();
        for word in words {
            self.word(u32::from_le_bytes(*word), out)?;
        }
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    /// How many bytes of a word are still to come.
    pub fn missing(&self) -> usize {
        if self.rest.is_empty() { 0 } else { WORD - self.rest.len() }
    }

    fn word(&mut self, word: u32, out: &mut Vec<Tag>) -> Result<()> {
        // Times that fall have begun again; they only rise, so the difference tells.
        let passed = u64::from(word >> TIME_SHIFT).wrapping_sub(self.now) % WRAP;
        // A word has an input, or says that it has none.
        if passed > MOST_GAP || word & (TIME_ALONE | CHANNELS) == 0 {
            let message = format!(
                "the word {word:08x} of the stream cannot follow the time {} ns: bytes were lost or altered on the way",
                self.now * STEP / UNITS_PER_NS
            );
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        self.now += passed;
        let channels = u64::from(word & CHANNELS);
        if word & TIME_ALONE == 0 && channels != 0 {
            out.push(Tag { time: self.now * STEP, channels });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(ns: u64, channels: u64) -> Tag {
        Tag { time: ns * UNITS_PER_NS, channels }
    }

    #[test]
    fn words_of_the_documentation_are_written_and_read() {
        for (ns, channels, word) in [
            (0, 1, 0x0000_0001),
            (2, 2, 0x0000_0022),
            (1000, 8, 0x0000_3e88),
            ((1 << 28) - 2, 1, 0xffff_ffe1),
            (140_000_000, 0, 0x8583_b010),
        ] {
            assert_eq!(encode(tag(ns, channels)), word, "{ns} ns");
        }
        let mut reader = Reader::new();
        let mut read = Vec::new();
        // A word at least every 140 ms lies between the events, as the device sends them.
        let dummies = [140_000_000, 268_000_000].map(|ns| encode(tag(ns, 0)).to_le_bytes());
        reader.read(&[0x88, 0x3e, 0x00, 0x00], &mut read).unwrap();
        reader.read(&dummies.concat(), &mut read).unwrap();
        reader.read(&encode(tag((1 << 28) - 2, 1)).to_le_bytes(), &mut read).unwrap();
        reader.read(&encode(tag(4, 1)).to_le_bytes(), &mut read).unwrap();
        let after = tag((1 << 28) + 4, 1);
        assert_eq!(read, [tag(1000, 8), tag((1 << 28) - 2, 1), after], "the time began again");
        assert_eq!(reader.now(), after.time);
    }

    #[test]
    fn a_lost_byte_is_noticed() {
        let bytes: Vec<u8> = (0..2000)
            .flat_map(|i| encode(tag(1000 * i + 2 * (i * i % 331), 1 << (i % 4))).to_le_bytes())
            .collect();
        for lost in [4001, 4002, 4003] {
            let (mut reader, mut read) = (Reader::new(), Vec::new());
            let cut = [&bytes[..lost], &bytes[lost + 1..]].concat();
            assert_eq!(reader.read(&cut, &mut read).unwrap_err().kind(), ErrorKind::Protocol, "{lost}");
            assert!(read.len() < 1100, "{}", read.len());
        }
    }

    proptest! {
        /// Whatever the gaps (bridged by words without events, as the device does) and however the bytes are cut.
        #[test]
        fn what_a_device_sends_is_read(
            gaps in prop::collection::vec((1_u64..400_000_000, 1_u64..16), 1..40), cut in 1_usize..9,
        ) {
            let (mut now, mut sent, mut bytes) = (0, Vec::new(), Vec::new());
            for (gap, channels) in gaps {
                let next = now + gap;
                // A word at least every 134 ms keeps the wrap from being missed.
                while next - now > 134_000_000 {
                    now += 134_000_000;
                    bytes.extend_from_slice(&encode(tag(now, 0)).to_le_bytes());
                }
                now = next;
                sent.push(tag(now / 2 * 2, channels));
                bytes.extend_from_slice(&encode(tag(now, channels)).to_le_bytes());
            }
            let mut reader = Reader::new();
            let mut read = Vec::new();
            for part in bytes.chunks(cut) {
                reader.read(part, &mut read).unwrap();
            }
            prop_assert_eq!(read, sent);
        }
    }
}
