//! A client of the built library that knows nothing of its code: it opens the file and calls what it finds.
#![allow(unsafe_code, reason = "functions of a library that was opened are called")]
#![allow(dead_code, reason = "each test uses its part")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

/// A handle.
pub(crate) type Handle = *mut c_void;

pub(crate) const FATAL: c_int = -1;
pub(crate) const NOT_FOUND: c_int = -5;
pub(crate) const OUT_OF_RANGE: c_int = -6;
pub(crate) const INVALID: c_int = -7;
pub(crate) const NOT_SUPPORTED: c_int = -9;
pub(crate) const BAD_STATE: c_int = -10;
pub(crate) const TIMED_OUT: c_int = -11;
pub(crate) const CUSTOM1: c_int = 999_999_995;

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

/// The 22 functions, by their names after the prefix.
pub(crate) struct Library {
    pub(crate) device_initialize: unsafe extern "C" fn() -> c_int,
    pub(crate) device_finalize: unsafe extern "C" fn() -> c_int,
    pub(crate) session_alloc: unsafe extern "C" fn(*mut Handle) -> c_int,
    pub(crate) session_set_parameter: unsafe extern "C" fn(Handle, c_int, usize, *const c_void) -> c_int,
    pub(crate) session_init: unsafe extern "C" fn(Handle) -> c_int,
    pub(crate) session_free: unsafe extern "C" fn(Handle),
    pub(crate) query_device: Query,
    pub(crate) query_site: SiteQuery,
    pub(crate) query_operation: OperationQuery,
    pub(crate) create_job: unsafe extern "C" fn(Handle, *mut Handle) -> c_int,
    pub(crate) retrieve_job: unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int,
    pub(crate) job_set_parameter: unsafe extern "C" fn(Handle, c_int, usize, *const c_void) -> c_int,
    pub(crate) job_set_programs:
        unsafe extern "C" fn(Handle, c_int, usize, *const usize, *const *const c_void) -> c_int,
    pub(crate) job_get_program: unsafe extern "C" fn(Handle, usize, usize, *mut c_void, *mut usize) -> c_int,
    pub(crate) job_get_program_status: unsafe extern "C" fn(Handle, usize, *mut c_int) -> c_int,
    pub(crate) query_job: Query,
    pub(crate) job_submit: unsafe extern "C" fn(Handle) -> c_int,
    pub(crate) job_cancel: unsafe extern "C" fn(Handle) -> c_int,
    pub(crate) job_check: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    pub(crate) job_wait: unsafe extern "C" fn(Handle, usize) -> c_int,
    pub(crate) job_get_results:
        unsafe extern "C" fn(Handle, usize, c_int, usize, *mut c_void, *mut usize) -> c_int,
    pub(crate) job_free: unsafe extern "C" fn(Handle),
    _file: libloading::Library,
}

/// Where cargo has put the library of this package: beside the test itself.
pub(crate) fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let file = format!("{}qhal_qdmi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    test.parent().expect("a test lies in a folder").join(file)
}

/// The library, opened and initialised once in this process.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Library::open();
        // SAFETY: the function takes nothing.
        assert_eq!(unsafe { (library.device_initialize)() }, 0);
        library
    })
}

