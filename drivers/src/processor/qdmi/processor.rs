//! A device behind a QDMI library as a processor: circuits go as OpenQASM, outcomes come back as counts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use qhal::device::Property;
use qhal::processor::{
    Capabilities, Job, JobId, JobResult, JobState, Processor, Program, ProgramFormat, Queue, Timings, Wanted,
};
use qhal::{Descriptor, Device, Error, ErrorKind, Health, Result};

use super::codes::{device, format, job, job_status, result};
use super::describe::{Identity, status};
use super::host::Worker;
use super::message::{Reply, Request};
use super::program::{self, Writing, Written};
use super::protocol::{self, number};

/// An open device.
pub(super) struct QdmiProcessor {
    pub(super) descriptor: Descriptor,
    pub(super) identity: Identity,
    pub(super) capabilities: Capabilities,
    pub(super) writing: Writing,
    pub(super) worker: Worker,
    /// After which a job is given up.
    pub(super) job_limit: Option<Duration>,
    pub(super) jobs: HashMap<JobId, Entry>,
    pub(super) submitted: u64,
}

/// A job that was submitted and has not been heard of to its end.
pub(super) struct Entry {
    /// Its number in the worker; `None` while the library still takes it.
    number: Option<u64>,
    begun: Instant,
    expected: Expected,
    ended: Option<Ended>,
}

/// How a job ended before it was asked for.
enum Ended {
    Cancelled,
    Failed(Error),
}

/// What a result has to be like.
#[derive(Clone)]
struct Expected {
    shots: u64,
    /// Classical bits and qubits, where the program is a circuit.
    size: Option<(u32, u32)>,
    wanted: Wanted,
    /// Which classical bit each character of an outcome is, from the left; `None` where the rightmost is bit 0.
    meaning: Option<Vec<u32>>,
}

