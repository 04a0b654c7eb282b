//! The sidecar of a file of samples: where they come from, in a JSON document beside it.

use std::path::{Path, PathBuf};

use qhal::device::{Property, PropertyValue};
use qhal::{Descriptor, EntropySource, Error, ErrorKind, MinEntropy, Provenance, Result};
use qhal_entropy::Statistics;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The value of `format` in every sidecar.
const FORMAT: &str = "qhal-samples-1";

/// A file larger than this is no sidecar.
const LARGEST: u64 = 1 << 20;

/// What is written down beside samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    format: String,
    /// Samples in the file, one to a byte.
    pub(crate) samples: u64,
    /// Bits of a sample, 1 to 8, in the low bits of its byte.
    pub(crate) sample_bits: u8,
    /// `raw`, or `conditioned` inside the device.
    pub(crate) stage: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// What the device claimed, in bits per sample.
    pub(crate) claimed_min_entropy: f64,
    pub(crate) device: String,
    pub(crate) model: String,
    pub(crate) serial: Option<String>,
    pub(crate) address: String,
    pub(crate) provenance: Provenance,
    pub(crate) evidence: String,
    pub(crate) origin: String,
    /// What the device told of itself before the first sample.
    pub(crate) properties: Vec<Told>,
    /// When the first sample was read, in milliseconds since 1970-01-01 UTC, and the same for people.
    pub(crate) taken_at_ms: u64,
    pub(crate) taken_at: String,
    pub(crate) seconds: f64,
    /// For restart tests: how often the source was restarted; samples after each follow each other.
    pub(crate) restarts: Option<u64>,
    /// What the health tests saw; `null` after restarts, when samples are taken as they come.
    pub(crate) health: Option<Judged>,
    /// The program that wrote it.
    pub(crate) program: String,
}

/// One property of the device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) unit: String,
}

/// Figures of the health tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) samples: u64,
    pub(crate) failures: u64,
    pub(crate) longest_run: u32,
    pub(crate) repetition_cutoff: u32,
    pub(crate) highest_proportion: u32,
    pub(crate) proportion_cutoff: u32,
    pub(crate) proportion_window: u32,
}

impl From<&Statistics> for Judged {
    fn from(statistics: &Statistics) -> Self {
        Self {
            samples: statistics.samples,
            failures: statistics.failures(),
            longest_run: statistics.longest_run,
            repetition_cutoff: statistics.repetition_cutoff,
            highest_proportion: statistics.highest_proportion,
            proportion_cutoff: statistics.proportion_cutoff,
            proportion_window: statistics.proportion_window,
        }
    }
}

impl Sidecar {
    /// Of samples that are about to be read from `source`, which told `properties`; the rest is filled in afterwards.
    pub(crate) fn begin(source: &dyn EntropySource, properties: &[Property], taken_at_ms: u64) -> Self {
        let descriptor: &Descriptor = source.descriptor();
        let claim = source.claimed_min_entropy();
        let taken = std::time::UNIX_EPOCH + std::time::Duration::from_millis(taken_at_ms);
        Self {
            format: FORMAT.to_owned(),
            samples: 0,
            sample_bits: claim.sample_bits(),
            stage: source.stage().as_str().to_owned(),
            sha256: String::new(),
            claimed_min_entropy: claim.per_sample(),
            device: descriptor.id.to_string(),
            model: descriptor.model.clone(),
            serial: descriptor.serial.clone(),
            address: descriptor.address.to_string(),
            provenance: descriptor.provenance,
            evidence: descriptor.evidence.clone(),
            origin: descriptor.origin.as_str().to_owned(),
            properties: properties.iter().map(Told::from).collect(),
            taken_at_ms,
            taken_at: humantime::format_rfc3339_seconds(taken).to_string(),
            seconds: 0.0,
            restarts: None,
            health: None,
            program: concat!("qhal ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// What is known once the samples have been read.
    pub(crate) fn end(&mut self, samples: u64, digest: &[u8], taken: std::time::Duration) {
        self.samples = samples;
        self.sha256 = hex(digest);
        self.seconds = taken.as_secs_f64();
    }

    /// The sidecar of `file`: its name with `.json` behind it.
    pub(crate) fn path(file: &Path) -> PathBuf {
        let mut name = file.as_os_str().to_owned();
        name.push(".json");
        name.into()
    }

    /// The sidecar beside `file`, whose content is `samples`; `None` when there is none, or a document of another kind.
    ///
    /// # Errors
    /// `InvalidInput` when there is one and it makes no sense, or it belongs to other samples.
    pub(crate) fn beside(file: &Path, samples: &[u8]) -> Result<Option<Self>> {
        let path = Self::path(file);
        let Some(sidecar) = Self::read(&path)? else { return Ok(None) };
        sidecar.claim().map_err(|error| error.context(path.display()))?;
        let digest = hex(&Sha256::digest(samples));
        if sidecar.samples != samples.len() as u64 || !sidecar.sha256.eq_ignore_ascii_case(&digest) {
            let message = format!(
                "{} tells of other samples than those of {}, by their SHA-256; move it away to go on without it",
                path.display(),
                file.display()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Some(sidecar))
    }

    /// The sidecar at `path`; `None` when there is nothing, or a document of another kind.
    fn read(path: &Path) -> Result<Option<Self>> {
        let Ok(metadata) = std::fs::metadata(path) else { return Ok(None) };
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Ok(None);
        }
        let name = path.display();
        let text =
            std::fs::read(path).map_err(|cause| Error::from_io(cause, format!("cannot read {name}")))?;
        let Ok(document) = serde_json::from_slice::<Value>(&text) else { return Ok(None) };
        if document.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Ok(None);
        }
        serde_json::from_value(document).map(Some).map_err(|error| {
            let message = format!("{name} is no complete sidecar of samples: {error}");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }

    /// The bits of a sample, as the sidecar beside `file` tells them; whether it belongs to it is not looked at.
    pub(crate) fn bits_beside(file: &Path) -> Option<u8> {
        let sidecar = Self::read(&Self::path(file)).ok().flatten()?;
        sidecar.claim().ok().map(MinEntropy::sample_bits)
    }

    /// What the device claimed.
    ///
    /// # Errors
    /// `InvalidInput` when that is impossible.
    pub(crate) fn claim(&self) -> Result<MinEntropy> {
        MinEntropy::new(self.claimed_min_entropy, self.sample_bits)
    }

    /// Where the samples come from, in one phrase.
    pub(crate) fn provenance_in_words(&self) -> String {
        format!("{}, {} ({}), {} samples", self.device, self.provenance, self.evidence, self.stage)
    }
}

impl From<&Property> for Told {
    fn from(property: &Property) -> Self {
        let value = match &property.value {
            PropertyValue::Text(text) => Value::from(text.as_str()),
            PropertyValue::Number(number) => Value::from(*number),
            PropertyValue::Flag(flag) => Value::from(*flag),
        };
        Self { name: property.name.clone(), value, unit: property.unit.to_owned() }
    }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
