//! Processors: one folder for each way of reaching one.

pub mod qdmi;
