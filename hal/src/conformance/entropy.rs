//! What every [`EntropySource`] promises.

use super::{Violation, answer, device, promises, refusal, require};
use crate::{EntropySource, ErrorKind, Kind};

promises! {
    EMPTY = "reading into an empty buffer gives 0";
    READS = "a source that works can be read with every size of buffer";
    COUNT = "a read gives at least one byte and at most as many as were asked for";
    WRITTEN = "every byte that a read counts has been written";
    RESTART = "a source restarts and can be read afterwards, or says that it cannot and can be read all the same";
    CLAIM = "the claimed min-entropy stays the same";
    STAGE = "the stage stays the same";
}

/// Sizes around the powers of two at which frames, reports and blocks end.
const SIZES: [usize; 18] = [1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 255, 256, 257, 512, 1000, 4096];

/// Reads of [`CHUNK`] bytes by which it is seen that bytes are written. Before every read the buffer holds another
/// of two patterns. A source that writes hits both in turn with a chance of at most 1/4, so a byte that never
/// differs from the pattern in 64 reads is written with a chance below 2^-64.
const READS_OF_A_CHUNK: usize = 64;
const CHUNK: usize = 16;

/// Checks a source that works; reads about 8 kB from it. What the bytes are worth is not asked here: that is the
/// business of health tests and assessment.
///
/// # Errors
/// The first promise that is broken, those of [`device`] included.
pub fn check(source: &mut dyn EntropySource) -> Result<(), Violation> {
    device::check(source, Kind::Entropy)?;
    let (descriptor, stage, claim) =
        (source.descriptor().clone(), source.stage(), source.claimed_min_entropy());
    for size in SIZES {
        check_empty(source)?;
        read(source, &mut vec![0; size])?;
    }
    check_written(source)?;
    check_restart(source)?;
    let now = (source.stage(), source.claimed_min_entropy());
    require(now.0 == stage, STAGE, || format!("it was {stage:?} and became {:?}", now.0))?;
    require(now.1 == claim, CLAIM, || format!("it was {claim:?} and became {:?}", now.1))?;
    device::check_stays(source, &descriptor)
}

fn check_empty(source: &mut dyn EntropySource) -> Result<(), Violation> {
    let count = answer(EMPTY, "read into an empty buffer", source.read(&mut []))?;
    require(count == 0, EMPTY, || format!("it gave {count}"))
}

/// Twice, because the first time may leave something behind.
fn check_restart(source: &mut dyn EntropySource) -> Result<(), Violation> {
    for _ in 0..2 {
        let restarted = source.restart();
        if restarted.is_err() {
            refusal(RESTART, "restart", restarted, &[ErrorKind::Unsupported])?;
        }
        let mut out = [0; 64];
        let count = answer(RESTART, "read of up to 64 bytes after a restart", source.read(&mut out))?;
        require((1..=64).contains(&count), RESTART, || format!("a read after a restart gave {count} bytes"))?;
    }
    Ok(())
}

fn check_written(source: &mut dyn EntropySource) -> Result<(), Violation> {
    // How often each place was counted, and how often it differed from what was there before.
    let mut counted = [0usize; CHUNK];
    let mut changed = [0usize; CHUNK];
    for round in 0..READS_OF_A_CHUNK {
        let pattern = if round % 2 == 0 { 0xA5 } else { 0x5A };
        let mut chunk = [pattern; CHUNK];
        let count = read(source, &mut chunk)?;
        for ((byte, counted), changed) in chunk.iter().zip(&mut counted).zip(&mut changed).take(count) {
            *counted += 1;
            *changed += usize::from(*byte != pattern);
        }
    }
    for (place, (counted, changed)) in counted.into_iter().zip(changed).enumerate() {
        // A place that few reads reached tells nothing.
        require(counted < READS_OF_A_CHUNK / 2 || changed > 0, WRITTEN, || {
            format!("byte {place} was counted by {counted} reads and written by none")
        })?;
    }
    Ok(())
}

/// Reads once and holds the count.
fn read(source: &mut dyn EntropySource, out: &mut [u8]) -> Result<usize, Violation> {
    let size = out.len();
    let count = answer(READS, &format!("read of up to {size} bytes"), source.read(out))?;
    require((1..=size).contains(&count), COUNT, || format!("a read of up to {size} bytes gave {count}"))?;
    Ok(count)
}
