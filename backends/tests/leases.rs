//! The book of leases on the disk, shared by processes of which one is killed while it holds the lock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use qhal::ErrorKind;
use qhal_backends::leases::{Answer, Ask, Ledger};

fn ask(id: &str, client: &str) -> Ask {
    Ask { id: id.into(), device: "chip".into(), client: client.into(), priority: 0, duration: 60_000 }
}

/// Not a test of its own: what the other process does in `a_killed_holder_of_the_lock_blocks_nobody`.
#[test]
fn holder() {
    let Ok(folder) = std::env::var("QHAL_TEST_HOLD") else { return };
    let held: Result<(), _> = Ledger::new(Path::new(&folder)).change(|book| {
        book.ask(ask("lost", "holder"), 0)?;
        println!("\nlocked");
        std::thread::sleep(std::time::Duration::from_secs(600));
        Ok(())
    });
    held.unwrap();
}

#[test]
fn a_killed_holder_of_the_lock_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env("QHAL_TEST_HOLD", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "locked"));
    child.kill().unwrap();
    child.wait().unwrap();
    // It had not finished, so it has no lease either.
    let answer = Ledger::new(folder.path()).change(|book| book.ask(ask("ours", "us"), 0)).unwrap();
    assert!(matches!(answer, Answer::Granted(lease) if lease.client == "us"));
}

#[test]
fn the_book_stays_and_damage_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(folder.path());
    let now = 1_000_000;
    ledger.change(|book| book.ask(ask("1", "a"), now)).unwrap();
    let answer = ledger.change(|book| book.ask(ask("2", "b"), now + 1)).unwrap();
    assert!(matches!(answer, Answer::Waits { held: Some(lease), .. } if lease.client == "a"));
    // What fails changes nothing.
    let failed = ledger.change(|book| {
        book.release("1", now)?;
        book.release("nothing", now)
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ledger.change(|book| Ok(book.leases(now))).unwrap().len(), 1);
    std::fs::write(folder.path().join("leases.json"), "{\"leases\": 3}").unwrap();
    let error = ledger.change(|book| Ok(book.leases(now))).unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("leases.json"), "{error}");
}
