//! `qhal status`: what is attached, what would be chosen for each kind and why, and how it is.

use qhal::{Access, Health, Kind, Policy};
use qhal_backends::{Choice, Registry, choose};
use serde_json::json;

use super::show;
use crate::args::PolicyArgs;
use crate::context::{Context, LINK_POLICY, RNG_POLICY, RUN_POLICY, TAGS_POLICY};
use crate::failure::Outcome;
use crate::report;

pub(crate) fn run(context: &Context, args: PolicyArgs) -> Outcome {
    let registry = context.registry()?;
    let listing = registry.probe();
    let policy_of =
        |default: Policy, configured: Option<Policy>| args.policy.or(configured).unwrap_or(default);
    let config = &context.config;
    let choices: Vec<(Choice, Option<Result<Health, qhal::Error>>)> = [
        (Kind::Entropy, policy_of(RNG_POLICY, config.rng.policy), config.rng.device.as_ref()),
        (Kind::KeyLink, policy_of(LINK_POLICY, None), None),
        (Kind::Processor, policy_of(RUN_POLICY, config.run.policy), config.run.device.as_ref()),
        (Kind::TimeTagger, policy_of(TAGS_POLICY, None), None),
    ]
    .into_iter()
    .map(|(kind, policy, spec)| {
        let choice = match spec.map(|spec| registry.find(spec, &listing, Some(kind))) {
            Some(Ok(device)) => choose(std::slice::from_ref(&device), kind, policy, Some(&device.id)),
            Some(Err(_)) | None => choose(&listing.devices, kind, policy, None),
        };
        let health = choice.chosen.as_ref().map(|device| ask(&registry, device));
        (choice, health)
    })
    .collect();

    if context.json {
        let chosen: serde_json::Map<String, serde_json::Value> = choices
            .iter()
            .map(|(choice, health)| {
                let mut document = show::choice(choice);
                document["health"] = match health {
                    None => serde_json::Value::Null,
                    Some(Ok(health)) => show::health(health),
                    Some(Err(error)) => json!({"state": "unknown", "reason": error.chain()}),
                };
                (choice.kind.as_str().to_owned(), document)
            })
            .collect();
        return report::json(&json!({
            "devices": listing.devices.iter().map(show::descriptor).collect::<Vec<_>>(),
            "failures": show::failures(&listing),
            "choices": chosen,
        }));
    }
    report::table(&show::device_rows(&listing.devices))?;
    for (driver, error) in &listing.failures {
        report::warning(format!("driver {driver} could not look: {}", error.chain()));
    }
    report::line("")?;
    for (choice, health) in &choices {
        let kind = report::bold(&format!("{:<11}", choice.kind));
        match &choice.chosen {
            Some(device) => {
                let health = match health {
                    None => "unknown".to_owned(),
                    Some(Ok(health)) => health.to_string(),
                    Some(Err(error)) => format!("unknown: {}", error.chain()),
                };
                report::line(format!("{kind}  would be {}, health {health}: {}", device.id, choice.reason))?;
            }
            None => report::line(format!("{kind}  none would be used under policy {}", choice.policy))?,
        }
        for over in &choice.passed_over {
            report::line(format!("             not {}: {}", over.id, over.reason))?;
        }
    }
    Ok(())
}

/// Opens the device and asks it; a device that is not ready is not disturbed.
fn ask(registry: &Registry, device: &qhal::Descriptor) -> Result<Health, qhal::Error> {
    debug_assert_eq!(device.access, Access::Ready, "what is chosen is ready");
    let mut open = registry.open(device)?;
    let health = open.as_device().health();
    open.close()?;
    health
}
