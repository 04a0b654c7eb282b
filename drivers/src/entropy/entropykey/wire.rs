//! The conversation with an Entropy Key: reset, session keys, frames that are proved or refused, and long-term keys.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::keys::{Key, NONCE, Session};
use super::protocol::{
    CONTENT, Command, FRAME, FailMode, Fips, Frame, FrameReader, Generators, Information, LAST_SEQUENCE,
    Message, Serial,
};
use crate::transport::Transport;

/// How long the device may take for an answer. It gathers entropy for a key first.
const ANSWER: Duration = Duration::from_secs(3);
/// How long writing a few letters may take.
const WRITE: Duration = Duration::from_secs(1);
/// How many other frames may come before an answer does: a block of entropy is 78 of them.
const OTHERS: u32 = 300;

/// Bytes in which a device would long have sent a frame.
const MOST_WITHOUT_A_FRAME: usize = 100 * FRAME;

/// What the device last said of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) tenths_of_kelvin: Option<u32>,
    pub(super) millivolts: Option<u32>,
    pub(super) fips: Option<Fips>,
    pub(super) generators: Option<Generators>,
}

impl State {
    fn note(&mut self, blocks: Vec<Information>) {
        for block in blocks {
            match block {
                Information::Temperature(tenths) => self.tenths_of_kelvin = Some(tenths),
                Information::Supply(millivolts) => self.millivolts = Some(millivolts),
                Information::Fips(fips) => self.fips = Some(fips),
                Information::Generators(generators) => self.generators = Some(generators),
                Information::Other => {}
            }
        }
    }

    pub(super) fn failure(&self) -> FailMode {
        self.generators.map_or(FailMode::NONE, |generators| generators.failure)
    }
}

/// What came, once what the wire itself has to do with it is done.
pub(super) enum Event {
    /// Decrypted entropy.
    Entropy(Zeroizing<[u8; 32]>),
    /// It wants a session key.
    NeedsKey,
    /// Anything else; the [`State`] may have changed.
    Noted,
}

/// A device that has told its serial number.
pub(super) struct Wire {
    transport: Box<dyn Transport>,
    reader: FrameReader,
    received: Vec<u8>,
    session: Session,
    /// The sequence number that comes next; `None` without a session key.
    next: Option<u16>,
    /// Whether a frame has proved that device and host hold the same session key.
    proved: bool,
    pub(super) state: State,
    /// Entropy frames that never arrived.
    pub(super) lost: u64,
    pub(super) rekeyings: u64,
}

impl Wire {
    /// Resets the device at the other end and learns who it is.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`; `Protocol` when something else answers, `Unsupported` for another protocol version.
    pub(super) fn meet(mut transport: Box<dyn Transport>) -> Result<Self> {
        transport.discard_input()?;
        let mut wire = Self {
            transport,
            reader: FrameReader::default(),
            received: Vec::new(),
            session: Session::unkeyed(Serial([0; 12])),
            next: None,
            proved: false,
            state: State::default(),
            lost: 0,
            rekeyings: 0,
        };
        wire.reset(None)?;
        Ok(wire)
    }

