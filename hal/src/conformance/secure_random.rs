//! What every [`SecureRandom`] promises, while it works and when it cannot give good bytes.

use std::collections::HashSet;

use super::{Violation, answer, promises, refusal, require};
use crate::{ErrorKind, SecureRandom};

promises! {
    FILLS = "a generator that works fills a buffer of every size";
    WHOLE = "the whole buffer is filled";
    FRESH = "no output comes twice";
    PROVENANCE = "the provenance stays the same while the sources do";
    REFUSES = "a generator that cannot give good bytes gives an error";
    ZEROS = "after an error the buffer is all zeros";
}

/// Every size up to beyond the largest block of a common DRBG (64 bytes of SHA-512).
const SMALL: usize = 67;
/// Beyond the 2^16 bytes that SP 800-90A (table 2) lets one request have, and one that is no multiple of a block.
const LARGE: [usize; 4] = [1000, 4096, 65_537, 100_003];

/// Checks a generator that works; takes about 0.5 MB from it.
///
/// # Errors
/// The first promise that is broken.
pub fn check(random: &mut dyn SecureRandom) -> Result<(), Violation> {
    let provenance = random.provenance();
    fill(random, &mut [])?;
    for size in 1..=SMALL {
        check_whole(random, size, 12, 1)?;
    }
    for size in LARGE {
        check_whole(random, size, 2, 8)?;
    }
    let mut seen = HashSet::new();
    for round in 0..256 {
        let mut block = [0; 32];
        fill(random, &mut block)?;
        for half in block.chunks_exact(16) {
            require(seen.insert(half.to_vec()), FRESH, || {
                format!("fill {round} of 32 bytes repeats 16 bytes of an earlier one")
            })?;
        }
    }
    let now = random.provenance();
    require(now == provenance, PROVENANCE, || format!("it was {provenance} and became {now}"))
}

/// Checks a generator that cannot give good bytes, because its source has failed: for every size there is an error,
/// and nothing in the buffer.
///
/// # Errors
/// The first promise that is broken.
pub fn check_refusal(random: &mut dyn SecureRandom) -> Result<(), Violation> {
    for size in (1..=SMALL).chain(LARGE) {
        let mut out = vec![0xA5; size];
        let result = random.fill(&mut out);
        let kinds = [
            ErrorKind::Unhealthy,
            ErrorKind::Exhausted,
            ErrorKind::TimedOut,
            ErrorKind::Disconnected,
            ErrorKind::Protocol,
            ErrorKind::Refused,
        ];
        refusal(REFUSES, &format!("fill of {size} bytes"), result, &kinds)?;
        check_zeros(&out)?;
    }
    Ok(())
}

fn check_zeros(out: &[u8]) -> Result<(), Violation> {
    let left = out.iter().filter(|&&byte| byte != 0).count();
    require(left == 0, ZEROS, || format!("{left} of {} bytes are not zero", out.len()))
}

/// Fills `size` bytes, `fills` times, and holds that no `stretch` of bytes kept the pattern that was there before
/// (two patterns in turn, so that each byte keeps both with a chance of at most 2^-8 a fill).
fn check_whole(
    random: &mut dyn SecureRandom,
    size: usize,
    fills: usize,
    stretch: usize,
) -> Result<(), Violation> {
    let mut written = vec![false; size];
    for round in 0..fills {
        let pattern = if round % 2 == 0 { 0xA5 } else { 0x5A };
        let mut out = vec![pattern; size];
        fill(random, &mut out)?;
        for (written, byte) in written.iter_mut().zip(&out) {
            *written |= *byte != pattern;
        }
    }
    for (at, places) in written.windows(stretch).enumerate() {
        require(places.contains(&true), WHOLE, || {
            format!("of {size} bytes, {} from byte {at} on were never written", places.len())
        })?;
    }
    Ok(())
}

fn fill(random: &mut dyn SecureRandom, out: &mut [u8]) -> Result<(), Violation> {
    let size = out.len();
    let result = random.fill(out);
    if result.is_err() {
        check_zeros(out)?;
    }
    answer(FILLS, &format!("fill of {size} bytes"), result)
}
