//! The life of a job: created, given programs, submitted once, run program by program, done, failed or cancelled.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use qhal::processor::Counts;

use crate::codes::{self, CUSTOM1, JobStatus, Outcome, Status, format, job_parameter, job_property};
use crate::memory;
use crate::program::Prepared;
use crate::session::Ready;

/// How often a program is run if nobody says.
const DEFAULT_SHOTS: u64 = 1024;

/// A job with its programs.
pub(crate) struct Job {
    name: String,
    pub(crate) ready: Arc<Ready>,
    inner: Mutex<Inner>,
    /// Told whenever the status changes.
    changed: Condvar,
    given_up: AtomicBool,
}

struct Inner {
    status: JobStatus,
    format: Option<c_int>,
    programs: Vec<Entry>,
    shots: u64,
    seed: Option<u64>,
}

struct Entry {
    text: Arc<[u8]>,
    status: JobStatus,
    ran: Option<Arc<Ran>>,
}

/// A program that has been run.
pub(crate) struct Ran {
    pub(crate) shots: u64,
    pub(crate) counts: Counts,
    /// The circuit, where it was one.
    pub(crate) prepared: Option<Prepared>,
    /// Gives the order of the shots.
    pub(crate) seed: [u8; 32],
    /// Answers that were made already: the size is asked for before the bytes.
    pub(crate) answers: Mutex<HashMap<c_int, Arc<[u8]>>>,
}

/// What the thread that runs a job needs of it.
pub(crate) struct Order {
    pub(crate) format: c_int,
    pub(crate) texts: Vec<Arc<[u8]>>,
    pub(crate) shots: u64,
    pub(crate) seed: Option<u64>,
}

