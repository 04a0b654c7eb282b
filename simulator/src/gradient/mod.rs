//! Expectation values of parametrised circuits and their gradients, by the adjoint method.
//!
//! After the circuit has made ψ, the operator makes λ = Hψ of it; both are then taken back through the circuit together,
//! and at each gate the derivative by its angle is 2·Re ⟨λ|∂U·U†|ψ⟩ (Jones and Gacon, arXiv 2009.02823). The two states
//! are the halves of one register with one more qubit, so one read and write of it does for both what a pass can.

mod ansatz;
mod place;
mod tape;

use std::sync::Mutex;

use qhal::{Error, ErrorKind, Result};

pub use ansatz::{Angle, Ansatz};
use place::{Placed, adjoint, weights};
use tape::{Part, Source, Step, Tape};

use crate::kernels::{Line, SUMS, Shape, Written, for_each_block};
use crate::options::Precision;
use crate::pauli::{self, PauliString};
use crate::plan::Number;
use crate::reference;
use crate::register::Register;
use crate::simulator::Simulator;
use crate::workers::{MIN_PARALLEL_QUBITS, Workers};

impl Simulator {
    /// The expectation value of a sum of Pauli strings after an ansatz, and its derivatives by all parameters.
    ///
    /// Takes about as long as four runs of the circuit, however many parameters there are, and memory for two states.
    ///
    /// # Errors
    /// `InvalidInput` for the wrong number of parameters, one that is not finite, or a string that does not fit;
    /// `Exhausted` when there is no memory for two states.
    pub fn gradient(
        &self,
        ansatz: &Ansatz,
        parameters: &[f64],
        sum: &[PauliString],
    ) -> Result<(f64, Vec<f64>)> {
        let one = self.gradient_batch(ansatz, std::slice::from_ref(&parameters), sum)?;
        one.into_iter().next().ok_or_else(lost)
    }

    /// [`gradient`](Self::gradient) for many sets of parameters. The circuit is planned once; sets of small circuits
    /// are shared out to the threads.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient); one wrong set fails all.
    pub fn gradient_batch<P: AsRef<[f64]> + Sync>(
        &self,
        ansatz: &Ansatz,
        sets: &[P],
        sum: &[PauliString],
    ) -> Result<Vec<(f64, Vec<f64>)>> {
        match self.options().precision {
            Precision::F32 => self.each_set::<f32, _, _>(ansatz, sets, 1, sum, gradient::<f32>),
            Precision::F64 => self.each_set::<f64, _, _>(ansatz, sets, 1, sum, gradient::<f64>),
        }
    }

    /// The expectation values of a sum of Pauli strings after an ansatz for many sets of parameters. The circuit is
    /// planned once; sets of small circuits are shared out to the threads.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient), with memory for one state.
    pub fn expectation_batch<P: AsRef<[f64]> + Sync>(
        &self,
        ansatz: &Ansatz,
        sets: &[P],
        sum: &[PauliString],
    ) -> Result<Vec<f64>> {
        match self.options().precision {
            Precision::F32 => self.each_set::<f32, _, _>(ansatz, sets, 0, sum, expectation::<f32>),
            Precision::F64 => self.each_set::<f64, _, _>(ansatz, sets, 0, sum, expectation::<f64>),
        }
    }

    /// Does `work` for each set of parameters: side by side while states are small, else one after the other on all
    /// threads. Each needs as many qubits `more` than the circuit has.
    fn each_set<T: Number, P: AsRef<[f64]> + Sync, R: Send>(
        &self,
        ansatz: &Ansatz,
        sets: &[P],
        more: u32,
        sum: &[PauliString],
        work: fn(&Tape, &[f64], &[PauliString], &Workers) -> Result<R>,
    ) -> Result<Vec<R>> {
        let needed = ansatz.qubits().saturating_add(more);
        self.check(needed).map_err(|refusal| {
            let sentence = if more == 0 {
                refusal.message().to_owned()
            } else {
                format!("a gradient holds two states, as large as one of a qubit more: {}", refusal.message())
            };
            Error::new(refusal.kind(), sentence)
        })?;
        sets.iter().try_for_each(|parameters| ansatz.check(parameters.as_ref()))?;
        let side_by_side = needed < MIN_PARALLEL_QUBITS;
        let tape = Tape::new::<T>(ansatz, if side_by_side { 1 } else { self.options().threads });
        if !side_by_side {
            return sets
                .iter()
                .map(|parameters| work(&tape, parameters.as_ref(), sum, self.workers()))
                .collect();
        }
        let alone = Workers::new(1)?;
        let results = self.workers().map(sets.len(), |number| {
            sets.get(number).map(|parameters| work(&tape, parameters.as_ref(), sum, &alone))
        });
        results.into_iter().map(|result| result.unwrap_or_else(|| Err(lost()))).collect()
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Other, "a set of parameters has no result")
}

