//! From raw detections to secret keys: sifting, reconciliation, verification, privacy amplification, authentication.

pub mod amplification;
pub mod authentication;
pub mod bell;
pub mod bits;
mod carryless;
pub mod cascade;
pub mod coincidence;
pub mod ekert;
pub mod finite;
mod hash;
pub mod session;
pub mod sifting;
pub mod verification;
pub mod wire;

pub use bits::Bits;
