//! The gate set: which gates there are and what is known of each, read from one table.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use super::matrix::Matrix;
use super::table::{TABLE, Unitary};
use crate::{Complex64, Error, ErrorKind, Result};

pub use super::table::Gate;

/// Up to four angles, in radians.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Params {
    values: [f64; 4],
    len: u8,
}

impl Params {
    /// The first four of `values`.
    pub fn new(values: &[f64]) -> Self {
        let mut params = Self::default();
        for (to, from) in params.values.iter_mut().zip(values) {
            *to = *from;
            params.len += 1;
        }
        params
    }
}

impl std::ops::Deref for Params {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values[..self.len as usize]
    }
}

/// One row of the table of gates.
#[derive(Debug)]
pub struct GateSpec {
    /// The gate the row is about.
    pub gate: Gate,
    /// Its name in OpenQASM.
    pub name: &'static str,
    /// Other names for the same gate.
    pub aliases: &'static [&'static str],
    /// How many qubits it acts on, controls included; controls come first.
    pub qubits: u8,
    /// What its angles are called, in order; all in radians.
    pub params: &'static [&'static str],
    /// How many of its first qubits are controls.
    pub controls: u8,
    /// How the inverse is made.
    pub inverse: Inverse,
    /// The same gate under one more control, if the table has it.
    pub controlled: Option<Gate>,
    /// Whether it is diagonal for every angle.
    pub diagonal: bool,
    /// Whether it only permutes basis states (times phases) for every angle: one non-zero element a row.
    pub permutation: bool,
    /// When it maps Pauli operators to Pauli operators.
    pub clifford: Clifford,
    /// Which published gate libraries define it.
    pub library: Library,
    pub(super) unitary: Unitary,
}

/// How the inverse of a gate is made from the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inverse {
    /// It is its own inverse.
    Itself,
    /// It is another gate, with the same angles.
    Gate(Gate),
    /// It is the same gate with every angle negated.
    NegateAll,
    /// It is the same gate with its first angle negated.
    NegateFirst,
    /// (θ, φ, λ, rest…) becomes (−θ, −λ, −φ, −rest…).
    Euler,
    /// (φ, λ) becomes (−λ − π, −φ + π).
    EulerHalf,
}

/// When a gate is in the Clifford group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clifford {
    /// For every angle.
    Always,
    /// For no angle, or only for some that no simple rule names.
    Never,
    /// At least when every angle is a whole multiple of π divided by this number.
    AtFractionsOfPi(u8),
}

/// Which published library a gate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// In `qelib1.inc` of the OpenQASM 2 paper (arXiv 1707.03429, appendix) alone.
    Qelib1,
    /// In `stdgates.inc` of OpenQASM 3 alone.
    Stdgates,
    /// In both.
    Both,
    /// In neither; exporters assume it in `qelib1.inc`, or devices offer it.
    Extension,
}

/// The matrix of a gate without its controls, sized for direct use.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A global phase, in radians.
    Phase(f64),
    /// On one qubit.
    One([[Complex64; 2]; 2]),
    /// On two qubits, the first of them the lower bit of the index.
    Two([[Complex64; 4]; 4]),
    /// On more.
    Many(Matrix),
}

impl Gate {
    /// The row of the table.
    pub fn spec(self) -> &'static GateSpec {
        // The table is in the order of the enum; a test holds it there.
        &TABLE[self as usize]
    }

    /// All gates, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|spec| spec.gate)
    }

    /// Its name in OpenQASM.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// How many qubits it acts on.
    pub fn qubits(self) -> usize {
        self.spec().qubits.into()
    }

    /// How many angles it takes.
    pub fn params(self) -> usize {
        self.spec().params.len()
    }

    /// How many of its first qubits are controls.
    pub fn controls(self) -> usize {
        self.spec().controls.into()
    }

    /// The matrix of what is done to the targets while all controls are 1. Missing angles count as 0.
    pub fn block(self, params: &[f64]) -> Block {
        let mut angles = [0.0; 4];
        for (to, from) in angles.iter_mut().zip(params) {
            *to = *from;
        }
        match self.spec().unitary {
            Unitary::Phase => Block::Phase(angles[0]),
            Unitary::One(make) => Block::One(make(&angles)),
            Unitary::Two(make) => Block::Two(make(&angles)),
            Unitary::Many(make) => Block::Many(make()),
        }
    }

    /// The whole matrix, controls included. Missing angles count as 0.
    pub fn matrix(self, params: &[f64]) -> Matrix {
        let block = match self.block(params) {
            Block::Phase(angle) => Matrix::from_rows([[Complex64::cis(angle)]]),
            Block::One(rows) => Matrix::from_rows(rows),
            Block::Two(rows) => Matrix::from_rows(rows),
            Block::Many(matrix) => matrix,
        };
        // No row of the table comes near the limit, so this cannot fail; a test makes every matrix.
        block.controlled(self.spec().controls.into()).unwrap_or(block)
    }

    /// The gate and angles that undo this one.
    pub fn inverse(self, params: &[f64]) -> (Self, Params) {
        let mut new = Params::new(params);
        let mut gate = self;
        match self.spec().inverse {
            Inverse::Itself => {}
            Inverse::Gate(other) => gate = other,
            Inverse::NegateAll => new.values.iter_mut().for_each(|angle| *angle = -*angle),
            Inverse::NegateFirst => new.values[0] = -new.values[0],
            Inverse::Euler => {
                let [theta, phi, lambda, rest] = new.values;
                new.values = [-theta, -lambda, -phi, -rest];
            }
            Inverse::EulerHalf => {
                let [phi, lambda, ..] = new.values;
                new.values = [-lambda - PI, -phi + PI, 0.0, 0.0];
            }
        }
        (gate, new)
    }

    /// The gate and angles that do this under one more control, which comes first; `None` if the table has none.
    pub fn controlled(self, params: &[f64]) -> Option<(Self, Params)> {
        self.spec().controlled.map(|gate| {
            let mut new = Params::new(params);
            // The only controlled form with an angle more: cu's phase, which is 0 for a plain u.
            new.len = gate.spec().params.len() as u8;
            (gate, new)
        })
    }

    /// Whether it is known to be in the Clifford group with these angles (`false` may also mean: not known).
    pub fn is_clifford(self, params: &[f64]) -> bool {
        match self.spec().clifford {
            Clifford::Always => true,
            Clifford::Never => false,
            Clifford::AtFractionsOfPi(divisor) => params.iter().all(|angle| {
                let steps = angle * f64::from(divisor) / PI;
                (steps - steps.round()).abs() < 1e-12
            }),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Gate {
    type Err = Error;

    /// Finds a gate by its name or an alias; names are case-sensitive.
    fn from_str(name: &str) -> Result<Self> {
        TABLE
            .iter()
            .find(|spec| spec.name == name || spec.aliases.contains(&name))
            .map(|spec| spec.gate)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no gate called '{name}'")))
    }
}
