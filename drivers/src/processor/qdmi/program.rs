//! A circuit → text as a QDMI device takes it: OpenQASM with one register `q` and the device's own names, or IQM's JSON.

use std::fmt::Write;

use qhal::circuit::{Instruction, Operation};
use qhal::processor::{Capabilities, Couplings, ProgramFormat};
use qhal::{Circuit, Error, ErrorKind, Gate, Result};

use super::codes::format;
use crate::processor::iqm::protocol::{self as iqm, Architecture};

/// The languages that circuits are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    OpenQasm2,
    OpenQasm3,
    /// One circuit of IQM's JSON ([`iqm`]).
    IqmJson,
}

/// A gate, and what the device calls it.
pub(super) type Spelling = (Gate, String);

/// How circuits are written for a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Writing {
    /// The language, if it takes one that circuits can be written in.
    pub(super) language: Option<Language>,
    pub(super) spellings: Vec<Spelling>,
    /// The names of the sites, if all have one.
    pub(super) names: Vec<String>,
}

/// A program as the device takes it.
pub(super) struct Written {
    /// The number of its format.
    pub(super) format: i32,
    pub(super) text: String,
    /// Which classical bit each character of an outcome is, from the left; `None` where the rightmost is bit 0.
    pub(super) meaning: Option<Vec<u32>>,
}

/// Writes a circuit in the device's language.
///
/// # Errors
/// `Exhausted` for more qubits than there are; `Unsupported` for what the device does not list, or not there, and where it takes
/// no language that circuits can be written in.
pub(super) fn written(circuit: &Circuit, capabilities: &Capabilities, writing: &Writing) -> Result<Written> {
    let (format, language) = match writing.language {
        Some(Language::OpenQasm2) => (format::OPENQASM2, Language::OpenQasm2),
        Some(Language::OpenQasm3) => (format::OPENQASM3, Language::OpenQasm3),
        Some(Language::IqmJson) => {
            let (names, capabilities) = (writing.names.clone(), capabilities.clone());
            let machine = Architecture { names, calibration: None, capabilities };
            let (document, meaning) = iqm::circuit(circuit, &machine, 1)?;
            let one = document.get("circuits").and_then(|all| all.get(0));
            let text = one.map(ToString::to_string).unwrap_or_default();
            return Ok(Written { format: format::IQM_JSON, text, meaning: Some(meaning) });
        }
        None => {
            let message = "the device takes neither OpenQASM nor IQM's JSON, so no circuits";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    let text = write(circuit, capabilities, &writing.spellings, language)?;
    Ok(Written { format, text, meaning: None })
}

/// Writes a circuit. Where gates are bound to sites, the register is as wide as the device, and qubit i is its site i, as QDMI
/// has it; else it is as wide as the circuit.
///
/// # Errors
/// `Exhausted` for more qubits than there are; `Unsupported` for what the device does not list, or not there.
fn write(
    circuit: &Circuit,
    capabilities: &Capabilities,
    spellings: &[Spelling],
    language: Language,
) -> Result<String> {
    let (needed, there) = (circuit.qubits(), capabilities.qubits.len());
    if needed as usize > there {
        let message = format!("the circuit has {needed} qubits and the device {there}");
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    let width = match capabilities.couplings {
        Couplings::All => needed as usize,
        Couplings::Pairs(_) => there,
    };
    let bits = circuit.bits();
    let mut text = String::new();
    let written = match language {
        Language::OpenQasm2 => {
            let registers = if bits > 0 { format!("creg c[{bits}];\n") } else { String::new() };
            write!(text, "OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[{width}];\n{registers}")
        }
        _ => {
            let registers = if bits > 0 { format!("bit[{bits}] c;\n") } else { String::new() };
            write!(text, "OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit[{width}] q;\n{registers}")
        }
    };
    let lost = |_| Error::new(ErrorKind::Other, "the program cannot be written");
    written.map_err(lost)?;
    let mut measured = vec![false; needed as usize];
    for instruction in circuit.instructions() {
        let line = line(&instruction, capabilities, spellings, language, &mut measured)?;
        writeln!(text, "{line}").map_err(lost)?;
    }
    Ok(text)
}

/// Refuses text that cannot be a program in its format. Libraries do not tell a program that is none from one that went wrong.
///
/// # Errors
/// `InvalidInput` for a text with a NUL, OpenQASM that does not begin by its version, and QIR that defines nothing.
pub(super) fn check_text(format: ProgramFormat, text: &str) -> Result<()> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("//"));
    let version =
        first.and_then(|line| line.strip_prefix("OPENQASM")).map(str::trim_start).unwrap_or_default();
    let wrong = match format {
        _ if text.contains('\0') => "holds a NUL",
        ProgramFormat::OpenQasm2 if !version.starts_with('2') => "does not begin with OPENQASM 2.0",
        ProgramFormat::OpenQasm3 if !version.starts_with('3') => "does not begin with OPENQASM 3.0",
        ProgramFormat::QirBaseText if !text.contains("define ") => "defines no function, as QIR does",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("the text {wrong}")))
}

