//! Drivers of random-number generators.

mod block;
pub mod entropykey;
mod family;
pub mod hwrng;
pub mod onerng;
pub mod qcicada;
pub mod swiftrng;
#[cfg(test)]
mod testing;
pub mod truerng;
