//! Circuits whose angles depend on parameters.

use std::ops::{Add, Mul, Neg};

use qhal::circuit::{Circuit, Gate, Matrix, Operation};
use qhal::{Error, ErrorKind, Result};

/// An angle of a gate, in radians: a fixed one, or `factor · parameter + offset`.
///
/// Numbers are angles, and angles can be scaled, shifted and negated: `2.0 * Angle::parameter(0) + 0.1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Angle {
    /// Which parameter, if any, and what it is multiplied by.
    parameter: Option<(usize, f64)>,
    offset: f64,
}

impl Angle {
    /// The value of parameter number `index`.
    pub fn parameter(index: usize) -> Self {
        Self { parameter: Some((index, 1.0)), offset: 0.0 }
    }

    /// Which parameter it depends on and by which factor; `None` for a fixed angle.
    pub fn depends_on(self) -> Option<(usize, f64)> {
        self.parameter
    }

    /// The angle for given parameters; a missing one counts as 0.
    pub fn value(self, parameters: &[f64]) -> f64 {
        let turned = |(index, factor)| factor * parameters.get(index).copied().unwrap_or(0.0);
        self.parameter.map_or(0.0, turned) + self.offset
    }
}

impl From<f64> for Angle {
    fn from(angle: f64) -> Self {
        Self { parameter: None, offset: angle }
    }
}

impl Mul<f64> for Angle {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        let parameter = self.parameter.map(|(index, before)| (index, before * factor));
        Self { parameter, offset: self.offset * factor }
    }
}

impl Mul<Angle> for f64 {
    type Output = Angle;

    fn mul(self, angle: Angle) -> Angle {
        angle * self
    }
}

impl Add<f64> for Angle {
    type Output = Self;

    fn add(self, offset: f64) -> Self {
        Self { offset: self.offset + offset, ..self }
    }
}

impl Neg for Angle {
    type Output = Self;

    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A circuit of unitaries whose angles depend on parameters: an ansatz of a variational algorithm.
///
/// A parameter may turn any number of gates, each with its own factor and offset.
#[derive(Clone, Debug)]
pub struct Ansatz {
    /// The circuit for parameters that are all 0.
    circuit: Circuit,
    /// All angles of all gates, in order.
    angles: Vec<Angle>,
    parameters: usize,
}

impl Ansatz {
    /// An ansatz without gates on `qubits` qubits.
    pub fn new(qubits: u32) -> Self {
        Self { circuit: Circuit::with_size(qubits, 0), angles: Vec::new(), parameters: 0 }
    }

    /// Makes every angle of a circuit a parameter of its own; returns the values they have there beside it. Final
    /// measurements are left out.
    ///
    /// # Errors
    /// `Unsupported` for a circuit with measurements on the way, resets or conditions.
    pub fn of(circuit: &Circuit) -> Result<(Self, Vec<f64>)> {
        let mut ansatz = Self::new(circuit.qubits());
        let mut values = Vec::new();
        ansatz.extend(circuit, |value| {
            values.push(value);
            Angle::parameter(values.len() - 1)
        })?;
        Ok((ansatz, values))
    }

    /// Appends `gate` on `qubits`, controls first; its angles are in radians.
    ///
    /// # Errors
    /// `InvalidInput` when a qubit does not exist or is named twice, the number of qubits or angles is wrong, or a
    /// figure is not finite.
    pub fn gate(&mut self, gate: Gate, angles: &[Angle], qubits: &[u32]) -> Result<&mut Self> {
        if angles.iter().any(|angle| angle.parameter.is_some_and(|(_, factor)| !factor.is_finite())) {
            let why = format!("{gate}: the factor of a parameter is not a finite number");
            return Err(Error::new(ErrorKind::InvalidInput, why));
        }
        let at_zero: Vec<f64> = angles.iter().map(|angle| angle.offset).collect();
        self.circuit.gate(gate, &at_zero, qubits)?;
        self.angles.extend_from_slice(angles);
        let named = angles.iter().filter_map(|angle| angle.parameter);
        self.parameters = named.map(|(index, _)| index + 1).fold(self.parameters, usize::max);
        Ok(self)
    }

    /// Appends a unitary given by its matrix on the last of `qubits`, done where the first `controls` of them are 1.
    ///
    /// # Errors
    /// As [`Circuit::unitary`].
    pub fn unitary(&mut self, matrix: &Matrix, controls: u32, qubits: &[u32]) -> Result<&mut Self> {
        self.circuit.unitary(matrix, controls, qubits)?;
        Ok(self)
    }

    /// Appends all of a circuit with its angles fixed; final measurements are left out.
    ///
    /// # Errors
    /// `Unsupported` for a circuit with measurements on the way, resets or conditions; `InvalidInput` when it has
    /// more qubits.
    pub fn append(&mut self, circuit: &Circuit) -> Result<&mut Self> {
        self.extend(circuit, Angle::from)?;
        Ok(self)
    }

    /// Appends a circuit with each angle made into what `angle` says.
    fn extend(&mut self, circuit: &Circuit, mut angle: impl FnMut(f64) -> Angle) -> Result<()> {
        if circuit.is_dynamic() {
            let why = "a circuit with measurements on the way, resets or conditions is no ansatz";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        for instruction in circuit.instructions() {
            match instruction.operation {
                Operation::Gate { gate, params, qubits } => {
                    let angles: Vec<Angle> = params.iter().map(|&value| angle(value)).collect();
                    self.gate(gate, &angles, qubits)?;
                }
                operation @ Operation::Unitary { .. } => self.circuit.push(operation, None)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// How many qubits it has.
    pub fn qubits(&self) -> u32 {
        self.circuit.qubits()
    }

    /// How many parameters it has: one more than the highest that an angle depends on.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The circuit for given parameters.
    ///
    /// # Errors
    /// `InvalidInput` for the wrong number of parameters, or one that is not finite.
    pub fn bind(&self, parameters: &[f64]) -> Result<Circuit> {
        self.check(parameters)?;
        let mut bound = self.circuit.without_instructions();
        for (operation, angles) in self.operations() {
            match operation {
                Operation::Gate { gate, qubits, .. } => {
                    let params: Vec<f64> = angles.iter().map(|angle| angle.value(parameters)).collect();
                    bound.gate(gate, &params, qubits)?;
                }
                operation => bound.push(operation, None)?,
            }
        }
        Ok(bound)
    }

    pub(crate) fn check(&self, parameters: &[f64]) -> Result<()> {
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidInput, why));
        if parameters.len() != self.parameters {
            return wrong(format!("the ansatz has {} parameters, not {}", self.parameters, parameters.len()));
        }
        match parameters.iter().find(|parameter| !parameter.is_finite()) {
            Some(parameter) => wrong(format!("the parameter {parameter} is not a finite number")),
            None => Ok(()),
        }
    }

    /// Its unitaries in order, each with its angles.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Operation<'_>, &[Angle])> {
        let mut rest = self.angles.as_slice();
        self.circuit.instructions().map(move |instruction| {
            let count = match instruction.operation {
                Operation::Gate { params, .. } => params.len(),
                _ => 0,
            };
            let (own, others) = rest.split_at_checked(count).unwrap_or((&[], &[]));
            rest = others;
            (instruction.operation, own)
        })
    }
}
