//! Any `SecureRandom` as a generator of the `rand` family: what key generation and sampling of other crates ask for.

use qhal::{Error, Provenance, SecureRandom};
use rand_core::{TryCryptoRng, TryRng};

/// A [`SecureRandom`] behind the traits of `rand_core` 0.10.
///
/// A device can fail, so it is a [`TryRng`]; where a function wants an infallible generator, draw a seed
/// from this one first, or decide with [`rand_core::UnwrapErr`] that a failed health test is to end the process.
#[derive(Debug)]
pub struct Rng<R>(pub R);

impl<R: SecureRandom> Rng<R> {
    /// The weakest provenance of everything that goes in.
    pub fn provenance(&self) -> Provenance {
        self.0.provenance()
    }
}

impl<R: SecureRandom> TryRng for Rng<R> {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out)
    }
}

impl<R: SecureRandom> TryCryptoRng for Rng<R> {}
