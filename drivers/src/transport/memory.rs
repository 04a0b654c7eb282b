//! A wire inside the process: an emulator at one end, a virtual clock instead of waiting.

use std::collections::VecDeque;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{Emulator, LineSettings, Transport};

/// How finely the virtual clock moves while a reader waits.
const STEP: Duration = Duration::from_millis(1);

/// Bytes the wire holds for a reader that does not come, as a kernel's serial buffer would.
const ROOM: usize = 64 * 1024;

/// A transport onto an in-process [`Emulator`]; whatever is read through it is `Simulated`.
///
/// Time is a number here: it stands still while bytes arrive, and a read that waits, or a [`pause`](Transport::pause),
/// moves it. The same calls give the same bytes, at once.
pub struct MemoryTransport<E: Emulator = Box<dyn Emulator>> {
    emulator: E,
    now: Duration,
    arrived: VecDeque<u8>,
}

impl<E: Emulator> MemoryTransport<E> {
    /// A wire to `emulator`, which starts now.
    pub fn new(emulator: E) -> Self {
        Self { emulator, now: Duration::ZERO, arrived: VecDeque::new() }
    }

    /// The virtual time since the emulator was started.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The device's side.
    pub fn emulator(&mut self) -> &mut E {
        &mut self.emulator
    }

    /// Takes over what the device has sent by now.
    fn pump(&mut self) {
        let room = ROOM.saturating_sub(self.arrived.len());
        let mut sent = Vec::new();
        self.emulator.transmit(&mut sent, room, self.now);
        self.arrived.extend(sent);
    }

    fn present(&self) -> Result<()> {
        if self.emulator.gone() {
            return Err(Error::new(ErrorKind::Disconnected, "the emulated device has gone away"));
        }
        Ok(())
    }
}

impl<E: Emulator> Transport for MemoryTransport<E> {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let limit = self.now.saturating_add(timeout);
        loop {
            if self.arrived.is_empty() {
                self.pump();
            }
            if !self.arrived.is_empty() {
                let count = out.len().min(self.arrived.len());
                for (slot, byte) in out.iter_mut().zip(self.arrived.drain(..count)) {
                    *slot = byte;
                }
                return Ok(count);
            }
            self.present()?;
            if self.now >= limit {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("the emulated device sent nothing for {timeout:?}"),
                ));
            }
            self.now = limit.min(self.now + STEP);
        }
    }

    fn write_all(&mut self, bytes: &[u8], _timeout: Duration) -> Result<()> {
        self.present()?;
        self.pump();
        self.emulator.receive(bytes, self.now);
        Ok(())
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        self.present()?;
        self.pump();
        self.emulator.line_changed(line, self.now);
        Ok(())
    }

    fn discard_input(&mut self) -> Result<()> {
        self.pump();
        self.arrived.clear();
        self.present()
    }

    fn pause(&mut self, time: Duration) {
        let limit = self.now.saturating_add(time);
        while self.now < limit && !self.emulator.gone() {
            self.pump();
            self.now = limit.min(self.now + STEP);
        }
    }
}
