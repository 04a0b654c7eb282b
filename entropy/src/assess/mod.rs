//! How much min-entropy raw samples hold: the assessment of NIST SP 800-90B, equal to NIST's own tool.
//!
//! [`non_iid`] runs the ten estimators of §6.3 over the samples and over their bit string; this is what a noise
//! source is credited with. Rules that the standard leaves open (ties, what is done with gaps in the alphabet, which
//! tests see the bit string) are those of NIST's tool, `ea_non_iid` 1.1.7, so that the figures agree.
//!
//! [`iid`] is the track for sources that are believed to give independent, equally distributed samples (§5): tests that
//! would show otherwise, and the most common value as the estimate.
//!
//! [`restart`] tests a source that is started again and again (§3.1.4).
//!
//! Samples come one to a byte, in the low bits. There is no clock and no I/O here; threads are as many as asked for,
//! and their number changes no result.

mod collision;
mod compression;
mod estimates;
mod frequency;
mod iid;
mod lag;
mod lz78y;
mod markov;
mod multi_mcw;
mod multi_mmc;
mod non_iid;
mod prediction;
mod restart;
mod samples;
mod tasks;
mod tree;
mod tuples;

pub(crate) use iid::chi_square_tail;

pub use estimates::{Assessment, Estimates};
pub use iid::{ChiSquare, IidAssessment, LongestRepeat, Permuted, iid};
pub use non_iid::non_iid;
pub use restart::{RESTARTS, RestartAssessment, restart};
pub use samples::{LEAST_SAMPLES, MOST_BITS, RECOMMENDED_SAMPLES};
