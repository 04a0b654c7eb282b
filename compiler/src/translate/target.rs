//! What programs are translated for: processors by name, from a JSON description, or as an open device tells.
//!
//! The descriptions in `compiler/targets/` are written like those of MQT Core's superconducting device (schema version 1),
//! so that a description made for one can be read by the other. Additions: no `couplings` means that any two qubits are
//! coupled, `features` says what programs may contain, `quarterTurns` that there are only turns by π/2 and π, and `maxShots`
//! the most shots of one job.

use std::collections::BTreeMap;
use std::time::Duration;

use qhal::processor::{
    Capabilities, Couplings, Features, GateSite, NativeGate, ProgramFormat, QubitProperties,
};
use qhal::{Error, ErrorKind, Gate, Result};
use serde::Deserialize;

/// The descriptions that are built in, by name.
const KNOWN: [(&str, &str); 10] = [
    ("aqt", include_str!("../../targets/aqt.json")),
    ("ibm-eagle", include_str!("../../targets/ibm-eagle.json")),
    ("ibm-heron", include_str!("../../targets/ibm-heron.json")),
    ("ibm-nighthawk", include_str!("../../targets/ibm-nighthawk.json")),
    ("ionq-aria", include_str!("../../targets/ionq-aria.json")),
    ("ionq-forte", include_str!("../../targets/ionq-forte.json")),
    ("iqm-emerald", include_str!("../../targets/iqm-emerald.json")),
    ("iqm-garnet", include_str!("../../targets/iqm-garnet.json")),
    ("quantinuum", include_str!("../../targets/quantinuum.json")),
    ("rigetti", include_str!("../../targets/rigetti.json")),
];

/// The most qubits a description may have: the distances between all of them are kept.
const MOST_QUBITS: u32 = 4096;

/// What a program is translated for.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What it is called.
    pub name: String,
    /// Where what is known of it comes from; empty for a device that was asked itself.
    pub source: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether `r` or `rx` turn by π/2 and π only.
    pub quarter_turns: bool,
    /// How long a measurement takes, the longest of all qubits, where it is known.
    pub measurement: Option<Duration>,
}

impl Target {
    /// The names that [`named`](Self::named) knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }

