//! IQM's JSON ⇄ values: machines, architectures, figures of quality, circuits, the life of a job, counts.
//!
//! Source: QDMI-on-IQM (paths and members as its client reads them), `iqm-client` 36 (angles in radians).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use qhal::circuit::{BitString, Operation};
use qhal::processor::{
    Capabilities, Counts, Couplings, Features, GateSite, NativeGate, ProgramFormat, QubitProperties,
};
use qhal::{Circuit, Error, ErrorKind, Gate, Result};
use serde_json::{Value, json};

/// The name under which all measured bits come back.
pub const KEY: &str = "m";
/// The most qubits of a machine that is taken for one.
const MOST_QUBITS: usize = 1 << 16;

/// An error about what came.
pub(crate) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

fn parse(body: &[u8], what: &str) -> Result<Value> {
    serde_json::from_slice(body).map_err(|_| protocol(format!("{what} came as something that is not JSON")))
}

/// A name that may stand in a path.
fn name(value: Option<&Value>) -> Option<String> {
    let text = value.and_then(Value::as_str)?;
    let sound = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    (sound && (1..=128).contains(&text.len())).then(|| text.to_owned())
}

/// A machine of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name in paths that take the machine itself.
    pub id: String,
    /// Its name for people, and in the other paths.
    pub alias: String,
}

/// The machines of a server.
///
/// # Errors
/// `Protocol` for what is no list of them.
pub fn machines(body: &[u8]) -> Result<Vec<Machine>> {
    let document = parse(body, "the list of machines")?;
    let list = document.get("quantum_computers").and_then(Value::as_array);
    let list = list.ok_or_else(|| protocol("the answer has no list of quantum computers"))?;
    list.iter()
        .map(|entry| {
            let alias = name(entry.get("alias")).or_else(|| name(entry.get("id")));
            let alias = alias.ok_or_else(|| protocol("a quantum computer has no name"))?;
            Ok(Machine { id: name(entry.get("id")).unwrap_or_else(|| alias.clone()), alias })
        })
        .collect()
}

/// What a machine can do now.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// The names of the qubits; qubit i is the i-th.
    pub names: Vec<String>,
    /// The calibration that the figures belong to.
    pub calibration: Option<String>,
    /// The same in the words of the hal.
    pub capabilities: Capabilities,
}

