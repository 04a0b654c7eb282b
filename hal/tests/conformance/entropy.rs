//! The entropy suite on sources in memory, right and wrong.

use qhal::conformance::{Violation, device, entropy, entropy::*};
use qhal::{Descriptor, Device, EntropySource, ErrorKind, Health, Kind, MinEntropy, Result, Stage};

use crate::{Numbers, all_caught, descriptor, error};

/// What a source does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    CountsAnEmptyRead,
    RefusesAnEmptyRead,
    RefusesLongReads,
    RefusesOneByte,
    GivesNothing,
    CountsTooMany,
    WritesNothing,
    WritesAllButTheLast,
    WritesAllButThe(usize),
    ClaimChanges,
    StageChanges,
    RestartFails,
    RestartSilences,
    BecomesOther,
    KeyLink,
}

struct Source {
    descriptor: Descriptor,
    numbers: Numbers,
    reads: u32,
    restarts: u32,
    /// The most bytes of one read, and the bits of a sample.
    most: usize,
    bits: u8,
    fault: Fault,
}

impl Source {
    fn new(fault: Fault, most: usize, bits: u8) -> Self {
        let kind = if fault == Fault::KeyLink { Kind::KeyLink } else { Kind::Entropy };
        Self { descriptor: descriptor(kind), numbers: Numbers(1), reads: 0, restarts: 0, most, bits, fault }
    }
}

impl Device for Source {
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

impl EntropySource for Source {
    fn stage(&self) -> Stage {
        if self.fault == Fault::StageChanges && self.reads > 60 { Stage::Conditioned } else { Stage::Raw }
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        let bits = f64::from(self.bits);
        let claim = if self.fault == Fault::ClaimChanges && self.reads > 60 { bits / 2.0 } else { bits };
        MinEntropy::new(claim, self.bits).unwrap()
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        self.reads += 1;
        let count = out.len().min(self.most);
        let mut fresh = vec![0; count];
        self.numbers.fill(&mut fresh);
        fresh.iter_mut().for_each(|byte| *byte >>= 8 - self.bits);
        match self.fault {
            Fault::CountsAnEmptyRead if count == 0 => return Ok(1),
            Fault::RefusesAnEmptyRead if count == 0 => return Err(error(ErrorKind::InvalidInput)),
            Fault::RefusesLongReads if count > 1000 => return Err(error(ErrorKind::InvalidInput)),
            Fault::RefusesOneByte if count == 1 => return Err(error(ErrorKind::InvalidInput)),
            Fault::RestartSilences if self.restarts > 1 => return Ok(0),
            Fault::GivesNothing if self.reads > 40 => return Ok(0),
            Fault::CountsTooMany => return Ok(out.len() + usize::from(count == 65)),
            Fault::WritesNothing => return Ok(count),
            Fault::WritesAllButTheLast if count > 0 => {
                out[..count - 1].copy_from_slice(&fresh[..count - 1]);
                return Ok(count);
            }
            Fault::WritesAllButThe(place) if place < count => {
                fresh[place] = out[place];
            }
            Fault::BecomesOther => self.descriptor.serial = None,
            _ => {}
        }
        out[..count].copy_from_slice(&fresh);
        Ok(count)
    }

    fn restart(&mut self) -> Result<()> {
        self.restarts += 1;
        match self.fault {
            Fault::RestartFails => Err(error(ErrorKind::Refused)),
            // A right source may be one that cannot.
            Fault::None if self.bits == 4 => Err(error(ErrorKind::Unsupported)),
            _ => Ok(()),
        }
    }
}

fn check(fault: &Fault) -> std::result::Result<(), Violation> {
    entropy::check(&mut Source::new(*fault, 1000 + 4096, 8))
}

#[test]
fn right_sources_pass() {
    // Whole reads, short reads, one byte at a time; wide samples and single bits.
    for most in [5000, 64, 5, 1] {
        for bits in [8, 4, 1] {
            entropy::check(&mut Source::new(Fault::None, most, bits)).unwrap();
        }
    }
}

#[test]
fn a_source_is_not_asked_how_good_its_bytes_are() {
    // A stuck source is the business of health tests; here it keeps its promises.
    struct Stuck(Source);
    impl Device for Stuck {
        fn descriptor(&self) -> &Descriptor {
            self.0.descriptor()
        }
        fn health(&mut self) -> Result<Health> {
            self.0.health()
        }
        fn close(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }
    impl EntropySource for Stuck {
        fn stage(&self) -> Stage {
            Stage::Raw
        }
        fn claimed_min_entropy(&self) -> MinEntropy {
            self.0.claimed_min_entropy()
        }
        fn read(&mut self, out: &mut [u8]) -> Result<usize> {
            // One of the patterns that the suite lays down.
            out.fill(0xA5);
            Ok(out.len())
        }
    }
    entropy::check(&mut Stuck(Source::new(Fault::None, 1, 8))).unwrap();
}

#[test]
fn every_wrong_source_is_caught() {
    let faults = [
        (EMPTY, Fault::CountsAnEmptyRead),
        (EMPTY, Fault::RefusesAnEmptyRead),
        (READS, Fault::RefusesLongReads),
        (READS, Fault::RefusesOneByte),
        (COUNT, Fault::GivesNothing),
        (COUNT, Fault::CountsTooMany),
        (WRITTEN, Fault::WritesNothing),
        (WRITTEN, Fault::WritesAllButTheLast),
        (WRITTEN, Fault::WritesAllButThe(0)),
        (WRITTEN, Fault::WritesAllButThe(15)),
        (RESTART, Fault::RestartFails),
        (RESTART, Fault::RestartSilences),
        (CLAIM, Fault::ClaimChanges),
        (STAGE, Fault::StageChanges),
    ];
    all_caught(PROMISES, faults, check);
    for (promise, fault) in [(device::STAYS, Fault::BecomesOther), (device::KIND, Fault::KeyLink)] {
        assert_eq!(check(&fault).unwrap_err().promise, promise);
    }
}
