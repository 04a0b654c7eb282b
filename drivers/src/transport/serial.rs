//! A serial port: opened for ourselves alone, raw, and with every error in a kind that says what to do.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serialport::{ClearBuffer, DataBits, FlowControl, Parity, SerialPort, StopBits, TTYPort};

use super::{Deadline, LineSettings, MOST_DISCARDED, Transport, ports};

/// A serial port that nobody else can open while we have it.
///
/// Two descriptors of the same port: `serialport`'s sets the line and holds the locks (TIOCEXCL, which keeps
/// ordinary users out, and an advisory `flock`, which keeps out polite programs of root as well); ours moves the
/// bytes without blocking, so that every wait has an end and the system's own error numbers are seen.
pub struct SerialTransport {
    path: String,
    line: TTYPort,
    bytes: File,
}

impl SerialTransport {
    /// Opens `path` exclusively: raw, 8 data bits, no parity, 1 stop bit, no flow control, at the baud rate and DTR of
    /// `line`; what had been received before is thrown away.
    ///
    /// # Errors
    /// `NotFound` when there is no such serial port; `PermissionDenied` with what to do about it; `Busy`, naming the
    /// holder where the system tells; `InvalidInput` for a baud rate of 0; `Unsupported` for a rate that the port cannot do;
    /// `Disconnected` when the device vanishes while it is being opened.
    pub fn open(path: &str, line: LineSettings) -> Result<Self> {
        let tried = || format!("cannot open {path}");
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let bytes = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(path)
            .map_err(|cause| open_error(path, cause))?;
        if !rustix::termios::isatty(&bytes) {
            return Err(Error::new(ErrorKind::NotFound, format!("{}: it is no serial port", tried())));
        }
        let opened = serialport::new(path, line.baud.max(1))
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .open_native();
        let port = match opened {
            Ok(port) => port,
            Err(cause) => {
                let gone = is_gone(&bytes);
                // Closed first, so that the search for the holder does not find ourselves.
                drop(bytes);
                return Err(match cause.kind {
                    _ if gone => gone_error(path).context(tried()),
                    serialport::ErrorKind::NoDevice => busy_error(path),
                    serialport::ErrorKind::Io(kind) => open_error(path, kind.into()),
                    _ => Error::new(
                        ErrorKind::Unsupported,
                        format!("{}: the port refuses the settings", tried()),
                    )
                    .because(cause),
                });
            }
        };
        let mut transport = Self { path: path.to_owned(), line: port, bytes };
        transport.configure(line).map_err(|error| error.context(tried()))?;
        transport.discard_input().map_err(|error| error.context(tried()))?;
        Ok(transport)
    }

    /// The path it was opened by.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Waits until the port is ready for `what`; `false` when the time is up.
    fn wait(&self, what: PollFlags, deadline: &Deadline) -> Result<bool> {
        loop {
            let left = deadline.left();
            let limit = Timespec::try_from(left.min(Duration::from_secs(24 * 60 * 60))).ok();
            let mut fds = [PollFd::new(&self.bytes, what)];
            match rustix::event::poll(&mut fds, limit.as_ref()) {
                Ok(0) if left.is_zero() || deadline.left().is_zero() => return Ok(false),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => {
                    let [fd] = &fds;
                    // A hang-up with bytes still to read is reported when they have been read.
                    if fd.revents().intersects(what) {
                        return Ok(true);
                    }
                    return Err(gone_error(&self.path));
                }
                Err(cause) => return Err(self.wire_error(cause)),
            }
        }
    }

    fn wire_error(&self, cause: Errno) -> Error {
        match cause {
            Errno::IO | Errno::NXIO | Errno::NODEV | Errno::PIPE => gone_error(&self.path).because(cause),
            other => Error::from_io(other.into(), format!("{} cannot be used any more", self.path)),
        }
    }
}

/// A port whose settings cannot be read any more has no device behind it.
fn is_gone(port: &File) -> bool {
    matches!(rustix::termios::tcgetattr(port), Err(Errno::IO | Errno::NXIO | Errno::NODEV))
}

