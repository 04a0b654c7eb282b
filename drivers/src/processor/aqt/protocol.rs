//! Circuits ⇄ AQT's JSON: its three gates with their angles in units of π, and shots as lists of bits.
//!
//! Source: the models of `aqt-connector` 0.5.0 and `qiskit-aqt-provider` 2.0.1.

use std::f64::consts::PI;

use qhal::circuit::{BitString, Operation};
use qhal::processor::Counts;
use qhal::{Circuit, Error, ErrorKind, Gate, Result};
use serde_json::{Value, json};

/// The most shots of a circuit.
pub const MOST_SHOTS: u64 = 2000;
/// The most operations of a circuit, the measurement included.
pub const MOST_OPERATIONS: usize = 2000;
/// The most ions.
pub const MOST_QUBITS: u32 = 31;

/// Which qubit each classical bit was measured from.
pub type Readout = Vec<(u32, u32)>;

/// An error about what came.
pub(crate) fn protocol(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, message)
}

fn cannot(what: &str) -> Error {
    let message = format!(
        "an AQT processor does not do {what}; `qhal run --translate` makes a program of what it does"
    );
    Error::new(ErrorKind::Unsupported, message)
}

/// A circuit as it is sent, and what its measurements mean. All qubits are measured at the end, whatever the circuit asks for.
///
/// # Errors
/// `Unsupported` for anything but R, RZ, RXX and final measurements, and for more operations than there may be; `InvalidInput`
/// for angles that are no numbers.
pub fn circuit(circuit: &Circuit, shots: u64) -> Result<(Value, Readout)> {
    let mut operations = Vec::new();
    let mut readout = Readout::new();
    let mut measured = vec![false; circuit.qubits() as usize];
    for instruction in circuit.instructions() {
        if instruction.condition.is_some() {
            return Err(cannot("operations under a condition"));
        }
        let operation = instruction.operation;
        if matches!(operation, Operation::Barrier { .. }) {
            continue;
        }
        if operation.qubits().iter().any(|qubit| measured.get(*qubit as usize).copied().unwrap_or(true)) {
            return Err(cannot("anything to a qubit after it has been measured"));
        }
        match operation {
            Operation::Gate { gate, params, qubits } => push(&mut operations, gate, params, qubits)?,
            Operation::Measure { qubit, bit } => {
                if let Some(measured) = measured.get_mut(qubit as usize) {
                    *measured = true;
                }
                readout.retain(|(known, _)| *known != bit);
                readout.push((bit, qubit));
            }
            other => return Err(cannot(&format!("'{}'", other.name()))),
        }
    }
    operations.push(json!({"operation": "MEASURE"}));
    if operations.len() > MOST_OPERATIONS {
        let message =
            format!("the circuit has {} operations, and {MOST_OPERATIONS} are the most", operations.len());
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let document = json!({
        "repetitions": shots,
        "number_of_qubits": circuit.qubits(),
        "quantum_circuit": operations,
    });
    Ok((document, readout))
}

/// Adds a gate, its angles brought into AQT's ranges; phases of the whole do not count.
fn push(operations: &mut Vec<Value>, gate: Gate, params: &[f64], qubits: &[u32]) -> Result<()> {
    if params.iter().any(|angle| !angle.is_finite()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("an angle of {gate} is no number")));
    }
    // An angle in units of π, from 0 to below 2.
    let turns = |angle: f64| {
        let units = (angle / PI).rem_euclid(2.0);
        if units >= 2.0 { 0.0 } else { units }
    };
    match (gate, params, qubits) {
        (Gate::Rz, &[phi], &[qubit]) => {
            operations.push(json!({"operation": "RZ", "qubit": qubit, "phi": phi / PI}));
        }
        (Gate::R, &[theta, phi], &[qubit]) => {
            // R(θ, φ) for θ above π is R(2π − θ, φ + π).
            let theta = turns(theta);
            let (theta, phi) = if theta > 1.0 { (2.0 - theta, turns(phi + PI)) } else { (theta, turns(phi)) };
            operations.push(json!({"operation": "R", "qubit": qubit, "theta": theta, "phi": phi}));
        }
        (Gate::Rxx, &[theta], &[first, second]) => {
            let mut theta = turns(theta);
            // RXX(π) is X on both; so what is left lies between −π/2 and π/2.
            let flips = (0.5..=1.5).contains(&theta) && theta != 0.5;
            if theta > 1.5 {
                theta -= 2.0;
            } else if flips {
                theta -= 1.0;
            }
            // RXX(−θ) is RXX(θ) between two RZ(π) on one of the ions.
            let turned = theta < 0.0;
            let z = json!({"operation": "RZ", "qubit": first, "phi": 1.0});
            operations.extend(turned.then(|| z.clone()));
            operations.push(json!({"operation": "RXX", "qubits": [first, second], "theta": theta.abs()}));
            operations.extend(turned.then_some(z));
            if flips {
                for qubit in [first, second] {
                    operations.push(json!({"operation": "R", "qubit": qubit, "theta": 1.0, "phi": 0.0}));
                }
            }
        }
        _ => return Err(cannot(&format!("the gate {gate}"))),
    }
    Ok(())
}

