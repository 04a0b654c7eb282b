//! Random bytes from a QCicada: one-shot, signed, and as a stream; never any from a device that reports a fault.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use zeroize::{Zeroize, Zeroizing};

use super::super::protocol::{Command, Flags, KEY_BYTES, ONE_SHOT_LIMIT, Reply, Start, Status};
use super::super::signature::PublicKey;
use super::{QCicada, unexpected};
use crate::transport::Transport;

/// The rest between two looks at a device that is not ready.
const REST: Duration = Duration::from_millis(5);
/// Bytes worth waiting for before a one-shot read; asking for less costs more in exchanges than it gives.
const WORTHWHILE: usize = 1024;

/// Random bytes with the device's signature over exactly them; they wipe themselves.
pub struct SignedRead {
    /// The random bytes.
    pub data: Zeroizing<Vec<u8>>,
    /// The signature r ‖ s, which has been verified.
    pub signature: [u8; KEY_BYTES],
}

impl std::fmt::Debug for SignedRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedRead({} bytes)", self.data.len())
    }
}

impl<T: Transport> QCicada<T> {
    /// Reads `length` random bytes that the device signs with `key`: the whole of what was signed, or nothing.
    ///
    /// # Errors
    /// `Protocol` when the signature does not verify; `Unhealthy` when the status has a fault or the output stands
    /// still; else see [`QCicada`].
    pub fn signed_read(&mut self, length: u16, key: &PublicKey) -> Result<SignedRead> {
        self.check_status()?;
        let command = Command::SignedRead { length };
        match self.ask(&command) {
            Ok(Reply::SignedRead) => {}
            Ok(other) => return Err(unexpected(&command, &other)),
            Err(error) => return Err(self.why_refused(error, length)),
        }
        let mut read = SignedRead { data: Zeroizing::new(vec![0; length.into()]), signature: [0; KEY_BYTES] };
        self.known_ready = 0;
        let arrived =
            self.wire.attached(&mut read.data).and_then(|()| self.wire.attached(&mut read.signature));
        arrived.map_err(|error| error.on(&self.descriptor.id))?;
        key.verify(&read.data, &read.signature)
            .map_err(|error| error.context("the signed read is not used").on(&self.descriptor.id))?;
        self.check_status()?;
        self.look(&read.data)?;
        Ok(read)
    }

    /// Fills `out` by one one-shot read: at most 65 535 bytes, and at most as many as the device has ready. The
    /// status is checked before and after.
    ///
    /// # Errors
    /// `InvalidInput` for a length of 0 or above 65 535; `Unhealthy` when the status has a fault or the output stands
    /// still; else see [`QCicada`]. `out` is all zeros then.
    pub fn one_shot(&mut self, out: &mut [u8]) -> Result<()> {
        let read = self.one_shot_unwiped(out);
        if read.is_err() {
            out.zeroize();
        }
        read
    }

    fn one_shot_unwiped(&mut self, out: &mut [u8]) -> Result<()> {
        let Some(length) = u16::try_from(out.len()).ok().filter(|&length| length > 0) else {
            return Err(self.error(ErrorKind::InvalidInput, "a one-shot read has 1 to 65535 bytes"));
        };
        match self.acknowledged(&Command::Start(Start::OneShot(length))) {
            Ok(status) => self.judge(status)?,
            Err(error) => return Err(self.why_refused(error, length)),
        }
        self.known_ready = 0;
        self.wire.random(out).map_err(|error| error.on(&self.descriptor.id))?;
        self.check_status()?;
        self.look(out)
    }

    /// Starts a stream. Until [`stop`](QCicada::stop) only [`read_stream`](QCicada::read_stream) is of use.
    ///
    /// # Errors
    /// `Unhealthy` when the status has a fault; else see [`QCicada`].
    pub fn start_stream(&mut self) -> Result<()> {
        match self.acknowledged(&Command::Start(Start::Continuous)) {
            Ok(status) => {
                self.streaming = true;
                self.judge(status)
            }
            Err(error) => Err(self.why_refused(error, 0)),
        }
    }

