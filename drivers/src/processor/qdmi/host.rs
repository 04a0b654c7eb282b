//! The driver's side of the worker process: starting it, asking with a time limit, and saying what became of it.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use zeroize::Zeroizing;

use super::codes::Status;
use super::message::{self, Reply, Request};
use super::protocol::protocol;

/// How much of what a library writes is remembered, in bytes.
const MOST_SAID: usize = 4096;
/// How long an error waits for what the library wrote about it.
const LISTENING: Duration = Duration::from_millis(200);
/// How long a worker that is no longer needed may take to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How often a wait looks whether the worker is still there: the socket of one that has ended stays open while a process that
/// the library started holds it.
const LOOK: Duration = Duration::from_millis(50);
/// Parts of a secret that are shorter are not looked for where a text was cut.
const SHORTEST_PART: usize = 4;

/// A worker process with one library in it.
pub(super) struct Worker {
    child: Child,
    socket: UnixStream,
    /// The end of what the library wrote to standard error and output, which comes a little after it was written.
    said: [Arc<Mutex<Vec<u8>>>; 2],
    listeners: Vec<JoinHandle<()>>,
    limit: Duration,
    /// Texts that are not repeated in errors, whatever the library writes.
    secrets: Vec<Zeroizing<String>>,
    ended: bool,
}

impl Worker {
    /// Starts `command`, which has to call [`super::worker::serve`].
    ///
    /// # Errors
    /// `Other` and the like when there can be no process.
    pub(super) fn start(
        command: &[OsString],
        limit: Duration,
        secrets: Vec<Zeroizing<String>>,
    ) -> Result<Self> {
        let failed = |cause| Error::from_io(cause, "cannot start the process that the library runs in");
        let [program, arguments @ ..] = command else {
            let message = "this program has no process to run libraries in; use the command `qhal`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let (socket, theirs) = UnixStream::pair().map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C is for us: the library hears of it as a cancelled job.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut listeners = Vec::new();
        let said = [const { Mutex::new(Vec::new()) }; 2].map(Arc::new);
        let outputs = [child.stderr.take().map(OwnedFd::from), child.stdout.take().map(OwnedFd::from)];
        for (output, said) in outputs.into_iter().zip(&said) {
            let Some(output) = output else { continue };
            let said = Arc::clone(said);
            let listen = move || listen(std::fs::File::from(output), &said);
            let started = std::thread::Builder::new().name("qdmi-output".to_owned()).spawn(listen);
            match started {
                Ok(listener) => listeners.push(listener),
                Err(cause) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(failed(cause));
                }
            }
        }
        Ok(Self { child, socket, said, listeners, limit, secrets, ended: false })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// `TimedOut` when it takes longer than the limit: the worker is ended then; `Disconnected` when the library ended the
    /// process; the status of the library's function otherwise.
    pub(super) fn ask(&mut self, request: &Request) -> Result<(Reply, Vec<u8>)> {
        self.send(request)?;
        self.receive(self.limit)?.ok_or_else(|| self.hung())
    }

    /// Asks for bytes.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) fn bytes(&mut self, request: &Request) -> Result<Vec<u8>> {
        match self.ask(request)? {
            (Reply::Bytes, bytes) => Ok(bytes),
            (other, _) => Err(protocol(format!("the worker answered {other:?}"))),
        }
    }

