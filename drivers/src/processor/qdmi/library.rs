//! Another maker's shared library: its functions looked up by name, and called with buffers whose sizes are ours.
//!
//! The only unsafe code of the drivers. It runs in the worker process alone ([`super::worker`]): what a library does beyond its
//! rights happens there.
#![allow(unsafe_code, reason = "functions of a foreign library are called; the interface has no safe form")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

use super::codes::{Status, job};
use super::message::Parameters;

/// A session, site, operation or job of the library.
pub(super) type Handle = *mut c_void;

/// The most bytes of one answer.
const MOST_BYTES: usize = 1 << 30;

type Query = unsafe extern "C" fn(Handle, c_int, usize, *mut c_void, *mut usize) -> c_int;
type SiteQuery = unsafe extern "C" fn(Handle, Handle, c_int, usize, *mut c_void, *mut usize) -> c_int;
type OperationQuery = unsafe extern "C" fn(
    Handle,
    Handle,
    usize,
    *const Handle,
    usize,
    *const f64,
    c_int,
    usize,
    *mut c_void,
    *mut usize,
) -> c_int;
type Set = unsafe extern "C" fn(Handle, c_int, usize, *const c_void) -> c_int;
type Call = unsafe extern "C" fn(Handle) -> c_int;

/// How programs are handed over and results fetched.
enum Interface {
    /// QDMI 1.2 and 1.3.
    Old { get_results: unsafe extern "C" fn(Handle, c_int, usize, *mut c_void, *mut usize) -> c_int },
    /// QDMI 1.4.
    New {
        set_programs: unsafe extern "C" fn(Handle, c_int, usize, *const usize, *const *const c_void) -> c_int,
        get_results: unsafe extern "C" fn(Handle, usize, c_int, usize, *mut c_void, *mut usize) -> c_int,
    },
}

/// A library that was loaded and initialised, with one session.
pub(super) struct Library {
    interface: Interface,
    session: Handle,
    finalize: unsafe extern "C" fn() -> c_int,
    session_free: unsafe extern "C" fn(Handle),
    query_device: Query,
    query_site: SiteQuery,
    query_operation: OperationQuery,
    create_job: unsafe extern "C" fn(Handle, *mut Handle) -> c_int,
    retrieve_job: Option<unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int>,
    job_set_parameter: Set,
    query_job: Query,
    job_submit: Call,
    job_cancel: Call,
    job_check: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    job_free: unsafe extern "C" fn(Handle),
    /// Last, so that it is unloaded when nothing of it is needed any more.
    _file: libloading::Library,
}