/// How a job is.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits or runs.
    Going,
    /// The bits of every shot, in the order of the qubits.
    Finished(Vec<Vec<u8>>),
    /// It failed; the server may say why.
    Failed(Option<String>),
    /// It was cancelled.
    Cancelled,
}

/// Reads the answer about a job.
///
/// # Errors
/// `Protocol` for what is none.
pub fn progress(body: &[u8]) -> Result<Progress> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| protocol("the answer about the job is not JSON"))?;
    let payload = document.get("payload").unwrap_or(&document);
    let status = payload.get("status").and_then(Value::as_str).unwrap_or_default();
    match status {
        "queued" | "ongoing" => Ok(Progress::Going),
        "cancelled" => Ok(Progress::Cancelled),
        "error" => {
            let words = payload.get("message").and_then(Value::as_str).map(str::to_owned);
            Ok(Progress::Failed(words))
        }
        "finished" => {
            let shots = payload.get("result").and_then(Value::as_array);
            let shots = shots.ok_or_else(|| protocol("the job is finished and has no result"))?;
            shots.iter().map(shot).collect::<Result<_>>().map(Progress::Finished)
        }
        other => {
            Err(protocol(format!("the job has the status '{}', which there is not", other.escape_debug())))
        }
    }
}

fn shot(value: &Value) -> Result<Vec<u8>> {
    let bits = value.as_array().ok_or_else(|| protocol("a shot is no list of bits"))?;
    let bit = |value: &Value| match value.as_u64() {
        Some(bit @ 0..=1) => Ok(bit as u8),
        _ => Err(protocol(format!("{value} is no bit of a shot"))),
    };
    bits.iter().map(bit).collect()
}

/// Counts over `bits` classical bits.
///
/// # Errors
/// `Protocol` unless there are `expected` shots of `qubits` bits each.
pub fn counts(shots: &[Vec<u8>], readout: &Readout, bits: u32, qubits: u32, expected: u64) -> Result<Counts> {
    if shots.len() as u64 != expected {
        return Err(protocol(format!("{} shots came where {expected} were asked for", shots.len())));
    }
    let mut counts = std::collections::BTreeMap::<BitString, u64>::new();
    for shot in shots {
        if shot.len() != qubits as usize {
            return Err(protocol(format!(
                "a shot has {} bits where {qubits} qubits were measured",
                shot.len()
            )));
        }
        let mut outcome = BitString::zeros(bits);
        for &(bit, qubit) in readout {
            outcome.set(bit, shot.get(qubit as usize) == Some(&1));
        }
        *counts.entry(outcome).or_default() += 1;
    }
    Ok(counts.into_iter().collect())
}