    /// Fills `out` from a stream that was started. The device's own tests are not seen before the stream is stopped.
    ///
    /// # Errors
    /// `Unhealthy` when the output stands still; else see [`QCicada`]. `out` is all zeros then.
    pub fn read_stream(&mut self, out: &mut [u8]) -> Result<()> {
        let read = self.wire.random(out).map_err(|error| error.on(&self.descriptor.id));
        let read = read.and_then(|()| self.look(out));
        if read.is_err() {
            out.zeroize();
        }
        read
    }

    /// Stops a stream; returns the status and what was still queued.
    ///
    /// # Errors
    /// `Protocol` when the stream does not end with the acknowledgement; else see [`QCicada`].
    pub fn stop(&mut self) -> Result<(Status, Zeroizing<Vec<u8>>)> {
        let mut tail = Zeroizing::default();
        let status = self.wire.stop(&mut tail).map_err(|error| error.on(&self.descriptor.id))?;
        self.streaming = false;
        Ok((status, tail))
    }

    pub(in super::super) fn look(&mut self, bytes: &[u8]) -> Result<()> {
        self.watch.look(bytes).map_err(|error| error.on(&self.descriptor.id))
    }

    /// Whether output may be used by this status.
    pub(in super::super) fn judge(&self, status: Status) -> Result<()> {
        match status.flags.faults().as_slice() {
            [] => Ok(()),
            faults => {
                let message = format!("the device reports: {}; its output is not used", faults.join(", "));
                Err(self.error(ErrorKind::Unhealthy, message))
            }
        }
    }

    fn check_status(&mut self) -> Result<()> {
        let status = self.status()?;
        self.judge(status)
    }

    /// A NACK has no reason; the status may tell one.
    fn why_refused(&mut self, error: Error, length: u16) -> Error {
        if error.kind() != ErrorKind::Refused {
            return error;
        }
        match self.status().and_then(|status| self.judge(status).map(|()| status)) {
            Err(reason) if reason.kind() == ErrorKind::Unhealthy => reason,
            Ok(status) if status.flags.has(Flags::STARTUP_TEST) => {
                error.context("the start-up test is running")
            }
            Ok(status) if status.ready_bytes < length.into() => {
                error.context(format!("{length} bytes were asked for and {} are ready", status.ready_bytes))
            }
            _ => error,
        }
    }

    /// Waits until the device has something worth reading of `wanted` bytes; returns how much to ask for.
    pub(in super::super) fn ready(&mut self, wanted: usize) -> Result<usize> {
        let worthwhile = wanted.min(WORTHWHILE);
        // The status after the last read still holds: the store only fills between reads.
        if usize::try_from(self.known_ready).is_ok_and(|ready| ready >= worthwhile) {
            return Ok(self.most_at_once(wanted));
        }
        let mut waited = Duration::ZERO;
        loop {
            let status = self.status()?;
            self.judge(status)?;
            let ready = usize::try_from(status.ready_bytes).unwrap_or(usize::MAX);
            let testing = status.flags.has(Flags::STARTUP_TEST);
            let late = waited >= self.wire.limits.ready;
            if !testing && (ready >= worthwhile || late && ready > 0) {
                return Ok(self.most_at_once(wanted));
            }
            if late {
                let why = if testing { "its start-up test does not end" } else { "it has no bytes ready" };
                return Err(
                    self.error(ErrorKind::TimedOut, format!("waited {waited:?} for the device: {why}"))
                );
            }
            self.wire.pause(REST);
            waited += REST;
        }
    }

    fn most_at_once(&self, wanted: usize) -> usize {
        wanted.min(usize::try_from(self.known_ready).unwrap_or(usize::MAX)).min(ONE_SHOT_LIMIT)
    }
}
