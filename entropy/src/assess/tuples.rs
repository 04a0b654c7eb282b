//! What repeats: the t-tuple and longest-repeated-substring estimates (SP 800-90B §6.3.5, §6.3.6) from one suffix array.

use libsais::SuffixArrayConstruction;
use qhal::{Error, ErrorKind, Result};

use super::frequency::{bits_of, upper_bound};

/// How often the most common tuple must occur to count for the t-tuple estimate (§6.3.5, step 1).
const OFTEN: u32 = 35;

/// The lengths of the longest common prefixes of neighbours in the sorted list of suffixes; the first is 0.
///
/// # Errors
/// `Exhausted` when the library that sorts the suffixes gives up, `InvalidInput` when there are 2^31 symbols or more.
fn common_prefixes(symbols: &[u8]) -> Result<Vec<i32>> {
    if i32::try_from(symbols.len()).is_err() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "the suffixes of {} symbols cannot be sorted; there may be {} at most",
                symbols.len(),
                i32::MAX
            ),
        ));
    }
    let failed = |cause| Error::new(ErrorKind::Exhausted, "the suffixes could not be sorted").because(cause);
    let sorted = SuffixArrayConstruction::for_text(symbols)
        .in_owned_buffer32()
        .single_threaded()
        .run()
        .map_err(failed)?;
    let permuted = sorted.plcp_construction().single_threaded().run().map_err(failed)?;
    let prefixes =
        permuted.lcp_construction().replace_suffix_array().single_threaded().run().map_err(failed)?;
    Ok(prefixes.into_parts().0)
}

/// For every length of tuple: how often the most common one occurs, and how many pairs of equal ones there are.
struct Repeats {
    /// `most[w]`: occurrences of the most common tuple of `w` symbols, for `w` up to the longest that is repeated.
    most: Vec<u32>,
    /// `pairs[w]`: pairs of positions with equal tuples of `w` symbols.
    pairs: Vec<u64>,
}

impl Repeats {
    /// Reads them off the prefixes: a maximal stretch of the sorted suffixes that share `w` symbols is a tuple with as
    /// many occurrences as the stretch has suffixes. Each stretch is met once, and what holds for several lengths is
    /// entered at the longest and passed down at the end, so that all takes one pass.
    fn new(prefixes: &[i32]) -> Self {
        let longest = prefixes.iter().fold(0, |longest, length| longest.max(*length)) as usize;
        let mut most = vec![1u32; longest + 1];
        let mut pairs = vec![0u64; longest + 2];
        // Open stretches as (length, first suffix), with growing lengths.
        let mut open: Vec<(usize, usize)> = Vec::new();
        let ends = prefixes.iter().skip(1).map(|length| *length as usize).chain([0]);
        for (last, length) in ends.enumerate() {
            let mut first = last;
            while let Some(&(inner, start)) = open.last()
                && inner > length
            {
                open.pop();
                first = start;
                let count = (last - start + 1) as u64;
                let outer = open.last().map_or(0, |(outer, _)| *outer).max(length);
                if let Some(entry) = most.get_mut(inner) {
                    *entry = (*entry).max(count as u32);
                }
                // Lengths outer + 1 ..= inner: in at the top, out below. Sums wrap on the way, and come out right.
                for (at, change) in
                    [(inner, count * (count - 1) / 2), (outer, (count * (count - 1) / 2).wrapping_neg())]
                {
                    if let Some(entry) = pairs.get_mut(at) {
                        *entry = entry.wrapping_add(change);
                    }
                }
            }
            if length > open.last().map_or(0, |(outer, _)| *outer) {
                open.push((length, first));
            }
        }
        let (mut highest, mut sum) = (1, 0u64);
        for (most, pairs) in most.iter_mut().zip(pairs.iter_mut()).rev() {
            highest = highest.max(*most);
            *most = highest;
            sum = sum.wrapping_add(*pairs);
            *pairs = sum;
        }
        Self { most, pairs }
    }

    /// Lengths with what they show, from 1 to the longest that is repeated.
    fn lengths(&self) -> impl Iterator<Item = (usize, u32, u64)> {
        self.most
            .iter()
            .zip(&self.pairs)
            .enumerate()
            .skip(1)
            .map(|(length, (most, pairs))| (length, *most, *pairs))
    }
}

/// The length of the longest substring that occurs twice; 0 when every symbol occurs once.
///
/// # Errors
/// Those of sorting the suffixes.
pub(super) fn longest_repeat(symbols: &[u8]) -> Result<usize> {
    Ok(common_prefixes(symbols)?.into_iter().fold(0, i32::max) as usize)
}

/// §6.3.5 and §6.3.6.
///
/// # Errors
/// Those of sorting the suffixes.
pub(super) fn tuples(symbols: &[u8]) -> Result<(Option<f64>, Option<f64>)> {
    let repeats = Repeats::new(&common_prefixes(symbols)?);
    let n = symbols.len();
    let places = |length: usize| (n - length + 1) as f64;
    let estimate = |p: Option<f64>| p.map(|p| bits_of(upper_bound(p, n)));
    let t_tuple = repeats
        .lengths()
        .take_while(|(_, most, _)| *most >= OFTEN)
        .map(|(length, most, _)| (f64::from(most) / places(length)).powf(1.0 / length as f64))
        .reduce(f64::max);
    let lrs = repeats
        .lengths()
        .skip_while(|(_, most, _)| *most >= OFTEN)
        .map(|(length, _, pairs)| {
            let possible = places(length) * (places(length) - 1.0) / 2.0;
            (pairs as f64 / possible).powf(1.0 / length as f64)
        })
        .reduce(f64::max);
    Ok((estimate(t_tuple), estimate(lrs)))
}
