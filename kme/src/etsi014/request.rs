//! Requests in the shapes of ETSI GS QKD 014 §6, read strictly: whatever the standard does not allow is said to be wrong.

use std::collections::HashSet;

use qhal::KeyId;
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::settings::KmeSection;

/// A "Key request" of §6.2.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRequest {
    number: Option<u64>,
    size: Option<u64>,
    /// Slaves beside the one in the path.
    pub(crate) additional_slaves: Vec<String>,
}

impl KeyRequest {
    /// `number=3&size=1024`; §5.2 allows nothing else in a GET.
    pub(crate) fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut request = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "number" => &mut request.number,
                "size" => &mut request.size,
                other => {
                    return Err(Refusal::bad(format!(
                        "'{other}' is no parameter of a GET: use POST for more"
                    )));
                }
            };
            let number = value.parse::<u64>().ok().filter(|number| *number > 0);
            let number =
                number.ok_or_else(|| Refusal::bad(format!("{name} is a positive integer, not '{value}'")))?;
            if place.replace(number).is_some() {
                return Err(Refusal::bad(format!("{name} stands twice")));
            }
        }
        Ok(request)
    }

    /// A JSON object; no body at all is an empty one.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        let object = object(body)?;
        let (number, size) = (positive(&object, "number")?, positive(&object, "size")?);
        let mut request = Self { number, size, additional_slaves: Vec::new() };
        if let Some(list) = object.get("additional_slave_SAE_IDs") {
            let strings =
                list.as_array().map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
            let Some(Some(slaves)) = strings else {
                return Err(Refusal::bad("additional_slave_SAE_IDs is an array of strings"));
            };
            if slaves.is_empty() {
                return Err(Refusal::bad("additional_slave_SAE_IDs is empty: leave it out"));
            }
            request.additional_slaves = slaves.into_iter().map(str::to_owned).collect();
        }
        extensions(&object, "extension_optional")?;
        if let Some(name) = extensions(&object, "extension_mandatory")?.first() {
            return Err(Refusal::bad(format!(
                "not all extension_mandatory parameters are supported: {name}"
            )));
        }
        Ok(request)
    }

    /// How many keys of how many bits it is about, if that can be.
    pub(crate) fn check(&self, kme: &KmeSection, master: &str, slave: &str) -> Result<(u32, u32), Refusal> {
        let most = u64::from(kme.max_keys_per_request);
        let number = self.number.unwrap_or(1);
        if number > most {
            return Err(Refusal::bad(format!("number is at most {most}, not {number}")));
        }
        let (least, longest) = (u64::from(kme.min_key_bits), u64::from(kme.max_key_bits));
        let size = self.size.unwrap_or(u64::from(kme.key_bits));
        if !size.is_multiple_of(8) {
            return Err(Refusal::bad(format!("size shall be a multiple of 8, not {size}")));
        }
        if !(least..=longest).contains(&size) {
            return Err(Refusal::bad(format!("size is from {least} to {longest} bits, not {size}")));
        }
        if self.additional_slaves.len() > kme.max_additional_slaves as usize {
            return Err(Refusal::bad(format!(
                "at most {} additional slaves, not {}",
                kme.max_additional_slaves,
                self.additional_slaves.len()
            )));
        }
        let mut seen = HashSet::from([master, slave]);
        for other in &self.additional_slaves {
            if other.trim().is_empty() {
                return Err(Refusal::bad("an additional slave has a blank name"));
            }
            if !seen.insert(other) {
                return Err(Refusal::bad(format!("'{other}' is named twice, or is the master itself")));
            }
        }
        // Both are within limits of 32 bits.
        Ok((number as u32, size as u32))
    }
}

/// "Key IDs" of §6.4.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyIds(Vec<KeyId>);

impl KeyIds {
    /// `key_ID=<uuid>`; §5.3 allows one in a GET.
    pub(crate) fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        match (parameters.next(), parameters.next()) {
            (Some((name, id)), None) if name == "key_ID" => Ok(Self(vec![key_id(&id)?])),
            _ => Err(Refusal::bad("a GET takes one key_ID and nothing else: use POST for more")),
        }
    }

    /// A JSON object with `key_IDs`.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        let object = object(body)?;
        let wrong = || Refusal::bad("key_IDs is an array of objects, each with a key_ID");
        let list = object.get("key_IDs").and_then(Value::as_array).ok_or_else(wrong)?;
        let ids = list.iter().map(|item| item.get("key_ID").and_then(Value::as_str).ok_or_else(wrong));
        let ids = ids.map(|id| key_id(id?)).collect::<Result<Vec<_>, _>>()?;
        if ids.is_empty() {
            return Err(Refusal::bad("key_IDs is empty"));
        }
        Ok(Self(ids))
    }

    /// The names, if there are not too many and no two are equal.
    pub(crate) fn check(&self, kme: &KmeSection) -> Result<Vec<KeyId>, Refusal> {
        if self.0.len() > kme.max_keys_per_request as usize {
            return Err(Refusal::bad(format!("at most {} key IDs in a request", kme.max_keys_per_request)));
        }
        let different: HashSet<&KeyId> = self.0.iter().collect();
        if different.len() != self.0.len() {
            return Err(Refusal::bad("a key ID stands twice"));
        }
        Ok(self.0.clone())
    }
}

