//! From a circuit to QIR: gates that every runner has, measurements, and the report.

use std::collections::BTreeSet;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
use std::fmt::Write as _;

use qhal::circuit::{Operation, Params};
use qhal::{Circuit, Error, ErrorKind, Gate, Result};

use crate::openqasm2::{Spelling, euler_angles, number, spelling};

/// How pointers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointers {
    /// `ptr`, as LLVM has it since version 15 and QIR since version 2.
    Opaque,
    /// `%Qubit*` and `%Result*`, as in QIR 1.
    Typed,
}

/// A gate that is expanded more often than this is not made of smaller ones.
const DEEPEST: u32 = 8;

/// Writes a circuit as a QIR module of the base profile.
///
/// Gates are `h`, `x`, `y`, `z`, `s`, `t` and their inverses, `rx`, `ry`, `rz`, `cnot`, `cz`, `swap` and `ccx`; all others become those, up
/// to a global phase. Barriers and delays are left out. Measurements come last, and all bits are reported, bit 0 first.
///
/// # Errors
/// `Unsupported` for what the profile does not allow (measurements on the way, resets, conditions), and for matrices on several
/// qubits or under controls.
pub fn emit(circuit: &Circuit, pointers: Pointers) -> Result<String> {
    if circuit.is_dynamic() {
        return Err(cannot(
            "measurements on the way, resets and conditions have no place in the base profile of QIR",
        ));
    }
    let mut writer = Writer { pointers, calls: String::new(), declared: BTreeSet::new() };
    let mut measurements = Vec::new();
    for instruction in circuit.instructions() {
        match instruction.operation {
            Operation::Gate { gate, params, qubits } => writer.gate(gate, params, qubits, 0)?,
            Operation::Unitary { matrix, controls: 0, qubits } if matrix.qubits() == 1 => {
                let [theta, phi, lambda, _] = euler_angles(matrix);
                writer.euler(theta, phi, lambda, qubits);
            }
            Operation::Unitary { .. } => {
                return Err(cannot(
                    "a matrix on several qubits or under controls cannot be written in QIR; translate it first",
                ));
            }
            Operation::Measure { qubit, bit } => measurements.push((qubit, bit)),
            _ => {}
        }
    }
    Ok(writer.module(circuit, &measurements))
}

struct Writer {
    pointers: Pointers,
    calls: String,
    declared: BTreeSet<String>,
}

impl Writer {
    fn pointer(&self, what: &str, number: u32) -> String {
        let of = self.of(what);
        if number == 0 { format!("{of} null") } else { format!("{of} inttoptr (i64 {number} to {of})") }
    }

    fn of(&self, what: &str) -> String {
        match self.pointers {
            Pointers::Opaque => "ptr".to_owned(),
            Pointers::Typed => format!("%{what}*"),
        }
    }

    fn call(&mut self, name: &str, params: &[f64], qubits: &[u32]) {
        let angles = params.iter().map(|angle| format!("double 0x{:016X}", angle.to_bits()));
        let qubits_text = qubits.iter().map(|qubit| self.pointer("Qubit", *qubit));
        let arguments: Vec<String> = angles.chain(qubits_text).collect();
        let _ = writeln!(self.calls, "  call void @__quantum__qis__{name}({})", arguments.join(", "));
        let kinds = params.iter().map(|_| "double".to_owned()).chain(qubits.iter().map(|_| self.of("Qubit")));
        let kinds: Vec<String> = kinds.collect();
        self.declared.insert(format!("declare void @__quantum__qis__{name}({})", kinds.join(", ")));
    }

    fn euler(&mut self, theta: f64, phi: f64, lambda: f64, qubits: &[u32]) {
        for (name, angle) in [("rz__body", lambda), ("ry__body", theta), ("rz__body", phi)] {
            if angle != 0.0 {
                self.call(name, &[angle], qubits);
            }
        }
    }

