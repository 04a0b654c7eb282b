//! Which format the beginning of a file looks like.

use super::{Format, ptu, qcrypto, qutag, tags64};

/// Records that are looked at.
const RECORDS: usize = 512;

/// The format of a file that begins with `start`, which is all of it if `whole`; none if it looks like none of them, or like nothing
/// at all.
///
/// Formats with a magic number or a header are told by it, those of lines by their first line. The others have nothing but their
/// records: a plausible one has times that rise and inputs that exist.
pub fn sniff(start: &[u8], whole: bool) -> Option<Format> {
    if start.starts_with(ptu::MAGIC) {
        return Some(Format::Ptu);
    }
    match qcrypto::kind_of(start) {
        Some(1) => return Some(Format::Qcrypto),
        Some(2) => return Some(Format::QcryptoTiming),
        _ => {}
    }
    if let Some(format) = lines(start) {
        return Some(format);
    }
    for (format, header) in [(Format::QutagRaw, 0), (Format::QutagBinary, qutag::HEADER)] {
        let fits = !whole || start.len() >= header && (start.len() - header).is_multiple_of(qutag::RECORD);
        if fits && start.get(header..).is_some_and(is_qutag) {
            return Some(format);
        }
    }
    // Whichever half goes first, times rise in one order only; of few words, the shorter span is meant.
    let orders =
        [(Format::Tags64, tags64::Order::LowFirst), (Format::Tags64Swapped, tags64::Order::HighFirst)];
    let likely = orders.into_iter().filter_map(|(format, order)| Some((span(start, order)?, format)));
    likely.min_by_key(|(span, _)| *span).map(|(_, format)| format)
}

/// The format of lines that the first ones have.
fn lines(start: &[u8]) -> Option<Format> {
    // A cut in the middle of a letter is none of the ASCII that these formats are made of.
    let text = start.utf8_chunks().next()?.valid();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let heading = |line: &str| line.starts_with(|letter: char| letter.is_ascii_alphabetic());
    for (number, line) in lines.take(2).enumerate() {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if line.len() == 16 && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Format::Tags64Hex);
        }
        if let Some((time, rest)) = line.split_once([',', ';', '\t'])
            && digits(time.trim())
            && digits(rest.trim())
        {
            return Some(Format::QutagText);
        }
        if let Some((time, mask)) = line.split_once(' ')
            && digits(time)
            && digits(mask.trim().trim_start_matches("0x"))
        {
            return Some(Format::Text);
        }
        if number > 0 || !heading(line) || line.len() > 100 {
            return None;
        }
    }
    None
}

/// Whether most times of these do not fall.
fn rises(times: &[u64]) -> bool {
    let falls = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    !times.is_empty() && falls * 10 <= times.len()
}

fn is_qutag(bytes: &[u8]) -> bool {
    let records = || bytes.as_chunks::<{ qutag::RECORD }>().0.iter().take(RECORDS).map(qutag::record);
    let possible = records().all(|(time, channel)| {
        time >= 0 && ((0..=63).contains(&channel) || (qutag::FIRST_MARKER..=127).contains(&channel))
    });
    let times: Vec<u64> = records().map(|(time, _)| time as u64).collect();
    // Nothing but zeros is nothing.
    possible && rises(&times) && times.iter().any(|time| *time > 0)
}

/// From the first to the last time of words in this order; none if they cannot be words.
fn span(bytes: &[u8], order: tags64::Order) -> Option<u64> {
    let words = bytes.as_chunks::<{ tags64::WORD }>().0.iter().take(RECORDS);
    let words: Vec<u64> = words.map(|word| tags64::halves(u64::from_le_bytes(*word), order)).collect();
    // Every word has an input or says that it has none.
    let possible = words.iter().all(|word| word & 0x1F != 0);
    let times: Vec<u64> = words.iter().map(|word| word >> 10).collect();
    let (first, last) = (times.first()?, times.last()?);
    (possible && rises(&times)).then(|| last.abs_diff(*first))
}
