//! Finding the pairs in two lists of arrival times: clock offset and skew, matching, accidentals.
//!
//! Times are sorted numbers in units of 1/256 ns ([`UNITS_PER_NS`]), the unit of the 64-bit tag formats. [`synchronise`] finds by
//! Fourier transforms how far and how fast the two clocks differ, [`matches()`] pairs events within a window, [`PairLink`] says what a model of
//! the link makes of it. Everything is a pure function of the lists.

mod matching;
mod model;
mod search;

pub use matching::{Matches, accidentals, matches};
pub use model::{Expected, PairLink};
pub use search::{Clock, Search, synchronise};

use qhal::{Error, ErrorKind, Result};

/// Units of time in a nanosecond.
pub const UNITS_PER_NS: u64 = 256;

/// Units of time in a second.
pub const UNITS_PER_SECOND: f64 = 256e9;

/// Times have to be sorted, and to leave room for differences.
fn check_times(who: &str, times: &[u64]) -> Result<()> {
    if let Some(pair) = times.windows(2).find(|pair| pair[0] > pair[1]) {
        let sentence = format!("the times of {who} are not sorted: {} follows {}", pair[1], pair[0]);
        return Err(Error::new(ErrorKind::InvalidInput, sentence));
    }
    match times.last() {
        Some(last) if *last > 1 << 62 => {
            Err(Error::new(ErrorKind::InvalidInput, format!("the time {last} of {who} lies beyond 2^62")))
        }
        _ => Ok(()),
    }
}