/// Why a library cannot be used: the function that failed, if one did, and the reason.
pub(super) enum Failure {
    /// A function answered with an error.
    Refused(&'static str, Status),
    /// It is no such library.
    Unusable(String),
}

/// Asks for the size of an answer, then for the answer.
fn ask(call: impl Fn(usize, *mut c_void, *mut usize) -> c_int) -> Result<Vec<u8>, Status> {
    let mut size = 0;
    Status::of(call(0, null_mut(), &raw mut size))?;
    if size > MOST_BYTES {
        return Err(Status(-6));
    }
    let mut bytes = vec![0; size];
    if size > 0 {
        Status::of(call(size, bytes.as_mut_ptr().cast(), null_mut()))?;
    }
    Ok(bytes)
}

impl Library {
    /// Loads and initialises the library at `path`, whose functions begin with `prefix`, and opens a session.
    pub(super) fn open(path: &Path, prefix: &str, parameters: &Parameters) -> Result<Self, Failure> {
        // SAFETY: loading runs the library's initialisers, which may do anything. This process is there for that.
        let file = unsafe { libloading::Library::new(path) }.map_err(|cause| {
            let mut reason = cause.to_string();
            if let Some(source) = std::error::Error::source(&cause) {
                reason = format!("{reason}: {source}");
            }
            Failure::Unusable(reason)
        })?;
        macro_rules! find {
            ($name:literal) => {
                // SAFETY: the name has this type in `qdmi/device.h`.
                unsafe { file.get(format!("{prefix}_QDMI_{}\0", $name).as_bytes()) }.map(|symbol| *symbol)
            };
        }
        macro_rules! symbol {
            ($name:literal) => {
                find!($name).map_err(|_| {
                    let what = format!("it has no function {prefix}_QDMI_{}", $name);
                    Failure::Unusable(format!("{what}: is the prefix right?"))
                })?
            };
        }
        // All functions are looked up before any is called.
        let interface = match find!("device_job_set_programs") {
            Ok(set_programs) => {
                Interface::New { set_programs, get_results: symbol!("device_job_get_results") }
            }
            Err(_) => Interface::Old { get_results: symbol!("device_job_get_results") },
        };
        let initialize: unsafe extern "C" fn() -> c_int = symbol!("device_initialize");
        let session_alloc: unsafe extern "C" fn(*mut Handle) -> c_int = symbol!("device_session_alloc");
        let session_set: Set = symbol!("device_session_set_parameter");
        let session_init: Call = symbol!("device_session_init");
        let mut library = Self {
            interface,
            session: null_mut(),
            finalize: symbol!("device_finalize"),
            session_free: symbol!("device_session_free"),
            query_device: symbol!("device_session_query_device_property"),
            query_site: symbol!("device_session_query_site_property"),
            query_operation: symbol!("device_session_query_operation_property"),
            create_job: symbol!("device_session_create_device_job"),
            retrieve_job: find!("device_session_retrieve_device_job_by_id").ok(),
            job_set_parameter: symbol!("device_job_set_parameter"),
            query_job: symbol!("device_job_query_property"),
            job_submit: symbol!("device_job_submit"),
            job_cancel: symbol!("device_job_cancel"),
            job_check: symbol!("device_job_check"),
            job_free: symbol!("device_job_free"),
            _file: file,
        };
        // SAFETY: it takes nothing and is called once, first.
        let initialized = unsafe { initialize() };
        Status::of(initialized).map_err(|status| Failure::Refused("device_initialize", status))?;
        let mut session = null_mut();
        // SAFETY: the handle can be written.
        let allocated = unsafe { session_alloc(&raw mut session) };
        Status::of(allocated).map_err(|status| Failure::Refused("device_session_alloc", status))?;
        if session.is_null() {
            return Err(Failure::Unusable("it gave no session".to_owned()));
        }
        library.session = session;
        for (parameter, text) in parameters {
            let text = zeroize::Zeroizing::new([text.as_bytes(), b"\0"].concat());
            // SAFETY: so many bytes are there.
            let set = unsafe { session_set(session, *parameter, text.len(), text.as_ptr().cast()) };
            Status::of(set).map_err(|status| Failure::Refused("device_session_set_parameter", status))?;
        }
        // SAFETY: the session is the library's own.
        let ready = unsafe { session_init(session) };
        Status::of(ready).map_err(|status| Failure::Refused("device_session_init", status))?;
        Ok(library)
    }

    /// Whether it has the interface of QDMI 1.4.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.interface, Interface::New { .. })
    }

    /// Whether it can find jobs of earlier sessions.
    pub(super) fn keeps_jobs(&self) -> bool {
        // A library that keeps them says that there is none of this name.
        self.retrieve_job("-").is_err_and(|status| status == Status::NOT_FOUND)
    }

    /// A property of the device.
    pub(super) fn device(&self, property: i32) -> Result<Vec<u8>, Status> {
        // SAFETY: the buffers are those of `ask`.
        ask(|size, value, ret| unsafe { (self.query_device)(self.session, property, size, value, ret) })
    }

    /// A property of a site.
    pub(super) fn site(&self, site: Handle, property: i32) -> Result<Vec<u8>, Status> {
        // SAFETY: as above; the site is one that the library gave.
        ask(|size, value, ret| unsafe { (self.query_site)(self.session, site, property, size, value, ret) })
    }

    /// A property of an operation, on some sites or in general.
    pub(super) fn operation(
        &self,
        operation: Handle,
        sites: &[Handle],
        property: i32,
    ) -> Result<Vec<u8>, Status> {
        let first = if sites.is_empty() { null() } else { sites.as_ptr() };
        let session = self.session;
        // SAFETY: as above; so many sites are there.
        ask(|size, value, ret| unsafe {
            let query = self.query_operation;
            query(session, operation, sites.len(), first, 0, null(), property, size, value, ret)
        })
    }

