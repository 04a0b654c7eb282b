//! The numbers of `qdmi/constants.h`, version 1.4.0: status codes, parameters, properties, formats and results.

use std::ffi::c_int;

use qhal::{Error, ErrorKind};

/// The version of the interface that is implemented.
pub(crate) const VERSION: &str = "1.4.0";

/// Why a call did not succeed, as its return value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Status {
    Fatal = -1,
    OutOfMemory = -2,
    NotFound = -5,
    OutOfRange = -6,
    InvalidArgument = -7,
    PermissionDenied = -8,
    NotSupported = -9,
    BadState = -10,
    TimedOut = -11,
}

/// The outcome of a call.
pub(crate) type Outcome<T = ()> = Result<T, Status>;

/// `QDMI_SUCCESS`.
pub(crate) const SUCCESS: c_int = 0;

impl Status {
    /// What an error of ours is called there.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::Exhausted => Self::OutOfMemory,
            ErrorKind::Unsupported => Self::NotSupported,
            ErrorKind::InvalidInput => Self::InvalidArgument,
            _ => Self::Fatal,
        }
    }
}

/// The first of the five numbers at the end of every list that a device may give a meaning of its own.
pub(crate) const CUSTOM1: c_int = 999_999_995;
/// The second.
pub(crate) const CUSTOM2: c_int = CUSTOM1 + 1;
const CUSTOM5: c_int = CUSTOM1 + 4;

/// A number of a list that ends before `max`: anything beyond is wrong, unless it is one of the device's own.
pub(crate) fn check(value: c_int, max: c_int) -> Outcome {
    if (0..max).contains(&value) || (CUSTOM1..=CUSTOM5).contains(&value) {
        Ok(())
    } else {
        Err(Status::InvalidArgument)
    }
}

/// Parameters of a session: six texts and a handle.
pub(crate) mod session_parameter {
    pub(crate) const MAX: i32 = 7;
}

/// Parameters of a job; 0 and 1 are retired.
pub(crate) mod job_parameter {
    pub(crate) const SHOTS: i32 = 2;
    pub(crate) const MAX: i32 = 3;
}

/// Properties of a job; 2 is retired.
pub(crate) mod job_property {
    pub(crate) const ID: i32 = 0;
    pub(crate) const FORMAT: i32 = 1;
    pub(crate) const SHOTS: i32 = 3;
    pub(crate) const QUEUE_POSITION: i32 = 4;
    pub(crate) const PROGRAMS: i32 = 5;
    pub(crate) const MAX: i32 = 6;
}

/// Properties of a device; 8 and 9 are retired.
pub(crate) mod device_property {
    pub(crate) const NAME: i32 = 0;
    pub(crate) const VERSION: i32 = 1;
    pub(crate) const STATUS: i32 = 2;
    pub(crate) const LIBRARY_VERSION: i32 = 3;
    pub(crate) const QUBITS: i32 = 4;
    pub(crate) const SITES: i32 = 5;
    pub(crate) const OPERATIONS: i32 = 6;
    pub(crate) const COUPLING_MAP: i32 = 7;
    pub(crate) const DURATION_UNIT: i32 = 12;
    pub(crate) const DURATION_SCALE: i32 = 13;
    pub(crate) const FORMATS: i32 = 15;
    pub(crate) const QUEUE_LENGTH: i32 = 17;
    pub(crate) const ID: i32 = 18;
    pub(crate) const MAX: i32 = 19;
}

/// What a device says of itself.
pub(crate) mod device_status {
    pub(crate) const IDLE: i32 = 1;
    pub(crate) const BUSY: i32 = 2;
}

/// Properties of a site; 2 is T2, and so on.
pub(crate) mod site_property {
    pub(crate) const INDEX: i32 = 0;
    pub(crate) const T1: i32 = 1;
    pub(crate) const T2: i32 = 2;
    pub(crate) const NAME: i32 = 3;
    pub(crate) const IS_ZONE: i32 = 7;
    pub(crate) const MAX: i32 = 13;
}

/// Properties of an operation.
pub(crate) mod operation_property {
    pub(crate) const NAME: i32 = 0;
    pub(crate) const QUBITS: i32 = 1;
    pub(crate) const PARAMETERS: i32 = 2;
    pub(crate) const DURATION: i32 = 3;
    pub(crate) const FIDELITY: i32 = 4;
    pub(crate) const IS_ZONED: i32 = 8;
    pub(crate) const SITES: i32 = 9;
    pub(crate) const MAX: i32 = 11;
}

/// Where a job or a program of it is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum JobStatus {
    Created = 0,
    Queued = 2,
    Running = 3,
    Done = 4,
    Cancelled = 5,
    Failed = 6,
}

impl JobStatus {
    /// Whether it stays so.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }
}

/// Formats of programs; 6 and 9 are retired.
pub(crate) mod format {
    pub(crate) const QASM2: i32 = 0;
    pub(crate) const QASM3: i32 = 1;
    pub(crate) const QIR_BASE_TEXT: i32 = 2;
    pub(crate) const MAX: i32 = 10;
}

/// What a job can bring back.
pub(crate) mod result {
    pub(crate) const SHOTS: i32 = 0;
    pub(crate) const HISTOGRAM_KEYS: i32 = 1;
    pub(crate) const HISTOGRAM_VALUES: i32 = 2;
    pub(crate) const STATE_DENSE: i32 = 3;
    pub(crate) const PROBABILITIES_DENSE: i32 = 4;
    pub(crate) const STATE_SPARSE_KEYS: i32 = 5;
    pub(crate) const STATE_SPARSE_VALUES: i32 = 6;
    pub(crate) const PROBABILITIES_SPARSE_KEYS: i32 = 7;
    pub(crate) const PROBABILITIES_SPARSE_VALUES: i32 = 8;
    pub(crate) const MAX: i32 = 9;
}
