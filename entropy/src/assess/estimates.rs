//! What an assessment finds: the ten figures of each view of the samples and the least of them.

/// Min-entropy by each estimator of SP 800-90B §6.3, in bits per symbol of what it was run on.
///
/// `None` where the estimator does not apply (three are for binary data alone) or the data are too few for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimates {
    /// §6.3.1, most common value.
    pub most_common_value: Option<f64>,
    /// §6.3.2, collision; binary data alone.
    pub collision: Option<f64>,
    /// §6.3.3, Markov; binary data alone.
    pub markov: Option<f64>,
    /// §6.3.4, compression; binary data alone, at least 6012 bits.
    pub compression: Option<f64>,
    /// §6.3.5, t-tuple; `None` when no symbol occurs 35 times.
    pub t_tuple: Option<f64>,
    /// §6.3.6, longest repeated substring; `None` when all that is repeated is repeated at least 35 times.
    pub lrs: Option<f64>,
    /// §6.3.7, prediction by the most common symbol of a window; at least 4096 samples.
    pub multi_mcw: Option<f64>,
    /// §6.3.8, prediction by a lag.
    pub lag: Option<f64>,
    /// §6.3.9, prediction by Markov models with counting.
    pub multi_mmc: Option<f64>,
    /// §6.3.10, prediction by an LZ78Y dictionary.
    pub lz78y: Option<f64>,
}

impl Estimates {
    /// The estimates by their names, in the order of the standard.
    pub fn named(&self) -> [(&'static str, Option<f64>); 10] {
        [
            ("most_common_value", self.most_common_value),
            ("collision", self.collision),
            ("markov", self.markov),
            ("compression", self.compression),
            ("t_tuple", self.t_tuple),
            ("lrs", self.lrs),
            ("multi_mcw", self.multi_mcw),
            ("lag", self.lag),
            ("multi_mmc", self.multi_mmc),
            ("lz78y", self.lz78y),
        ]
    }

    /// The least of the estimates and `most`, the bits of one symbol.
    pub(super) fn lowest(&self, most: f64) -> f64 {
        self.named().into_iter().filter_map(|(_, estimate)| estimate).fold(most, f64::min)
    }

    /// These estimates, and those of `other` where there is none here.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            most_common_value: self.most_common_value.or(other.most_common_value),
            collision: self.collision.or(other.collision),
            markov: self.markov.or(other.markov),
            compression: self.compression.or(other.compression),
            t_tuple: self.t_tuple.or(other.t_tuple),
            lrs: self.lrs.or(other.lrs),
            multi_mcw: self.multi_mcw.or(other.multi_mcw),
            lag: self.lag.or(other.lag),
            multi_mmc: self.multi_mmc.or(other.multi_mmc),
            lz78y: self.lz78y.or(other.lz78y),
        }
    }
}

/// The outcome of the non-IID track (SP 800-90B §3.1.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// Samples that were assessed.
    pub samples: usize,
    /// Different symbols among them.
    pub symbols: usize,
    /// Bits of one sample, 1 to 8: as given, or those of the widest symbol.
    pub bits: u8,
    /// The estimates of the samples as they are, in bits per sample.
    pub original: Estimates,
    /// The estimates of the bit string, in bits per bit; `None` when the samples have two symbols and so are one.
    pub bitstring: Option<Estimates>,
    /// H_original: the least estimate of the samples, at most `bits`.
    pub h_original: f64,
    /// H_bitstring: the least estimate of the bit string, at most 1.
    pub h_bitstring: Option<f64>,
    /// The result: min(H_original, bits · H_bitstring), in bits per sample.
    pub assessed: f64,
    /// What to know before the result is relied on, one sentence each; empty when all is as the standard wants it.
    pub warnings: Vec<String>,
}
