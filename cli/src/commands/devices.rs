//! `qhal devices`: what the operating system shows, and what is plugged and unplugged from now on.

use std::time::Duration;

use qhal::Descriptor;
use qhal_backends::{Hotplug, catalog, changes};
use serde_json::json;

use super::show;
use crate::args::DevicesArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::{interrupt, report};

/// How often the operating system's list is read while watching, where the kernel does not say that something changed.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long udev may take to make a node that was plugged in usable.
const SETTLE: Duration = Duration::from_millis(50);

pub(crate) fn run(context: &Context, args: &DevicesArgs) -> Outcome {
    let registry = context.registry()?;
    let listing = registry.probe();
    let unclaimed = if args.all { catalog::unclaimed_ports(&listing.devices) } else { Vec::new() };
    if args.watch {
        for device in &listing.devices {
            event(context, "present", device)?;
        }
        return watch(context, &registry, listing.devices);
    }
    if context.json {
        let mut document = json!({
            "devices": listing.devices.iter().map(show::descriptor).collect::<Vec<_>>(),
            "failures": show::failures(&listing),
        });
        if args.all {
            document["unclaimed_ports"] = unclaimed
                .iter()
                .map(|port| json!({"address": port.address.to_string(), "evidence": port.evidence, "why": port.why}))
                .collect();
        }
        return report::json(&document);
    }
    report::table(&show::device_rows(&listing.devices))?;
    for (driver, error) in &listing.failures {
        report::warning(format!("driver {driver} could not look: {}", error.chain()));
    }
    if args.all {
        report::line("")?;
        if unclaimed.is_empty() {
            return report::line(
                "every serial port of this machine is claimed by a driver, or there is none",
            );
        }
        let heading = ["PORT NO DRIVER CLAIMS", "WHAT THE SYSTEM SAYS", "WHY"].map(str::to_owned).to_vec();
        let rows = unclaimed.into_iter().map(|port| vec![port.address.to_string(), port.evidence, port.why]);
        report::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn watch(context: &Context, registry: &qhal_backends::Registry, mut before: Vec<Descriptor>) -> Outcome {
    let hotplug = Hotplug::new();
    while !interrupt::requested() {
        if hotplug.wait(INTERVAL) {
            std::thread::sleep(SETTLE);
        }
        let now = registry.probe().devices;
        for (change, device) in changes(&before, &now) {
            event(context, change.as_str(), device)?;
        }
        before = now;
    }
    Ok(())
}

fn event(context: &Context, what: &str, device: &Descriptor) -> Outcome {
    if context.json {
        return report::json_line(&json!({"event": what, "device": show::descriptor(device)}));
    }
    report::line(format!(
        "{what:<9}  {}  {}  {}",
        device.id,
        device.provenance_with_evidence(),
        device.address
    ))
}
