//! Formats of one event a line: the mask of inputs behind the time, 64-bit words in hexadecimal, quTAG's tables.

use qhal::Result;

use super::merge::Merge;
use super::scale::Scale;
use super::{Decode, Encode, Facts, MOST_TIME, Tag, tags64, unfit, wrong};

/// The longest line that is one.
const LONGEST: usize = 256;

/// What a line says.
pub(super) enum Line {
    /// `<time in units of 1/256 ns> <mask of inputs, decimal or 0x…>`.
    Mask,
    /// A 64-bit word in 16 hexadecimal digits.
    Word(tags64::Unwrap),
    /// `<time in ticks>, <channel, from 1>`.
    Channel {
        /// The tick.
        scale: Scale,
        /// Its length in seconds, for people.
        tick: f64,
        /// Events of the same time.
        merge: Merge,
    },
}

/// Reads lines. Blank ones and those that begin with `#` are passed over; a line may end as on Windows.
pub(super) struct Lines {
    line: Line,
    first: bool,
}

impl Lines {
    pub(super) fn new(line: Line) -> Self {
        Self { line, first: true }
    }

    fn name(&self) -> &'static str {
        match self.line {
            Line::Mask => "text",
            Line::Word(_) => "tags64-hex",
            Line::Channel { .. } => "qutag-text",
        }
    }

    fn line(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<()> {
        let name = self.name();
        let first = std::mem::replace(&mut self.first, false);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(wrong(name, offset, "the line is no text"));
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let shown = || text.chars().take(40).collect::<String>();
        let bad = |what: &str| wrong(name, offset, format!("'{}' is not {what}", shown()));
        match &mut self.line {
            Line::Mask => {
                let mut words = text.split_ascii_whitespace();
                let (time, mask) =
                    (words.next().and_then(|word| word.parse().ok()), words.next().and_then(number));
                match (time, mask, words.next()) {
                    (Some(time), Some(channels), None) if time <= MOST_TIME => {
                        // No input at all: a line that only carries the time on.
                        out.extend((channels != 0).then_some(Tag { time, channels }));
                        Ok(())
                    }
                    _ => Err(bad("a time in units of 1/256 ns and a mask of inputs")),
                }
            }
            Line::Word(unwrap) => {
                let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                match u64::from_str_radix(text, 16) {
                    Ok(word) if digits => {
                        let time = unwrap.carry(word >> 10);
                        out.extend(tags64::decode(word).map(|tag| Tag { time, ..tag }));
                        Ok(())
                    }
                    _ => Err(bad("a word of 16 hexadecimal digits")),
                }
            }
            Line::Channel { scale, merge, .. } => {
                // A table may have a heading.
                if first && text.starts_with(|letter: char| !letter.is_ascii_digit()) {
                    return Ok(());
                }
                let mut words = text.split([',', ';', '\t', ' ']).filter(|word| !word.is_empty());
                let (time, channel) = (words.next().and_then(|word| word.parse().ok()), words.next());
                let channel = channel.and_then(|word| word.parse::<u32>().ok());
                match (time.and_then(|ticks| scale.units(ticks)), channel, words.next()) {
                    (Some(time), Some(channel @ 1..=64), None) => {
                        merge.push(time, channel - 1, out);
                        Ok(())
                    }
                    _ => Err(bad("a time and a channel from 1 to 64")),
                }
            }
        }
    }
}

/// A mask: decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Decode for Lines {
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..) {
            let at = offset + used as u64;
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(length) if length <= LONGEST => {
                    self.line(rest.get(..length).unwrap_or_default(), at, out)?;
                    used += length + 1;
                }
                None if rest.len() <= LONGEST => break,
                _ => return Err(wrong(self.name(), at, format!("the line is longer than {LONGEST} bytes"))),
            }
        }
        Ok(used)
    }

    fn end(&mut self, rest: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<()> {
        // The last line need not be ended.
        self.line(rest, offset - rest.len() as u64, out)?;
        if let Line::Channel { merge, .. } = &mut self.line {
            merge.end(out);
        }
        Ok(())
    }

    fn facts(&self) -> Facts {
        match &self.line {
            Line::Mask => Facts { tick: Some(1.0 / 256e9), ..Facts::default() },
            Line::Word(unwrap) => {
                Facts { tick: Some(1.0 / 256e9), wraps: unwrap.wraps(), ..Facts::default() }
            }
            Line::Channel { tick, .. } => Facts { tick: Some(*tick), ..Facts::default() },
        }
    }
}

/// Writes times and masks.
pub(super) struct MaskEncoder;

impl Encode for MaskEncoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        if tag.time > MOST_TIME {
            return Err(unfit(tag, "is later than 2^62 units"));
        }
        out.extend_from_slice(format!("{} {}\n", tag.time, tag.channels).as_bytes());
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// Writes 64-bit words in hexadecimal.
pub(super) struct HexEncoder;

impl Encode for HexEncoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format!("{:016x}\n", tags64::encode(tag)?).as_bytes());
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}
