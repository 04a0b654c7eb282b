//! The server's side of IQM's interface, with one machine of five qubits in a star, in front of whatever runs circuits.
//!
//! *Unconfirmed*: the status codes of refusals, how a failed job says why, and members of answers that clients do not read. The
//! figures of quality are examples, not those of a chip.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use qhal::{Circuit, Error, ErrorKind, Gate, Result};
use serde_json::{Value, json};

use super::NAME;
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::fault::{self, Condition, fault_kinds};
use crate::processor::machine::{SharedMachine, shots};
use crate::transport::https::lab::{Lab, Leaf};
use crate::transport::https::server::{Clients, Handler, HttpsServer, Reply, Request};

/// The names of the qubits.
pub const QUBITS: [&str; 5] = ["QB1", "QB2", "QB3", "QB4", "QB5"];
/// The one in the middle: it has a CZ with each of the others.
const MIDDLE: &str = "QB3";
/// The machine's alias and id.
pub const ALIAS: &str = "star";
const ID: &str = "5c2a7e9e-0000-4000-8000-000000000001";
const CALIBRATION: &str = "5c2a7e9e-0000-4000-8000-0000000000ca";
/// The most jobs whose results are kept, and the most shots of one.
const MOST_JOBS: usize = 1024;
const MOST_SHOTS: u64 = 100_000;

fault_kinds! {
    "an IQM server":
    /// Every job fails.
    Failed = "failed",
    /// Jobs stay in the queue.
    Endless = "endless",
    /// Counts add up to fewer shots than were asked for.
    FewShots = "few-shots",
    /// Outcomes are a character too short.
    ShortKeys = "short-keys",
    /// The counts are those of another measurement.
    OtherKey = "other-key",
    /// A status that there is not.
    Status = "status",
    /// The name of a job leads somewhere else.
    Name = "name",
    /// A gate is calibrated on a qubit that there is not.
    Stranger = "stranger",
    /// A fidelity is above 1.
    TooGood = "too-good",
    /// The machine has a resonator in the middle.
    Resonator = "resonator",
    /// It keeps no figures of quality.
    NoMetrics = "no-metrics",
    /// It answers with something that is not JSON.
    Garbage = "garbage",
    /// The connection breaks within the counts.
    Cut = "cut",
    /// It does not take our token.
    Denied = "denied",
    /// It is too busy to take jobs.
    Busy = "busy",
}

/// A server in software.
#[derive(Debug)]
pub struct Emulator {
    machine: Option<SharedMachine>,
    condition: Condition<FaultKind>,
    jobs: Mutex<Jobs>,
}

/// Jobs by their names.
#[derive(Debug, Default)]
struct Jobs {
    entries: HashMap<String, Entry>,
    made: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    /// What each shot gave, qubit by qubit, or why there is nothing.
    outcome: std::result::Result<Vec<Vec<u8>>, String>,
    /// The measurements: their keys, and which qubits they are of.
    measurements: Vec<(String, Vec<usize>)>,
    /// What was submitted, as it came.
    payload: String,
    /// How often it was asked for.
    asked: u32,
    cancelled: bool,
}

/// A circuit as the server takes it.
struct Taken {
    circuit: Circuit,
    shots: u64,
    measurements: Vec<(String, Vec<usize>)>,
}

