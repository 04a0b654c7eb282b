//! `qhal kme serve`: a key manager until Ctrl-C.

use std::sync::Arc;
use std::time::Duration;

use qhal::{Kind, OpenDevice, SecureRandom};
use qhal_backends::random::{Output, Random};
use qhal_backends::{DeviceSpec, select};
use qhal_kme::{Manager, Server, Settings, Supply, SupplyKind, protect_memory};
use serde_json::json;

use crate::args::KmeServeArgs;
use crate::audit::AuditFile;
use crate::commands::rng::conditioning;
use crate::commands::rng::read::{entropy_config, open_source};
use crate::context::{Context, LINK_POLICY};
use crate::failure::{Failure, Outcome};
use crate::{interrupt, report};

pub(crate) fn run(context: &Context, args: &KmeServeArgs) -> Outcome {
    let settings = context.config.kme_settings().ok_or_else(|| {
        Failure::usage(
            "the configuration has no section [kme]: `qhal pki new lab --kme NAME --sae NAME` writes one",
        )
    })?;
    let protection = protect_memory();
    if let Some(hint) = &protection.hint {
        report::warning(format!("keys could reach the swap: {hint}"));
    }
    let mut manager = Manager::new(settings.clone())?;
    if let Some(path) = &settings.kme.audit {
        manager = manager.with_audit(Arc::new(AuditFile::open(path)?));
    }
    let supplies = supplies(context, &settings)?;
    let entropy = if supplies.is_empty() { None } else { Some(generator(context, &settings)?) };
    let threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        |threads| threads as usize,
    );
    let server = Server::open(manager, supplies, entropy, threads)?;
    let address = server.address()?;
    let streams = server.streams_address()?.map(|address| format!("tcp:{address}"));
    if context.json {
        report::json_line(&json!({
            "address": format!("https://{address}"),
            "streams": streams,
            "kme": settings.kme.id,
            "memory_locked": protection.locked,
        }))?;
    } else {
        if let Some(streams) = streams {
            report::line(format!("{} serves key streams (ETSI GS QKD 004) at {streams}", settings.kme.id))?;
        }
        report::line(format!("{} serves https://{address} until Ctrl-C", settings.kme.id))?;
    }
    let stop = server.stopper();
    let manager = server.manager().clone();
    let watcher = std::thread::spawn(move || {
        let mut said = Vec::new();
        while !interrupt::requested() {
            for link in manager.links() {
                let now = (link.kme.clone(), link.alarm.clone());
                if !said.contains(&now) {
                    said.retain(|(kme, _)| *kme != link.kme);
                    if let Some(alarm) = &link.alarm {
                        report::warning(format!("material for '{}': {alarm}", link.kme));
                    } else if let Some(provenance) = link.provenance {
                        report::note(format!("material for '{}' is {provenance}", link.kme));
                    }
                    said.push(now);
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        stop.stop();
    });
    let outcome = server.run();
    drop(watcher);
    outcome.map_err(Failure::from)
}

/// Opens where each link's material comes from.
fn supplies(context: &Context, settings: &Settings) -> Outcome<Vec<(String, Supply)>> {
    let mut supplies = Vec::new();
    let is_local = |sae: &qhal_kme::SaeSection| sae.kme.as_ref().is_none_or(|kme| *kme == settings.kme.id);
    let several = settings.saes.iter().filter(|sae| is_local(sae)).count() > 1;
    if settings.kme.supply == SupplyKind::Relay && several {
        supplies.push((settings.kme.id.clone(), Supply::Relay(generator(context, settings)?)));
    }
    for peer in &settings.peers {
        match peer.supply {
            SupplyKind::None => {}
            SupplyKind::Relay => {
                supplies.push((peer.id.clone(), Supply::Relay(generator(context, settings)?)));
            }
            SupplyKind::Link => {
                let spec = peer.link.as_deref().map(parsed::<DeviceSpec>).transpose()?;
                let selected = select(&context.registry()?, Kind::KeyLink, policy(settings)?, spec.as_ref())?;
                if let Some(announcement) = selected.announcement() {
                    report::warning(announcement);
                }
                let OpenDevice::KeyLink(link) = selected.device else {
                    return Err(Failure::usage(format!("[[peer]] {}: that device is no link", peer.id)));
                };
                supplies.push((peer.id.clone(), Supply::Link(link)));
            }
        }
    }
    Ok(supplies)
}

/// DRBG bytes of the generator that the configuration names.
fn generator(context: &Context, settings: &Settings) -> Outcome<Box<dyn SecureRandom>> {
    let spec = settings.kme.random.as_deref().map(parsed::<DeviceSpec>).transpose()?;
    let (source, descriptor) = open_source(&context.registry()?, policy(settings)?, spec.as_ref())?;
    let config = entropy_config(context)?;
    if let Some(words) = conditioning::in_words(&config.conditioning) {
        report::note(format!("{}: {words}", descriptor.id));
    }
    match Random::new(source, Output::Drbg, &config)? {
        Random::Drbg(random) => Ok(random),
        Random::Raw(_) | Random::Conditioned(_) => {
            Err(Failure::usage(format!("{} gave no DRBG output", descriptor.id)))
        }
    }
}

fn policy(settings: &Settings) -> Outcome<qhal::Policy> {
    settings.kme.policy.as_deref().map_or(Ok(LINK_POLICY), parsed)
}

fn parsed<T: std::str::FromStr<Err = qhal::Error>>(text: &str) -> Outcome<T> {
    text.parse().map_err(|error: qhal::Error| Failure::Failed(error.context("[kme]")))
}
