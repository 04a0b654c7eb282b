//! The tagger suite on taggers in memory, right and wrong.

use std::time::Duration;

use qhal::conformance::{Violation, device, tagger, tagger::*};
use qhal::tagger::{Inputs, Recorded, Tag, TimeTagger, units_of};
use qhal::{Descriptor, Device, ErrorKind, Health, Kind, Result};

use crate::{all_caught, descriptor, error};

/// What a tagger does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    NoInputs,
    NoResolution,
    InputsChange,
    TooFewRates,
    NegativeRate,
    CannotTellRates,
    RecordsOnce,
    Falls,
    Late,
    NobodyFired,
    ForeignInput,
    Miscounts,
    TakesNoTime,
    NoTimeTimesOut,
    SwallowsTheReceiver,
    ReplacesTheReceiver,
    BecomesOther,
    Processor,
}

struct Tagger {
    descriptor: Descriptor,
    recordings: u32,
    fault: Fault,
}

impl Tagger {
    fn new(fault: Fault) -> Self {
        let kind = if fault == Fault::Processor { Kind::Processor } else { Kind::TimeTagger };
        Self { descriptor: descriptor(kind), recordings: 0, fault }
    }
}

impl Device for Tagger {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        Ok(Health::Good)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl TimeTagger for Tagger {
    fn inputs(&self) -> Inputs {
        let count = match self.fault {
            Fault::NoInputs => 0,
            Fault::InputsChange if self.recordings > 3 => 3,
            _ => 4,
        };
        Inputs { count, resolution_ps: if self.fault == Fault::NoResolution { 0 } else { 2000 } }
    }

    fn rates(&mut self, _gate: Duration) -> Result<Vec<f64>> {
        match self.fault {
            Fault::TooFewRates => Ok(vec![1.0; 3]),
            Fault::NegativeRate => Ok(vec![1.0, -1.0, 0.0, 0.0]),
            Fault::CannotTellRates => Err(error(ErrorKind::TimedOut)),
            _ => Ok(vec![1000.0; 4]),
        }
    }

    fn record(&mut self, time: Duration, take: &mut dyn FnMut(&[Tag]) -> Result<()>) -> Result<Recorded> {
        match self.fault {
            Fault::TakesNoTime => {}
            Fault::NoTimeTimesOut if time.is_zero() => return Err(error(ErrorKind::TimedOut)),
            _ if time.is_zero() => return Err(error(ErrorKind::InvalidInput)),
            _ => {}
        }
        self.recordings += 1;
        if self.fault == Fault::RecordsOnce && self.recordings > 1 {
            return Err(error(ErrorKind::TimedOut));
        }
        let mut tags: Vec<Tag> = (0..100).map(|i| Tag::new(i * units_of(time) / 100, 1 << (i % 4))).collect();
        match self.fault {
            Fault::Falls => tags.swap(7, 8),
            Fault::Late => tags.push(Tag::new(units_of(time), 1)),
            Fault::NobodyFired => tags[5].channels = 0,
            Fault::ForeignInput => tags[5].channels = 0x11,
            _ => {}
        }
        for batch in tags.chunks(30) {
            match (take(batch), self.fault) {
                (Ok(()), _) | (Err(_), Fault::SwallowsTheReceiver) => {}
                (Err(_), Fault::ReplacesTheReceiver) => return Err(error(ErrorKind::Refused)),
                (Err(error), _) => return Err(error),
            }
        }
        if self.fault == Fault::BecomesOther {
            self.descriptor.serial = None;
        }
        let tags = tags.len() as u64 + u64::from(self.fault == Fault::Miscounts);
        Ok(Recorded { tags, lost: false })
    }
}

fn check(fault: Fault) -> std::result::Result<(), Violation> {
    tagger::check(&mut Tagger::new(fault))
}

#[test]
fn a_right_tagger_passes() {
    check(Fault::None).unwrap();
}

#[test]
fn every_wrong_tagger_is_caught() {
    use Fault::*;
    let faults = [
        (INPUTS, NoInputs),
        (INPUTS, NoResolution),
        (INPUTS, InputsChange),
        (RATES, TooFewRates),
        (RATES, NegativeRate),
        (RATES, CannotTellRates),
        (RECORDS, RecordsOnce),
        (SORTED, Falls),
        (WITHIN, Late),
        (FIRED, NobodyFired),
        (FIRED, ForeignInput),
        (COUNTED, Miscounts),
        (NO_TIME, TakesNoTime),
        (NO_TIME, NoTimeTimesOut),
        (STOPS, SwallowsTheReceiver),
        (STOPS, ReplacesTheReceiver),
        (device::STAYS, BecomesOther),
        (device::KIND, Processor),
    ];
    let promises: Vec<&str> = PROMISES.iter().copied().chain([device::STAYS, device::KIND]).collect();
    all_caught(&promises, faults, |fault| check(*fault));
}
