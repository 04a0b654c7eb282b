//! A wrapper that writes down a conversation, line by line, so that it can be read, compared and replayed.

use std::io::{self, Write};
use std::time::Duration;

use qhal::{ErrorKind, Result};

use super::recorded::Event;
use super::{LineSettings, Transport};

/// Bytes written on one line of a capture.
const PER_LINE: usize = 32;

/// Passes everything through to `inner` and writes it to `log` in the form that
/// [`RecordedTransport`](super::recorded::RecordedTransport) replays.
///
/// A capture holds the random bytes themselves: what was captured must not be used as a secret any more.
pub struct TracingTransport<T: Transport, W: Write + Send> {
    inner: T,
    log: W,
    failed: Option<io::Error>,
}

impl<T: Transport, W: Write + Send> TracingTransport<T, W> {
    /// Writes what happens on `inner` from now on to `log`.
    pub fn new(inner: T, log: W) -> Self {
        Self { inner, log, failed: None }
    }

    /// Ends the capture and gives both back.
    ///
    /// # Errors
    /// `Other` (or the kind of the cause) when the capture could not be written to its end; the conversation itself
    /// went on undisturbed.
    pub fn finish(mut self) -> Result<(T, W)> {
        if self.failed.is_none() {
            self.failed = self.log.flush().err();
        }
        match self.failed {
            Some(cause) => Err(qhal::Error::from_io(cause, "the capture could not be written to its end")),
            None => Ok((self.inner, self.log)),
        }
    }

    /// Writes one event; after a failure nothing more, so that a capture never has a hole in the middle.
    fn note(&mut self, event: &Event) {
        if self.failed.is_none() {
            self.failed = writeln!(self.log, "{event}").err();
        }
    }

    fn note_bytes(&mut self, bytes: &[u8], event: fn(Vec<u8>) -> Event) {
        for line in bytes.chunks(PER_LINE) {
            self.note(&event(line.to_vec()));
        }
    }

    fn note_if_gone<R>(&mut self, result: &Result<R>) {
        if let Err(error) = result
            && error.kind() == ErrorKind::Disconnected
        {
            self.note(&Event::Gone);
        }
    }
}

impl<T: Transport, W: Write + Send> Transport for TracingTransport<T, W> {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let result = self.inner.read(out, timeout);
        match &result {
            Ok(count) => self.note_bytes(out.get(..*count).unwrap_or_default(), Event::Received),
            Err(error) if error.kind() == ErrorKind::TimedOut => self.note(&Event::Silence),
            Err(_) => self.note_if_gone(&result),
        }
        result
    }

    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        let result = self.inner.write_all(bytes, timeout);
        if result.is_ok() {
            self.note_bytes(bytes, Event::Sent);
        }
        self.note_if_gone(&result);
        result
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        let result = self.inner.configure(line);
        if result.is_ok() {
            self.note(&Event::Line(line));
        }
        self.note_if_gone(&result);
        result
    }

    fn discard_input(&mut self) -> Result<()> {
        let result = self.inner.discard_input();
        if result.is_ok() {
            self.note(&Event::Discard);
        }
        self.note_if_gone(&result);
        result
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }
}