impl Job {
    /// A new job of a session that is ready.
    pub(crate) fn new(ready: Arc<Ready>) -> Outcome<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Status::Fatal)?;
        let name = uuid::Builder::from_random_bytes(random).into_uuid().to_string();
        let inner = Inner {
            status: JobStatus::Created,
            format: None,
            programs: Vec::new(),
            shots: DEFAULT_SHOTS.min(ready.capabilities.max_shots),
            seed: None,
        };
        Ok(Self {
            name,
            ready,
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            given_up: AtomicBool::new(false),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may still be set up.
    fn created(&self) -> Outcome<MutexGuard<'_, Inner>> {
        let inner = self.inner();
        if inner.status == JobStatus::Created { Ok(inner) } else { Err(Status::BadState) }
    }

    /// Takes a parameter; without a value it is only asked whether it would be taken.
    pub(crate) fn set_parameter(&self, parameter: c_int, value: Option<&[u8]>) -> Outcome {
        codes::check(parameter, job_parameter::MAX)?;
        if !matches!(parameter, job_parameter::SHOTS | CUSTOM1) {
            return Err(Status::NotSupported);
        }
        let mut inner = self.created()?;
        let Some(bytes) = value else { return Ok(()) };
        let number = usize::from_ne_bytes(bytes.try_into().map_err(|_| Status::InvalidArgument)?) as u64;
        if parameter == CUSTOM1 {
            inner.seed = Some(number);
        } else if number > self.ready.capabilities.max_shots {
            return Err(Status::NotSupported);
        } else {
            inner.shots = number;
        }
        Ok(())
    }

    /// Takes programs; without them it is only asked whether they would be taken.
    pub(crate) fn set_programs(&self, language: c_int, programs: Option<Vec<Vec<u8>>>) -> Outcome {
        codes::check(language, format::MAX)?;
        let mut inner = self.created()?;
        if !self.ready.formats.contains(&language) {
            return Err(Status::NotSupported);
        }
        let Some(programs) = programs else { return Ok(()) };
        let mut entries = Vec::new();
        for program in programs {
            let text = memory::text(program)?.into_bytes();
            entries.push(Entry { text: text.into(), status: JobStatus::Created, ran: None });
        }
        inner.format = Some(language);
        inner.programs = entries;
        Ok(())
    }

    /// The text of a program with its NUL.
    pub(crate) fn program(&self, index: usize) -> Outcome<Vec<u8>> {
        let inner = self.inner();
        let mut text = inner.entry(index)?.text.to_vec();
        text.push(0);
        Ok(text)
    }

    pub(crate) fn program_status(&self, index: usize) -> Outcome<JobStatus> {
        self.inner().entry(index).map(|entry| entry.status)
    }

    /// A property of the job.
    pub(crate) fn property(&self, property: c_int) -> Outcome<Vec<u8>> {
        codes::check(property, job_property::MAX)?;
        let inner = self.inner();
        Ok(match property {
            job_property::ID => crate::queries::text(&self.name),
            job_property::FORMAT => inner.format.ok_or(Status::BadState)?.to_ne_bytes().to_vec(),
            job_property::SHOTS => (inner.shots as usize).to_ne_bytes().to_vec(),
            job_property::QUEUE_POSITION => {
                drop(inner);
                let ahead = self.ready.runner.ahead_of(self).ok_or(Status::BadState)?;
                ahead.to_ne_bytes().to_vec()
            }
            job_property::PROGRAMS if inner.format.is_none() => return Err(Status::BadState),
            job_property::PROGRAMS => inner.programs.len().to_ne_bytes().to_vec(),
            _ => return Err(Status::NotSupported),
        })
    }

    /// Hands the job to the thread of its session.
    pub(crate) fn submit(self: &Arc<Self>) -> Outcome {
        let order = {
            let mut inner = self.created()?;
            let language = inner.format.ok_or(Status::BadState)?;
            inner.set(JobStatus::Queued);
            Order {
                format: language,
                texts: inner.programs.iter().map(|entry| Arc::clone(&entry.text)).collect(),
                shots: inner.shots,
                seed: inner.seed,
            }
        };
        if self.ready.runner.queue(Arc::clone(self), order).is_err() {
            // The session has been freed.
            self.end(JobStatus::Failed);
            return Err(Status::BadState);
        }
        Ok(())
    }

    pub(crate) fn status(&self) -> JobStatus {
        self.inner().status
    }

    /// Gives up a job that was submitted.
    pub(crate) fn cancel(&self) -> Outcome {
        match self.status() {
            JobStatus::Created => return Err(Status::BadState),
            JobStatus::Done | JobStatus::Failed => return Err(Status::InvalidArgument),
            JobStatus::Cancelled => return Ok(()),
            _ => self.abandon(),
        }
        // One that waits is gone at once; one that runs is done or gone within a moment.
        self.ready.runner.forget(self);
        self.wait(0)
    }

    /// Marks a job so that no more is done for it.
    pub(crate) fn abandon(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Waits until the job has ended, at most so many seconds, or for ever where that is 0.
    pub(crate) fn wait(&self, seconds: usize) -> Outcome {
        let until = match seconds {
            0 => None,
            // What lies beyond the end of all clocks is for ever, too.
            seconds => Instant::now().checked_add(Duration::from_secs(seconds as u64)),
        };
        let mut inner = self.inner();
        if inner.status == JobStatus::Created {
            return Err(Status::BadState);
        }
        while !inner.status.is_terminal() {
            inner = match until {
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Status::TimedOut);
                    }
                    self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Ok(())
    }

    /// What a program brought back, once it has succeeded.
    pub(crate) fn ran(&self, index: usize) -> Outcome<Arc<Ran>> {
        self.inner().entry(index)?.ran.clone().ok_or(Status::BadState)
    }

    /// The job begins.
    pub(crate) fn begin(&self) {
        self.inner().set(JobStatus::Running);
        self.changed.notify_all();
    }

    /// One program has ended.
    pub(crate) fn program_ended(&self, index: usize, ran: Option<Ran>) {
        if let Some(entry) = self.inner().programs.get_mut(index) {
            entry.status = if ran.is_some() { JobStatus::Done } else { JobStatus::Failed };
            entry.ran = ran.map(Arc::new);
        }
    }

    /// The job ends; programs that were not run end as it does.
    pub(crate) fn end(&self, status: JobStatus) {
        self.inner().set(status);
        self.changed.notify_all();
    }
}

impl Inner {
    fn entry(&self, index: usize) -> Outcome<&Entry> {
        if self.format.is_none() {
            return Err(Status::BadState);
        }
        self.programs.get(index).ok_or(Status::OutOfRange)
    }

    /// The status of the job and of all programs that have not ended; what has ended stays.
    fn set(&mut self, status: JobStatus) {
        if self.status.is_terminal() {
            return;
        }
        self.status = status;
        for entry in self.programs.iter_mut().filter(|entry| !entry.status.is_terminal()) {
            entry.status = status;
        }
    }
}
