//! Key-distribution links: somebody else's key managers.

pub mod etsi004;
pub mod etsi014;
