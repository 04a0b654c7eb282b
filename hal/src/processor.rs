//! Processors: what they can do, and the life of a job on them.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::circuit::{BitString, Circuit, Gate};
use crate::{Complex64, Device, Error, ErrorKind, Provenance, Result};

/// How long the device needs for one gate on given qubits, and how well it does it.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSite {
    /// The qubits, in the order of the gate's operands.
    pub qubits: Vec<u32>,
    /// How long it takes, where it is known.
    pub duration: Option<Duration>,
    /// Average gate fidelity, 0 to 1, where it is known.
    pub fidelity: Option<f64>,
}

/// A gate the device does without translation.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeGate {
    /// The gate.
    pub gate: Gate,
    /// Where it can be done; empty means on all qubits and, for two qubits, on every coupling.
    pub sites: Vec<GateSite>,
}

/// What is known of one qubit.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct QubitProperties {
    /// Relaxation time T1.
    pub t1: Option<Duration>,
    /// Dephasing time T2.
    pub t2: Option<Duration>,
    /// Probability that a measured 0 or 1 is read as the other, averaged over both.
    pub readout_error: Option<f64>,
}

/// Between which qubits a two-qubit gate can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Couplings {
    /// Between any two.
    All,
    /// Between these pairs; (a, b) allows a gate whose first operand is a.
    Pairs(Vec<(u32, u32)>),
}

/// What a program may contain beyond gates and final measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Features {
    /// Measurements that are not final.
    pub mid_circuit_measurement: bool,
    /// Resets.
    pub reset: bool,
    /// Operations under a classical condition.
    pub conditions: bool,
    /// Unitaries given by a matrix.
    pub unitaries: bool,
    /// Can give exact probabilities.
    pub probabilities: bool,
    /// Can give the state.
    pub state: bool,
}

/// A form in which a program can be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProgramFormat {
    /// A [`Circuit`].
    Circuit,
    /// OpenQASM 2 text.
    OpenQasm2,
    /// OpenQASM 3 text.
    OpenQasm3,
    /// QIR base profile, text.
    QirBaseText,
}

/// What a processor can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// One entry a qubit.
    pub qubits: Vec<QubitProperties>,
    /// What it does without translation.
    pub native_gates: Vec<NativeGate>,
    /// Where it does two-qubit gates.
    pub couplings: Couplings,
    /// What programs may contain.
    pub features: Features,
    /// How programs may be written.
    pub formats: Vec<ProgramFormat>,
    /// The most shots of one job.
    pub max_shots: u64,
}

/// The program of a job.
#[derive(Clone, Debug)]
pub enum Program {
    /// A circuit as data.
    Circuit(Circuit),
    /// Text in a format that the device takes as it is.
    Text {
        /// Its format.
        format: ProgramFormat,
        /// The text.
        text: String,
    },
}

/// What a job should bring back beside counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The exact probabilities of all qubits, final measurements left out.
    pub probabilities: bool,
    /// The state before final measurements.
    pub state: bool,
}

/// One run of one program.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to run.
    pub program: Program,
    /// How often; 0 only if nothing but probabilities or the state is wanted.
    pub shots: u64,
    /// Makes a simulation repeatable; physical processors ignore it.
    pub seed: Option<u64>,
    /// What to bring back.
    pub wanted: Wanted,
}

/// The name of a job, unique on its processor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub String);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// How often each outcome was seen: one bit string over all classical bits of the program, ascending, no zeros.
pub type Counts = Vec<(BitString, u64)>;

/// Where the time of a job went; what a device does not tell is zero.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Timings {
    /// Making the program ready for the device.
    pub compile: Duration,
    /// Running it.
    pub execute: Duration,
    /// Drawing the shots from a simulated state.
    pub sample: Duration,
}

/// What a job brought back.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// Where the numbers came from.
    pub provenance: Provenance,
    /// Shots that were run.
    pub shots: u64,
    /// How often each outcome was seen; bit i of a string is classical bit i of the program.
    pub counts: Counts,
    /// Probabilities above 1e-12 by basis state, ascending, if wanted; bit i is qubit i.
    pub probabilities: Option<Vec<(BitString, f64)>>,
    /// 2^n amplitudes, if wanted; qubit 0 is the lowest bit of the index.
    pub state: Option<Vec<Complex64>>,
    /// How a simulation came to it, in a few words; `None` from a processor that does not compute its results.
    pub method: Option<String>,
    /// Where the time went.
    pub timings: Timings,
}

