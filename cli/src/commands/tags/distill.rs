//! `qhal tags distill`: which key is in two recordings.

use qhal::Provenance;
use qhal_backends::simulated::operating_system_seed;
use qhal_backends::tags::{DistilSettings, distil};
use serde_json::json;

use super::{correlate, load_both};
use crate::args::{TagsDistillArgs, TagsProtocolArg};
use crate::commands::link;
use crate::context::Context;
use crate::failure::Outcome;
use crate::{interrupt, report};

pub(crate) fn run(context: &Context, args: &TagsDistillArgs) -> Outcome {
    let TagsProtocolArg::Bbm92 = args.protocol;
    let seed = args.seed.map_or_else(operating_system_seed, Ok)?;
    let [a, b] = load_both(&args.read, &args.a, &args.b)?;
    let receivers = [args.channels, args.channels_b.unwrap_or(args.channels)];
    let settings = DistilSettings { window: args.window, receivers, seed };
    let bar = report::spinner("distilling");
    bar.enable_steady_tick(report::TICK);
    let outcome = distil(&a, &b, &settings, &mut |share| {
        bar.set_message(format!("distilling: {:.0} %", 100.0 * share));
        interrupt::check()
    });
    bar.finish_and_clear();
    let (found, correlation) = outcome?;
    if context.json {
        let mut document = link::document(&found);
        // A file of tags tells nobody where it comes from.
        document["provenance"] = json!(Provenance::Unverified.as_str());
        document["protocol"] = json!("bbm92");
        document["distance_km"] = json!(null);
        document["attack"] = json!(null);
        document["seed"] = json!(seed);
        document["correlation"] = correlate::document(&correlation);
        return report::json(&document);
    }
    report::line(format!(
        "bbm92 from {} and {}, {:.1} s recorded by both, clocks {:.3} ns and {:.3e} apart (Unverified: files do not tell where they \
         come from; the key is for nobody)",
        args.a.display(),
        args.b.display(),
        correlation.seconds,
        correlation.offset_ns(),
        correlation.clock.skew,
    ))?;
    link::show(&found)
}
