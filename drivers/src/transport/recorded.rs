//! Replays a captured conversation, and insists that our side says exactly what it said then.
//!
//! A capture is plain text, one event a line; `#` begins a comment, blank lines mean nothing:
//!
//! ```text
//! @ 1000000 dtr         the host set the line: baud rate, then `dtr` or `no-dtr`
//! x                     the host threw away what it had not read
//! > 01                  the host wrote these bytes (hexadecimal)
//! < 11 01 40 34 00 00   the host read these bytes
//! .                     the host waited for bytes and none came
//! !                     the device was gone
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{LineSettings, Transport};

/// One event of a capture. [`Display`](fmt::Display) and [`FromStr`] are each other's inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host set the line.
    Line(LineSettings),
    /// The host discarded its input.
    Discard,
    /// The host wrote these bytes.
    Sent(Vec<u8>),
    /// The host read these bytes.
    Received(Vec<u8>),
    /// The host waited in vain.
    Silence,
    /// The device was gone.
    Gone,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "@ {} {}", line.baud, if line.dtr { "dtr" } else { "no-dtr" }),
            Self::Discard => f.write_str("x"),
            Self::Sent(bytes) => write!(f, ">{}", Hex(bytes)),
            Self::Received(bytes) => write!(f, "<{}", Hex(bytes)),
            Self::Silence => f.write_str("."),
            Self::Gone => f.write_str("!"),
        }
    }
}

/// Bytes as ` 0a ff`.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

impl FromStr for Event {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            |why: &str| Error::new(ErrorKind::InvalidInput, format!("'{text}' is no wire event: {why}"));
        let mut words = text.split_ascii_whitespace();
        let sign = words.next().ok_or_else(|| wrong("it is empty"))?;
        let rest: Vec<&str> = words.collect();
        let bytes = || {
            let bytes: Option<Vec<u8>> = rest
                .iter()
                .map(|word| (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten())
                .collect();
            match bytes {
                Some(bytes) if !bytes.is_empty() => Ok(bytes),
                _ => Err(wrong("bytes are pairs of hexadecimal digits")),
            }
        };
        match (sign, rest.as_slice()) {
            (">", _) => bytes().map(Self::Sent),
            ("<", _) => bytes().map(Self::Received),
            ("x", []) => Ok(Self::Discard),
            (".", []) => Ok(Self::Silence),
            ("!", []) => Ok(Self::Gone),
            ("@", [baud, dtr]) => match (baud.parse(), *dtr) {
                (Ok(baud), "dtr" | "no-dtr") => Ok(Self::Line(LineSettings { baud, dtr: *dtr == "dtr" })),
                _ => Err(wrong("a line is '@ BAUD dtr' or '@ BAUD no-dtr'")),
            },
            _ => Err(wrong("a line begins with >, <, @, x, . or !")),
        }
    }
}

/// Reads a capture.
///
/// # Errors
/// `InvalidInput` with the number of the line that cannot be read.
pub fn read_capture(text: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            events.push(line.parse::<Event>().map_err(|error| error.context(format!("line {number}")))?);
        }
    }
    Ok(events)
}

/// A transport that plays the device's part of a capture.
///
/// Strict: what is written, and how the line is set, must be what was captured, or the call fails with `Protocol`.
/// How bytes were cut into calls does not matter. Nothing waits: a read before the device's turn times out at once,
/// and a read past the end finds the device gone. A capture without a single `@` says nothing about the line,
/// so every setting is accepted.
pub struct RecordedTransport {
    events: VecDeque<Event>,
    line_matters: bool,
}

impl RecordedTransport {
    /// Replays the capture in `text`.
    ///
    /// # Errors
    /// Those of [`read_capture`].
    pub fn new(text: &str) -> Result<Self> {
        Ok(Self::of(read_capture(text)?))
    }

    /// Replays these events.
    pub fn of(events: Vec<Event>) -> Self {
        let line_matters = events.iter().any(|event| matches!(event, Event::Line(_)));
        Self { events: events.into(), line_matters }
    }

