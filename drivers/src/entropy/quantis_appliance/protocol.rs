//! What a Quantis Appliance is asked and answers: paths and JSON ⇄ values, pure.

use qhal::device::Property;
use qhal::{Error, ErrorKind, PropertyValue, Result};
use serde_json::Value;

/// Under which all of it lies.
pub const BASE: &str = "/api/2.0/";

/// The most that is asked for at a time, in bytes; what the appliance itself allows is *unconfirmed*.
pub const MOST_BYTES: usize = 1 << 20;

/// The most things an appliance tells of itself that are taken in, and the longest of them, in characters.
const MOST_PROPERTIES: usize = 64;
const LONGEST_TEXT: usize = 200;

/// The path that gives `size` random bytes as they are.
pub fn stream_bytes(size: usize) -> String {
    format!("{BASE}streambytes?size={size}")
}

/// What an appliance tells of itself at these paths; which members the answers have is *unconfirmed*, so all are taken as
/// they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// About the appliance as a whole. Every appliance answers this.
    System,
    /// About its generator.
    Firmware,
    /// About its programs.
    Software,
}

impl Question {
    /// Its path.
    pub fn path(self) -> String {
        format!("{BASE}{}", self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::System => "systeminfo",
            Self::Firmware => "firmwareinfo",
            Self::Software => "softwareinfo",
        }
    }

    /// The answer, as properties whose names begin with `prefix`: members of objects within objects have both names.
    ///
    /// # Errors
    /// `Protocol` for anything but a JSON object.
    pub fn read(self, body: &[u8]) -> Result<Vec<Property>> {
        let json: Value = serde_json::from_slice(body).map_err(|cause| {
            let message = format!("the answer to {} is not JSON", self.name());
            Error::new(ErrorKind::Protocol, message).because(cause)
        })?;
        if !json.is_object() {
            let message = format!("the answer to {} is JSON, but not an object", self.name());
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        let mut properties = Vec::new();
        flatten("", &json, &mut properties);
        Ok(properties)
    }
}

fn flatten(name: &str, value: &Value, properties: &mut Vec<Property>) {
    if properties.len() >= MOST_PROPERTIES {
        return;
    }
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let member = words(member).to_lowercase();
                let name = if name.is_empty() { member } else { format!("{name} {member}") };
                if !name.trim().is_empty() {
                    flatten(&name, value, properties);
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&format!("{name} {number}"), item, properties);
            }
        }
        Value::String(text) if !words(text).is_empty() => properties.push(Property::text(name, words(text))),
        Value::Number(number) => {
            properties.extend(number.as_f64().map(|figure| Property::number(name, figure, "")));
        }
        Value::Bool(flag) => properties.push(Property::flag(name, *flag)),
        Value::String(_) | Value::Null => {}
    }
}

/// Text on one line, and not too long.
fn words(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST_TEXT)
        .collect();
    clean.trim().to_owned()
}

/// The serial number among properties: the first whose name speaks of one.
pub fn serial(properties: &[Property]) -> Option<String> {
    let named =
        properties.iter().find(|property| property.name.replace(['_', '-'], "").contains("serial"))?;
    match &named.value {
        PropertyValue::Text(text) => Some(text.clone()),
        PropertyValue::Number(number) => Some(number.to_string()),
        PropertyValue::Flag(_) => None,
    }
}

/// The rate in Mbit/s in the answer to `performance`: a number, perhaps with words behind it.
pub fn performance(body: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(body).ok()?.trim().trim_matches(['"', '[', ']']);
    let digits: String =
        text.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.parse().ok().filter(|rate: &f64| rate.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_libqrng() {
        // sebastianardelean/libqrng, src/qrng.c.
        assert_eq!(stream_bytes(4096), "/api/2.0/streambytes?size=4096");
        assert_eq!(Question::System.path(), "/api/2.0/systeminfo");
        assert_eq!(Question::Firmware.path(), "/api/2.0/firmwareinfo");
    }

    #[test]
    fn whatever_it_tells_becomes_properties() {
        let body = br#"{"Model": "Q", "serialNumber": "217", "fans": [{"rpm": 1200}], "ok": true, "none": null, "": 1}"#;
        let told = Question::System.read(body).unwrap();
        let find = |name: &str| told.iter().find(|one| one.name == name).map(|one| one.value.clone());
        assert_eq!(find("model"), Some(PropertyValue::Text("Q".to_owned())));
        assert_eq!(find("fans 0 rpm"), Some(PropertyValue::Number(1200.0)));
        assert_eq!(find("ok"), Some(PropertyValue::Flag(true)));
        assert_eq!(told.len(), 4);
        assert_eq!(serial(&told).as_deref(), Some("217"));
        assert_eq!(serial(&[]), None);
        for bad in ["", "<html>", "[1]", "3"] {
            assert_eq!(
                Question::System.read(bad.as_bytes()).unwrap_err().kind(),
                ErrorKind::Protocol,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_rate_is_the_number_that_an_answer_begins_with() {
        assert_eq!(performance(b"15.9"), Some(15.9));
        assert_eq!(performance(b"\"16 Mbps\"\n"), Some(16.0));
        assert_eq!(performance(b"[4.0]"), Some(4.0));
        assert_eq!((performance(b"fast"), performance(&[0xFF])), (None, None));
    }

    proptest! {
        #[test]
        fn no_answer_stops_the_reader(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,100}") {
            for body in [body, text.clone().into_bytes(), format!("{{{text:?}: {text:?}}}").into_bytes()] {
                for property in Question::Firmware.read(&body).unwrap_or_default() {
                    prop_assert!(!property.name.is_empty() && property.name.chars().count() <= LONGEST_TEXT * 2);
                }
                let _ = performance(&body);
            }
        }
    }
}
