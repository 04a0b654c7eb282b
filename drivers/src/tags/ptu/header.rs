//! The header of PicoQuant's unified files: tags of 48 bytes, some with bytes behind them.

use qhal::{Error, ErrorKind, Result};

use super::super::scale::Scale;
use super::super::wrong;
use super::{MAGIC, NAME};

/// Magic and version.
const BEGINNING: usize = 16;
/// Bytes of a tag: its name (32), index (4), type (4) and value (8).
const TAG: usize = 48;
const NAME_BYTES: usize = 32;
/// The longest text that is kept.
const LONGEST_TEXT: usize = 4096;
/// Most properties that are kept.
const MOST_PROPERTIES: usize = 64;

const EMPTY: u32 = 0xFFFF_0008;
const BOOL: u32 = 0x0000_0008;
const INTEGER: u32 = 0x1000_0008;
const BITS: u32 = 0x1100_0008;
const COLOUR: u32 = 0x1200_0008;
const FLOAT: u32 = 0x2000_0008;
const DATE: u32 = 0x2100_0008;
const FLOATS: u32 = 0x2001_FFFF;
const TEXT: u32 = 0x4001_FFFF;
const WIDE_TEXT: u32 = 0x4002_FFFF;
const BLOB: u32 = 0xFFFF_FFFF;

/// What the records need, and what people like to know.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) record_type: u32,
    /// How many records follow; 0 where the file does not know.
    pub(super) records: u64,
    /// Seconds of a tick.
    pub(super) tick: f64,
    pub(super) scale: Scale,
    pub(super) properties: Vec<(String, String)>,
}

/// What came of looking at the next bytes.
pub(super) enum Step {
    /// They are not enough.
    More,
    /// So many are done with.
    Used(usize),
    /// So many are done with, and the header is read.
    Done(usize, Box<Header>),
}

/// Reads a header as its bytes come.
#[derive(Default)]
pub(super) struct HeaderReader {
    begun: bool,
    /// Bytes behind a tag that are passed over.
    skip: u64,
    /// A text that is kept: its name and length.
    text: Option<(String, usize)>,
    record_type: Option<u32>,
    records: Option<u64>,
    tick: Option<f64>,
    properties: Vec<(String, String)>,
}

impl HeaderReader {
    /// Looks at the next bytes, which stand at `offset` of the file.
    pub(super) fn step(&mut self, bytes: &[u8], offset: u64) -> Result<Step> {
        if self.skip > 0 {
            let some = self.skip.min(bytes.len() as u64);
            self.skip -= some;
            return Ok(if some == 0 { Step::More } else { Step::Used(some as usize) });
        }
        if let Some((name, length)) = self.text.take() {
            let Some(text) = bytes.get(..length) else {
                self.text = Some((name, length));
                return Ok(Step::More);
            };
            self.keep(name, &String::from_utf8_lossy(text));
            return Ok(Step::Used(length));
        }
        if !self.begun {
            let Some(beginning) = bytes.get(..BEGINNING) else { return Ok(Step::More) };
            if !beginning.starts_with(MAGIC) {
                return Err(wrong(NAME, offset, "the file does not begin with PQTTTR"));
            }
            self.begun = true;
            return Ok(Step::Used(BEGINNING));
        }
        let Some((tag, _)) = bytes.split_first_chunk::<TAG>() else { return Ok(Step::More) };
        self.tag(tag, offset)
    }

