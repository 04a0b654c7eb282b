//! A processor in memory that runs small circuits exactly, and does one thing wrong if it is told to.

use std::collections::BTreeMap;

use qhal::circuit::{BitString, Circuit, Gate, Operation};
use qhal::processor::{
    Capabilities, Couplings, Features, NativeGate, Program, ProgramFormat, QubitProperties,
};
use qhal::{
    Descriptor, Device, Error, ErrorKind, Health, Job, JobId, JobResult, JobState, Kind, Processor, Result,
};

use crate::{descriptor, error};

/// What a processor does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    CapabilitiesChange,
    Refuses,
    Fails,
    NeverEnds,
    OneName,
    SaysHardware,
    SaysMoreShots,
    LosesAShot,
    CountsZeros,
    CountsDescend,
    CountsWide,
    BitsReversed,
    UnmeasuredIs1,
    Entangles(bool),
    MeasuresAtTheEnd,
    NoReset,
    IgnoresConditions,
    NeverMeetsConditions,
    TransposesMatrices,
    QubitsReversedInMatrices,
    ExactUnasked,
    NoProbabilities,
    ProbabilitiesReversed,
    ProbabilitiesWithZeros,
    ProbabilitiesTooLarge,
    StateReversed,
    StateShort,
    StateLong,
    TurnsTBack,
    NeedsShots,
    OwnSeed,
    OneSeed,
    TakesNoShots,
    TakesAnyShots,
    TakesAnySize,
    TakesUnlisted,
    UnlistedIsInvalid,
    TakesUnlistedCircuits,
    TakesAnyText,
    TakesTextAsCircuit,
    TextIsUnsupported,
    UnknownRuns,
    UnknownIsInvalid,
    CancelsUnknown,
    ResumesUnknown,
    ResumeIsUnsupported,
    Remembers,
    CancelsAfterTheEnd,
    RunsAfterTheEnd,
    CannotCancel,
    CancelIsFailure,
}

pub(crate) struct Memory {
    pub(crate) descriptor: Descriptor,
    pub(crate) capabilities: Capabilities,
    /// Programs by number, for those who hand them over as text.
    pub(crate) library: std::sync::Arc<std::sync::Mutex<Vec<Circuit>>>,
    /// In how many of 100 shots one bit is read wrong.
    pub(crate) noise: u64,
    /// How many polls a job waits and runs.
    pub(crate) polls: u32,
    /// Whether it says that it keeps jobs.
    pub(crate) keeps: bool,
    jobs: BTreeMap<JobId, (Job, u32, bool)>,
    pub(crate) submitted: u64,
    pub(crate) fault: Fault,
}

pub(crate) fn everything() -> Features {
    Features {
        mid_circuit_measurement: true,
        reset: true,
        conditions: true,
        unitaries: true,
        probabilities: true,
        state: true,
    }
}

pub(crate) fn natives(gates: impl IntoIterator<Item = Gate>) -> Vec<NativeGate> {
    gates.into_iter().map(|gate| NativeGate { gate, sites: Vec::new() }).collect()
}

/// A processor of five qubits that can do everything.
pub(crate) fn memory(fault: Fault) -> Memory {
    let capabilities = Capabilities {
        qubits: vec![QubitProperties::default(); 5],
        native_gates: natives(Gate::all()),
        couplings: Couplings::All,
        features: everything(),
        formats: vec![ProgramFormat::Circuit, ProgramFormat::OpenQasm3],
        max_shots: 10_000,
    };
    Memory {
        descriptor: descriptor(Kind::Processor),
        capabilities,
        library: Default::default(),
        noise: 0,
        polls: 0,
        keeps: matches!(fault, Fault::ResumesUnknown | Fault::ResumeIsUnsupported),
        jobs: BTreeMap::new(),
        submitted: 0,
        fault,
    }
}

