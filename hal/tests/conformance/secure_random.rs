//! The suite of secure randomness on generators in memory, right and wrong, at work and refusing.

use qhal::conformance::{SENTENCE, Violation, secure_random, secure_random::*};
use qhal::{Error, ErrorKind, Provenance, Result, SecureRandom};

use crate::{Numbers, all_caught, error};

/// What a generator does wrong, at work or when it has to refuse.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    RefusesLarge,
    RefusesEmpty,
    LeavesBytesWhenItFails,
    FillsNothing,
    FillsWholeWords,
    SkipsEach(usize),
    FillsTheFirst64KiB,
    Repeats,
    RepeatsLate,
    ProvenanceChanges,
    GivesAnyway,
    WrongKind,
    NoSentence,
    LeavesTheBuffer,
    LeavesTheLastByte,
}

struct Generator {
    numbers: Numbers,
    fills: u32,
    works: bool,
    fault: Fault,
}

impl SecureRandom for Generator {
    fn provenance(&self) -> Provenance {
        match self.fault {
            Fault::ProvenanceChanges if self.fills > 100 => Provenance::Hardware,
            _ => Provenance::Simulated,
        }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.fills += 1;
        if !self.works {
            return self.refuse(out);
        }
        match self.fault {
            Fault::RefusesLarge if out.len() > 65_536 => {
                out.fill(0);
                return Err(error(ErrorKind::InvalidInput));
            }
            Fault::RefusesEmpty if out.is_empty() => return Err(error(ErrorKind::InvalidInput)),
            Fault::LeavesBytesWhenItFails if out.len() > 65_536 => return Err(error(ErrorKind::Exhausted)),
            Fault::FillsNothing => {}
            Fault::FillsWholeWords => {
                let whole = out.len() / 4 * 4;
                self.numbers.fill(&mut out[..whole]);
            }
            Fault::SkipsEach(step) => {
                for (index, byte) in out.iter_mut().enumerate().filter(|(index, _)| index % step != step - 1)
                {
                    *byte = self.numbers.next() as u8 ^ index as u8;
                }
            }
            Fault::FillsTheFirst64KiB => {
                let size = out.len().min(65_536);
                self.numbers.fill(&mut out[..size]);
            }
            Fault::Repeats => Numbers(out.first().copied().unwrap_or(0).into()).fill(out),
            Fault::RepeatsLate if out.len() == 32 => Numbers(u64::from(self.fills % 200)).fill(out),
            _ => self.numbers.fill(out),
        }
        Ok(())
    }
}

impl Generator {
    fn refuse(&mut self, out: &mut [u8]) -> Result<()> {
        match self.fault {
            Fault::GivesAnyway => {
                self.numbers.fill(out);
                return Ok(());
            }
            Fault::LeavesTheBuffer => {}
            Fault::LeavesTheLastByte => {
                let last = out.len() - 1;
                out[..last].fill(0);
            }
            _ => out.fill(0),
        }
        Err(match self.fault {
            Fault::WrongKind => error(ErrorKind::InvalidInput),
            Fault::NoSentence => Error::new(ErrorKind::Unhealthy, ""),
            _ => error(ErrorKind::Unhealthy),
        })
    }
}

fn generator(fault: Fault, works: bool) -> Generator {
    Generator { numbers: Numbers(2), fills: 0, works, fault }
}

fn check(&(fault, works): &(Fault, bool)) -> std::result::Result<(), Violation> {
    let random = &mut generator(fault, works);
    if works { secure_random::check(random) } else { secure_random::check_refusal(random) }
}

#[test]
fn a_right_generator_passes_at_work_and_when_it_refuses() {
    check(&(Fault::None, true)).unwrap();
    check(&(Fault::None, false)).unwrap();
}

#[test]
fn every_wrong_generator_is_caught() {
    let works = true;
    let faults = [
        (FILLS, (Fault::RefusesLarge, works)),
        (FILLS, (Fault::RefusesEmpty, works)),
        (FILLS, (Fault::None, !works)),
        (ZEROS, (Fault::LeavesBytesWhenItFails, works)),
        (WHOLE, (Fault::FillsNothing, works)),
        (WHOLE, (Fault::FillsWholeWords, works)),
        (WHOLE, (Fault::SkipsEach(64), works)),
        (WHOLE, (Fault::FillsTheFirst64KiB, works)),
        (FRESH, (Fault::Repeats, works)),
        (FRESH, (Fault::RepeatsLate, works)),
        (PROVENANCE, (Fault::ProvenanceChanges, works)),
        (REFUSES, (Fault::GivesAnyway, !works)),
        (REFUSES, (Fault::WrongKind, !works)),
        (SENTENCE, (Fault::NoSentence, !works)),
        (ZEROS, (Fault::LeavesTheBuffer, !works)),
        (ZEROS, (Fault::LeavesTheLastByte, !works)),
    ];
    let check = |fault: &(Fault, bool)| match fault {
        // A generator that works is at fault if it refuses.
        (Fault::None, false) => secure_random::check(&mut generator(Fault::None, false)),
        _ => check(fault),
    };
    all_caught(PROMISES, faults, check);
}
