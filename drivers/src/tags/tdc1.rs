//! The 32-bit words of the S-Fifteen TDC1: 27 bits of time in 2 ns, a flag, four inputs, and wraps every 0.268 s.
//!
//! Source: the documentation of the TDC1 (wiki `Timestamp_TDC1`) and `readevents4a` of qcrypto.

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
/// The top bit of the time: when it falls from 1 to 0 the time has begun again.
const TOP: u32 = 1 << 31;

/// The word of an event, or of a time alone if no input fired; the time is cut to steps and wraps.
pub fn encode(tag: Tag) -> u32 {
    let channels = u32::from(tag.channels) & CHANNELS;
    let steps = (tag.time / STEP % WRAP) as u32;
    steps << TIME_SHIFT | if channels == 0 { TIME_ALONE } else { 0 } | channels
}

/// Reads a stream, however it is cut: keeps a word that is not whole yet, and counts the wraps.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
    wraps: u64,
    last: u32,
}

impl Reader {
    /// One that begins with the device's clock at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what came and gives the events in it. Words that only carry the time on are counted and left out.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Tag> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / WORD * WORD;
        let words = std::mem::take(&mut self.rest);
        self.rest = words[whole..].to_vec();
        words[..whole]
            .as_chunks::<WORD>()
            .0
            .iter()
            .filter_map(|word| self.word(u32::from_le_bytes(*word)))
            .collect()
    }

    fn word(&mut self, word: u32) -> Option<Tag> {
        if self.last & TOP != 0 && word & TOP == 0 {
            self.wraps += 1;
        }
        self.last = word;
        let steps = self.wraps * WRAP + u64::from(word >> TIME_SHIFT);
        let channels = (word & CHANNELS) as u8;
        (word & TIME_ALONE == 0 && channels != 0).then_some(Tag { time: steps * STEP, channels })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(ns: u64, channels: u8) -> Tag {
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
        assert_eq!(reader.read(&[0x88, 0x3e, 0x00, 0x00]), [tag(1000, 8)]);
        assert_eq!(reader.read(&encode(tag((1 << 28) - 2, 1)).to_le_bytes()), [tag((1 << 28) - 2, 1)]);
        assert_eq!(
            reader.read(&encode(tag(4, 1)).to_le_bytes()),
            [tag((1 << 28) + 4, 1)],
            "the time began again"
        );
    }

    proptest! {
        /// Whatever the gaps (bridged by words without events, as the device does) and however the bytes are cut.
        #[test]
        fn what_a_device_sends_is_read(
            gaps in prop::collection::vec((1_u64..400_000_000, 1_u8..16), 1..40), cut in 1_usize..9,
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
            let read: Vec<Tag> = bytes.chunks(cut).flat_map(|part| reader.read(part)).collect();
            prop_assert_eq!(read, sent);
        }
    }
}