    fn tag(&mut self, tag: &[u8; TAG], offset: u64) -> Result<Step> {
        let (name, rest) = tag.split_at(NAME_BYTES);
        let name =
            String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
        let number = |at: usize| -> u32 {
            rest.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
        };
        let (kind, value) = (number(4), u64::from(number(12)) << 32 | u64::from(number(8)));
        if name == "Header_End" {
            return Ok(Step::Done(TAG, Box::new(self.header(offset)?)));
        }
        match (name.as_str(), kind) {
            ("TTResultFormat_TTTRRecType", INTEGER) => {
                let known = u32::try_from(value).ok();
                self.record_type =
                    Some(known.ok_or_else(|| wrong(NAME, offset, format!("{value} is no type of records")))?);
            }
            ("TTResult_NumberOfRecords", INTEGER) => {
                let sane = (value as i64) >= 0;
                self.records = Some(
                    Some(value)
                        .filter(|_| sane)
                        .ok_or_else(|| wrong(NAME, offset, "the number of records is negative"))?,
                );
            }
            ("MeasDesc_GlobalResolution", FLOAT) => self.tick = Some(f64::from_bits(value)),
            ("TTResultFormat_TTTRRecType" | "TTResult_NumberOfRecords" | "MeasDesc_GlobalResolution", _) => {
                return Err(wrong(
                    NAME,
                    offset,
                    format!("the header's {name} has the type {kind:08x}, which it cannot have"),
                ));
            }
            (_, INTEGER) => self.keep(name, &(value as i64).to_string()),
            (_, FLOAT) => self.keep(name, &f64::from_bits(value).to_string()),
            (_, BOOL) => self.keep(name, if value == 0 { "no" } else { "yes" }),
            (_, EMPTY | BITS | COLOUR | DATE) => {}
            (_, TEXT | WIDE_TEXT | FLOATS | BLOB) => {
                if value > u64::from(u32::MAX) {
                    return Err(wrong(
                        NAME,
                        offset,
                        format!("{value} bytes are said to follow the header's {name}"),
                    ));
                }
                if kind == TEXT && value <= LONGEST_TEXT as u64 {
                    self.text = Some((name, value as usize));
                } else {
                    self.skip = value;
                }
            }
            (_, kind) => {
                return Err(wrong(
                    NAME,
                    offset,
                    format!("the header's {name} has the unknown type {kind:08x}"),
                ));
            }
        }
        Ok(Step::Used(TAG))
    }

    fn keep(&mut self, name: String, value: &str) {
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect::<String>();
        let value = clean(value.split('\0').next().unwrap_or_default());
        if self.properties.len() < MOST_PROPERTIES && !value.is_empty() {
            self.properties.push((clean(&name), value));
        }
    }

    fn header(&mut self, offset: u64) -> Result<Header> {
        let missing = |name: &str| wrong(NAME, offset, format!("the header ends without {name}"));
        let tick = self.tick.ok_or_else(|| missing("MeasDesc_GlobalResolution"))?;
        let scale = Scale::of_seconds(tick).ok_or_else(|| {
            let message = format!("ptu: a tick of {tick} s (MeasDesc_GlobalResolution) is none of a tagger");
            Error::new(ErrorKind::Protocol, message)
        })?;
        Ok(Header {
            record_type: self.record_type.ok_or_else(|| missing("TTResultFormat_TTTRRecType"))?,
            records: self.records.ok_or_else(|| missing("TTResult_NumberOfRecords"))?,
            tick,
            scale,
            properties: std::mem::take(&mut self.properties),
        })
    }
}

/// Writes a header for records of this type with a tick of 1/256 ns; gives where the number of records stands.
pub(super) fn write(record_type: u32, out: &mut Vec<u8>) -> u64 {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(b"1.0.00\0\0");
    let tick = (1.0 / 256e9_f64).to_bits();
    text("CreatorSW_Name", "qhal", out);
    text("CreatorSW_Version", env!("CARGO_PKG_VERSION"), out);
    // Mode 2 is T2, kind 0 "other": PicoQuant's names for what it is.
    tag("Measurement_Mode", INTEGER, 2, out);
    tag("Measurement_SubMode", INTEGER, 0, out);
    tag("TTResultFormat_TTTRRecType", INTEGER, record_type.into(), out);
    tag("TTResultFormat_BitsPerRecord", INTEGER, 32, out);
    // In ms; phconvert asks for it. 0: nobody set how long to measure.
    tag("MeasDesc_AcquisitionTime", INTEGER, 0, out);
    tag("MeasDesc_Resolution", FLOAT, tick, out);
    tag("MeasDesc_GlobalResolution", FLOAT, tick, out);
    tag("TTResult_NumberOfRecords", INTEGER, 0, out);
    let count_at = out.len() as u64 - 8;
    tag("Header_End", EMPTY, 0, out);
    count_at
}

fn tag(name: &str, kind: u32, value: u64, out: &mut Vec<u8>) {
    let mut padded = [0; NAME_BYTES];
    padded.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    out.extend_from_slice(&padded);
    out.extend_from_slice(&(-1i32).to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&value.to_le_bytes());
}

/// A text, filled up with zeros to whole words of 8 bytes, as PicoQuant's software does.
fn text(name: &str, words: &str, out: &mut Vec<u8>) {
    let length = (words.len() + 1).next_multiple_of(8);
    tag(name, TEXT, length as u64, out);
    out.extend_from_slice(words.as_bytes());
    out.resize(out.len() + length - words.len(), 0);
}