impl Device for Memory {
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

impl Processor for Memory {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        self.check(&job)?;
        self.submitted += 1;
        if self.fault == Fault::CapabilitiesChange {
            self.capabilities.qubits[0].t1 = Some(std::time::Duration::from_micros(self.submitted));
        }
        let number = if self.fault == Fault::OneName { 1 } else { self.submitted };
        let id = JobId(format!("job {number}"));
        self.jobs.insert(id.clone(), (job, 0, false));
        Ok(id)
    }

    fn poll(&mut self, id: &JobId) -> Result<JobState> {
        let Some((job, polls, cancelled)) = self.jobs.get_mut(id) else {
            return match self.fault {
                Fault::UnknownRuns => Ok(JobState::Running),
                Fault::RunsAfterTheEnd if self.submitted > 0 => Ok(JobState::Running),
                Fault::UnknownIsInvalid => Err(error(ErrorKind::InvalidInput)),
                _ => Err(error(ErrorKind::NotFound)),
            };
        };
        *polls += 1;
        if *polls <= self.polls || self.fault == Fault::NeverEnds {
            return Ok(if *polls % 2 == 0 { JobState::Running } else { JobState::Queued { ahead: None } });
        }
        let (job, cancelled) = (job.clone(), *cancelled);
        if self.fault != Fault::Remembers {
            self.jobs.remove(id);
        }
        match self.fault {
            Fault::CancelIsFailure if cancelled => return Ok(JobState::Failed(error(ErrorKind::Refused))),
            Fault::Fails => return Ok(JobState::Failed(error(ErrorKind::Other))),
            _ if cancelled => return Ok(JobState::Cancelled),
            _ => {}
        }
        Ok(self
            .circuit(&job.program)
            .map_or_else(JobState::Failed, |circuit| JobState::Done(Box::new(self.run(&circuit, &job)))))
    }

    fn cancel(&mut self, id: &JobId) -> Result<()> {
        match (self.jobs.get_mut(id), self.fault) {
            (Some(_), Fault::CannotCancel) => Err(error(ErrorKind::Unsupported)),
            (Some((_, _, cancelled)), _) => {
                *cancelled = true;
                Ok(())
            }
            (None, Fault::CancelsUnknown) => Ok(()),
            (None, Fault::CancelsAfterTheEnd) if self.submitted > 0 => Ok(()),
            (None, _) => Err(error(ErrorKind::NotFound)),
        }
    }

    fn keeps_jobs(&self) -> bool {
        self.keeps
    }

    fn resume(&mut self, id: &JobId, _: &Job) -> Result<()> {
        match self.fault {
            Fault::ResumesUnknown => Ok(()),
            Fault::ResumeIsUnsupported => Err(error(ErrorKind::Unsupported)),
            _ if !self.keeps => Err(error(ErrorKind::Unsupported)),
            _ if self.jobs.contains_key(id) => Ok(()),
            _ => Err(error(ErrorKind::NotFound)),
        }
    }
}

impl Memory {
    /// The circuit of a program; text is the number of one in the library.
    fn circuit(&self, program: &Program) -> Result<Circuit> {
        match program {
            Program::Circuit(circuit) => Ok(circuit.clone()),
            Program::Text { text, .. } => text
                .parse()
                .ok()
                .and_then(|number: usize| self.library.lock().unwrap().get(number).cloned())
                .or_else(|| (self.fault == Fault::TakesAnyText).then(|| Circuit::with_size(1, 1)))
                .ok_or_else(|| error(ErrorKind::InvalidInput)),
        }
    }

