//! The seed of an extractor: uniform bits that are independent of every source, with the word of where they come from.

use std::fmt;
use std::sync::Arc;

use qhal::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

/// The fewest bytes of a seed.
const FEWEST_BYTES: usize = 128;

/// How many standard deviations the number of ones may be off: a uniform seed is refused once in 10^15 times, and text
/// or a file of zeros always.
const MOST_DEVIATIONS: f64 = 8.0;

/// Uniform bits, drawn once and used for every block.
///
/// A seed need not be secret, because the extractor is a strong one; but whoever chooses it, or knows it and has a hand in
/// the source, can choose what comes out. It must not come from a source that it is used on.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    bytes: Arc<[u8]>,
    origin: Arc<str>,
}

impl Seed {
    /// A seed of `bytes` that come from `origin`: a phrase for people, such as "file /etc/qhal/seed".
    ///
    /// # Errors
    /// `InvalidInput` when there are fewer than 128 bytes, or the share of ones is not that of uniform bits.
    pub fn new(bytes: &[u8], origin: &str) -> Result<Self> {
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
        if bytes.len() < FEWEST_BYTES {
            return wrong(format!(
                "a seed of {} bytes ({origin}) is too short: {FEWEST_BYTES} are the least",
                bytes.len()
            ));
        }
        let bits = bytes.len() as f64 * 8.0;
        let ones: u64 = bytes.iter().map(|byte| u64::from(byte.count_ones())).sum();
        // Twice the distance from half the bits; its standard deviation is the root of their number.
        if (2.0 * ones as f64 - bits).abs() > MOST_DEVIATIONS * bits.sqrt() {
            return wrong(format!(
                "the seed ({origin}) is not uniform: {ones} of its {bits} bits are ones; a seed is made of random bytes, \
                 not of text"
            ));
        }
        Ok(Self { bytes: bytes.into(), origin: origin.into() })
    }

    /// Where it comes from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of its bytes in hexadecimal digits: which seed it is, without the seed.
    pub fn digest(&self) -> String {
        Sha256::digest(&*self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Names it without its bits.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({} bytes, {})", self.bytes.len(), self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_uniform_is_no_seed() {
        let good: Vec<u8> = (0..32u32).flat_map(|at| Sha256::digest(at.to_be_bytes())).collect();
        let text: Vec<u8> = good.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
        for (bytes, word) in
            [(&good[..127], "too short"), (&[0; 1024], "not uniform"), (&text, "not of text")]
        {
            let refused = Seed::new(bytes, "file x").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.message().contains(word) && refused.message().contains("file x"), "{refused}");
        }
        let seed = Seed::new(&good, "file x").unwrap();
        assert_eq!((seed.bytes(), seed.origin(), seed.digest().len()), (&good[..], "file x", 64));
        assert_eq!(format!("{seed:?}"), "Seed(1024 bytes, file x)");
    }
}
