//! What this library holds while it is in use: sessions and jobs by their handles.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codes::{Outcome, Status};
use crate::handles::{self, Handle, Kind};
use crate::job::Job;
use crate::session::Session;

/// A job as one handle sees it.
#[derive(Clone)]
pub(crate) struct JobRef {
    pub(crate) job: Arc<Job>,
    /// Found by its name: it can be looked at and cancelled, and not be set up again.
    pub(crate) retrieved: bool,
}

struct Device {
    /// How many clients in this process have initialised the library and not finalised it yet.
    users: usize,
    /// Handles are never given twice.
    next: usize,
    sessions: BTreeMap<usize, Arc<Session>>,
    jobs: BTreeMap<usize, JobRef>,
}

static DEVICE: Mutex<Device> =
    Mutex::new(Device { users: 0, next: 1, sessions: BTreeMap::new(), jobs: BTreeMap::new() });

/// A panic while the lock was held has been answered with `FATAL`; the maps themselves are whole.
fn device() -> MutexGuard<'static, Device> {
    DEVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device {
    fn in_use(&mut self) -> Outcome<&mut Self> {
        if self.users == 0 { Err(Status::BadState) } else { Ok(self) }
    }

    fn number(&mut self) -> usize {
        let number = self.next;
        self.next += 1;
        number
    }
}

pub(crate) fn initialize() -> Outcome {
    device().users += 1;
    Ok(())
}

/// The last client takes all sessions and jobs with it.
pub(crate) fn finalize() -> Outcome {
    let (sessions, jobs) = {
        let mut device = device();
        let device = device.in_use()?;
        device.users -= 1;
        if device.users > 0 {
            return Ok(());
        }
        (std::mem::take(&mut device.sessions), std::mem::take(&mut device.jobs))
    };
    // Outside of the lock: jobs that run are given up first, and each session waits for its own.
    jobs.values().for_each(|entry| entry.job.abandon());
    sessions.values().for_each(|session| session.close());
    Ok(())
}

pub(crate) fn add_session() -> Outcome<Handle> {
    let mut device = device();
    let device = device.in_use()?;
    let number = device.number();
    device.sessions.insert(number, Arc::new(Session::new()));
    Ok(handles::handle(Kind::Session, number))
}

pub(crate) fn session(handle: *const c_void) -> Outcome<Arc<Session>> {
    let number = handles::index(Kind::Session, handle).ok_or(Status::InvalidArgument)?;
    device().sessions.get(&number).cloned().ok_or(Status::InvalidArgument)
}

pub(crate) fn free_session(handle: *const c_void) -> Outcome {
    let number = handles::index(Kind::Session, handle).ok_or(Status::InvalidArgument)?;
    let session = device().sessions.remove(&number).ok_or(Status::InvalidArgument)?;
    session.close();
    Ok(())
}

pub(crate) fn add_job(job: Arc<Job>, retrieved: bool) -> Outcome<Handle> {
    let mut device = device();
    let device = device.in_use()?;
    let number = device.number();
    device.jobs.insert(number, JobRef { job, retrieved });
    Ok(handles::handle(Kind::Job, number))
}

pub(crate) fn job(handle: *const c_void) -> Outcome<JobRef> {
    let number = handles::index(Kind::Job, handle).ok_or(Status::InvalidArgument)?;
    device().jobs.get(&number).cloned().ok_or(Status::InvalidArgument)
}

/// The job of this name, as long as any handle to it lives.
pub(crate) fn job_by_name(name: &str) -> Outcome<Arc<Job>> {
    let device = device();
    let found = device.jobs.values().find(|entry| entry.job.name() == name);
    found.map(|entry| Arc::clone(&entry.job)).ok_or(Status::NotFound)
}

/// A job that nobody can ask for any more is given up.
pub(crate) fn free_job(handle: *const c_void) -> Outcome {
    let number = handles::index(Kind::Job, handle).ok_or(Status::InvalidArgument)?;
    let (freed, others) = {
        let mut device = device();
        let freed = device.jobs.remove(&number).ok_or(Status::InvalidArgument)?;
        let others = device.jobs.values().any(|entry| Arc::ptr_eq(&entry.job, &freed.job));
        (freed, others)
    };
    if !others {
        freed.job.abandon();
    }
    Ok(())
}