impl Emulator {
    /// A server that was started just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(options: &EmulatorOptions) -> Result<Self> {
        let condition = Condition::new(options.fault()?);
        Ok(Self { machine: options.machine.clone(), condition, jobs: Mutex::default() })
    }

    /// Puts it on a loopback port.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have; those of [`HttpsServer::serve`].
    pub fn serve(options: &EmulatorOptions) -> Result<HttpsServer> {
        HttpsServer::serve(Lab::new()?, Leaf::SelfSigned, Clients::Anybody, Self::new(options)?, Vec::new())
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fixed(&self) -> Value {
        let pairs: Vec<[&str; 2]> =
            QUBITS.into_iter().filter(|qubit| *qubit != MIDDLE).map(|qubit| [qubit, MIDDLE]).collect();
        let resonators = if self.has(FaultKind::Resonator) { json!(["COMP_R"]) } else { json!([]) };
        json!([{"dut_label": "emulated", "qubits": QUBITS, "computational_resonators": resonators, "connectivity": pairs}])
    }

    fn calibrated(&self) -> Value {
        let mut single: Vec<[&str; 1]> = QUBITS.map(|qubit| [qubit]).to_vec();
        if self.has(FaultKind::Stranger) {
            single.push(["QB9"]);
        }
        let pairs: Vec<[&str; 2]> =
            QUBITS.into_iter().filter(|qubit| *qubit != MIDDLE).map(|qubit| [qubit, MIDDLE]).collect();
        let gate = |implementation: &str, loci: Value| {
            json!({"default_implementation": implementation, "implementations": {implementation: {"loci": loci}},
                "override_default_implementation": {}})
        };
        json!({
            "calibration_set_id": CALIBRATION,
            "qubits": QUBITS,
            "computational_resonators": [],
            "gates": {
                "prx": gate("drag_crf", json!(single)),
                "cz": gate("tgss", json!(pairs)),
                "measure": gate("constant", json!(QUBITS.map(|qubit| [qubit]))),
            },
        })
    }

    fn metrics(&self) -> Value {
        let best = if self.has(FaultKind::TooGood) { 1.25 } else { 0.9991 };
        let mut all = Vec::new();
        let mut observe = |field: String, value: f64, unit: &str| {
            all.push(json!({"dut_field": field, "value": value, "unit": unit, "invalid": false}));
        };
        for (number, qubit) in QUBITS.iter().enumerate() {
            let step = number as f64;
            observe(format!("characterization.model.{qubit}.t1_time"), 40e-6 + step * 1e-6, "s");
            observe(format!("characterization.model.{qubit}.t2_time"), 20e-6 + step * 1e-6, "s");
            observe(format!("metrics.ssro.measure.constant.{qubit}.fidelity"), 0.97 + 0.001 * step, "");
            observe(format!("metrics.rb.prx.drag_crf.{qubit}.fidelity:par=d2"), best, "");
            if *qubit != MIDDLE {
                observe(
                    format!("metrics.irb.cz.tgss.{qubit}__{MIDDLE}.fidelity:par=d2"),
                    0.99 + 0.001 * step,
                    "",
                );
            }
        }
        json!({"observations": all})
    }

    fn submit(&self, request: &Request) -> Reply {
        if self.has(FaultKind::Busy) {
            return Reply::status(503).header("retry-after", "1");
        }
        let taken = match read(&request.body) {
            Ok(taken) => taken,
            Err(error) => return Reply::json(422, json!({"detail": error.message()}).to_string()),
        };
        let outcome = shots(self.machine.as_ref(), &taken.circuit, taken.shots);
        let outcome = outcome.map_err(|error| error.message().to_owned());
        let payload = String::from_utf8_lossy(&request.body).into_owned();
        let mut jobs = self.jobs();
        if jobs.entries.len() >= MOST_JOBS {
            jobs.entries.clear();
        }
        jobs.made += 1;
        let name = format!("00000000-0000-4000-8000-{:012x}", jobs.made);
        let entry = Entry { outcome, measurements: taken.measurements, payload, asked: 0, cancelled: false };
        jobs.entries.insert(name.clone(), entry);
        let told = if self.has(FaultKind::Name) { "../jobs/1?x=".to_owned() } else { name };
        Reply::json(
            201,
            json!({"id": told, "type": "circuit", "status": "waiting", "queue_position": 0}).to_string(),
        )
    }

    fn status(&self, name: &str) -> Reply {
        let mut jobs = self.jobs();
        let Some(entry) = jobs.entries.get_mut(name) else { return unknown() };
        entry.asked += 1;
        let mut document = match (entry.asked, &entry.outcome) {
            _ if entry.cancelled => json!({"status": "cancelled"}),
            _ if self.has(FaultKind::Status) => json!({"status": "pondering"}),
            _ if self.has(FaultKind::Endless) => json!({"status": "waiting", "queue_position": 4}),
            _ if self.has(FaultKind::Failed) => {
                json!({"status": "failed", "errors": [{"error_code": "hardware", "message": "the fridge is warm"}]})
            }
            (1, _) => json!({"status": "processing"}),
            (_, Err(words)) => {
                json!({"status": "failed", "errors": [{"error_code": "execution", "message": words}]})
            }
            (_, Ok(_)) => json!({"status": "completed"}),
        };
        document["id"] = json!(name);
        document["type"] = json!("circuit");
        document["compilation"] = json!({"calibration_set_id": CALIBRATION});
        Reply::json(200, document.to_string())
    }

    fn counts(&self, name: &str) -> Reply {
        let Some(entry) = self.jobs().entries.get(name).cloned() else { return unknown() };
        let Ok(mut outcomes) = entry.outcome else { return unknown() };
        if self.has(FaultKind::FewShots) {
            outcomes.pop();
        }
        let mut counts = serde_json::Map::new();
        for outcome in outcomes {
            let measured = entry.measurements.iter().flat_map(|(_, qubits)| qubits);
            let digit = |at: &usize| if outcome.get(*at) == Some(&1) { '1' } else { '0' };
            let mut key: String = measured.map(digit).collect();
            if self.has(FaultKind::ShortKeys) {
                key.pop();
            }
            let count = counts.get(&key).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(key, json!(count + 1));
        }
        let mut keys: Vec<&str> = entry.measurements.iter().map(|(key, _)| key.as_str()).collect();
        if self.has(FaultKind::OtherKey) {
            keys.push("other");
        }
        let document = json!([{"measurement_keys": keys, "counts": counts}]);
        let reply = Reply::json(200, document.to_string());
        if self.has(FaultKind::Cut) { reply.cut_after(20) } else { reply }
    }

    /// What clients take up a job again with.
    fn payload(&self, name: &str) -> Reply {
        self.jobs().entries.get(name).map_or_else(unknown, |entry| Reply::json(200, entry.payload.clone()))
    }

    fn measurements(&self, name: &str) -> Reply {
        let Some(entry) = self.jobs().entries.get(name).cloned() else { return unknown() };
        let Ok(outcomes) = entry.outcome else { return unknown() };
        let one = |(key, qubits): &(String, Vec<usize>)| {
            let shot = |outcome: &Vec<u8>| -> Vec<u8> {
                qubits.iter().map(|at| outcome.get(*at).copied().unwrap_or(0)).collect()
            };
            (key.clone(), json!(outcomes.iter().map(shot).collect::<Vec<_>>()))
        };
        let all: serde_json::Map<String, Value> = entry.measurements.iter().map(one).collect();
        Reply::json(200, json!([all]).to_string())
    }

    fn cancel(&self, name: &str) -> Reply {
        match self.jobs().entries.get_mut(name) {
            Some(entry) if entry.asked > 1 && !self.has(FaultKind::Endless) => Reply::status(409),
            Some(entry) => {
                entry.cancelled = true;
                Reply::status(200)
            }
            None => unknown(),
        }
    }
}

