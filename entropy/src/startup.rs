//! The start-up test: samples that must pass the health tests before the first byte is given.

use zeroize::{Zeroize, Zeroizing};

/// The samples of one start-up test, collected until they are complete and given out once they have passed.
///
/// SP 800-90B §4.3 lets samples of a passed start-up test be used; a slow device loses no time that way.
#[derive(Default)]
pub(crate) struct Startup {
    samples: Zeroizing<Vec<u8>>,
    given: usize,
}

impl Startup {
    /// A test of `samples` samples, all of which are missing.
    pub(crate) fn new(samples: usize) -> Self {
        Self { samples: Zeroizing::new(vec![0; samples]), given: 0 }
    }

    /// The room for the samples behind the first `have`.
    pub(crate) fn missing(&mut self, have: usize) -> &mut [u8] {
        self.samples.get_mut(have..).unwrap_or_default()
    }

    /// Moves passed samples to `out`, as many as are left; returns how many.
    pub(crate) fn take(&mut self, out: &mut [u8]) -> usize {
        let left = self.samples.get_mut(self.given..).unwrap_or_default();
        let amount = left.len().min(out.len());
        for (byte, sample) in out.iter_mut().zip(left) {
            *byte = *sample;
            sample.zeroize();
        }
        self.given += amount;
        amount
    }
}
