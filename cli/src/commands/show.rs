//! How devices look in tables and JSON, the same in every command.

use qhal::{Access, Descriptor, Health, Property, PropertyValue};
use qhal_backends::{Choice, Listing};
use serde_json::{Value, json};

/// A descriptor as JSON.
pub(crate) fn descriptor(device: &Descriptor) -> Value {
    json!({
        "id": device.id.to_string(),
        "kind": device.kind.as_str(),
        "provenance": device.provenance.as_str(),
        "evidence": device.evidence,
        "origin": device.origin.as_str(),
        "address": device.address.to_string(),
        "model": device.model,
        "serial": device.serial,
        "access": access(&device.access),
    })
}

fn access(access: &Access) -> Value {
    match access {
        Access::Ready => json!({"state": "ready"}),
        Access::Busy { holder } => json!({"state": "busy", "holder": holder}),
        Access::Denied { hint } => json!({"state": "denied", "hint": hint}),
    }
}

/// Health as JSON.
pub(crate) fn health(health: &Health) -> Value {
    json!({"state": health.as_str(), "reason": health.reason()})
}

/// What a device tells of itself as one JSON object.
pub(crate) fn properties(properties: &[Property]) -> Value {
    let entries = properties.iter().map(|property| {
        let value = match &property.value {
            PropertyValue::Text(text) => json!(text),
            PropertyValue::Number(number) => json!(number),
            PropertyValue::Flag(flag) => json!(flag),
        };
        let name = property.name.replace(' ', "_");
        let key = if property.unit.is_empty() {
            name
        } else {
            format!("{name}_{}", property.unit.replace('/', "_per_"))
        };
        (key, value)
    });
    Value::Object(entries.collect())
}

/// One property as a line's right side.
pub(crate) fn property_value(property: &Property) -> String {
    match &property.value {
        PropertyValue::Text(text) => text.clone(),
        PropertyValue::Number(number) if property.unit.is_empty() => number.to_string(),
        PropertyValue::Number(number) => format!("{number} {}", property.unit),
        PropertyValue::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
    }
}

/// A choice as JSON.
pub(crate) fn choice(choice: &Choice) -> Value {
    json!({
        "policy": choice.policy.as_str(),
        "chosen": choice.chosen.as_ref().map(|device| device.id.to_string()),
        "provenance": choice.chosen.as_ref().map(|device| device.provenance.as_str()),
        "reason": choice.reason,
        "fallback": choice.fallback,
        "passed_over": choice.passed_over.iter()
            .map(|over| json!({"id": over.id.to_string(), "reason": over.reason}))
            .collect::<Vec<_>>(),
    })
}

/// Drivers that could not list, as JSON.
pub(crate) fn failures(listing: &Listing) -> Value {
    listing.failures.iter().map(|(driver, error)| json!({"driver": driver, "error": error.chain()})).collect()
}

/// The table of devices.
pub(crate) fn device_rows(devices: &[Descriptor]) -> Vec<Vec<String>> {
    let heading = ["DEVICE", "KIND", "PROVENANCE", "QUANTUM", "MODEL", "ACCESS"].map(str::to_owned).to_vec();
    let rows = devices.iter().map(|device| {
        vec![
            device.id.to_string(),
            device.kind.to_string(),
            device.provenance_with_evidence(),
            device.origin.to_string(),
            device.model.clone(),
            match &device.access {
                Access::Ready => "ready".to_owned(),
                Access::Busy { holder: Some(holder) } => format!("busy: {holder}"),
                Access::Busy { holder: None } => "busy".to_owned(),
                Access::Denied { hint } => format!("denied: {hint}"),
            },
        ]
    });
    std::iter::once(heading).chain(rows).collect()
}
