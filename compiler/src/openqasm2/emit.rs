//! From a circuit to OpenQASM 2 that any reader of the language understands.

use std::collections::{BTreeSet, HashSet};
use std::f64::consts::PI;
use std::fmt::Write as _;

use qhal::circuit::{BitString, Condition, Instruction, Matrix, Operation, Register};
use qhal::{Circuit, Error, ErrorKind, Gate, Result};

use super::library::{Spelling, spelling};
use super::symbols::is_keyword;

/// Writes a circuit as an OpenQASM 2 program.
///
/// The program includes `qelib1.inc` as the paper prints it; every other gate gets a definition in front. Reading the
/// program gives the same circuit up to a global phase: the definitions are recognised. Registers keep their names unless
/// the language forbids them.
///
/// # Errors
/// `Unsupported`, naming it, for what the language cannot say: delays, conditions on part of a register, and matrices
/// on more than one qubit or under more than one control.
pub fn emit(circuit: &Circuit) -> Result<String> {
    let mut text = String::from("OPENQASM 2.0;\ninclude \"qelib1.inc\";\n");
    // A register must not be called what the library or a definition of this program calls a gate.
    let known = Gate::all().filter(|gate| matches!(spelling(*gate), Some(Spelling::Known(_))));
    let mut taken: HashSet<String> = definitions(circuit, &mut text)?
        .into_iter()
        .chain(known)
        .map(|gate| gate.name().to_owned())
        .collect();
    let mut named = |registers: &[Register]| -> Vec<(String, Register)> {
        registers.iter().map(|register| (legal_name(&register.name, &mut taken), register.clone())).collect()
    };
    let (qubits, bits) = (named(circuit.qubit_registers()), named(circuit.bit_registers()));
    let mut writer = Writer { qubits, bits, text };
    for (keyword, registers) in [("qreg", &writer.qubits), ("creg", &writer.bits)] {
        for (name, register) in registers {
            line(&mut writer.text, format_args!("{keyword} {name}[{}];", register.size));
        }
    }
    for instruction in circuit.instructions() {
        writer.instruction(instruction)?;
    }
    Ok(writer.text)
}

struct Writer {
    /// Registers with the names they get.
    qubits: Vec<(String, Register)>,
    bits: Vec<(String, Register)>,
    text: String,
}

impl Writer {
    fn instruction(&mut self, Instruction { operation, condition }: Instruction<'_>) -> Result<()> {
        // A barrier does nothing, so nothing can depend on the condition.
        if let (Some(condition), false) = (condition, matches!(operation, Operation::Barrier { .. })) {
            if condition.bits().is_empty() {
                // No bits are the number 0.
                if condition.value().words().iter().any(|&word| word != 0) {
                    return Ok(());
                }
            } else {
                let prefix =
                    format!("if({}=={}) ", self.condition_register(condition)?, decimal(condition.value()));
                self.text.push_str(&prefix);
            }
        }
        match operation {
            Operation::Gate { gate, params, qubits } => {
                let name = match spelling(gate) {
                    Some(Spelling::Known(name)) => name,
                    _ => gate.name(),
                };
                // A phase of the whole is written on the first qubit: a gate needs one.
                let qubits = if gate.qubits() == 0 { &[0] } else { qubits };
                self.gate(name, params, qubits)
            }
            Operation::Unitary { matrix, controls, qubits } => {
                match (controls, matrix.qubits(), euler_angles(matrix)) {
                    (0, 1, [theta, phi, lambda, _]) => self.gate("U", &[theta, phi, lambda], qubits),
                    (1, 1, angles) => self.gate("cu", &angles, qubits),
                    (0, k, _) => Err(cannot(&format!("a matrix on {k} qubits"))),
                    (n, k, _) => Err(cannot(&format!("a matrix on {k} qubits under {n} controls"))),
                }
            }
            Operation::Measure { qubit, bit } => {
                let (qubit, bit) = (element(&self.qubits, qubit)?, element(&self.bits, bit)?);
                line(&mut self.text, format_args!("measure {qubit} -> {bit};"));
                Ok(())
            }
            Operation::Reset { qubit } => self.gate("reset", &[], &[qubit]),
            Operation::Barrier { qubits: [] } => {
                let names: Vec<&str> = self.qubits.iter().map(|(name, _)| name.as_str()).collect();
                if !names.is_empty() {
                    line(&mut self.text, format_args!("barrier {};", names.join(",")));
                }
                Ok(())
            }
            Operation::Barrier { qubits } => self.gate("barrier", &[], qubits),
            other => Err(cannot(&format!("'{}'", other.name()))),
        }
    }

    fn gate(&mut self, name: &str, params: &[f64], qubits: &[u32]) -> Result<()> {
        self.text.push_str(name);
        for (index, angle) in params.iter().enumerate() {
            let mark = if index == 0 { '(' } else { ',' };
            append(&mut self.text, format_args!("{mark}{}", number(*angle)));
        }
        if !params.is_empty() {
            self.text.push(')');
        }
        for (index, &qubit) in qubits.iter().enumerate() {
            let mark = if index == 0 { ' ' } else { ',' };
            let operand = element(&self.qubits, qubit)?;
            append(&mut self.text, format_args!("{mark}{operand}"));
        }
        self.text.push_str(";\n");
        Ok(())
    }

