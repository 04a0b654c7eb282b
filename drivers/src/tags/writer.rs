//! Writes a file of tags of any format that can be written, as the tags come.

use std::io::{Seek, SeekFrom, Write};

use qhal::{Error, ErrorKind, Result};

use super::{Encode, Format, Tag, ptu, qcrypto, qutag, tags64, text};

/// Bytes that are collected before they are written.
const WINDOW: usize = 64 * 1024;

/// A file of tags that is being written.
pub struct TagWriter<W: Write + Seek> {
    output: W,
    encoder: Box<dyn Encode>,
    window: Vec<u8>,
    /// Bytes that were written before the window.
    offset: u64,
    tags: u64,
}

impl<W: Write + Seek> TagWriter<W> {
    /// Begins a file of this format at the beginning of `output`.
    ///
    /// # Errors
    /// `Unsupported` for a format that cannot be written.
    pub fn new(output: W, format: Format) -> Result<Self> {
        let mut encoder: Box<dyn Encode> = match format {
            Format::Tags64 => Box::new(tags64::Encoder::new(tags64::Order::LowFirst)),
            Format::Tags64Swapped => Box::new(tags64::Encoder::new(tags64::Order::HighFirst)),
            Format::Tags64Hex => Box::new(text::HexEncoder),
            Format::Text => Box::new(text::MaskEncoder),
            Format::Ptu => Box::new(ptu::Encoder::default()),
            Format::QutagRaw => Box::new(qutag::RawEncoder),
            Format::QutagText => Box::new(qutag::TextEncoder),
            Format::Qcrypto => Box::new(qcrypto::Encoder::default()),
            Format::QutagBinary | Format::QcryptoTiming => {
                let message = format!("files of the format {format} can be read and not written");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        let mut window = Vec::with_capacity(WINDOW);
        encoder.begin(&mut window);
        Ok(Self { output, encoder, window, offset: 0, tags: 0 })
    }

    /// Appends events.
    ///
    /// # Errors
    /// `InvalidInput` for one that the format cannot hold: a time or inputs beyond its range, or, where times are written by their
    /// differences, a time that falls; those of the system.
    pub fn write(&mut self, tags: &[Tag]) -> Result<()> {
        for tag in tags {
            self.encoder.encode(*tag, &mut self.window)?;
            self.tags += 1;
            if self.window.len() >= WINDOW {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Ends the file; gives the output and how many events were written.
    ///
    /// # Errors
    /// Those of the system.
    pub fn finish(mut self) -> Result<(W, u64)> {
        self.encoder.end(&mut self.window)?;
        self.flush()?;
        self.output.flush().map_err(cannot)?;
        Ok((self.output, self.tags))
    }

    fn flush(&mut self) -> Result<()> {
        self.output.write_all(&self.window).map_err(cannot)?;
        self.offset += self.window.len() as u64;
        self.window.clear();
        let corrections = self.encoder.corrections();
        if corrections.is_empty() {
            return Ok(());
        }
        for (offset, bytes) in corrections {
            self.output.seek(SeekFrom::Start(offset)).map_err(cannot)?;
            self.output.write_all(&bytes).map_err(cannot)?;
        }
        self.output.seek(SeekFrom::Start(self.offset)).map_err(cannot)?;
        Ok(())
    }
}

fn cannot(cause: std::io::Error) -> Error {
    Error::from_io(cause, "the file of tags cannot be written")
}

/// `tags` as a file in memory.
///
/// # Errors
/// Those of [`TagWriter`].
#[cfg(test)]
pub(super) fn write_all(tags: &[Tag], format: Format) -> Result<Vec<u8>> {
    let mut writer = TagWriter::new(std::io::Cursor::new(Vec::new()), format)?;
    writer.write(tags)?;
    Ok(writer.finish()?.0.into_inner())
}
