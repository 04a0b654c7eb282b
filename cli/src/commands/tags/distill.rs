//! `qhal tags distill`: which key is in two recordings.

use qhal::Provenance;
use qhal_backends::link::{LOCAL_LIMIT, PairProtocol, Receiver};
use qhal_backends::simulated::operating_system_seed;
use qhal_backends::tags::{DistilSettings, distil};
use serde_json::json;

use super::{correlate, load_both};
use crate::args::TagsDistillArgs;
use crate::commands::link;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{interrupt, report};

pub(crate) fn run(context: &Context, args: &TagsDistillArgs) -> Outcome {
    let protocol = PairProtocol::from(args.protocol);
    if args.chsh_limit.is_some() && protocol != PairProtocol::E91 {
        return Err(Failure::usage("--chsh-limit goes with --protocol e91: bbm92 does not measure S"));
    }
    let channels = args.channels.unwrap_or_else(|| Receiver::usual(protocol));
    let receivers = [channels, args.channels_b.unwrap_or(channels)];
    if receivers.iter().any(|receiver| receiver.settings() != protocol.settings()) {
        let example = if protocol == PairProtocol::E91 { "A0,B0,C0,A1,B1,C1" } else { "Z0,X0,Z1,X1" };
        return Err(Failure::usage(format!("{} has receivers like {example}", protocol.as_str())));
    }
    let seed = args.seed.map_or_else(operating_system_seed, Ok)?;
    let [a, b] = load_both(&args.read, &args.a, &args.b)?;
    let chsh_limit = args.chsh_limit.unwrap_or(LOCAL_LIMIT);
    let settings = DistilSettings { protocol, chsh_limit, window: args.window, receivers, seed };
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
        document["protocol"] = json!(protocol.as_str());
        document["distance_km"] = json!(null);
        document["attack"] = json!(null);
        document["seed"] = json!(seed);
        document["correlation"] = correlate::document(&correlation);
        return report::json(&document);
    }
    report::line(format!(
        "{} from {} and {}, {:.1} s recorded by both, clocks {:.3} ns and {:.3e} apart (Unverified: files do not tell where they \
         come from; the key is for nobody)",
        protocol.as_str(),
        args.a.display(),
        args.b.display(),
        correlation.seconds,
        correlation.offset_ns(),
        correlation.clock.skew,
    ))?;
    link::show(&found)
}