/// Puts together what a machine is made of, what is calibrated, and how good it is.
///
/// # Errors
/// `Protocol` for what cannot be; `Unsupported` for machines with resonators, which need moves between places.
pub fn architecture(
    fixed: &[u8],
    calibrated: &[u8],
    metrics: Option<&[u8]>,
    most_shots: u64,
) -> Result<Architecture> {
    let fixed = parse(fixed, "the architecture")?;
    let fixed = fixed.as_array().and_then(|list| list.first()).unwrap_or(&fixed);
    if fixed.get("computational_resonators").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        let message =
            "machines with computational resonators are not supported: circuits say nothing of moves";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let names = fixed.get("qubits").and_then(Value::as_array);
    let names: Option<Vec<String>> =
        names.and_then(|list| list.iter().map(|value| name(Some(value))).collect());
    let names = names.filter(|names| (1..=MOST_QUBITS).contains(&names.len()));
    let names = names.ok_or_else(|| protocol("the architecture has no list of qubits"))?;
    let places: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    if places.len() != names.len() {
        return Err(protocol("two qubits have the same name"));
    }
    let dynamic = parse(calibrated, "the calibration")?;
    let figures = metrics.map(|body| observations(&parse(body, "the figures of quality")?)).transpose()?;
    let figures = figures.unwrap_or_default();
    let loci = |gate: &str, width: usize| loci(&dynamic, gate, width, &places);
    let (implementation, single) = loci("prx", 1)?;
    let joined = |locus: &[u32]| {
        let parts: Option<Vec<&str>> =
            locus.iter().map(|at| names.get(*at as usize).map(String::as_str)).collect();
        parts.unwrap_or_default().join("__")
    };
    let sites = |loci: &[Vec<u32>], family: &str| -> Result<Vec<GateSite>> {
        loci.iter()
            .map(|locus| {
                let field = format!("metrics.{family}.{}.fidelity:par=d2", joined(locus));
                Ok(GateSite {
                    qubits: locus.clone(),
                    duration: None,
                    fidelity: probability(&figures, &field)?,
                })
            })
            .collect()
    };
    let mut native_gates = Vec::new();
    if !single.is_empty() {
        native_gates
            .push(NativeGate { gate: Gate::R, sites: sites(&single, &format!("rb.prx.{implementation}"))? });
    }
    let (implementation, pairs) = loci("cz", 2)?;
    let mut pairs_seen = HashSet::new();
    // A machine may list a pair in both directions; the gate is the same.
    let pairs: Vec<Vec<u32>> = pairs
        .into_iter()
        .filter(|pair| {
            let mut sorted = pair.clone();
            sorted.sort_unstable();
            pairs_seen.insert(sorted)
        })
        .collect();
    if !pairs.is_empty() {
        native_gates
            .push(NativeGate { gate: Gate::Cz, sites: sites(&pairs, &format!("irb.cz.{implementation}"))? });
    }
    let (implementation, _) = loci("measure", 1)?;
    let mut qubits = Vec::with_capacity(names.len());
    for qubit in &names {
        let time = |which: &str| {
            let seconds = figures.get(&format!("characterization.model.{qubit}.{which}_time"));
            seconds.and_then(|seconds| Duration::try_from_secs_f64(*seconds).ok())
        };
        let readout =
            probability(&figures, &format!("metrics.ssro.measure.{implementation}.{qubit}.fidelity"))?;
        let readout_error = readout.map(|fidelity| 1.0 - fidelity);
        qubits.push(QubitProperties { t1: time("t1"), t2: time("t2"), readout_error });
    }
    let couplings =
        Couplings::Pairs(pairs.iter().filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect());
    let capabilities = Capabilities {
        qubits,
        native_gates,
        couplings,
        features: Features::default(),
        formats: vec![ProgramFormat::Circuit],
        max_shots: most_shots,
    };
    Ok(Architecture { calibration: name(dynamic.get("calibration_set_id")), names, capabilities })
}

/// The implementation of a gate that is used, and where it is calibrated; nothing for a gate that is not.
fn loci(
    dynamic: &Value,
    gate: &str,
    width: usize,
    places: &HashMap<&str, u32>,
) -> Result<(String, Vec<Vec<u32>>)> {
    let Some(found) = dynamic.get("gates").and_then(|gates| gates.get(gate)) else {
        return Ok((String::new(), Vec::new()));
    };
    let implementation = name(found.get("default_implementation"));
    let implementation =
        implementation.ok_or_else(|| protocol(format!("'{gate}' has no default implementation")))?;
    let list =
        found.get("implementations").and_then(|all| all.get(&implementation)).and_then(|one| one.get("loci"));
    let list = list.and_then(Value::as_array).ok_or_else(|| protocol(format!("'{gate}' has no loci")))?;
    let locus = |value: &Value| {
        let names = value.as_array()?;
        let locus: Option<Vec<u32>> = names.iter().map(|name| places.get(name.as_str()?).copied()).collect();
        let different: HashSet<_> = locus.iter().flatten().collect();
        locus.as_ref().is_some_and(|locus| different.len() == locus.len()).then_some(())?;
        locus
    };
    let all: Option<Vec<Vec<u32>>> = list.iter().map(locus).collect();
    let mut all =
        all.ok_or_else(|| protocol(format!("'{gate}' is calibrated on qubits that there are not")))?;
    // Measurements may list groups beside single qubits.
    all.retain(|locus| locus.len() == width);
    let mut seen = HashSet::new();
    all.retain(|locus| seen.insert(locus.clone()));
    Ok((implementation, all))
}

