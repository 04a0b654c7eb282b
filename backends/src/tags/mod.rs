//! Recordings of time taggers: what is in a file, how two of them belong together, and which key is in them.

mod correlate;
mod distil;
mod file;

pub use correlate::{Correlation, correlate};
pub use distil::{DistilSettings, distil};
pub use file::{Recording, Summary, convert, inspect, load};
pub use qhal_drivers::tags::qcrypto::Packet;
pub use qhal_drivers::tags::{Facts, Format, ReadOptions, TagReader, TagWriter};
