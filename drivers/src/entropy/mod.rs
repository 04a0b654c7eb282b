//! Drivers of random-number generators.

pub mod alea;
pub mod bitbabbler;
mod block;
pub mod chaoskey;
pub mod comscire;
pub mod entropykey;
pub mod hwrng;
pub mod infnoise;
pub mod neug;
pub mod onerng;
pub mod qcicada;
pub mod quantis;
pub mod quantis_appliance;
pub mod swiftrng;
#[cfg(test)]
pub(crate) mod testing;
pub mod truerng;
pub mod usb;