fn unknown() -> Reply {
    Reply::json(404, json!({"detail": "no such job"}).to_string())
}

/// Reads what is submitted, as strictly as the server has to.
fn read(body: &[u8]) -> Result<Taken> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidInput, format!("not taken: {what}"));
    let document: Value = serde_json::from_slice(body).map_err(|_| wrong("it is not JSON"))?;
    let shots =
        document.get("shots").and_then(Value::as_u64).filter(|shots| (1..=MOST_SHOTS).contains(shots));
    let shots = shots.ok_or_else(|| wrong("shots are from 1 to 100000"))?;
    let circuits = document.get("circuits").and_then(Value::as_array).map(Vec::as_slice);
    let Some([one]) = circuits else { return Err(wrong("this emulator takes one circuit at a time")) };
    let instructions = one.get("instructions").and_then(Value::as_array);
    let instructions = instructions.ok_or_else(|| wrong("a circuit has instructions"))?;
    let count = QUBITS.len() as u32;
    let mut circuit = Circuit::with_size(count, count);
    let mut measurements: Vec<(String, Vec<usize>)> = Vec::new();
    for instruction in instructions {
        let place = |value: &Value| QUBITS.iter().position(|qubit| value.as_str() == Some(qubit));
        // Newer clients say locus, older ones qubits.
        let locus = instruction.get("locus").or_else(|| instruction.get("qubits")).and_then(Value::as_array);
        let locus: Option<Vec<usize>> = locus.and_then(|locus| locus.iter().map(place).collect());
        let locus = locus.ok_or_else(|| wrong("a locus of qubits that there are not"))?;
        let qubits: Vec<u32> = locus.iter().map(|at| *at as u32).collect();
        let argument = |name: &str| {
            let value = instruction.get("args").and_then(|args| args.get(name));
            value.ok_or_else(|| wrong(&format!("an argument '{name}' is missing")))
        };
        let angle =
            |name: &str| argument(name)?.as_f64().ok_or_else(|| wrong(&format!("'{name}' is no number")));
        let is_barrier = instruction.get("name").and_then(Value::as_str) == Some("barrier");
        let mut done = measurements.iter().flat_map(|(_, qubits)| qubits);
        if !is_barrier && done.any(|qubit| locus.contains(qubit)) {
            return Err(wrong("this emulator does nothing to a qubit after it has been measured"));
        }
        match (instruction.get("name").and_then(Value::as_str), qubits.as_slice()) {
            (Some("prx"), [_]) => {
                circuit.gate(Gate::R, &[angle("angle")?, angle("phase")?], &qubits)?;
            }
            (Some("cz"), [a, b])
                if (QUBITS.get(*a as usize) == Some(&MIDDLE))
                    != (QUBITS.get(*b as usize) == Some(&MIDDLE)) =>
            {
                circuit.gate(Gate::Cz, &[], &qubits)?;
            }
            (Some("barrier"), _) => {}
            (Some("measure"), [_, ..]) => {
                let key = argument("key")?.as_str().ok_or_else(|| wrong("'key' is no text"))?;
                if measurements.iter().any(|(known, _)| known == key) {
                    return Err(wrong("two measurements have the same key"));
                }
                measurements.push((key.to_owned(), locus));
            }
            (name, _) => return Err(wrong(&format!("'{}' on these qubits", name.unwrap_or("?")))),
        }
    }
    if measurements.is_empty() {
        return Err(wrong("nothing is measured"));
    }
    circuit.measure_all()?;
    Ok(Taken { circuit, shots, measurements })
}

