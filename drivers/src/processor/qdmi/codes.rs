//! The numbers of QDMI that a client needs, from `qdmi/constants.h` of version 1.4.0.

use std::fmt;

/// What a function of a library answered: 0 is success and 1 a warning, which is one too; errors are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) i32);

impl Status {
    pub(super) const NOT_FOUND: Self = Self(-5);
    pub(super) const PERMISSION_DENIED: Self = Self(-8);
    pub(super) const NOT_SUPPORTED: Self = Self(-9);
    pub(super) const TIMED_OUT: Self = Self(-11);

    /// Nothing for success, the status otherwise.
    pub(super) fn of(code: i32) -> Result<(), Self> {
        if matches!(code, 0 | 1) { Ok(()) } else { Err(Self(code)) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            -1 => "fatal error",
            -2 => "out of memory",
            -3 => "not implemented",
            -4 => "library not found",
            -5 => "not found",
            -6 => "out of range",
            -7 => "invalid argument",
            -8 => "permission denied",
            -9 => "not supported",
            -10 => "bad state",
            -11 => "time-out",
            other => return write!(f, "unknown status {other}"),
        };
        write!(f, "{name} ({})", self.0)
    }
}

/// Parameters of a session, all of them text.
pub(super) mod session {
    pub(in super::super) const BASE_URL: i32 = 0;
    pub(in super::super) const TOKEN: i32 = 1;
    pub(in super::super) const AUTH_FILE: i32 = 2;
    pub(in super::super) const AUTH_URL: i32 = 3;
    pub(in super::super) const USER_NAME: i32 = 4;
    pub(in super::super) const PASSWORD: i32 = 5;
    /// CUSTOM1; the others follow.
    pub(in super::super) const CUSTOM1: i32 = 999_999_995;
}

/// Properties of a device.
pub(super) mod device {
    pub(in super::super) const NAME: i32 = 0;
    pub(in super::super) const VERSION: i32 = 1;
    pub(in super::super) const STATUS: i32 = 2;
    pub(in super::super) const LIBRARY_VERSION: i32 = 3;
    pub(in super::super) const QUBITS: i32 = 4;
    pub(in super::super) const SITES: i32 = 5;
    pub(in super::super) const OPERATIONS: i32 = 6;
    pub(in super::super) const COUPLINGS: i32 = 7;
    pub(in super::super) const DURATION_UNIT: i32 = 12;
    pub(in super::super) const DURATION_SCALE: i32 = 13;
    pub(in super::super) const FORMATS: i32 = 15;
    pub(in super::super) const QUEUE_LENGTH: i32 = 17;
    pub(in super::super) const STABLE_ID: i32 = 18;
}

/// What a device says of itself.
pub(super) mod device_status {
    pub(in super::super) const OFFLINE: i32 = 0;
    pub(in super::super) const IDLE: i32 = 1;
    pub(in super::super) const BUSY: i32 = 2;
    pub(in super::super) const ERROR: i32 = 3;
    pub(in super::super) const MAINTENANCE: i32 = 4;
    pub(in super::super) const CALIBRATION: i32 = 5;
}

/// Properties of a site.
pub(super) mod site {
    pub(in super::super) const T1: i32 = 1;
    pub(in super::super) const T2: i32 = 2;
    pub(in super::super) const NAME: i32 = 3;
    pub(in super::super) const IS_ZONE: i32 = 7;
}

/// Properties of an operation.
pub(super) mod operation {
    pub(in super::super) const NAME: i32 = 0;
    pub(in super::super) const QUBITS: i32 = 1;
    pub(in super::super) const PARAMETERS: i32 = 2;
    pub(in super::super) const DURATION: i32 = 3;
    pub(in super::super) const FIDELITY: i32 = 4;
    pub(in super::super) const SITES: i32 = 9;
}

/// Parameters of a job; 0 and 1 were those of QDMI up to 1.3.
pub(super) mod job {
    pub(in super::super) const FORMAT: i32 = 0;
    pub(in super::super) const PROGRAM: i32 = 1;
    pub(in super::super) const SHOTS: i32 = 2;
    /// The property of a job that is its name.
    pub(in super::super) const ID: i32 = 0;
    /// The property of a job that is its place in the queue.
    pub(in super::super) const QUEUE_POSITION: i32 = 4;
}

/// Where a job is in its life.
pub(super) mod job_status {
    pub(in super::super) const CREATED: i32 = 0;
    pub(in super::super) const QUEUED: i32 = 2;
    pub(in super::super) const RUNNING: i32 = 3;
    pub(in super::super) const DONE: i32 = 4;
    pub(in super::super) const CANCELLED: i32 = 5;
    pub(in super::super) const FAILED: i32 = 6;
}

/// Formats of programs.
pub(super) mod format {
    pub(in super::super) const OPENQASM2: i32 = 0;
    pub(in super::super) const OPENQASM3: i32 = 1;
    pub(in super::super) const QIR_BASE_TEXT: i32 = 2;
    pub(in super::super) const IQM_JSON: i32 = 8;
}

/// What a job can bring back.
pub(super) mod result {
    pub(in super::super) const SHOTS: i32 = 0;
    pub(in super::super) const HISTOGRAM_KEYS: i32 = 1;
    pub(in super::super) const HISTOGRAM_VALUES: i32 = 2;
    pub(in super::super) const STATE_DENSE: i32 = 3;
    pub(in super::super) const PROBABILITIES_DENSE: i32 = 4;
}