    /// Asks for bytes that the library may not have: `None` then.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), but for what is not supported.
    pub(super) fn optional(&mut self, request: &Request) -> Result<Option<Vec<u8>>> {
        match self.bytes(request) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks, and does not wait.
    ///
    /// # Errors
    /// `Disconnected` when the process has ended.
    pub(super) fn send(&mut self, request: &Request) -> Result<()> {
        if self.ended {
            return Err(Error::new(ErrorKind::Disconnected, "the process that the library ran in has ended"));
        }
        let limit = Some(self.limit);
        let sent = self
            .socket
            .set_write_timeout(limit)
            .and_then(|()| message::write(&mut self.socket, request, &[]));
        sent.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::WouldBlock => self.hung(),
            std::io::ErrorKind::InvalidInput => Error::from_io(cause, "cannot hand the program over"),
            _ => self.ended(),
        })
    }

    /// The answer, if it begins to come within `limit`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) fn receive(&mut self, limit: Duration) -> Result<Option<(Reply, Vec<u8>)>> {
        match self.is_readable(limit)? {
            Waited::Readable => {}
            Waited::Ended => return Err(self.ended()),
            Waited::Late => return Ok(None),
        }
        let read =
            self.socket.set_read_timeout(Some(self.limit)).and_then(|()| message::read(&mut self.socket));
        match read {
            Ok((Reply::Refused { function, status }, _)) => Err(self.refused(&function, Status(status))),
            Ok((Reply::Unusable(why), _)) => {
                Err(self.with_words(ErrorKind::Protocol, format!("the library cannot be used: {why}")))
            }
            Ok(answer) => Ok(Some(answer)),
            Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => Err(self.hung()),
            Err(_) => Err(self.ended()),
        }
    }

    fn is_readable(&self, limit: Duration) -> Result<Waited> {
        let begun = Instant::now();
        loop {
            // Asked first: what it wrote before its end is read before its end is told.
            let ended = self.has_exited();
            let left = limit.saturating_sub(begun.elapsed());
            let wait = if ended { Duration::ZERO } else { left.min(LOOK) };
            let time = rustix::event::Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            };
            let mut watched = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
            match poll(&mut watched, Some(&time)) {
                Ok(1..) => return Ok(Waited::Readable),
                Ok(0) if ended => return Ok(Waited::Ended),
                Ok(0) if left.is_zero() => return Ok(Waited::Late),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Err(cause) => return Err(Error::from_io(cause.into(), "cannot wait for the library")),
            }
        }
    }

    /// Whether the worker has ended, not yet waited for: until then its number, and that of its group, stay its own.
    fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended || matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(Some(_)))
    }

    /// Ends the worker, whatever the library is doing, and what the library has started.
    pub(super) fn kill(&mut self) {
        self.end();
    }

    fn end(&mut self) -> Option<ExitStatus> {
        if self.ended {
            return None;
        }
        self.ended = true;
        // Before it is waited for: afterwards the number of its group may be somebody else's.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.kill();
        self.child.wait().ok()
    }

    /// Whether there is no process any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    fn hung(&mut self) -> Error {
        self.kill();
        let seconds = self.limit.as_secs();
        self.with_words(
            ErrorKind::TimedOut,
            format!("the library did not answer within {seconds} s and was stopped"),
        )
    }

    fn ended(&mut self) -> Error {
        let by_itself = self.wait(GRACE);
        let status = self.end().filter(|_| by_itself);
        // Its last words come until its outputs close.
        let begun = Instant::now();
        while begun.elapsed() < GRACE && !self.listeners.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let how = status.map_or("ended".to_owned(), how_it_ended);
        self.with_words(ErrorKind::Disconnected, format!("the process that the library ran in {how}"))
    }

    /// Whether the worker ends by itself within `limit`.
    fn wait(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while !self.has_exited() {
            if begun.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    fn refused(&self, function: &str, status: Status) -> Error {
        let kind = match status {
            Status::NOT_FOUND => ErrorKind::NotFound,
            Status::PERMISSION_DENIED => ErrorKind::PermissionDenied,
            // Not implemented is what devices say that only describe themselves.
            Status::NOT_SUPPORTED | Status(-3) => ErrorKind::Unsupported,
            Status::TIMED_OUT => ErrorKind::TimedOut,
            Status(-2) => ErrorKind::Exhausted,
            Status(-7 | -10 | -6) => ErrorKind::Refused,
            _ => ErrorKind::Other,
        };
        // Most are answers to questions that a library need not know: nothing is waited for.
        Error::new(kind, format!("the library answered to {function}: {status}"))
    }

    /// An error of the library with what it wrote about it.
    pub(super) fn explained(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Disconnected | ErrorKind::TimedOut | ErrorKind::Protocol => error,
            kind => self.with_words(kind, error.message().to_owned()),
        }
    }

    /// An error with the last line that the library wrote.
    pub(super) fn with_words(&self, kind: ErrorKind, message: String) -> Error {
        match self.last_words() {
            Some(words) => Error::new(kind, format!("{message}; it wrote: {words}")),
            None => Error::new(kind, message),
        }
    }

    /// The last line that the library wrote, to standard error if it wrote there, without what is secret.
    fn last_words(&self) -> Option<String> {
        let [errors, output] = &self.said;
        let text = |said: &Mutex<Vec<u8>>| {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&said).into_owned()
        };
        let mut words = text(errors);
        let begun = Instant::now();
        while words.is_empty() && begun.elapsed() < LISTENING {
            std::thread::sleep(Duration::from_millis(2));
            words = text(errors);
        }
        if words.is_empty() {
            words = text(output);
        }
        // Before anything is cut off: a part of a secret is not found any more.
        for secret in self.secrets.iter().filter(|secret| secret.len() >= SHORTEST_PART) {
            words = hidden(&words, secret);
        }
        let line = words.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|c| !c.is_control()).take(300).collect())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.socket.shutdown(std::net::Shutdown::Both);
            self.wait(GRACE);
            self.kill();
        }
    }
}

