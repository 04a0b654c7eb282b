//! The one error of the boundary: a kind for programs, a sentence for people, the device and the cause.

use crate::DeviceId;
use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible call of the hal.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as far as a program can react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such device, file, key or job. Not: it exists but may not be opened.
    NotFound,
    /// It exists, and the operating system or the peer does not let this user at it.
    PermissionDenied,
    /// It exists, and somebody else is using it. Trying again later may succeed.
    Busy,
    /// It was open, and it is gone: unplugged, closed by the peer, powered off.
    Disconnected,
    /// It did not answer within the time limit. It may still be there.
    TimedOut,
    /// It answered, and the answer breaks its own protocol: wrong code, length, checksum or signature.
    Protocol,
    /// It works, and says (or a test of ours says) that its output must not be trusted.
    Unhealthy,
    /// There is nothing left to give: no key in the store, no entropy in the pool, no memory for the state.
    Exhausted,
    /// It understood and said no: a NACK, a policy that forbids it, a job that is not accepted.
    Refused,
    /// This device or build cannot do that at all. Trying again never succeeds.
    Unsupported,
    /// The caller's argument is wrong; nothing was sent or changed.
    InvalidInput,
    /// None of the above; the sentence and the cause say what.
    Other,
}

impl ErrorKind {
    /// The kind in words, as shown where no better sentence exists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::PermissionDenied => "permission denied",
            Self::Busy => "busy",
            Self::Disconnected => "disconnected",
            Self::TimedOut => "timed out",
            Self::Protocol => "protocol error",
            Self::Unhealthy => "unhealthy",
            Self::Exhausted => "exhausted",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::InvalidInput => "invalid input",
            Self::Other => "error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every call of the hal fails with.
///
/// [`Display`](fmt::Display) gives the sentence, preceded by the device where one is known; the cause is
/// reached through [`std::error::Error::source`], and [`Error::chain`] gives all of it on one line.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    device: Option<Box<DeviceId>>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with one sentence that says what was tried and what came of it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), device: None, cause: None }
    }

    /// Names the device it happened on; a device that was named earlier (nearer to the wire) stays.
    #[must_use]
    pub fn on(mut self, device: &DeviceId) -> Self {
        if self.device.is_none() {
            self.device = Some(Box::new(device.clone()));
        }
        self
    }

    /// Adds the error underneath this one.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Puts what was being tried in front of the sentence: `context: sentence`. Kind and cause stay.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What went wrong, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, for people; one sentence, without the device.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The device it happened on, where one was open or named.
    pub fn device(&self) -> Option<&DeviceId> {
        self.device.as_deref()
    }

    /// The sentence and every cause below it, joined by `: ` on one line.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            // Many libraries repeat their cause in their own text.
            if !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = error.source();
        }
        line
    }

    /// Reads the kind out of an operating-system error; `message` says what was being tried.
    ///
    /// `BrokenPipe`, `UnexpectedEof`, `ENODEV`, `ENXIO` and `EIO` mean that a device has gone away.
    pub fn from_io(cause: std::io::Error, message: impl Into<String>) -> Self {
        use std::io::ErrorKind as Io;
        // Linux numbers; on other systems the portable kinds below decide.
        const EIO: i32 = 5;
        const ENXIO: i32 = 6;
        const EBUSY: i32 = 16;
        const ENODEV: i32 = 19;
        let kind = match (cause.kind(), cause.raw_os_error()) {
            (_, Some(EIO | ENXIO | ENODEV)) if cfg!(target_os = "linux") => ErrorKind::Disconnected,
            (_, Some(EBUSY)) if cfg!(target_os = "linux") => ErrorKind::Busy,
            (Io::NotFound, _) => ErrorKind::NotFound,
            (Io::PermissionDenied, _) => ErrorKind::PermissionDenied,
            (Io::TimedOut | Io::WouldBlock, _) => ErrorKind::TimedOut,
            (
                Io::BrokenPipe
                | Io::UnexpectedEof
                | Io::ConnectionReset
                | Io::ConnectionAborted
                | Io::NotConnected,
                _,
            ) => ErrorKind::Disconnected,
            (Io::ConnectionRefused, _) => ErrorKind::NotFound,
            (Io::InvalidInput, _) => ErrorKind::InvalidInput,
            (Io::Unsupported, _) => ErrorKind::Unsupported,
            (Io::ResourceBusy | Io::AddrInUse, _) => ErrorKind::Busy,
            _ => ErrorKind::Other,
        };
        Self::new(kind, message).because(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.device {
            Some(device) => write!(f, "{device}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_line_from_sentence_to_cause() {
        let io = std::io::Error::from_raw_os_error(13);
        let text = io.to_string();
        let error = Error::from_io(io, "cannot open /dev/ttyUSB0").on(&DeviceId::new("qcicada", "QC1"));
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.chain(), format!("qcicada:QC1: cannot open /dev/ttyUSB0: {text}"));
    }

    #[test]
    fn the_first_named_device_stays_and_context_goes_in_front() {
        let error = Error::new(ErrorKind::Busy, "the port is in use")
            .on(&DeviceId::new("a", "1"))
            .on(&DeviceId::new("b", "2"))
            .context("opening");
        assert_eq!(error.to_string(), "a:1: opening: the port is in use");
    }
}
