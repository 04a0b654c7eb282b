//! QIR of the base profile as LLVM text, in and out: straight lines of calls, with opaque or with typed pointers.
//!
//! The base profile is described in github.com/qir-alliance/qir-spec (`specification/profiles/Base_Profile.md`): gates, then
//! measurements, then what is reported. Bit i of the circuit is result i.

mod emit;
mod read;

pub use emit::{Pointers, emit};
pub(crate) use read::read;

/// Whether a text looks like QIR and not like OpenQASM.
pub(crate) fn is_qir(text: &str) -> bool {
    text.contains("@__quantum__") && text.contains("define ")
}
