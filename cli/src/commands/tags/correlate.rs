//! `qhal tags correlate`: how two recordings belong together.

use qhal_backends::tags::{Correlation, correlate};
use serde_json::{Value, json};

use super::load_both;
use crate::args::TagsCorrelateArgs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::report;

pub(crate) fn run(context: &Context, args: &TagsCorrelateArgs) -> Outcome {
    let [a, b] = load_both(&args.read, &args.a, &args.b)?;
    let bar = report::spinner("looking for pairs");
    bar.enable_steady_tick(report::TICK);
    let found = correlate(&a, &b, args.window);
    bar.finish_and_clear();
    let found = found?;
    if context.json {
        return report::json(&document(&found));
    }
    show(&found)
}

/// What was found, as JSON.
pub(super) fn document(found: &Correlation) -> Value {
    let by_input: Vec<Value> =
        found.by_input.iter().map(|(a, b, pairs)| json!({ "a": a, "b": b, "coincidences": pairs })).collect();
    json!({
        "offset_ns": found.offset_ns(),
        "skew": found.clock.skew,
        "significance": found.clock.significance,
        "spread_ns": found.spread_ns,
        "window_ns": found.window as f64 / 256.0,
        "seconds": found.seconds,
        "singles": found.singles,
        "coincidences": found.coincidences,
        "accidentals": found.accidentals,
        "car": found.car(),
        "heralding": found.heralding(),
        "by_input": by_input,
    })
}

fn show(found: &Correlation) -> Outcome {
    let rate = |count: f64| if found.seconds > 0.0 { count / found.seconds } else { 0.0 };
    let rows = [
        ("offset", format!("{:.3} ns (the second clock is ahead)", found.offset_ns())),
        ("skew", format!("{:.3e}", found.clock.skew)),
        ("both recorded for", format!("{:.6} s", found.seconds)),
        (
            "singles",
            format!(
                "{} and {} ({:.0} and {:.0} a second)",
                found.singles[0],
                found.singles[1],
                rate(found.singles[0] as f64),
                rate(found.singles[1] as f64)
            ),
        ),
        (
            "coincidences",
            format!(
                "{} within {:.3} ns ({:.1} a second)",
                found.coincidences,
                found.window as f64 / 256.0,
                rate(found.coincidences as f64)
            ),
        ),
        (
            "accidentals",
            format!("{:.1} of them ({:.2} a second)", found.accidentals, rate(found.accidentals)),
        ),
        ("CAR", found.car().map_or("no accidents".to_owned(), |car| format!("{car:.1}"))),
        ("heralding", found.heralding().map_or("none".to_owned(), |share| format!("{:.3} %", 100.0 * share))),
        ("spread of the pairs", format!("{:.3} ns", found.spread_ns)),
    ];
    for (name, value) in rows {
        report::line(format!("  {name:<20} {value}"))?;
    }
    if found.by_input.is_empty() {
        return Ok(());
    }
    report::line("")?;
    let heading = ["INPUT OF A", "INPUT OF B", "COINCIDENCES"].map(str::to_owned).to_vec();
    let rows = found
        .by_input
        .iter()
        .map(|(a, b, pairs)| [*a as u64, *b as u64, *pairs].map(|number| number.to_string()).to_vec());
    report::table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>())
}
