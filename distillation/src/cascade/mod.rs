//! Reconciliation by Cascade: parities of blocks, binary searches, and going back when an error is found.
//!
//! G. Brassard, L. Salvail, "Secret-Key Reconciliation by Public Discussion", EUROCRYPT '93. [`Bob`] asks [`Question`]s, [`Alice`] answers
//! with parities, and every parity is counted: the leak is exact. The smallest blocks that have become odd are searched first, all
//! odd blocks of one pass at once, so that a question and its answer serve many searches and no error is found twice. [`reconcile`]
//! runs both ends in memory.
//!
//! How much is disclosed is a matter of the [`Schedule`]; keys are packed, so that a parity costs about a nanosecond.

mod alice;
mod bob;
mod interleaver;
mod message;
mod plan;
mod tree;

pub use alice::Alice;
pub use bob::{Bob, Reconciled, Step, reconcile};
pub use message::Question;
pub use plan::{MOST_BITS, Plan, Schedule};
