//! `qhal link status`, `get` and `fetch`: keys of a link, for those who encrypt with them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qhal::{Descriptor, KeyLink, Kind, OpenDevice, SecretKey};
use qhal_backends::select;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::{KeysOut, LinkDevice, LinkFetchArgs, LinkGetArgs};
use crate::context::{Context, LINK_POLICY};
use crate::failure::{Failure, Outcome, writing};
use crate::{files, report};

fn opened(context: &Context, args: &LinkDevice) -> Outcome<(Descriptor, Box<dyn KeyLink>)> {
    let policy = args.policy.policy.unwrap_or(LINK_POLICY);
    let selected = select(&context.registry()?, Kind::KeyLink, policy, args.device.as_ref())?;
    if let Some(announcement) = selected.announcement() {
        report::warning(announcement);
    }
    match selected.device {
        OpenDevice::KeyLink(link) => Ok((link.descriptor().clone(), link)),
        other => Err(Failure::usage(format!("a {} device has no keys", other.kind()))),
    }
}

fn of(descriptor: &Descriptor) -> Value {
    json!({"device": descriptor.id.to_string(), "provenance": descriptor.provenance.as_str(), "evidence": descriptor.evidence})
}

pub(super) fn status(context: &Context, args: &LinkDevice) -> Outcome {
    let (descriptor, mut link) = opened(context, args)?;
    let status = link.status()?;
    if context.json {
        let mut document = of(&descriptor);
        for (name, value) in [
            ("stored_keys", status.stored_keys),
            ("max_keys", status.max_keys),
            ("default_key_bits", status.default_key_bits.into()),
            ("min_key_bits", status.min_key_bits.into()),
            ("max_key_bits", status.max_key_bits.into()),
        ] {
            document[name] = value.into();
        }
        return report::json(&document);
    }
    report::line(format!("{}, {}", descriptor.id, descriptor.provenance_with_evidence()))?;
    report::line(format!("stored keys  {} of {}", status.stored_keys, status.max_keys))?;
    let (least, most, usual) = (status.min_key_bits, status.max_key_bits, status.default_key_bits);
    report::line(format!("key length   {least} to {most} bits, {usual} unless asked"))
}

pub(super) fn get(context: &Context, args: &LinkGetArgs) -> Outcome {
    let (descriptor, mut link) = opened(context, &args.link)?;
    let bits = match args.size {
        Some(bits) => bits,
        None => link.status()?.default_key_bits,
    };
    let mut keys = Vec::new();
    for _ in 0..args.number {
        match link.next_key(bits) {
            Ok((id, key)) => keys.push((id.to_string(), key)),
            // Keys that are out of the store already are not thrown away.
            Err(error) if !keys.is_empty() => {
                report::warning(format!(
                    "{} of {} keys were given: {}",
                    keys.len(),
                    args.number,
                    error.chain()
                ));
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    show(context, &descriptor, &keys, &args.out)
}

pub(super) fn fetch(context: &Context, args: &LinkFetchArgs) -> Outcome {
    let (descriptor, mut link) = opened(context, &args.link)?;
    let mut keys = Vec::new();
    for id in &args.ids {
        match link.key(id) {
            Ok(key) => keys.push((id.to_string(), key)),
            Err(error) if !keys.is_empty() => {
                report::warning(format!(
                    "{} of {} keys were given: {}",
                    keys.len(),
                    args.ids.len(),
                    error.chain()
                ));
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    show(context, &descriptor, &keys, &args.out)
}

/// Writes keys as a key container of the standard: to a file that only its owner can read, or to standard output.
fn show(context: &Context, descriptor: &Descriptor, keys: &[(String, SecretKey)], out: &KeysOut) -> Outcome {
    let mut text = Zeroizing::new(String::from("{\"keys\":["));
    for (place, (id, key)) in keys.iter().enumerate() {
        let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
        text.push_str(if place == 0 { "{\"key_ID\":\"" } else { ",{\"key_ID\":\"" });
        text.push_str(id);
        text.push_str("\",\"key\":\"");
        text.push_str(&encoded);
        text.push_str("\"}");
    }
    let extension = json!({
        "qhal_device": descriptor.id.to_string(),
        "qhal_provenance": descriptor.provenance.as_str(),
    });
    text.push_str("],\"key_container_extension\":");
    text.push_str(&extension.to_string());
    text.push_str("}\n");
    let Some(path) = &out.out else { return report::bytes(text.as_bytes()) };
    files::whole(path, |file| {
        file.write_all(text.as_bytes()).map_err(|cause| writing(cause, &path.display().to_string()))
    })?;
    let ids: Vec<&String> = keys.iter().map(|(id, _)| id).collect();
    if context.json {
        let mut document = of(descriptor);
        document["key_ids"] = json!(ids);
        document["file"] = json!(path.display().to_string());
        return report::json(&document);
    }
    for id in ids {
        report::line(id)?;
    }
    report::note(format!("{} key(s) written to {}, readable by its owner alone", keys.len(), path.display()));
    Ok(())
}
