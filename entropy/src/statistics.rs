//! Figures of a running source for status displays.

/// What has happened since the tap was made; a restart does not clear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Raw samples judged, those of start-up tests and those of failed reads included.
    pub samples: u64,
    /// Start-up tests passed.
    pub startups: u64,
    /// Failures of the repetition count test.
    pub repetition_failures: u64,
    /// Failures of the adaptive proportion test.
    pub proportion_failures: u64,
    /// Failures that the device reported itself.
    pub device_failures: u64,
    /// The longest run of equal samples.
    pub longest_run: u32,
    /// The run that fails the repetition count test.
    pub repetition_cutoff: u32,
    /// The highest count of one value in a window of the adaptive proportion test.
    pub highest_proportion: u32,
    /// The count that fails the adaptive proportion test.
    pub proportion_cutoff: u32,
    /// Samples in a window of the adaptive proportion test.
    pub proportion_window: u32,
    /// Bits of full entropy in the pool now; 0 where there is no pool.
    pub pool_bits: u64,
    /// Times the DRBG was seeded from new samples: instantiated or reseeded; 0 where there is no DRBG.
    pub reseeds: u64,
    /// Bytes given to the caller.
    pub bytes_out: u64,
}

impl Statistics {
    /// Failures of all tests together.
    pub fn failures(&self) -> u64 {
        self.repetition_failures.saturating_add(self.proportion_failures).saturating_add(self.device_failures)
    }
}