/// Figures that are not marked as invalid, by their names.
fn observations(document: &Value) -> Result<HashMap<String, f64>> {
    let list = document.get("observations").and_then(Value::as_array);
    let list = list.ok_or_else(|| protocol("the figures of quality are no list of observations"))?;
    let sound = list.iter().filter(|entry| entry.get("invalid").and_then(Value::as_bool) != Some(true));
    Ok(sound
        .filter_map(|entry| {
            let figure = entry.get("value").and_then(Value::as_f64)?;
            Some((entry.get("dut_field")?.as_str()?.to_owned(), figure))
        })
        .collect())
}

fn probability(figures: &HashMap<String, f64>, field: &str) -> Result<Option<f64>> {
    match figures.get(field) {
        Some(figure) if !(0.0..=1.0).contains(figure) => Err(protocol(format!("{field} is {figure}"))),
        found => Ok(found.copied()),
    }
}

fn cannot(what: &str) -> Error {
    let message =
        format!("this machine does not do {what}; `qhal run --translate` makes a program of what it does");
    Error::new(ErrorKind::Unsupported, message)
}

/// A circuit as it is sent, and which classical bit each character of an outcome is; a number that there is not stands for none.
///
/// # Errors
/// `Exhausted` for more qubits than there are; `Unsupported` for what the machine does not do, or not there.
pub fn circuit(circuit: &Circuit, machine: &Architecture, shots: u64) -> Result<(Value, Vec<u32>)> {
    let capabilities = &machine.capabilities;
    if circuit.qubits() as usize > machine.names.len() {
        let message =
            format!("the circuit has {} qubits and the machine {}", circuit.qubits(), machine.names.len());
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    let named = |qubits: &[u32]| -> Vec<&str> {
        qubits.iter().filter_map(|qubit| machine.names.get(*qubit as usize)).map(String::as_str).collect()
    };
    let (mut instructions, mut locus, mut bits) = (Vec::new(), Vec::new(), Vec::new());
    for instruction in circuit.instructions() {
        if instruction.condition.is_some() {
            return Err(cannot("operations under a condition"));
        }
        let operation = instruction.operation;
        let measured = operation.qubits().iter().any(|qubit| locus.contains(qubit));
        if measured && !matches!(operation, Operation::Barrier { .. }) {
            return Err(cannot("anything to a qubit after it has been measured"));
        }
        match operation {
            Operation::Gate { gate, params, qubits } => {
                let native = capabilities.native_gates.iter().find(|native| native.gate == gate);
                let native = native.ok_or_else(|| cannot(&format!("the gate {gate}")))?;
                let there = native.sites.iter().find(|site| {
                    site.qubits == qubits || (gate == Gate::Cz && site.qubits.iter().rev().eq(qubits))
                });
                let there = there.ok_or_else(|| cannot(&format!("{gate} on qubits {qubits:?}")))?;
                instructions.push(match params {
                    [angle, phase] => {
                        json!({"name": "prx", "locus": named(qubits), "args": {"angle": angle, "phase": phase}})
                    }
                    _ => json!({"name": "cz", "locus": named(&there.qubits), "args": {}}),
                });
            }
            Operation::Measure { qubit, bit } => {
                if bits.contains(&bit) {
                    return Err(cannot("two measurements into one bit"));
                }
                locus.push(qubit);
                bits.push(bit);
            }
            Operation::Barrier { qubits: [] } => {
                let all: Vec<u32> = (0..circuit.qubits()).collect();
                instructions.push(json!({"name": "barrier", "locus": named(&all), "args": {}}));
            }
            Operation::Barrier { qubits } => {
                instructions.push(json!({"name": "barrier", "locus": named(qubits), "args": {}}));
            }
            other => return Err(cannot(&format!("'{}'", other.name()))),
        }
    }
    if locus.is_empty() {
        // Nothing is run without a measurement; this one is for no bit of the program.
        locus.push(0);
        bits.push(circuit.bits());
    }
    instructions.push(json!({"name": "measure", "locus": named(&locus), "args": {"key": KEY}}));
    let document = json!({
        "circuits": [{"name": "qhal", "instructions": instructions}],
        "calibration_set_id": machine.calibration,
        "shots": shots,
    });
    Ok((document, bits))
}

/// The name of a job that was taken.
///
/// # Errors
/// `Protocol` for an answer without one.
pub fn job_name(body: &[u8]) -> Result<String> {
    name(parse(body, "the name of the job")?.get("id"))
        .ok_or_else(|| protocol("the answer has no name of the job"))
}

/// How a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits; how many are before it.
    Queued(Option<u64>),
    /// It runs.
    Running,
    /// Its counts can be fetched.
    Done,
    /// It failed; the server may say why.
    Failed(Option<String>),
    /// It was cancelled.
    Cancelled,
}

