//! Processors: one folder for each way of reaching one, and what they share.

pub mod aqt;
pub mod iqm;
pub mod jobs;
pub mod machine;
pub mod qdmi;
