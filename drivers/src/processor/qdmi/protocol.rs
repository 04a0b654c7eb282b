//! Bytes of QDMI answers → values: texts, numbers, times, and what a job brought back.

use std::time::Duration;

use qhal::circuit::BitString;
use qhal::processor::Counts;
use qhal::{Complex64, Error, ErrorKind, Result};

/// An error about what a library answered.
pub(super) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

/// A text that ends in NUL; what stands behind it does not count.
///
/// # Errors
/// `Protocol` when it has no NUL or is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<String> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = end.and_then(|end| std::str::from_utf8(bytes.get(..end)?).ok());
    text.map(str::to_owned)
        .ok_or_else(|| protocol("a text that the library gave is not one in UTF-8 that ends in NUL"))
}

/// One number of four or eight bytes.
///
/// # Errors
/// `Protocol` when it has another length.
pub(super) fn number(bytes: &[u8]) -> Result<u64> {
    match *bytes {
        [a, b, c, d] => Ok(u32::from_ne_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Ok(u64::from_ne_bytes([a, b, c, d, e, f, g, h])),
        _ => Err(protocol(format!("a number that the library gave has {} bytes", bytes.len()))),
    }
}

/// One figure.
///
/// # Errors
/// `Protocol` when it has not eight bytes.
pub(super) fn figure(bytes: &[u8]) -> Result<f64> {
    number(bytes).map(f64::from_bits).and_then(|figure| match bytes.len() {
        8 => Ok(figure),
        length => Err(protocol(format!("a figure that the library gave has {length} bytes"))),
    })
}

/// Places in a list, or numbers of formats: four bytes each.
///
/// # Errors
/// `Protocol` when the bytes are no whole number of them.
pub(super) fn short_numbers(bytes: &[u8]) -> Result<Vec<u32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(protocol(format!("a list that the library gave has {} bytes", bytes.len())));
    }
    Ok(numbers.iter().map(|bytes| u32::from_ne_bytes(*bytes)).collect())
}

/// The worker's answers about many sites: eight bytes each, where there is an answer.
pub(super) fn figures(bytes: &[u8]) -> Vec<Option<u64>> {
    let one = |[there, bytes @ ..]: &[u8; 9]| (*there == 1).then_some(u64::from_ne_bytes(*bytes));
    bytes.as_chunks::<9>().0.iter().map(one).collect()
}

/// How long the unit of a device's times is, in seconds.
///
/// # Errors
/// `Protocol` for a unit that is none, and a scale that is not above 0.
pub(super) fn time_unit(unit: &str, scale: f64) -> Result<f64> {
    let seconds = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        "ps" => 1e-12,
        _ => return Err(protocol(format!("'{unit}' is no unit of time"))),
    };
    if scale.is_finite() && scale > 0.0 {
        Ok(seconds * scale)
    } else {
        Err(protocol(format!("times are in units of {scale} {unit}")))
    }
}

/// A time in units of so many seconds; `None` when it is too long to be one.
pub(super) fn duration(ticks: u64, unit: f64) -> Option<Duration> {
    // The nearest nanosecond: figures are given in whole ticks, and ticks are hardly ever shorter.
    Duration::try_from_secs_f64(((ticks as f64 * unit) * 1e9).round() / 1e9).ok()
}

/// Counts from the list of outcomes and the list of how often each was seen. The rightmost character of an outcome is the
/// lowest classical bit; spaces between registers do not count.
///
/// # Errors
/// `Protocol` unless there are as many of one as of the other, the outcomes are different words of `bits` binary digits, and the
/// numbers add up to `shots`.
pub(super) fn counts(keys: &[u8], values: &[u8], bits: Option<u32>, shots: u64) -> Result<Counts> {
    let keys = text(keys)?;
    let (values, rest) = values.as_chunks::<8>();
    let keys: Vec<&str> = if keys.is_empty() { Vec::new() } else { keys.split(',').collect() };
    if !rest.is_empty() || keys.len() != values.len() {
        let message = format!("{} outcomes came with {} numbers", keys.len(), values.len());
        return Err(protocol(message));
    }
    let mut counts = Counts::new();
    let mut width = bits;
    for (key, value) in keys.iter().zip(values) {
        let outcome: BitString = match key.parse() {
            Ok(outcome) => outcome,
            Err(_) => return Err(protocol(format!("'{}' is no outcome", key.escape_debug()))),
        };
        let expected = *width.get_or_insert(outcome.width());
        if outcome.width() != expected {
            let message = format!("the outcome {outcome} has {} bits, not {expected}", outcome.width());
            return Err(protocol(message));
        }
        let count = u64::from_ne_bytes(*value);
        if count > 0 {
            counts.push((outcome, count));
        }
    }
    counts.sort();
    let total = counts.iter().try_fold(0u64, |sum, (_, count)| sum.checked_add(*count));
    if counts.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) || total != Some(shots) {
        let total = total.map_or("too many".to_owned(), |total| total.to_string());
        return Err(protocol(format!(
            "the outcomes are {total} in all, or one came twice; {shots} shots were run"
        )));
    }
    Ok(counts)
}

