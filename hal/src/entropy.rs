//! Sources of random bytes: what a device gives, and what consumers see.

use crate::{Device, Error, ErrorKind, Provenance, Result};

/// How far inside the device the bytes were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Samples of the noise source, before any conditioning (SP 800-90B §2.2.1: "raw data").
    Raw,
    /// What a conditioning component inside the device made of them (SP 800-90B §2.2.2).
    Conditioned,
}

impl Stage {
    /// The word of listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Conditioned => "conditioned",
        }
    }
}

/// Min-entropy per sample, in bits, with the width of a sample.
///
/// One byte carries one sample; of a sample narrower than eight bits the low bits count (the one symbol per
/// byte of SP 800-90B's own tools).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinEntropy {
    per_sample: f64,
    sample_bits: u8,
}

impl MinEntropy {
    /// `per_sample` bits of min-entropy in every sample of `sample_bits` bits; `0 < per_sample <= sample_bits <= 8`.
    ///
    /// # Errors
    /// `InvalidInput` outside those ranges.
    pub fn new(per_sample: f64, sample_bits: u8) -> Result<Self> {
        let possible =
            (1..=8).contains(&sample_bits) && per_sample > 0.0 && per_sample <= f64::from(sample_bits);
        if !possible {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{per_sample} bits of min-entropy do not fit a sample of {sample_bits} bits (1 to 8)"
                ),
            ));
        }
        Ok(Self { per_sample, sample_bits })
    }

    /// Bits of min-entropy in one sample.
    pub fn per_sample(self) -> f64 {
        self.per_sample
    }

    /// Bits in one sample, 1 to 8.
    pub fn sample_bits(self) -> u8 {
        self.sample_bits
    }

    /// The smaller of this claim and a measured figure: an assessment may lower a claim, nothing raises it.
    ///
    /// # Errors
    /// `InvalidInput` when `measured` is not a positive number.
    pub fn lowered_to(self, measured: f64) -> Result<Self> {
        // `f64::min` passes over a NaN, and a figure that is none must not pass for the claim.
        let lower = if measured.is_nan() { measured } else { measured.min(self.per_sample) };
        Self::new(lower, self.sample_bits)
    }
}

/// A device that gives random bytes.
pub trait EntropySource: Device {
    /// Where in the device the bytes are taken.
    fn stage(&self) -> Stage;

    /// What the maker (or the model) promises for every sample; health-test cut-offs and conditioning are
    /// computed from it.
    fn claimed_min_entropy(&self) -> MinEntropy;

    /// Reads samples, one a byte: at least one and at most `out.len()`; returns how many. An empty `out` gives 0.
    ///
    /// Only the first bytes (as many as returned) are meaningful. Waits for the device up to its time limit.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`, `Protocol`, `Refused` from the wire; `Unhealthy` when the device itself
    /// reports a failed test. After an error nothing in `out` may be used.
    fn read(&mut self, out: &mut [u8]) -> Result<usize>;

    /// Starts the noise source anew, as switching it off and on would; the next [`read`](Self::read) gives the first samples
    /// since then and waits for the device's own start-up tests. This is what restart tests take their samples after
    /// (SP 800-90B §3.1.4.1).
    ///
    /// # Errors
    /// `Unsupported` when it cannot be restarted from here, which most cannot, and then nothing has changed; else the kinds
    /// of [`read`](Self::read).
    fn restart(&mut self) -> Result<()> {
        let message = "this device cannot be restarted from here; its supply would have to be switched";
        Err(Error::new(ErrorKind::Unsupported, message).on(&self.descriptor().id))
    }
}

/// What consumers see: conditioned random bytes, or nothing.
pub trait SecureRandom: Send {
    /// The weakest provenance of everything that went in.
    fn provenance(&self) -> Provenance;

    /// Fills all of `out`.
    ///
    /// # Errors
    /// `Unhealthy` when a health test failed (the sentence names the test); `Exhausted` when too little entropy
    /// came in; or the kinds of [`EntropySource::read`]. `out` is all zeros then.
    fn fill(&mut self, out: &mut [u8]) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_entropy_is_positive_and_fits_its_sample() {
        assert!(MinEntropy::new(8.0, 8).is_ok());
        for (h, bits) in
            [(0.0, 8), (-1.0, 8), (8.1, 8), (f64::NAN, 8), (1.0, 0), (1.0, 9), (f64::INFINITY, 8)]
        {
            assert_eq!(MinEntropy::new(h, bits).unwrap_err().kind(), ErrorKind::InvalidInput, "{h} {bits}");
        }
    }

    #[test]
    fn an_assessment_lowers_a_claim_and_never_raises_it() {
        let claim = MinEntropy::new(5.0, 8).unwrap();
        assert_eq!(claim.lowered_to(4.5).unwrap().per_sample(), 4.5);
        assert_eq!(claim.lowered_to(7.5).unwrap().per_sample(), 5.0);
        for no_figure in [0.0, -1.0, f64::NAN] {
            assert_eq!(claim.lowered_to(no_figure).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
