//! Runs the built command as a user would, and keeps an emulator alive beside it.

#![allow(dead_code, reason = "every test program uses a part of this")]

pub(crate) mod daemon;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

/// `qhal` in an empty folder of its own, so that no configuration of the developer's is read.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qhal"));
    command.args(arguments).env_remove("QHAL_CONFIG").current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command.env("QHAL_STATE_DIR", std::env::temp_dir().join("qhal-test-state")).env("QHAL_CLIENT", "tests");
    command
}

/// Runs to the end.
pub(crate) fn qhal(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Runs to the end with something on standard input.
pub(crate) fn qhal_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails before it reads closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What was written to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output as one JSON document.
pub(crate) fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Fails the way the contract wants: this status, nothing on standard output, one sentence that contains `words`.
pub(crate) fn assert_fails(output: &Output, status: i32, words: &[&str]) {
    let error = stderr(output);
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert!(
        output.stdout.is_empty(),
        "there is output on failure: {:?}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(error.contains("error: "), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    for word in words {
        assert!(error.contains(word), "'{word}' is not in: {error}");
    }
}

/// `qhal emulate …` in the background.
pub(crate) struct Emulator {
    child: Child,
    /// The JSON line it printed first.
    pub(crate) announced: serde_json::Value,
}

impl Emulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["emulate"];
        all.extend(arguments);
        let mut child =
            command(&all).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: '{line}'"));
        Self { child, announced }
    }

    pub(crate) fn address(&self) -> &str {
        self.announced["address"].as_str().unwrap()
    }

    /// Closes its standard input, which ends it.
    pub(crate) fn stop(mut self) -> i32 {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
