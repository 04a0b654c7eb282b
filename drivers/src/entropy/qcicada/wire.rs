//! Conversations with a QCicada: a command and its reply, the end of a stream, the calm before the first word.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::network::Datagrams;
use super::protocol::{BAUD, Command, Reply, STOP_REPLY_BYTES, Status, code};
use crate::transport::{LineSettings, Transport};

/// Bytes that may still come after `STOP`: 16 KiB of the device, where the vendor's library gives up, and 64 KiB
/// that our side of the wire may hold.
const MOST_AFTER_STOP: usize = 80 * 1024;
/// A status with more ready bytes than this is none; the largest known store has 35 200.
const MOST_READY: u32 = 1 << 20;

/// How often, while no datagram comes, it is looked whether the device is still connected.
const LOOK: Duration = Duration::from_millis(100);

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the code of a reply.
    pub reply: Duration,
    /// For the first word of a device that has not spoken yet.
    pub first: Duration,
    /// Between two arrivals of a reply's payload or of random bytes.
    pub arrival: Duration,
    /// Silence after which a device that was found streaming counts as stopped.
    pub silence: Duration,
    /// Silence after which the reply to `STOP` counts as the last word, when it looks like that.
    pub settle: Duration,
    /// For the start-up test to end and for the store to fill.
    pub ready: Duration,
}

impl Default for Limits {
    /// 3 s for a reply and 0.3 s of silence, as the crate `qcicada` has them; 1 s for the first word, twice what that
    /// crate waits; 1 s between arrivals, twice the vendor's time-out; 50 ms to settle, three times an FTDI chip's
    /// latency timer; 5 s to become ready.
    fn default() -> Self {
        Self {
            reply: Duration::from_secs(3),
            first: Duration::from_secs(1),
            arrival: Duration::from_secs(1),
            silence: Duration::from_millis(300),
            settle: Duration::from_millis(50),
            ready: Duration::from_secs(5),
        }
    }
}

/// The ways to one device: commands and replies, and the random bytes if they come another way.
pub(super) struct Wire<T: Transport> {
    commands: T,
    data: Option<Datagrams>,
    pub(super) limits: Limits,
}

impl<T: Transport> Wire<T> {
    /// Sets the line and brings the device to rest, whatever it was doing: some host may have left it streaming.
    pub(super) fn new(mut commands: T, data: Option<Datagrams>, limits: Limits) -> Result<Self> {
        commands.configure(LineSettings { baud: BAUD, dtr: true })?;
        let mut wire = Self { commands, data, limits };
        wire.calm()?;
        Ok(wire)
    }

    pub(super) fn pause(&mut self, time: Duration) {
        self.commands.pause(time);
    }

