//! Programs with noise: exactly by a density matrix, or shot by shot by quantum trajectories.
//!
//! A [`NoisyProgram`] is what happens to qubits in order: unitaries, relaxation, depolarization, measurements that may be
//! read wrongly, resets. Nothing is known here of devices; whoever knows the figures of one writes the program.

mod channel;
mod density;
mod draws;
mod program;
mod register;
mod trajectories;

use std::sync::atomic::AtomicBool;

use qhal::processor::Counts;
use qhal::{Error, ErrorKind, Result};

use crate::options::{Options, Precision};

pub use channel::{Readout, Relaxation, coherence_limit, depolarizing_rest};
pub use program::NoisyProgram;

/// How a program with noise is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// 4^n numbers that hold all there is to know; shots are drawn from the exact distribution.
    DensityMatrix,
    /// 2^n amplitudes a shot, to which chance does what noise does. Shots go together until chance tells them apart.
    Trajectories,
}

impl Method {
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DensityMatrix => "density matrix",
            Self::Trajectories => "quantum trajectories",
        }
    }
}

/// Up to so many qubits a density matrix takes no longer than it takes to look.
const FEW_QUBITS: u32 = 6;

impl NoisyProgram {
    /// Which method suits the program with so many shots.
    ///
    /// A density matrix needs one pass over 4^n numbers where trajectories need up to `shots` passes over 2^n; it cannot
    /// decide on an outcome on the way.
    pub fn method(&self, shots: u64, options: &Options) -> Method {
        let fits = density_bytes(self.qubits()).is_some_and(|bytes| bytes <= options.memory_limit);
        let worth_it = self.qubits() <= FEW_QUBITS || 1u64 << (self.qubits() + 2).min(63) <= shots;
        if fits && worth_it && !self.is_dynamic() { Method::DensityMatrix } else { Method::Trajectories }
    }

    /// Bytes of memory that a run takes at least.
    ///
    /// # Errors
    /// `Exhausted` when it is more than the options allow.
    pub fn check(&self, shots: u64, options: &Options) -> Result<()> {
        match self.method(shots, options) {
            Method::DensityMatrix => Ok(()),
            Method::Trajectories => trajectories::threads(self, shots, options).map(drop),
        }
    }

    /// Runs the program `shots` times and counts the outcomes. They depend on the program, the number of shots and the
    /// seed alone. Amplitudes are in double precision whatever the options say.
    ///
    /// # Errors
    /// `Exhausted` when there is no memory for it; `Refused` as soon as `stop` is set.
    pub fn counts(&self, shots: u64, seed: u64, options: &Options, stop: &AtomicBool) -> Result<Counts> {
        match self.method(shots, options) {
            Method::DensityMatrix => density::counts(self, shots, seed, stop),
            Method::Trajectories => trajectories::counts(self, shots, seed, options, stop),
        }
    }

    /// The same by a method of the caller's choice.
    ///
    /// # Errors
    /// As [`counts`](Self::counts); `Unsupported` for a density matrix of a program that decides on outcomes on the way.
    pub fn counts_by(
        &self,
        method: Method,
        shots: u64,
        seed: u64,
        options: &Options,
        stop: &AtomicBool,
    ) -> Result<Counts> {
        match method {
            Method::DensityMatrix if self.is_dynamic() => Err(dynamic()),
            Method::DensityMatrix => density::counts(self, shots, seed, stop),
            Method::Trajectories => trajectories::counts(self, shots, seed, options, stop),
        }
    }

    /// The exact probabilities of all outcomes above 1e-12, ascending: bit i of a string is classical bit i.
    ///
    /// # Errors
    /// `Unsupported` for a program that decides on outcomes on the way; `Exhausted` when there is no memory for its density
    /// matrix.
    pub fn distribution(&self, options: &Options) -> Result<Vec<(qhal::circuit::BitString, f64)>> {
        if self.is_dynamic() {
            return Err(dynamic());
        }
        if density_bytes(self.qubits()).is_none_or(|bytes| bytes > options.memory_limit) {
            let message = format!("the density matrix of {} qubits exceeds the memory limit", self.qubits());
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        density::distribution(self)
    }
}

fn dynamic() -> Error {
    let message = "a density matrix cannot decide on outcomes on the way; use trajectories";
    Error::new(ErrorKind::Unsupported, message)
}

fn density_bytes(qubits: u32) -> Option<u64> {
    Precision::F64.state_bytes(qubits.checked_mul(2)?)
}

fn stopped() -> Error {
    Error::new(ErrorKind::Refused, "the run was stopped")
}
