//! Files of quTAG (qutools): records of 10 bytes behind a header of 40 or none, and tables of times and channels.
//!
//! Source: the comments of `tdcbase.h`, as published in fluorine21/quantum_time_sync. A binary record is a time (i64) and a channel
//! (i16, from 0), little-endian; channels from 100 on are markers, 104 the tick of a millisecond. In tables channels count from 1. Times
//! are in the device's time base, a picosecond unless it was set otherwise: no file tells. *Unconfirmed*: what the header
//! holds (it is passed over, and not written), and how the compressed form packs its 37 bits of time (it is not read).

use qhal::{Error, ErrorKind, Result};

use super::merge::{Merge, inputs};
use super::scale::Scale;
use super::text::Line;
use super::{Decode, Encode, Facts, MOST_TIME, Tag, UNITS_PER_NS, unfit, wrong};

/// Bytes of the header of binary files.
pub const HEADER: usize = 40;
/// Bytes of a record.
pub const RECORD: usize = 10;
/// Channels from here on are markers.
pub const FIRST_MARKER: i16 = 100;

const NAME: &str = "qutag";

fn scale(tick: f64) -> Result<Scale> {
    Scale::of_seconds(tick).ok_or_else(|| {
        let message = format!("{tick} s is no time base of a quTAG: it lies between 1 fs and 1 s");
        Error::new(ErrorKind::InvalidInput, message)
    })
}

/// The lines of a table.
pub(super) fn lines(tick: f64) -> Result<Line> {
    Ok(Line::Channel { scale: scale(tick)?, tick, merge: Merge::default() })
}

/// A record as time in ticks and channel.
pub(super) fn record(bytes: &[u8; RECORD]) -> (i64, i16) {
    let [t0, t1, t2, t3, t4, t5, t6, t7, c0, c1] = *bytes;
    (i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]), i16::from_le_bytes([c0, c1]))
}

/// Reads binary records.
pub(super) struct Decoder {
    scale: Scale,
    tick: f64,
    header_left: usize,
    markers: u64,
    merge: Merge,
}

impl Decoder {
    pub(super) fn new(tick: f64, header: usize) -> Result<Self> {
        Ok(Self { scale: scale(tick)?, tick, header_left: header, markers: 0, merge: Merge::default() })
    }
}

impl Decode for Decoder {
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let skipped = self.header_left.min(bytes.len());
        self.header_left -= skipped;
        let (_, rest) = bytes.split_at(skipped);
        let (records, left) = rest.as_chunks::<RECORD>();
        for (number, bytes) in records.iter().enumerate() {
            let at = || offset + (skipped + number * RECORD) as u64;
            let (ticks, channel) = record(bytes);
            let time = u64::try_from(ticks).ok().and_then(|ticks| self.scale.units(ticks));
            match (time, channel) {
                (Some(time), 0..=63) => self.merge.push(time, channel as u32, out),
                (Some(_), FIRST_MARKER..=127) => self.markers += 1,
                (None, _) => return Err(wrong(NAME, at(), format!("{ticks} is no time"))),
                (_, _) => return Err(wrong(NAME, at() + 8, format!("there is no channel {channel}"))),
            }
        }
        Ok(bytes.len() - left.len())
    }

    fn end(&mut self, rest: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<()> {
        if self.header_left > 0 {
            return Err(wrong(NAME, offset, format!("the file ends within its header of {HEADER} bytes")));
        }
        if !rest.is_empty() {
            let what = format!("the file ends {} bytes into a record of {RECORD}", rest.len());
            return Err(wrong(NAME, offset, what));
        }
        self.merge.end(out);
        Ok(())
    }

    fn facts(&self) -> Facts {
        Facts { tick: Some(self.tick), markers: self.markers, ..Facts::default() }
    }
}

/// A time in picoseconds, to the nearest.
fn picoseconds(tag: Tag) -> Result<i64> {
    let exact = (u128::from(tag.time) * 1000 + u128::from(UNITS_PER_NS) / 2) / u128::from(UNITS_PER_NS);
    // Reading back must give the same time.
    match i64::try_from(exact) {
        Ok(ticks) if tag.time <= MOST_TIME => Ok(ticks),
        _ => Err(unfit(tag, "is too late for 63 bits of picoseconds")),
    }
}

/// Writes binary records without a header, in picoseconds.
pub(super) struct RawEncoder;

impl Encode for RawEncoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        let ticks = picoseconds(tag)?;
        for input in inputs(tag) {
            out.extend_from_slice(&ticks.to_le_bytes());
            out.extend_from_slice(&(input as i16).to_le_bytes());
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// Writes tables, in picoseconds.
pub(super) struct TextEncoder;

impl Encode for TextEncoder {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        let ticks = picoseconds(tag)?;
        for input in inputs(tag) {
            out.extend_from_slice(format!("{ticks},{}\n", input + 1).as_bytes());
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}
