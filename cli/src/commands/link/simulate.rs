//! `qhal link simulate`: a simulated link from photons to keys.

use qhal::Provenance;
use qhal_backends::simulated::{
    LinkProtocol, LinkReport, LinkSettings, attack, operating_system_seed, simulate_link,
};
use serde_json::json;

use crate::args::SimulateArgs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::{interrupt, report, units};

pub(crate) fn run(context: &Context, args: &SimulateArgs) -> Outcome {
    let attack = args.attack.as_deref().map(|name| attack(name, args.fraction)).transpose();
    let attack = attack.map_err(|error| Failure::usage(error.message()))?;
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
    let outcome = simulate_link(&settings, &mut |share| {
        bar.set_message(format!("photons: {:.0} %", 100.0 * share));
        interrupt::check()
    });
    bar.finish_and_clear();
    let link = outcome?;
    if context.json {
        return report::json(&document(&settings, &link, args));
    }
    show(&settings, &link)
}

fn document(settings: &LinkSettings, link: &LinkReport, args: &SimulateArgs) -> serde_json::Value {
    json!({
        "provenance": Provenance::Simulated.as_str(),
        "protocol": settings.protocol.as_str(),
        "distance_km": settings.distance_km,
        "attack": args.attack,
        "seed": settings.seed,
        "seconds": link.seconds,
        "detections": link.detections,
        "qber": link.qber,
        "sifted_bits": link.sifted_bits,
        "leak_bits": link.leak_bits,
        "secret_bits": link.secret_bits,
        "skr_bps": link.skr(),
        "blocks": link.blocks,
        "blocks_with_key": link.blocks_with_key,
        "bound": link.bound.map(|bound| bound.as_str()),
        "epsilon_secrecy": link.epsilons.map(|epsilons| epsilons.secrecy),
        "epsilon_correctness": link.epsilons.map(|epsilons| epsilons.correctness),
        "alarms": link.alarms.iter().map(|alarm| alarm.name).collect::<Vec<_>>(),
        "alarm_details": link.alarms.iter().map(|alarm| json!({ "name": alarm.name, "what": alarm.what })).collect::<Vec<_>>(),
    })
}

fn show(settings: &LinkSettings, link: &LinkReport) -> Outcome {
    let protocol = settings.protocol.as_str();
    report::line(format!(
        "{} over {} km, {:.1} simulated seconds, seed {} (Simulated: all of it is computed here)",
        protocol, settings.distance_km, link.seconds, settings.seed
    ))?;
    let rows = [
        ("detections", link.detections.to_string()),
        ("sifted bits", link.sifted_bits.to_string()),
        ("QBER", format!("{:.3} %", 100.0 * link.qber)),
        ("disclosed bits", link.leak_bits.to_string()),
        ("blocks with a key", format!("{} of {}", link.blocks_with_key, link.blocks)),
        ("secret bits", format!("{} ({})", link.secret_bits, units::bytes_for_people(link.secret_bits / 8))),
        ("secret key rate", format!("{:.0} bit/s", link.skr())),
    ];
    for (name, value) in rows {
        report::line(format!("  {name:<18} {value}"))?;
    }
    if let (Some(bound), Some(epsilons)) = (link.bound, link.epsilons) {
        report::line(format!(
            "  {:<18} {bound}, secrecy {:e} and correctness {:e} a block",
            "length after", epsilons.secrecy, epsilons.correctness
        ))?;
    }
    for alarm in &link.alarms {
        report::warning(format!("{}: {}", alarm.name, alarm.what));
    }
    Ok(())
}
