//! From OpenQASM to what a processor understands.
//!
//! [`parse`] reads a program and gives the [`Circuit`] it stands for, or a [`Diagnostic`] that shows the place where it
//! is wrong. The text comes from the caller, and so does the text of every file it includes ([`Includes`]).
//!
//! OpenQASM 2 is the language of A. Cross, L. Bishop, J. Smolin and J. Gambetta, arXiv 1707.03429; the README of this
//! crate lists what is accepted beyond the paper because programs in use are written that way.

mod diagnostic;
mod include;
mod lexer;
mod names;
pub mod openqasm2;
pub mod openqasm3;
pub mod qir;
pub mod translate;

pub use diagnostic::Diagnostic;
pub use include::{Folders, Included, Includes, NoIncludes};

use diagnostic::Fault;
use lexer::{Cursor, Version};
use qhal::Circuit;

/// How large a program may become before it is refused.
///
/// A few lines of OpenQASM can stand for more instructions than any memory holds, so there is always a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Instructions after definitions are unfolded and registers are broadcast; 50 million unless changed. A barrier
    /// counts once for each qubit it names.
    pub instructions: u64,
    /// Qubits in all registers together; 2^24 unless changed.
    pub qubits: u32,
    /// Classical bits in all registers together; 2^24 unless changed.
    pub bits: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { instructions: 50_000_000, qubits: 1 << 24, bits: 1 << 24 }
    }
}

/// Reads an OpenQASM program. `name` is what the text is called in messages, usually the path of its file.
///
/// LLVM text of QIR's base profile is read as well. The version line decides on the language; without one the text is read as OpenQASM 2, as Qiskit does, and as OpenQASM 3
/// where it has words of that language alone.
///
/// ```
/// use qhal_compiler::{NoIncludes, parse};
///
/// let head = "OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[2];\n";
/// let bell = parse(&format!("{head}h q[0]; cx q[0],q[1];"), "bell.qasm", &NoIncludes).unwrap();
/// assert_eq!(bell.len(), 2);
///
/// let error = parse(&format!("{head}h q[0]; cx q[0],q[2];"), "bell.qasm", &NoIncludes).unwrap_err();
/// assert_eq!(error.to_string(), "bell.qasm:4:17: 'q' has no element 2: its size is 2\n\
///                                h q[0]; cx q[0],q[2];\n                ^");
/// ```
///
/// # Errors
/// A [`Diagnostic`] with the place: of kind `InvalidInput` where the program is wrong or larger than the default
/// [`Limits`], of kind `Unsupported` for what a circuit cannot say and for the use of an `opaque` gate.
pub fn parse(source: &str, name: &str, includes: &dyn Includes) -> Result<Circuit, Diagnostic> {
    parse_within(source, name, includes, Limits::default())
}

/// [`parse`] with limits of the caller's choice.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(
    source: &str,
    name: &str,
    includes: &dyn Includes,
    limits: Limits,
) -> Result<Circuit, Diagnostic> {
    parse_with(source, name, includes, limits, &openqasm3::Inputs::new())
}

/// [`parse_within`] with values for the `input` declarations of OpenQASM 3.
///
/// # Errors
/// As [`parse`]; `InvalidInput` for an input without a value and for a value without an input.
pub fn parse_with(
    source: &str,
    name: &str,
    includes: &dyn Includes,
    limits: Limits,
    inputs: &openqasm3::Inputs,
) -> Result<Circuit, Diagnostic> {
    if qir::is_qir(source) {
        return qir::read(source, name, limits);
    }
    let mut cursor = Cursor::new(source);
    match lexer::version(&mut cursor) {
        Ok(Some(Version { major: 3, .. })) => openqasm3::read(source, name, includes, limits, inputs),
        Ok(_) if !inputs.is_empty() && !source.contains("input") => {
            Err(Fault::new(0, "only OpenQASM 3 has inputs, and this program is OpenQASM 2")
                .show(source, name))
        }
        Ok(Some(_)) => openqasm2::read(source, name, includes, limits),
        Ok(None) => openqasm2::read(source, name, includes, limits).or_else(|error| {
            // The examples of the OpenQASM 3 specification have no version.
            let newer = error.message.contains(openqasm2::OF_A_LATER_LANGUAGE)
                || source.contains("\"stdgates.inc\"")
                || source.contains(['θ', 'π']);
            if newer { openqasm3::read(source, name, includes, limits, inputs) } else { Err(error) }
        }),
        Err(fault) => Err(fault.show(source, name)),
    }
}
