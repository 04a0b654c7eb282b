//! How a command ends when it does not succeed: one sentence on standard error and an exit status.

use std::io::Write;
use std::process::ExitCode;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was used wrongly: exit status 2.
    Usage(String),
    /// It failed: exit status 1.
    Failed(qhal::Error),
    /// Whoever read our output has gone away (`qhal … | head`): quietly exit status 0.
    ReaderGone,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Shows the sentence and gives the exit status.
    pub(crate) fn show(&self) -> ExitCode {
        let (text, status) = match self {
            Self::ReaderGone => return ExitCode::SUCCESS,
            Self::Usage(text) => (text.clone(), 2),
            Self::Failed(error) => (error.chain(), 1),
        };
        let red = anstyle::AnsiColor::Red.on_default().bold();
        // Nothing can be done if standard error is closed; the exit status still tells.
        let _ = writeln!(anstream::stderr(), "{red}error{red:#}: {text}");
        ExitCode::from(status)
    }
}

impl From<qhal::Error> for Failure {
    fn from(error: qhal::Error) -> Self {
        Self::Failed(error)
    }
}

/// An error while writing a result.
pub(crate) fn writing(cause: std::io::Error, to: &str) -> Failure {
    if cause.kind() == std::io::ErrorKind::BrokenPipe {
        Failure::ReaderGone
    } else {
        Failure::Failed(qhal::Error::from_io(cause, format!("cannot write to {to}")))
    }
}
