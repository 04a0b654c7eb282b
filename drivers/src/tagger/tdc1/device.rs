//! An open TDC1: counts, recordings, and how it is.

use std::time::Duration;

use qhal::device::Property;
use qhal::tagger::{Inputs, Recorded, Tag, TimeTagger, UNITS_PER_SECOND, units_of};
use qhal::{Descriptor, Device, Error, ErrorKind, Health, Result};

use super::Options;
use super::protocol::{self, Level};
use crate::tags::tdc1::Reader;
use crate::transport::Transport;

/// How long an answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// How long a stream may be silent: the device sends a word every 140 ms at the latest, and the host may be busy.
const SILENCE: Duration = Duration::from_secs(1);
/// How long nothing comes once a stream has ended.
const UNDER_WAY: Duration = Duration::from_millis(60);
/// Bytes that may still come after a stream was ended: far more than the device and the system hold.
const MOST_REST: usize = 4 << 20;

/// The wire to a device.
pub(super) struct Wire {
    transport: Box<dyn Transport>,
}

impl Wire {
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport }
    }

    fn say(&mut self, text: &str) -> Result<()> {
        self.transport.write_all(text.as_bytes(), TIME_LIMIT)
    }

    /// Ends whatever somebody left running, and forgets what it has sent.
    fn quiet(&mut self) -> Result<()> {
        // A line end first: it ends half a command.
        self.say("\r\n")?;
        self.say(protocol::ABORT)?;
        self.transport.pause(UNDER_WAY);
        self.transport.discard_input()
    }

    /// The next line, without its end.
    fn line(&mut self, limit: Duration) -> Result<Vec<u8>> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while line.len() < protocol::LONGEST {
            self.transport.read(&mut byte, limit)?;
            match byte {
                [b'\n'] if line.iter().any(|byte: &u8| !byte.is_ascii_whitespace()) => return Ok(line),
                [b'\n'] => line.clear(),
                [other] => line.push(other),
            }
        }
        Err(Error::new(ErrorKind::Protocol, "what it sends has no lines, as answers of a TDC1 have"))
    }

    fn ask(&mut self, question: &str, limit: Duration) -> Result<Vec<u8>> {
        self.transport.discard_input()?;
        self.say(question)?;
        self.line(limit)
    }

    /// Asks who is there.
    pub(super) fn identify(&mut self) -> Result<()> {
        self.quiet()?;
        let answer = self.ask(protocol::IDENTIFY, TIME_LIMIT)?;
        let name = String::from_utf8_lossy(&answer);
        if name.contains("TDC1") {
            return Ok(());
        }
        let message = format!("it calls itself '{}', not TDC1", protocol::shown(&name));
        Err(Error::new(ErrorKind::Protocol, message))
    }

    /// Ends a stream and reads what it still says; the status.
    fn stop(&mut self) -> Result<u16> {
        self.say(protocol::STOP)?;
        let (mut tail, mut bytes) = (Vec::new(), [0; 4096]);
        let mut total = 0;
        loop {
            // The status comes last, behind words that were under way.
            let limit = if tail.is_empty() { TIME_LIMIT } else { UNDER_WAY };
            match self.transport.read(&mut bytes, limit) {
                Ok(count) => {
                    total += count;
                    tail.extend(bytes.iter().take(count));
                    let old = tail.len().saturating_sub(protocol::STATUS);
                    tail.drain(..old);
                }
                Err(error) if error.kind() == ErrorKind::TimedOut && !tail.is_empty() => break,
                Err(error) => return Err(error),
            }
            if total > MOST_REST {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the TDC1 goes on sending after it was told to stop",
                ));
            }
        }
        protocol::status(&tail)
    }
}

/// An open TDC1.
pub struct Tdc1Tagger {
    wire: Wire,
    descriptor: Descriptor,
    level: Level,
    /// Whether the last recording lost events.
    lost: bool,
    open: bool,
}

impl Tdc1Tagger {
    pub(super) fn over(wire: Wire, descriptor: Descriptor, options: Options) -> Result<Self> {
        Ok(Self { wire, descriptor, level: options.level, lost: false, open: true })
    }