fn gone_error(path: &str) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        format!("the device at {path} has gone away: it was unplugged or closed"),
    )
}

fn busy_error(path: &str) -> Error {
    let who = match ports::holder_of(path) {
        Some(holder) => format!("{holder} has it; close that program"),
        None => "another program has it; close that program".to_owned(),
    };
    Error::new(ErrorKind::Busy, format!("cannot open {path}: {who} and try again"))
}

fn open_error(path: &str, cause: std::io::Error) -> Error {
    let tried = format!("cannot open {path}");
    match Errno::from_io_error(&cause) {
        Some(Errno::BUSY) => busy_error(path),
        // A node without a device behind it.
        Some(Errno::NXIO | Errno::NODEV | Errno::IO) => {
            Error::new(ErrorKind::NotFound, format!("{tried}: no device is behind it")).because(cause)
        }
        Some(Errno::ISDIR) => Error::new(ErrorKind::NotFound, format!("{tried}: it is no serial port")),
        _ => match cause.kind() {
            std::io::ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!("{tried}: there is no such port; 'qhal devices' lists those there are"),
            ),
            std::io::ErrorKind::PermissionDenied => {
                let hint = ports::denied_hint(path);
                Error::new(ErrorKind::PermissionDenied, format!("{tried}: this user may not; {hint}"))
            }
            _ => Error::from_io(cause, tried),
        },
    }
}

impl Transport for SerialTransport {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(timeout);
        loop {
            if !self.wait(PollFlags::IN, &deadline)? {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("{} sent nothing for {timeout:?}", self.path),
                ));
            }
            match rustix::io::read(&self.bytes, &mut *out) {
                Ok(0) => return Err(gone_error(&self.path)),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(cause) => return Err(self.wire_error(cause)),
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.wait(PollFlags::OUT, &deadline)? {
                let taken = bytes.len() - rest.len();
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("{} took {taken} of {} bytes within {timeout:?}", self.path, bytes.len()),
                ));
            }
            match rustix::io::write(&self.bytes, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(cause) => return Err(self.wire_error(cause)),
            }
        }
        Ok(())
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        if line.baud == 0 {
            // To the system it means: hang up.
            return Err(Error::new(ErrorKind::InvalidInput, "a baud rate of 0 is no baud rate"));
        }
        let set = self.line.set_baud_rate(line.baud).and_then(|()| self.line.baud_rate());
        match set {
            // A clock divider may miss the rate by a little; more than 3 % and the bits are misread.
            Ok(got) if u64::from(got.abs_diff(line.baud)) * 100 <= u64::from(line.baud) * 3 => {}
            Ok(got) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("{} cannot do {} baud: it took {got} instead", self.path, line.baud),
                ));
            }
            Err(_) if is_gone(&self.bytes) => return Err(gone_error(&self.path)),
            Err(cause) => {
                let message = format!("{} cannot do {} baud", self.path, line.baud);
                return Err(Error::new(ErrorKind::Unsupported, message).because(cause));
            }
        }
        // Lines without modem control answer ENOTTY; they have no DTR to set.
        if self.line.write_data_terminal_ready(line.dtr).is_err() && is_gone(&self.bytes) {
            return Err(gone_error(&self.path));
        }
        Ok(())
    }

    fn discard_input(&mut self) -> Result<()> {
        if self.line.clear(ClearBuffer::Input).is_err() && is_gone(&self.bytes) {
            return Err(gone_error(&self.path));
        }
        // The system call leaves what is still on its way through the kernel (pseudo-terminals have a queue there).
        let mut scratch = [0; 4096];
        let mut discarded = 0;
        while discarded < MOST_DISCARDED {
            match rustix::io::read(&self.bytes, &mut scratch) {
                Ok(0) => return Err(gone_error(&self.path)),
                Ok(count) => discarded += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(cause) => return Err(self.wire_error(cause)),
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for SerialTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SerialTransport").field("path", &self.path).finish_non_exhaustive()
    }
}
