//! Why a request is not answered with keys, in the words and codes of ETSI GS QKD 014 §5.

use std::fmt;

/// Why a request was turned down. Each answer says what would have to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is malformed or cannot be met as it is: HTTP 400.
    BadRequest(String),
    /// The application may not have this: HTTP 401, without a body (§5, table 9).
    Unauthorized,
    /// No key now, but perhaps later: HTTP 503.
    Unavailable(String),
    /// Another key manager did not answer in time: HTTP 503.
    Late(String),
    /// Another key manager speaks of material that is not there (any more): HTTP 409.
    Conflict(String),
}

impl Refusal {
    pub(crate) fn bad(why: impl Into<String>) -> Self {
        Self::BadRequest(why.into())
    }

    pub(crate) fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    pub(crate) fn conflict(why: impl Into<String>) -> Self {
        Self::Conflict(why.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(why) | Self::Unavailable(why) | Self::Late(why) | Self::Conflict(why) => {
                f.write_str(why)
            }
            Self::Unauthorized => f.write_str("not authorised"),
        }
    }
}

impl std::error::Error for Refusal {}
