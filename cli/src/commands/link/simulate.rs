//! `qhal link simulate`: a simulated link from photons to keys.

use std::path::Path;

use qhal::{Provenance, Tag};
use qhal_backends::link::LinkReport;
use qhal_backends::simulated::{
    LinkProtocol, LinkSettings, attack, operating_system_seed, simulate_and_record_link, simulate_link,
};
use qhal_backends::tags::{Format, TagWriter};
use serde_json::json;

use super::outcome;
use crate::args::{ProtocolArg, SimulateArgs};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{files, interrupt, report};

pub(crate) fn run(context: &Context, args: &SimulateArgs) -> Outcome {
    let attack = args.attack.as_deref().map(|name| attack(name, args.fraction)).transpose();
    let attack = attack.map_err(|error| Failure::usage(error.message()))?;
    if !args.tags.is_empty() && args.protocol != ProtocolArg::Bbm92 {
        return Err(Failure::usage(
            "--tags goes with --protocol bbm92: of bb84-decoy one end sends and has no tagger",
        ));
    }
    let seed = args.seed.map_or_else(operating_system_seed, Ok)?;
    let settings = LinkSettings {
        protocol: LinkProtocol::from(args.protocol),
        distance_km: args.distance,
        seconds: args.seconds,
        attack,
        seed,
    };
    let bar = report::spinner("photons");
    bar.enable_steady_tick(report::TICK);
    let mut go_on = |share: f64| {
        bar.set_message(format!("photons: {:.0} %", 100.0 * share));
        interrupt::check()
    };
    let outcome = match args.tags.as_slice() {
        [a, b] => simulate_into(&settings, [a, b], &mut go_on),
        _ => simulate_link(&settings, &mut go_on).map_err(Failure::from),
    };
    bar.finish_and_clear();
    let link = outcome?;
    if context.json {
        let mut document = outcome::document(&link);
        document["provenance"] = json!(Provenance::Simulated.as_str());
        document["protocol"] = json!(settings.protocol.as_str());
        document["distance_km"] = json!(settings.distance_km);
        document["attack"] = json!(args.attack);
        document["seed"] = json!(settings.seed);
        return report::json(&document);
    }
    report::line(format!(
        "{} over {} km, {:.1} simulated seconds, seed {} (Simulated: all of it is computed here)",
        settings.protocol.as_str(),
        settings.distance_km,
        link.seconds,
        settings.seed
    ))?;
    outcome::show(&link)
}

/// Simulates, and writes what the taggers of both ends send into two files.
fn simulate_into(
    settings: &LinkSettings,
    paths: [&Path; 2],
    go_on: &mut dyn FnMut(f64) -> qhal::Result<()>,
) -> Outcome<LinkReport> {
    let [mut first, mut second] = [files::begin(paths[0])?, files::begin(paths[1])?];
    let format = |path: &Path| {
        path.extension().and_then(|end| Format::of_extension(end.to_str()?)).unwrap_or(Format::Tags64)
    };
    let mut a = TagWriter::new(first.as_file_mut(), format(paths[0]))?;
    let mut b = TagWriter::new(second.as_file_mut(), format(paths[1]))?;
    let mut tags = |one: &[Tag], other: &[Tag]| a.write(one).and_then(|()| b.write(other));
    let link = simulate_and_record_link(settings, go_on, &mut tags)?;
    a.finish()?;
    b.finish()?;
    files::finish(first, paths[0])?;
    files::finish(second, paths[1])?;
    Ok(link)
}
