//! Drivers of random-number generators.

pub mod hwrng;
pub mod qcicada;
pub mod truerng;
