//! Where the text of included files comes from: the caller decides, and nothing is read unless it says so.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use qhal::{Error, ErrorKind, Result};

/// The text of an included file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// What the file is called in messages. Two files of the same name are the same file: this is how a file that
    /// includes itself is noticed.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Finds the files that `include` names. `qelib1.inc` and `stdgates.inc` are built in and never asked for.
pub trait Includes {
    /// The file that the program calls `name`, included from the file called `from`.
    ///
    /// # Errors
    /// Any kind; the sentence becomes part of the diagnostic. `NotFound` when there is no such file.
    fn include(&self, name: &str, from: &str) -> Result<Included>;
}

impl<F: Fn(&str, &str) -> Result<Included>> Includes for F {
    fn include(&self, name: &str, from: &str) -> Result<Included> {
        self(name, from)
    }
}

/// Finds no file: for programs that stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIncludes;

impl Includes for NoIncludes {
    fn include(&self, _: &str, _: &str) -> Result<Included> {
        Err(Error::new(ErrorKind::NotFound, "only the built-in files can be included here"))
    }
}

/// Finds files in folders, trying one folder after the other.
///
/// A program that came from somewhere else must not read files at will through its includes (an error shows a line of
/// the file), so absolute names and names with `..` are refused, and so is what is not a regular file of UTF-8 text.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    folders: Vec<PathBuf>,
}

impl Folders {
    /// The largest file that is read, in bytes.
    pub const LARGEST: u64 = 1 << 28;

    /// Looks in `folders`, the first of them first.
    pub fn new(folders: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { folders: folders.into_iter().map(Into::into).collect() }
    }

    /// Looks in the folder that holds `program`.
    pub fn beside(program: &Path) -> Self {
        Self::new(program.parent().map(Path::to_path_buf))
    }
}

impl Includes for Folders {
    fn include(&self, name: &str, _: &str) -> Result<Included> {
        let inside =
            Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || name.is_empty() {
            let message = "an included file is named relative to the program's folder, without '..'";
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        for folder in &self.folders {
            let path = folder.join(name);
            match path.metadata() {
                Ok(found) if found.is_file() => return read(&path),
                Ok(_) => return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(cannot_read(error)),
            }
        }
        Err(Error::new(ErrorKind::NotFound, "there is no such file"))
    }
}

fn read(path: &Path) -> Result<Included> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(Folders::LARGEST + 1).read_to_end(&mut bytes))
        .map_err(cannot_read)?;
    if bytes.len() as u64 > Folders::LARGEST {
        let message = format!("it is larger than {} bytes", Folders::LARGEST);
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, "it is not UTF-8 text").because(error))?;
    Ok(Included { name: path.display().to_string(), text })
}

fn cannot_read(error: std::io::Error) -> Error {
    let message = format!("it cannot be read ({error})");
    Error::from_io(error, message)
}
