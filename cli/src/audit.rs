//! The audit trail of a key manager: JSON objects, one a line, each with the digest of the line before it.
//!
//! Whoever changes, drops or reorders lines breaks the chain from there on; whoever cuts lines off its end does not, unless the
//! last digest is kept elsewhere. A line is handed to the operating system before the key that it is about goes out.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use qhal::{Error, ErrorKind, KeyId, Result};
use qhal_kme::{Audit, Event};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::hex;

/// The digest before the first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A trail that is open for writing.
#[derive(Debug)]
pub(crate) struct AuditFile(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    previous: String,
    lines: u64,
    /// A line was written in part: nothing may follow it.
    broken: bool,
}

/// What a trail came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Lines that it has.
    pub(crate) lines: u64,
    /// The digest of the last one.
    pub(crate) digest: String,
}

/// Follows the chain from its beginning.
///
/// # Errors
/// `NotFound`, `PermissionDenied`; `Unhealthy` with the first line that does not follow from the one before it.
pub(crate) fn check(path: &Path) -> Result<Checked> {
    let unreadable = |cause| Error::from_io(cause, format!("cannot read {}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut checked = Checked { lines: 0, digest: BEGINNING.to_owned() };
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            return Ok(checked);
        }
        let document: Value = serde_json::from_slice(&line).unwrap_or_default();
        let follows =
            document["previous"] == json!(checked.digest) && document["line"] == json!(checked.lines + 1);
        if !follows || !line.ends_with(b"\n") {
            let number = checked.lines + 1;
            let message = format!("{}: line {number} does not follow from what is before it", path.display());
            return Err(Error::new(ErrorKind::Unhealthy, message));
        }
        checked = Checked { lines: checked.lines + 1, digest: hex::encode(&Sha256::digest(&line)) };
    }
}

impl AuditFile {
    /// Goes on with a trail, or begins one that only its owner can read.
    ///
    /// # Errors
    /// Those of [`check`]; those of opening the file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let file =
            opened.map_err(|cause| Error::from_io(cause, format!("cannot write {}", path.display())))?;
        file.try_lock().map_err(|_| {
            let message = format!("{} is another program's audit trail by now", path.display());
            Error::new(ErrorKind::Busy, message)
        })?;
        let Checked { lines, digest } = check(path)?;
        Ok(Self(Mutex::new(State { file, previous: digest, lines, broken: false })))
    }
}

impl State {
    fn append(&mut self, mut event: Value) -> Result<()> {
        if self.broken {
            return Err(Error::new(ErrorKind::Other, "the audit trail ends in a line that was cut off"));
        }
        event["line"] = json!(self.lines + 1);
        event["time"] = json!(humantime::format_rfc3339_millis(SystemTime::now()).to_string());
        event["previous"] = json!(self.previous);
        let mut line = event.to_string().into_bytes();
        line.push(b'\n');
        if let Err(cause) = self.file.write_all(&line) {
            self.broken = true;
            return Err(Error::from_io(cause, "cannot write the audit trail"));
        }
        (self.previous, self.lines) = (hex::encode(&Sha256::digest(&line)), self.lines + 1);
        Ok(())
    }
}

impl Audit for AuditFile {
    fn note(&self, event: &Event<'_>) -> Result<()> {
        let names = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        let document = match event {
            Event::Given { master, slaves, keys, bits } => {
                json!({"event": "given", "master": master, "slaves": slaves, "bits": bits, "keys": names(keys)})
            }
            Event::Fetched { slave, master, keys } => {
                json!({"event": "fetched", "slave": slave, "master": master, "keys": names(keys)})
            }
            Event::Refused { application, partner, why } => {
                json!({"event": "refused", "application": application, "partner": partner, "why": why.to_string()})
            }
            Event::Expired { keys } => json!({"event": "expired", "keys": keys}),
            other => json!({"event": format!("{other:?}")}),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(document)
    }
}

#[cfg(test)]
mod tests {
    use qhal_kme::Refusal;

    use super::*;

    fn events() -> [Event<'static>; 3] {
        let why = Box::leak(Box::new(Refusal::Unauthorized));
        [
            Event::Given { master: "alice", slaves: vec!["bob"], keys: vec![KeyId([7; 16])], bits: 256 },
            Event::Fetched { slave: "bob", master: "alice", keys: vec![KeyId([7; 16])] },
            Event::Refused { application: "eve", partner: "bob", why },
        ]
    }

    #[test]
    fn a_trail_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for round in 1..=2 {
            let trail = AuditFile::open(&path).unwrap();
            assert_eq!(AuditFile::open(&path).unwrap_err().kind(), ErrorKind::Busy);
            events().iter().for_each(|event| trail.note(event).unwrap());
            assert_eq!(check(&path).unwrap().lines, 3 * round);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&first["event"], &first["line"], &first["previous"]),
            (&json!("given"), &json!(1), &json!(BEGINNING))
        );
        assert_eq!(first["keys"], json!(["07070707-0707-0707-0707-070707070707"]));
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn every_change_but_a_cut_at_the_end_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let trail = AuditFile::open(&path).unwrap();
        events().iter().for_each(|event| trail.note(event).unwrap());
        drop(trail);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let whole = check(&path).unwrap();
        let broken = |changed: String, line: u64| {
            std::fs::write(&path, changed).unwrap();
            let error = check(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unhealthy);
            assert!(error.message().contains(&format!("line {line} ")), "{error}");
            assert!(AuditFile::open(&path).is_err());
        };
        broken(text.replace("alice", "carol"), 2);
        broken(text.replacen("\"bits\":256", "\"bits\":128", 1), 2);
        broken(format!("{}\n{}\n", lines[0], lines[2]), 2);
        broken(format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]), 1);
        broken(format!("{}\n{}\n", lines[1], lines[2]), 1);
        broken(text.trim_end().to_owned(), 3);
        broken(format!("{text}{{}}\n"), 4);
        std::fs::write(&path, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
        let cut = check(&path).unwrap();
        assert!(cut.lines == 2 && cut.digest != whole.digest);
    }
}