/// Reads the answer about a job.
///
/// # Errors
/// `Protocol` for what is none, and for a status that there is not.
pub fn progress(body: &[u8]) -> Result<Progress> {
    let document = parse(body, "the status of the job")?;
    let status = document.get("status").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| status.starts_with(word));
    match status.replace(' ', "_").as_str() {
        "received" | "queued" | "waiting" => {
            Ok(Progress::Queued(document.get("queue_position").and_then(Value::as_u64)))
        }
        "ready" | "completed" => Ok(Progress::Done),
        "aborted" | "cancelled" => Ok(Progress::Cancelled),
        "failed" => Ok(Progress::Failed(reason(&document))),
        "accepted" | "processing" | "compiled" | "pending_compilation" | "pending_execution" | "running" => {
            Ok(Progress::Running)
        }
        _ if starts(&[
            "validation_",
            "fetch_calibration_",
            "compilation_",
            "execution_",
            "post_processing_",
        ]) =>
        {
            Ok(Progress::Running)
        }
        _ => Err(protocol(format!("the job has the status '{}', which there is not", status.escape_debug()))),
    }
}

/// Why a job failed, wherever the server says so.
fn reason(document: &Value) -> Option<String> {
    let message = document.get("message").and_then(Value::as_str);
    let of_errors = || document.get("errors")?.as_array()?.first()?.get("message")?.as_str();
    let text = message.or_else(of_errors)?;
    Some(text.chars().filter(|c| !c.is_control()).take(300).collect())
}

/// Counts over `bits` classical bits; `meaning` tells which bit each character of an outcome is.
///
/// # Errors
/// `Protocol` unless they are those of one circuit, of as many characters, and add up to `shots`.
pub fn counts(body: &[u8], meaning: &[u32], bits: u32, shots: u64) -> Result<Counts> {
    let document = parse(body, "the counts")?;
    let wrong = || protocol("the counts are not those of one circuit with one measurement");
    let [circuit] = document.as_array().map(Vec::as_slice).ok_or_else(wrong)? else { return Err(wrong()) };
    if circuit.get("measurement_keys") != Some(&json!([KEY])) {
        return Err(wrong());
    }
    let mut all = BTreeMap::<BitString, u64>::new();
    for (key, count) in circuit.get("counts").and_then(Value::as_object).ok_or_else(wrong)? {
        let digits = key.as_bytes();
        if digits.len() != meaning.len() || !digits.iter().all(|digit| matches!(digit, b'0' | b'1')) {
            let message = format!("'{}' is no outcome of {} bits", key.escape_debug(), meaning.len());
            return Err(protocol(message));
        }
        let mut outcome = BitString::zeros(bits);
        digits.iter().zip(meaning).for_each(|(digit, bit)| outcome.set(*bit, *digit == b'1'));
        let count = count.as_u64().ok_or_else(|| protocol(format!("{count} is no count")))?;
        if count > 0 {
            let sum = all.entry(outcome).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let total = all.values().try_fold(0u64, |sum, count| sum.checked_add(*count));
    if total != Some(shots) {
        let total = total.map_or("too many".to_owned(), |total| total.to_string());
        return Err(protocol(format!("the counts are {total} in all, and {shots} shots were asked for")));
    }
    Ok(all.into_iter().collect())
}

/// How many jobs wait.
///
/// # Errors
/// `Protocol` for an answer that does not say.
pub fn queue_length(body: &[u8]) -> Result<u64> {
    let found = parse(body, "the queue")?.get("queue_length").and_then(Value::as_u64);
    found.ok_or_else(|| protocol("the answer does not say how many jobs wait"))
}
