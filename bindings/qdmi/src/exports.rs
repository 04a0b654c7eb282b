//! The 22 functions of `qdmi/device.h` under the prefix `QHAL`: a thin border that turns every fault into a status.
//!
//! Each returns 0, or one of the negative status codes of the interface. Pointers are as `qdmi/device.h` describes them:
//! null where something is only asked for, else readable or writable for the size beside them. Handles may be anything.
#![allow(unsafe_code, reason = "a C interface is exported")]
#![allow(non_snake_case, reason = "the names are those of the interface")]

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::codes::{Outcome, SUCCESS, Status};
use crate::handles::Handle;
use crate::job::Job;
use crate::{codes, device, memory, queries, results};

/// Runs the inside of a call; a panic ends here.
fn border(inside: impl FnOnce() -> Outcome) -> c_int {
    match catch_unwind(AssertUnwindSafe(inside)) {
        Ok(Ok(())) => SUCCESS,
        Ok(Err(status)) => status as c_int,
        Err(_) => Status::Fatal as c_int,
    }
}

/// Makes the library ready; counted, so that several clients in one process can use it.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_initialize() -> c_int {
    border(device::initialize)
}

/// Gives everything back, once as many clients have finished as began: running jobs are given up.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_finalize() -> c_int {
    border(device::finalize)
}

/// Begins a session.
///
/// # Safety
/// A handle can be written to `session` unless it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_alloc(session: *mut Handle) -> c_int {
    border(|| {
        if session.is_null() {
            return Err(Status::InvalidArgument);
        }
        let handle = device::add_session()?;
        // SAFETY: the caller's promise.
        unsafe { memory::put(session, handle) }
    })
}

/// Sets a session up: CUSTOM1 names the processor as `qhal` does, CUSTOM2 is a seed in decimal digits.
///
/// # Safety
/// `value` is null or readable for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_set_parameter(
    session: Handle,
    param: c_int,
    size: usize,
    value: *const c_void,
) -> c_int {
    border(|| {
        let session = device::session(session)?;
        // SAFETY: the caller's promise.
        let bytes = if value.is_null() { None } else { Some(unsafe { memory::bytes(value, size) }?) };
        session.set_parameter(param, bytes)
    })
}

/// Opens the processor of a session.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_session_init(session: Handle) -> c_int {
    border(|| device::session(session)?.init())
}

/// Ends a session; its jobs are given up.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_session_free(session: Handle) {
    border(|| device::free_session(session));
}

/// Asks for a property of the device.
///
/// # Safety
/// `value` is null or writable for `size` bytes, `size_ret` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_query_device_property(
    session: Handle,
    prop: c_int,
    size: usize,
    value: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    border(|| {
        let ready = device::session(session)?.ready()?;
        let answer = queries::device(&ready, prop)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, value, size_ret) }
    })
}

/// Asks for a property of a site.
///
/// # Safety
/// `value` is null or writable for `size` bytes, `size_ret` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_query_site_property(
    session: Handle,
    site: Handle,
    prop: c_int,
    size: usize,
    value: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    border(|| {
        let ready = device::session(session)?.ready()?;
        let answer = queries::site(&ready, site, prop)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, value, size_ret) }
    })
}

/// Asks for a property of an operation, on given sites or on any. No property depends on the angles.
///
/// # Safety
/// `sites` is null or readable for `num_sites` handles, `value` null or writable for `size` bytes, `size_ret` null or
/// writable. `params` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_query_operation_property(
    session: Handle,
    operation: Handle,
    num_sites: usize,
    sites: *const Handle,
    num_params: usize,
    params: *const f64,
    prop: c_int,
    size: usize,
    value: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    let _ = (num_params, params);
    border(|| {
        let ready = device::session(session)?.ready()?;
        // SAFETY: the caller's promise.
        let sites = unsafe { memory::handles(num_sites, sites.cast()) }?;
        let answer = queries::operation(&ready, operation, sites.as_deref(), prop)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, value, size_ret) }
    })
}

/// Makes a job.
///
/// # Safety
/// A handle can be written to `job` unless it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_create_device_job(
    session: Handle,
    job: *mut Handle,
) -> c_int {
    border(|| {
        let session = device::session(session)?;
        if job.is_null() {
            return Err(Status::InvalidArgument);
        }
        let made = Job::new(session.ready()?)?;
        let handle = device::add_job(Arc::new(made), false)?;
        // SAFETY: the caller's promise.
        unsafe { memory::put(job, handle) }
    })
}

