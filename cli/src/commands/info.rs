//! `qhal info DEVICE`: opens a device and shows all it tells.

use std::time::Duration;

use qhal::processor::Couplings;
use qhal::{Health, OpenDevice, Result};
use serde_json::{Value, json};

use super::show;
use crate::args::InfoArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

/// How long the inputs of a tagger are counted.
const GATE: Duration = Duration::from_millis(500);

pub(crate) fn run(context: &Context, args: &InfoArgs) -> Outcome {
    let registry = context.registry()?;
    let found = registry.find(&args.device, &registry.probe(), None)?;
    let mut device = registry.open(&found)?;
    let descriptor = device.as_device().descriptor().clone();
    let health = device.as_device().health();
    let properties = device.as_device().properties();
    let (rows, figures) = figures(&mut device)?;
    device.close()?;
    let (health, properties) = (health?, properties?);

    if context.json {
        let mut document = show::descriptor(&descriptor);
        document["health"] = show::health(&health);
        document["properties"] = show::properties(&properties);
        document["capabilities"] = figures;
        return report::json(&document);
    }
    let mut lines = vec![
        ("device", descriptor.id.to_string()),
        ("kind", descriptor.kind.to_string()),
        ("model", descriptor.model.clone()),
        ("provenance", descriptor.provenance_with_evidence()),
        ("quantum", descriptor.origin.to_string()),
        ("address", descriptor.address.to_string()),
    ];
    if let Some(serial) = &descriptor.serial {
        lines.push(("serial", serial.clone()));
    }
    lines.push(("health", health.to_string()));
    let named = lines.into_iter().map(|(name, value)| (name.to_owned(), value));
    let told = properties.iter().map(|property| (property.name.clone(), show::property_value(property)));
    for (name, value) in named.chain(rows).chain(told) {
        report::line(format!("{}  {value}", report::bold(&format!("{name:<28}"))))?;
    }
    if let Health::Failed(why) = &health {
        report::warning(format!("the device reports a failure: {why}"));
    }
    Ok(())
}

/// What is claimed of a device of its kind, as rows for people and as JSON.
fn figures(device: &mut OpenDevice) -> Result<(Vec<(String, String)>, Value)> {
    Ok(match device {
        OpenDevice::Entropy(source) => {
            let claim = source.claimed_min_entropy();
            let stage = source.stage().as_str();
            let text = format!("{:.3} bits in a sample of {}", claim.per_sample(), claim.sample_bits());
            (
                vec![("stage".to_owned(), stage.to_owned()), ("claimed min-entropy".to_owned(), text)],
                json!({
                    "stage": stage,
                    "claimed_min_entropy_per_sample": claim.per_sample(),
                    "sample_bits": claim.sample_bits(),
                }),
            )
        }
        OpenDevice::KeyLink(link) => {
            let status = link.status()?;
            (
                vec![
                    ("stored keys".to_owned(), format!("{} of {}", status.stored_keys, status.max_keys)),
                    (
                        "key length".to_owned(),
                        format!("{} to {} bits", status.min_key_bits, status.max_key_bits),
                    ),
                ],
                json!({
                    "stored_keys": status.stored_keys,
                    "max_keys": status.max_keys,
                    "default_key_bits": status.default_key_bits,
                    "min_key_bits": status.min_key_bits,
                    "max_key_bits": status.max_key_bits,
                }),
            )
        }
        OpenDevice::TimeTagger(tagger) => {
            let inputs = tagger.inputs();
            let rates = tagger.rates(GATE)?;
            let words: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
            (
                vec![
                    ("inputs".to_owned(), inputs.count.to_string()),
                    ("resolution".to_owned(), format!("{} ps", inputs.resolution_ps)),
                    ("events a second".to_owned(), words.join(", ")),
                ],
                json!({ "inputs": inputs.count, "resolution_ps": inputs.resolution_ps, "rates": rates }),
            )
        }
        OpenDevice::Processor(processor) => {
            let capabilities = processor.capabilities();
            let gates: Vec<&str> =
                capabilities.native_gates.iter().map(|native| native.gate.name()).collect();
            let couplings = match &capabilities.couplings {
                Couplings::All => json!("all"),
                Couplings::Pairs(pairs) => json!(pairs),
            };
            let qubits = capabilities.qubits.len();
            let features = [
                ("mid-circuit measurement", capabilities.features.mid_circuit_measurement),
                ("reset", capabilities.features.reset),
                ("conditions", capabilities.features.conditions),
                ("unitaries", capabilities.features.unitaries),
                ("probabilities", capabilities.features.probabilities),
                ("state", capabilities.features.state),
            ];
            let can: Vec<&str> = features.iter().filter(|(_, can)| *can).map(|(name, _)| *name).collect();
            (
                vec![
                    ("qubits".to_owned(), qubits.to_string()),
                    ("native gates".to_owned(), gates.join(" ")),
                    ("features".to_owned(), can.join(", ")),
                    ("most shots".to_owned(), capabilities.max_shots.to_string()),
                ],
                json!({
                    "qubits": qubits,
                    "native_gates": gates,
                    "couplings": couplings,
                    "features": can,
                    "max_shots": capabilities.max_shots,
                }),
            )
        }
    })
}