/// Counts from the list of all shots.
///
/// # Errors
/// `Protocol` unless there are `shots` outcomes, all of them words of `bits` binary digits.
pub(super) fn counted(list: &[u8], bits: Option<u32>, shots: u64) -> Result<Counts> {
    let list = text(list)?;
    let mut seen = std::collections::BTreeMap::<&str, u64>::new();
    for outcome in list.split(',') {
        *seen.entry(outcome).or_default() += 1;
    }
    let keys = seen.keys().copied().collect::<Vec<_>>().join(",") + "\0";
    let values: Vec<u8> = seen.values().flat_map(|count| count.to_ne_bytes()).collect();
    counts(keys.as_bytes(), &values, bits, shots)
}

/// Outcomes whose characters, from the left, are these classical bits, over `bits` of them.
pub(super) fn placed(counts: Counts, meaning: &[u32], bits: u32) -> Counts {
    let mut all = std::collections::BTreeMap::<BitString, u64>::new();
    for (outcome, count) in counts {
        let mut there = BitString::zeros(bits);
        // The rightmost character is what was read as bit 0.
        for (place, bit) in (0..outcome.width()).zip(meaning.iter().rev()) {
            there.set(*bit, outcome.get(place));
        }
        *all.entry(there).or_default() += count;
    }
    all.into_iter().collect()
}

/// The 2^n amplitudes of a dense state.
///
/// # Errors
/// `Protocol` unless there are 2^n pairs of finite figures of norm 1 (to 1e-3).
pub(super) fn state(bytes: &[u8], qubits: u32) -> Result<Vec<Complex64>> {
    let figures = doubles(bytes)?;
    let (pairs, rest) = figures.as_chunks::<2>();
    let norm: f64 = figures.iter().map(|figure| figure * figure).sum();
    if !rest.is_empty()
        || Some(pairs.len()) != 1usize.checked_shl(qubits)
        || (norm - 1.0).abs() > 1e-3
        || norm.is_nan()
    {
        let message = format!("{} amplitudes of norm {norm} came for {qubits} qubits", pairs.len());
        return Err(protocol(message));
    }
    Ok(pairs.iter().map(|[re, im]| Complex64::new(*re, *im)).collect())
}

/// The probabilities above 1e-12 of a dense list of 2^n.
///
/// # Errors
/// `Protocol` unless there are 2^n figures that add up to 1 (to 1e-3).
pub(super) fn probabilities(bytes: &[u8], qubits: u32) -> Result<Vec<(BitString, f64)>> {
    let figures = doubles(bytes)?;
    let total: f64 = figures.iter().sum();
    if Some(figures.len()) != 1usize.checked_shl(qubits) || (total - 1.0).abs() > 1e-3 || total.is_nan() {
        let message = format!("{} probabilities came for {qubits} qubits, {total} in all", figures.len());
        return Err(protocol(message));
    }
    let likely = (0..).zip(figures).filter(|(_, probability)| *probability > 1e-12);
    Ok(likely.map(|(state, probability)| (BitString::from_u64(qubits, state), probability)).collect())
}

fn doubles(bytes: &[u8]) -> Result<Vec<f64>> {
    let (figures, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(protocol(format!("a list of figures has {} bytes", bytes.len())));
    }
    Ok(figures.iter().map(|bytes| f64::from_ne_bytes(*bytes)).collect())
}