/// A JSON text that is one word.
///
/// # Errors
/// `Protocol` for anything else, and for words of characters that have no place in a name or path.
pub fn word(body: &[u8]) -> Result<String> {
    let text: String = serde_json::from_slice(body).map_err(|_| protocol("the answer is no JSON string"))?;
    let sound = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ".contains(c));
    if sound && (1..=128).contains(&text.len()) {
        Ok(text)
    } else {
        Err(protocol(format!("'{}' is no name", text.escape_debug())))
    }
}

/// The number of ions.
///
/// # Errors
/// `Protocol` unless it is from 1 to [`MOST_QUBITS`].
pub fn ions(body: &[u8]) -> Result<u32> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| protocol("the number of ions is not JSON"))?;
    let number =
        document.get("num_ions").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (1..=MOST_QUBITS).contains(number))
        .ok_or_else(|| protocol("the answer does not say how many ions there are, from 1 to 31"))
}

/// Reads a circuit as an emulated server gets it: strictly, as the maker's does.
///
/// # Errors
/// `InvalidInput` for what AQT's models refuse.
pub fn read_circuit(body: &[u8]) -> Result<(Circuit, u64)> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidInput, format!("no circuit: {what}"));
    let document: Value = serde_json::from_slice(body).map_err(|_| wrong("it is not JSON"))?;
    let whole = |name: &str, most: u64| {
        let number = document.get(name).and_then(Value::as_u64).filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| wrong(&format!("{name} is from 1 to {most}")))
    };
    let shots = whole("repetitions", MOST_SHOTS)?;
    let qubits = whole("number_of_qubits", u64::from(MOST_QUBITS))? as u32;
    let operations = document.get("quantum_circuit").and_then(Value::as_array);
    let operations = operations.ok_or_else(|| wrong("quantum_circuit is a list"))?;
    let Some((last, gates)) = operations.split_last().filter(|_| operations.len() <= MOST_OPERATIONS) else {
        return Err(wrong("it has from 1 to 2000 operations"));
    };
    if *last != json!({"operation": "MEASURE"}) {
        return Err(wrong("the last operation is MEASURE"));
    }
    let mut circuit = Circuit::with_size(qubits, qubits);
    for operation in gates {
        let fields = operation.as_object().ok_or_else(|| wrong("an operation is an object"))?;
        let qubit = |value: Option<&Value>| {
            let number = value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            number.filter(|number| *number < qubits).ok_or_else(|| wrong("a qubit that there is not"))
        };
        let angle = |name: &str, most: f64| {
            let angle =
                fields.get(name).and_then(Value::as_f64).filter(|angle| *angle >= -most && *angle <= most);
            angle.map(|angle| angle * PI).ok_or_else(|| wrong(&format!("{name} is out of range")))
        };
        let positive = |name: &str, most: f64| {
            angle(name, most).and_then(|found| {
                if found >= 0.0 { Ok(found) } else { Err(wrong(&format!("{name} is out of range"))) }
            })
        };
        let known: &[&str] = match fields.get("operation").and_then(Value::as_str) {
            Some("RZ") => {
                circuit.gate(Gate::Rz, &[angle("phi", f64::MAX)?], &[qubit(fields.get("qubit"))?])?;
                &["operation", "qubit", "phi"]
            }
            Some("R") => {
                let angles = [positive("theta", 1.0)?, positive("phi", 2.0)?];
                circuit.gate(Gate::R, &angles, &[qubit(fields.get("qubit"))?])?;
                &["operation", "qubit", "theta", "phi"]
            }
            Some("RXX") => {
                let pair = fields.get("qubits").and_then(Value::as_array).filter(|pair| pair.len() == 2);
                let pair = pair.ok_or_else(|| wrong("RXX has two qubits"))?;
                let pair = [qubit(pair.first())?, qubit(pair.get(1))?];
                circuit.gate(Gate::Rxx, &[positive("theta", 0.5)?], &pair)?;
                &["operation", "qubits", "theta"]
            }
            _ => return Err(wrong("an operation that there is not, or MEASURE before the end")),
        };
        if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(wrong(&format!("an operation has no '{other}'")));
        }
    }
    circuit.measure_all()?;
    Ok((circuit, shots))
}
