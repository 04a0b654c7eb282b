//! Writes down what was said to a USB device, one transfer a line, and plays it back, insisting on our side of it.
//!
//! A capture is plain text; `#` begins a comment, blank lines mean nothing:
//!
//! ```text
//! c c1 13 00 00 00 00 01 00 < 01       a request on endpoint 0, and what came back
//! c 41 12 00 00 00 00 00 00 >          a request that was told, with its data (here none)
//! b 86 < 0a ff                         a transfer from an endpoint
//! b 02 > 20 00                         a transfer to an endpoint
//! b 86 ! refused                       a transfer that failed: refused, timed out, disconnected, protocol
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{Setup, UsbTransport};
use crate::transport::ports::UsbDevice;

/// Whom a transfer speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Endpoint 0, with the eight bytes of the request.
    Control([u8; 8]),
    /// Another endpoint.
    Bulk(u8),
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// These bytes came.
    Received(Vec<u8>),
    /// These bytes went.
    Sent(Vec<u8>),
    /// It failed.
    Failed(ErrorKind),
}

/// One transfer. [`Display`](fmt::Display) and [`FromStr`] are each other's inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Whom it speaks to.
    pub target: Target,
    /// How it ended.
    pub end: End,
}

/// The failures that a capture knows.
const FAILURES: [ErrorKind; 5] = [
    ErrorKind::Refused,
    ErrorKind::TimedOut,
    ErrorKind::Disconnected,
    ErrorKind::Protocol,
    ErrorKind::InvalidInput,
];

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
        };
        match self.target {
            Target::Control(setup) => {
                f.write_str("c")?;
                hex(f, &setup)?;
            }
            Target::Bulk(endpoint) => write!(f, "b {endpoint:02x}")?,
        }
        match &self.end {
            End::Received(bytes) => {
                f.write_str(" <")?;
                hex(f, bytes)
            }
            End::Sent(bytes) => {
                f.write_str(" >")?;
                hex(f, bytes)
            }
            End::Failed(kind) => write!(f, " ! {kind}"),
        }
    }
}

impl FromStr for Transfer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            |why: &str| Error::new(ErrorKind::InvalidInput, format!("'{text}' is no transfer: {why}"));
        let bytes = |words: &str| -> Result<Vec<u8>> {
            let byte = |word: &str| (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten();
            let bytes: Option<Vec<u8>> = words.split_ascii_whitespace().map(byte).collect();
            bytes.ok_or_else(|| wrong("bytes are pairs of hexadecimal digits"))
        };
        let at = text.find(['<', '>', '!']).ok_or_else(|| wrong("it has neither <, > nor !"))?;
        let (whom, how) = text.split_at(at);
        let (sign, rest) = how.split_at(1);
        let target = match whom.trim().split_at_checked(1) {
            Some(("c", setup)) => {
                let setup: std::result::Result<[u8; 8], _> = bytes(setup)?.try_into();
                Target::Control(setup.map_err(|_| wrong("a request has eight bytes"))?)
            }
            Some(("b", endpoint)) => match bytes(endpoint)?.as_slice() {
                [endpoint] => Target::Bulk(*endpoint),
                _ => return Err(wrong("an endpoint is one byte")),
            },
            _ => return Err(wrong("it begins with c or b")),
        };
        let end = match sign {
            "<" => End::Received(bytes(rest)?),
            ">" => End::Sent(bytes(rest)?),
            _ => {
                let kind = FAILURES.into_iter().find(|kind| kind.as_str() == rest.trim());
                End::Failed(kind.ok_or_else(|| wrong("it fails in no way that is known"))?)
            }
        };
        Ok(Self { target, end })
    }
}

/// Reads a capture.
///
/// # Errors
/// `InvalidInput` with the number of the line that cannot be read.
pub fn read_capture(text: &str) -> Result<Vec<Transfer>> {
    let mut transfers = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            transfers
                .push(line.parse::<Transfer>().map_err(|error| error.context(format!("line {number}")))?);
        }
    }
    Ok(transfers)
}

/// Passes everything through to `inner` and writes it down.
///
/// A capture holds the random bytes themselves: what was captured must not be used as a secret any more.
pub struct TracingUsb<T: UsbTransport, W: Write + Send> {
    inner: T,
    log: W,
    failed: Option<io::Error>,
}

impl<T: UsbTransport, W: Write + Send> TracingUsb<T, W> {
    /// Writes what happens on `inner` from now on to `log`.
    pub fn new(inner: T, log: W) -> Self {
        Self { inner, log, failed: None }
    }

    /// Ends the capture and gives both back.
    ///
    /// # Errors
    /// The kind of the cause when the capture could not be written to its end.
    pub fn finish(mut self) -> Result<(T, W)> {
        if self.failed.is_none() {
            self.failed = self.log.flush().err();
        }
        match self.failed {
            Some(cause) => Err(Error::from_io(cause, "the capture could not be written to its end")),
            None => Ok((self.inner, self.log)),
        }
    }

    fn note<R>(&mut self, target: Target, result: &Result<R>, end: impl FnOnce(&R) -> End) {
        let end = match result {
            Ok(value) => end(value),
            Err(error) => End::Failed(error.kind()),
        };
        if self.failed.is_none() {
            self.failed = writeln!(self.log, "{}", Transfer { target, end }).err();
        }
    }
}

/// The setup packet with the length of its data.
fn control(setup: Setup, length: usize) -> Target {
    Target::Control(setup.to_bytes(u16::try_from(length).unwrap_or(u16::MAX)))
}