impl Library {
    /// Opens the file and looks all functions up.
    pub(crate) fn open() -> Self {
        // SAFETY: it is the library of this package; loading it runs no code of its own.
        let file = unsafe { libloading::Library::new(path()) }.expect("the library has been built");
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the name has this type in qdmi/device.h.
                *unsafe { file.get(concat!("QHAL_QDMI_", $name, "\0").as_bytes()) }.expect($name)
            };
        }
        Self {
            device_initialize: symbol!("device_initialize"),
            device_finalize: symbol!("device_finalize"),
            session_alloc: symbol!("device_session_alloc"),
            session_set_parameter: symbol!("device_session_set_parameter"),
            session_init: symbol!("device_session_init"),
            session_free: symbol!("device_session_free"),
            query_device: symbol!("device_session_query_device_property"),
            query_site: symbol!("device_session_query_site_property"),
            query_operation: symbol!("device_session_query_operation_property"),
            create_job: symbol!("device_session_create_device_job"),
            retrieve_job: symbol!("device_session_retrieve_device_job_by_id"),
            job_set_parameter: symbol!("device_job_set_parameter"),
            job_set_programs: symbol!("device_job_set_programs"),
            job_get_program: symbol!("device_job_get_program"),
            job_get_program_status: symbol!("device_job_get_program_status"),
            query_job: symbol!("device_job_query_property"),
            job_submit: symbol!("device_job_submit"),
            job_cancel: symbol!("device_job_cancel"),
            job_check: symbol!("device_job_check"),
            job_wait: symbol!("device_job_wait"),
            job_get_results: symbol!("device_job_get_results"),
            job_free: symbol!("device_job_free"),
            _file: file,
        }
    }

    /// Asks for the size, then for the bytes.
    pub(crate) fn ask(
        &self,
        call: impl Fn(usize, *mut c_void, *mut usize) -> c_int,
    ) -> Result<Vec<u8>, c_int> {
        let mut size = 0;
        match call(0, null_mut(), &mut size) {
            0 => {}
            status => return Err(status),
        }
        let mut bytes = vec![0xAA; size];
        match call(size, bytes.as_mut_ptr().cast(), null_mut()) {
            0 => Ok(bytes),
            status => Err(status),
        }
    }

    /// A session that is ready.
    pub(crate) fn session(&self, parameters: &[(c_int, &str)]) -> Handle {
        let mut session = null_mut();
        // SAFETY: the handle can be written.
        assert_eq!(unsafe { (self.session_alloc)(&mut session) }, 0);
        for (parameter, text) in parameters {
            let text = CString::new(*text).unwrap();
            let bytes = text.as_bytes_with_nul();
            // SAFETY: the bytes are there.
            let status = unsafe {
                (self.session_set_parameter)(session, *parameter, bytes.len(), bytes.as_ptr().cast())
            };
            assert_eq!(status, 0);
        }
        // SAFETY: any handle may be given.
        assert_eq!(unsafe { (self.session_init)(session) }, 0);
        session
    }

    pub(crate) fn device(&self, session: Handle, property: c_int) -> Result<Vec<u8>, c_int> {
        // SAFETY: the buffers are those of `ask`.
        self.ask(|size, value, ret| unsafe { (self.query_device)(session, property, size, value, ret) })
    }

    pub(crate) fn site(&self, session: Handle, site: Handle, property: c_int) -> Result<Vec<u8>, c_int> {
        // SAFETY: the buffers are those of `ask`.
        self.ask(|size, value, ret| unsafe { (self.query_site)(session, site, property, size, value, ret) })
    }

    pub(crate) fn operation(
        &self,
        session: Handle,
        operation: Handle,
        sites: Option<&[Handle]>,
        property: c_int,
    ) -> Result<Vec<u8>, c_int> {
        let (count, sites) = sites.map_or((0, null()), |sites| (sites.len(), sites.as_ptr()));
        // SAFETY: the list has so many entries, and the buffers are those of `ask`.
        self.ask(|size, value, ret| unsafe {
            (self.query_operation)(session, operation, count, sites, 0, null(), property, size, value, ret)
        })
    }

    pub(crate) fn job_property(&self, job: Handle, property: c_int) -> Result<Vec<u8>, c_int> {
        // SAFETY: the buffers are those of `ask`.
        self.ask(|size, value, ret| unsafe { (self.query_job)(job, property, size, value, ret) })
    }

    pub(crate) fn result(&self, job: Handle, program: usize, result: c_int) -> Result<Vec<u8>, c_int> {
        // SAFETY: the buffers are those of `ask`.
        self.ask(|size, value, ret| unsafe { (self.job_get_results)(job, program, result, size, value, ret) })
    }

    /// A job with these programs, not submitted.
    pub(crate) fn job(&self, session: Handle, format: c_int, programs: &[&str], shots: usize) -> Handle {
        let mut job = null_mut();
        // SAFETY: the handle can be written.
        assert_eq!(unsafe { (self.create_job)(session, &mut job) }, 0);
        assert_eq!(self.set_programs(job, format, programs), 0);
        let bytes = shots.to_ne_bytes();
        // SAFETY: the bytes are there.
        let status = unsafe { (self.job_set_parameter)(job, 2, bytes.len(), bytes.as_ptr().cast()) };
        assert_eq!(status, 0);
        job
    }

    pub(crate) fn set_programs(&self, job: Handle, format: c_int, programs: &[&str]) -> c_int {
        let texts: Vec<CString> = programs.iter().map(|text| CString::new(*text).unwrap()).collect();
        let sizes: Vec<usize> = texts.iter().map(|text| text.as_bytes_with_nul().len()).collect();
        let pointers: Vec<*const c_void> = texts.iter().map(|text| text.as_ptr().cast()).collect();
        // SAFETY: the lists are as long as they say, and so are the texts.
        unsafe { (self.job_set_programs)(job, format, texts.len(), sizes.as_ptr(), pointers.as_ptr()) }
    }

    pub(crate) fn status(&self, job: Handle) -> c_int {
        let mut status = -99;
        // SAFETY: the number can be written.
        assert_eq!(unsafe { (self.job_check)(job, &mut status) }, 0);
        status
    }

    /// Submits a job, waits for it and tells how it ended.
    pub(crate) fn run(&self, job: Handle) -> c_int {
        // SAFETY: any handle may be given.
        unsafe {
            assert_eq!((self.job_submit)(job), 0);
            assert_eq!((self.job_wait)(job, 0), 0);
        }
        self.status(job)
    }

    /// Counts as the client reads them.
    pub(crate) fn counts(&self, job: Handle, program: usize) -> Vec<(String, usize)> {
        let keys = text(&self.result(job, program, 1).unwrap());
        let values = sizes(&self.result(job, program, 2).unwrap());
        let keys: Vec<String> = keys.split(',').map(str::to_owned).collect();
        assert_eq!(keys.len(), values.len());
        keys.into_iter().zip(values).collect()
    }
}

/// A text without its one NUL.
pub(crate) fn text(bytes: &[u8]) -> String {
    let (last, rest) = bytes.split_last().expect("a text has a NUL");
    assert!(*last == 0 && !rest.contains(&0), "{bytes:?}");
    String::from_utf8(rest.to_vec()).unwrap()
}

pub(crate) fn sizes(bytes: &[u8]) -> Vec<usize> {
    bytes.chunks(8).map(|eight| usize::from_ne_bytes(eight.try_into().unwrap())).collect()
}

pub(crate) fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks(8).map(|eight| f64::from_ne_bytes(eight.try_into().unwrap())).collect()
}

pub(crate) fn integers(bytes: &[u8]) -> Vec<c_int> {
    bytes.chunks(4).map(|four| c_int::from_ne_bytes(four.try_into().unwrap())).collect()
}

pub(crate) fn handles(bytes: &[u8]) -> Vec<Handle> {
    sizes(bytes).into_iter().map(std::ptr::without_provenance_mut).collect()
}