    /// What has not been replayed yet; empty when the conversation went to its end.
    pub fn remaining(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// A wait in vain may be shorter or left out when the host knows better by now.
    fn skip_silence(&mut self) {
        while self.events.front() == Some(&Event::Silence) {
            self.events.pop_front();
        }
    }

    fn gone(&self) -> Result<()> {
        match self.events.front() {
            Some(Event::Gone) => {
                Err(Error::new(ErrorKind::Disconnected, "the captured device went away here"))
            }
            _ => Ok(()),
        }
    }

    fn differs(&self, did: impl fmt::Display) -> Error {
        let then = match self.events.front() {
            Some(event) => format!("the capture goes on with '{event}'"),
            None => "the capture ends here".to_owned(),
        };
        Error::new(ErrorKind::Protocol, format!("{did}, and {then}"))
    }
}

impl Transport for RecordedTransport {
    fn read(&mut self, out: &mut [u8], _timeout: Duration) -> Result<usize> {
        let mut got = 0;
        while got < out.len() {
            let Some(Event::Received(bytes)) = self.events.front_mut() else { break };
            let count = bytes.len().min(out.len() - got);
            for (slot, byte) in out.iter_mut().skip(got).zip(bytes.drain(..count)) {
                *slot = byte;
            }
            got += count;
            if bytes.is_empty() {
                self.events.pop_front();
            }
        }
        if got > 0 || out.is_empty() {
            return Ok(got);
        }
        self.gone()?;
        match self.events.front() {
            None => Err(Error::new(ErrorKind::Disconnected, "the capture ends here")),
            Some(next) => {
                let error = Error::new(ErrorKind::TimedOut, format!("nothing was captured before '{next}'"));
                if *next == Event::Silence {
                    self.events.pop_front();
                }
                Err(error)
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8], _timeout: Duration) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.skip_silence();
            self.gone()?;
            match self.events.front_mut() {
                Some(Event::Sent(then)) => {
                    let count = then.len().min(rest.len());
                    let (now, later) = rest.split_at(count);
                    if then.get(..count) != Some(now) {
                        return Err(self.differs(format_args!("'>{}' was written", Hex(rest))));
                    }
                    then.drain(..count);
                    if then.is_empty() {
                        self.events.pop_front();
                    }
                    rest = later;
                }
                _ => return Err(self.differs(format_args!("'>{}' was written", Hex(rest)))),
            }
        }
        Ok(())
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        if !self.line_matters {
            return Ok(());
        }
        self.skip_silence();
        self.gone()?;
        if self.events.front() != Some(&Event::Line(line)) {
            return Err(self.differs(format_args!("'{}' was set", Event::Line(line))));
        }
        self.events.pop_front();
        Ok(())
    }

    /// Throws away the captured bytes up to the next `x`; where none comes before the host's next turn, there was
    /// nothing to throw away.
    fn discard_input(&mut self) -> Result<()> {
        let marker =
            self.events.iter().position(|event| !matches!(event, Event::Received(_) | Event::Silence));
        match marker.and_then(|at| self.events.get(at).map(|event| (at, event))) {
            Some((at, Event::Discard)) => drop(self.events.drain(..=at)),
            _ => self.gone()?,
        }
        Ok(())
    }

    fn pause(&mut self, _time: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event() -> impl Strategy<Value = Event> {
        let bytes = || prop::collection::vec(any::<u8>(), 1..40);
        prop_oneof![
            (any::<u32>(), any::<bool>()).prop_map(|(baud, dtr)| Event::Line(LineSettings { baud, dtr })),
            bytes().prop_map(Event::Sent),
            bytes().prop_map(Event::Received),
            Just(Event::Discard),
            Just(Event::Silence),
            Just(Event::Gone),
        ]
    }

    proptest! {
        #[test]
        fn a_capture_reads_back(events in prop::collection::vec(event(), 0..20)) {
            let text: String = events.iter().map(|event| format!("{event}\n")).collect();
            prop_assert_eq!(read_capture(&text).unwrap(), events);
        }

        #[test]
        fn any_text_is_survived(text in "([><@x.!#0-9a-f +\n]|\\PC){0,80}") {
            if let Err(error) = read_capture(&text) {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
        }

        #[test]
        fn any_replay_ends(events in prop::collection::vec(event(), 0..20)) {
            let mut wire = RecordedTransport::of(events.clone());
            let mut out = [0; 7];
            // Whatever is done to it, every round uses up an event or fails.
            for _ in 0..1000 {
                let _ = wire.read(&mut out, Duration::ZERO);
                let next = wire.remaining().next().cloned();
                match next {
                    Some(Event::Sent(bytes)) => wire.write_all(&bytes, Duration::ZERO).unwrap(),
                    Some(Event::Line(line)) => wire.configure(line).unwrap(),
                    Some(Event::Discard) => wire.discard_input().unwrap(),
                    Some(Event::Gone) => {
                        prop_assert_eq!(wire.read(&mut out, Duration::ZERO).unwrap_err().kind(), ErrorKind::Disconnected);
                        return Ok(());
                    }
                    Some(Event::Received(_) | Event::Silence) => {}
                    None => return Ok(()),
                }
            }
            prop_assert!(false, "the replay of {events:?} does not end");
        }
    }
}