    fn gate(&mut self, gate: Gate, params: &[f64], qubits: &[u32], depth: u32) -> Result<()> {
        let name = match gate {
            Gate::Id | Gate::U0 | Gate::GPhase => return Ok(()),
            Gate::H => "h__body",
            Gate::X => "x__body",
            Gate::Y => "y__body",
            Gate::Z => "z__body",
            Gate::S => "s__body",
            Gate::Sdg => "s__adj",
            Gate::T => "t__body",
            Gate::Tdg => "t__adj",
            Gate::Rx => "rx__body",
            Gate::Ry => "ry__body",
            Gate::Rz => "rz__body",
            Gate::Cx => "cnot__body",
            Gate::Cz => "cz__body",
            Gate::Swap => "swap__body",
            Gate::Ccx => "ccx__body",
            _ if gate.qubits() == 1 => {
                let [theta, phi, lambda, _] = euler_angles(&gate.matrix(params));
                self.euler(theta, phi, lambda, qubits);
                return Ok(());
            }
            _ => return self.smaller(gate, params, qubits, depth),
        };
        self.call(name, params, qubits);
        Ok(())
    }

    /// A gate on several qubits by smaller ones.
    fn smaller(&mut self, gate: Gate, params: &[f64], qubits: &[u32], depth: u32) -> Result<()> {
        let failed = || cannot(&format!("the gate '{gate}' cannot be written in QIR; translate it first"));
        if depth > DEEPEST {
            return Err(failed());
        }
        let half = |angle: &f64| angle / 2.0;
        let parts: Vec<(Gate, Params, Vec<u32>)> = match (gate, params, qubits) {
            (Gate::Cy, _, &[_, t]) => {
                vec![of(Gate::Sdg, &[], &[t]), of(Gate::Cx, &[], qubits), of(Gate::S, &[], &[t])]
            }
            (Gate::Ch, _, &[_, t]) => {
                vec![
                    of(Gate::Ry, &[-FRAC_PI_4], &[t]),
                    of(Gate::Cz, &[], qubits),
                    of(Gate::Ry, &[FRAC_PI_4], &[t]),
                ]
            }
            (Gate::Crz, [angle], &[_, t]) => vec![
                of(Gate::Rz, &[half(angle)], &[t]),
                of(Gate::Cx, &[], qubits),
                of(Gate::Rz, &[-half(angle)], &[t]),
                of(Gate::Cx, &[], qubits),
            ],
            (Gate::Cu1 | Gate::Cp, [angle], &[c, t]) => vec![
                of(Gate::Rz, &[half(angle)], &[c]),
                of(Gate::Rz, &[half(angle)], &[t]),
                of(Gate::Cx, &[], qubits),
                of(Gate::Rz, &[-half(angle)], &[t]),
                of(Gate::Cx, &[], qubits),
            ],
            (Gate::Cu3, &[theta, phi, lambda], &[c, t]) => vec![
                of(Gate::P, &[(lambda + phi) / 2.0], &[c]),
                of(Gate::P, &[(lambda - phi) / 2.0], &[t]),
                of(Gate::Cx, &[], qubits),
                of(Gate::U, &[-theta / 2.0, 0.0, -(phi + lambda) / 2.0], &[t]),
                of(Gate::Cx, &[], qubits),
                of(Gate::U, &[theta / 2.0, phi, 0.0], &[t]),
            ],
            (Gate::Rzz, [angle], &[_, t]) => {
                vec![of(Gate::Cx, &[], qubits), of(Gate::Rz, &[*angle], &[t]), of(Gate::Cx, &[], qubits)]
            }
            (Gate::Crx, [angle], &[_, t]) => vec![
                of(Gate::Rz, &[FRAC_PI_2], &[t]),
                of(Gate::Cry, &[*angle], qubits),
                of(Gate::Rz, &[-FRAC_PI_2], &[t]),
            ],
            _ => {
                let body = defined(gate, params).ok_or_else(failed)?;
                for instruction in body.instructions() {
                    if let Operation::Gate { gate, params, qubits: local } = instruction.operation {
                        let mapped: Option<Vec<u32>> =
                            local.iter().map(|at| qubits.get(*at as usize).copied()).collect();
                        self.gate(gate, params, &mapped.ok_or_else(failed)?, depth + 1)?;
                    }
                }
                return Ok(());
            }
        };
        parts.into_iter().try_for_each(|(gate, params, qubits)| self.gate(gate, &params, &qubits, depth + 1))
    }

