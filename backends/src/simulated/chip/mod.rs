//! A simulated processor that stands in for a certain chip: it has the chip's qubits, couplings, gates and figures, refuses
//! what the chip refuses, and errs as the figures say.

mod profile;
mod program;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use qhal::processor::{
    Capabilities, Job, JobId, JobResult, JobState, Processor, ProgramFormat, Queue, Timings,
};
use qhal::{
    Circuit, Descriptor, Device, DeviceId, Error, ErrorKind, Health, Kind, Property, Provenance, Result,
};
use qhal_compiler::translate::{Misfit, Target, fits};
use qhal_simulator::Simulator;
use qhal_simulator::noise::NoisyProgram;

use super::entropy::operating_system_seed;
use super::processor::{ProcessorSettings, Request, circuit_of, run};
use super::used::{compact, used_qubits};
use qhal_drivers::processor::jobs::Jobs;

pub(super) use profile::{known, load};

/// The most shots of one job where the chip's own limit is not known; each shot is followed on its own.
const MAX_SHOTS: u64 = 1_000_000;

/// Whether a device is simulated after a certain chip, and so stands behind a simulation of processors in general.
pub(crate) fn imitates(device: &Descriptor) -> bool {
    device.kind == Kind::Processor
        && device.provenance == Provenance::Simulated
        && device.id.driver() == super::DRIVER
        && device.id.unit() != super::STATE_VECTOR
}

/// The description behind a simulated chip, with what [`Capabilities`] does not tell: how a chip is asked to turn, how long
/// a measurement takes. `None` for any other device.
///
/// # Errors
/// As reading the description of the chip.
pub fn target_of(device: &Descriptor) -> Option<Result<Target>> {
    imitates(device).then(|| load(device.id.unit()).map(|(_, target)| limited(target)))
}

/// The target with the limits of a simulation.
fn limited(mut target: Target) -> Target {
    target.capabilities.max_shots = target.capabilities.max_shots.min(MAX_SHOTS);
    target.capabilities.formats = vec![ProgramFormat::Circuit, ProgramFormat::OpenQasm2];
    target
}

/// A processor that computes what a certain chip would do, noise included. Each job has a thread of its own.
pub struct SimulatedChip {
    descriptor: Descriptor,
    target: Target,
    settings: ProcessorSettings,
    jobs: Jobs,
}

impl SimulatedChip {
    /// Opens the chip that `descriptor` names.
    ///
    /// # Errors
    /// `NotFound` when there is no such description; `InvalidInput` when it is none, or for no thread at all.
    pub fn open(descriptor: Descriptor, settings: ProcessorSettings) -> Result<Self> {
        if settings.threads == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a simulation needs at least one thread"));
        }
        let (_, target) = load(descriptor.id.unit())?;
        let jobs = Jobs::new(descriptor.id.clone());
        Ok(Self { descriptor, target: limited(target), settings, jobs })
    }

    /// A program that the chip takes, or the sentence that says what is wrong and how it can be mended.
    fn accepted(&self, circuit: &Circuit, job_wants: qhal::processor::Wanted) -> Result<()> {
        if job_wants.probabilities || job_wants.state {
            let message = "a chip gives counts alone, neither probabilities nor a state; simulator:statevector has both";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        fits(circuit, &self.target).map_err(|Misfit { error, mendable }| {
            if !mendable {
                return error;
            }
            let address = &self.descriptor.address;
            let message = format!(
                "{}; translate the program first: qhal translate FILE --to {address} -o NATIVE.qasm, or qhal run --translate",
                error.message()
            );
            Error::new(error.kind(), message)
        })
    }
}

impl Device for SimulatedChip {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        Ok(Health::Good)
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut all = vec![Property::text("stands in for", self.target.name.clone())];
        if !self.target.source.is_empty() {
            all.push(Property::text("figures from", self.target.source.clone()));
        }
        let clamped = profile::beyond_twice_t1(&self.target.capabilities);
        if clamped > 0 {
            all.push(Property::number("qubits whose t2 exceeds 2·t1 and counts as that", clamped as f64, ""));
        }
        all.extend(profile::summary(&self.target));
        Ok(all)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Processor for SimulatedChip {
    fn capabilities(&self) -> &Capabilities {
        &self.target.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        let on_this = |error: Error| error.on(&self.descriptor.id);
        self.jobs.check_shots(&job, self.target.capabilities.max_shots)?;
        let Job { program, shots, seed, wanted } = job;
        let circuit = circuit_of(program).map_err(on_this)?;
        self.accepted(&circuit, wanted).map_err(on_this)?;
        let begun = Instant::now();
        let used = used_qubits(&circuit);
        let noisy = program::noisy(&circuit, &self.target, &used).map_err(on_this)?;
        let seed = seed.map_or_else(operating_system_seed, Ok)?;
        let options = self.settings.options();
        let of_all = format!("{} of {} qubits used", used.len(), self.target.capabilities.qubits.len());
        let too_large = |error: Error| error.context(&of_all).on(&self.descriptor.id);
        if noisy.is_ideal() {
            // The description has no figures, so nothing goes wrong: the whole engine is there for that.
            let simulator = Simulator::new(options)?;
            let small = compact(&circuit, &used).map_err(on_this)?;
            let plan = simulator.plan(&small).map_err(too_large)?;
            let request = Request { shots, seed, wanted, compile: begun.elapsed() };
            let method = format!(
                "state vector without noise, because the chip's description has no figures; {of_all}"
            );
            return self.jobs.start(move |_| {
                let result = run(&simulator, &plan, &small, &request)?;
                Ok(JobResult { method: Some(method), ..result })
            });
        }
        noisy.check(shots, &options).map_err(too_large)?;
        let method = noisy.method(shots, &options).as_str();
        let method = format!("{method} with noise by the chip's figures; {of_all}");
        let compile = begun.elapsed();
        self.jobs.start(move |stop| with_noise(&noisy, shots, seed, &options, stop, compile, method))
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

/// Runs a job with noise to its end.
fn with_noise(
    program: &NoisyProgram,
    shots: u64,
    seed: u64,
    options: &qhal_simulator::Options,
    stop: &AtomicBool,
    compile: Duration,
    method: String,
) -> Result<JobResult> {
    let begun = Instant::now();
    let counts = program.counts(shots, seed, options, stop)?;
    Ok(JobResult {
        provenance: Provenance::Simulated,
        shots,
        counts,
        probabilities: None,
        state: None,
        method: Some(method),
        timings: Timings { compile, execute: begun.elapsed(), sample: Duration::ZERO },
    })
}

/// The id of the chip called `unit`.
pub(super) fn id(unit: &str) -> DeviceId {
    DeviceId::new(super::DRIVER, unit)
}
