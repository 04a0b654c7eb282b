//! From the gates of a program to what blocks are built of: rotations about two axes, unitaries on pairs, and the rest.

use std::sync::OnceLock;

use qhal::circuit::{Block, Condition, Matrix, Operation};
use qhal::{Circuit, Complex64, Error, ErrorKind, Gate, Result};

use super::algebra::{self, Axis, One, Two, X, Y, Z, turn};
use super::blocks::{Blocks, Builder, InPlace};
use super::state::State;
use super::synthesis::kak::{self, Kak};
use super::synthesis::native::{Entanglers, polished, two};
use crate::NoIncludes;
use crate::openqasm2::definition;

/// The largest number of qubits of a unitary under several controls: its gates grow threefold with each control.
const MOST_CONTROLLED: usize = 10;

/// Takes a whole program apart.
///
/// # Errors
/// `Unsupported` for unitaries given by a matrix on three or more qubits, or on more than ten with their controls.
pub(crate) fn blocks(circuit: &Circuit, entanglers: &Entanglers, level: u8) -> Result<Blocks> {
    let rename = level >= 2;
    let mut builder = Builder::new(circuit.qubits() as usize, circuit.bits(), entanglers, level, rename);
    let first_resets = super::first_resets(circuit);
    for (origin, instruction) in circuit.instructions().enumerate() {
        if first_resets[origin] {
            continue;
        }
        let mut reader =
            Reader { builder: &mut builder, condition: instruction.condition, origin: origin as u32 };
        reader.operation(instruction.operation, circuit.qubits())?;
    }
    if level >= 2 {
        builder.leave_out_before(&circuit.final_measurements());
    }
    Ok(builder.finish())
}

struct Reader<'b, 'e, 'c> {
    builder: &'b mut Builder<'e>,
    condition: Option<&'c Condition>,
    origin: u32,
}

