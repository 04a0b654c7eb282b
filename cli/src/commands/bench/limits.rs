//! `qhal bench limits`: what this machine can do at most, whatever the program.

use qhal_backends::simulated::limits::{Limit, Quantity, instruction_set, measure};
use serde_json::{Value, json};

use crate::args::BenchLimitsArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

pub(crate) fn run(context: &Context, args: &BenchLimitsArgs) -> Outcome {
    let threads = context.processor(None).threads;
    let threads = args.threads.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(threads);
    let found = measured(threads)?;
    if context.json {
        return report::json(&json!({
            "instruction_set": instruction_set(),
            "limits": found.iter().map(document).collect::<Vec<_>>(),
        }));
    }
    report::line(format!("limits of this machine, {} instructions", instruction_set()))?;
    let counts: Vec<usize> = distinct(found.iter().map(|limit| limit.threads));
    let heading = counts.iter().map(|&threads| match threads {
        1 => "1 thread".to_owned(),
        more => format!("{more} threads"),
    });
    let mut rows = vec![std::iter::once("quantity".to_owned()).chain(heading).collect::<Vec<_>>()];
    for quantity in distinct(found.iter().map(|limit| limit.quantity)) {
        let cells = counts.iter().map(|&threads| {
            let limit = found.iter().find(|limit| limit.quantity == quantity && limit.threads == threads);
            limit.map_or_else(String::new, figure)
        });
        rows.push(std::iter::once(quantity.describe()).chain(cells).collect());
    }
    report::table(&rows)
}

/// Measures, with a sign of life.
pub(super) fn measured(threads: usize) -> Outcome<Vec<Limit>> {
    let bar = report::spinner("measuring the machine");
    bar.enable_steady_tick(report::TICK);
    let found = measure(threads);
    bar.finish_and_clear();
    Ok(found?)
}

pub(super) fn document(limit: &Limit) -> Value {
    json!({
        "quantity": limit.quantity.describe(),
        "threads": limit.threads,
        "per_second": limit.per_second,
        "unit": limit.quantity.unit(),
    })
}

fn figure(limit: &Limit) -> String {
    let unit = if matches!(limit.quantity, Quantity::MultiplyAdd(_)) { "GFLOP/s" } else { "GB/s" };
    format!("{:.1} {unit}", limit.per_second / 1e9)
}

/// Each value once, in the order in which they come.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut seen, value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
        seen
    })
}