    /// A property of a job.
    pub(super) fn job(&self, job: Handle, property: i32) -> Result<Vec<u8>, Status> {
        // SAFETY: as above; the job is one that the library gave.
        ask(|size, value, ret| unsafe { (self.query_job)(job, property, size, value, ret) })
    }

    /// A result of the first program of a job.
    pub(super) fn result(&self, job: Handle, result: i32) -> Result<Vec<u8>, Status> {
        // SAFETY: as above; each function has the type of its interface.
        ask(|size, value, ret| unsafe {
            match self.interface {
                Interface::Old { get_results } => get_results(job, result, size, value, ret),
                Interface::New { get_results, .. } => get_results(job, 0, result, size, value, ret),
            }
        })
    }

    /// A job, not yet submitted.
    pub(super) fn make_job(
        &self,
        format: i32,
        program: &str,
        shots: u64,
    ) -> Result<Handle, (&'static str, Status)> {
        let mut made = null_mut();
        // SAFETY: the handle can be written.
        let created = unsafe { (self.create_job)(self.session, &raw mut made) };
        Status::of(created).map_err(|status| ("device_session_create_device_job", status))?;
        let filled = self.fill_job(made, format, program, shots);
        if filled.is_err() {
            self.free_job(made);
        }
        filled.map(|()| made)
    }

    fn fill_job(
        &self,
        made: Handle,
        format: i32,
        program: &str,
        shots: u64,
    ) -> Result<(), (&'static str, Status)> {
        // The NUL counts.
        let text = [program.as_bytes(), b"\0"].concat();
        match self.interface {
            Interface::Old { .. } => {
                let number = format.to_ne_bytes();
                self.set_job(made, job::FORMAT, &number)?;
                self.set_job(made, job::PROGRAM, &text)?;
            }
            Interface::New { set_programs, .. } => {
                let (size, start) = (text.len(), text.as_ptr().cast::<c_void>());
                // SAFETY: one size and one pointer to as many bytes are there.
                let set = unsafe { set_programs(made, format, 1, &raw const size, &raw const start) };
                Status::of(set).map_err(|status| ("device_job_set_programs", status))?;
            }
        }
        self.set_job(made, job::SHOTS, &(shots as usize).to_ne_bytes())
    }

    fn set_job(&self, made: Handle, parameter: i32, value: &[u8]) -> Result<(), (&'static str, Status)> {
        // SAFETY: so many bytes are there.
        let set = unsafe { (self.job_set_parameter)(made, parameter, value.len(), value.as_ptr().cast()) };
        Status::of(set).map_err(|status| ("device_job_set_parameter", status))
    }

    /// A job of an earlier session.
    pub(super) fn retrieve_job(&self, name: &str) -> Result<Handle, Status> {
        let retrieve = self.retrieve_job.ok_or(Status::NOT_SUPPORTED)?;
        let name = CString::new(name).map_err(|_| Status::NOT_FOUND)?;
        let mut found = null_mut();
        // SAFETY: the text ends in NUL and the handle can be written.
        Status::of(unsafe { retrieve(self.session, name.as_ptr(), &raw mut found) })?;
        if found.is_null() { Err(Status::NOT_FOUND) } else { Ok(found) }
    }

    /// Hands a job over; may take as long as the job.
    pub(super) fn submit(&self, made: Handle) -> Result<(), Status> {
        // SAFETY: the job is one that the library gave.
        Status::of(unsafe { (self.job_submit)(made) })
    }

    /// Where a job is in its life.
    pub(super) fn check(&self, made: Handle) -> Result<i32, Status> {
        let mut status = -1;
        // SAFETY: as above; the number can be written.
        Status::of(unsafe { (self.job_check)(made, &raw mut status) })?;
        Ok(status)
    }

    /// Gives a job up.
    pub(super) fn cancel(&self, made: Handle) -> Result<(), Status> {
        // SAFETY: as above.
        Status::of(unsafe { (self.job_cancel)(made) })
    }

    /// Forgets a job.
    pub(super) fn free_job(&self, made: Handle) {
        // SAFETY: as above; the handle is not used again.
        unsafe { (self.job_free)(made) }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if !self.session.is_null() {
            // SAFETY: the session is the library's own, and not used again.
            unsafe { (self.session_free)(self.session) }
        }
        // SAFETY: nothing of the library is called after this.
        unsafe { (self.finalize)() };
    }
}
