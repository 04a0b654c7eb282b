//! Submits a program, waits for it and holds what is promised of every result.

use std::collections::HashSet;

use super::{
    ACCEPTS, CANCELS, COUNTS, ENDS, NAMES, ONCE, PROBABILITIES, PROVENANCE, Pause, STATE, TOTAL, WANTED,
};
use crate::circuit::Circuit;
use crate::conformance::{Violation, answer, broken, refusal, require};
use crate::processor::{Capabilities, Program, Wanted};
use crate::{ErrorKind, Job, JobId, JobResult, JobState, Processor};

/// The processor with all that is needed to run programs on it.
pub(super) struct Bench<'a> {
    pub(super) processor: &'a mut dyn Processor,
    pub(super) capabilities: Capabilities,
    write: &'a mut dyn FnMut(&Circuit) -> Program,
    pause: Pause<'a>,
    names: HashSet<JobId>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        processor: &'a mut dyn Processor,
        write: &'a mut dyn FnMut(&Circuit) -> Program,
        pause: Pause<'a>,
    ) -> Self {
        let capabilities = processor.capabilities().clone();
        Self { processor, capabilities, write, pause, names: HashSet::new() }
    }

    /// `shots`, or as many as there may be.
    pub(super) fn shots(&self, shots: u64) -> u64 {
        shots.min(self.capabilities.max_shots)
    }

    /// A job that wants counts alone.
    pub(super) fn job(&mut self, circuit: &Circuit, shots: u64) -> Job {
        let program = (self.write)(circuit);
        Job { program, shots: self.shots(shots), seed: Some(1), wanted: Wanted::default() }
    }

    /// Submits what has to be accepted.
    pub(super) fn submit(&mut self, job: Job, what: &str) -> Result<JobId, Violation> {
        let id = answer(ACCEPTS, &format!("submit of {what}"), self.processor.submit(job))?;
        require(self.names.insert(id.clone()), NAMES, || format!("the job name '{id}' came twice"))?;
        Ok(id)
    }

    /// Polls until the job ends.
    pub(super) fn end(&mut self, id: &JobId, what: &str) -> Result<JobState, Violation> {
        loop {
            let state = answer(ENDS, &format!("poll of {what}"), self.processor.poll(id))?;
            if !matches!(state, JobState::Queued { .. } | JobState::Running) {
                self.forgotten(id, what)?;
                return Ok(state);
            }
            if (self.pause)(&state).is_break() {
                return broken(ENDS, format!("{what} was given up while {state:?}"));
            }
        }
    }

    /// Holds that nothing is known of a job any more.
    fn forgotten(&mut self, id: &JobId, what: &str) -> Result<(), Violation> {
        let poll = self.processor.poll(id);
        refusal(ONCE, &format!("poll after the end of {what}"), poll, &[ErrorKind::NotFound])?;
        let cancel = self.processor.cancel(id);
        refusal(ONCE, &format!("cancel after the end of {what}"), cancel, &[ErrorKind::NotFound])
    }

    /// Runs a job that has to end well, and holds what is promised of every result.
    pub(super) fn run(&mut self, circuit: &Circuit, job: Job, what: &str) -> Result<JobResult, Violation> {
        let (shots, wanted) = (job.shots, job.wanted);
        let id = self.submit(job, what)?;
        let result = match self.end(&id, what)? {
            JobState::Done(result) => *result,
            JobState::Failed(error) => return broken(ENDS, format!("{what} failed: {}", error.chain())),
            other => return broken(ENDS, format!("{what} ended as {other:?}")),
        };
        let provenance = self.processor.descriptor().provenance;
        require(result.provenance == provenance, PROVENANCE, || {
            format!("the processor is {provenance} and the result of {what} is {}", result.provenance)
        })?;
        check_counts(&result, circuit, shots, what)?;
        let came = (result.probabilities.is_some(), result.state.is_some());
        require(came == (wanted.probabilities, wanted.state), WANTED, || {
            format!("{what} wanted {wanted:?}; (probabilities, state) came: {came:?}")
        })?;
        check_probabilities(&result, circuit, what)?;
        check_state(&result, circuit, what)?;
        Ok(result)
    }

    /// Runs a circuit for its counts.
    pub(super) fn counts(
        &mut self,
        circuit: &Circuit,
        shots: u64,
        what: &str,
    ) -> Result<JobResult, Violation> {
        let job = self.job(circuit, shots);
        self.run(circuit, job, what)
    }

    /// Runs a circuit and holds that most shots had one outcome, written highest bit first.
    pub(super) fn outcome(
        &mut self,
        circuit: &Circuit,
        expected: &str,
        promise: &'static str,
        what: &str,
    ) -> Result<(), Violation> {
        let result = self.counts(circuit, 100, what)?;
        let hits = count_of(&result, expected);
        require(hits.saturating_mul(2) > result.shots, promise, || {
            format!("{what} gave {expected} in {hits} of {} shots: {}", result.shots, list(&result))
        })
    }

    /// Submits a job, gives it up at once and holds how it ends.
    pub(super) fn cancel(&mut self, circuit: &Circuit, what: &str) -> Result<(), Violation> {
        let job = self.job(circuit, 100);
        let id = self.submit(job, what)?;
        answer(CANCELS, &format!("cancel of {what}"), self.processor.cancel(&id))?;
        let state = self.end(&id, what)?;
        require(matches!(state, JobState::Done(_) | JobState::Cancelled), CANCELS, || {
            format!("{what} ended as {state:?}")
        })
    }
}

