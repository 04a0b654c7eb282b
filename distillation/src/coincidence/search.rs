//! The offset and skew between two clocks, from the correlation of what they saw.

use qhal::{Error, ErrorKind, Result};
use realfft::RealFftPlanner;

use super::check_times;

/// How to look for the clocks' difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Width of the bins of the first, coarse correlation, in units.
    pub coarse_bin: u64,
    /// How many there are, a power of two up to 2^26: offsets are found within ± half of `coarse_bin · coarse_bins`.
    pub coarse_bins: usize,
    /// Width of the bins of the last, fine histogram, in units: about the jitter of the detectors.
    pub fine_bin: u64,
    /// The largest relative difference of the clocks' rates, |skew| < 0.01.
    pub most_skew: f64,
    /// How far a peak has to stand above the mean, in standard deviations of a bin (and in counts, if that is more).
    pub significance: f64,
}

impl Default for Search {
    /// ±0.54 s in bins of 2048 ns, down to 1 ns, for free-running crystals (1e-5), six standard deviations.
    fn default() -> Self {
        let ns = super::UNITS_PER_NS;
        Self { coarse_bin: 2048 * ns, coarse_bins: 1 << 19, fine_bin: ns, most_skew: 1e-5, significance: 6.0 }
    }
}

/// How the second clock reads against the first: the partner of a photon at time t comes at t + offset + skew·(t - reference).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Difference at the reference time, in units.
    pub offset: f64,
    /// Relative difference of the rates.
    pub skew: f64,
    /// The time on the first clock, in units, at which the offset holds.
    pub reference: u64,
    /// How far the last peak stood above the mean, in standard deviations of a bin.
    pub significance: f64,
}

impl Clock {
    /// Two clocks that differ by a constant.
    pub fn at_offset(offset: f64) -> Self {
        Self { offset, skew: 0.0, reference: 0, significance: f64::INFINITY }
    }

    /// When the partner of a photon at `time` comes, on the second clock.
    #[inline]
    pub fn predict(&self, time: u64) -> i64 {
        let elapsed = time as i64 - self.reference as i64;
        time as i64 + (self.offset + self.skew * elapsed as f64).round() as i64
    }
}

/// A peak that stands out.
struct Peak {
    /// Where it is, in units.
    at: f64,
    significance: f64,
}

/// Finds how the clock of `b` reads against that of `a`; none if no peak stands out.
///
/// # Errors
/// `InvalidInput` for times that are not sorted or beyond 2^62, and for settings that make no sense.
pub fn synchronise(a: &[u64], b: &[u64], search: &Search) -> Result<Option<Clock>> {
    check_times("the first end", a)?;
    check_times("the second end", b)?;
    let possible = search.fine_bin > 0
        && search.coarse_bin >= search.fine_bin
        && search.coarse_bin < 1 << 40
        && search.coarse_bins.is_power_of_two()
        && (16..=1 << 26).contains(&search.coarse_bins)
        && (0.0..0.01).contains(&search.most_skew)
        && search.significance > 0.0;
    if !possible {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("a search for coincidences cannot use {search:?}"),
        ));
    }
    let (Some(first), Some(last)) = (a.first(), a.last()) else { return Ok(None) };
    let Some(coarse) = correlate(a, b, search)? else { return Ok(None) };
    let clock = Clock { offset: coarse.at, skew: 0.0, reference: *first, significance: coarse.significance };
    Ok(refine(a, b, search, clock, (last - first) as f64))
}

/// The coarse offset, modulo the length of the correlation.
fn correlate(a: &[u64], b: &[u64], search: &Search) -> Result<Option<Peak>> {
    let (bin, bins) = (search.coarse_bin, search.coarse_bins);
    let half = bin * bins as u64 / 2;
    // Beyond this span a peak would drift out of its bin.
    let span = (bin as f64 / search.most_skew.max(1e-15)).min((1u64 << 62) as f64) as u64;
    let (Some(start), Some(_)) = (a.first(), b.first()) else { return Ok(None) };
    let end = start.saturating_add(span);
    let fold = |times: &[u64], low: u64, high: u64| {
        let mut counts = vec![0.0; bins];
        let begin = times.partition_point(|time| *time < low);
        let mut total = 0u64;
        for time in times[begin..].iter().take_while(|time| **time < high) {
            counts[(time / bin) as usize & (bins - 1)] += 1.0;
            total += 1;
        }
        (counts, total)
    };
    let (mut first, first_total) = fold(a, *start, end);
    let (mut second, second_total) = fold(b, start.saturating_sub(half), end.saturating_add(half));
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(bins), planner.plan_fft_inverse(bins));
    let (mut x, mut y) = (forward.make_output_vec(), forward.make_output_vec());
    let failed = |error| Error::new(ErrorKind::Other, "a Fourier transform failed").because(error);
    forward.process(&mut first, &mut x).map_err(failed)?;
    forward.process(&mut second, &mut y).map_err(failed)?;
    for (x, y) in x.iter().zip(&mut y) {
        *y *= x.conj();
    }
    let mut correlation = first;
    inverse.process(&mut y, &mut correlation).map_err(failed)?;
    let scale = 1.0 / bins as f64;
    let (mut index, mut most) = (0, f64::NEG_INFINITY);
    for (at, value) in correlation.iter().enumerate() {
        // A drifting or straddling peak fills two neighbours.
        let value = (value + correlation[(at + 1) & (bins - 1)]) * scale;
        if value > most {
            (index, most) = (at, value);
        }
    }
    let mean = 2.0 * first_total as f64 * second_total as f64 / bins as f64;
    let significance = (most - mean) / mean.sqrt().max(1.0);
    if significance < search.significance {
        return Ok(None);
    }
    let signed = if index >= bins / 2 { index as f64 - bins as f64 } else { index as f64 };
    // Differences in bins k and k + 1 lie between k - 1 and k + 2 widths.
    Ok(Some(Peak { at: (signed + 0.5) * bin as f64, significance }))
}

