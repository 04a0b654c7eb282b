//! Drivers of random-number generators.

pub mod hwrng;
