//! This key manager as the model of ETSI GS QKD 015 V2.1.1 describes a node (module `etsi-qkd-sdn-node`, revision 2022-01-30).
//!
//! Texts follow RFC 7951 (JSON of YANG). What the model has no name for stands under names of our own, with the prefix `qhal:`.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use humantime::format_rfc3339_seconds;
use qhal::device::{Property, PropertyValue};
use serde_json::{Map, Value, json};

use super::figures::{Consumer, DeviceFigures, Taken};
use crate::keystream::StreamFigures;
use crate::manager::{Manager, lock};
use crate::peer::Link;
use crate::settings::SupplyKind;
use crate::uuid;

/// An identity of the module of types.
fn identity(name: &str) -> Value {
    json!(format!("etsi-qkd-node-types:{name}"))
}

/// The whole node.
pub(super) fn node(manager: &Manager) -> Value {
    let own = &manager.settings().kme;
    let mut links: Vec<&Arc<Link>> = manager.all_links().filter(|link| !link.is_local()).collect();
    links.sort_by_key(|link| link.name().clone());
    let applications = applications(manager);
    let interfaces = links.iter().enumerate().filter_map(|(number, link)| interface(number, link));
    let interfaces: Vec<Value> = interfaces.collect();
    let links =
        links.iter().enumerate().map(|(number, link)| self::link(manager, number, link, &applications));
    let links: Vec<Value> = links.collect();
    json!({
        "qkdn_id": node_id(&own.id),
        "qkdn_status": identity("OPERATING"),
        "qkdn_version": env!("CARGO_PKG_VERSION"),
        "qkdn_location_id": own.id,
        "qkdn_capabilities": {
            "link_stats_support": true,
            "application_stats_support": true,
            "key_relay_mode_enable": false,
        },
        "qkd_applications": { "qkd_app": applications },
        "qkd_interfaces": { "qkd_interface": interfaces },
        "qkd_links": { "qkd_link": links },
    })
}

fn node_id(kme: &str) -> String {
    uuid::named("node", &[kme]).to_string()
}

/// The same at both ends.
fn link_id(one: &str, other: &str) -> String {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    uuid::named("link", &[first, second]).to_string()
}

/// Everybody who has taken keys here, and every stream.
fn applications(manager: &Manager) -> Vec<Value> {
    let streams = manager.stream_figures();
    let consumption = lock(&manager.consumption);
    let pairs = consumption.pairs().into_iter().map(|(master, slave, taken)| {
        let mut app = application(manager, &master, &slave, Some(taken));
        app.insert("app_id".to_owned(), json!(uuid::named("pair", &[&master, &slave]).to_string()));
        app.insert("app_status".to_owned(), identity("ON"));
        app
    });
    let mut all: Vec<Map<String, Value>> = pairs.collect();
    for StreamFigures { id, parties: [opener, other], open, qos } in streams {
        let mut app = application(manager, &opener, &other, consumption.of(&Consumer::Stream(id)));
        app.insert("app_id".to_owned(), json!(id.to_string()));
        app.insert("app_status".to_owned(), identity(if open { "ON" } else { "DISCONNECTED" }));
        app.insert("app_priority".to_owned(), json!(qos.priority));
        // The model has the jitter in milliseconds; the interface of applications has it in bit/s.
        app.insert(
            "app_qos".to_owned(),
            json!({ "max_bandwidth": qos.max_bps, "min_bandwidth": qos.min_bps, "ttl": qos.ttl_s }),
        );
        all.push(app);
    }
    all.into_iter().map(Value::Object).collect()
}

fn application(manager: &Manager, from: &str, to: &str, taken: Option<Taken>) -> Map<String, Value> {
    let kme = |sae: &str| manager.sae(sae).map_or_else(|_| String::new(), |sae| sae.kme.to_string());
    let uri = |sae: &str| format!("qkd://{}@{}", encoded(sae), encoded(&kme(sae)));
    let own = &manager.settings().kme.id;
    let remote = if kme(from) == *own { kme(to) } else { kme(from) };
    let mut app = Map::new();
    app.insert("app_type".to_owned(), identity("CLIENT"));
    app.insert("server_app_id".to_owned(), json!(uri(from)));
    app.insert("client_app_id".to_owned(), json!([uri(to)]));
    app.insert("local_qkdn_id".to_owned(), json!(node_id(own)));
    app.insert("remote_qkdn_id".to_owned(), json!(node_id(&remote)));
    if remote != *own {
        app.insert("backing_qkdl_id".to_owned(), json!([link_id(own, &remote)]));
    }
    if let Some(taken) = taken {
        let statistics = json!({
            "start_time": time(taken.first),
            "end_time": time(taken.last),
            "consumed_bits": u32::try_from(taken.bits).unwrap_or(u32::MAX),
        });
        app.insert("app_statistics".to_owned(), json!({ "statistics": [statistics] }));
        app.insert("creation_time".to_owned(), json!(time(taken.first)));
    }
    app
}

/// A name as a part of a URI (RFC 3986 §2.3).
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn time(at: SystemTime) -> String {
    format_rfc3339_seconds(at).to_string()
}