/// The angles of all gates for given parameters.
fn angles_of(tape: &Tape, parameters: &[f64]) -> Vec<f64> {
    tape.angles.iter().map(|angle| angle.value(parameters)).collect()
}

fn expectation<T: Number>(
    tape: &Tape,
    parameters: &[f64],
    sum: &[PauliString],
    workers: &Workers,
) -> Result<f64> {
    let mut register = Register::<T>::new(tape.qubits, workers.clone())?;
    forward(tape, &angles_of(tape, parameters), &mut register);
    register.relabel(&tape.positions, 0);
    let norm = if T::PRECISION == Precision::F32 { register.total() } else { 1.0 };
    Ok(pauli::expectation(&register, sum)? / norm)
}

fn gradient<T: Number>(
    tape: &Tape,
    parameters: &[f64],
    sum: &[PauliString],
    workers: &Workers,
) -> Result<(f64, Vec<f64>)> {
    let operator = pauli::Operator::new(sum, tape.qubits, |mask| {
        let moved = tape.positions.iter().enumerate().map(|(qubit, &at)| (mask >> qubit & 1) << at);
        moved.fold(0, |address, bit| address | bit)
    })?;
    let angles = angles_of(tape, parameters);
    let mut register = Register::<T>::new(tape.width + 1, workers.clone())?;
    forward(tape, &angles, &mut register);
    let (psi, lambda) = register.cells.split_at_mut(2 << tape.width);
    operator.apply(workers, psi, lambda, tape.width);
    let (mut value, norm) = products(workers, psi, lambda);
    let mut derivatives = backward(tape, &angles, &mut register, parameters.len());
    // Rounding in `f32` changes the norm by more than it has to.
    if T::PRECISION == Precision::F32 && norm > 0.0 {
        value /= norm;
        derivatives.iter_mut().for_each(|derivative| *derivative /= norm);
    }
    Ok((value, derivatives))
}

/// Re ⟨ψ|λ⟩ and ⟨ψ|ψ⟩.
fn products<T: Number>(workers: &Workers, psi: &[T], lambda: &[T]) -> (f64, f64) {
    let size = psi.len().min(2 << crate::workers::CHUNK_BITS);
    let sums = workers.map(psi.len() / size, |number| {
        let (a, b) = (psi.chunks(size).nth(number), lambda.chunks(size).nth(number));
        let mut sums = [0.0; 2];
        for (a, b) in a.unwrap_or_default().iter().zip(b.unwrap_or_default()) {
            sums[0] += a.to_f64() * b.to_f64();
            sums[1] += a.to_f64() * a.to_f64();
        }
        sums
    });
    sums.into_iter().fold((0.0, 0.0), |(value, norm), [more, weight]| (value + more, norm + weight))
}

/// Evolves |0…0⟩, in the lower half of the register if it has one more qubit.
fn forward<T: Number>(tape: &Tape, angles: &[f64], register: &mut Register<T>) {
    let kernels = T::chosen();
    let width = register.width();
    let live = (1u64 << tape.width) - 1;
    let mut written = Written::new(width, false);
    for part in &tape.parts {
        match part {
            Part::Plain(ops) => {
                reference::apply(register, &ops[0]);
                reference::restore_order(register);
                written = Written::new(width, true);
            }
            Part::Pass { resident, steps } => {
                let placed: Vec<Placed<T>> = steps
                    .iter()
                    .map(|step| Placed::new(step, *resident, &step.source.matrix(angles)))
                    .collect();
                let shape = Shape { resident: *resident, width, live_before: live, live_after: live };
                let workers = register.workers.clone();
                for_each_block(
                    &workers,
                    &mut register.cells,
                    shape,
                    &written,
                    |address, block, (): &mut ()| {
                        for placed in placed.iter().filter(|placed| placed.holds(address)) {
                            kernels.turn(block, &placed.local, placed.is_odd(address));
                        }
                    },
                );
            }
        }
    }
}

