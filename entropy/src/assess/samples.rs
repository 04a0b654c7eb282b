//! Samples made ready for the estimators: their width, the symbols without gaps, the bit string.

use qhal::{Error, ErrorKind, Result};

/// Samples that the standard asks for (SP 800-90B §3.1.1); fewer are assessed with a warning.
pub const RECOMMENDED_SAMPLES: usize = 1_000_000;

/// The fewest samples that can be assessed: two predictions of the LZ78Y estimator (§6.3.10), which begins with the
/// eighteenth.
pub const LEAST_SAMPLES: usize = 19;

/// The most bits (samples times their width) in one assessment: positions are kept in 31 bits.
pub const MOST_BITS: usize = i32::MAX as usize;

/// Raw samples, checked and counted.
pub(super) struct Samples<'a> {
    /// The samples as they came.
    pub(super) raw: &'a [u8],
    /// The samples with the symbols that occur renamed, in order, to 0, 1, … so that there are no gaps.
    pub(super) symbols: Vec<u8>,
    /// Different symbols; at least 2.
    pub(super) alphabet: usize,
    /// Bits of one sample, 1 to 8.
    pub(super) bits: u8,
    /// What the caller should be told.
    pub(super) warnings: Vec<String>,
}

fn invalid(sentence: String) -> Error {
    Error::new(ErrorKind::InvalidInput, sentence)
}

impl<'a> Samples<'a> {
    /// Checks `raw`; `bits` is the width of a sample, by default that of the widest symbol.
    ///
    /// # Errors
    /// `InvalidInput` when there are fewer than [`LEAST_SAMPLES`] or more than [`MOST_BITS`] allow, or `bits` is not
    /// 1 to 8 or narrower than a sample; `Unhealthy` when all samples are equal, which is worth no entropy.
    pub(super) fn new(raw: &'a [u8], bits: Option<u8>) -> Result<Self> {
        let mut warnings = Vec::new();
        let width = 8 - raw.iter().fold(0, |all, sample| all | sample).leading_zeros() as u8;
        let bits = match bits {
            Some(bits) if !(1..=8).contains(&bits) => {
                return Err(invalid(format!(
                    "samples of {bits} bits cannot be assessed; a sample has 1 to 8"
                )));
            }
            Some(bits) if width > bits => {
                return Err(invalid(format!(
                    "the samples are {width} bits wide and do not fit the {bits} bits that were given"
                )));
            }
            Some(bits) => bits,
            None => width,
        };
        if raw.len() < LEAST_SAMPLES {
            return Err(invalid(format!(
                "{} samples are too few to assess: at least {LEAST_SAMPLES} are needed, and {RECOMMENDED_SAMPLES} for \
                 a result that counts",
                raw.len()
            )));
        }
        if raw.len() > MOST_BITS / usize::from(bits.max(1)) {
            return Err(invalid(format!(
                "{} samples of {bits} bits are too many for one assessment; at most {MOST_BITS} bits are taken",
                raw.len()
            )));
        }
        let mut occurs = [false; 256];
        for &sample in raw {
            occurs[usize::from(sample)] = true;
        }
        let mut renamed = [0u8; 256];
        let mut alphabet = 0usize;
        for (name, _) in renamed.iter_mut().zip(occurs).filter(|(_, occurs)| *occurs) {
            *name = alphabet as u8;
            alphabet += 1;
        }
        if alphabet < 2 {
            return Err(Error::new(
                ErrorKind::Unhealthy,
                format!(
                    "all {} samples are equal: a source that gives one symbol holds no entropy",
                    raw.len()
                ),
            ));
        }
        if raw.len() < RECOMMENDED_SAMPLES {
            warnings.push(format!(
                "{} samples are fewer than the {RECOMMENDED_SAMPLES} of SP 800-90B section 3.1.1",
                raw.len()
            ));
        }
        if width < bits {
            warnings.push(format!("the samples are {width} bits wide, narrower than the {bits} bits given"));
        }
        let symbols = raw.iter().map(|&sample| renamed[usize::from(sample)]).collect();
        Ok(Self { raw, symbols, alphabet, bits, warnings })
    }

    /// The bits of the raw samples, one to a byte, the most significant of a sample first.
    pub(super) fn bit_string(&self) -> Vec<u8> {
        let mut string = Vec::with_capacity(self.raw.len().saturating_mul(usize::from(self.bits)));
        for &sample in self.raw {
            string.extend((0..self.bits).rev().map(|bit| (sample >> bit) & 1));
        }
        string
    }
}
