//! The non-IID track: ten estimators on the samples and on their bit string, and the least of all.

use std::num::NonZero;

use qhal::Result;

use super::estimates::{Assessment, Estimates};
use super::samples::Samples;
use super::{collision, compression, frequency, lag, lz78y, markov, multi_mcw, multi_mmc, tasks, tuples};

/// One piece of work. The order is that of the time they take, the longest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Estimator {
    Tuples,
    MultiMmc,
    Lz78y,
    Lag,
    MultiMcw,
    Compression,
    Frequency,
}

impl Estimator {
    pub(super) const ALL: [Self; 7] = [
        Self::Tuples,
        Self::MultiMmc,
        Self::Lz78y,
        Self::Lag,
        Self::MultiMcw,
        Self::Compression,
        Self::Frequency,
    ];

    /// Runs it over symbols below `alphabet`, and gives its own estimates alone.
    pub(super) fn run(self, symbols: &[u8], alphabet: usize) -> Result<Estimates> {
        let mut found = Estimates::default();
        let binary = alphabet == 2;
        match self {
            Self::Tuples => (found.t_tuple, found.lrs) = tuples::tuples(symbols)?,
            Self::MultiMmc => found.multi_mmc = Some(multi_mmc::multi_mmc(symbols, alphabet)),
            Self::Lz78y => found.lz78y = Some(lz78y::lz78y(symbols, alphabet)),
            Self::Lag => found.lag = Some(lag::lag(symbols, alphabet)),
            Self::MultiMcw => found.multi_mcw = multi_mcw::multi_mcw(symbols, alphabet),
            Self::Compression if binary => found.compression = compression::compression(symbols),
            Self::Compression => {}
            Self::Frequency => {
                found.most_common_value = Some(frequency::most_common_value(symbols));
                if binary {
                    found.collision = collision::collision(symbols);
                    found.markov = Some(markov::markov(symbols));
                }
            }
        }
        Ok(found)
    }
}

/// Assesses the min-entropy of `data`, one sample to a byte, without taking the samples to be independent
/// (SP 800-90B §3.1.3, with the estimators of §6.3).
///
/// `bits` is the width of a sample; without it, that of the widest symbol is taken, as NIST's tool does. The whole bit
/// string is used, and symbols are renamed where the alphabet has gaps. When the samples have two symbols alone they
/// are themselves the bit string, and there is no second view. At most `threads` threads work at a time; their number
/// changes no result.
///
/// Fewer than [`RECOMMENDED_SAMPLES`](super::RECOMMENDED_SAMPLES) samples are assessed with a warning. For a million
/// 8-bit samples some 150 MB of memory are needed.
///
/// # Errors
/// `InvalidInput` for fewer than [`LEAST_SAMPLES`](super::LEAST_SAMPLES) samples, more than
/// [`MOST_BITS`](super::MOST_BITS), a width outside 1 to 8 or one that the samples exceed; `Unhealthy` when all samples
/// are equal; `Exhausted` when memory for sorting the suffixes runs out.
pub fn non_iid(data: &[u8], bits: Option<u8>, threads: NonZero<usize>) -> Result<Assessment> {
    let samples = Samples::new(data, bits)?;
    let binary = samples.alphabet == 2;
    let string = if binary { Vec::new() } else { samples.bit_string() };
    let views = [Some((&*string, 2)).filter(|_| !binary), Some((&*samples.symbols, samples.alphabet))];
    // The bit string is the longer by far, so its estimators start first.
    let jobs: Vec<_> = views
        .iter()
        .enumerate()
        .filter_map(|(view, data)| Some((view, (*data)?)))
        .flat_map(|(view, data)| Estimator::ALL.map(|estimator| (view, data, estimator)))
        .collect();
    let results =
        tasks::run(threads, &jobs, |(_, (symbols, alphabet), estimator)| estimator.run(symbols, *alphabet))?;
    let mut estimates = [Estimates::default(); 2];
    for ((view, ..), found) in jobs.iter().zip(results) {
        estimates[*view] = estimates[*view].or(found);
    }
    let [bitstring, original] = estimates;
    let bitstring = (!binary).then_some(bitstring);
    let width = f64::from(samples.bits);
    let h_original = original.lowest(width);
    let h_bitstring = bitstring.map(|estimates| estimates.lowest(1.0));
    Ok(Assessment {
        samples: data.len(),
        symbols: samples.alphabet,
        bits: samples.bits,
        original,
        bitstring,
        h_original,
        h_bitstring,
        assessed: h_bitstring.map_or(h_original, |h| h_original.min(width * h)),
        warnings: samples.warnings,
    })
}
