//! PicoQuant's unified files (`.ptu`), T2 mode: a header of tags, then records of 32 bits with the wraps of the clock among them.
//!
//! Source: the layouts as phconvert and ptufile read them (github.com/Photon-HDF5/phconvert, cgohlke/ptufile), which follow
//! PicoQuant's own demonstration code. Channel k of a record is bit k of a mask: input k + 1 as it is written on a HydraHarp. Its sync
//! input, which can take a detector too, becomes the last input, or the one that is asked for. Markers are counted and passed over. Files are written in the layout of HydraHarp 2 with a tick of 1/256 ns, so that no time is rounded.
//!
//! T3 files hold times relative to a laser's pulses and no common time of two ends: they are refused.

mod header;
mod records;
#[cfg(test)]
mod tests;

use qhal::{Error, ErrorKind, Result};

use self::header::{Header, HeaderReader, Step};
use self::records::Layout;
use super::merge::{Merge, inputs};
use super::{Decode, Encode, Facts, MOST_TIME, Tag, unfit, wrong};

/// The first bytes of every file.
pub const MAGIC: &[u8; 8] = b"PQTTTR\0\0";

/// The bit of the sync input where nobody says.
const SYNC: u32 = 63;
/// Bytes of a record.
const RECORD: usize = 4;
const NAME: &str = "ptu";

/// Reads a file.
pub(super) struct Decoder {
    /// The bit of the sync input.
    sync: u32,
    header: HeaderReader,
    body: Option<Body>,
}

/// What is known once the header was read.
struct Body {
    sync: u32,
    header: Header,
    layout: Layout,
    /// Ticks that the wraps so far stand for.
    wrapped: u64,
    records: u64,
    markers: u64,
    merge: Merge,
}

impl Decoder {
    /// With this input, 1 to 64, for the sync input's events.
    pub(super) fn new(sync_input: u32) -> Result<Self> {
        let sync = sync_input.checked_sub(1).filter(|bit| *bit <= SYNC).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("the sync input cannot be input {sync_input}: 1 to 64"),
            )
        })?;
        Ok(Self { sync, header: HeaderReader::default(), body: None })
    }
}

impl Decode for Decoder {
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let mut used = 0;
        loop {
            let at = offset + used as u64;
            let rest = bytes.get(used..).unwrap_or_default();
            if let Some(body) = &mut self.body {
                return Ok(used + body.decode(rest, at, out)?);
            }
            match self.header.step(rest, at)? {
                Step::More => return Ok(used),
                Step::Used(count) => used += count,
                Step::Done(count, header) => {
                    used += count;
                    let layout = Layout::of(header.record_type).ok_or_else(|| unknown(header.record_type))?;
                    self.body = Some(Body {
                        sync: self.sync,
                        header: *header,
                        layout,
                        wrapped: 0,
                        records: 0,
                        markers: 0,
                        merge: Merge::default(),
                    });
                }
            }
        }
    }

    fn end(&mut self, rest: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<()> {
        let Some(body) = &mut self.body else {
            return Err(wrong(NAME, offset, "the file ends within its header"));
        };
        if !rest.is_empty() {
            let what = format!("the file ends {} bytes into a record of {RECORD}", rest.len());
            return Err(wrong(NAME, offset, what));
        }
        // A recording that was broken off may not know its own length.
        if body.header.records > 0 && body.records < body.header.records {
            let what = format!("the file ends after {} of {} records", body.records, body.header.records);
            return Err(wrong(NAME, offset, what));
        }
        body.merge.end(out);
        Ok(())
    }

    fn facts(&self) -> Facts {
        let Some(body) = &self.body else { return Facts::default() };
        Facts {
            records: body.layout.name.to_owned(),
            tick: Some(body.header.tick),
            markers: body.markers,
            wraps: 0,
            properties: body.header.properties.clone(),
        }
    }
}

impl Body {
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize> {
        let (records, rest) = bytes.as_chunks::<RECORD>();
        for (number, record) in records.iter().enumerate() {
            let at = || offset + (number * RECORD) as u64;
            if self.header.records > 0 && self.records >= self.header.records {
                let what = format!("something follows the last of {} records", self.header.records);
                return Err(wrong(NAME, at(), what));
            }
            self.records += 1;
            let word = u32::from_le_bytes(*record);
            match self.layout.read(word) {
                records::Meaning::Fired { channel, ticks } => {
                    let ticks = self.wrapped.checked_add(ticks);
                    let time = ticks.and_then(|ticks| self.header.scale.units(ticks));
                    let time = time
                        .ok_or_else(|| wrong(NAME, at(), "the times grow beyond 2^62 units of 1/256 ns"))?;
                    self.merge.push(time, channel.unwrap_or(self.sync), out);
                }
                records::Meaning::Wrapped(ticks) => self.wrapped = self.wrapped.saturating_add(ticks),
                records::Meaning::Marker => self.markers += 1,
                records::Meaning::Nonsense => {
                    let what =
                        format!("the record {word:08x} means nothing in the layout of {}", self.layout.name);
                    return Err(wrong(NAME, at(), what));
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }
}

fn unknown(record_type: u32) -> Error {
    let message = if Layout::is_t3(record_type) {
        format!(
            "the file was recorded in T3 mode (type {record_type:08x}): its times are relative to a laser's pulses; record in T2 mode"
        )
    } else {
        format!(
            "records of the type {record_type:08x} are not known: there are T2 records of PicoHarp, HydraHarp, TimeHarp and MultiHarp"
        )
    };
    Error::new(ErrorKind::Unsupported, message)
}

/// Writes a file in the layout of HydraHarp 2.
#[derive(Default)]
pub(super) struct Encoder {
    wrapped: u64,
    records: u64,
    /// Where the number of records stands.
    count_at: u64,
    told: u64,
}

impl Encoder {
    fn record(&mut self, special: bool, channel: u32, time: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&records::write(special, channel, time).to_le_bytes());
        self.records += 1;
    }
}

impl Encode for Encoder {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.count_at = header::write(records::WRITTEN, out);
    }

    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()> {
        if tag.time > MOST_TIME {
            return Err(unfit(tag, "is later than 2^62 units"));
        }
        let Some(since) = tag.time.checked_sub(self.wrapped) else {
            return Err(unfit(
                tag,
                "is earlier than the clock's last wrap: the tags must be sorted for this format",
            ));
        };
        let mut wraps = since / records::WRAP;
        self.wrapped += wraps * records::WRAP;
        while wraps > 0 {
            let some = wraps.min(records::MOST_WRAPS);
            self.record(true, records::WRAPPED, some as u32, out);
            wraps -= some;
        }
        let time = (since % records::WRAP) as u32;
        for channel in inputs(tag) {
            match channel {
                SYNC => self.record(true, 0, time, out),
                _ => self.record(false, channel, time, out),
            }
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn corrections(&mut self) -> Vec<(u64, Vec<u8>)> {
        if std::mem::replace(&mut self.told, self.records) == self.records {
            return Vec::new();
        }
        vec![(self.count_at, self.records.to_le_bytes().to_vec())]
    }
}
