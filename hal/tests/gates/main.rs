//! The table of gates, held to itself, to Qiskit's matrices and to the definitions of the OpenQASM 2 paper.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what helps a test fails as a test does"
)]

mod clifford;
mod definitions;
mod golden;
mod table;

use proptest::prelude::*;

/// Four angles; a gate takes as many of them as it has.
pub(crate) fn angles() -> impl Strategy<Value = [f64; 4]> {
    prop::array::uniform4(-10.0..10.0f64)
}
