//! The suite of key links on a pair of ends in memory, right and wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use qhal::conformance::{Violation, device, key_link, key_link::*};
use qhal::{
    Descriptor, Device, DeviceId, Error, ErrorKind, Health, KeyId, KeyLink, Kind, LinkStatus, Provenance,
    Result, SecretKey,
};

use crate::{Numbers, all_caught, descriptor, error};

/// What a link does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    NoStatus,
    Limits(u32, u32, u32),
    HoldsMoreThanItCan,
    RefusesTheLongest,
    GivesTheDefaultLength,
    SaysHardware,
    FetchedSaysHardware,
    TakesAnyLength,
    RefusesWithOther,
    RoundsLengths,
    LimitsChange,
    RefusalCostsAKey,
    OneName,
    OneKey,
    NothingToFetch,
    OtherKeyAtOtherEnd,
    AnyNameIsKnown,
    UnknownIsRefused,
    GivenTwice,
    BeginnerFetches,
    NeverLess,
    NeverExhausted,
    ExhaustedIsBusy,
}

/// The keys between two ends: name, bits, and which ends may still fetch it.
struct Store {
    numbers: Numbers,
    keys: HashMap<KeyId, (Vec<u8>, [bool; 2])>,
    stored: u64,
    requests: u32,
}

struct End {
    descriptor: Descriptor,
    store: Arc<Mutex<Store>>,
    side: usize,
    fault: Fault,
}

fn pair(fault: Fault, stored: u64) -> [End; 2] {
    let numbers = Numbers(4);
    let store = Arc::new(Mutex::new(Store { numbers, keys: HashMap::new(), stored, requests: 0 }));
    [0, 1].map(|side| {
        let mut descriptor = descriptor(Kind::KeyLink);
        descriptor.id = DeviceId::new("memory", format!("end-{side}"));
        End { descriptor, store: Arc::clone(&store), side, fault }
    })
}

impl Device for End {
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

impl KeyLink for End {
    fn status(&mut self) -> Result<LinkStatus> {
        let store = self.store.lock().unwrap();
        let (least, usual, most) = match self.fault {
            Fault::NoStatus => return Err(error(ErrorKind::TimedOut)),
            Fault::Limits(least, usual, most) => (least, usual, most),
            Fault::LimitsChange if store.requests > 8 => (64, 256, 512),
            _ => (64, 256, 1024),
        };
        let max_keys = if self.fault == Fault::HoldsMoreThanItCan { 1 } else { 1000 };
        Ok(LinkStatus {
            stored_keys: store.stored,
            max_keys,
            default_key_bits: usual,
            min_key_bits: least,
            max_key_bits: most,
        })
    }

    fn next_key(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        let store = &mut *self.store.lock().unwrap();
        store.requests += 1;
        let legal = bits.is_multiple_of(8) && (64..=1024).contains(&bits);
        let refused = match self.fault {
            Fault::TakesAnyLength => bits > 1 << 20,
            Fault::RoundsLengths => !(64..=1024).contains(&bits),
            Fault::RefusesTheLongest => !legal || bits == 1024,
            _ => !legal,
        };
        if refused {
            if self.fault == Fault::RefusalCostsAKey {
                store.stored -= 1;
            }
            let kind = if self.fault == Fault::RefusesWithOther {
                ErrorKind::Refused
            } else {
                ErrorKind::InvalidInput
            };
            return Err(error(kind));
        }
        if store.stored == 0 && self.fault != Fault::NeverExhausted {
            let kind =
                if self.fault == Fault::ExhaustedIsBusy { ErrorKind::Busy } else { ErrorKind::Exhausted };
            return Err(error(kind));
        }
        if self.fault != Fault::NeverLess {
            store.stored = store.stored.saturating_sub(1);
        }
        let mut id = [0; 16];
        let bits = if self.fault == Fault::GivesTheDefaultLength { 256 } else { bits };
        let mut key = vec![0; bits.div_ceil(8) as usize];
        store.numbers.fill(&mut id);
        store.numbers.fill(&mut key);
        match self.fault {
            Fault::OneName => id = [1; 16],
            Fault::OneKey => key.fill(7),
            _ => {}
        }
        let mut open = [true; 2];
        open[self.side] = self.fault == Fault::BeginnerFetches;
        store.keys.insert(KeyId(id), (key.clone(), open));
        let provenance =
            if self.fault == Fault::SaysHardware { Provenance::Hardware } else { Provenance::Simulated };
        Ok((KeyId(id), SecretKey::new(key, provenance)))
    }

