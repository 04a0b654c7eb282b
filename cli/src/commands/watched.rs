//! A job whose life is written down, so that other runs of the command can ask for it.

use std::fs::File;
use std::path::Path;

use qhal::processor::{JobId, Processor};
use qhal::{Circuit, Error, ErrorKind, Result};
use qhal_backends::DeviceSpec;
use qhal_compiler::openqasm2;
use serde_json::Value;

use crate::report;
use crate::state::jobs::{self, Record, State};

/// A record that this process keeps up to date. What cannot be written is said and does not stop the job.
pub(crate) struct Watched {
    record: Record,
    /// Tells others that this process waits for the job.
    lock: Option<File>,
}

impl Watched {
    /// A job of `program` that is about to be submitted; `None` where nothing can be written.
    pub(crate) fn new(
        spec: &DeviceSpec,
        file: &Path,
        program: &Circuit,
        shots: u64,
        seed: Option<u64>,
    ) -> Option<Self> {
        let text = openqasm2::emit(program).ok();
        match jobs::new(spec.to_string(), file.display().to_string(), text) {
            Ok(record) => Some(Self { record: Record { shots, seed, ..record }, lock: None }),
            Err(error) => {
                report::warning(format!("the job is not written down: {}", error.chain()));
                None
            }
        }
    }

    /// A job that was submitted by another process.
    ///
    /// # Errors
    /// `Busy` when another process waits for it.
    pub(crate) fn again(record: Record) -> Result<Self> {
        let lock = Some(record.watch()?);
        Ok(Self { record, lock })
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The processor has taken it.
    pub(crate) fn submitted(&mut self, processor: &dyn Processor, id: &JobId) {
        self.record.device = processor.descriptor().id.to_string();
        self.record.kept = processor.keeps_jobs();
        self.record.job = id.to_string();
        let held = self.record.watch().and_then(|lock| self.record.save().map(|()| lock));
        match held {
            Ok(lock) => self.lock = Some(lock),
            Err(error) => report::warning(format!("the job is not written down: {}", error.chain())),
        }
    }

    /// It has ended, with this document or error.
    pub(crate) fn ended(&mut self, result: std::result::Result<Value, &Error>) {
        // Held until the end is written, so that nobody takes the job for lost in between.
        let Some(_lock) = self.lock.take() else { return };
        let (state, document, error) = match result {
            Ok(document) => (State::Done, Some(document), None),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Refused) => {
                (State::Cancelled, None, Some(error.chain()))
            }
            Err(error) => (State::Failed, None, Some(error.chain())),
        };
        if let Err(error) = self.record.end(state, document, error) {
            report::warning(format!("the end of the job is not written down: {}", error.chain()));
        }
    }
}
