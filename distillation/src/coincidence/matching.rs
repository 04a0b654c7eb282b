//! Pairs within a window, and how many of them are accidents.

use qhal::{Error, ErrorKind, Result};

use super::{Clock, check_times};

/// Pairs of events of two ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    /// Places in the two lists, rising in both; no event is in two pairs.
    pub pairs: Vec<(usize, usize)>,
    /// How far the clocks had moved from the prediction at the end, in units.
    pub drift: f64,
}

impl Matches {
    /// Heralding efficiency: pairs over the geometric mean of the events of both ends; 0 without events.
    pub fn heralding(&self, events_a: usize, events_b: usize) -> f64 {
        let singles = (events_a as f64 * events_b as f64).sqrt();
        if singles > 0.0 { self.pairs.len() as f64 / singles } else { 0.0 }
    }
}

/// Pairs events of `a` and `b` that are at most `window / 2` units apart on `clock`, nearest first; `track` (0 to 1, usually
/// 0.01) is the share of each pair's deviation by which the prediction follows slow drifts.
///
/// # Errors
/// `InvalidInput` for times that are not sorted or beyond 2^62, and for a `track` outside its range.
pub fn matches(a: &[u64], b: &[u64], clock: &Clock, window: u64, track: f64) -> Result<Matches> {
    check_times("the first end", a)?;
    check_times("the second end", b)?;
    if !(0.0..=1.0).contains(&track) {
        let sentence = format!("pairs cannot be followed by a share of {track}: it lies between 0 and 1");
        return Err(Error::new(ErrorKind::InvalidInput, sentence));
    }
    let half = i64::try_from(window / 2).unwrap_or(i64::MAX >> 2).min(i64::MAX >> 2);
    let mut found = Matches { pairs: Vec::new(), drift: 0.0 };
    let mut next = 0;
    for (index, time) in a.iter().enumerate() {
        let expected = clock.predict(*time).saturating_add(found.drift.round() as i64);
        while b.get(next).is_some_and(|other| (*other as i64) < expected - half) {
            next += 1;
        }
        let near = b[next..].iter().take_while(|other| **other as i64 <= expected + half);
        let nearest =
            near.map(|other| *other as i64 - expected).enumerate().min_by_key(|(_, apart)| apart.abs());
        if let Some((ahead, apart)) = nearest {
            found.pairs.push((index, next + ahead));
            found.drift += track * apart as f64;
            next += ahead + 1;
        }
    }
    Ok(found)
}

/// How many pairs of a window are accidents: the mean over windows of the same width that are displaced by 20 and 40 widths to
/// both sides, where no partners are.
///
/// # Errors
/// As [`matches()`].
pub fn accidentals(a: &[u64], b: &[u64], clock: &Clock, window: u64) -> Result<f64> {
    let mut sum = 0;
    let displacements = [-40.0, -20.0, 20.0, 40.0];
    for displacement in displacements {
        let displaced = Clock { offset: clock.offset + displacement * window as f64, ..*clock };
        sum += matches(a, b, &displaced, window, 0.0)?.pairs.len();
    }
    Ok(sum as f64 / displacements.len() as f64)
}
