//! The worker process: it alone loads the library, so that one that crashes, hangs or writes where it should not takes
//! nobody else with it.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Resource, Rlimit, Signal, getpgrp, getpid, kill_process, kill_process_group, setrlimit,
};

use super::codes::{self, Status};
use super::host::GRACE;
use super::library::{Failure, Handle, Library};
use super::message::{self, Reply, Request};

/// Serves the driver on standard input, which is a socket, until it closes.
///
/// Standard output and error belong to the library; the driver reads them.
pub fn serve() -> ExitCode {
    let Ok(socket) = apart() else { return ExitCode::FAILURE };
    let mut socket = UnixStream::from(socket);
    let mut worker =
        Worker { library: None, sites: Vec::new(), operations: Vec::new(), jobs: HashMap::new(), made: 0 };
    // The end of the stream is how the driver says that it is done.
    while let Ok((request, _)) = message::read::<Request>(&mut socket) {
        let (reply, bytes) = match worker.answer(request) {
            Ok(answer) => answer,
            Err(Failure::Refused(function, Status(status))) => {
                (Reply::Refused { function: function.to_owned(), status }, Vec::new())
            }
            Err(Failure::Unusable(why)) => (Reply::Unusable(why), Vec::new()),
        };
        if message::write(&mut socket, &reply, &bytes).is_err() {
            return ExitCode::FAILURE;
        }
    }
    for handle in std::mem::take(&mut worker.jobs).into_values() {
        if let Some(library) = &worker.library {
            library.free_job(handle);
        }
    }
    ExitCode::SUCCESS
}

/// The socket, where the library neither finds it as its standard input nor hands it to programs that it starts.
fn apart() -> std::io::Result<OwnedFd> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    // An image of its memory would have the session's secrets in it.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)?;
    let watched = socket.try_clone()?;
    std::thread::Builder::new().name("qdmi-driver".to_owned()).spawn(move || end_with_driver(&watched))?;
    Ok(socket)
}

