//! Key-distribution links: somebody else's key managers.

pub mod etsi014;
