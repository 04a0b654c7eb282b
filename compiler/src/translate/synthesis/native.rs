//! What a device does without translation, as far as synthesis needs to know: its entangling gates and its pulses.

use qhal::circuit::Params;
use qhal::{Error, ErrorKind, Gate, Result};

use super::kak;
use crate::translate::TOLERANCE;
use crate::translate::algebra::{self, Axis, HADAMARD, ONE, One, Two, X, Y, Z, adjoint, times};

/// What an entangling gate is, up to one-qubit gates around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// CZ, CX, ECR and all others of their class.
    ControlledZ,
    /// e^{ix·P⊗Q} for every x.
    Rotation,
    /// iSWAP and its inverse.
    Iswap,
}

/// An entangling gate of a device.
#[derive(Clone, Debug)]
pub(crate) struct Entangler {
    pub(crate) gate: Gate,
    pub(crate) family: Family,
    /// Of a rotation: P and Q.
    pub(crate) axes: [Axis; 2],
    /// Of a rotation: x for each radian of the gate's angle.
    scale: f64,
    /// The gate of the family is e^{i·phase} after · gate · before.
    before: Option<[One; 2]>,
    after: Option<[One; 2]>,
    phase: f64,
}

/// How an R_z passes from one side of a gate to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Unchanged.
    Same,
    /// With its angle negated.
    Negated,
    /// To the other qubit.
    Other,
    /// Not at all.
    No,
}

impl Entangler {
    /// What the table's gate is good for; `None` if it entangles in no way that is known here.
    pub(crate) fn new(gate: Gate) -> Option<Self> {
        let plain =
            |family| Self { gate, family, axes: [Z, Z], scale: 0.0, before: None, after: None, phase: 0.0 };
        let rotation = |axes, scale| Self { axes, scale, ..plain(Family::Rotation) };
        Some(match gate {
            Gate::Cz => plain(Family::ControlledZ),
            Gate::Cx => Self {
                before: Some([ONE, HADAMARD]),
                after: Some([ONE, HADAMARD]),
                ..plain(Family::ControlledZ)
            },
            Gate::Iswap => plain(Family::Iswap),
            Gate::Rxx => rotation([X, X], -0.5),
            Gate::Ryy => rotation([Y, Y], -0.5),
            Gate::Rzz => rotation([Z, Z], -0.5),
            Gate::Rzx => rotation([Z, X], -0.5),
            gate if gate.qubits() == 2 && gate.params() == 0 => {
                let kak = kak::decompose(&two(gate, &[]))?;
                let wanted = Entangler::new(Gate::Cz)?;
                if super::count(Family::ControlledZ, &kak.coordinates) != 1 {
                    return None;
                }
                let target = kak::decompose(&two(wanted.gate, &[]))?;
                // Both have the same middle: CZ = A'·A† · gate · B†·B'.
                let before = std::array::from_fn(|k| times(&adjoint(&kak.right[k]), &target.right[k]));
                let after = std::array::from_fn(|k| times(&target.left[k], &adjoint(&kak.left[k])));
                Self {
                    before: Some(before),
                    after: Some(after),
                    phase: target.phase - kak.phase,
                    ..plain(Family::ControlledZ)
                }
            }
            _ => return None,
        })
    }

    /// The gate for Entangle(x) with its angles, what goes around it (first operand first) and the phase beside it.
    pub(crate) fn realize(&self, x: f64) -> (Params, Option<&[One; 2]>, Option<&[One; 2]>, f64) {
        let params = match self.family {
            Family::Rotation => Params::new(&[x / self.scale]),
            _ => Params::new(&[]),
        };
        (params, self.before.as_ref(), self.after.as_ref(), self.phase)
    }

    /// How an R_z on operand `side` (0 or 1) passes the gate.
    pub(crate) fn pass(&self, side: usize) -> Pass {
        match (self.gate, side) {
            (Gate::Cz | Gate::Rzz, _) | (Gate::Cx | Gate::Rzx, 0) => Pass::Same,
            (Gate::Iswap, _) => Pass::Other,
            (Gate::Ecr, 0) => Pass::Negated,
            _ => Pass::No,
        }
    }
}

/// The matrix of a gate of the table on two qubits.
pub(crate) fn two(gate: Gate, params: &[f64]) -> Two {
    let matrix = gate.matrix(params);
    std::array::from_fn(|row| std::array::from_fn(|column| matrix.get(row, column)))
}