/// Ends this process, and what the library started, when the driver has closed the socket or was killed and the library does
/// not return. (The kernel's signal at a parent's death comes when the *thread* ends that started this process.)
fn end_with_driver(socket: &OwnedFd) {
    loop {
        let mut watched = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(1..) => break,
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    std::thread::sleep(GRACE);
    // The driver makes this process the first of a group; one that was started otherwise is only itself.
    let own = getpid();
    if getpgrp() == own {
        let _ = kill_process_group(own, Signal::KILL);
    }
    let _ = kill_process(own, Signal::KILL);
}

struct Worker {
    library: Option<Library>,
    sites: Vec<Handle>,
    operations: Vec<Handle>,
    jobs: HashMap<u64, Handle>,
    made: u64,
}

type Answer = Result<(Reply, Vec<u8>), Failure>;

fn nonsense(what: &str) -> Failure {
    Failure::Unusable(format!("the worker was asked for {what}"))
}

impl Worker {
    fn answer(&mut self, request: Request) -> Answer {
        if let Request::Open { library, prefix, parameters } = request {
            let opened = Library::open(&library, &prefix, &parameters)?;
            let reply = Reply::Opened { new: opened.is_new(), keeps_jobs: opened.keeps_jobs() };
            self.library = Some(opened);
            return Ok((reply, Vec::new()));
        }
        let library =
            self.library.as_ref().ok_or_else(|| nonsense("something before a library was opened"))?;
        let known =
            |job: u64| self.jobs.get(&job).copied().ok_or_else(|| nonsense("a job that there is not"));
        match request {
            Request::Open { .. } => Err(nonsense("a second library")),
            Request::Device { property } => {
                let bytes = library
                    .device(property)
                    .map_err(|status| Failure::Refused("device_session_query_device_property", status))?;
                let bytes = match property {
                    codes::device::SITES => {
                        self.sites = handles(&bytes)?;
                        count(self.sites.len())
                    }
                    codes::device::OPERATIONS => {
                        self.operations = handles(&bytes)?;
                        count(self.operations.len())
                    }
                    codes::device::COUPLINGS => places(&self.sites, &handles(&bytes)?)?,
                    _ => bytes,
                };
                Ok((Reply::Bytes, bytes))
            }
            Request::Sites { property } => {
                let all = self.sites.iter().map(|site| library.site(*site, property));
                Ok((Reply::Bytes, figures(all)))
            }
            Request::Operation { operation, property } => {
                let handle = *self
                    .operations
                    .get(operation as usize)
                    .ok_or_else(|| nonsense("an operation that there is not"))?;
                let bytes = library
                    .operation(handle, &[], property)
                    .map_err(|status| Failure::Refused("device_session_query_operation_property", status))?;
                let is_list = property == codes::operation::SITES;
                Ok((Reply::Bytes, if is_list { places(&self.sites, &handles(&bytes)?)? } else { bytes }))
            }
            Request::OperationSites { operation, property, width, sites } => {
                let handle = *self
                    .operations
                    .get(operation as usize)
                    .ok_or_else(|| nonsense("an operation that there is not"))?;
                let sites: Option<Vec<Handle>> =
                    sites.iter().map(|site| self.sites.get(*site as usize).copied()).collect();
                let sites = sites.ok_or_else(|| nonsense("a site that there is not"))?;
                let all = sites
                    .chunks_exact(width.max(1) as usize)
                    .map(|tuple| library.operation(handle, tuple, property));
                Ok((Reply::Bytes, figures(all)))
            }
            Request::Submit { format, program, shots } => {
                let refused = |(function, status)| Failure::Refused(function, status);
                let made = library.make_job(format, &program, shots).map_err(refused)?;
                if let Err(status) = library.submit(made) {
                    library.free_job(made);
                    return Err(Failure::Refused("device_job_submit", status));
                }
                Ok((self.keep(made), Vec::new()))
            }
            Request::Retrieve { name } => {
                let found = library
                    .retrieve_job(&name)
                    .map_err(|status| Failure::Refused("device_session_retrieve_device_job_by_id", status))?;
                Ok((self.keep(found), Vec::new()))
            }
            Request::Check { job } => {
                let status = library
                    .check(known(job)?)
                    .map_err(|status| Failure::Refused("device_job_check", status))?;
                Ok((Reply::Status(status), Vec::new()))
            }
            Request::Job { job, property } => {
                let bytes = library
                    .job(known(job)?, property)
                    .map_err(|status| Failure::Refused("device_job_query_property", status))?;
                Ok((Reply::Bytes, bytes))
            }
            Request::Result { job, result } => {
                let bytes = library
                    .result(known(job)?, result)
                    .map_err(|status| Failure::Refused("device_job_get_results", status))?;
                Ok((Reply::Bytes, bytes))
            }
            Request::Cancel { job } => {
                library
                    .cancel(known(job)?)
                    .map_err(|status| Failure::Refused("device_job_cancel", status))?;
                Ok((Reply::Done, Vec::new()))
            }
            Request::Free { job } => {
                library.free_job(known(job)?);
                self.jobs.remove(&job);
                Ok((Reply::Done, Vec::new()))
            }
        }
    }

    /// Gives a job a number.
    fn keep(&mut self, handle: Handle) -> Reply {
        self.made += 1;
        self.jobs.insert(self.made, handle);
        let name = self.library.as_ref().and_then(|library| library.job(handle, codes::job::ID).ok());
        let name = name.and_then(|bytes| super::protocol::text(&bytes).ok()).filter(|name| !name.is_empty());
        Reply::Job { job: self.made, name }
    }
}

fn handles(bytes: &[u8]) -> Result<Vec<Handle>, Failure> {
    if !bytes.len().is_multiple_of(size_of::<Handle>()) {
        return Err(Failure::Unusable(format!("a list of handles has {} bytes", bytes.len())));
    }
    let numbers = bytes.as_chunks::<{ size_of::<usize>() }>().0.iter();
    Ok(numbers.map(|bytes| std::ptr::with_exposed_provenance_mut(usize::from_ne_bytes(*bytes))).collect())
}

fn count(number: usize) -> Vec<u8> {
    (number as u64).to_ne_bytes().to_vec()
}

/// Where each of `some` is among `all`.
fn places(all: &[Handle], some: &[Handle]) -> Result<Vec<u8>, Failure> {
    let places: HashMap<Handle, u32> = all.iter().copied().zip(0..).collect();
    let place = |handle: &Handle| places.get(handle).copied();
    let found: Option<Vec<u32>> = some.iter().map(place).collect();
    let found = found
        .ok_or_else(|| Failure::Unusable("a site is named that is not in the list of sites".to_owned()))?;
    Ok(found.into_iter().flat_map(u32::to_ne_bytes).collect())
}

/// A byte for whether there is a figure, and the eight bytes of it.
fn figures(answers: impl Iterator<Item = Result<Vec<u8>, Status>>) -> Vec<u8> {
    let mut all = Vec::new();
    for answer in answers {
        let mut figure = [0; 9];
        if let Ok(bytes) = answer
            && (1..=8).contains(&bytes.len())
        {
            figure[0] = 1;
            figure[1..=bytes.len()].copy_from_slice(&bytes);
        }
        all.extend_from_slice(&figure);
    }
    all
}