impl QdmiProcessor {
    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }

    /// The program as the device takes it.
    fn written(&self, program: &Program) -> Result<Written> {
        let formats = &self.capabilities.formats;
        match program {
            Program::Circuit(circuit) => program::written(circuit, &self.capabilities, &self.writing),
            Program::Text { format, text } => {
                let code = match format {
                    ProgramFormat::OpenQasm2 => format::OPENQASM2,
                    ProgramFormat::OpenQasm3 => format::OPENQASM3,
                    ProgramFormat::QirBaseText => format::QIR_BASE_TEXT,
                    _ => -1,
                };
                if code < 0 || !formats.contains(format) {
                    let message = format!("programs as {format:?} are not taken by this device");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                program::check_text(*format, text)?;
                Ok(Written { format: code, text: text.clone(), meaning: None })
            }
        }
    }

    fn check(&self, job: &Job) -> Result<()> {
        let Wanted { probabilities, state } = job.wanted;
        let features = self.capabilities.features;
        if (probabilities && !features.probabilities) || (state && !features.state) {
            let message = "nothing says that this device gives states or probabilities; \
                           `states = true` for it under [qdmi] in qhal.toml does";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if job.shots == 0 && !probabilities && !state {
            let message = "a job of 0 shots that wants nothing else has no result";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if job.shots > self.capabilities.max_shots {
            let most = self.capabilities.max_shots;
            let message = format!("{} shots are too many: at most {most} a job", job.shots);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(())
    }

    fn start(&mut self, job: &Job) -> Result<JobId> {
        self.check(job)?;
        let Written { format, text: program, meaning } = self.written(&job.program)?;
        self.check_free()?;
        self.worker.send(&Request::Submit { format, program, shots: job.shots })?;
        self.submitted += 1;
        let id = JobId(self.submitted.to_string());
        let size = match &job.program {
            Program::Circuit(circuit) => Some((circuit.bits(), circuit.qubits())),
            Program::Text { .. } => None,
        };
        let expected = Expected { shots: job.shots, size, wanted: job.wanted, meaning };
        self.jobs.insert(id.clone(), Entry { number: None, begun: Instant::now(), expected, ended: None });
        // Most libraries take a job at once, and give it a name of its own; one that runs it first is asked later.
        let named = self.settle(Duration::from_millis(500));
        match self.jobs.get(&id) {
            Some(Entry { ended: Some(_), .. }) => match self.jobs.remove(&id).and_then(|entry| entry.ended) {
                Some(Ended::Failed(error)) => Err(self.worker.explained(error)),
                _ => Ok(id),
            },
            _ => Ok(named.unwrap_or(id)),
        }
    }

    /// Whether the library is still taking a job, so that it can be asked nothing else.
    fn is_taking(&self) -> bool {
        self.jobs.values().any(Entry::is_being_taken)
    }

    fn check_free(&mut self) -> Result<()> {
        self.settle(Duration::ZERO);
        if self.is_taking() {
            let message = "the library has not yet taken the job before this one";
            return Err(Error::new(ErrorKind::Busy, message));
        }
        Ok(())
    }

    /// Hears whether the library has taken the job that it was given, and gives the name by which it is known then. A job that it
    /// did not take has failed.
    fn settle(&mut self, limit: Duration) -> Option<JobId> {
        let waiting = self.jobs.iter().find(|(_, entry)| entry.is_being_taken());
        let id = waiting.map(|(id, _)| id.clone())?;
        let answer = match self.worker.receive(limit) {
            Ok(None) => return None,
            Ok(Some((Reply::Job { job, name }, _))) => Ok((job, name)),
            Ok(Some((other, _))) => Err(protocol::protocol(format!("the worker answered {other:?}"))),
            Err(error) => Err(error),
        };
        let mut entry = self.jobs.remove(&id)?;
        let name = match answer {
            Ok((job, name)) => {
                entry.number = Some(job);
                name
            }
            Err(error) => {
                entry.ended = Some(Ended::Failed(error));
                None
            }
        };
        // The device's own name finds the job again after a restart, so it is told if it can still be.
        let name = name.filter(|_| self.identity.keeps_jobs && !limit.is_zero()).map(JobId);
        let id = name.filter(|name| !self.jobs.contains_key(name)).unwrap_or(id);
        self.jobs.insert(id.clone(), entry);
        Some(id)
    }

    fn entry(&mut self, id: &JobId) -> Result<&mut Entry> {
        self.jobs.get_mut(id).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no job {id}")))
    }

    fn ask_state(&mut self, id: &JobId) -> Result<JobState> {
        self.entry(id)?;
        self.settle(Duration::ZERO);
        let job_limit = self.job_limit;
        let entry = self.entry(id)?;
        if entry.ended.is_some() {
            return Ok(match self.jobs.remove(id).and_then(|entry| entry.ended) {
                Some(Ended::Failed(error)) => JobState::Failed(self.named(error)),
                _ => JobState::Cancelled,
            });
        }
        let late = job_limit.is_some_and(|limit| entry.begun.elapsed() > limit);
        let Some(number) = entry.number else {
            if late {
                self.worker.kill();
                return Ok(self.fail(id, self.too_long()));
            }
            // While it takes one job it answers for no other.
            return Ok(JobState::Running);
        };
        if self.is_taking() {
            return Ok(JobState::Running);
        }
        let (Reply::Status(code), _) = self.worker.ask(&Request::Check { job: number })? else {
            return Err(protocol::protocol("the worker did not say how the job is"));
        };
        match code {
            job_status::DONE => {
                let brought = self.brought_back(id, number);
                self.forget(id);
                Ok(match brought {
                    Ok(result) => JobState::Done(Box::new(result)),
                    Err(error) => JobState::Failed(self.named(error)),
                })
            }
            job_status::FAILED => {
                let error =
                    self.worker.with_words(ErrorKind::Refused, format!("job {id} failed on the device"));
                Ok(self.fail(id, error))
            }
            job_status::CANCELLED => {
                self.forget(id);
                Ok(JobState::Cancelled)
            }
            _ if late => {
                // What it answers to that makes no difference any more.
                let _ = self.worker.ask(&Request::Cancel { job: number });
                Ok(self.fail(id, self.too_long()))
            }
            job_status::RUNNING => Ok(JobState::Running),
            job_status::CREATED..=job_status::QUEUED => {
                let ahead =
                    match self.worker.bytes(&Request::Job { job: number, property: job::QUEUE_POSITION }) {
                        Ok(bytes) => Some(protocol::number(&bytes)?),
                        Err(_) => None,
                    };
                Ok(JobState::Queued { ahead })
            }
            other => Err(protocol::protocol(format!("job {id} is in the state {other}, which there is not"))),
        }
    }

    fn too_long(&self) -> Error {
        let seconds = self.job_limit.unwrap_or_default().as_secs();
        Error::new(ErrorKind::TimedOut, format!("the job took longer than {seconds} s and was given up"))
    }

    fn fail(&mut self, id: &JobId, error: Error) -> JobState {
        self.forget(id);
        JobState::Failed(self.named(error))
    }

    fn forget(&mut self, id: &JobId) {
        if let Some(Entry { number: Some(job), .. }) = self.jobs.remove(id)
            && !self.worker.has_ended()
        {
            // A job that cannot be forgotten costs memory in the worker alone.
            let _ = self.worker.ask(&Request::Free { job });
        }
    }

    fn brought_back(&mut self, id: &JobId, number: u64) -> Result<JobResult> {
        let (expected, begun) = {
            let entry = self.entry(id)?;
            (entry.expected.clone(), entry.begun)
        };
        let mut fetch = |result| self.worker.bytes(&Request::Result { job: number, result });
        let bits = expected.size.map(|(bits, _)| bits);
        let counts = match (expected.shots, bits) {
            (0, _) => Vec::new(),
            (shots, Some(0)) if expected.meaning.is_none() => {
                vec![(qhal::circuit::BitString::zeros(0), shots)]
            }
            (shots, _) => {
                let width = match &expected.meaning {
                    None => bits,
                    Some(meaning) => u32::try_from(meaning.len()).ok(),
                };
                let counts = match fetch(result::HISTOGRAM_KEYS) {
                    // Some libraries only tell one shot after the other.
                    Err(error) if error.kind() == ErrorKind::Unsupported => {
                        protocol::counted(&fetch(result::SHOTS)?, width, shots)?
                    }
                    keys => protocol::counts(&keys?, &fetch(result::HISTOGRAM_VALUES)?, width, shots)?,
                };
                match &expected.meaning {
                    None => counts,
                    Some(meaning) => protocol::placed(counts, meaning, bits.unwrap_or(0)),
                }
            }
        };
        let qubits = |bytes: &[u8], size: usize| match expected.size {
            Some((_, qubits)) => qubits,
            None => (bytes.len() / size).checked_ilog2().unwrap_or(0),
        };
        let probabilities = if expected.wanted.probabilities {
            let bytes = fetch(result::PROBABILITIES_DENSE)?;
            Some(protocol::probabilities(&bytes, qubits(&bytes, 8))?)
        } else {
            None
        };
        let state = if expected.wanted.state {
            let bytes = fetch(result::STATE_DENSE)?;
            Some(protocol::state(&bytes, qubits(&bytes, 16))?)
        } else {
            None
        };
        let timings = Timings { execute: begun.elapsed(), ..Timings::default() };
        let provenance = self.descriptor.provenance;
        Ok(JobResult {
            provenance,
            shots: expected.shots,
            counts,
            probabilities,
            state,
            method: None,
            timings,
        })
    }

    fn give_up(&mut self, id: &JobId) -> Result<()> {
        self.settle(Duration::ZERO);
        if self.entry(id)?.number.is_some() {
            self.check_free()?;
        }
        let entry = self.entry(id)?;
        match entry.number {
            _ if entry.ended.is_some() => Ok(()),
            None => {
                // Nothing but its end reaches a library that is in the middle of taking a job.
                entry.ended = Some(Ended::Cancelled);
                self.worker.kill();
                Ok(())
            }
            Some(job) => match self.worker.ask(&Request::Cancel { job }) {
                // A job that is done cannot be cancelled, and stays done.
                Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
                Err(error) => Err(error),
                Ok(_) => Ok(()),
            },
        }
    }
}

impl Entry {
    fn is_being_taken(&self) -> bool {
        self.number.is_none() && self.ended.is_none()
    }
}

impl Device for QdmiProcessor {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        if self.check_free().is_err_and(|error| error.kind() == ErrorKind::Busy) {
            // It is at work, and answers nothing else meanwhile.
            return Ok(Health::Good);
        }
        let found = self.worker.optional(&Request::Device { property: device::STATUS });
        let Some(bytes) = found.map_err(|error| self.named(error))? else { return Ok(Health::Good) };
        let (word, runs) = status(number(&bytes).map_err(|error| self.named(error))?);
        Ok(if runs { Health::Good } else { Health::Degraded(format!("the device says that it is {word}")) })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let Identity { name, version, library_version, stable_id, keeps_jobs } = self.identity.clone();
        let mut all = vec![Property::text("name", name), Property::text("qdmi version", library_version)];
        all.extend(version.map(|version| Property::text("version", version)));
        all.extend(stable_id.map(|id| Property::text("stable id", id)));
        all.push(Property::flag("keeps jobs", keeps_jobs));
        Ok(all)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Processor for QdmiProcessor {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        self.start(&job).map_err(|error| self.named(error))
    }

    fn poll(&mut self, id: &JobId) -> Result<JobState> {
        self.ask_state(id).map_err(|error| self.named(error))
    }

    fn cancel(&mut self, id: &JobId) -> Result<()> {
        self.give_up(id).map_err(|error| self.named(error))
    }

    fn queue(&mut self) -> Result<Queue> {
        self.check_free().map_err(|error| self.named(error))?;
        let found = self.worker.optional(&Request::Device { property: device::QUEUE_LENGTH });
        let jobs = found.and_then(|bytes| bytes.map(|bytes| number(&bytes)).transpose());
        Ok(Queue { jobs: jobs.map_err(|error| self.named(error))?, wait: None })
    }

    fn keeps_jobs(&self) -> bool {
        self.identity.keeps_jobs
    }

    fn resume(&mut self, id: &JobId, job: &Job) -> Result<()> {
        if !self.identity.keeps_jobs {
            let message = format!("job {id} cannot be taken up again: this device keeps no jobs");
            return Err(self.named(Error::new(ErrorKind::Unsupported, message)));
        }
        self.check_free().map_err(|error| self.named(error))?;
        let answer = self.worker.ask(&Request::Retrieve { name: id.0.clone() });
        let Ok((Reply::Job { job: number, .. }, _)) = answer else {
            return match answer {
                Err(error) => Err(self.named(error)),
                Ok(_) => Err(self.named(protocol::protocol("the worker did not find the job"))),
            };
        };
        let meaning = self.written(&job.program).map_err(|error| self.named(error))?.meaning;
        let size = match &job.program {
            Program::Circuit(circuit) => Some((circuit.bits(), circuit.qubits())),
            Program::Text { .. } => None,
        };
        let expected = Expected { shots: job.shots, size, wanted: job.wanted, meaning };
        let entry = Entry { number: Some(number), begun: Instant::now(), expected, ended: None };
        self.jobs.insert(id.clone(), entry);
        Ok(())
    }
}
