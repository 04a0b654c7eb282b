//! Reads a file of tags of any format through a window of bounded size.

use std::io::Read;

use qhal::{Error, ErrorKind, Result};

use super::{Decode, Format, Tag, ptu, qcrypto, qutag, sniff, tags64, text};

/// Bytes that are looked at together: no record of any format is longer.
const WINDOW: usize = 64 * 1024;

/// What the file does not say itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadOptions {
    /// The time base of quTAG files in seconds: their records do not tell it.
    pub qutag_tick: f64,
    /// The input, 1 to 64, that the sync input's events of a PicoQuant file become.
    pub ptu_sync_input: u32,
}

impl Default for ReadOptions {
    /// quTAG's own time base, a picosecond; the last input.
    fn default() -> Self {
        Self { qutag_tick: 1e-12, ptu_sync_input: 64 }
    }
}

/// What a file says beside its tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// How its records are laid out, in the format's own words; empty where a format has one layout only.
    pub records: String,
    /// The tick of its times in seconds, where the file (or the caller) tells it.
    pub tick: Option<f64>,
    /// Markers that were passed over: they are no detections.
    pub markers: u64,
    /// Times that fell from near the end of their range to its beginning, and were carried on.
    pub wraps: u64,
    /// What else stands in its header, by name.
    pub properties: Vec<(String, String)>,
}

/// A file of tags that is being read.
pub struct TagReader<R> {
    input: R,
    format: Format,
    decoder: Box<dyn Decode>,
    /// What was read and not yet decoded, from `begin` on.
    window: Vec<u8>,
    begin: usize,
    /// Where in the file the window begins.
    offset: u64,
    exhausted: bool,
    ended: bool,
}

impl<R: Read> TagReader<R> {
    /// Begins to read `input`, of this format or of the one that its beginning looks like.
    ///
    /// # Errors
    /// `InvalidInput` when nothing tells the format or the options are wrong; those of the system.
    pub fn open(input: R, format: Option<Format>, options: &ReadOptions) -> Result<Self> {
        let mut reader = Self {
            input,
            format: format.unwrap_or(Format::Tags64),
            decoder: Box::new(tags64::Decoder::new(tags64::Order::LowFirst)),
            window: Vec::new(),
            begin: 0,
            offset: 0,
            exhausted: false,
            ended: false,
        };
        reader.fill()?;
        let format = match format {
            Some(format) => format,
            None => sniff(&reader.window, reader.exhausted).ok_or_else(|| {
                let names: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
                let what =
                    if reader.window.is_empty() { "the file is empty" } else { "it looks like none of them" };
                let message = format!(
                    "the format of the tags is not clear, because {what}: name one of {}",
                    names.join(", ")
                );
                Error::new(ErrorKind::InvalidInput, message)
            })?,
        };
        reader.format = format;
        reader.decoder = match format {
            Format::Tags64 => Box::new(tags64::Decoder::new(tags64::Order::LowFirst)),
            Format::Tags64Swapped => Box::new(tags64::Decoder::new(tags64::Order::HighFirst)),
            Format::Tags64Hex => Box::new(text::Lines::new(text::Line::Word(tags64::Unwrap::default()))),
            Format::Text => Box::new(text::Lines::new(text::Line::Mask)),
            Format::Ptu => Box::new(ptu::Decoder::new(options.ptu_sync_input)?),
            Format::QutagBinary => Box::new(qutag::Decoder::new(options.qutag_tick, qutag::HEADER)?),
            Format::QutagRaw => Box::new(qutag::Decoder::new(options.qutag_tick, 0)?),
            Format::QutagText => Box::new(text::Lines::new(qutag::lines(options.qutag_tick)?)),
            Format::Qcrypto => Box::new(qcrypto::Decoder::new(1)),
            Format::QcryptoTiming => Box::new(qcrypto::Decoder::new(2)),
        };
        Ok(reader)
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the file has said so far beside its tags.
    pub fn facts(&self) -> Facts {
        self.decoder.facts()
    }

    /// Puts the next tags into `out`, in place of what is there; `false` once there are none. Tags come in the order of the file,
    /// which need not be that of their times.
    ///
    /// # Errors
    /// `Protocol` with the offset of the byte that the format does not allow, or where the file breaks off; those of the system.
    pub fn next_batch(&mut self, out: &mut Vec<Tag>) -> Result<bool> {
        out.clear();
        while out.is_empty() && !self.ended {
            self.fill()?;
            let rest = self.window.get(self.begin..).unwrap_or_default();
            let used = self.decoder.decode(rest, self.offset, out)?.min(rest.len());
            if used == 0 && self.exhausted {
                self.ended = true;
                self.decoder.end(rest, self.offset + rest.len() as u64, out)?;
            } else if used == 0 && rest.len() >= WINDOW {
                let what = format!("no record ends within {WINDOW} bytes");
                return Err(super::wrong(self.format.as_str(), self.offset, what));
            }
            self.begin += used;
            self.offset += used as u64;
        }
        Ok(!out.is_empty())
    }

    /// Reads on until the window is full or the file ends.
    fn fill(&mut self) -> Result<()> {
        self.window.drain(..self.begin);
        self.begin = 0;
        while !self.exhausted && self.window.len() < WINDOW {
            let had = self.window.len();
            self.window.resize(WINDOW, 0);
            let read = self.input.read(self.window.get_mut(had..).unwrap_or_default());
            self.window.truncate(had + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => self.exhausted = true,
                Ok(_) => {}
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::from_io(cause, "the file of tags cannot be read")),
            }
        }
        Ok(())
    }
}

/// All tags of `bytes`: for what is in memory already.
///
/// # Errors
/// Those of [`TagReader::open`] and [`TagReader::next_batch`].
#[cfg(test)]
pub(super) fn read_all(bytes: &[u8], format: Option<Format>) -> Result<(Format, Vec<Tag>, Facts)> {
    let mut reader = TagReader::open(bytes, format, &ReadOptions::default())?;
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while reader.next_batch(&mut batch)? {
        all.extend_from_slice(&batch);
    }
    Ok((reader.format(), all, reader.facts()))
}