    fn key(&mut self, id: &KeyId) -> Result<SecretKey> {
        let store = &mut *self.store.lock().unwrap();
        let provenance = match self.fault {
            Fault::FetchedSaysHardware => Provenance::Hardware,
            _ => Provenance::Simulated,
        };
        let missing = Error::new(ErrorKind::NotFound, format!("there is no key {id} to fetch"));
        let Some((key, open)) = store.keys.get_mut(id) else {
            return match self.fault {
                Fault::AnyNameIsKnown => Ok(SecretKey::new(vec![0; 32], provenance)),
                Fault::UnknownIsRefused => Err(error(ErrorKind::Refused)),
                _ => Err(missing),
            };
        };
        if !open[self.side] || self.fault == Fault::NothingToFetch {
            return Err(missing);
        }
        open[self.side] = self.fault == Fault::GivenTwice;
        let mut key = key.clone();
        if self.fault == Fault::OtherKeyAtOtherEnd {
            key[0] ^= 1;
        }
        Ok(SecretKey::new(key, provenance))
    }
}

fn check(fault: &Fault) -> std::result::Result<(), Violation> {
    let [mut one, mut other] = pair(*fault, 100);
    key_link::check(&mut one, &mut other)?;
    check_exhaustion(&mut other)
}

#[test]
fn a_right_pair_passes() {
    check(&Fault::None).unwrap();
}

#[test]
fn the_suite_takes_as_many_keys_as_it_says() {
    let enough = 2 * (KEYS as u64 + 2);
    let [mut one, mut other] = pair(Fault::None, enough);
    key_link::check(&mut one, &mut other).unwrap();
    assert_eq!(one.status().unwrap().stored_keys, 0);
    let [mut one, mut other] = pair(Fault::None, enough - 1);
    assert_eq!(key_link::check(&mut one, &mut other).unwrap_err().promise, GIVES);
}

#[test]
fn a_link_is_checked_as_a_device_too() {
    let [mut one, mut other] = pair(Fault::None, 100);
    other.descriptor.kind = Kind::Entropy;
    assert_eq!(key_link::check(&mut one, &mut other).unwrap_err().promise, device::KIND);
}

#[test]
fn every_wrong_link_is_caught() {
    let faults = [
        (STATUS, Fault::NoStatus),
        (LIMITS, Fault::Limits(0, 256, 1024)),
        (LIMITS, Fault::Limits(64, 32, 1024)),
        (LIMITS, Fault::Limits(64, 2048, 1024)),
        (LIMITS, Fault::Limits(64, 256, 1023)),
        (STORE, Fault::HoldsMoreThanItCan),
        (GIVES, Fault::RefusesTheLongest),
        (LENGTH, Fault::GivesTheDefaultLength),
        (PROVENANCE, Fault::SaysHardware),
        (PROVENANCE, Fault::FetchedSaysHardware),
        (REFUSES, Fault::TakesAnyLength),
        (REFUSES, Fault::RoundsLengths),
        (REFUSES, Fault::RefusesWithOther),
        (SAME_LIMITS, Fault::LimitsChange),
        (NOTHING_LOST, Fault::RefusalCostsAKey),
        (UNIQUE, Fault::OneName),
        (UNIQUE, Fault::OneKey),
        (FETCHED, Fault::NothingToFetch),
        (SAME_KEY, Fault::OtherKeyAtOtherEnd),
        (UNKNOWN, Fault::AnyNameIsKnown),
        (UNKNOWN, Fault::UnknownIsRefused),
        (ONCE, Fault::GivenTwice),
        (ONCE, Fault::BeginnerFetches),
        (COUNTED, Fault::NeverLess),
        (EXHAUSTED, Fault::NeverExhausted),
        (EXHAUSTED, Fault::ExhaustedIsBusy),
    ];
    all_caught(PROMISES, faults, check);
}
