//! `qhal link simulate`: a simulated link from photons to keys.

use std::path::Path;

use qhal::{Provenance, Tag};
use qhal_backends::link::{LOCAL_LIMIT, LinkReport};
use qhal_backends::simulated::{
    EndSettings, LinkProtocol, LinkSettings, Role, attack, operating_system_seed, simulate_and_record_link,
    simulate_link, simulate_link_end,
};
use qhal_backends::tags::{Format, TagWriter};
use serde_json::json;

use super::outcome;
use crate::args::SimulateArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{files, interrupt, report};

pub(crate) fn run(context: &Context, args: &SimulateArgs) -> Outcome {
    let attack = args.attack.as_deref().map(|name| attack(name, args.fraction)).transpose();
    let attack = attack.map_err(|error| Failure::usage(error.message()))?;
    let protocol = LinkProtocol::from(args.protocol);
    if !args.tags.is_empty() && protocol.of_pairs().is_none() {
        return Err(Failure::usage(
            "--tags goes with --protocol bbm92 or e91: of bb84-decoy one end sends and has no tagger",
        ));
    }
    if args.chsh_limit.is_some() && protocol != LinkProtocol::E91 {
        return Err(Failure::usage("--chsh-limit goes with --protocol e91: others do not measure S"));
    }
    let seed = args.seed.map_or_else(operating_system_seed, Ok)?;
    let settings = LinkSettings {
        protocol,
        distance_km: args.distance,
        seconds: args.seconds,
        chsh_limit: args.chsh_limit.unwrap_or(LOCAL_LIMIT),
        attack,
        seed,
    };
    let bar = report::spinner("photons");
    bar.enable_steady_tick(report::TICK);
    let mut go_on = |share: f64| {
        bar.set_message(format!("photons: {:.0} %", 100.0 * share));
        interrupt::check()
    };
    let end = end(args, settings)?;
    let outcome = match (args.tags.as_slice(), &end) {
        ([a, b], _) => simulate_into(&settings, [a, b], &mut go_on),
        (_, Some(end)) => simulate_link_end(end, &mut go_on).map_err(Failure::from),
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
        if let Some(end) = &end {
            document["end"] = json!(word(end.role));
        }
        return report::json(&document);
    }
    let whose = match &end {
        None => "all of it is computed here".to_owned(),
        Some(end) => format!("the {} is computed here, the rest by the other end", word(end.role)),
    };
    report::line(format!(
        "{} over {} km, {:.1} simulated seconds, seed {} (Simulated: {whose})",
        settings.protocol.as_str(),
        settings.distance_km,
        link.seconds,
        settings.seed
    ))?;
    outcome::show(&link)
}

/// The end that is to be simulated, if not both.
fn end(args: &SimulateArgs, link: LinkSettings) -> Outcome<Option<EndSettings>> {
    let (role, address) = match (&args.listen, &args.connect) {
        (Some(address), _) => (Role::Alice, address),
        (None, Some(address)) => (Role::Bob, address),
        (None, None) => return Ok(None),
    };
    let secret_file = args.secret_file.clone();
    let secret_file = secret_file.ok_or_else(|| Failure::usage("an end of a link needs --secret-file"))?;
    Ok(Some(EndSettings { role, address: address.clone(), secret_file, link }))
}

/// The role of an end, in the words of ETSI GS QKD 015.
const fn word(role: Role) -> &'static str {
    match role {
        Role::Alice => "transmitter",
        Role::Bob => "receiver",
    }
}

/// Simulates, and writes what the taggers of both ends send into two files.
fn simulate_into(
    settings: &LinkSettings,
    paths: [&Path; 2],
    go_on: &mut dyn FnMut(f64) -> qhal::Result<()>,
) -> Outcome<LinkReport> {
    let formats = [format(settings.protocol, paths[0])?, format(settings.protocol, paths[1])?];
    let [mut first, mut second] = [files::begin(paths[0])?, files::begin(paths[1])?];
    let mut a = TagWriter::new(first.as_file_mut(), formats[0])?;
    let mut b = TagWriter::new(second.as_file_mut(), formats[1])?;
    let mut tags = |one: &[Tag], other: &[Tag]| a.write(one).and_then(|()| b.write(other));
    let link = simulate_and_record_link(settings, go_on, &mut tags)?;
    a.finish()?;
    b.finish()?;
    files::finish(first, paths[0])?;
    files::finish(second, paths[1])?;
    Ok(link)
}

/// The format of a file of tags by the end of its name, if it has an input for each detector.
fn format(protocol: LinkProtocol, path: &Path) -> Outcome<Format> {
    let named = path.extension().and_then(|end| Format::of_extension(end.to_str()?));
    let six = protocol == LinkProtocol::E91;
    let format = named.unwrap_or(if six { Format::Ptu } else { Format::Tags64 });
    let four = matches!(
        format,
        Format::Tags64 | Format::Tags64Swapped | Format::Tags64Hex | Format::Qcrypto | Format::QcryptoTiming
    );
    if six && four {
        return Err(Failure::usage(format!(
            "{}: {format} has four inputs, and e91 has six detectors: let the name end in .ptu, .txt or .csv",
            path.display()
        )));
    }
    Ok(format)
}
