//! The wires: one trait for every stream of bytes between us and a device, and one for the device's side of it.
//!
//! Wrappers that log, record, replay or disturb a wire are transports again.

pub mod fault;
pub mod hotplug;
pub mod https;
pub mod memory;
pub mod ports;
pub mod pty;
pub mod recorded;
pub mod serial;
mod service;
pub mod tcp;
pub mod tracing;
pub mod usb;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qhal::{Address, Error, ErrorKind, Result};

/// What a serial line can be set to. Streams that are no serial line ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Bits per second; always 8 data bits, no parity, 1 stop bit, no flow control.
    pub baud: u32,
    /// Data Terminal Ready: several devices stream only while it is set. Lines without modem control (a
    /// pseudo-terminal) accept and ignore it.
    pub dtr: bool,
}

/// A stream of bytes to a device. Every wait has a time limit.
pub trait Transport: Send {
    /// Reads at least one byte and at most `out.len()` (an empty `out` gives 0 at once); returns how many.
    ///
    /// # Errors
    /// `TimedOut` when nothing came within `timeout`, `Disconnected` when nothing will come any more.
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize>;

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// `TimedOut` when the device did not take them within `timeout` (some may have been written), `Disconnected`.
    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()>;

    /// Sets baud rate and DTR.
    ///
    /// # Errors
    /// `Unsupported` when the line cannot do that rate, `Disconnected`.
    fn configure(&mut self, line: LineSettings) -> Result<()>;

    /// Throws away what was received and not yet read.
    ///
    /// # Errors
    /// `Disconnected`.
    fn discard_input(&mut self) -> Result<()>;

    /// Lets `time` pass, as a device's manual asks for between two commands. A transport with a clock of its own
    /// moves that clock instead of waiting.
    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Fills all of `out`; `timeout` is the limit for each wait between arrivals, not for the whole.
    ///
    /// # Errors
    /// Those of [`read`](Transport::read); what had arrived by then is lost, and the sentence says how much it was.
    fn read_exact(&mut self, out: &mut [u8], timeout: Duration) -> Result<()> {
        let mut got = 0;
        while let Some(rest) = out.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.read(rest, timeout) {
                Ok(0) => return Err(Error::new(ErrorKind::Disconnected, "the stream ended")),
                Ok(count) => got += count,
                Err(error) if got > 0 => {
                    return Err(error.context(format!("{got} of {} bytes arrived", out.len())));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        (**self).read(out, timeout)
    }

    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        (**self).write_all(bytes, timeout)
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        (**self).configure(line)
    }

    fn discard_input(&mut self) -> Result<()> {
        (**self).discard_input()
    }

    fn pause(&mut self, time: Duration) {
        (**self).pause(time);
    }
}

/// The device's side of a wire: what an emulated device does with what it hears. Pure: time is an argument.
pub trait Emulator: Send {
    /// The host wrote `bytes`, at `now` since the emulator was started.
    fn receive(&mut self, bytes: &[u8], now: Duration);

    /// The host changed the line (or opened it: the first call comes with the first settings).
    fn line_changed(&mut self, line: LineSettings, now: Duration);

    /// Appends what the device sends by `now`, at most `room` bytes; what does not fit is sent later or, where
    /// the real device has no buffer for it, lost.
    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration);

    /// Whether the device is gone (unplugged by a fault): the wire breaks then.
    fn gone(&self) -> bool {
        false
    }

    /// Whether a change of the line means something to the device just now (a mode knock is under way). A wire
    /// that has to look for changes then looks without resting.
    fn watches_line(&self) -> bool {
        false
    }
}

impl<E: Emulator + ?Sized> Emulator for Box<E> {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        (**self).receive(bytes, now);
    }

    fn line_changed(&mut self, line: LineSettings, now: Duration) {
        (**self).line_changed(line, now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        (**self).transmit(out, room, now);
    }

    fn gone(&self) -> bool {
        (**self).gone()
    }

    fn watches_line(&self) -> bool {
        (**self).watches_line()
    }
}

/// An emulator that its owner keeps looking at while a wire serves it.
impl<E: Emulator + ?Sized> Emulator for Arc<Mutex<E>> {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.lock().unwrap_or_else(PoisonError::into_inner).receive(bytes, now);
    }

    fn line_changed(&mut self, line: LineSettings, now: Duration) {
        self.lock().unwrap_or_else(PoisonError::into_inner).line_changed(line, now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        self.lock().unwrap_or_else(PoisonError::into_inner).transmit(out, room, now);
    }

    fn gone(&self) -> bool {
        self.lock().unwrap_or_else(PoisonError::into_inner).gone()
    }

    fn watches_line(&self) -> bool {
        self.lock().unwrap_or_else(PoisonError::into_inner).watches_line()
    }
}

/// An emulated device that is being served to other programs, until it is stopped or dropped.
pub trait Served: Send {
    /// Where it answers.
    fn address(&self) -> Address;

    /// Whether it is still being served; not so after the emulated device went away.
    fn is_running(&self) -> bool;

    /// What a host needs to know beside the address, by name: where a certificate lies, for example.
    fn details(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Ends the service; the wire breaks under a host that has it open.
    ///
    /// # Errors
    /// What ended the service before, if something did; that the emulated device went away is no error.
    fn stop(self: Box<Self>) -> Result<()>;
}

/// How much of a time limit is left.
pub(crate) struct Deadline {
    started: std::time::Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { started: std::time::Instant::now(), limit }
    }

    /// What is left; zero when the time is up.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }
}

/// The most that is thrown away by one `discard_input`: a device that streams faster than it can be discarded
/// must not hold the caller for ever.
pub(crate) const MOST_DISCARDED: usize = 1 << 20;
