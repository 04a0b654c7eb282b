//! The continuous health tests of NIST SP 800-90B §4.4, which judge every raw sample.

mod cutoffs;

use std::fmt;

use qhal::{Error, ErrorKind, MinEntropy, Result};
use zeroize::Zeroize;

pub use cutoffs::{Alpha, BINARY_WINDOW, NON_BINARY_WINDOW, apt_cutoff, critbinom, rct_cutoff, window};

/// A health test that failed, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailedTest {
    /// One value came too often in a row (SP 800-90B §4.4.1): the source is stuck.
    RepetitionCount {
        /// Equal samples in a row.
        run: u32,
        /// The number that is too many.
        cutoff: u32,
    },
    /// One value came too often within a window (SP 800-90B §4.4.2): the source has lost much of its entropy.
    AdaptiveProportion {
        /// Samples equal to the first of the window, itself included.
        count: u32,
        /// Samples in a window.
        window: u32,
        /// The number that is too many.
        cutoff: u32,
    },
    /// The device itself reported that a test of its own failed.
    Device {
        /// What it reported.
        report: String,
    },
}

impl FailedTest {
    /// The name of the test.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RepetitionCount { .. } => "repetition count test",
            Self::AdaptiveProportion { .. } => "adaptive proportion test",
            Self::Device { .. } => "device's own health test",
        }
    }
}

impl fmt::Display for FailedTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: ", self.name())?;
        match self {
            Self::RepetitionCount { run, cutoff } => {
                write!(f, "{run} equal samples in a row, cut-off {cutoff}")
            }
            Self::AdaptiveProportion { count, window, cutoff } => {
                write!(f, "{count} equal samples in a window of {window}, cut-off {cutoff}")
            }
            Self::Device { report } => f.write_str(report),
        }
    }
}

/// The bits of a byte that belong to the sample.
fn mask(sample_bits: u8) -> u8 {
    u8::MAX >> 8u8.saturating_sub(sample_bits).min(7)
}

/// The repetition count test (SP 800-90B §4.4.1): fails when one value comes cut-off times in a row.
#[derive(Clone, Debug)]
pub struct RepetitionCount {
    mask: u8,
    cutoff: u32,
    last: Option<u8>,
    run: u32,
    longest: u32,
}

impl RepetitionCount {
    /// The test for a source that claims `claim`, with a false alarm at `alpha` of the samples.
    ///
    /// # Errors
    /// `InvalidInput` as [`rct_cutoff`].
    pub fn new(claim: MinEntropy, alpha: Alpha) -> Result<Self> {
        let cutoff = rct_cutoff(claim.per_sample(), alpha)?;
        Ok(Self { mask: mask(claim.sample_bits()), cutoff, last: None, run: 0, longest: 0 })
    }

    /// The number of equal samples in a row that fails.
    pub fn cutoff(&self) -> u32 {
        self.cutoff
    }

    /// The longest run since the test was made or [`reset`](Self::reset).
    pub fn longest(&self) -> u32 {
        self.longest
    }

    /// Judges `samples`, which follow those of the call before; the position of the first one that fails.
    pub fn judge(&mut self, samples: &[u8]) -> Option<usize> {
        for (position, &byte) in samples.iter().enumerate() {
            let sample = byte & self.mask;
            if self.last == Some(sample) {
                self.run = self.run.saturating_add(1);
            } else {
                self.last = Some(sample);
                self.run = 1;
            }
            self.longest = self.longest.max(self.run);
            if self.run >= self.cutoff {
                return Some(position);
            }
        }
        None
    }

    /// Begins anew, as with no sample seen.
    pub fn reset(&mut self) {
        self.last.zeroize();
        self.run = 0;
        self.longest = 0;
    }
}

/// The adaptive proportion test (SP 800-90B §4.4.2): fails when the first sample of a window comes cut-off
/// times within it, itself included.
#[derive(Clone, Debug)]
pub struct AdaptiveProportion {
    mask: u8,
    cutoff: u32,
    window: u32,
    reference: u8,
    count: u32,
    seen: u32,
    highest: u32,
}

