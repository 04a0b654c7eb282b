//! Quick statistics over samples of any number: FIPS 140-2 blocks, how values are distributed, how they correlate.
//!
//! They find in seconds what is plainly wrong. How much entropy samples hold is for [`assess`](crate::assess) to say:
//! a counter behind a cipher passes everything here and holds none.
//!
//! Figures are those that operators know: the block tests fail at the rate of `rngtest` of rng-tools (which counts the first
//! and the last run of a block otherwise than the standard, so that single blocks may fail in one and pass in the other),
//! chi-square and serial correlation are those of `ent`.

mod fips;
mod values;

use qhal::{Error, ErrorKind, Result};

pub use fips::{BLOCK_BYTES, BlockTests, FipsTests};
pub use values::ValueStatistics;

/// Samples from the beginning that correlations over [`LAGS`] are computed from.
pub const CORRELATED: usize = 1 << 21;

/// The largest distance at which correlations are computed.
pub const LAGS: usize = 64;

/// What the statistics found.
#[derive(Clone, Debug, PartialEq)]
pub struct QuickReport {
    /// Bits of one sample, 1 to 8.
    pub bits: u8,
    /// The FIPS 140-2 tests, over the bits of the samples one after another, the highest of each first.
    pub fips: BlockTests,
    /// How values are distributed.
    pub values: ValueStatistics,
    /// Correlation coefficients at distances 1 to [`LAGS`], over the first [`CORRELATED`] samples; empty when those are
    /// all equal or fewer than twice the distances.
    pub autocorrelation: Vec<f64>,
    /// Samples that the correlations were computed from.
    pub correlated: usize,
}

impl QuickReport {
    /// Five standard deviations of a correlation coefficient of independent samples.
    pub fn correlation_limit(&self) -> f64 {
        5.0 / (self.correlated.max(1) as f64).sqrt()
    }

    /// What uniform and independent bits would hardly show, one sentence each.
    pub fn suspicious(&self) -> Vec<String> {
        let mut found = Vec::new();
        let fips = &self.fips;
        if fips.suspicious() {
            let names = fips.named().into_iter().filter(|(_, failed)| *failed > 0);
            let names: Vec<String> =
                names.map(|(name, failed)| format!("{} {failed}", name.replace('_', " "))).collect();
            found.push(format!(
                "{} of {} FIPS 140-2 blocks failed, and about one in a thousand would be normal ({})",
                fips.failed,
                fips.blocks,
                names.join(", ")
            ));
        }
        let chi_square = &self.values.chi_square;
        if !chi_square.passed {
            let p = chi_square.p_value;
            let how = if p < 0.5 { "unevenly" } else { "too evenly" };
            found.push(format!(
                "values are distributed {how}: chi-square is {:.1} with {} degrees of freedom, of probability {p:.1e}",
                chi_square.score, chi_square.degrees
            ));
        }
        let limit = self.correlation_limit();
        let highest = (1..).zip(&self.autocorrelation).max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
        if let Some((lag, r)) = highest.filter(|(_, r)| r.abs() > limit) {
            found
                .push(format!("samples at distance {lag} correlate by {r:.5}, and {limit:.5} would be much"));
        }
        found
    }
}

/// The statistics over a stream of samples; memory does not grow with its length.
#[derive(Debug)]
pub struct QuickTests {
    bits: u8,
    fips: FipsTests,
    values: values::Values,
    /// The first samples, for correlations.
    head: Vec<u8>,
    taken: u64,
    /// Bits of narrow samples that do not make a byte yet, and how many.
    packed: (u16, u8),
}

impl QuickTests {
    /// For samples of `bits` bits, one to a byte in the low bits.
    ///
    /// # Errors
    /// `InvalidInput` when `bits` is not 1 to 8.
    pub fn new(bits: u8) -> Result<Self> {
        if !(1..=8).contains(&bits) {
            let message = format!("samples of {bits} bits cannot be tested; a sample has 1 to 8");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self {
            bits,
            fips: FipsTests::default(),
            values: values::Values::default(),
            head: Vec::new(),
            taken: 0,
            packed: (0, 0),
        })
    }

    /// Takes the next samples.
    ///
    /// # Errors
    /// `InvalidInput` when one does not fit the bits; what came before it has been taken.
    pub fn update(&mut self, samples: &[u8]) -> Result<()> {
        let wide =
            if self.bits == 8 { None } else { samples.iter().position(|sample| sample >> self.bits != 0) };
        let fitting = samples.get(..wide.unwrap_or(samples.len())).unwrap_or_default();
        self.values.update(fitting);
        let room = CORRELATED.saturating_sub(self.head.len()).min(fitting.len());
        self.head.extend_from_slice(&fitting[..room]);
        if self.bits == 8 {
            self.fips.update(fitting);
        } else {
            for part in fitting.chunks(1 << 16) {
                let bytes = self.pack(part);
                self.fips.update(&bytes);
            }
        }
        self.taken += fitting.len() as u64;
        match wide {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("sample {} does not fit {} bits", self.taken, self.bits),
            )),
        }
    }

    /// What was found.
    ///
    /// # Errors
    /// `InvalidInput` when there were no samples.
    pub fn finish(self) -> Result<QuickReport> {
        if self.taken == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "there are no samples to test"));
        }
        Ok(QuickReport {
            bits: self.bits,
            fips: self.fips.found(),
            values: self.values.found(self.bits),
            autocorrelation: autocorrelation(&self.head),
            correlated: self.head.len(),
        })
    }

    /// The bits of narrow samples one after another.
    fn pack(&mut self, samples: &[u8]) -> Vec<u8> {
        let (mut pending, mut count) = self.packed;
        let mut bytes = Vec::with_capacity(samples.len() * usize::from(self.bits) / 8 + 1);
        for sample in samples {
            pending = pending << self.bits | u16::from(*sample);
            count += self.bits;
            if count >= 8 {
                count -= 8;
                bytes.push((pending >> count) as u8);
            }
        }
        self.packed = (pending, count);
        bytes
    }
}

/// The correlation coefficients at distances 1 to [`LAGS`].
fn autocorrelation(samples: &[u8]) -> Vec<f64> {
    if samples.len() < 2 * LAGS {
        return Vec::new();
    }
    let n = samples.len() as f64;
    let sum = |part: &[u8]| part.iter().map(|sample| u64::from(*sample)).sum::<u64>() as f64;
    let mean = sum(samples) / n;
    let variance = values::products(samples, 0) as f64 / n - mean * mean;
    if variance <= 0.0 {
        return Vec::new();
    }
    (1..=LAGS)
        .map(|lag| {
            let (early, late) = (&samples[..samples.len() - lag], &samples[lag..]);
            let pairs = early.len() as f64;
            let covariance =
                values::products(samples, lag) as f64 - mean * (sum(early) + sum(late)) + pairs * mean * mean;
            covariance / (n * variance)
        })
        .collect()
}
