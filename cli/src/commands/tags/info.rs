//! `qhal tags info`: what is in a file of tags.

use std::io::Read;
use std::path::Path;

use qhal::Error;
use qhal_backends::tags::{Packet, Summary, inspect};
use serde_json::{Map, Value, json};

use super::watched;
use crate::args::TagsInfoArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

/// The largest packet of one epoch that is looked at.
const LARGEST_PACKET: u64 = 64 << 20;

pub(crate) fn run(context: &Context, args: &TagsInfoArgs) -> Outcome {
    if args.read.from.is_none()
        && let Some(packet) = packet_without_times(&args.file)?
    {
        return show_packet(context, &args.file, &packet);
    }
    let recording = args.read.recording(&args.file);
    let summary = watched("reading", |go_on| inspect(&recording, go_on))?;
    if context.json {
        return report::json(&document(&args.file, &summary));
    }
    show(&summary)
}

pub(super) fn document(path: &Path, summary: &Summary) -> Value {
    let seconds = summary.seconds();
    let inputs: Vec<Value> = (1..)
        .zip(&summary.events)
        .map(|(input, events)| json!({ "input": input, "events": events, "rate": rate(*events, seconds) }))
        .collect();
    let properties: Map<String, Value> =
        summary.facts.properties.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "file": path.display().to_string(),
        "format": summary.format.as_str(),
        "records": summary.facts.records,
        "tick_ps": summary.facts.tick.map(|tick| tick * 1e12),
        "tags": summary.tags,
        "inputs": inputs,
        "multiple": summary.multiple,
        "first": summary.span.map(|span| span.0),
        "last": summary.span.map(|span| span.1),
        "seconds": seconds,
        "out_of_order": summary.out_of_order,
        "markers": summary.facts.markers,
        "wraps": summary.facts.wraps,
        "properties": properties,
    })
}

/// Events a second; none without time.
fn rate(events: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| events as f64 / seconds)
}

fn show(summary: &Summary) -> Outcome {
    let facts = &summary.facts;
    let layout = if facts.records.is_empty() { String::new() } else { format!(", {}", facts.records) };
    let tick = facts.tick.map_or(String::new(), |tick| format!(", times in steps of {:.3} ps", tick * 1e12));
    report::line(format!("{}{layout}{tick}", summary.format))?;
    report::line(format!("  {:<18} {}", "tags", summary.tags))?;
    report::line(format!("  {:<18} {:.6} s", "from first to last", summary.seconds()))?;
    for (input, events) in (1..).zip(&summary.events) {
        let rate =
            rate(*events, summary.seconds()).map_or(String::new(), |rate| format!(" ({rate:.1} a second)"));
        report::line(format!("  {:<18} {events}{rate}", format!("input {input}")))?;
    }
    let rest = [
        ("of several inputs", summary.multiple),
        ("markers", facts.markers),
        ("wraps of the clock", facts.wraps),
        ("out of order", summary.out_of_order),
    ];
    for (name, count) in rest.into_iter().filter(|(_, count)| *count > 0) {
        report::line(format!("  {name:<18} {count}"))?;
    }
    for (name, value) in &facts.properties {
        report::line(format!("  {name:<32} {value}"))?;
    }
    Ok(())
}

/// A packet of results or matches, which has no times; none if the file is something else.
fn packet_without_times(path: &Path) -> Outcome<Option<Packet>> {
    let cannot = |cause| Error::from_io(cause, format!("cannot read {}", path.display()));
    let mut file = std::fs::File::open(path).map_err(cannot)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(24).read_to_end(&mut start).map_err(cannot)?;
    if Packet::kind_of(&start).is_none_or(|kind| kind <= 2) {
        return Ok(None);
    }
    let mut bytes = start;
    file.take(LARGEST_PACKET).read_to_end(&mut bytes).map_err(cannot)?;
    let packet = Packet::read(&bytes).map_err(|error| error.context(path.display().to_string()))?;
    Ok(Some(packet))
}

fn show_packet(context: &Context, path: &Path, packet: &Packet) -> Outcome {
    let (kind, epoch) = (packet.kind(), packet.epoch());
    let what = if kind == 3 { "results" } else { "matches" };
    if context.json {
        return report::json(&json!({
            "file": path.display().to_string(),
            "format": format!("qcrypto-{what}"),
            "records": format!("type {kind}"),
            "epoch": format!("{:08x}", epoch.number),
            "entries": packet.len(),
        }));
    }
    report::line(format!(
        "qcrypto packet of type {kind}, epoch {:08x}: {} {what}",
        epoch.number,
        packet.len()
    ))
}