fn clear_halt(endpoint: u8) -> Target {
    control(Setup::new(2, 1).with(0, endpoint.into()), 0)
}

fn set_alternate(interface: u8, setting: u8) -> Target {
    control(Setup::new(1, 11).with(setting.into(), interface.into()), 0)
}

impl<T: UsbTransport, W: Write + Send> UsbTransport for TracingUsb<T, W> {
    fn device(&self) -> &UsbDevice {
        self.inner.device()
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.inner.max_packet(endpoint)
    }

    fn endpoints(&self) -> Vec<u8> {
        self.inner.endpoints()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let target = control(setup, out.len());
        let result = self.inner.control_in(setup, out, timeout);
        self.note(target, &result, |count| End::Received(out.get(..*count).unwrap_or_default().to_vec()));
        result
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        let result = self.inner.control_out(setup, data, timeout);
        self.note(control(setup, data.len()), &result, |()| End::Sent(data.to_vec()));
        result
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let result = self.inner.bulk_in(endpoint, out, timeout);
        let target = Target::Bulk(endpoint);
        self.note(target, &result, |count| End::Received(out.get(..*count).unwrap_or_default().to_vec()));
        result
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        let result = self.inner.bulk_out(endpoint, data, timeout);
        self.note(Target::Bulk(endpoint), &result, |()| End::Sent(data.to_vec()));
        result
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        let result = self.inner.clear_halt(endpoint);
        self.note(clear_halt(endpoint), &result, |()| End::Sent(Vec::new()));
        result
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        let result = self.inner.set_alternate(interface, setting);
        self.note(set_alternate(interface, setting), &result, |()| End::Sent(Vec::new()));
        result
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }

    fn keeps_time(&self) -> bool {
        self.inner.keeps_time()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

/// Plays the device's part of a capture. Strict: every transfer must be the one that was captured, or it fails with
/// `Protocol`. Nothing waits; past the end the device is gone.
pub struct RecordedUsb {
    transfers: VecDeque<Transfer>,
    device: UsbDevice,
    packets: Vec<(u8, usize)>,
    now: Duration,
}

impl RecordedUsb {
    /// Replays the capture in `text` as `device`, whose bulk endpoints have packets of these sizes.
    ///
    /// # Errors
    /// Those of [`read_capture`].
    pub fn new(text: &str, device: UsbDevice, packets: &[(u8, usize)]) -> Result<Self> {
        let transfers = read_capture(text)?.into();
        Ok(Self { transfers, device, packets: packets.to_vec(), now: Duration::ZERO })
    }

    /// What has not been replayed yet; empty when the conversation went to its end.
    pub fn remaining(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.iter()
    }

    fn next(&mut self, target: Target, data: &[u8]) -> Result<Vec<u8>> {
        let Some(transfer) = self.transfers.pop_front() else {
            return Err(Error::new(ErrorKind::Disconnected, "the capture ends here"));
        };
        let asked = Transfer { target, end: End::Sent(data.to_vec()) };
        let differs = || {
            let message = format!("'{asked}' was asked, and the capture goes on with '{transfer}'");
            Err(Error::new(ErrorKind::Protocol, message))
        };
        match &transfer.end {
            _ if transfer.target != target => differs(),
            End::Failed(kind) => Err(Error::new(*kind, "the captured transfer failed here")),
            End::Sent(then) if then != data => differs(),
            End::Sent(_) => Ok(Vec::new()),
            End::Received(bytes) => Ok(bytes.clone()),
        }
    }

    fn receive(&mut self, target: Target, out: &mut [u8]) -> Result<usize> {
        let bytes = self.next(target, &[])?;
        for (slot, byte) in out.iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        Ok(bytes.len().min(out.len()))
    }
}

impl UsbTransport for RecordedUsb {
    fn device(&self) -> &UsbDevice {
        &self.device
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.packets.iter().find(|(address, _)| *address == endpoint).map(|(_, packet)| *packet)
    }

    fn endpoints(&self) -> Vec<u8> {
        self.packets.iter().map(|(address, _)| *address).collect()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], _timeout: Duration) -> Result<usize> {
        self.receive(control(setup, out.len()), out)
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], _timeout: Duration) -> Result<()> {
        self.next(control(setup, data.len()), data).map(drop)
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], _timeout: Duration) -> Result<usize> {
        self.receive(Target::Bulk(endpoint), out)
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], _timeout: Duration) -> Result<()> {
        self.next(Target::Bulk(endpoint), data).map(drop)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.next(clear_halt(endpoint), &[]).map(drop)
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        self.next(set_alternate(interface, setting), &[]).map(drop)
    }

    fn pause(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    fn now(&self) -> Duration {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transfer() -> impl Strategy<Value = Transfer> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let target =
            prop_oneof![any::<[u8; 8]>().prop_map(Target::Control), any::<u8>().prop_map(Target::Bulk)];
        let end = prop_oneof![
            bytes().prop_map(End::Received),
            bytes().prop_map(End::Sent),
            prop::sample::select(FAILURES.to_vec()).prop_map(End::Failed),
        ];
        (target, end).prop_map(|(target, end)| Transfer { target, end })
    }

    proptest! {
        #[test]
        fn a_capture_reads_back(transfers in prop::collection::vec(transfer(), 0..10)) {
            let text: String = transfers.iter().map(|transfer| format!("{transfer}\n")).collect();
            prop_assert_eq!(read_capture(&text).unwrap(), transfers);
        }

        #[test]
        fn any_text_is_survived(text in "([cb<>!#0-9a-f \n]|\\PC){0,80}") {
            if let Err(error) = read_capture(&text) {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
        }
    }
}
