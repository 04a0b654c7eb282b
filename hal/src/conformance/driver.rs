//! What every [`Driver`] promises: of its list, without touching a device, and of a device that it opens.

use std::collections::BTreeSet;

use super::{Violation, answer, broken, device, promises, refusal, require};
use crate::{Access, Address, Descriptor, DeviceId, Driver, ErrorKind, OpenDevice};

promises! {
    NAME = "the name stays the same";
    LISTS = "no device is no error: a probe answers";
    OWN = "every descriptor carries the driver's own name";
    UNIQUE = "two devices have two ids";
    AGAIN = "the same devices are listed under the same ids again";
    ALIEN = "an address that is none of the driver's business is Unsupported";
    IDENTIFIES = "who is at the address of a listed device has the id and kind that were listed";
    OPENS = "a device that is Ready can be opened";
    SAME = "what is opened has the id and kind that were listed";
    RELEASED = "a device that was closed can be opened again";
    OTHER_UNIT = "a unit that does not answer at the address is NotFound";
}

/// Checks the name and the list, and that `alien`, an address which this driver cannot have to do with, is refused.
/// Opens nothing; the devices must not be plugged meanwhile.
///
/// # Errors
/// The first promise that is broken, those of a descriptor ([`device::check_descriptor`]) included.
pub fn check(driver: &dyn Driver, alien: &Address) -> Result<(), Violation> {
    let name = driver.name();
    device::check_driver_name(name)?;
    let mut lists = Vec::new();
    for _ in 0..2 {
        let mut ids = BTreeSet::new();
        for descriptor in answer(LISTS, "probe", driver.probe())? {
            check_own(name, &descriptor)?;
            require(ids.insert(descriptor.id.clone()), UNIQUE, || {
                format!("{} is listed twice", descriptor.id)
            })?;
        }
        lists.push(ids);
    }
    if let [first, second] = lists.as_slice() {
        require(first == second, AGAIN, || format!("it was {first:?} and became {second:?}"))?;
    }
    refusal(ALIEN, &format!("identify of {alien}"), driver.identify(alien), &[ErrorKind::Unsupported])?;
    let now = driver.name();
    require(now == name, NAME, || format!("it was '{name}' and became '{now}'"))
}

fn check_own(name: &str, descriptor: &Descriptor) -> Result<(), Violation> {
    device::check_descriptor(descriptor)?;
    require(descriptor.id.driver() == name, OWN, || {
        format!("the driver '{name}' describes a device of '{}'", descriptor.id.driver())
    })
}

/// Opens, asks and closes a device that `driver` described as Ready, twice, and asks for a unit that is not there.
///
/// # Errors
/// The first promise that is broken, those of [`device`] included.
pub fn check_open(driver: &dyn Driver, descriptor: &Descriptor) -> Result<(), Violation> {
    check_own(driver.name(), descriptor)?;
    if descriptor.access != Access::Ready {
        return broken(OPENS, format!("{} is to be opened and is {:?}", descriptor.id, descriptor.access));
    }
    let address = &descriptor.address;
    let answering = answer(IDENTIFIES, &format!("identify of {address}"), driver.identify(address))?;
    check_own(driver.name(), &answering)?;
    require((&answering.id, answering.kind) == (&descriptor.id, descriptor.kind), IDENTIFIES, || {
        format!(
            "{} ({}) was listed and {} ({}) answers at {address}",
            descriptor.id, descriptor.kind, answering.id, answering.kind
        )
    })?;
    check_opened(driver, descriptor, OPENS)?;
    check_other_unit(driver, descriptor)?;
    check_opened(driver, descriptor, RELEASED)
}

fn check_opened(driver: &dyn Driver, described: &Descriptor, promise: &'static str) -> Result<(), Violation> {
    let mut opened = answer(promise, &format!("open of {}", described.id), driver.open(described))?;
    let kind = opened.kind();
    let device = opened.as_device();
    device::check(device, kind)?;
    let id = &device.descriptor().id;
    require((id, kind) == (&described.id, described.kind), SAME, || {
        format!("{} ({}) was listed and {id} ({kind}) was opened", described.id, described.kind)
    })?;
    device::check_close(match opened {
        OpenDevice::Entropy(device) => device,
        OpenDevice::KeyLink(device) => device,
        OpenDevice::Processor(device) => device,
        OpenDevice::TimeTagger(device) => device,
    })
}

fn check_other_unit(driver: &dyn Driver, descriptor: &Descriptor) -> Result<(), Violation> {
    let mut other = descriptor.clone();
    other.id = DeviceId::new(driver.name(), format!("{}-not-plugged", descriptor.id.unit()));
    other.serial = descriptor.serial.as_ref().map(|serial| format!("{serial}-not-plugged"));
    let call = format!("open of {} at {}", other.id, other.address);
    refusal(OTHER_UNIT, &call, driver.open(&other), &[ErrorKind::NotFound])
}
