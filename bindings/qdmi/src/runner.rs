//! The thread that has the processor of a session: it runs job after job, and exact results between them.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::processor::{self, JobResult, Program, ProgramFormat, Wanted};
use qhal::{Circuit, Error, ErrorKind, Processor, Result};

use crate::codes::{JobStatus, Outcome, Status, format};
use crate::job::{Job, Order, Ran};
use crate::program::prepare;
use crate::session::{How, report};

/// What is done one after the other.
enum Task {
    Job(Arc<Job>, Order),
    /// A circuit once more, for its state or probabilities.
    Exact(Circuit, Wanted, Sender<Result<JobResult>>),
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    busy: bool,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Told when there is something to do.
    filled: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, seen from outside.
pub(crate) struct Runner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Runner {
    /// Gives the processor to a thread of its own.
    pub(crate) fn start(processor: Box<dyn Processor>, how: Arc<How>) -> Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new() });
        let work = Worker { shared: Arc::clone(&shared), processor, how, programs: 0 };
        let thread = std::thread::Builder::new()
            .name("qhal-qdmi".to_owned())
            .spawn(move || work.run())
            .map_err(|cause| Error::from_io(cause, "cannot start the thread of a session"))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn queue(&self, job: Arc<Job>, order: Order) -> Outcome {
        self.add(Task::Job(job, order))
    }

    /// Runs a circuit for its exact results, when its turn comes.
    pub(crate) fn exact(&self, circuit: Circuit, wanted: Wanted) -> Outcome<Result<JobResult>> {
        let (sender, receiver) = channel();
        self.add(Task::Exact(circuit, wanted, sender))?;
        receiver.recv().map_err(|_| Status::Fatal)
    }

    fn add(&self, task: Task) -> Outcome {
        let mut queue = self.shared.queue();
        if queue.closed {
            return Err(Status::BadState);
        }
        queue.tasks.push_back(task);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Whether anything runs or waits.
    pub(crate) fn is_busy(&self) -> bool {
        let queue = self.shared.queue();
        queue.busy || !queue.tasks.is_empty()
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue().tasks.iter().filter(|task| matches!(task, Task::Job(..))).count()
    }

    /// How many jobs wait before this one, if it waits.
    pub(crate) fn ahead_of(&self, job: &Job) -> Option<usize> {
        let queue = self.shared.queue();
        let mut jobs = queue.tasks.iter().filter_map(|task| match task {
            Task::Job(waiting, _) => Some(Arc::as_ptr(waiting)),
            Task::Exact(..) => None,
        });
        jobs.position(|waiting| std::ptr::eq(waiting, job))
    }

    /// Takes a job out of the queue.
    pub(crate) fn forget(&self, job: &Job) {
        let before = {
            let mut queue = self.shared.queue();
            let before = queue.tasks.len();
            queue.tasks.retain(
                |task| !matches!(task, Task::Job(waiting, _) if std::ptr::eq(Arc::as_ptr(waiting), job)),
            );
            before != queue.tasks.len()
        };
        if before {
            job.end(JobStatus::Cancelled);
        }
    }

    /// Gives up what waits and what runs, and waits for the thread to end.
    pub(crate) fn close(&self) {
        let left = {
            let mut queue = self.shared.queue();
            queue.closed = true;
            std::mem::take(&mut queue.tasks)
        };
        for task in left {
            if let Task::Job(job, _) = task {
                job.abandon();
                job.end(JobStatus::Cancelled);
            }
        }
        self.shared.filled.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// The thread, seen from inside.
struct Worker {
    shared: Arc<Shared>,
    processor: Box<dyn Processor>,
    how: Arc<How>,
    /// Programs that were run with a seed of the session.
    programs: u64,
}

impl Worker {
    fn run(mut self) {
        while let Some(task) = self.next() {
            match task {
                Task::Job(job, order) => self.job(&job, &order),
                Task::Exact(circuit, wanted, reply) => {
                    let program = Program::Circuit(circuit);
                    let result = self.execute(processor::Job { program, shots: 0, seed: None, wanted }, None);
                    // Who asked may have gone.
                    let _ = reply.send(result);
                }
            }
        }
        if let Err(error) = self.processor.close() {
            report(&format!("closing the processor: {}", error.chain()));
        }
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.shared.queue();
        queue.busy = false;
        loop {
            if queue.closed {
                return None;
            }
            if let Some(task) = queue.tasks.pop_front() {
                queue.busy = true;
                return Some(task);
            }
            queue = self.shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn job(&mut self, job: &Arc<Job>, order: &Order) {
        job.begin();
        let mut all_well = true;
        for (index, text) in order.texts.iter().enumerate() {
            if job.is_given_up() || self.shared.queue().closed {
                break;
            }
            let ran = self.program(job, order, text);
            if let Err(error) = &ran
                && !job.is_given_up()
            {
                report(&format!("job {}, program {index}: {}", job.name(), error.chain()));
            }
            if ran.is_err() && job.is_given_up() {
                break;
            }
            all_well &= ran.is_ok();
            job.program_ended(index, ran.ok());
        }
        let cut_short = job.is_given_up() || self.shared.queue().closed;
        job.end(match (cut_short, all_well) {
            (true, _) => JobStatus::Cancelled,
            (false, true) => JobStatus::Done,
            (false, false) => JobStatus::Failed,
        });
    }

    fn program(&mut self, job: &Job, order: &Order, text: &[u8]) -> Result<Ran> {
        let text = std::str::from_utf8(text)
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "the program is not UTF-8"))?;
        let seed = order.seed.or_else(|| {
            let seed = self.how.seed?.wrapping_add(self.programs);
            self.programs += 1;
            Some(seed)
        });
        let (prepared, program) = if self.how.circuits {
            let prepared = prepare(text, order.format, self.how.compact)?;
            let circuit = prepared.circuit.clone();
            (Some(prepared), Program::Circuit(circuit))
        } else {
            let format = match order.format {
                format::QASM2 => ProgramFormat::OpenQasm2,
                format::QASM3 => ProgramFormat::OpenQasm3,
                _ => ProgramFormat::QirBaseText,
            };
            (None, Program::Text { format, text: text.to_owned() })
        };
        let counts = if order.shots == 0 {
            // Nothing is drawn; the circuit is kept for what is asked of it later.
            Vec::new()
        } else {
            let wanted = Wanted::default();
            self.execute(processor::Job { program, shots: order.shots, seed, wanted }, Some(job))?.counts
        };
        Ok(Ran { shots: order.shots, counts, prepared, seed: order_seed(seed)?, answers: Default::default() })
    }

    /// Runs one program to its end; a job that is given up meanwhile takes it with it.
    fn execute(&mut self, request: processor::Job, job: Option<&Job>) -> Result<JobResult> {
        let id = self.processor.submit(request)?;
        let begun = Instant::now();
        let shared = Arc::clone(&self.shared);
        processor::wait(self.processor.as_mut(), &id, &mut |_| {
            if job.is_some_and(Job::is_given_up) || shared.queue().closed {
                return ControlFlow::Break(());
            }
            // Short jobs are answered at once, long ones cost nothing to wait for.
            let pause = (begun.elapsed() / 20).clamp(Duration::from_micros(50), Duration::from_millis(50));
            std::thread::sleep(pause);
            ControlFlow::Continue(())
        })
    }
}

/// What the order of shots is drawn from: the seed, or chance.
fn order_seed(seed: Option<u64>) -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    match seed {
        Some(seed) => {
            for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
                *to = from;
            }
        }
        None => getrandom::fill(&mut bytes)
            .map_err(|cause| Error::new(ErrorKind::Other, format!("no random seed: {cause}")))?,
    }
    Ok(bytes)
}