/// What came of waiting for an answer.
enum Waited {
    Readable,
    /// The worker has ended, and has left no answer.
    Ended,
    Late,
}

/// A text without a secret: the whole of it anywhere, its end where the text begins and its beginning where the text ends, since
/// too much may have been written to be kept, and the rest may not have come yet.
fn hidden(text: &str, secret: &str) -> String {
    const MARK: &str = "(secret)";
    let mut text = text.replace(secret, MARK);
    // Places within a character give no part.
    let long = |part: &&str| part.len() >= SHORTEST_PART;
    let mut ends = (1..secret.len()).filter_map(|at| secret.get(at..).filter(long));
    if let Some(rest) = ends.find_map(|end| text.strip_prefix(end)) {
        text = format!("{MARK}{rest}");
    }
    let mut beginnings = (1..secret.len()).rev().filter_map(|at| secret.get(..at).filter(long));
    if let Some(rest) = beginnings.find_map(|beginning| text.strip_suffix(beginning)) {
        text = format!("{rest}{MARK}");
    }
    text
}

/// Keeps the end of what a library writes.
fn listen(mut output: std::fs::File, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let excess = said.len().saturating_sub(MOST_SAID);
        said.drain(..excess);
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("ended with status {}", status.code().unwrap_or(-1));
    };
    let name = match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        _ => "",
    };
    format!("was ended by signal {signal}{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_whole_and_where_the_text_is_cut() {
        for (text, expected) in [
            ("token open-sesame is bad", "token (secret) is bad"),
            ("open-sesameopen-sesame", "(secret)(secret)"),
            ("sesame is bad, open-sesa", "(secret) is bad, (secret)"),
            ("nothing to open", "nothing to (secret)"),
            ("ame, ope", "ame, ope"),
            ("", ""),
        ] {
            assert_eq!(hidden(text, "open-sesame"), expected);
        }
    }

    proptest! {
        #[test]
        fn no_cut_of_a_text_shows_a_secret(before in "[a-f ]{0,9}", secret in "[m-zµ]{4,12}", after in "[a-f ]{0,9}", cut in 0usize..40) {
            let text = format!("{before}{secret}{after}");
            let parts: Vec<&str> = (0..secret.len()).filter_map(|at| secret.get(at..)?.get(..4)).collect();
            let cuts = text.char_indices().map(|(at, _)| text.split_at(at));
            for (first, second) in cuts.skip(cut).take(1) {
                for shown in [hidden(first, &secret), hidden(second, &secret)] {
                    let shown = shown.replace("(secret)", "");
                    prop_assert!(parts.iter().all(|part| !shown.contains(part)), "{shown}");
                }
            }
        }
    }
}