/// From a coarse offset to a fine one with skew: windows far apart give the skew, and a better skew allows longer windows.
fn refine(a: &[u64], b: &[u64], search: &Search, mut clock: Clock, total: f64) -> Option<Clock> {
    let fine = search.fine_bin as f64;
    let mut bin = search.coarse_bin as f64;
    let (mut offset_error, mut skew_error) = (2.0 * bin, search.most_skew.max(1e-15));
    let mut found = false;
    for _ in 0..100 {
        let window = (bin / skew_error).min(total / 2.0).max(1.0);
        let reach = offset_error + skew_error * window + bin;
        let Some(near) = measure(a, b, &clock, 0.0, window, reach, bin / 2.0, search.significance) else {
            break;
        };
        let apart = (total - window).min(8.0 * bin / skew_error);
        let reach = 2.0 * bin + skew_error * (apart + window);
        let at = clock.offset + near.at;
        let moved = Clock { offset: at, ..clock };
        let Some(far) = measure(a, b, &moved, apart, window, reach, bin / 2.0, search.significance) else {
            break;
        };
        found = true;
        if apart > 0.0 {
            clock.skew += far.at / apart;
            // The offset was measured at the middle of the first window.
            clock.offset = at - far.at / apart * window / 2.0;
            skew_error = (bin / apart).min(skew_error);
        } else {
            clock.offset = at;
        }
        clock.significance = far.significance.min(near.significance);
        offset_error = bin;
        if apart >= total - window {
            if bin <= fine {
                break;
            }
            bin = (bin / 4.0).max(fine);
        }
    }
    found.then_some(clock)
}

/// The peak of the differences between what comes and what `clock` predicts, for photons of the first end within `window` from `from`.
#[allow(clippy::too_many_arguments, reason = "a window has a place, a length, a reach and a width")]
fn measure(
    a: &[u64],
    b: &[u64],
    clock: &Clock,
    from: f64,
    window: f64,
    reach: f64,
    bin: f64,
    significance: f64,
) -> Option<Peak> {
    let start = clock.reference.saturating_add(from as u64);
    let end = start.saturating_add(window as u64);
    let bins = (2.0 * reach / bin).ceil() as usize;
    let mut counts = vec![0u32; bins + 1];
    let reach_units = reach as i64;
    let begin = a.partition_point(|time| *time < start);
    let (mut low, mut total) = (0, 0u64);
    for time in a[begin..].iter().take_while(|time| **time <= end) {
        let expected = clock.predict(*time);
        if low == 0 {
            low = b.partition_point(|other| (*other as i64) < expected - reach_units);
        }
        while b.get(low).is_some_and(|other| (*other as i64) < expected - reach_units) {
            low += 1;
        }
        for other in b[low..].iter().take_while(|other| (**other as i64) <= expected + reach_units) {
            let difference = (*other as i64 - expected + reach_units) as f64;
            counts[((difference / bin) as usize).min(bins)] += 1;
            total += 1;
        }
    }
    // Three bins hold a peak wherever it stands; their mean places it.
    let (index, most) = counts
        .windows(3)
        .map(|three| three.iter().sum::<u32>())
        .enumerate()
        .max_by_key(|(index, sum)| (*sum, std::cmp::Reverse(*index)))?;
    let mean = 3.0 * total.saturating_sub(u64::from(most)) as f64 / bins.saturating_sub(3).max(1) as f64;
    let height = (f64::from(most) - mean) / mean.sqrt().max(1.0);
    if height < significance {
        return None;
    }
    let background = mean / 3.0;
    let weights: [f64; 3] = std::array::from_fn(|i| (f64::from(counts[index + i]) - background).max(0.0));
    let sum: f64 = weights.iter().sum();
    let centre = (0..3).map(|i| weights[i] * (index as f64 + i as f64 + 0.5)).sum::<f64>() / sum.max(1e-9);
    Some(Peak { at: centre * bin - reach_units as f64, significance: height })
}