/// Where a job is in its life.
#[derive(Debug)]
pub enum JobState {
    /// It waits; how many are before it, where that is known.
    Queued {
        /// Jobs before it.
        ahead: Option<u64>,
    },
    /// It runs.
    Running,
    /// It is done. The result is given once; the job is forgotten with it.
    Done(Box<JobResult>),
    /// It failed; the job is forgotten with this.
    Failed(Error),
    /// It was cancelled; the job is forgotten with this.
    Cancelled,
}

/// How much a new job would have to wait for; what the device does not tell is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Queue {
    /// Jobs that would run before it.
    pub jobs: Option<u64>,
    /// How long they will take.
    pub wait: Option<Duration>,
}

/// Something that runs circuits.
pub trait Processor: Device {
    /// What it can do; as known when it was opened.
    fn capabilities(&self) -> &Capabilities;

    /// Hands over a job and returns at once or as soon as it is accepted.
    ///
    /// # Errors
    /// `InvalidInput` for what no processor could run; `Unsupported` for what this one cannot (format, gate, feature);
    /// `Exhausted` when it is too large for it; `Refused`, `Busy` and the wire's kinds.
    fn submit(&mut self, job: Job) -> Result<JobId>;

    /// Asks how a job is doing; never waits for it.
    ///
    /// # Errors
    /// `NotFound` for a job it does not know (any more); the wire's kinds.
    fn poll(&mut self, id: &JobId) -> Result<JobState>;

    /// Gives a job up. A job that is done by then stays done.
    ///
    /// # Errors
    /// `NotFound` for a job it does not know (any more); the wire's kinds.
    fn cancel(&mut self, id: &JobId) -> Result<()>;

    /// Asks what a job submitted now would have to wait for.
    ///
    /// # Errors
    /// The wire's kinds. A device that tells nothing is no error.
    fn queue(&mut self) -> Result<Queue> {
        Ok(Queue::default())
    }

    /// Whether jobs live on when the processor is closed, so that [`resume`](Processor::resume) finds them later.
    fn keeps_jobs(&self) -> bool {
        false
    }

    /// Takes up a job that was submitted at an earlier opening of the processor; from then on it is polled and cancelled
    /// as if it had been submitted now. `job` is what was submitted: its program tells what the device's outcomes mean.
    ///
    /// # Errors
    /// `Unsupported` unless [`keeps_jobs`](Processor::keeps_jobs); `NotFound` for a job that the device does not know
    /// (any more); the wire's kinds.
    fn resume(&mut self, id: &JobId, job: &Job) -> Result<()> {
        let _ = job;
        let message =
            format!("job {id} cannot be taken up again: this processor keeps no jobs when it is closed");
        Err(Error::new(ErrorKind::Unsupported, message).on(&self.descriptor().id))
    }
}

/// Polls a job until it ends. Between two polls `pause` is called with the state: it sleeps as it likes, and
/// breaks to give the job up.
///
/// # Errors
/// The job's own error; `Refused` when it was cancelled elsewhere; `TimedOut` when `pause` broke (the job is
/// cancelled then); those of [`Processor::poll`].
pub fn wait(
    processor: &mut dyn Processor,
    id: &JobId,
    pause: &mut dyn FnMut(&JobState) -> ControlFlow<()>,
) -> Result<JobResult> {
    loop {
        match processor.poll(id)? {
            JobState::Done(result) => return Ok(*result),
            JobState::Failed(error) => return Err(error),
            JobState::Cancelled => {
                return Err(Error::new(ErrorKind::Refused, format!("job {id} was cancelled"))
                    .on(&processor.descriptor().id));
            }
            state => {
                if pause(&state).is_break() {
                    processor.cancel(id)?;
                    return Err(Error::new(ErrorKind::TimedOut, format!("job {id} was given up"))
                        .on(&processor.descriptor().id));
                }
            }
        }
    }
}