fn key_id(text: &str) -> Result<KeyId, Refusal> {
    text.parse().map_err(|_| Refusal::bad(format!("'{text}' is not a key ID: it is a UUID")))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad("the body is not a JSON object")),
        Err(error) => Err(Refusal::bad(format!("the body is not JSON: {error}"))),
    }
}

fn positive(object: &Map<String, Value>, name: &str) -> Result<Option<u64>, Refusal> {
    match object.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .filter(|number| *number > 0)
            .map(Some)
            .ok_or_else(|| Refusal::bad(format!("{name} is a positive integer, not {value}"))),
    }
}

/// The names in a list of extensions: an array of objects, name to value.
fn extensions(object: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refusal> {
    let Some(value) = object.get(name) else { return Ok(Vec::new()) };
    let wrong = || Refusal::bad(format!("{name} is an array of objects"));
    let mut names = Vec::new();
    for item in value.as_array().ok_or_else(wrong)? {
        names.extend(item.as_object().ok_or_else(wrong)?.keys().cloned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kme() -> KmeSection {
        let text = r#"{"id":"k","listen":"","certificate":"","key":"","ca":"","state":""}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn requests_of_the_standard_are_read() {
        assert_eq!(KeyRequest::from_body(b"").unwrap(), KeyRequest::default());
        assert_eq!(KeyRequest::from_query("").unwrap(), KeyRequest::default());
        let request = KeyRequest::from_query("number=3&size=1024").unwrap();
        assert_eq!(request.check(&kme(), "a", "b").unwrap(), (3, 1024));
        // The example of ETSI GS QKD 014 V1.1.1 §6.2, with its optional extension.
        let body = br#"{"number": 20, "size": 512, "additional_slave_SAE_IDs": ["ABCDEFG"],
            "extension_optional": [{"abc_extension": "x"}]}"#;
        let request = KeyRequest::from_body(body).unwrap();
        assert_eq!(request.additional_slaves, ["ABCDEFG"]);
        assert_eq!(request.check(&kme(), "a", "b").unwrap(), (20, 512));
    }

    #[test]
    fn what_the_standard_does_not_allow_is_refused() {
        for query in
            ["number=0", "number=-1", "number=1.5", "number=", "size=x", "number=1&number=2", "color=1", "x"]
        {
            assert!(matches!(KeyRequest::from_query(query), Err(Refusal::BadRequest(_))), "{query}");
        }
        for body in [
            "[]",
            "1",
            "{",
            r#"{"number": 0}"#,
            r#"{"number": "1"}"#,
            r#"{"number": 1.5}"#,
            r#"{"size": -8}"#,
            r#"{"size": null}"#,
            r#"{"additional_slave_SAE_IDs": []}"#,
            r#"{"additional_slave_SAE_IDs": [1]}"#,
            r#"{"additional_slave_SAE_IDs": "x"}"#,
            r#"{"extension_mandatory": [{"x_y": 1}]}"#,
            r#"{"extension_mandatory": {}}"#,
            r#"{"extension_optional": [1]}"#,
        ] {
            assert!(matches!(KeyRequest::from_body(body.as_bytes()), Err(Refusal::BadRequest(_))), "{body}");
        }
        for query in ["number=129", "size=12", "size=56", "size=8200"] {
            let request = KeyRequest::from_query(query).unwrap();
            assert!(matches!(request.check(&kme(), "a", "b"), Err(Refusal::BadRequest(_))), "{query}");
        }
        for others in [
            vec!["a"],
            vec!["b"],
            vec!["c", "c"],
            vec![" "],
            vec!["1", "2", "3", "4", "5", "6", "7", "8", "9"],
        ] {
            let additional_slaves = others.iter().map(|&other| other.to_owned()).collect();
            let request = KeyRequest { additional_slaves, ..KeyRequest::default() };
            assert!(matches!(request.check(&kme(), "a", "b"), Err(Refusal::BadRequest(_))), "{others:?}");
        }
    }

    #[test]
    fn key_ids_are_distinct_uuids() {
        let id = "bc490419-7d60-487f-adc1-4ddcc177c139";
        assert!(KeyIds::from_query(&format!("key_ID={id}")).is_ok());
        for query in ["", "key_ID=1", &format!("key_ID={id}&key_ID={id}"), &format!("id={id}")] {
            assert!(KeyIds::from_query(query).is_err(), "{query}");
        }
        let twice =
            format!(r#"{{"key_IDs": [{{"key_ID": "{id}"}}, {{"key_ID": "{}"}}]}}"#, id.to_uppercase());
        assert!(
            KeyIds::from_body(twice.as_bytes()).unwrap().check(&kme()).is_err(),
            "the same key, written otherwise"
        );
        for body in
            ["", "{}", r#"{"key_IDs": []}"#, r#"{"key_IDs": ["x"]}"#, r#"{"key_IDs": [{"key_ID": 1}]}"#]
        {
            assert!(KeyIds::from_body(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_stops_the_reader(body in prop::collection::vec(any::<u8>(), 0..200), query in ".{0,100}") {
            let _ = KeyRequest::from_body(&body);
            let _ = KeyIds::from_body(&body);
            let _ = KeyRequest::from_query(&query);
            let _ = KeyIds::from_query(&query);
        }
    }
}
