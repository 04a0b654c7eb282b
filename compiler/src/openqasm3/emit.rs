//! From a circuit to OpenQASM 3 that any reader of the language understands.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use qhal::circuit::{Condition, Instruction, Library, Matrix, Operation, Register};
use qhal::{Circuit, Error, ErrorKind, Gate, Result};

use super::parser::is_reserved;
use crate::openqasm2::{Spelling, decimal, euler_angles, number, spelling};

/// Registers of more bits are compared bit by bit.
const WIDEST_NUMBER: usize = 64;

/// Writes a circuit as an OpenQASM 3 program.
///
/// The program includes `stdgates.inc`; every other gate gets a definition in front. Reading it gives a circuit that does the same up to a
/// global phase. Registers keep their names unless the language or a gate has them.
///
/// # Errors
/// `Unsupported`, naming it, for what the language cannot say: matrices on more than one qubit.
pub fn emit(circuit: &Circuit) -> Result<String> {
    let mut text = String::from("OPENQASM 3.0;\ninclude \"stdgates.inc\";\n");
    let mut written = BTreeSet::new();
    for instruction in circuit.instructions() {
        if let Operation::Gate { gate, .. } = instruction.operation {
            define(gate, &mut written, &mut text)?;
        }
    }
    let mut taken: HashSet<String> = HashSet::new();
    let mut named = |registers: &[Register]| -> Vec<(String, Register)> {
        registers.iter().map(|register| (legal_name(&register.name, &mut taken), register.clone())).collect()
    };
    let (qubits, bits) = (named(circuit.qubit_registers()), named(circuit.bit_registers()));
    for (word, registers) in [("qubit", &qubits), ("bit", &bits)] {
        for (name, register) in registers {
            let _ = writeln!(text, "{word}[{}] {name};", register.size);
        }
    }
    let mut writer = Writer { qubits, bits, text };
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
        let statement = self.statement(operation)?;
        match condition.map(|condition| self.condition(condition)) {
            None => self.text.push_str(&statement),
            Some(None) => {}
            Some(Some(condition)) => {
                let _ =
                    writeln!(self.text, "if ({condition}) {{ {} }}", statement.trim_end().replace('\n', " "));
            }
        }
        Ok(())
    }

    fn statement(&self, operation: Operation<'_>) -> Result<String> {
        Ok(match operation {
            Operation::Gate { gate, params, qubits } => match gate {
                Gate::Cu1 => self.call("cp", params, qubits),
                Gate::Cu3 => {
                    let more: Vec<f64> = params.iter().copied().chain([0.0]).collect();
                    self.call("cu", &more, qubits)
                }
                Gate::U => self.call("U", params, qubits),
                _ => self.call(gate.name(), params, qubits),
            },
            Operation::Unitary { matrix, controls, qubits } => self.unitary(matrix, controls, qubits)?,
            Operation::Measure { qubit, bit } => {
                format!("{} = measure {};\n", element(&self.bits, bit), element(&self.qubits, qubit))
            }
            Operation::Reset { qubit } => self.call("reset", &[], &[qubit]),
            Operation::Barrier { qubits } => self.call("barrier", &[], qubits),
            Operation::Delay { qubit, seconds } => {
                format!("delay[{seconds:?}s] {};\n", element(&self.qubits, qubit))
            }
            other => return Err(cannot(&format!("'{}'", other.name()))),
        })
    }

    fn unitary(&self, matrix: &Matrix, controls: u32, qubits: &[u32]) -> Result<String> {
        if matrix.qubits() != 1 {
            return Err(cannot(&format!("a matrix on {} qubits", matrix.qubits())));
        }
        let [theta, phi, lambda, gamma] = euler_angles(matrix);
        let modifier = |count: u32| match count {
            0 => String::new(),
            1 => "ctrl @ ".to_owned(),
            count => format!("ctrl({count}) @ "),
        };
        let mut text = modifier(controls) + &self.call("U", &[theta, phi, lambda], qubits);
        // The gate of the language brings the phase θ/2 itself.
        let phase = gamma - theta / 2.0;
        if controls > 0 && phase != 0.0 {
            let controlling = qubits.split_last().map_or(qubits, |(_, controlling)| controlling);
            text += &(modifier(controls - 1) + &self.call("p", &[phase], controlling));
        }
        Ok(text)
    }

    fn call(&self, name: &str, params: &[f64], qubits: &[u32]) -> String {
        let angles: Vec<String> = params.iter().map(|angle| number(*angle)).collect();
        let operands: Vec<String> = qubits.iter().map(|qubit| element(&self.qubits, *qubit)).collect();
        let angles = if angles.is_empty() { String::new() } else { format!("({})", angles.join(", ")) };
        let space = if operands.is_empty() { "" } else { " " };
        format!("{name}{angles}{space}{};\n", operands.join(", "))
    }

    /// A condition in words; `None` where it never holds.
    fn condition(&self, condition: &Condition) -> Option<String> {
        let (bits, value) = (condition.bits(), condition.value());
        let width = u32::try_from(bits.len()).unwrap_or(u32::MAX);
        if (width..value.width()).any(|place| value.get(place)) {
            return None;
        }
        let register = self.bits.iter().find(|(_, register)| {
            register.start == bits.start && register.size == width && bits.len() <= WIDEST_NUMBER
        });
        if let (Some((name, _)), None) = (register, condition.mask()) {
            return Some(format!("{name} == {}", decimal(value)));
        }
        let counts = |place: &u32| condition.mask().is_none_or(|mask| mask.get(*place));
        let tests: Vec<String> = (0..width)
            .filter(counts)
            .map(|place| {
                let not = if value.get(place) { "" } else { "!" };
                format!("{not}{}", element(&self.bits, bits.start + place))
            })
            .collect();
        Some(if tests.is_empty() { "true".to_owned() } else { tests.join(" && ") })
    }
}

