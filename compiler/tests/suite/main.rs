//! Tests of the compiler from outside, in one program so that they link once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod circuits;
mod emit;
mod errors;
mod hostile;
mod language;
mod openqasm3;
mod paper;
mod qir;
mod reference;
mod translate;