    fn write(&mut self, command: &Command) -> Result<()> {
        let written = self.commands.write_all(&command.encode(), self.limits.arrival);
        written.map_err(|error| error.context(format!("sending {}", command.name())))?;
        // macOS's driver of FTDI chips loses what is read too soon after a write.
        if cfg!(target_os = "macos") {
            self.commands.pause(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Throws away what the device sent unasked or too late.
    pub(super) fn discard(&mut self) -> Result<()> {
        self.commands.discard_input()?;
        self.data.as_mut().map_or(Ok(()), Transport::discard_input)
    }

    /// Stops a device that may be streaming and reads until it is silent.
    ///
    /// An idle device answers with six bytes, or one, and nothing follows: that is all the waiting there is. Only
    /// one that sends more is listened to until it has been silent for `limits.silence`.
    pub(super) fn calm(&mut self) -> Result<()> {
        for _ in 0..2 {
            self.write(&Command::Stop)?;
            if self.listen_until_silent()? {
                return self.discard();
            }
        }
        Err(Error::new(
            ErrorKind::Protocol,
            "it keeps sending although it was told to stop; this is no idle QCicada",
        ))
    }

    /// Whether silence came.
    fn listen_until_silent(&mut self) -> Result<bool> {
        let mut heard = Vec::new();
        let mut room = Zeroizing::new([0; 4096]);
        while heard.len() < MOST_AFTER_STOP {
            let limit = match heard.as_slice() {
                [] => self.limits.first,
                [code::NACK] => self.limits.settle,
                bytes if bytes.len() == STOP_REPLY_BYTES && ending(bytes).is_some() => self.limits.settle,
                _ => self.limits.silence,
            };
            match self.commands.read(room.as_mut_slice(), limit) {
                Ok(count) => heard.extend_from_slice(room.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Sends a command and reads its reply.
    pub(super) fn ask(&mut self, command: &Command) -> Result<Reply> {
        self.ask_within(command, self.limits.reply)
    }

    /// Like [`ask`](Wire::ask), with another limit for the first byte.
    pub(super) fn ask_within(&mut self, command: &Command, limit: Duration) -> Result<Reply> {
        self.discard()?;
        self.write(command)?;
        let name = command.name();
        let mut first = [0];
        self.commands
            .read_exact(&mut first, limit)
            .map_err(|error| error.context(format!("no answer to {name}")))?;
        let [first] = first;
        if first == code::NACK {
            return Err(Error::new(ErrorKind::Refused, format!("the device refused {name} (NACK)")));
        }
        let wrong = |what: &str| {
            Error::new(
                ErrorKind::Protocol,
                format!("{what} came in answer to {name}; this is no QCicada, or bytes were lost"),
            )
        };
        let lengths = super::protocol::Reply::payload_bytes(first);
        let Some((fewest, most)) = lengths.filter(|_| first == command.success()) else {
            return Err(wrong(&format!("the byte {first:02X} instead of {:02X}", command.success())));
        };
        let payload =
            self.payload(fewest, most).map_err(|error| error.context(format!("the reply to {name}")))?;
        Reply::decode(first, &payload).map_err(|error| wrong("a reply that makes no sense").because(error))
    }

    /// Reads a payload of one of two lengths: the longer one, unless silence follows the shorter.
    fn payload(&mut self, fewest: usize, most: usize) -> Result<Vec<u8>> {
        let mut payload = vec![0; fewest];
        self.commands.read_exact(&mut payload, self.limits.arrival)?;
        if fewest == most {
            return Ok(payload);
        }
        let mut rest = vec![0; most - fewest];
        let (first, others) = rest.split_at_mut(1);
        match self.commands.read_exact(first, self.limits.silence) {
            Ok(()) => self.commands.read_exact(others, self.limits.arrival)?,
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(payload),
            Err(error) => return Err(error),
        }
        payload.extend(rest);
        Ok(payload)
    }

    /// Fills `out` with random bytes that were asked for.
    pub(super) fn random(&mut self, out: &mut [u8]) -> Result<()> {
        let (whole, mut got) = (out.len(), 0);
        while let Some(rest) = out.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.read_random(rest) {
                Ok(count) => got += count,
                Err(error) => {
                    return Err(error.context(format!("the device sent {got} of {whole} random bytes")));
                }
            }
        }
        Ok(())
    }

    fn read_random(&mut self, out: &mut [u8]) -> Result<usize> {
        let limit = self.limits.arrival;
        let Some(data) = &mut self.data else { return self.commands.read(out, limit) };
        let mut waited = Duration::ZERO;
        loop {
            let part = LOOK.min(limit.saturating_sub(waited));
            let late = match data.read(out, part) {
                Err(error) if error.kind() == ErrorKind::TimedOut => error,
                other => return other,
            };
            waited += part;
            // Datagrams end without a word; the connection beside them tells whether the device is gone.
            match self.commands.read(&mut [0], Duration::ZERO) {
                Err(gone) if gone.kind() == ErrorKind::Disconnected => return Err(gone),
                _ if waited >= limit => return Err(late),
                _ => {}
            }
        }
    }

    /// Fills `out` with what belongs to a reply: the bytes of a signed read.
    pub(super) fn attached(&mut self, out: &mut [u8]) -> Result<()> {
        let limit = self.limits.arrival;
        self.commands.read_exact(out, limit).map_err(|error| error.context("the signed read broke off"))
    }

    /// Ends a stream. What was still queued is appended to `tail`; the status is the device's last word.
    pub(super) fn stop(&mut self, tail: &mut Vec<u8>) -> Result<Status> {
        if self.data.is_some() {
            // The data port is emptied before the next command; the reply comes by itself.
            return match self.ask(&Command::Stop)? {
                Reply::Ack(status) => Ok(status),
                _ => Err(Error::new(ErrorKind::Protocol, "STOP was not answered with a status")),
            };
        }
        self.write(&Command::Stop)?;
        let begin = tail.len();
        let mut room = Zeroizing::new([0; 4096]);
        loop {
            let heard = tail.get(begin..).unwrap_or_default();
            let limit = match heard {
                [] => self.limits.first,
                bytes if ending(bytes).is_some() => self.limits.settle,
                _ => self.limits.arrival,
            };
            if heard.len() > MOST_AFTER_STOP {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the device keeps streaming although it was told to stop",
                ));
            }
            match self.commands.read(room.as_mut_slice(), limit) {
                Ok(count) => tail.extend_from_slice(room.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
        let status = ending(tail.get(begin..).unwrap_or_default());
        let status = status.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the stream did not end with the acknowledgement of STOP")
        })?;
        tail.truncate(tail.len().saturating_sub(STOP_REPLY_BYTES));
        Ok(status)
    }
}

/// The status, if `bytes` end like the reply to `STOP`.
fn ending(bytes: &[u8]) -> Option<Status> {
    let (&first, status) = bytes.last_chunk::<STOP_REPLY_BYTES>()?.split_first()?;
    let status = Status::decode(status).ok()?;
    (first == code::ACK && status.ready_bytes <= MOST_READY).then_some(status)
}
