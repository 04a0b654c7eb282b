//! Files of tags: opened, looked through, written anew, taken into memory.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_drivers::tags::{Facts, Format, ReadOptions, TagReader, TagWriter};

use crate::machine;

/// A file, and what has to be known to read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// Its format; none for the one that its beginning looks like.
    pub format: Option<Format>,
    /// What it does not say itself.
    pub options: ReadOptions,
}

impl Recording {
    /// A file whose format is told by its content.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: None, options: ReadOptions::default() }
    }

    /// Begins to read it.
    ///
    /// # Errors
    /// The system's kinds when it cannot be opened; those of [`TagReader::open`].
    pub fn open(&self) -> Result<TagReader<File>> {
        let name = self.path.display();
        let file =
            File::open(&self.path).map_err(|cause| Error::from_io(cause, format!("cannot read {name}")))?;
        TagReader::open(file, self.format, &self.options).map_err(|error| named(error, &self.path))
    }
}

fn named(error: Error, path: &Path) -> Error {
    error.context(path.display().to_string())
}

/// What is in a file.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its format.
    pub format: Format,
    /// What it says beside its tags.
    pub facts: Facts,
    /// How many tags there are.
    pub tags: u64,
    /// Events of each input, the first input first, up to the last that fired.
    pub events: Vec<u64>,
    /// Tags of which several inputs fired at once.
    pub multiple: u64,
    /// The earliest and the latest time, in units of 1/256 ns; none without tags.
    pub span: Option<(u64, u64)>,
    /// Tags that are earlier than the one before them.
    pub out_of_order: u64,
}

impl Summary {
    /// From the first tag to the last, in seconds.
    pub fn seconds(&self) -> f64 {
        self.span.map_or(0.0, |(first, last)| (last - first) as f64 / 256e9)
    }
}

/// Counts tags as they pass.
struct Counter {
    tags: u64,
    events: [u64; 64],
    multiple: u64,
    span: Option<(u64, u64)>,
    last: u64,
    out_of_order: u64,
}

impl Counter {
    fn new() -> Self {
        Self { tags: 0, events: [0; 64], multiple: 0, span: None, last: 0, out_of_order: 0 }
    }

    fn count(&mut self, tags: &[Tag]) {
        for tag in tags {
            self.tags += 1;
            self.multiple += u64::from(tag.channels.count_ones() > 1);
            let mut left = tag.channels;
            while left != 0 {
                self.events[left.trailing_zeros() as usize & 63] += 1;
                left &= left - 1;
            }
            self.out_of_order += u64::from(tag.time < self.last);
            self.last = tag.time;
            let (first, last) = self.span.unwrap_or((tag.time, tag.time));
            self.span = Some((first.min(tag.time), last.max(tag.time)));
        }
    }

    fn summary(self, format: Format, facts: Facts) -> Summary {
        let inputs = self.events.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        Summary {
            format,
            facts,
            tags: self.tags,
            events: self.events[..inputs].to_vec(),
            multiple: self.multiple,
            span: self.span,
            out_of_order: self.out_of_order,
        }
    }
}

/// Passes every tag of a file to `each`, batch by batch.
fn pass(recording: &Recording, each: &mut dyn FnMut(&[Tag]) -> Result<()>) -> Result<Summary> {
    let mut reader = recording.open()?;
    let mut counter = Counter::new();
    let mut batch = Vec::new();
    while reader.next_batch(&mut batch).map_err(|error| named(error, &recording.path))? {
        counter.count(&batch);
        each(&batch)?;
    }
    Ok(counter.summary(reader.format(), reader.facts()))
}

/// Looks through a file; `go_on` hears how many tags have passed and may end it with an error.
///
/// # Errors
/// Those of [`Recording::open`] and of reading on, with the file's name; what `go_on` says.
pub fn inspect(recording: &Recording, go_on: &mut dyn FnMut(u64) -> Result<()>) -> Result<Summary> {
    let mut passed = 0;
    pass(recording, &mut |tags| {
        passed += tags.len() as u64;
        go_on(passed)
    })
}

/// Writes a file anew in another format.
///
/// # Errors
/// Those of [`inspect`]; `InvalidInput` for a tag that the other format cannot hold, `Unsupported` for one that is not written.
pub fn convert<W: Write + Seek>(
    recording: &Recording,
    output: W,
    format: Format,
    go_on: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<(W, Summary)> {
    let mut writer = TagWriter::new(output, format)?;
    let mut passed = 0;
    let summary = pass(recording, &mut |tags| {
        writer.write(tags)?;
        passed += tags.len() as u64;
        go_on(passed)
    })?;
    Ok((writer.finish()?.0, summary))
}

/// All tags of a file, sorted by time.
///
/// # Errors
/// Those of [`inspect`]; `Exhausted` for more tags than memory holds.
pub fn load(recording: &Recording, go_on: &mut dyn FnMut(u64) -> Result<()>) -> Result<(Vec<Tag>, Summary)> {
    // Two lists grow at the same time, each copied as it grows, with the times beside them.
    let most = machine::available_memory() / (6 * size_of::<Tag>() as u64);
    let mut all = Vec::new();
    let summary = pass(recording, &mut |tags| {
        all.extend_from_slice(tags);
        if all.len() as u64 > most {
            let message = format!(
                "{} has more tags than memory holds here ({most}): cut it into shorter recordings",
                recording.path.display()
            );
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        go_on(all.len() as u64)
    })?;
    // Cards write events of a few nanoseconds in any order; a stable sort leaves the rest as it is.
    if summary.out_of_order > 0 {
        all.sort_by_key(|tag| tag.time);
    }
    Ok((all, summary))
}
