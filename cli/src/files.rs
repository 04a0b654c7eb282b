//! Files that appear whole or not at all.

use std::fs::File;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::{Outcome, writing};

/// Writes `path` by `write`, into a file beside it that takes its place once everything is on the disk. Readable by the
/// owner alone: what is written here may be noise that keys come from.
pub(crate) fn whole(path: &Path, write: impl FnOnce(&mut File) -> Outcome) -> Outcome {
    let mut file = begin(path)?;
    write(file.as_file_mut())?;
    finish(file, path)
}

/// A file beside `path`, which goes away unless it is [`finish`]ed.
pub(crate) fn begin(path: &Path) -> Outcome<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).map_err(|cause| writing(cause, &path.display().to_string()))
}

/// Puts `file` in the place of `path`.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> Outcome {
    let name = path.display().to_string();
    file.as_file().sync_all().map_err(|cause| writing(cause, &name))?;
    file.persist(path).map_err(|error| writing(error.error, &name))?;
    Ok(())
}
