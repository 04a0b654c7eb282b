//! The device suite on plain devices, right and wrong.

use qhal::conformance::device::{self, *};
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, ErrorKind, Health, Kind, Property, Provenance, Result,
};

use crate::{all_caught, descriptor, error};

/// What a device does wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Described(fn(&mut Descriptor)),
    NoHealth,
    OneHealthOnly,
    NoReason,
    NoProperties,
    Property(&'static str, f64, &'static str),
    BecomesOther,
    NotClosed,
}

struct Plain {
    descriptor: Descriptor,
    fault: Fault,
    asked: u32,
}

impl Plain {
    fn new(fault: Fault) -> Self {
        let mut descriptor = descriptor(Kind::Entropy);
        if let Fault::Described(change) = fault {
            change(&mut descriptor);
        }
        Self { descriptor, fault, asked: 0 }
    }
}

impl Device for Plain {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        self.asked += 1;
        match self.fault {
            Fault::NoHealth => Err(error(ErrorKind::TimedOut)),
            Fault::OneHealthOnly if self.asked > 1 => Err(error(ErrorKind::Protocol)),
            Fault::NoReason => Ok(Health::Degraded(String::new())),
            Fault::BecomesOther => {
                self.descriptor.model.push('2');
                Ok(Health::Good)
            }
            _ => Ok(Health::Failed("the laser is off, which is no fault of the suite's".into())),
        }
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        match self.fault {
            Fault::NoProperties => Err(error(ErrorKind::TimedOut)),
            Fault::Property(name, number, text) => {
                Ok(vec![Property::number(name, number, "K"), Property::text("firmware", text)])
            }
            _ => Ok(vec![Property::text("firmware", "1.2"), Property::flag("laser", false)]),
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        match self.fault {
            Fault::NotClosed => Err(error(ErrorKind::TimedOut)),
            _ => Ok(()),
        }
    }
}

fn check(fault: &Fault) -> std::result::Result<(), qhal::conformance::Violation> {
    device::check(&mut Plain::new(*fault), Kind::Entropy)?;
    check_close(Box::new(Plain::new(*fault)))
}

#[test]
fn right_devices_pass() {
    check(&Fault::None).unwrap();
    for change in [
        |d: &mut Descriptor| d.access = Access::Busy { holder: None },
        |d: &mut Descriptor| d.access = Access::Denied { hint: "join the group dialout".into() },
        |d: &mut Descriptor| d.serial = None,
        |d: &mut Descriptor| d.id = DeviceId::new("a-2", "usb-1:2.3"),
        |d: &mut Descriptor| {
            d.address = Address::Library { path: "/usr/lib/x.so".into(), prefix: "QX".into() };
            d.provenance = Provenance::Unverified;
        },
    ] {
        check(&Fault::Described(change)).unwrap();
    }
}

#[test]
fn every_wrong_device_is_caught() {
    let described = |promise, change: fn(&mut Descriptor)| (promise, Fault::Described(change));
    let faults = [
        described(ID, |d| d.id = DeviceId::new("a:b", "1")),
        described(ID, |d| d.id = DeviceId::new("", "1")),
        described(ID, |d| d.id = DeviceId::new("memory", "")),
        described(DRIVER_NAME, |d| d.id = DeviceId::new("Memory", "1")),
        described(DRIVER_NAME, |d| d.id = DeviceId::new("serial", "1")),
        described(DRIVER_NAME, |d| d.id = DeviceId::new("in memory", "1")),
        described(ADDRESS, |d| d.address = Address::Serial { path: String::new() }),
        described(ADDRESS, |d| d.address = Address::Tcp { host: "a b".into(), port: 1 }),
        described(ADDRESS, |d| d.address = Address::Library { path: "/a#b".into(), prefix: "c".into() }),
        described(TEXT, |d| d.id = DeviceId::new("memory", "\x1b[2J")),
        described(TEXT, |d| d.model = " ".into()),
        described(TEXT, |d| d.evidence = String::new()),
        described(TEXT, |d| d.serial = Some(String::new())),
        described(TEXT, |d| d.access = Access::Denied { hint: String::new() }),
        described(TEXT, |d| d.access = Access::Busy { holder: Some("a\nb".into()) }),
        described(SIMULATED, |d| d.provenance = Provenance::Hardware),
        described(KIND, |d| d.kind = Kind::KeyLink),
        (HEALTH, Fault::NoHealth),
        (HEALTH, Fault::OneHealthOnly),
        (REASON, Fault::NoReason),
        (PROPERTIES, Fault::NoProperties),
        (PROPERTIES, Fault::Property("Temperature", 300.0, "1.2")),
        (PROPERTIES, Fault::Property("", 300.0, "1.2")),
        (PROPERTIES, Fault::Property("temperature", f64::NAN, "1.2")),
        (PROPERTIES, Fault::Property("temperature", 300.0, "1.2\r\n")),
        (STAYS, Fault::BecomesOther),
        (CLOSES, Fault::NotClosed),
    ];
    all_caught(PROMISES, faults, check);
}
