//! What every [`TimeTagger`] promises.

use std::time::Duration;

use super::{Violation, answer, broken, device, promises, refusal, require};
use crate::tagger::{Recorded, Tag, TimeTagger, units_of};
use crate::{Error, ErrorKind, Kind};

promises! {
    INPUTS = "there are 1 to 64 inputs, times are resolved by at least a picosecond, and both stay the same";
    RATES = "a tagger that works tells one rate of each input, finite and not negative";
    RECORDS = "a tagger that works records, and again afterwards";
    SORTED = "times do not fall";
    WITHIN = "times lie within the time that was asked for";
    FIRED = "every event names at least one of the tagger's inputs and none that it does not have";
    COUNTED = "as many events are counted as were handed on";
    NO_TIME = "a recording of no time is InvalidInput";
    STOPS = "what the receiver says ends the recording and is handed on";
}

/// How long the suite records at a time.
pub const RECORDING: Duration = Duration::from_millis(300);

/// Checks a tagger that works; at least one of its inputs should fire a few times within [`RECORDING`]. Takes about four times as
/// long.
///
/// # Errors
/// The first promise that is broken, those of [`device`] included.
pub fn check(tagger: &mut dyn TimeTagger) -> Result<(), Violation> {
    device::check(tagger, Kind::TimeTagger)?;
    let (descriptor, inputs) = (tagger.descriptor().clone(), tagger.inputs());
    require((1..=64).contains(&inputs.count) && inputs.resolution_ps > 0, INPUTS, || format!("{inputs:?}"))?;
    let rates = answer(RATES, "rates", tagger.rates(Duration::from_millis(100)))?;
    let sane =
        rates.len() == inputs.count as usize && rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0);
    require(sane, RATES, || format!("{rates:?} of {inputs:?}"))?;
    // The second recording begins anew, whatever the first left behind.
    for _ in 0..2 {
        record(tagger)?;
    }
    refusal(
        NO_TIME,
        "record of no time",
        tagger.record(Duration::ZERO, &mut |_| Ok(())),
        &[ErrorKind::InvalidInput],
    )?;
    check_stops(tagger)?;
    record(tagger)?;
    let now = tagger.inputs();
    require(now == inputs, INPUTS, || format!("they were {inputs:?} and became {now:?}"))?;
    device::check_stays(tagger, &descriptor)
}

fn record(tagger: &mut dyn TimeTagger) -> Result<Recorded, Violation> {
    let (inputs, end) = (tagger.inputs(), units_of(RECORDING));
    let (mut last, mut count) = (0, 0);
    let mut found = Ok(());
    let mut look = |tags: &[Tag]| {
        for tag in tags {
            if found.is_ok() {
                found = look_at(*tag, last, end, inputs.mask());
            }
            last = tag.time;
            count += 1;
        }
        Ok(())
    };
    let recorded = answer(RECORDS, "record", tagger.record(RECORDING, &mut look))?;
    found?;
    require(recorded.tags == count, COUNTED, || {
        format!("{count} events were handed on and {} counted", recorded.tags)
    })?;
    Ok(recorded)
}

fn look_at(tag: Tag, last: u64, end: u64, mask: u64) -> Result<(), Violation> {
    require(tag.time >= last, SORTED, || format!("{} follows {last}", tag.time))?;
    require(tag.time < end, WITHIN, || format!("{} of {end} units", tag.time))?;
    require(tag.channels != 0 && tag.channels & !mask == 0, FIRED, || {
        format!("inputs {:#x} of {mask:#x}", tag.channels)
    })
}

fn check_stops(tagger: &mut dyn TimeTagger) -> Result<(), Violation> {
    const ENOUGH: &str = "the suite has enough";
    let stopped = tagger.record(RECORDING, &mut |_| Err(Error::new(ErrorKind::Refused, ENOUGH)));
    match stopped {
        Err(error) if error.kind() == ErrorKind::Refused && error.chain().contains(ENOUGH) => Ok(()),
        Err(error) => broken(STOPS, format!("record failed with '{}': {}", error.kind(), error.chain())),
        Ok(recorded) => broken(STOPS, format!("record succeeded: {recorded:?}")),
    }
}
