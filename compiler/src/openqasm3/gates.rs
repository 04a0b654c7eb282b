//! Gates with their modifiers, taken apart into gates of the table, matrices and phases.

use qhal::circuit::{Block, Inverse, Matrix, Params};
use qhal::{Complex64, Gate};

use super::value::unsupported;
use crate::diagnostic::{Fault, Read};

/// One part of a gate: what is done to the targets where all controls are 1.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) does: Does,
    pub(super) controls: Vec<u32>,
    pub(super) targets: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) enum Does {
    Gate(Gate, Params),
    Matrix(Matrix),
    /// A phase of the whole. One that belongs to the definition of a gate is seen only under a control.
    Phase {
        angle: f64,
        seen: bool,
    },
    Barrier,
}

/// A modifier with what it says worked out.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Inv,
    Pow(f64),
    /// Qubits that have to be 1, or 0.
    Control(Vec<u32>, bool),
}

/// The most parts that powers may make of a gate.
const MOST_PARTS: usize = 1 << 20;

impl Part {
    /// A gate of the table; `u`, `u2` and `u3` have phases that only controls show (OpenQASM 3, section on built-in gates
    /// and `stdgates.inc`).
    pub(super) fn of(gate: Gate, params: &[f64], qubits: &[u32]) -> Vec<Self> {
        let phase = match (gate, params) {
            (Gate::U, &[theta, ..]) => Some(theta / 2.0),
            (Gate::U2, &[phi, lambda]) | (Gate::U3, &[_, phi, lambda]) => Some(-(phi + lambda) / 2.0),
            _ => None,
        };
        let phase = phase.map(|angle| Self::phase(angle, false));
        let does = match (gate, params) {
            (Gate::GPhase, &[angle]) => Does::Phase { angle, seen: true },
            _ => Does::Gate(gate, Params::new(params)),
        };
        let whole = Self { does, controls: Vec::new(), targets: qubits.to_vec() };
        phase.into_iter().chain([whole]).collect()
    }

    fn phase(angle: f64, seen: bool) -> Self {
        Self { does: Does::Phase { angle, seen }, controls: Vec::new(), targets: Vec::new() }
    }

    fn inverse(mut self) -> Self {
        match &mut self.does {
            Does::Gate(gate, params) => (*gate, *params) = gate.inverse(params),
            Does::Matrix(matrix) => *matrix = matrix.adjoint(),
            Does::Phase { angle, .. } => *angle = -*angle,
            Does::Barrier => {}
        }
        self
    }

    fn controlled(mut self, qubits: &[u32]) -> Self {
        match self.does {
            Does::Barrier => {}
            // A phase under controls is a phase gate on the last of them.
            Does::Phase { angle, .. } => {
                if let Some((last, rest)) = qubits.split_last() {
                    self.does = Does::Gate(Gate::P, Params::new(&[angle]));
                    (self.controls, self.targets) = (rest.to_vec(), vec![*last]);
                }
            }
            _ => {
                self.controls.splice(0..0, qubits.iter().copied());
            }
        }
        self
    }

    /// Puts controls into the gate as long as the table has such gates.
    pub(super) fn simplified(mut self) -> Self {
        while let Does::Gate(gate, params) = &self.does
            && let Some(&control) = self.controls.last()
            && let Some((gate, params)) = gate.controlled(params)
        {
            self.does = Does::Gate(gate, params);
            self.controls.pop();
            self.targets.insert(0, control);
        }
        self
    }

    /// What is done to the last targets, as a matrix, and all qubits, controls first.
    pub(super) fn matrix(&self, at: usize) -> Read<(Matrix, u32, Vec<u32>)> {
        let wrong = |error: qhal::Error| Fault::new(at, error.message()).of(error.kind());
        let (matrix, own) = match &self.does {
            Does::Gate(gate, params) => (of_block(gate.block(params)).map_err(wrong)?, gate.controls()),
            Does::Matrix(matrix) => (matrix.clone(), 0),
            Does::Phase { .. } | Does::Barrier => return Err(Fault::new(at, "there is no matrix for this")),
        };
        let qubits = self.controls.iter().chain(&self.targets).copied().collect();
        #[expect(clippy::cast_possible_truncation, reason = "controls are different qubits of a circuit")]
        let controls = (self.controls.len() + own) as u32;
        Ok((matrix, controls, qubits))
    }
}

fn of_block(block: Block) -> qhal::Result<Matrix> {
    match block {
        Block::Phase(angle) => Matrix::new(0, vec![Complex64::cis(angle)]),
        Block::One(rows) => Matrix::new(1, rows.concat()),
        Block::Two(rows) => Matrix::new(2, rows.concat()),
        Block::Many(matrix) => Ok(matrix),
    }
}