    fn stream(&mut self, end: u64, take: &mut dyn FnMut(&[Tag]) -> Result<()>) -> Result<u64> {
        let mut reader = Reader::new();
        let mut bytes = vec![0; 16 << 10];
        let (mut tags, mut told, mut batch) = (0, 0, Vec::new());
        loop {
            let read = self.wire.transport.read(&mut bytes, SILENCE);
            let count = read.map_err(|error| match error.kind() {
                ErrorKind::TimedOut => {
                    error.context("the TDC1 fell silent, which it never does while it records")
                }
                _ => error,
            })?;
            batch.clear();
            let read = reader.read(bytes.get(..count).unwrap_or_default(), &mut batch);
            let now = reader.now();
            batch.truncate(batch.partition_point(|tag: &Tag| tag.time < end));
            if !batch.is_empty() || now >= told + UNITS_PER_SECOND {
                take(&batch)?;
                tags += batch.len() as u64;
                told = now;
            }
            read?;
            if now >= end {
                return Ok(tags);
            }
        }
    }

    fn release(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.open, false) {
            return Ok(());
        }
        self.wire.say(protocol::RESET)
    }

    fn here<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.on(&self.descriptor.id))
    }
}

impl Device for Tdc1Tagger {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        let answer = self.wire.ask(protocol::ASK_STATUS, TIME_LIMIT).and_then(|line| protocol::status(&line));
        let status = self.here(answer)?;
        Ok(if status & protocol::OVERFLOW != 0 || self.lost {
            let why = "its memory ran over and events were lost: they came faster than they could be read";
            Health::Degraded(why.to_owned())
        } else {
            Health::Good
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut properties = vec![Property::text("signals", self.level.as_str())];
        for (name, question) in [("reference clock", "REFCLK?\r\n"), ("threshold", "level?\r\n")] {
            // How these answers look is not published, so they are shown as they come, if they come.
            match self.wire.ask(question, Duration::from_millis(300)) {
                Ok(line) => {
                    let text = protocol::shown(&String::from_utf8_lossy(&line));
                    properties.extend((!text.is_empty()).then(|| Property::text(name, text)));
                }
                Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Protocol) => {}
                Err(error) => return self.here(Err(error)),
            }
        }
        Ok(properties)
    }

    /// Resets the device.
    fn close(mut self: Box<Self>) -> Result<()> {
        let released = self.release();
        self.here(released)
    }
}

impl Drop for Tdc1Tagger {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

impl TimeTagger for Tdc1Tagger {
    fn inputs(&self) -> Inputs {
        Inputs { count: protocol::INPUTS, resolution_ps: protocol::RESOLUTION_PS }
    }

    fn rates(&mut self, gate: Duration) -> Result<Vec<f64>> {
        let gate_ms = u16::try_from(gate.as_millis()).ok().filter(|ms| *ms > 0);
        let Some(gate_ms) = gate_ms else {
            let message = format!("a TDC1 counts for 1 ms to 65.535 s, not for {gate:?}");
            return self.here(Err(Error::new(ErrorKind::InvalidInput, message)));
        };
        let limit = Duration::from_millis(gate_ms.into()) + TIME_LIMIT;
        let answer = self.wire.ask(&protocol::count(self.level, gate_ms), limit);
        let counts = answer
            .and_then(|line| protocol::integers(&String::from_utf8_lossy(&line), protocol::INPUTS as usize));
        let seconds = f64::from(gate_ms) / 1000.0;
        Ok(self.here(counts)?.into_iter().map(|count| count as f64 / seconds).collect())
    }

    fn record(&mut self, time: Duration, take: &mut dyn FnMut(&[Tag]) -> Result<()>) -> Result<Recorded> {
        let end = units_of(time);
        if end == 0 {
            return self.here(Err(Error::new(ErrorKind::InvalidInput, "a recording takes some time")));
        }
        let begun = self.wire.quiet().and_then(|()| self.wire.say(&protocol::stream(self.level)));
        self.here(begun)?;
        let recorded = self.stream(end, take);
        // Stopped in any case; what went wrong first is what is told.
        let status = self.wire.stop();
        let reset = self.wire.say(protocol::RESET);
        let tags = self.here(recorded)?;
        let status = self.here(status.and_then(|status| reset.map(|()| status)))?;
        self.lost = status & protocol::OVERFLOW != 0;
        Ok(Recorded { tags, lost: self.lost })
    }
}
