//! From raw noise to bytes fit for keys: health tests, conditioner, pool, DRBG.
//!
//! The way of a byte, each step in a module of its own:
//!
//! 1. [`Tap`] reads an [`EntropySource`](qhal::EntropySource) and has every raw sample judged by the
//!    [`health`] tests of NIST SP 800-90B; a failed test shuts it until somebody calls `restart`.
//! 2. The [`conditioner`] hashes as many samples as hold at least 320 bits of assessed min-entropy into 256
//!    bits of full entropy; or the seeded [`toeplitz`] extractor takes its place.
//! 3. The [`pool`] keeps a bounded number of those bits.
//! 4. The [`drbg`] (HMAC_DRBG of NIST SP 800-90A) is seeded and reseeded from the pool.
//!
//! What callers use: [`Tap`] for tested raw samples, [`Conditioned`] where every byte is to be backed by fresh
//! entropy, [`DrbgRandom`] for everything else. The last two are [`SecureRandom`](qhal::SecureRandom)s. Several devices are
//! combined by a [`Mixture`], and [`Rng`] lends any `SecureRandom` to crates of the `rand` family.
//!
//! Of the two components [`toeplitz`] is the one whose output is close to uniform by a theorem instead of by trust in a hash
//! function; SP 800-90B credits it with a little less. Beside that way, [`assess`] says how much min-entropy raw samples hold, by NIST SP 800-90B, and [`quick`] finds in
//! seconds what is plainly wrong with them.
//!
//! There is no clock and no I/O here, and no thread but those of [`assess`]; samples are read when bytes are asked for.

pub mod assess;
pub mod conditioner;
pub mod config;
pub mod drbg;
pub mod health;
pub mod mixture;
pub mod pool;
pub mod quick;
pub mod random;
pub mod rng;
pub mod seeded;
mod startup;
pub mod statistics;
pub mod tap;
pub mod toeplitz;

pub use conditioner::{Conditioner, Conditioning};
pub use config::Config;
pub use drbg::HmacDrbg;
pub use health::{Alpha, FailedTest};
pub use mixture::{Combine, Feeder, Mixture};
pub use pool::Pool;
pub use random::{Conditioned, DrbgRandom};
pub use rng::Rng;
pub use seeded::{Seeded, Supply};
pub use statistics::Statistics;
pub use tap::Tap;
pub use toeplitz::Toeplitz;
