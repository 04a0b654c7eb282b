//! Jobs on the disk: one file each, so that a job outlives the command that submitted it, and others can ask for it.
//!
//! Whoever runs a job holds a lock beside its file; the operating system drops it with the process, so that a job that was
//! lost is told from one that runs. A third file asks whoever runs the job to give it up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use qhal::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{folder, new_id, now};

/// How many jobs that have ended are kept.
const MOST: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Running,
    Done,
    Failed,
    Cancelled,
}

/// What is known of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// How the processor was named; it opens again by that.
    pub(crate) named: String,
    pub(crate) device: String,
    /// The job's name on the processor.
    pub(crate) job: String,
    /// Whether the processor keeps it when nobody is connected.
    pub(crate) kept: bool,
    pub(crate) file: String,
    /// What was handed over, as OpenQASM 2, where that can say it.
    pub(crate) program: Option<String>,
    pub(crate) shots: u64,
    pub(crate) seed: Option<u64>,
    /// In ms since 1970.
    pub(crate) submitted: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) state: State,
    /// As `qhal run --json` prints it.
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<String>,
}

impl Record {
    /// One word for people and JSON: a job that nobody runs and nobody keeps is lost.
    pub(crate) fn word(&self) -> &'static str {
        match self.state {
            State::Running if self.kept && !self.is_watched() => "on the processor",
            State::Running if !self.is_watched() => "lost",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether a process of this machine waits for it.
    pub(crate) fn is_watched(&self) -> bool {
        let Ok(path) = path(&self.id, "lock") else { return false };
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    }

    pub(crate) fn save(&self) -> Result<()> {
        let path = path(&self.id, "json")?;
        let told = |cause| Error::from_io(cause, format!("cannot write {}", path.display()));
        let text = serde_json::to_vec_pretty(self).map_err(|cause| told(cause.into()))?;
        let parent = path.parent().unwrap_or(Path::new("."));
        // Readable by the owner alone, whole or not at all.
        let mut file = tempfile::NamedTempFile::new_in(parent).map_err(told)?;
        std::io::Write::write_all(&mut file, &text).map_err(told)?;
        file.persist(&path).map_err(|error| told(error.error)).map(drop)
    }

    /// Notes how it ended.
    pub(crate) fn end(&mut self, state: State, result: Option<Value>, error: Option<String>) -> Result<()> {
        (self.state, self.result, self.error) = (state, result, error);
        self.ended = Some(now());
        for extension in ["cancel", "lock"] {
            // What is not there need not be taken away.
            let _ = fs::remove_file(path(&self.id, extension)?);
        }
        self.save()
    }

    /// Asks whoever runs it to give it up.
    pub(crate) fn ask_to_cancel(&self) -> Result<()> {
        let path = path(&self.id, "cancel")?;
        File::create(&path)
            .map(drop)
            .map_err(|cause| Error::from_io(cause, format!("cannot write {}", path.display())))
    }

    /// Whether somebody asked for that.
    pub(crate) fn is_to_be_cancelled(&self) -> bool {
        path(&self.id, "cancel").is_ok_and(|path| path.exists())
    }

    /// Says that this process waits for it, for as long as the file is held.
    ///
    /// # Errors
    /// `Busy` when another one does.
    pub(crate) fn watch(&self) -> Result<File> {
        let path = path(&self.id, "lock")?;
        let told = |cause| Error::from_io(cause, format!("cannot write {}", path.display()));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(told)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::Error(cause)) => Err(told(cause)),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(ErrorKind::Busy, format!("another process waits for job {} already", self.id)))
            }
        }
    }
}

/// A new record of a job that is about to be submitted; its fields are filled in by the caller.
pub(crate) fn new(named: String, file: String, program: Option<String>) -> Result<Record> {
    prune()?;
    Ok(Record {
        id: new_id()?,
        named,
        device: String::new(),
        job: String::new(),
        kept: false,
        file,
        program,
        shots: 0,
        seed: None,
        submitted: now(),
        ended: None,
        state: State::Running,
        result: None,
        error: None,
    })
}

fn jobs_folder() -> Result<PathBuf> {
    let folder = folder()?.join("jobs");
    fs::create_dir_all(&folder)
        .map_err(|cause| Error::from_io(cause, format!("cannot make the folder {}", folder.display())))?;
    Ok(folder)
}

fn path(id: &str, extension: &str) -> Result<PathBuf> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = format!("'{id}' is no job: ids are hexadecimal; qhal jobs lists them");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(jobs_folder()?.join(format!("{id}.{extension}")))
}

/// The job of that id.
///
/// # Errors
/// `NotFound` when there is none; `InvalidInput` when its file is damaged, or the id none.
pub(crate) fn load(id: &str) -> Result<Record> {
    let path = path(id, "json")?;
    let bytes = fs::read(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, format!("there is no job {id}; qhal jobs lists them"))
        }
        _ => Error::from_io(cause, format!("cannot read {}", path.display())),
    })?;
    serde_json::from_slice(&bytes).map_err(|cause| {
        Error::new(ErrorKind::InvalidInput, format!("{} is damaged", path.display())).because(cause)
    })
}

/// All of them, the newest first, and the files that cannot be read.
pub(crate) fn all() -> Result<(Vec<Record>, Vec<Error>)> {
    let folder = jobs_folder()?;
    let told = |cause| Error::from_io(cause, format!("cannot read {}", folder.display()));
    let (mut records, mut broken) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "json") {
            match load(id) {
                Ok(record) => records.push(record),
                Err(error) => broken.push(error),
            }
        }
    }
    records.sort_by(|a, b| b.submitted.cmp(&a.submitted).then_with(|| a.id.cmp(&b.id)));
    Ok((records, broken))
}

/// Forgets the oldest of those that have ended, where there are many.
fn prune() -> Result<()> {
    let (records, _) = all()?;
    let ended = records.iter().filter(|record| record.state != State::Running);
    for record in ended.skip(MOST) {
        // Another process may have done it by now.
        let _ = fs::remove_file(path(&record.id, "json")?);
    }
    Ok(())
}
