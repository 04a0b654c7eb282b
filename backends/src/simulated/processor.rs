//! A simulated processor: the state-vector engine behind the processor trait.

use std::time::{Duration, Instant};

use qhal::circuit::{Circuit, Gate};
use qhal::processor::{
    Capabilities, Couplings, Features, Job, JobId, JobResult, JobState, NativeGate, Processor, Program,
    ProgramFormat, QubitProperties, Queue, Timings, Wanted,
};
use qhal::{Descriptor, Device, Error, ErrorKind, Health, Provenance, Result};
use qhal_simulator::{Plan, Precision, Simulator};

use super::entropy::operating_system_seed;
use crate::machine;
use qhal_drivers::processor::jobs::Jobs;

/// Everything that can be set about the simulated processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessorSettings {
    /// How amplitudes are stored.
    pub precision: Precision,
    /// Threads of one run; at least 1.
    pub threads: usize,
    /// Bytes a state may take.
    pub memory_limit: u64,
}

impl Default for ProcessorSettings {
    /// Double precision on all processors, in at most 90 % of the memory that is available now.
    fn default() -> Self {
        Self {
            precision: Precision::F64,
            threads: machine::processors(),
            memory_limit: machine::available_memory() / 10 * 9,
        }
    }
}

/// An ideal processor that computes. Jobs run one after the other, each on a thread of its own.
pub struct SimulatedProcessor {
    descriptor: Descriptor,
    capabilities: Capabilities,
    settings: ProcessorSettings,
    jobs: Jobs,
}

/// What is left of a job once its program has become a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) shots: u64,
    pub(super) seed: u64,
    pub(super) wanted: Wanted,
    pub(super) compile: Duration,
}

/// The most shots of one job; counts stay exact in a double up to here.
const MAX_SHOTS: u64 = 1 << 53;

impl SimulatedProcessor {
    /// Opens the processor.
    ///
    /// # Errors
    /// `InvalidInput` for no thread at all.
    pub fn open(descriptor: Descriptor, settings: ProcessorSettings) -> Result<Self> {
        if settings.threads == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a simulation needs at least one thread"));
        }
        let per_amplitude = match settings.precision {
            Precision::F32 => 8,
            Precision::F64 => 16,
        };
        let qubits = (settings.memory_limit / per_amplitude).checked_ilog2().unwrap_or(0).min(48) as usize;
        let capabilities = Capabilities {
            qubits: vec![QubitProperties::default(); qubits],
            native_gates: Gate::all().map(|gate| NativeGate { gate, sites: Vec::new() }).collect(),
            couplings: Couplings::All,
            features: Features {
                mid_circuit_measurement: true,
                reset: true,
                conditions: true,
                unitaries: true,
                probabilities: true,
                state: true,
            },
            formats: vec![ProgramFormat::Circuit, ProgramFormat::OpenQasm2],
            max_shots: MAX_SHOTS,
        };
        let jobs = Jobs::new(descriptor.id.clone());
        Ok(Self { descriptor, capabilities, settings, jobs })
    }
}

impl Device for SimulatedProcessor {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        Ok(Health::Good)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Processor for SimulatedProcessor {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        self.jobs.check_shots(&job, MAX_SHOTS)?;
        let Job { program, shots, seed, wanted } = job;
        let circuit = circuit_of(program).map_err(|error| error.on(&self.descriptor.id))?;
        let simulator = Simulator::new(self.settings.options())?;
        // What does not fit is refused now, not when the job's turn comes.
        let begun = Instant::now();
        let plan = simulator.plan(&circuit).map_err(|error| error.on(&self.descriptor.id))?;
        let compile = begun.elapsed();
        let seed = seed.map_or_else(operating_system_seed, Ok)?;
        let request = Request { shots, seed, wanted, compile };
        self.jobs.start(move |_| run(&simulator, &plan, &circuit, &request))
    }

    fn poll(&mut self, id: &JobId) -> Result<JobState> {
        self.jobs.poll(id)
    }

    fn cancel(&mut self, id: &JobId) -> Result<()> {
        self.jobs.cancel(id)
    }

    fn queue(&mut self) -> Result<Queue> {
        Ok(Queue { jobs: Some(self.jobs.running()), wait: None })
    }
}

/// The circuit of a program in one of the formats that simulated processors take.
///
/// # Errors
/// `Unsupported` for another format; `InvalidInput` for text that is no program, with its place.
pub(super) fn circuit_of(program: Program) -> Result<Circuit> {
    match program {
        Program::Circuit(circuit) => Ok(circuit),
        Program::Text { format: ProgramFormat::OpenQasm2, text } => {
            // The sender has the text; the place and the sentence are enough.
            let parsed = qhal_compiler::parse(&text, "job", &qhal_compiler::NoIncludes);
            parsed.map_err(|at| {
                let sentence = format!("line {}, column {}: {}", at.line, at.column, at.message);
                Error::new(at.kind, sentence)
            })
        }
        Program::Text { format, .. } => {
            Err(Error::new(ErrorKind::Unsupported, format!("programs as {format:?} are not taken here")))
        }
    }
}

/// Runs one job to its end.
pub(super) fn run(
    simulator: &Simulator,
    plan: &Plan,
    circuit: &Circuit,
    request: &Request,
) -> Result<JobResult> {
    let Request { shots, seed, wanted, compile } = *request;
    let mut result = JobResult {
        provenance: Provenance::Simulated,
        shots,
        counts: Vec::new(),
        probabilities: None,
        state: None,
        method: Some("state vector".to_owned()),
        timings: Timings { compile, ..Timings::default() },
    };
    let begun = Instant::now();
    if circuit.is_dynamic() {
        if wanted.state {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a circuit that measures, resets or decides on its way has no single final state to show",
            ));
        }
        if shots > 0 {
            result.counts = simulator.counts(plan, shots, seed)?;
        }
        if wanted.probabilities {
            result.probabilities = Some(simulator.probabilities(plan)?);
        }
        result.timings.execute = begun.elapsed();
        return Ok(result);
    }
    let state = simulator.evolve(plan)?;
    result.timings.execute = begun.elapsed();
    let begun = Instant::now();
    if shots > 0 {
        result.counts = state.counts(plan, shots, seed)?;
    }
    result.timings.sample = begun.elapsed();
    if wanted.probabilities {
        result.probabilities = Some(state.probabilities(1e-12)?);
    }
    if wanted.state {
        result.state = Some(state.amplitudes()?);
    }
    Ok(result)
}