/// Applies a modifier to a gate.
pub(super) fn changed(parts: Vec<Part>, change: &Change, at: usize) -> Read<Vec<Part>> {
    match change {
        Change::Inv => Ok(parts.into_iter().rev().map(Part::inverse).collect()),
        Change::Control(qubits, on) => {
            let flips = || {
                let qubits = qubits.iter().filter(|_| !*on);
                qubits.flat_map(|&qubit| Part::of(Gate::X, &[], &[qubit])).collect::<Vec<_>>()
            };
            let inner = parts.into_iter().map(|part| part.controlled(qubits));
            Ok(flips().into_iter().chain(inner).chain(flips()).collect())
        }
        &Change::Pow(power) => to_the_power(parts, power, at),
    }
}

fn to_the_power(parts: Vec<Part>, power: f64, at: usize) -> Read<Vec<Part>> {
    if !power.is_finite() {
        return Err(Fault::new(at, "this power is not a finite number"));
    }
    // The angle of one rotation is multiplied, whatever the power.
    if let [Part { does: Does::Gate(gate, params), .. }] = parts.as_slice()
        && gate.spec().inverse == Inverse::NegateAll
        && params.len() == 1
    {
        let mut part = parts[0].clone();
        part.does = Does::Gate(*gate, Params::new(&[params[0] * power]));
        return Ok(vec![part]);
    }
    if let [Part { does: Does::Phase { angle, seen }, .. }] = parts.as_slice() {
        return Ok(vec![Part::phase(angle * power, *seen)]);
    }
    if power.fract() == 0.0 {
        let times = power.abs() as usize;
        if times.saturating_mul(parts.len().max(1)) > MOST_PARTS {
            return Err(Fault::new(at, format!("this power makes more than {MOST_PARTS} gates of one")));
        }
        let once = if power < 0.0 { changed(parts, &Change::Inv, at)? } else { parts };
        return Ok(std::iter::repeat_n(once, times).flatten().collect());
    }
    root(parts, power, at)
}

/// The principal power of a gate on one qubit.
fn root(parts: Vec<Part>, power: f64, at: usize) -> Read<Vec<Part>> {
    let cannot = || unsupported(at, "only gates on one target have powers that are not whole");
    let mut phase = Complex64::ONE;
    let mut whole: Option<Part> = None;
    for part in parts {
        match part.does {
            Does::Phase { angle, .. } => phase *= Complex64::cis(angle),
            Does::Gate(..) | Does::Matrix(_) if whole.is_none() => whole = Some(part),
            _ => return Err(cannot()),
        }
    }
    let part = whole.ok_or_else(cannot)?;
    let (matrix, controls, qubits) = part.matrix(at)?;
    if matrix.qubits() != 1 || (controls > 0 && phase != Complex64::ONE) {
        return Err(cannot());
    }
    let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| matrix.get(row, column) * phase);
    // U = e^{iα}(cos β − i sin β n·σ): eigenvalues e^{i(α ∓ β)}, each brought to its principal power.
    let alpha = (a * d - b * c).arg() / 2.0;
    let turn = Complex64::cis(-alpha);
    let (cosine, x, y, z) = (
        ((a + d) * turn).re / 2.0,
        -((b + c) * turn).im / 2.0,
        -((b - c) * turn).re / 2.0,
        -((a - d) * turn).im / 2.0,
    );
    let sine = (x * x + y * y + z * z).sqrt();
    let beta = sine.atan2(cosine);
    let principal = |angle: f64| {
        let angle = Complex64::cis(angle).arg();
        // −1 is e^{iπ}, on whichever side of it rounding has left it.
        let angle = if angle < 1e-12 - std::f64::consts::PI { -angle } else { angle };
        Complex64::cis(power * angle)
    };
    let (minus, plus) = (principal(alpha - beta), principal(alpha + beta));
    let (mean, half) = ((minus + plus) / 2.0, (minus - plus) / 2.0);
    let [x, y, z] = if sine > 1e-15 { [x / sine, y / sine, z / sine] } else { [0.0, 0.0, 1.0] };
    let i = Complex64::I;
    let elements = vec![mean + half * z, half * (x - i * y), half * (x + i * y), mean - half * z];
    let matrix = Matrix::new(1, elements).map_err(|error| Fault::new(at, error.message()))?;
    let (controls, targets) = qubits.split_at(controls as usize);
    // √X has a name, and is what powers are used for most.
    let named = [(Gate::Sx, Gate::Sx.matrix(&[])), (Gate::Sxdg, Gate::Sxdg.matrix(&[]))];
    let known = named.into_iter().find(|(_, known)| known.distance(&matrix) < 1e-12);
    let does = known.map_or(Does::Matrix(matrix), |(gate, _)| Does::Gate(gate, Params::default()));
    Ok(vec![Part { does, controls: controls.to_vec(), targets: targets.to_vec() }])
}