    /// A processor that is built in.
    ///
    /// # Errors
    /// `NotFound` with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        let Some((_, text)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = Self::names().collect();
            let message = format!("there is no target '{name}'; there are {}", names.join(", "));
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        Self::from_json(text)
    }

    /// A processor that a JSON text describes.
    ///
    /// # Errors
    /// `InvalidInput` when the text is no such description: line and column where it is no JSON, else what is wrong.
    pub fn from_json(text: &str) -> Result<Self> {
        let description: Description = serde_json::from_str(text).map_err(|cause| {
            Error::new(ErrorKind::InvalidInput, format!("this is no description of a processor: {cause}"))
        })?;
        description.target()
    }

    /// A processor as it describes itself.
    pub fn of(name: &str, capabilities: &Capabilities) -> Self {
        Self {
            name: name.to_owned(),
            source: String::new(),
            capabilities: capabilities.clone(),
            quarter_turns: false,
            measurement: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    #[serde(rename = "schema-version")]
    version: u32,
    name: String,
    #[serde(default)]
    source: String,
    num_qubits: u32,
    #[serde(default)]
    duration_unit: Unit,
    features: Option<Vec<Feature>>,
    #[serde(default)]
    quarter_turns: bool,
    max_shots: Option<u64>,
    #[serde(default)]
    qubit_properties: Qubits,
    couplings: Option<Vec<(u32, u32)>>,
    operations: Vec<OperationEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unit {
    unit: String,
    scale_factor: f64,
}

impl Default for Unit {
    fn default() -> Self {
        Self { unit: "ns".to_owned(), scale_factor: 1.0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Feature {
    MidCircuitMeasurement,
    Reset,
    Conditions,
}

#[derive(Debug, Default, Deserialize)]
struct Qubits {
    #[serde(default)]
    defaults: Times,
    #[serde(default)]
    overrides: Vec<QubitEntry>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Times {
    t1: Option<f64>,
    t2: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct QubitEntry {
    qubit: u32,
    #[serde(flatten)]
    times: Times,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationEntry {
    name: String,
    num_qubits: u32,
    duration: Option<f64>,
    fidelity: Option<f64>,
    sites: Option<Vec<Place>>,
    #[serde(default)]
    site_overrides: Vec<SiteEntry>,
}

#[derive(Debug, Deserialize)]
struct SiteEntry {
    sites: Place,
    duration: Option<f64>,
    fidelity: Option<f64>,
}

/// A qubit or a pair, written as a list or, for one qubit, as a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Place {
    One(u32),
    Many(Vec<u32>),
}

impl Place {
    fn qubits(&self) -> Vec<u32> {
        match self {
            Self::One(qubit) => vec![*qubit],
            Self::Many(qubits) => qubits.clone(),
        }
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

impl Description {
    fn target(self) -> Result<Target> {
        if self.version != 1 {
            return Err(wrong(format!("its schema version is {}, and only 1 is known", self.version)));
        }
        if self.max_shots == Some(0) {
            return Err(wrong("it runs at least one shot, and maxShots is 0".to_owned()));
        }
        if self.num_qubits == 0 || self.num_qubits > MOST_QUBITS {
            return Err(wrong(format!("it has {} qubits, not 1 to {MOST_QUBITS}", self.num_qubits)));
        }
        for &(a, b) in self.couplings.iter().flatten() {
            if a == b || a.max(b) >= self.num_qubits {
                return Err(wrong(format!("there is no coupling ({a}, {b}) on {} qubits", self.num_qubits)));
            }
        }
        let mut qubits = vec![
            QubitProperties {
                t1: self.time(self.qubit_properties.defaults.t1)?,
                t2: self.time(self.qubit_properties.defaults.t2)?,
                readout_error: None,
            };
            self.num_qubits as usize
        ];
        for entry in &self.qubit_properties.overrides {
            let (t1, t2) = (self.time(entry.times.t1)?, self.time(entry.times.t2)?);
            let qubit = self.qubit(&mut qubits, entry.qubit)?;
            (qubit.t1, qubit.t2) = (t1.or(qubit.t1), t2.or(qubit.t2));
        }
        let mut native_gates = Vec::new();
        let mut reset = false;
        let mut measurement = None;
        for operation in &self.operations {
            match operation.name.as_str() {
                "measure" => {
                    for (place, site) in self.sites(operation)? {
                        measurement = measurement.max(site.duration);
                        if let (&[at], Some(fidelity)) = (place.as_slice(), site.fidelity) {
                            self.qubit(&mut qubits, at)?.readout_error = Some(1.0 - fidelity);
                        }
                    }
                }
                "reset" => reset = true,
                name => {
                    let gate: Gate =
                        name.parse().map_err(|error: Error| wrong(error.message().to_owned()))?;
                    if gate.qubits() != operation.num_qubits as usize {
                        return Err(wrong(format!(
                            "'{name}' acts on {} qubits, not {}",
                            gate.qubits(),
                            operation.num_qubits
                        )));
                    }
                    let known = operation.sites.is_some()
                        || operation.duration.is_some()
                        || operation.fidelity.is_some();
                    let sites = if known || !operation.site_overrides.is_empty() {
                        self.sites(operation)?.into_values().collect()
                    } else {
                        Vec::new()
                    };
                    native_gates.push(NativeGate { gate, sites });
                }
            }
        }
        let has = |feature| self.features.as_ref().is_none_or(|features| features.contains(&feature));
        Ok(Target {
            capabilities: Capabilities {
                qubits,
                native_gates,
                couplings: match &self.couplings {
                    Some(pairs) => Couplings::Pairs(pairs.clone()),
                    None => Couplings::All,
                },
                features: Features {
                    mid_circuit_measurement: has(Feature::MidCircuitMeasurement),
                    reset: has(Feature::Reset) && (reset || self.features.is_some()),
                    conditions: has(Feature::Conditions),
                    ..Features::default()
                },
                formats: vec![ProgramFormat::Circuit, ProgramFormat::OpenQasm2],
                max_shots: self.max_shots.unwrap_or(u64::MAX),
            },
            measurement,
            name: self.name,
            source: self.source,
            quarter_turns: self.quarter_turns,
        })
    }

    fn qubit<'q>(&self, qubits: &'q mut [QubitProperties], at: u32) -> Result<&'q mut QubitProperties> {
        qubits
            .get_mut(at as usize)
            .ok_or_else(|| wrong(format!("there is no qubit {at}, only {}", self.num_qubits)))
    }

    fn time(&self, raw: Option<f64>) -> Result<Option<Duration>> {
        let Some(raw) = raw else { return Ok(None) };
        let unit = match self.duration_unit.unit.as_str() {
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            other => return Err(wrong(format!("'{other}' is not a unit of time: s, ms, us, ns"))),
        };
        let seconds = raw * self.duration_unit.scale_factor * unit;
        Duration::try_from_secs_f64(seconds)
            .map(Some)
            .map_err(|_| wrong(format!("{seconds} s is not a duration")))
    }

    /// Where an operation can be done, with what is known of it there.
    fn sites(&self, operation: &OperationEntry) -> Result<BTreeMap<Vec<u32>, GateSite>> {
        let n = self.num_qubits;
        let everywhere = || -> Vec<Vec<u32>> {
            match (operation.num_qubits, &self.couplings) {
                (1, _) => (0..n).map(|qubit| vec![qubit]).collect(),
                (2, Some(pairs)) => pairs.iter().map(|&(a, b)| vec![a, b]).collect(),
                (2, None) => (0..n).flat_map(|a| (a + 1..n).map(move |b| vec![a, b])).collect(),
                _ => Vec::new(),
            }
        };
        let places = match &operation.sites {
            Some(sites) => sites.iter().map(Place::qubits).collect(),
            None => everywhere(),
        };
        let check = |value: Option<f64>| match value {
            Some(fidelity) if !(0.0..=1.0).contains(&fidelity) => {
                Err(wrong(format!("the fidelity {fidelity} of '{}' is not between 0 and 1", operation.name)))
            }
            value => Ok(value),
        };
        let (duration, fidelity) = (self.time(operation.duration)?, check(operation.fidelity)?);
        let mut sites = BTreeMap::new();
        for qubits in places {
            let distinct = qubits.iter().enumerate().all(|(at, qubit)| !qubits[..at].contains(qubit));
            if qubits.len() != operation.num_qubits as usize
                || !distinct
                || qubits.iter().any(|&qubit| qubit >= n)
            {
                return Err(wrong(format!("'{}' cannot be done on {qubits:?}", operation.name)));
            }
            sites.insert(qubits.clone(), GateSite { qubits, duration, fidelity });
        }
        for entry in &operation.site_overrides {
            let mut qubits = entry.sites.qubits();
            if !sites.contains_key(&qubits) {
                // A coupling may be listed the other way round.
                qubits.reverse();
            }
            let Some(site) = sites.get_mut(&qubits) else {
                qubits.reverse();
                return Err(wrong(format!(
                    "'{}' has figures for {qubits:?}, where it cannot be done",
                    operation.name
                )));
            };
            site.duration = self.time(entry.duration)?.or(site.duration);
            site.fidelity = check(entry.fidelity)?.or(site.fidelity);
        }
        Ok(sites)
    }
}