    fn module(mut self, circuit: &Circuit, measurements: &[(u32, u32)]) -> String {
        let (label, result) = (self.of("Label").replace("%Label", "i8"), self.of("Result"));
        let mut text = String::from("; QIR, base profile\n");
        if self.pointers == Pointers::Typed {
            text.push_str("%Qubit = type opaque\n%Result = type opaque\n");
        }
        let _ = write!(
            text,
            "\ndefine i64 @main() #0 {{\nentry:\n  call void @__quantum__rt__initialize({label} null)\n  br label %body\n\nbody:\n{}  br \
             label %measurements\n\nmeasurements:\n",
            self.calls
        );
        for &(qubit, bit) in measurements {
            let (qubit, bit) = (self.pointer("Qubit", qubit), self.pointer("Result", bit));
            let _ = writeln!(
                text,
                "  call void @__quantum__qis__mz__body({qubit}, {})",
                writeonly(&bit, &result)
            );
        }
        let bits = circuit.bits();
        let _ = write!(
            text,
            "  br label %output\n\noutput:\n  call void @__quantum__rt__array_record_output(i64 {bits}, {label} null)\n"
        );
        for bit in 0..bits {
            let bit = self.pointer("Result", bit);
            let _ = writeln!(text, "  call void @__quantum__rt__result_record_output({bit}, {label} null)");
        }
        text.push_str("  ret i64 0\n}\n\n");
        let qubit = self.of("Qubit");
        self.declared.insert(format!("declare void @__quantum__rt__initialize({label})"));
        self.declared.insert(format!("declare void @__quantum__rt__array_record_output(i64, {label})"));
        self.declared.insert(format!("declare void @__quantum__rt__result_record_output({result}, {label})"));
        self.declared
            .insert(format!("declare void @__quantum__qis__mz__body({qubit}, {result} writeonly) #1"));
        for line in &self.declared {
            let _ = writeln!(text, "{line}");
        }
        let (major, minor) = if self.pointers == Pointers::Opaque { (2, 1) } else { (1, 0) };
        let _ = write!(
            text,
            "\nattributes #0 = {{ \"entry_point\" \"output_labeling_schema\" \"qir_profiles\"=\"base_profile\" \
             \"required_num_qubits\"=\"{}\" \"required_num_results\"=\"{bits}\" }}\nattributes #1 = {{ \"irreversible\" }}\n\n\
             !llvm.module.flags = !{{!0, !1, !2, !3}}\n\n!0 = !{{i32 1, !\"qir_major_version\", i32 {major}}}\n!1 = !{{i32 7, \
             !\"qir_minor_version\", i32 {minor}}}\n!2 = !{{i32 1, !\"dynamic_qubit_management\", i1 false}}\n!3 = !{{i32 1, \
             !\"dynamic_result_management\", i1 false}}\n",
            circuit.qubits()
        );
        text
    }
}

/// A pointer to a result that a call only writes.
fn writeonly(pointer: &str, of: &str) -> String {
    pointer.replacen(of, &format!("{of} writeonly"), 1)
}

fn of(gate: Gate, params: &[f64], qubits: &[u32]) -> (Gate, Params, Vec<u32>) {
    (gate, Params::new(params), qubits.to_vec())
}

/// What a gate is defined as, with its angles, in the older language.
fn defined(gate: Gate, params: &[f64]) -> Option<Circuit> {
    let Spelling::Defined { signature, body, .. } = spelling(gate)? else { return None };
    let angles: Vec<String> = params.iter().map(|angle| number(*angle)).collect();
    let angles = if angles.is_empty() { String::new() } else { format!("({})", angles.join(",")) };
    let operands: Vec<String> = (0..gate.qubits()).map(|at| format!("q[{at}]")).collect();
    let text = format!(
        "OPENQASM 2.0; include \"qelib1.inc\"; gate parts{signature} {{ {body} }} qreg q[{}]; parts{angles} {};",
        gate.qubits(),
        operands.join(",")
    );
    crate::parse(&text, "parts", &crate::NoIncludes).ok()
}

fn cannot(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