fn cannot(what: &str) -> Error {
    let message =
        format!("this device does not do {what}; `qhal run --translate` makes a program of what it does");
    Error::new(ErrorKind::Unsupported, message)
}

fn line(
    Instruction { operation, condition }: &Instruction<'_>,
    capabilities: &Capabilities,
    spellings: &[Spelling],
    language: Language,
    measured: &mut [bool],
) -> Result<String> {
    if condition.is_some() {
        return Err(cannot("operations under a condition"));
    }
    if !matches!(operation, Operation::Barrier { .. }) {
        for &qubit in operation.qubits() {
            if measured.get(qubit as usize).copied().unwrap_or(false) {
                return Err(cannot("anything to a qubit after it has been measured"));
            }
        }
    }
    let list = |qubits: &[u32]| {
        let names: Vec<String> = qubits.iter().map(|qubit| format!("q[{qubit}]")).collect();
        names.join(",")
    };
    Ok(match *operation {
        Operation::Gate { gate, params, qubits } => {
            let Some((_, name)) = spellings.iter().find(|(known, _)| *known == gate) else {
                return Err(cannot(&format!("the gate {gate}")));
            };
            let native = capabilities.native_gates.iter().find(|native| native.gate == gate);
            let somewhere = native.is_some_and(|native| {
                native.sites.is_empty() || native.sites.iter().any(|site| site.qubits == qubits)
            });
            let coupled = match (&capabilities.couplings, qubits) {
                (Couplings::Pairs(pairs), &[a, b]) => pairs.contains(&(a, b)),
                _ => true,
            };
            if !somewhere || !coupled {
                return Err(cannot(&format!("{gate} on qubits {qubits:?}")));
            }
            let angles: Vec<String> = params.iter().map(|angle| number(*angle)).collect();
            let angles = if angles.is_empty() { String::new() } else { format!("({})", angles.join(",")) };
            format!("{name}{angles} {};", list(qubits))
        }
        Operation::Measure { qubit, bit } => {
            if let Some(measured) = measured.get_mut(qubit as usize) {
                *measured = true;
            }
            match language {
                Language::OpenQasm2 => format!("measure q[{qubit}] -> c[{bit}];"),
                _ => format!("c[{bit}] = measure q[{qubit}];"),
            }
        }
        Operation::Reset { qubit } if capabilities.features.reset => format!("reset q[{qubit}];"),
        Operation::Barrier { qubits: [] } => "barrier q;".to_owned(),
        Operation::Barrier { qubits } => format!("barrier {};", list(qubits)),
        other => return Err(cannot(&format!("'{}'", other.name()))),
    })
}

/// A number that every reader of OpenQASM takes for the same: with a point, and exact.
fn number(angle: f64) -> String {
    let digits = format!("{angle:?}");
    match digits.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => digits,
    }
}