    pub(super) fn serial(&self) -> Serial {
        self.session.serial()
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn skipped(&self) -> u64 {
        self.reader.skipped()
    }

    fn say(&mut self, command: &Command) -> Result<()> {
        self.transport.write_all(&Zeroizing::new(command.encode()), WRITE)
    }

    /// Brings the device to its beginning, where the session key is zero.
    pub(super) fn reset(&mut self, expected: Option<Serial>) -> Result<()> {
        self.next = None;
        self.say(&Command::Reset)?;
        for _ in 0..OTHERS {
            let frame = self.frame(ANSWER)?;
            // What was under way is under a key that is forgotten.
            let Ok(Message::Serial { protocol, serial }) = Message::parse(&frame.content) else { continue };
            let session = Session::unkeyed(serial);
            if !frame.is_proved_by(&session.mac(&frame.content)) {
                return Err(unproved("the serial number"));
            }
            if protocol != 0 {
                let message = format!("it speaks version {protocol} of the protocol, and only 0 is known");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            if expected.is_some_and(|expected| expected != serial) {
                let message = format!("another Entropy Key answers: {serial}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            self.session = session;
            return Ok(());
        }
        Err(Error::new(ErrorKind::Protocol, "it does not tell its serial number when it is reset"))
    }

    /// The next whole frame, proved by nothing yet.
    fn frame(&mut self, limit: Duration) -> Result<Frame> {
        let mut without = 0;
        loop {
            while !self.received.is_empty() {
                if let Some(frame) = self.reader.push(self.received.remove(0)) {
                    return Ok(frame);
                }
            }
            if without > MOST_WITHOUT_A_FRAME {
                return Err(Error::new(ErrorKind::Protocol, "bytes come, and none of them make a frame"));
            }
            let mut bytes = [0; 64];
            let count = self.transport.read(&mut bytes, limit)?;
            self.received.extend(bytes.iter().take(count));
            without += count;
        }
    }

    /// The next frame, proved and read. A frame that is not proved is an error, and the session is over.
    fn message(&mut self, limit: Duration) -> Result<Message> {
        let frame = self.frame(limit)?;
        let read = Message::parse(&frame.content);
        if let Ok(Message::Serial { serial, .. }) = &read {
            // It was reset, by being unplugged for example: its key is zero again.
            let fresh = Session::unkeyed(*serial);
            let same = *serial == self.session.serial();
            if !(same && frame.is_proved_by(&fresh.mac(&frame.content))) {
                self.next = None;
                return Err(unproved("a serial number"));
            }
            (self.session, self.next) = (fresh, None);
            return read;
        }
        if !frame.is_proved_by(&self.session.mac(&frame.content)) {
            self.next = None;
            return Err(if self.proved {
                unproved("a frame")
            } else {
                unproved("the first frame of the session").context("the long-term key may be the wrong one")
            });
        }
        self.proved = true;
        read
    }

    /// Waits for a frame and does what has to be done about it.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`; `Protocol` for a frame that is not proved, not understood, or that repeats an earlier
    /// one; `Unhealthy` when the generators went bad. The session is over after each but `TimedOut`.
    pub(super) fn event(&mut self, limit: Duration) -> Result<Event> {
        match self.message(limit)? {
            Message::Entropy { sequence, sub_code, cipher } => {
                let Some(next) = self.next else {
                    return Err(Error::new(ErrorKind::Protocol, "entropy comes without a session key"));
                };
                if sequence < next {
                    self.next = None;
                    let message = format!("the frame {sequence} of the session comes again");
                    return Err(Error::new(ErrorKind::Protocol, message));
                }
                self.lost += u64::from(sequence - next);
                self.next = Some(sequence + 1);
                Ok(Event::Entropy(self.session.crypt(sub_code, &cipher)))
            }
            Message::NeedsKey => Ok(Event::NeedsKey),
            Message::Information(blocks) => {
                self.state.note(blocks);
                Ok(Event::Noted)
            }
            Message::GeneratorsBad(why) => {
                self.next = None;
                Err(Error::new(ErrorKind::Unhealthy, format!("the device says: {why}")))
            }
            Message::Serial { .. } => Ok(Event::NeedsKey),
            Message::Unknown(_)
            | Message::Keyed { .. }
            | Message::LongTermUnlocked
            | Message::LongTermKeyed { .. }
            | Message::LongTermRefused(_) => Ok(Event::Noted),
        }
    }

    /// Agrees on a session key.
    ///
    /// # Errors
    /// Those of [`event`](Self::event), and `Protocol` when the device heard another nonce.
    pub(super) fn key(&mut self, long_term: &Key) -> Result<()> {
        let nonce = nonce()?;
        self.next = None;
        self.say(&Command::SessionKey(nonce.to_vec()))?;
        let (nonce_length, entropy) = self.answer(|message| match message {
            Message::Keyed { nonce_length, entropy } => Some(Ok((nonce_length, entropy))),
            _ => None,
        })?;
        same_length(nonce_length)?;
        self.session = Session::keyed(self.session.serial(), long_term, &entropy, &nonce);
        (self.next, self.proved) = (Some(0), false);
        self.rekeyings += 1;
        Ok(())
    }

    /// Gives the device a new long-term key, made with its master key; returns it.
    ///
    /// # Errors
    /// Those of [`event`](Self::event), and `Refused` when the device keeps the old one.
    pub(super) fn long_term_key(&mut self, master: &Key) -> Result<Key> {
        let nonce = nonce()?;
        self.reset(Some(self.serial()))?;
        let serial = self.serial();
        self.say(&Command::NonceMac(master.nonce_mac(serial, &nonce)))?;
        self.answer(|message| match message {
            Message::LongTermUnlocked => Some(Ok(())),
            Message::LongTermRefused(why) => Some(Err(refused(&why))),
            _ => None,
        })?;
        self.say(&Command::LongTermKey(nonce.to_vec()))?;
        let (nonce_length, entropy) = self.answer(|message| match message {
            Message::LongTermKeyed { nonce_length, entropy } => Some(Ok((nonce_length, entropy))),
            Message::LongTermRefused(why) => Some(Err(refused(&why))),
            _ => None,
        })?;
        same_length(nonce_length)?;
        Ok(master.new_long_term(serial, &entropy, &nonce))
    }

    /// Waits for the answer that `take` takes.
    fn answer<T>(&mut self, take: impl Fn(Message) -> Option<Result<T>>) -> Result<T> {
        for _ in 0..OTHERS {
            match self.message(ANSWER)? {
                Message::Information(blocks) => self.state.note(blocks),
                Message::GeneratorsBad(why) => {
                    return Err(Error::new(ErrorKind::Unhealthy, format!("the device says: {why}")));
                }
                Message::Unknown(what) => {
                    let message = format!("the device did not understand what it was told: {what}");
                    return Err(Error::new(ErrorKind::Protocol, message));
                }
                message => {
                    if let Some(answer) = take(message) {
                        return answer;
                    }
                }
            }
        }
        Err(Error::new(ErrorKind::Protocol, "the device does not come to its answer"))
    }

    /// Leaves the device without a session key.
    pub(super) fn rest(&mut self) -> Result<()> {
        self.next = None;
        self.say(&Command::Reset)
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the device says: {why}"))
}

fn unproved(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("{what} carries a wrong message authentication code"))
}

fn same_length(heard: u16) -> Result<()> {
    if usize::from(heard) == NONCE {
        return Ok(());
    }
    let message = format!("the device heard {heard} bytes of a nonce of {NONCE}");
    Err(Error::new(ErrorKind::Protocol, message))
}

/// The host's share of a key.
fn nonce() -> Result<[u8; NONCE]> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|cause| Error::new(ErrorKind::Other, "the operating system gave no nonce").because(cause))?;
    Ok(nonce)
}

// A session has room for its last number, and a content for a binary frame.
const _: () = assert!(LAST_SEQUENCE < u16::MAX && CONTENT == 4 + 48);
