//! Jobs that are run or waited for: each on a thread of its own, asked for and given up by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use qhal::processor::{Job, JobId, JobResult, JobState};
use qhal::{DeviceId, Error, ErrorKind, Result};

/// The jobs of one processor that were submitted and have not been heard of to their end.
#[derive(Debug)]
pub struct Jobs {
    device: DeviceId,
    entries: HashMap<JobId, Entry>,
    submitted: u64,
}

#[derive(Debug)]
enum Entry {
    Running { receiver: Receiver<Result<JobResult>>, stop: Arc<AtomicBool> },
    Done(Result<JobResult>),
    Cancelled,
}

impl Jobs {
    /// No jobs yet on `device`.
    #[must_use]
    pub fn new(device: DeviceId) -> Self {
        Self { device, entries: HashMap::new(), submitted: 0 }
    }

    /// Refuses a number of shots that no job may have.
    ///
    /// # Errors
    /// `InvalidInput` for none at all where nothing else is wanted, and for more than `most`.
    pub fn check_shots(&self, job: &Job, most: u64) -> Result<()> {
        let message = match job.shots {
            0 if !job.wanted.probabilities && !job.wanted.state => {
                "a job of 0 shots that wants nothing else has no result".to_owned()
            }
            shots if shots > most => format!("{shots} shots are too many: at most {most} a job"),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidInput, message).on(&self.device))
    }

    /// Starts `work`, which looks now and then whether it should stop.
    ///
    /// # Errors
    /// `Exhausted` and the like when no thread can be started.
    pub fn start(
        &mut self,
        work: impl FnOnce(&AtomicBool) -> Result<JobResult> + Send + 'static,
    ) -> Result<JobId> {
        self.submitted += 1;
        let id = JobId(self.submitted.to_string());
        let (sender, receiver) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let run = move || {
            let result = work(&told);
            // Nobody listens any more after a cancel; the result is dropped then.
            let _ = sender.send(result);
        };
        std::thread::Builder::new()
            .name(format!("qhal-job-{id}"))
            .spawn(run)
            .map_err(|cause| Error::from_io(cause, "cannot start a thread for the job").on(&self.device))?;
        self.entries.insert(id.clone(), Entry::Running { receiver, stop });
        Ok(id)
    }

    fn entry(&mut self, id: &JobId) -> Result<&mut Entry> {
        self.entries
            .get_mut(id)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no job {id}")).on(&self.device))
    }

    /// As [`Processor::poll`](qhal::Processor::poll).
    ///
    /// # Errors
    /// `NotFound` for a job that there is not (any more).
    pub fn poll(&mut self, id: &JobId) -> Result<JobState> {
        let result = match self.entry(id)? {
            Entry::Running { receiver, .. } => match receiver.try_recv() {
                Ok(result) => Some(result),
                Err(TryRecvError::Empty) => return Ok(JobState::Running),
                Err(TryRecvError::Disconnected) => {
                    Some(Err(Error::new(ErrorKind::Other, format!("job {id} ended without a result"))))
                }
            },
            Entry::Done(_) | Entry::Cancelled => None,
        };
        let entry = self.entries.remove(id);
        Ok(match (result, entry) {
            (Some(result), _) | (None, Some(Entry::Done(result))) => match result {
                Ok(result) => JobState::Done(Box::new(result)),
                Err(error) => JobState::Failed(error.on(&self.device)),
            },
            _ => JobState::Cancelled,
        })
    }

    /// As [`Processor::cancel`](qhal::Processor::cancel).
    ///
    /// # Errors
    /// `NotFound` for a job that there is not (any more).
    pub fn cancel(&mut self, id: &JobId) -> Result<()> {
        let entry = self.entry(id)?;
        if let Entry::Running { receiver, stop } = entry {
            stop.store(true, Ordering::Relaxed);
            // What is done by now stays done.
            *entry = receiver.try_recv().map_or(Entry::Cancelled, Entry::Done);
        }
        Ok(())
    }

    /// How many jobs have been started and not been heard of to their end.
    pub fn running(&self) -> u64 {
        self.entries.values().filter(|entry| matches!(entry, Entry::Running { .. })).count() as u64
    }
}

impl Drop for Jobs {
    /// Whoever closes the processor wants none of them any more.
    fn drop(&mut self) {
        for entry in self.entries.values() {
            if let Entry::Running { stop, .. } = entry {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}