impl AdaptiveProportion {
    /// The test for a source that claims `claim`, with a false alarm in `alpha` of the windows.
    ///
    /// # Errors
    /// `InvalidInput` when the claim is so small that not even a window of equal samples contradicts it.
    pub fn new(claim: MinEntropy, alpha: Alpha) -> Result<Self> {
        let window = window(claim.sample_bits());
        let cutoff = apt_cutoff(claim.per_sample(), alpha, window)?;
        if cutoff > window {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a claim of {} bits of min-entropy per sample is too small to be tested: {window} equal samples \
                     would not contradict it at a false-alarm rate of {alpha}",
                    claim.per_sample()
                ),
            ));
        }
        let mask = mask(claim.sample_bits());
        Ok(Self { mask, cutoff, window, reference: 0, count: 0, seen: 0, highest: 0 })
    }

    /// The number of equal samples in a window that fails.
    pub fn cutoff(&self) -> u32 {
        self.cutoff
    }

    /// Samples in a window.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// The highest count of any window since the test was made or [`reset`](Self::reset).
    pub fn highest(&self) -> u32 {
        self.highest
    }

    /// Judges `samples`, which follow those of the call before; the position of the first one that fails.
    pub fn judge(&mut self, samples: &[u8]) -> Option<usize> {
        let mut rest = samples;
        while let Some(&first) = rest.first() {
            if self.seen == 0 {
                self.reference = first & self.mask;
                self.count = 0;
            }
            let left = (self.window - self.seen) as usize;
            let (now, later) = rest.split_at(left.min(rest.len()));
            let (mask, reference) = (self.mask, self.reference);
            // At most `window` samples, so the sums fit.
            let equal = now.iter().map(|&byte| u32::from(byte & mask == reference)).sum::<u32>();
            if self.count + equal >= self.cutoff {
                let before = samples.len() - rest.len();
                return Some(before + self.fail_within(now));
            }
            self.count += equal;
            self.highest = self.highest.max(self.count);
            self.seen += now.len() as u32;
            if self.seen == self.window {
                self.seen = 0;
            }
            rest = later;
        }
        None
    }

    /// Walks to the sample of `now` with which the count reaches the cut-off, and stops there.
    fn fail_within(&mut self, now: &[u8]) -> usize {
        let mut position = 0;
        for &byte in now {
            self.seen += 1;
            self.count += u32::from(byte & self.mask == self.reference);
            if self.count >= self.cutoff {
                break;
            }
            position += 1;
        }
        self.highest = self.highest.max(self.count);
        position
    }

    /// Begins anew, as with no sample seen.
    pub fn reset(&mut self) {
        self.reference.zeroize();
        self.count = 0;
        self.seen = 0;
        self.highest = 0;
    }
}

/// Both tests together, over every sample of one source.
#[derive(Clone, Debug)]
pub struct HealthTests {
    repetition: RepetitionCount,
    proportion: AdaptiveProportion,
}

impl HealthTests {
    /// Both tests for a source that claims `claim`.
    ///
    /// # Errors
    /// `InvalidInput` as [`RepetitionCount::new`] and [`AdaptiveProportion::new`].
    pub fn new(claim: MinEntropy, alpha: Alpha) -> Result<Self> {
        Ok(Self {
            repetition: RepetitionCount::new(claim, alpha)?,
            proportion: AdaptiveProportion::new(claim, alpha)?,
        })
    }

    /// The repetition count test, for its figures.
    pub fn repetition(&self) -> &RepetitionCount {
        &self.repetition
    }

    /// The adaptive proportion test, for its figures.
    pub fn proportion(&self) -> &AdaptiveProportion {
        &self.proportion
    }

    /// Judges `samples`, which follow those of the call before.
    ///
    /// # Errors
    /// The test that failed first, with the numbers at that sample. The tests must be [`reset`](Self::reset)
    /// before they can judge again.
    pub fn judge(&mut self, samples: &[u8]) -> std::result::Result<(), FailedTest> {
        let repetition = self.repetition.judge(samples);
        let proportion = self.proportion.judge(samples);
        match (repetition, proportion) {
            (None, None) => Ok(()),
            (Some(at), other) if other.is_none_or(|other| at <= other) => {
                Err(FailedTest::RepetitionCount { run: self.repetition.run, cutoff: self.repetition.cutoff })
            }
            _ => Err(FailedTest::AdaptiveProportion {
                count: self.proportion.count,
                window: self.proportion.window,
                cutoff: self.proportion.cutoff,
            }),
        }
    }

    /// Begins anew, as with no sample seen.
    pub fn reset(&mut self) {
        self.repetition.reset();
        self.proportion.reset();
    }
}