/// How many shots had an outcome.
pub(super) fn count_of(result: &JobResult, outcome: &str) -> u64 {
    result.counts.iter().filter(|(bits, _)| bits.to_string() == outcome).map(|&(_, count)| count).sum()
}

/// Counts on one line.
pub(super) fn list(result: &JobResult) -> String {
    let entries: Vec<String> = result.counts.iter().map(|(bits, count)| format!("{bits}: {count}")).collect();
    format!("{{{}}}", entries.join(", "))
}

fn check_counts(result: &JobResult, circuit: &Circuit, shots: u64, what: &str) -> Result<(), Violation> {
    let total: u128 = result.counts.iter().map(|&(_, count)| u128::from(count)).sum();
    require((result.shots, total) == (shots, shots.into()), TOTAL, || {
        format!("{what} of {shots} shots has {} shots and counts {}", result.shots, list(result))
    })?;
    let fits = result.counts.iter().all(|(bits, count)| bits.width() == circuit.bits() && *count > 0);
    require(fits && ascend(&result.counts), COUNTS, || {
        format!("{what} with {} classical bits has counts {}", circuit.bits(), list(result))
    })
}

fn ascend<K: Ord, V>(entries: &[(K, V)]) -> bool {
    entries.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a < b))
}

fn check_probabilities(result: &JobResult, circuit: &Circuit, what: &str) -> Result<(), Violation> {
    let Some(probabilities) = &result.probabilities else { return Ok(()) };
    let sum: f64 = probabilities.iter().map(|&(_, p)| p).sum();
    let fits = probabilities.iter().all(|(basis, p)| basis.width() == circuit.qubits() && *p > 1e-12);
    // Single precision sums to 1 only so far.
    require(fits && ascend(probabilities) && (sum - 1.0).abs() < 1e-4, PROBABILITIES, || {
        format!("{what} on {} qubits has {probabilities:?}, sum {sum}", circuit.qubits())
    })
}

fn check_state(result: &JobResult, circuit: &Circuit, what: &str) -> Result<(), Violation> {
    let Some(state) = &result.state else { return Ok(()) };
    let expected = 1usize.checked_shl(circuit.qubits());
    let norm: f64 = state.iter().map(|amplitude| amplitude.norm_sqr()).sum();
    require(expected == Some(state.len()) && (norm - 1.0).abs() < 1e-4, STATE, || {
        format!("{what} on {} qubits has {} amplitudes of squared norm {norm}", circuit.qubits(), state.len())
    })
}
