//! What a key manager tells whoever keeps its audit trail: who got which keys, and who was turned down. Never a key.

use std::fmt::Debug;
use std::sync::Arc;

use qhal::{KeyId, Result};

use crate::refusal::Refusal;

/// Something that has to be on record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A master is about to get new keys.
    Given {
        /// The master.
        master: &'a str,
        /// The applications that may fetch the same keys.
        slaves: Vec<&'a str>,
        /// The names of the keys.
        keys: Vec<KeyId>,
        /// Their length in bits.
        bits: u32,
    },
    /// A slave is about to get keys by their names.
    Fetched {
        /// The slave.
        slave: &'a str,
        /// The master that they were made for.
        master: &'a str,
        /// The names of the keys.
        keys: Vec<KeyId>,
    },
    /// An application that is known got nothing.
    Refused {
        /// Who asked.
        application: &'a str,
        /// With whom it wanted to share keys.
        partner: &'a str,
        /// Why it got nothing.
        why: &'a Refusal,
    },
    /// Keys that nobody fetched in time were wiped.
    Expired {
        /// How many.
        keys: usize,
    },
}

/// Keeps an audit trail.
pub trait Audit: Send + Sync + Debug {
    /// Puts an event on record, before it is acted upon: what cannot be recorded is not given.
    ///
    /// # Errors
    /// Any kind, when it cannot be recorded.
    fn note(&self, event: &Event<'_>) -> Result<()>;
}

/// The trail of a key manager, if it has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Option<Arc<dyn Audit>>);

impl Trail {
    pub(crate) fn new(audit: Arc<dyn Audit>) -> Self {
        Self(Some(audit))
    }

    /// Puts an event on record; `event` is made only where there is a trail.
    pub(crate) fn note<'a>(&self, event: impl FnOnce() -> Event<'a>) -> std::result::Result<(), Refusal> {
        let Some(audit) = &self.0 else { return Ok(()) };
        audit.note(&event()).map_err(|_| Refusal::unavailable("the audit trail cannot be written"))
    }
}