/// Writes the definition that a gate needs, behind those that it uses.
fn define(gate: Gate, written: &mut BTreeSet<Gate>, text: &mut String) -> Result<()> {
    let known = matches!(gate.spec().library, Library::Stdgates | Library::Both);
    if known || matches!(gate, Gate::U | Gate::GPhase | Gate::Cu1 | Gate::Cu3) || written.contains(&gate) {
        return Ok(());
    }
    let Some(Spelling::Defined { signature, body, uses }) = spelling(gate) else {
        let own = match gate {
            Gate::U0 => ("(gamma) a", "U(0, 0, 0) a;"),
            Gate::Rzz => ("(theta) a,b", "cx a,b; rz(theta) b; cx a,b;"),
            _ => return Err(cannot(&format!("the gate '{gate}'"))),
        };
        written.insert(gate);
        let _ = writeln!(text, "gate {gate}{} {{ {} }}", own.0, own.1);
        return Ok(());
    };
    for used in uses {
        define(*used, written, text)?;
    }
    written.insert(gate);
    // The older library calls a controlled phase cu1. qiskit-qasm3-import 0.6 gives angles to parameters in the order of their
    // names, so the names are in order.
    let mut definition = format!("{signature} {{ {} }}", body.replace("cu1(", "cp("));
    let angles =
        signature.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or("", |(names, _)| names);
    for (place, name) in angles.split(',').enumerate().filter(|(_, name)| !name.is_empty()) {
        definition = definition.replace(name, &format!("p{place}"));
    }
    let _ = writeln!(text, "gate {gate}{definition}");
    Ok(())
}

fn cannot(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} cannot be written in OpenQASM 3"))
}

/// `register[index]` of qubit or bit number `index`, all of which are in a register.
fn element(registers: &[(String, Register)], index: u32) -> String {
    let at = registers.partition_point(|(_, register)| register.start <= index);
    let found = at.checked_sub(1).and_then(|at| registers.get(at));
    found.map_or_else(String::new, |(name, register)| format!("{name}[{}]", index - register.start))
}

/// A name that OpenQASM 3 allows, that no gate has and that is not taken: `name` if it is one.
fn legal_name(name: &str, taken: &mut HashSet<String>) -> String {
    let mut legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !legal.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        legal.insert_str(0, "r_");
    }
    let of_gate = |name: &str| name.parse::<Gate>().is_ok() || name == "U";
    while is_reserved(&legal) || of_gate(&legal) || !taken.insert(legal.clone()) {
        legal.push('_');
    }
    legal
}
