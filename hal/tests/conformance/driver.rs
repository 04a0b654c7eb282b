//! The driver suite on drivers in memory, right and wrong.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use qhal::conformance::{Violation, device, driver, driver::*};
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, EntropySource, ErrorKind, Health, KeyId, KeyLink,
    Kind, LinkStatus, MinEntropy, OpenDevice, Result, SecretKey, Stage,
};

use crate::{Numbers, all_caught, descriptor, error};

/// What a driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    IsCalled(&'static str),
    NameChanges,
    NoList,
    AnothersDevice,
    WrongDescriptor,
    ListsTwice,
    OtherIdsNextTime,
    TakesAnyAddress,
    AlienIsNotFound,
    IdentifiesAnother,
    CannotIdentify,
    CannotOpen,
    OpensAnother,
    OpensAnotherKind,
    StaysOpen,
    TakesAnyUnit,
    OtherUnitIsUnsupported,
}

struct Memory {
    fault: Fault,
    calls: AtomicU32,
    open: &'static AtomicBool,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        // Leaked, so that an open device can outlive its driver as real ones do.
        Self { fault, calls: AtomicU32::new(0), open: Box::leak(Box::new(AtomicBool::new(false))) }
    }

    fn listed(&self) -> Descriptor {
        let mut descriptor = descriptor(Kind::Entropy);
        match self.fault {
            Fault::AnothersDevice => descriptor.id = DeviceId::new("other", "M1"),
            Fault::IsCalled(name) => descriptor.id = DeviceId::new(name, "M1"),
            Fault::WrongDescriptor => descriptor.evidence = String::new(),
            _ => {}
        }
        descriptor
    }
}

impl Driver for Memory {
    fn name(&self) -> &'static str {
        match self.fault {
            Fault::IsCalled(name) => name,
            Fault::NameChanges if self.calls.load(Ordering::Relaxed) > 1 => "memory-2",
            _ => "memory",
        }
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut second = self.listed();
        second.id = DeviceId::new(
            self.listed().id.driver(),
            format!("M2-{}", call * u32::from(self.fault == Fault::OtherIdsNextTime)),
        );
        second.access = Access::Denied { hint: "ask the test".into() };
        match self.fault {
            Fault::NoList => Err(error(ErrorKind::NotFound)),
            Fault::ListsTwice => Ok(vec![self.listed(), self.listed()]),
            _ => Ok(vec![self.listed(), second]),
        }
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let mine = self.listed();
        match self.fault {
            Fault::TakesAnyAddress => Ok(mine),
            Fault::AlienIsNotFound if *address != mine.address => Err(error(ErrorKind::NotFound)),
            _ if *address != mine.address => Err(error(ErrorKind::Unsupported)),
            Fault::IdentifiesAnother => Ok(Descriptor { id: DeviceId::new("memory", "M3"), ..mine }),
            Fault::CannotIdentify => Err(error(ErrorKind::TimedOut)),
            _ => Ok(mine),
        }
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let known = *descriptor == self.listed();
        match self.fault {
            Fault::CannotOpen => return Err(error(ErrorKind::Busy)),
            Fault::TakesAnyUnit => {}
            Fault::OtherUnitIsUnsupported if !known => return Err(error(ErrorKind::Unsupported)),
            _ if !known => return Err(error(ErrorKind::NotFound)),
            _ => {}
        }
        if self.open.swap(true, Ordering::Relaxed) {
            return Err(error(ErrorKind::Busy));
        }
        let mut device =
            Opened { descriptor: self.listed(), open: self.open, stays_open: self.fault == Fault::StaysOpen };
        match self.fault {
            Fault::OpensAnother => device.descriptor.id = DeviceId::new("memory", "M4"),
            Fault::OpensAnotherKind => {
                device.descriptor.kind = Kind::KeyLink;
                return Ok(OpenDevice::KeyLink(Box::new(device)));
            }
            _ => {}
        }
        Ok(OpenDevice::Entropy(Box::new(device)))
    }
}

/// A device that nobody else can open until it is closed.
struct Opened {
    descriptor: Descriptor,
    open: &'static AtomicBool,
    stays_open: bool,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.open.store(self.stays_open, Ordering::Relaxed);
    }
}

impl Device for Opened {
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

impl EntropySource for Opened {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        MinEntropy::new(8.0, 8).unwrap()
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Numbers(3).fill(out);
        Ok(out.len())
    }
}

impl KeyLink for Opened {
    fn status(&mut self) -> Result<LinkStatus> {
        Err(error(ErrorKind::Unsupported))
    }

    fn next_key(&mut self, _: u32) -> Result<(KeyId, SecretKey)> {
        Err(error(ErrorKind::Unsupported))
    }

    fn key(&mut self, _: &KeyId) -> Result<SecretKey> {
        Err(error(ErrorKind::Unsupported))
    }
}

fn check(fault: &Fault) -> std::result::Result<(), Violation> {
    let memory = Memory::new(*fault);
    driver::check(&memory, &Address::File { path: "/dev/null".into() })?;
    check_open(&memory, &memory.listed())
}

#[test]
fn a_right_driver_passes() {
    check(&Fault::None).unwrap();
    check(&Fault::IsCalled("m-2")).unwrap();
}

#[test]
fn a_device_that_may_not_be_opened_is_no_device_to_check() {
    let mut listed = descriptor(Kind::Entropy);
    listed.access = Access::Busy { holder: None };
    assert_eq!(check_open(&Memory::new(Fault::None), &listed).unwrap_err().promise, OPENS);
}

#[test]
fn every_wrong_driver_is_caught() {
    let faults = [
        (NAME, Fault::NameChanges),
        (LISTS, Fault::NoList),
        (OWN, Fault::AnothersDevice),
        (UNIQUE, Fault::ListsTwice),
        (AGAIN, Fault::OtherIdsNextTime),
        (ALIEN, Fault::TakesAnyAddress),
        (ALIEN, Fault::AlienIsNotFound),
        (IDENTIFIES, Fault::IdentifiesAnother),
        (IDENTIFIES, Fault::CannotIdentify),
        (OPENS, Fault::CannotOpen),
        (SAME, Fault::OpensAnother),
        (SAME, Fault::OpensAnotherKind),
        (RELEASED, Fault::StaysOpen),
        (OTHER_UNIT, Fault::TakesAnyUnit),
        (OTHER_UNIT, Fault::OtherUnitIsUnsupported),
    ];
    all_caught(PROMISES, faults, check);
    for (promise, fault) in [
        (device::DRIVER_NAME, Fault::IsCalled("tcp")),
        (device::DRIVER_NAME, Fault::IsCalled("My Driver")),
        (device::TEXT, Fault::WrongDescriptor),
    ] {
        assert_eq!(check(&fault).unwrap_err().promise, promise);
    }
}
