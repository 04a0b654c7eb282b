//! Time tags as taggers send and store them: bytes ⇄ events, pure, for every source of tags alike.
//!
//! An event is a [`Tag`]: a time in units of 1/256 ns and the set of inputs that fired, the common measure of S-Fifteen's tools
//! (github.com/s-fifteen-instruments/qcrypto, readevents4a). [`TagReader`] and [`TagWriter`] take files of any [`Format`] through
//! a small window, whatever their size; a file's format is told by its content.

mod format;
mod merge;
pub mod packing;
pub mod ptu;
pub mod qcrypto;
pub mod qutag;
mod reader;
mod scale;
mod sniff;
pub mod tags64;
pub mod tdc1;
pub mod text;
mod writer;

#[cfg(test)]
mod tests;

pub use format::Format;
pub use qhal::tagger::{Tag, UNITS_PER_NS};
pub use reader::{Facts, ReadOptions, TagReader};
pub use sniff::sniff;
pub use writer::TagWriter;

use qhal::{Error, ErrorKind, Result};

/// The largest time that is read or written: later ones leave no room for differences.
pub const MOST_TIME: u64 = 1 << 62;

/// Turns bytes of a file into tags, a window at a time.
trait Decode: Send {
    /// Reads whole records from the front of `bytes`, which stand at `offset` of the file, and appends their tags to `out`. Gives
    /// how many bytes are done with; none if the first record is not whole yet.
    fn decode(&mut self, bytes: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<usize>;

    /// The file ends at `offset`, after `rest`, in which no whole record was found.
    fn end(&mut self, rest: &[u8], offset: u64, out: &mut Vec<Tag>) -> Result<()>;

    /// What the file says beside its tags, as far as it was read.
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// Turns tags into bytes of a file.
trait Encode: Send {
    /// What stands at the beginning.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Appends one event.
    fn encode(&mut self, tag: Tag, out: &mut Vec<u8>) -> Result<()>;

    /// Appends what stands at the end.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<()>;

    /// Bytes that have to be changed in what was written before, by their offset: counts that are known by now.
    fn corrections(&mut self) -> Vec<(u64, Vec<u8>)> {
        Vec::new()
    }
}

/// The bytes of a file at this offset are not what its format allows.
fn wrong(format: &str, offset: u64, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Protocol, format!("{format}, byte {offset}: {what}"))
}

/// A tag that a format cannot hold.
fn unfit(tag: Tag, what: impl std::fmt::Display) -> Error {
    let message = format!("a tag at {} units on inputs {:#x} {what}", tag.time, tag.channels);
    Error::new(ErrorKind::InvalidInput, message)
}