    fn check(&self, job: &Job) -> Result<()> {
        let format = match &job.program {
            Program::Circuit(_) => ProgramFormat::Circuit,
            Program::Text { format: ProgramFormat::Circuit, .. }
                if self.fault == Fault::TakesTextAsCircuit =>
            {
                return Ok(());
            }
            Program::Text { format: ProgramFormat::Circuit, .. } => {
                return Err(error(ErrorKind::Unsupported));
            }
            Program::Text { format, .. } => *format,
        };
        let unlisted = match self.fault {
            Fault::UnlistedIsInvalid => Err(error(ErrorKind::InvalidInput)),
            Fault::TakesUnlisted => Ok(()),
            Fault::TakesUnlistedCircuits if format == ProgramFormat::Circuit => Ok(()),
            _ => Err(error(ErrorKind::Unsupported)),
        };
        if !self.capabilities.formats.contains(&format) {
            return unlisted;
        }
        // With text that waits, mistakes come to light when the job runs.
        let circuit = match self.circuit(&job.program) {
            Err(_) if self.fault == Fault::TextIsUnsupported => return Err(error(ErrorKind::Unsupported)),
            Err(_) if self.polls > 0 => return Ok(()),
            circuit => circuit?,
        };
        let exact = job.wanted.probabilities || job.wanted.state;
        if job.shots == 0 && (self.fault == Fault::NeedsShots || !exact && self.fault != Fault::TakesNoShots)
        {
            return Err(error(ErrorKind::InvalidInput));
        }
        if job.shots > self.capabilities.max_shots && self.fault != Fault::TakesAnyShots {
            return Err(error(ErrorKind::Refused));
        }
        if circuit.qubits() as usize > self.capabilities.qubits.len() && self.fault != Fault::TakesAnySize {
            return Err(error(ErrorKind::Exhausted));
        }
        let features = self.capabilities.features;
        let needs = |what: fn(&Operation<'_>) -> bool| circuit.instructions().any(|i| what(&i.operation));
        let late = circuit
            .instructions()
            .zip(circuit.final_measurements())
            .any(|(i, is_final)| matches!(i.operation, Operation::Measure { .. }) && !is_final);
        let lacks = late && !features.mid_circuit_measurement
            || !features.reset && needs(|operation| matches!(operation, Operation::Reset { .. }))
            || !features.conditions && circuit.instructions().any(|i| i.condition.is_some())
            || !features.unitaries && needs(|operation| matches!(operation, Operation::Unitary { .. }))
            || !features.probabilities && job.wanted.probabilities
            || !features.state && job.wanted.state;
        if lacks {
            return unlisted;
        }
        if self.fault == Fault::Refuses {
            return Err(error(ErrorKind::Refused));
        }
        Ok(())
    }
}

/// The reason why a job of this processor ended badly.
pub(crate) fn gives_up(_: &JobState) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Break(())
}

#[test]
fn a_job_of_the_processor_in_memory_ends() {
    let mut processor = memory(Fault::None);
    processor.polls = 2;
    let mut circuit = Circuit::with_size(1, 1);
    circuit.gate(Gate::X, &[], &[0]).unwrap().measure(0, 0).unwrap();
    let job = Job { program: Program::Circuit(circuit), shots: 3, seed: None, wanted: Default::default() };
    let id = processor.submit(job.clone()).unwrap();
    let mut states = 0;
    let result = qhal::processor::wait(&mut processor, &id, &mut |_| {
        states += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!((result.unwrap().counts, states), (vec![(BitString::from_u64(1, 1), 3)], 2));
    // Given up, cancelled elsewhere, unknown.
    let id = processor.submit(job.clone()).unwrap();
    let kind = |result: Result<JobResult>| result.map_err(|error: Error| error.kind()).unwrap_err();
    assert_eq!(kind(qhal::processor::wait(&mut processor, &id, &mut gives_up)), ErrorKind::TimedOut);
    let mut go_on = |_: &JobState| std::ops::ControlFlow::Continue(());
    assert_eq!(kind(qhal::processor::wait(&mut processor, &id, &mut go_on)), ErrorKind::Refused);
    assert_eq!(kind(qhal::processor::wait(&mut processor, &id, &mut go_on)), ErrorKind::NotFound);
}
