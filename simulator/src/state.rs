//! State vectors as others see them: amplitudes, probabilities, samples, in the order of the circuit's qubits.

use std::sync::OnceLock;

use qhal::circuit::BitString;
use qhal::processor::Counts;
use qhal::{Complex64, Error, ErrorKind, Result};

use crate::Precision;
use crate::pauli::{PauliString, expectation};
use crate::plan::{Plan, apply};
use crate::register::Register;
use crate::sample::sample;
use crate::tally::Tally;
use crate::view::{Cells, View};

/// The pure state of n qubits. Qubit 0 is the lowest bit of a basis state's index.
///
/// Gates rounded to `f32` change the norm by a few parts in 10^8 each, always the same way for the same gate. What is read
/// from a state in `f32` is therefore divided by its norm, which is computed once, in `f64`, when something is read.
#[derive(Debug)]
pub struct StateVector {
    inner: Inner,
    scale: OnceLock<f64>,
}

#[derive(Debug)]
enum Inner {
    F32(Register<f32>),
    F64(Register<f64>),
}

impl From<Register<f32>> for StateVector {
    fn from(register: Register<f32>) -> Self {
        Self { inner: Inner::F32(register), scale: OnceLock::new() }
    }
}

impl From<Register<f64>> for StateVector {
    fn from(register: Register<f64>) -> Self {
        Self { inner: Inner::F64(register), scale: OnceLock::new() }
    }
}

/// Calls the same method of whichever register it is.
macro_rules! either {
    ($state:expr, $register:ident => $call:expr) => {
        match &$state.inner {
            Inner::F32($register) => $call,
            Inner::F64($register) => $call,
        }
    };
}

impl StateVector {
    /// Applies the unitaries of a plan that was not fused.
    pub(crate) fn apply(&mut self, plan: &Plan, fusion: bool, threads: usize) {
        self.scale = OnceLock::new();
        match &mut self.inner {
            Inner::F32(register) => apply(register, plan, fusion, threads),
            Inner::F64(register) => apply(register, plan, fusion, threads),
        }
    }

    /// How many qubits it has.
    pub fn qubits(&self) -> u32 {
        either!(self, register => register.qubits())
    }

    /// How many amplitudes it has: 2^n.
    pub fn len(&self) -> u64 {
        1 << self.qubits()
    }

    /// Never: a state of no qubits has one amplitude.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The numbers its amplitudes are made of.
    pub fn precision(&self) -> Precision {
        match self.inner {
            Inner::F32(_) => Precision::F32,
            Inner::F64(_) => Precision::F64,
        }
    }

    /// The amplitude of basis state `index`; zero from 2^n on.
    pub fn amplitude(&self, index: u64) -> Complex64 {
        if index >= self.len() {
            return Complex64::ZERO;
        }
        either!(self, register => register.at(register.address(index))) * self.scale()
    }

    /// What stored amplitudes are multiplied by when they are read.
    fn scale(&self) -> f64 {
        match &self.inner {
            Inner::F64(_) => 1.0,
            Inner::F32(register) => *self.scale.get_or_init(|| match register.total().sqrt() {
                norm if norm > 0.0 => 1.0 / norm,
                _ => 1.0,
            }),
        }
    }

    /// The probability of basis state `index`; zero from 2^n on.
    pub fn probability(&self, index: u64) -> f64 {
        self.amplitude(index).norm_sqr()
    }

