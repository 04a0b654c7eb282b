//! Texts of ETSI GS QKD 014 and the values that they mean, read tolerantly: servers in the field differ from the standard.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qhal::{Error, ErrorKind, KeyId, LinkStatus, Provenance, Result};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::transport::https::percent_encoded;

/// The path of a call about keys that are shared with the application `peer`.
pub fn path(peer: &str, call: &str) -> String {
    format!("/api/v1/keys/{}/{call}", percent_encoded(peer))
}

/// What a status says (§6.1), and what it calls the two key managers and applications.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The figures.
    pub link: LinkStatus,
    /// Names that were given: `source_KME_ID` and the like.
    pub names: Vec<(&'static str, String)>,
    /// What the key manager says its keys are made of, where it says so (`qhal_provenance`).
    pub provenance: Option<Provenance>,
}

/// The names of a status.
const NAMES: [&str; 4] = ["source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID"];

/// Reads a status.
///
/// # Errors
/// `Protocol` for what is none: no JSON object, figures that are missing or do not go together.
pub fn status(body: &[u8]) -> Result<Status> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|cause| protocol("the status of the key manager is no JSON document").because(cause))?;
    let figure = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| protocol(format!("the status has no figure {name}")))
    };
    let bits = |name: &str| {
        u32::try_from(figure(name)?).map_err(|_| protocol(format!("the status has a {name} that no key has")))
    };
    let default_key_bits = bits("key_size")?;
    // Not every server has them; then only the usual length is known to be given.
    let or_default = |name: &str| if value.get(name).is_some() { bits(name) } else { Ok(default_key_bits) };
    let stored_keys = figure("stored_key_count")?;
    let max_keys = figure("max_key_count").unwrap_or(stored_keys).max(stored_keys);
    let whole = |bits: u32| bits.next_multiple_of(8);
    let link = LinkStatus {
        stored_keys,
        max_keys,
        default_key_bits,
        min_key_bits: whole(or_default("min_key_size")?.max(8)),
        max_key_bits: or_default("max_key_size")? / 8 * 8,
    };
    if !default_key_bits.is_multiple_of(8)
        || !(link.min_key_bits..=link.max_key_bits).contains(&default_key_bits)
    {
        let (least, most) = (link.min_key_bits, link.max_key_bits);
        return Err(protocol(format!(
            "the key manager's keys of {default_key_bits} bits are not whole bytes within its own limits of {least} to {most}"
        )));
    }
    let text = |name: &'static str| Some((name, value.get(name)?.as_str()?.to_owned()));
    let provenance = value["status_extension"]["qhal_provenance"].as_str();
    Ok(Status {
        link,
        names: NAMES.into_iter().filter_map(text).collect(),
        provenance: provenance.and_then(|name| name.parse().ok()),
    })
}

/// One key of a container, by its name. The key is wiped when it is dropped.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub id: KeyId,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// Reads a key container (§6.3).
///
/// # Errors
/// `Protocol` for what is none, for names that are no UUIDs and keys that are not base64.
pub fn container(body: &[u8]) -> Result<Vec<Key>> {
    // What the parser says is left out: it may quote the document, which holds keys.
    let mut value: Value = serde_json::from_slice(body)
        .map_err(|_| protocol("what came instead of keys is no JSON document"))?;
    // One table of the standard prints it with a capital.
    let name = if value.get("keys").is_some() { "keys" } else { "Keys" };
    let list = value.get_mut(name).and_then(Value::as_array_mut);
    let list = list.ok_or_else(|| protocol("what came instead of keys is no key container"))?;
    let mut keys = Vec::with_capacity(list.len());
    let mut wrong = None;
    // All texts are wiped, whatever is wrong with one of them.
    for entry in list {
        let id = entry.get("key_ID").and_then(Value::as_str).and_then(|id| id.parse::<KeyId>().ok());
        let text = match entry.get_mut("key") {
            Some(Value::String(text)) => Zeroizing::new(std::mem::take(text)),
            _ => Zeroizing::default(),
        };
        match (id, STANDARD.decode(text.as_bytes())) {
            (Some(id), Ok(bytes)) => keys.push(Key { id, bytes: Zeroizing::new(bytes) }),
            (None, _) => wrong = Some("a key came under a name that is no UUID"),
            (_, Err(_)) => wrong = Some("a key came that is not written in base64"),
        }
    }
    wrong.map_or(Ok(keys), |wrong| Err(protocol(wrong)))
}

pub(super) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The examples of ETSI GS QKD 014 V1.1.1 §6.1 and §6.3, and what servers in the field make of them.
    #[test]
    fn the_standards_examples_are_read() {
        let example = r#"{"source_KME_ID": "AAAABBBBCCCCDDDD", "target_KME_ID": "EEEEFFFFGGGGHHHH", "master_SAE_ID": "IIIIJJJJKKKKLLLL",
            "slave_SAE_ID": "MMMMNNNNOOOOPPPP", "key_size": 352, "stored_key_count": 25000, "max_key_count": 100000,
            "max_key_per_request": 128, "max_key_size": 1024, "min_key_size": 64, "max_SAE_ID_count": 0}"#;
        let found = status(example.as_bytes()).unwrap();
        assert_eq!(found.names.len(), 4);
        assert_eq!((found.link.stored_keys, found.link.max_keys), (25_000, 100_000));
        assert_eq!(
            (found.link.default_key_bits, found.link.min_key_bits, found.link.max_key_bits),
            (352, 64, 1024)
        );
        assert!(status(br#"{"key_size": 256}"#).is_err() && status(b"<html>").is_err());
        assert!(status(example.replace("352", "353").as_bytes()).is_err());
        assert!(status(example.replace("352", "2048").as_bytes()).is_err());

        let example = r#"{"keys": [{"key_ID": "bc490419-7d60-487f-adc1-4ddcc177c139", "key": "wHHVxRwDJs3/bXd38GHP3oe4svTuRpZS0yCC7x4Ly+s="},
            {"key_ID": "0a782fb5-3434-48fe-aa4d-14f41d46cf92", "key": "OeGMPxh1+2RpJpNCYixWHFLYRubpOKCw94FcCI7VdJA=", "key_extension": {}}]}"#;
        for text in
            [example.to_owned(), example.replace("\"keys\"", "\"Keys\""), example.replace("/b", "\\/b")]
        {
            let keys = container(text.as_bytes()).unwrap();
            assert_eq!(keys.iter().map(|key| key.bytes.len()).collect::<Vec<_>>(), [32, 32]);
            assert_eq!(keys[0].id.to_string(), "bc490419-7d60-487f-adc1-4ddcc177c139");
        }
        for wrong in
            ["{}", "[]", r#"{"keys": [{"key_ID": "x", "key": ""}]}"#, &example.replace("wHHV", "wHH")]
        {
            let error = container(wrong.as_bytes()).unwrap_err();
            assert!(error.kind() == ErrorKind::Protocol && !error.chain().contains("RwDJs3"), "{error}");
        }
        assert_eq!(path("a b/ü", "status"), "/api/v1/keys/a%20b%2F%C3%BC/status");
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(text in "[\\[\\]{}\":,a-zA-Z0-9_\\\\ -]{0,120}") {
            let _ = status(text.as_bytes());
            let _ = container(text.as_bytes());
        }
    }
}