/// From which gates everything on one qubit is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pulses {
    /// R_z and quarter turns about X: `sx` and `x`, or `rx` of ±π/2 and π.
    QuarterTurns {
        /// `rz`, or a gate that differs from it by a phase.
        z: Gate,
        /// Whether the turn is written `rx(π/2)`.
        as_rx: bool,
        /// Whether there is `x` for half turns.
        half: bool,
    },
    /// Turns by any angle about any axis of the equator, with or without R_z.
    Equator {
        /// `rz`, or a gate that differs from it by a phase.
        z: Option<Gate>,
        /// Whether only turns by π/2 and π exist.
        quarters: bool,
    },
    /// R_z and turns by any angle about one other axis: `rx`, `ry`, or `h` around R_z.
    TwoAxes {
        /// `rz`, or a gate that differs from it by a phase.
        z: Gate,
        /// `rx`, `ry` or `h`.
        other: Gate,
    },
    /// R_x and R_y.
    XAndY,
    /// One gate with three angles: `u` or `u3`.
    Universal(Gate),
}

impl Pulses {
    /// Whether an R_z is a gate of the device.
    pub(crate) fn z(&self) -> Option<Gate> {
        match *self {
            Self::QuarterTurns { z, .. } | Self::TwoAxes { z, .. } => Some(z),
            Self::Equator { z, .. } => z,
            Self::XAndY | Self::Universal(_) => None,
        }
    }

    /// Chooses from the gates that a device has everywhere.
    pub(crate) fn choose(gates: &[Gate], quarters: bool) -> Result<Self> {
        let has = |gate: Gate| gates.contains(&gate);
        let z = [Gate::Rz, Gate::P, Gate::U1].into_iter().find(|&gate| has(gate));
        Ok(match z {
            z if has(Gate::R) => Self::Equator { z, quarters },
            Some(z) if has(Gate::Sx) => Self::QuarterTurns { z, as_rx: false, half: has(Gate::X) },
            Some(z) if has(Gate::Rx) && quarters => Self::QuarterTurns { z, as_rx: true, half: true },
            _ if has(Gate::U) => Self::Universal(Gate::U),
            _ if has(Gate::U3) => Self::Universal(Gate::U3),
            Some(z) => match [Gate::Rx, Gate::Ry, Gate::H].into_iter().find(|&gate| has(gate)) {
                Some(other) => Self::TwoAxes { z, other },
                None => return Err(missing()),
            },
            None if has(Gate::Rx) && has(Gate::Ry) => Self::XAndY,
            None => return Err(missing()),
        })
    }
}

fn missing() -> Error {
    let message =
        "its one-qubit gates do not make every unitary: it needs r, u, or rz with one of sx, rx, ry, h";
    Error::new(ErrorKind::Unsupported, message)
}

/// The entangling gates of a device: one that every coupling has, and perhaps one with continuous angles beside it.
#[derive(Clone, Debug)]
pub(crate) struct Entanglers {
    /// One or two; never empty.
    all: Vec<Entangler>,
}

impl Entanglers {
    /// Keeps the best of each family; `None` if there is none.
    pub(crate) fn choose(gates: &[Gate]) -> Option<Self> {
        let known: Vec<Entangler> =
            [Gate::Cz, Gate::Cx, Gate::Ecr, Gate::Rzz, Gate::Rxx, Gate::Rzx, Gate::Ryy, Gate::Iswap]
                .into_iter()
                .chain(gates.iter().copied())
                .filter(|gate| gates.contains(gate))
                .filter_map(Entangler::new)
                .collect();
        let of = |family| known.iter().find(|entangler| entangler.family == family).cloned();
        let mut all: Vec<Entangler> =
            [Family::ControlledZ, Family::Rotation].into_iter().filter_map(of).collect();
        if all.is_empty() {
            all.extend(of(Family::Iswap));
        }
        (!all.is_empty()).then_some(Self { all })
    }

    /// The entangler that needs fewest gates for these coordinates, and how many.
    pub(crate) fn best(&self, coordinates: &[f64; 3]) -> (&Entangler, u32) {
        let counted =
            self.all.iter().map(|entangler| (entangler, super::count(entangler.family, coordinates)));
        // The first of equals; the list is never empty.
        counted.min_by_key(|(_, count)| *count).unwrap_or((&self.all[0], 3))
    }

    pub(crate) fn gates(&self) -> impl Iterator<Item = Gate> + '_ {
        self.all.iter().map(|entangler| entangler.gate)
    }
}

/// Polishes what is unitary to 1e-8 only: one step of Newton's iteration for the polar factor.
pub(crate) fn polished<const N: usize>(u: &[[qhal::Complex64; N]; N]) -> [[qhal::Complex64; N]; N] {
    let mut out = algebra::scaled(u, qhal::Complex64::new(1.5, 0.0));
    for row in 0..N {
        for column in 0..N {
            // (U·U†·U)/2 is taken away.
            let mut sum = qhal::Complex64::ZERO;
            for (inner, line) in u.iter().enumerate() {
                let gram: qhal::Complex64 = (0..N).map(|k| u[row][k] * line[k].conj()).sum();
                sum += gram * u[inner][column];
            }
            out[row][column] -= sum * 0.5;
        }
    }
    out
}

/// Whether a coordinate or angle counts as zero.
pub(crate) fn negligible(angle: f64) -> bool {
    angle.abs() < TOLERANCE
}