impl Reader<'_, '_, '_> {
    fn operation(&mut self, operation: Operation<'_>, all: u32) -> Result<()> {
        match operation {
            Operation::Gate { gate, params, qubits } => self.gate(gate, params, qubits),
            Operation::Unitary { matrix, controls, qubits } => {
                self.unitary(matrix, controls as usize, qubits)
            }
            Operation::Measure { qubit, bit } => self.fixed(&[qubit], InPlace::Measure { bit }),
            Operation::Reset { qubit } => self.fixed(&[qubit], InPlace::Reset),
            Operation::Barrier { qubits: [] } => {
                self.fixed(&(0..all).collect::<Vec<u32>>(), InPlace::Barrier)
            }
            Operation::Barrier { qubits } => self.fixed(qubits, InPlace::Barrier),
            Operation::Delay { qubit, seconds } => self.fixed(&[qubit], InPlace::Delay(seconds)),
            other => {
                let message = format!("'{}' cannot be translated", other.name());
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    fn fixed(&mut self, qubits: &[u32], what: InPlace) -> Result<()> {
        // A barrier does nothing, so nothing can depend on its condition.
        let condition = if matches!(what, InPlace::Barrier) { None } else { self.condition.cloned() };
        self.builder.fixed(qubits, what, condition, self.origin);
        Ok(())
    }

    fn one(&mut self, qubit: u32, u: &One) {
        match self.condition {
            None => self.builder.one(qubit, u),
            Some(condition) => {
                self.builder.fixed(&[qubit], InPlace::One(*u), Some(condition.clone()), self.origin);
            }
        }
    }

    fn two(&mut self, qubits: [u32; 2], kak: Kak) {
        match self.condition {
            None => self.builder.two(qubits, kak),
            Some(condition) => {
                let what = InPlace::Two(Box::new(kak));
                self.builder.fixed(&qubits, what, Some(condition.clone()), self.origin);
            }
        }
    }

    fn rotation(&mut self, qubits: [u32; 2], x: f64, axes: [Axis; 2]) {
        if self.condition.is_none() {
            self.builder.rotation(qubits, x, axes);
        } else if let Some(kak) = kak::decompose(&algebra::rotation(x, &axes)) {
            self.two(qubits, kak);
        }
    }

    /// A phase that depends on classical bits only cannot be seen.
    fn phase(&mut self, angle: f64) {
        if self.condition.is_none() {
            self.builder.phase(angle);
        }
    }

    fn gate(&mut self, gate: Gate, params: &[f64], qubits: &[u32]) -> Result<()> {
        match (qubits, gate.block(params)) {
            ([], Block::Phase(angle)) => self.phase(angle),
            (&[qubit], Block::One(u)) => self.one(qubit, &u),
            (&[control, target], Block::One(u)) => self.controlled(control, target, &u),
            (&[a, b], _) => {
                let rotation = match gate {
                    Gate::Rxx => Some([X, X]),
                    Gate::Ryy => Some([Y, Y]),
                    Gate::Rzz => Some([Z, Z]),
                    Gate::Rzx => Some([Z, X]),
                    _ => None,
                };
                match rotation {
                    Some(axes) => self.rotation([a, b], -params[0] / 2.0, axes),
                    None => self.two([a, b], decomposed(&two(gate, params))?),
                }
            }
            _ => {
                let Some(Expansion { circuit, phase }) = expansion(gate) else {
                    let message = format!("the gate '{gate}' has no known decomposition");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                };
                self.phase(*phase);
                for instruction in circuit.instructions() {
                    if let Operation::Gate { gate, params, qubits: inner } = instruction.operation {
                        let outer: Vec<u32> = inner.iter().map(|&at| qubits[at as usize]).collect();
                        self.gate(gate, params, &outer)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A unitary u = e^{iγ} e^{−iα·n} under a control: with the projector (1−Z)/2 in the exponent it is
    /// e^{iγ/2} e^{−iγZ/2} · e^{−iα·n/2} · e^{iα·Z⊗n/2}, all of which commute.
    fn controlled(&mut self, control: u32, target: u32, u: &One) {
        let gamma = (u[0][0] * u[1][1] - u[0][1] * u[1][0]).arg() / 2.0;
        let special = algebra::scaled(u, Complex64::cis(-gamma));
        let cos = (special[0][0].re + special[1][1].re) / 2.0;
        let sines = [-special[0][1].im, -special[0][1].re, -special[0][0].im];
        let sin = sines.iter().map(|part| part * part).sum::<f64>().sqrt();
        let alpha = sin.atan2(cos);
        let axis = if sin > 1e-300 { sines.map(|part| part / sin) } else { Z };
        if self.condition.is_some() {
            let mut matrix: Two = algebra::both(&[algebra::ONE, algebra::ONE]);
            for (row, line) in u.iter().enumerate() {
                for (column, element) in line.iter().enumerate() {
                    matrix[row * 2 + 1][column * 2 + 1] = *element;
                }
            }
            if let Some(kak) = kak::decompose(&matrix) {
                self.two([control, target], kak);
            }
            return;
        }
        self.builder.rotation([control, target], alpha / 2.0, [Z, axis]);
        self.builder.one(control, &turn(-gamma / 2.0, &Z));
        self.builder.one(target, &turn(-alpha / 2.0, &axis));
        self.builder.phase(gamma / 2.0);
    }

    fn unitary(&mut self, matrix: &Matrix, controls: usize, qubits: &[u32]) -> Result<()> {
        match (controls, matrix.qubits(), qubits) {
            (_, 0, []) => self.phase(matrix.get(0, 0).arg()),
            (_, 0, [rest @ .., last]) => {
                // A phase where all controls are 1: a diagonal on the last of them.
                let u = [[Complex64::ONE, Complex64::ZERO], [Complex64::ZERO, matrix.get(0, 0)]];
                self.multiply_controlled(&u, rest, *last)?;
            }
            (_, 1, [rest @ .., target]) => {
                let u = polished(&small::<2>(matrix));
                self.multiply_controlled(&u, rest, *target)?;
            }
            (0, 2, &[a, b]) => self.two([a, b], decomposed(&polished(&small::<4>(matrix)))?),
            _ => {
                let message = format!(
                    "a matrix on {} qubits under {controls} controls cannot be translated yet: write it as gates",
                    matrix.qubits()
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
        Ok(())
    }

    /// Barenco et al., Phys. Rev. A 52, 3457 (1995), lemma 7.5: a square root under the last control, and the others flip it.
    fn multiply_controlled(&mut self, u: &One, controls: &[u32], target: u32) -> Result<()> {
        match controls {
            [] => self.one(target, u),
            [control] => self.controlled(*control, target, u),
            _ if controls.len() >= MOST_CONTROLLED => {
                let message = format!(
                    "a unitary under {} controls cannot be translated: at most {}",
                    controls.len(),
                    MOST_CONTROLLED - 1
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            [rest @ .., last] => {
                let root = square_root(u);
                self.controlled(*last, target, &root);
                self.flip(rest, *last)?;
                self.controlled(*last, target, &algebra::adjoint(&root));
                self.flip(rest, *last)?;
                self.multiply_controlled(&root, rest, target)?;
            }
        }
        Ok(())
    }

    /// X under any number of controls.
    fn flip(&mut self, controls: &[u32], target: u32) -> Result<()> {
        let gate = match controls.len() {
            1 => Gate::Cx,
            2 => Gate::Ccx,
            3 => Gate::C3x,
            4 => Gate::C4x,
            _ => return self.multiply_controlled(&algebra::pauli(&X), controls, target),
        };
        let qubits: Vec<u32> = controls.iter().copied().chain([target]).collect();
        self.gate(gate, &[], &qubits)
    }
}

fn small<const N: usize>(matrix: &Matrix) -> [[Complex64; N]; N] {
    std::array::from_fn(|row| std::array::from_fn(|column| matrix.get(row, column)))
}

fn decomposed(u: &Two) -> Result<Kak> {
    kak::decompose(u)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a matrix on two qubits is not unitary to 1e-9"))
}

/// √u on the shorter way.
fn square_root(u: &One) -> One {
    let gamma = (u[0][0] * u[1][1] - u[0][1] * u[1][0]).arg() / 2.0;
    let special = algebra::scaled(u, Complex64::cis(-gamma));
    let cos = ((special[0][0].re + special[1][1].re) / 2.0).clamp(-1.0, 1.0);
    let sines = [-special[0][1].im, -special[0][1].re, -special[0][0].im];
    let sin = sines.iter().map(|part| part * part).sum::<f64>().sqrt();
    let axis = if sin > 1e-300 { sines.map(|part| part / sin) } else { Z };
    algebra::scaled(&turn(-sin.atan2(cos) / 2.0, &axis), Complex64::cis(gamma / 2.0))
}

/// A gate on three or more qubits as smaller gates.
#[derive(Debug)]
struct Expansion {
    circuit: Circuit,
    /// The global phase beside them.
    phase: f64,
}

/// What a gate on three or more qubits is made of.
fn expansion(gate: Gate) -> Option<&'static Expansion> {
    static ALL: OnceLock<Vec<Option<Expansion>>> = OnceLock::new();
    let all = ALL.get_or_init(|| Gate::all().map(expand).collect());
    all.get(gate as usize)?.as_ref()
}

fn expand(gate: Gate) -> Option<Expansion> {
    if gate.qubits() < 3 || gate.params() > 0 {
        return None;
    }
    let source = definition(gate)?;
    let circuit = crate::parse(&source, gate.name(), &NoIncludes).ok()?;
    // The definition may differ from the gate by a phase: compare what they make of |1…1⟩ and of nothing else.
    let start = State::basis(circuit.qubits(), (1 << circuit.qubits()) - 1)?;
    let (mut by_gate, mut by_parts) = (start.clone(), start);
    let qubits: Vec<u32> = (0..circuit.qubits()).collect();
    by_gate.apply(&Operation::Gate { gate, params: &[], qubits: &qubits })?;
    for instruction in circuit.instructions() {
        by_parts.apply(&instruction.operation)?;
    }
    Some(Expansion { phase: by_gate.overlap(&mut by_parts).arg(), circuit })
}