    /// All amplitudes in order, one at a time and without a copy of the state.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Complex64> + '_ {
        self.range(0..self.len() as usize)
    }

    /// Amplitudes of some basis states below 2^n in a row.
    fn range(&self, indices: std::ops::Range<usize>) -> impl ExactSizeIterator<Item = Complex64> + '_ {
        let (view, scale) = (self.view(), self.scale());
        indices.map(move |index| view.amplitude(index as u64) * scale)
    }

    /// Writes the amplitudes from basis state `start` on into `out` and returns how many there were.
    pub fn read(&self, start: u64, out: &mut [Complex64]) -> usize {
        let end = self.len().min(start.saturating_add(out.len() as u64));
        let indices = start.min(end) as usize..end as usize;
        let count = indices.len();
        out.iter_mut().zip(self.range(indices)).for_each(|(to, amplitude)| *to = amplitude);
        count
    }

    /// The amplitudes of a list of basis states, in its order; zero from 2^n on.
    pub fn amplitudes_of(&self, indices: &[u64]) -> Vec<Complex64> {
        let (view, scale) = (self.view(), self.scale());
        indices.iter().map(|&index| view.amplitude(index) * scale).collect()
    }

    /// The state as it lies in memory, lent without a copy.
    pub fn view(&self) -> View<'_> {
        either!(self, register => {
            let (moves, flips) = register.addresses();
            let cells = Cells::from(register.cells.as_ref());
            View { cells, moves, flips, len: self.len() }
        })
    }

    /// All amplitudes in order: a copy of 16·2^n bytes. [`iter`](Self::iter) and [`read`](Self::read) need none.
    ///
    /// # Errors
    /// `Exhausted` when there is no memory for the copy.
    pub fn amplitudes(&self) -> Result<Vec<Complex64>> {
        let mut all = Vec::new();
        all.try_reserve_exact(self.len() as usize).map_err(|cause| no_room(self.qubits(), cause))?;
        all.extend(self.iter());
        Ok(all)
    }

    /// The basis states of a probability above `threshold`, ascending; bit i is qubit i.
    ///
    /// # Errors
    /// `Exhausted` when there is no memory for the list.
    pub fn probabilities(&self, threshold: f64) -> Result<Vec<(BitString, f64)>> {
        const BLOCK: usize = 1 << 12;
        let (qubits, len) = (self.qubits(), self.len() as usize);
        let workers = either!(self, register => &register.workers);
        let blocks = workers.map(len.div_ceil(BLOCK), |block| {
            let indices = block * BLOCK..len.min((block + 1) * BLOCK);
            let figures = indices.clone().zip(self.range(indices));
            let figures = figures.map(|(index, amplitude)| (index as u64, amplitude.norm_sqr()));
            let mut likely = Vec::new();
            for (index, probability) in figures.filter(|(_, probability)| *probability > threshold) {
                likely.try_reserve(1).map_err(|cause| no_room(qubits, cause))?;
                likely.push((BitString::from_u64(qubits, index), probability));
            }
            Ok(likely)
        });
        let mut all = Vec::new();
        for block in blocks {
            let mut block = block?;
            all.try_reserve(block.len()).map_err(|cause| no_room(qubits, cause))?;
            all.append(&mut block);
        }
        Ok(all)
    }

    /// The probabilities of all outcomes of measuring `qubits` alone; the first is the lowest bit of the index.
    ///
    /// # Errors
    /// `InvalidInput` when a qubit does not exist or is named twice; `Exhausted` when there is no memory for the
    /// 2^k figures.
    pub fn marginal(&self, qubits: &[u32]) -> Result<Vec<f64>> {
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidInput, why));
        for (at, &qubit) in qubits.iter().enumerate() {
            if qubit >= self.qubits() {
                return wrong(format!("there is no qubit {qubit}, only {}", self.qubits()));
            }
            if qubits.iter().skip(at + 1).any(|&other| other == qubit) {
                return wrong(format!("qubit {qubit} is named twice"));
            }
        }
        let scale = self.scale() * self.scale();
        either!(self, register => {
            let mut sums = register.marginal(qubits).map_err(|cause| no_room(self.qubits(), cause))?;
            sums.iter_mut().for_each(|sum| *sum *= scale);
            Ok(sums)
        })
    }

    /// The norm √Σ|a|² of the amplitudes as they are stored: 1 up to rounding.
    pub fn norm(&self) -> f64 {
        either!(self, register => register.total()).sqrt()
    }

    /// The expectation value `Σ c·⟨ψ|P|ψ⟩` of a sum of Pauli strings. Strings that flip the same qubits (all strings of
    /// I and Z, for one) share one read of the state.
    ///
    /// # Errors
    /// `InvalidInput` when a string names a qubit that does not exist, or a coefficient is not finite.
    pub fn expectation(&self, sum: &[PauliString]) -> Result<f64> {
        let stored = either!(self, register => expectation(register, sum))?;
        Ok(stored * self.scale() * self.scale())
    }

    /// Measures all qubits of `shots` copies: basis states and how often each was seen, ascending.
    ///
    /// # Errors
    /// None that a state from a circuit can cause.
    pub fn sample(&self, shots: u64, seed: u64) -> Result<Vec<(u64, u64)>> {
        either!(self, register => sample(register, shots, seed))
    }

    /// Does the final measurements of `plan` on `shots` copies and counts what is in the classical bits then; bits
    /// that nothing is measured into are 0.
    ///
    /// # Errors
    /// `InvalidInput` when the plan is for another number of qubits.
    pub fn counts(&self, plan: &Plan, shots: u64, seed: u64) -> Result<Counts> {
        if plan.qubits() != self.qubits() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a plan for {} qubits cannot be read from a state of {}",
                    plan.qubits(),
                    self.qubits()
                ),
            ));
        }
        let mut tally = Tally::new(plan.final_measurements(), plan.bits());
        either!(self, register => {
            tally.add(register, &plan.memory(), shots, seed)?;
            Ok(tally.into_counts(&register.workers))
        })
    }
}

fn no_room(qubits: u32, cause: std::collections::TryReserveError) -> Error {
    Error::new(ErrorKind::Exhausted, format!("no memory for a copy of a state of {qubits} qubits"))
        .because(cause)
}
