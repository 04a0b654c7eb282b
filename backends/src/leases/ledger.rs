//! The book of leases in a file that programs share: one at a time reads, changes and writes it.
//!
//! The operating system's lock on a file beside it ends with the program that holds it, so a crash blocks nobody; the book
//! itself is replaced as a whole, so a crash never leaves half of one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qhal::{Error, ErrorKind, Result};

use super::Book;

/// A change takes a millisecond; who holds the lock for longer than this is stopped or broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// A book in a folder.
#[derive(Clone, Debug)]
pub struct Ledger {
    book: PathBuf,
    lock: PathBuf,
}

impl Ledger {
    /// The ledger of the state folder `folder`, which is made when something is written.
    pub fn new(folder: &Path) -> Self {
        Self { book: folder.join("leases.json"), lock: folder.join("leases.lock") }
    }

    /// Lets `change` have the book while nobody else has it, and keeps what it made of it.
    ///
    /// # Errors
    /// Those of `change`, with nothing written then; `Busy` when another program does not let go; `InvalidInput` when the
    /// file is damaged; those of reading and writing it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Book) -> Result<T>) -> Result<T> {
        let told = |what: &str, path: &Path| format!("cannot {what} {}", path.display());
        if let Some(folder) = self.lock.parent() {
            fs::create_dir_all(folder)
                .map_err(|cause| Error::from_io(cause, told("make the folder", folder)))?;
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&self.lock);
        let lock = lock.map_err(|cause| Error::from_io(cause, told("open", &self.lock)))?;
        self.wait_for(&lock)?;
        let mut book = self.read()?;
        let before = book.clone();
        let result = change(&mut book)?;
        if book != before {
            self.write(&book).map_err(|cause| Error::from_io(cause, told("write", &self.book)))?;
        }
        Ok(result)
    }

    fn wait_for(&self, lock: &File) -> Result<()> {
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => {
                    let message =
                        format!("another program has held {} for {PATIENCE:?}", self.lock.display());
                    return Err(Error::new(ErrorKind::Busy, message));
                }
                Err(TryLockError::Error(cause)) => {
                    return Err(Error::from_io(cause, format!("cannot lock {}", self.lock.display())));
                }
            }
        }
    }

    fn read(&self) -> Result<Book> {
        match fs::read(&self.book) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| {
                let message = format!(
                    "{} is damaged: delete it, which ends all leases of this machine",
                    self.book.display()
                );
                Error::new(ErrorKind::InvalidInput, message).because(cause)
            }),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Book::default()),
            Err(cause) => Err(Error::from_io(cause, format!("cannot read {}", self.book.display()))),
        }
    }

    fn write(&self, book: &Book) -> std::io::Result<()> {
        // Only who has the lock writes this.
        let beside = self.book.with_extension("json.new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(book)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.book)
    }
}
