//! What every open device promises, whatever its kind, and what a descriptor promises before it is opened.

use super::{Violation, answer, is_text, promises, require};
use crate::{Access, Address, Descriptor, Device, DeviceId, Kind, PropertyValue, Provenance};

promises! {
    ID = "an id is read back as it is written, driver:unit";
    DRIVER_NAME = "a driver is called by lower-case letters, digits and '-', and not like the scheme of an address";
    ADDRESS = "an address is read back as it is written";
    TEXT = "unit, model, evidence, serial number, holder and hint are text on one line and not empty";
    SIMULATED = "what is reached under simulated: has the provenance Simulated";
    KIND = "a device is of the kind that its descriptor says";
    STAYS = "the descriptor stays the same while the device is open";
    HEALTH = "a device that works can be asked how it is";
    REASON = "a health that is not good says why";
    PROPERTIES = "a device that works tells its properties: names in lower case, figures finite, words on one line";
    CLOSES = "a device that works can be closed";
}

/// Checks a descriptor, of an open device or of a listed one.
///
/// # Errors
/// The first promise that is broken.
pub fn check_descriptor(descriptor: &Descriptor) -> Result<(), Violation> {
    let Descriptor { id, provenance, evidence, address, model, serial, access, .. } = descriptor;
    let written = id.to_string();
    require(written.parse::<DeviceId>().is_ok_and(|read| read == *id), ID, || {
        format!("{id:?} is written '{written}', which does not read back")
    })?;
    check_driver_name(id.driver())?;
    let written = address.to_string();
    require(written.parse::<Address>().is_ok_and(|read| read == *address), ADDRESS, || {
        format!("{id}: {address:?} is written '{written}', which does not read back")
    })?;
    let optional = match access {
        Access::Ready => None,
        Access::Busy { holder } => holder.as_ref().map(|holder| ("holder", holder)),
        Access::Denied { hint } => Some(("hint", hint)),
    };
    let unit = id.unit().to_owned();
    let texts = [("unit", &unit), ("model", model), ("evidence", evidence)];
    let serial = serial.as_ref().map(|serial| ("serial number", serial));
    for (what, text) in texts.into_iter().chain(serial).chain(optional) {
        require(is_text(text), TEXT, || format!("{id:?}: the {what} is {text:?}"))?;
    }
    let simulated = matches!(address, Address::Simulated { .. });
    require(!simulated || *provenance == Provenance::Simulated, SIMULATED, || {
        format!("{id} at {address} says it is {provenance}")
    })
}

pub(super) fn check_driver_name(name: &str) -> Result<(), Violation> {
    let letters = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let well_formed = !name.is_empty() && name.bytes().all(letters) && !Address::SCHEMES.contains(&name);
    require(well_formed, DRIVER_NAME, || format!("the driver is called '{name}'"))
}

/// Checks an open device that is used as `kind`.
///
/// # Errors
/// The first promise that is broken.
pub fn check(device: &mut dyn Device, kind: Kind) -> Result<(), Violation> {
    let before = device.descriptor().clone();
    check_descriptor(&before)?;
    require(before.kind == kind, KIND, || {
        format!("{} is opened as {kind} and its descriptor says {}", before.id, before.kind)
    })?;
    // Asking must not use anything up: the second answer comes as the first.
    for _ in 0..2 {
        let health = answer(HEALTH, "health", device.health())?;
        require(health.reason().is_none_or(is_text), REASON, || format!("{}: {health:?}", before.id))?;
    }
    for property in answer(PROPERTIES, "properties", device.properties())? {
        let lower = is_text(&property.name) && !property.name.chars().any(char::is_uppercase);
        let sane = match &property.value {
            PropertyValue::Text(words) => is_text(words),
            PropertyValue::Number(figure) => figure.is_finite(),
            PropertyValue::Flag(_) => true,
        };
        require(lower && sane, PROPERTIES, || format!("{}: {property:?}", before.id))?;
    }
    check_stays(device, &before)
}

pub(super) fn check_stays(device: &dyn Device, before: &Descriptor) -> Result<(), Violation> {
    require(device.descriptor() == before, STAYS, || {
        format!("it was {before:?} and became {:?}", device.descriptor())
    })
}

/// Closes a device that works.
///
/// # Errors
/// The promise that it can be closed.
pub fn check_close(device: Box<dyn Device>) -> Result<(), Violation> {
    answer(CLOSES, "close", device.close())
}
