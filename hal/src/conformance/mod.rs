//! One suite per trait: the promises of the documentation, checked against any implementor.
//!
//! A suite is a plain function. It uses an implementor as a stranger would, in every way the documentation speaks
//! of, and returns the first promise that was not kept. Nothing in it panics, so that a command may run it on a
//! device of the field as well as a test on an emulator; a test just unwraps the answer.
//!
//! The implementor must be in working order: a device that is unplugged breaks every promise.

pub mod device;
pub mod driver;
pub mod entropy;
pub mod key_link;
pub mod processor;
pub mod secure_random;
pub mod tagger;

use std::fmt;

use crate::ErrorKind;

/// A promise that an implementor did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise, as one sentence; one of the `PROMISES` of the suite.
    pub promise: &'static str,
    /// What was done and what came of it.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken promise: {}; found: {}", self.promise, self.found)
    }
}

impl std::error::Error for Violation {}

/// Every error says in a sentence what was tried and what came of it.
pub const SENTENCE: &str = "an error has a sentence";

/// Names the promises of a suite and lists them, so that a test can ask whether each is ever found broken.
macro_rules! promises {
    ($($name:ident = $text:literal;)*) => {
        $(#[doc = concat!("The promise: ", $text, ".")] pub const $name: &str = $text;)*
        /// All promises of this suite.
        pub const PROMISES: &[&str] = &[$($name),*];
    };
}
use promises;

fn broken<T>(promise: &'static str, found: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { promise, found: found.into() })
}

fn require(kept: bool, promise: &'static str, found: impl FnOnce() -> String) -> Result<(), Violation> {
    if kept { Ok(()) } else { broken(promise, found()) }
}

/// What a call gave that has to succeed.
fn answer<T>(promise: &'static str, call: &str, result: crate::Result<T>) -> Result<T, Violation> {
    result
        .or_else(|error| broken(promise, format!("{call} failed with '{}': {}", error.kind(), error.chain())))
}

/// Holds that a call was refused, with one of `kinds`.
fn refusal<T>(
    promise: &'static str,
    call: &str,
    result: crate::Result<T>,
    kinds: &[ErrorKind],
) -> Result<(), Violation> {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let wanted = words.join("' or '");
    match result {
        Ok(_) => broken(promise, format!("{call} succeeded instead of failing with '{wanted}'")),
        Err(error) if !kinds.contains(&error.kind()) => {
            let (kind, chain) = (error.kind(), error.chain());
            broken(promise, format!("{call} failed with '{kind}' instead of '{wanted}': {chain}"))
        }
        Err(error) => require(is_text(error.message()), SENTENCE, || {
            format!("{call} failed with '{}' and the message {:?}", error.kind(), error.message())
        }),
    }
}

/// Whether people can read it on one line: there is something, and no control character.
fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}