/// The end of a link that has a device here.
fn interface(number: usize, link: &Link) -> Option<Value> {
    let DeviceFigures { device, model, properties } = link.device_figures()?;
    let mut interface = json!({
        "qkdi_id": number + 1,
        "qkdi_model": model,
        "qkdi_status": identity(if alarms(&properties).is_empty() { "ENABLED" } else { "FAILED" }),
        "qhal:device": device,
    });
    if let Some(kind) = technology(&properties) {
        interface["qkdi_type"] = identity(kind);
    }
    if let Some(role) = role(&properties) {
        interface["qkdi_capabilities"] = json!({ "role_support": identity(role) });
    }
    Some(interface)
}

fn link(manager: &Manager, number: usize, link: &Link, applications: &[Value]) -> Value {
    let own = &manager.settings().kme;
    let state = link.state(manager.key_bytes(own.key_bits));
    let id = link_id(&own.id, link.name());
    let device = link.device_figures();
    let physical = link.supply() == SupplyKind::Link;
    let (made, taken) = link.rates(Instant::now());
    let whole = |rate: f64| rate.clamp(0.0, f64::from(u32::MAX)) as u32;
    let users = applications.iter().filter(|app| app["backing_qkdl_id"][0] == json!(id));
    let users: Vec<&Value> = users.map(|app| &app["app_id"]).collect();
    let wanted = applications.iter().filter(|app| users.contains(&&app["app_id"]));
    let wanted: u64 = wanted.filter_map(|app| app["app_qos"]["max_bandwidth"].as_u64()).sum();
    let alarms = device.as_ref().map(|known| self::alarms(&known.properties)).unwrap_or_default();
    let status = match (alarms.is_empty() && made > 0.0, state.stored_keys > 0, state.provenance) {
        (true, ..) => "ACTIVE",
        (false, true, _) => "PASSIVE",
        (false, false, None) if alarms.is_empty() => "PENDING",
        _ => "OFF",
    };
    let mut performance = json!({
        "expected_consumption": u32::try_from(wanted).unwrap_or(u32::MAX),
        "skr": whole(made),
        // Nothing of it is consumed within the node.
        "eskr": whole(made),
    });
    let mut out = json!({
        "qkdl_id": id,
        "qkdl_status": identity(status),
        "qkdl_enable": true,
        "qkdl_local": { "qkdn_id": node_id(&own.id) },
        "qkdl_remote": { "qkdn_id": node_id(link.name()) },
        "qkdl_type": identity(if physical { "PHYS" } else { "VIRT" }),
        "qkdl_applications": users,
        "qhal:kme": link.name().as_ref(),
        "qhal:stored_key_count": state.stored_keys,
        "qhal:consumption": whole(taken),
        "qhal:provenance": state.provenance.map(|provenance| provenance.to_string()),
        "qhal:alarms": alarms,
        "qhal:supply_trouble": state.alarm,
    });
    if let Some(DeviceFigures { properties, .. }) = device {
        out["qkdl_local"]["qkdi_id"] = json!(number + 1);
        if let Some(qber) = figure(&properties, "qber") {
            // A decimal64 of three digits is a text (RFC 7951 §6.1).
            performance["phys_perf"] =
                json!([{ "perf_type": identity("QBER"), "value": format!("{qber:.3}") }]);
        }
        if let Some(role) = role(&properties) {
            out["phys_qkd_role"] = identity(role);
        }
        out["qhal:device"] = properties.iter().map(|known| (known.name.clone(), value(known))).collect();
    }
    out["qkdl_performance"] = performance;
    out
}

fn named<'a>(properties: &'a [Property], name: &str) -> Option<&'a PropertyValue> {
    properties.iter().find(|known| known.name == name).map(|known| &known.value)
}

fn figure(properties: &[Property], name: &str) -> Option<f64> {
    match named(properties, name) {
        Some(PropertyValue::Number(figure)) if figure.is_finite() => Some(*figure),
        _ => None,
    }
}

fn word<const N: usize>(
    properties: &[Property],
    name: &str,
    words: [&'static str; N],
) -> Option<&'static str> {
    let Some(PropertyValue::Text(text)) = named(properties, name) else { return None };
    words.into_iter().find(|known| known.eq_ignore_ascii_case(text))
}

/// The alarms that a device names, if it names any.
fn alarms(properties: &[Property]) -> Vec<String> {
    let Some(PropertyValue::Text(text)) = named(properties, "alarms") else { return Vec::new() };
    text.split(", ").filter(|name| *name != "none").map(str::to_owned).collect()
}

fn technology(properties: &[Property]) -> Option<&'static str> {
    word(properties, "qkdi_type", ["CV-QKD", "DV-QKD", "DV-QKD-COW", "DV-QKD-2Ws"])
}

fn role(properties: &[Property]) -> Option<&'static str> {
    word(properties, "phys_qkd_role", ["TRANSMITTER", "RECEIVER", "TRANSCEIVER"])
}

fn value(property: &Property) -> Value {
    match &property.value {
        PropertyValue::Text(text) => json!(text),
        PropertyValue::Number(figure) => json!(figure),
        PropertyValue::Flag(flag) => json!(flag),
    }
}
