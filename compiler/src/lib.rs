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
pub mod translate;

pub use diagnostic::Diagnostic;
pub use include::{Folders, Included, Includes, NoIncludes};

use diagnostic::Fault;
use lexer::{Cursor, Version};
use qhal::{Circuit, ErrorKind};

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
/// The version line decides on the language; without one the text is read as OpenQASM 2, as Qiskit does.
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
/// [`Limits`], of kind `Unsupported` for OpenQASM 3, which is not read yet, and for the use of an `opaque` gate.
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
    let mut cursor = Cursor::new(source);
    match lexer::version(&mut cursor) {
        Ok(Some(Version { at, major: 3, .. })) => {
            let message = "OpenQASM 3 is not read yet; write the program in OpenQASM 2";
            Err(Fault::new(at, message).of(ErrorKind::Unsupported).show(source, name))
        }
        Ok(_) => openqasm2::read(source, name, includes, limits),
        Err(fault) => Err(fault.show(source, name)),
    }
}