/// Makes a second handle to a job of this process that has not been freed.
///
/// # Safety
/// `job_id` is null or ends in a NUL; a handle can be written to `job` unless it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_session_retrieve_device_job_by_id(
    session: Handle,
    job_id: *const c_char,
    job: *mut Handle,
) -> c_int {
    border(|| {
        let session = device::session(session)?;
        // SAFETY: the caller's promise.
        let name = unsafe { memory::c_string(job_id) }?;
        if job.is_null() || name.is_empty() {
            return Err(Status::InvalidArgument);
        }
        let ready = session.ready()?;
        let found = device::job_by_name(&name)?;
        if found.ready.name != ready.name {
            return Err(Status::NotFound);
        }
        let handle = device::add_job(found, true)?;
        // SAFETY: the caller's promise.
        unsafe { memory::put(job, handle) }
    })
}

/// Sets a job up: 2 is the shots, CUSTOM1 a seed, both as `size_t`.
///
/// # Safety
/// `value` is null or readable for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_set_parameter(
    job: Handle,
    param: c_int,
    size: usize,
    value: *const c_void,
) -> c_int {
    border(|| {
        let entry = device::job(job)?;
        // SAFETY: the caller's promise.
        let bytes = if value.is_null() { None } else { Some(unsafe { memory::bytes(value, size) }?) };
        if entry.retrieved {
            return Err(Status::BadState);
        }
        entry.job.set_parameter(param, bytes.as_deref())
    })
}

/// Gives a job its programs, in place of any that it had.
///
/// # Safety
/// `sizes` and `programs` are null or readable for `count` entries, and each program for its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_set_programs(
    job: Handle,
    format: c_int,
    count: usize,
    sizes: *const usize,
    programs: *const *const c_void,
) -> c_int {
    border(|| {
        let entry = device::job(job)?;
        codes::check(format, codes::format::MAX)?;
        // SAFETY: the caller's promise.
        let programs = unsafe { memory::programs(count, sizes, programs) }?;
        if entry.retrieved {
            return Err(Status::BadState);
        }
        entry.job.set_programs(format, programs)
    })
}

/// Gives the text of a program back.
///
/// # Safety
/// `data` is null or writable for `size` bytes, `size_ret` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_get_program(
    job: Handle,
    program_index: usize,
    size: usize,
    data: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    border(|| {
        let answer = device::job(job)?.job.program(program_index)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, data, size_ret) }
    })
}

/// Tells where one program of a job is in its life.
///
/// # Safety
/// `status` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_get_program_status(
    job: Handle,
    program_index: usize,
    status: *mut c_int,
) -> c_int {
    border(|| {
        let found = device::job(job)?.job.program_status(program_index)?;
        // SAFETY: the caller's promise.
        unsafe { memory::put(status, found as c_int) }
    })
}

/// Asks for a property of a job.
///
/// # Safety
/// `value` is null or writable for `size` bytes, `size_ret` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_query_property(
    job: Handle,
    prop: c_int,
    size: usize,
    value: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    border(|| {
        let answer = device::job(job)?.job.property(prop)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, value, size_ret) }
    })
}

/// Submits a job and returns at once; jobs of a session run one after the other.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_job_submit(job: Handle) -> c_int {
    border(|| {
        let entry = device::job(job)?;
        if entry.retrieved { Err(Status::BadState) } else { entry.job.submit() }
    })
}

/// Gives a job up.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_job_cancel(job: Handle) -> c_int {
    border(|| device::job(job)?.job.cancel())
}

/// Tells where a job is in its life.
///
/// # Safety
/// `status` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_check(job: Handle, status: *mut c_int) -> c_int {
    border(|| {
        let found = device::job(job)?.job.status();
        // SAFETY: the caller's promise.
        unsafe { memory::put(status, found as c_int) }
    })
}

/// Waits until a job has ended, well or not: at most `timeout` seconds, or for ever where that is 0.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_job_wait(job: Handle, timeout: usize) -> c_int {
    border(|| device::job(job)?.job.wait(timeout))
}

/// Gives one result of one program.
///
/// # Safety
/// `data` is null or writable for `size` bytes, `size_ret` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn QHAL_QDMI_device_job_get_results(
    job: Handle,
    program_index: usize,
    result: c_int,
    size: usize,
    data: *mut c_void,
    size_ret: *mut usize,
) -> c_int {
    border(|| {
        let entry = device::job(job)?;
        let answer = results::get(&entry.job, program_index, result)?;
        // SAFETY: the caller's promise.
        unsafe { memory::answer(&answer, size, data, size_ret) }
    })
}

/// Frees a handle of a job; with the last one the job is given up if it has not ended.
#[unsafe(no_mangle)]
pub extern "C" fn QHAL_QDMI_device_job_free(job: Handle) {
    border(|| device::free_job(job));
}