impl Handler for Emulator {
    fn answer(&self, request: &Request) -> Reply {
        if self.has(FaultKind::Denied) {
            return Reply::json(401, json!({"detail": "the token is not valid"}).to_string());
        }
        if self.has(FaultKind::Garbage) {
            return Reply::bytes(200, "text/html", b"<html>Please log in</html>".to_vec());
        }
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let document = |value: Value| Reply::json(200, value.to_string());
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["api", "v1", rest @ ..]) => match rest {
                ["quantum-computers"] => document(
                    json!({"quantum_computers": [{"id": ID, "alias": ALIAS, "display_name": "Star"}]}),
                ),
                ["quantum-computers", ALIAS | ID, rest @ ..] => match rest {
                    ["artifacts", "static-quantum-architectures"] => document(self.fixed()),
                    ["health"] => document(json!({"healthy": true, "status": "operational"})),
                    ["queue-availability"] => document(json!({"queue_length": 0})),
                    _ => Reply::status(404),
                },
                ["calibration-sets", ALIAS | ID, "default" | CALIBRATION, "dynamic-quantum-architecture"] => {
                    document(self.calibrated())
                }
                ["calibration-sets", ALIAS | ID, "default" | CALIBRATION, "metrics"]
                    if !self.has(FaultKind::NoMetrics) =>
                {
                    document(self.metrics())
                }
                ["jobs", name] => self.status(name),
                ["jobs", name, "payload"] => self.payload(name),
                ["jobs", name, "artifacts", "measurement_counts"] => self.counts(name),
                ["jobs", name, "artifacts", "measurements"] => self.measurements(name),
                _ => Reply::status(404),
            },
            ("POST", ["api", "v1", "jobs", ALIAS | ID, "circuit"]) => self.submit(request),
            ("POST", ["api", "v1", "jobs", name, "cancel"]) => self.cancel(name),
            _ => Reply::status(404),
        }
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel {
        name: NAME,
        driver: NAME,
        model: "IQM server with one machine".to_owned(),
        serial: None,
        faults: fault::names::<FaultKind>(),
        line: None,
        network: Some(|options| Ok(Box::new(Emulator::serve(options)?))),
    }]
}