    /// The name of the register that a condition reads.
    fn condition_register(&self, condition: &Condition) -> Result<&str> {
        let bits = condition.bits();
        self.bits
            .iter()
            .find(|(_, register)| register.start == bits.start && register.size as usize == bits.len())
            .filter(|_| condition.mask().is_none())
            .map(|(name, _)| name.as_str())
            .ok_or_else(|| cannot(&format!("a condition on bits {} to {} alone", bits.start, bits.end - 1)))
    }
}

/// Writes the definitions that the circuit's gates need, each behind what it uses; returns which they are.
fn definitions(circuit: &Circuit, text: &mut String) -> Result<BTreeSet<Gate>> {
    let mut written = BTreeSet::new();
    for instruction in circuit.instructions() {
        match instruction.operation {
            Operation::Gate { gate, .. } => define(gate, &mut written, text)?,
            Operation::Unitary { controls: 1, .. } => define(Gate::Cu, &mut written, text)?,
            _ => {}
        }
    }
    Ok(written)
}

fn define(gate: Gate, written: &mut BTreeSet<Gate>, text: &mut String) -> Result<()> {
    let spelling = spelling(gate).ok_or_else(|| cannot(&format!("the gate '{gate}'")))?;
    if let Spelling::Defined { signature, body, uses } = spelling
        && !written.contains(&gate)
    {
        // The library's definitions nest two deep.
        for used in uses {
            define(*used, written, text)?;
        }
        written.insert(gate);
        line(text, format_args!("gate {gate}{signature} {{ {body} }}"));
    }
    Ok(())
}

/// Appends to the text; writing to a `String` cannot fail.
fn append(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    append(text, what);
    text.push('\n');
}

fn cannot(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} cannot be written in OpenQASM 2"))
}

/// `register[index]` of qubit or bit number `index`.
fn element(registers: &[(String, Register)], index: u32) -> Result<String> {
    let at = registers.partition_point(|(_, register)| register.start <= index);
    at.checked_sub(1)
        .and_then(|at| registers.get(at))
        .map(|(name, register)| format!("{name}[{}]", index - register.start))
        .ok_or_else(|| cannot("a phase of a circuit without qubits"))
}

/// A name that OpenQASM 2 allows, that means nothing else and that is not taken: `name` if it is one.
fn legal_name(name: &str, taken: &mut HashSet<String>) -> String {
    let mut legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !legal.starts_with(|c: char| c.is_ascii_lowercase()) {
        legal.insert_str(0, "r_");
    }
    while is_keyword(&legal) || taken.contains(&legal) {
        legal.push('_');
    }
    taken.insert(legal.clone());
    legal
}

/// The number so that reading it gives the same: as a fraction of π where it is one, else with all digits.
pub(crate) fn number(angle: f64) -> String {
    for divisor in [1u32, 2, 3, 4, 6, 8, 16, 32, 64, 128, 256, 512, 1024] {
        let times = (angle * f64::from(divisor) / PI).round();
        if times == 0.0 || times.abs() > 64.0 {
            continue;
        }
        // As a reader computes it: first the product, then the quotient.
        if (times.abs() * PI / f64::from(divisor)).copysign(times) == angle {
            let sign = if times < 0.0 { "-" } else { "" };
            let factor = if times.abs() == 1.0 { String::new() } else { format!("{}*", times.abs()) };
            let quotient = if divisor == 1 { String::new() } else { format!("/{divisor}") };
            return format!("{sign}{factor}pi{quotient}");
        }
    }
    // The language asks for a point in every number with an exponent.
    let digits = format!("{angle:?}");
    match digits.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => digits,
    }
}

/// The decimal digits of a number of any width.
pub(crate) fn decimal(bits: &BitString) -> String {
    const CHUNK: u64 = 1_000_000_000_000_000_000;
    let mut words = bits.words().to_vec();
    let mut chunks = Vec::new();
    while words.iter().any(|&word| word != 0) {
        let mut rest = 0u64;
        for word in words.iter_mut().rev() {
            let value = u128::from(rest) << 64 | u128::from(*word);
            *word = (value / u128::from(CHUNK)) as u64;
            rest = (value % u128::from(CHUNK)) as u64;
        }
        chunks.push(rest);
    }
    let mut digits = chunks.pop().unwrap_or(0).to_string();
    for chunk in chunks.into_iter().rev() {
        append(&mut digits, format_args!("{chunk:018}"));
    }
    digits
}

/// Angles (θ, φ, λ, γ) with e^{iγ} U(θ, φ, λ) equal to a unitary on one qubit.
pub(crate) fn euler_angles(matrix: &Matrix) -> [f64; 4] {
    let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| matrix.get(row, column));
    let theta = 2.0 * c.norm().atan2(a.norm());
    // An element that is 0 has no angle; the others say everything then.
    if a.norm() < 1e-12 {
        return [theta, c.arg(), (-b).arg(), 0.0];
    }
    let gamma = a.arg();
    let sum = d.arg() - gamma;
    let phi = if c.norm() < 1e-12 { 0.0 } else { c.arg() - gamma };
    [theta, phi, sum - phi, gamma]
}