/// Takes both halves back to the beginning and gathers the derivatives on the way.
fn backward<T: Number>(
    tape: &Tape,
    angles: &[f64],
    register: &mut Register<T>,
    parameters: usize,
) -> Vec<f64> {
    let kernels = T::chosen();
    let width = register.width();
    let all = (1u64 << width) - 1;
    let written = Written::new(width, true);
    let mut derivatives = vec![0.0; parameters];
    for part in tape.parts.iter().rev() {
        match part {
            Part::Plain(ops) => {
                reference::apply(register, &ops[1]);
                reference::restore_order(register);
            }
            Part::Pass { resident, steps } => {
                let placed: Vec<(Placed<T>, bool)> = steps
                    .iter()
                    .rev()
                    .map(|step| {
                        let inverse = adjoint(&step.source.matrix(angles));
                        (Placed::new(step, *resident, &inverse), turns(tape, step))
                    })
                    .collect();
                let count = placed.iter().filter(|(_, turned)| *turned).count();
                // Sums by block, put together in the order of blocks: not in that in which threads finish.
                let sums = Mutex::new(Vec::new());
                let resident = resident | 1 << tape.width;
                let shape = Shape { resident, width, live_before: all, live_after: all };
                let workers = register.workers.clone();
                for_each_block(
                    &workers,
                    &mut register.cells,
                    shape,
                    &written,
                    |address, block, (): &mut ()| {
                        let mut own = Vec::with_capacity(count);
                        let mut lines = [Line(T::lanes(|_| T::default())); SUMS];
                        for (placed, turned) in &placed {
                            let (holds, odd) = (placed.holds(address), placed.is_odd(address));
                            if *turned && holds {
                                kernels.overlap(block, &placed.local, odd, &mut lines);
                                own.push(placed.reduce(&lines));
                            } else if *turned {
                                own.push([0.0; 4]);
                            }
                            if holds {
                                kernels.turn(block, &placed.local, odd);
                            }
                        }
                        if let Ok(mut sums) = sums.lock() {
                            sums.push((address, own));
                        }
                    },
                );
                let mut sums = sums.into_inner().unwrap_or_default();
                sums.sort_unstable_by_key(|(address, _)| *address);
                let turned = steps.iter().rev().filter(|step| turns(tape, step));
                for (at, step) in turned.enumerate() {
                    let mut total = [0.0; 4];
                    for (_, own) in &sums {
                        for (sum, part) in total.iter_mut().zip(own.get(at).copied().unwrap_or_default()) {
                            *sum += part;
                        }
                    }
                    add_derivatives(tape, step, angles, total, &mut derivatives);
                }
            }
        }
    }
    derivatives
}

/// Whether an angle of the step depends on a parameter.
fn turns(tape: &Tape, step: &Step) -> bool {
    let Source::Gate { gate, first } = step.source else { return false };
    let own = tape.angles.get(first..first + gate.params()).unwrap_or_default();
    own.iter().any(|angle| angle.depends_on().is_some())
}

/// Adds what one gate contributes to the derivatives by its parameters.
fn add_derivatives(tape: &Tape, step: &Step, angles: &[f64], sums: [f64; 4], derivatives: &mut [f64]) {
    let Source::Gate { gate, first } = step.source else { return };
    let own = first..first + gate.params();
    let values = angles.get(own.clone()).unwrap_or_default();
    for (which, angle) in tape.angles.get(own).unwrap_or_default().iter().enumerate() {
        if let Some((index, factor)) = angle.depends_on()
            && let Some(derivative) = derivatives.get_mut(index)
        {
            let weights = weights(gate, values, which);
            let by_angle: f64 = weights.iter().zip(sums).map(|(weight, sum)| weight * sum).sum();
            *derivative += factor * by_angle;
        }
    }
}

impl<T: crate::real::Real> Placed<T> {
    /// Whether the controls outside the block at `address` are all 1.
    fn holds(&self, address: u64) -> bool {
        address & self.controls == self.controls
    }

    /// The parity of the bits outside the block that count.
    fn is_odd(&self, address: u64) -> bool {
        (address & self.parity).count_ones() & 1 == 1
    }
}
