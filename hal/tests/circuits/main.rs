//! Circuits as data: what may be put in, what is read back, and what is said of them without running them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what helps a test fails as a test does"
)]

mod analysis;
mod bits;
#[path = "../support/branches.rs"]
mod branches;
mod push;
mod random;
