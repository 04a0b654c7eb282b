//! One conversation between the ends: the greeting, blocks of light and their distillation, until one of them has had enough.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use qhal::{Error, ErrorKind, Provenance, Result};
use qhal_distillation::authentication::{Role, Secrets};
use qhal_distillation::session::{Alice, Bob, Config, MESSAGES, Outcome, Reason};
use qhal_simulator::photonics::Monitors;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::pulses::{Receiving, Sending};
use super::shared::Shared;
use super::wire::{Message, SILENCE, VERSION, Wire};
use super::{CONNECTING, Goal, Ready};
use crate::link::random::SeededRandom;
use crate::link::{Alarm, BLOCK_DETECTIONS};
use crate::simulated::operating_system_seed;

/// Detections that a block should have: enough for finite-key bounds, few enough for a block a second or two.
const DETECTIONS: f64 = 1.5e6;
/// More are not waited for: they would fill the memory.
const MOST_DETECTIONS: usize = 4 * BLOCK_DETECTIONS;
/// Alarms of one block that are listened to.
const MOST_ALARMS: usize = 8;
/// The shortest and the longest block, in simulated seconds.
const BLOCK_SECONDS: (f64, f64) = (0.05, 60.0);
/// Blocks for which a conversation's secrets last without any key.
const BLOCKS: usize = 1024;
/// How often something is said even if there is nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long is waited for a message before anything else is done.
const TURN: Duration = Duration::from_millis(100);

/// An end in conversation.
pub(super) struct Conversation<'a> {
    wire: Wire,
    shared: &'a Shared,
    settings: &'a Ready,
    begun: Instant,
    /// When the other end was last heard.
    heard: Instant,
    /// What this end last said of its wants, and when.
    said: Option<(bool, Instant)>,
    /// Whether the other end wants more key.
    theirs: bool,
    session: u64,
}

/// Whether the other end goes on.
enum Heard {
    Message(Message),
    Nothing,
    Bye,
}

impl<'a> Conversation<'a> {
    /// Greets, and agrees on secrets.
    ///
    /// # Errors
    /// `Protocol` for somebody else and for other settings at the other end; the wire's kinds.
    pub(super) fn begin(mut wire: Wire, settings: &'a Ready, shared: &'a Shared) -> Result<(Self, Secrets)> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|cause| {
            Error::new(ErrorKind::Other, format!("the system has no randomness: {cause}"))
        })?;
        let words = settings.words();
        let settings_here = words.clone();
        wire.send(&Message::Hello { version: VERSION, nonce, settings: words })?;
        let (theirs, words) = match wire.receive(CONNECTING)? {
            Some(Message::Hello { version: VERSION, nonce, settings }) => (nonce, settings),
            Some(Message::Hello { version, .. }) => {
                let message = format!(
                    "the other end speaks version {version} of the link's protocol, this one {VERSION}"
                );
                return Err(Error::new(ErrorKind::Protocol, message));
            }
            _ => return Err(Error::new(ErrorKind::Protocol, "no end of a simulated link answers there")),
        };
        if words != settings_here {
            let message =
                format!("the other end of the link is set to '{words}', this one to '{settings_here}'");
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        let nonces = match settings.role {
            Role::Alice => [nonce, theirs],
            Role::Bob => [theirs, nonce],
        };
        let keyed = |what: &str| -> Result<Hmac<Sha256>> {
            let mut mac = Hmac::<Sha256>::new_from_slice(&settings.secret)
                .map_err(|_| Error::new(ErrorKind::InvalidInput, "the link's secret cannot be used"))?;
            mac.update(what.as_bytes());
            nonces.iter().for_each(|nonce| mac.update(nonce));
            Ok(mac)
        };
        let derived = |what: &str| -> Result<Zeroizing<[u8; 32]>> {
            Ok(Zeroizing::new(keyed(what)?.finalize().into_bytes().into()))
        };
        let proof = |role: Role| keyed(if role == Role::Alice { "proof: alice" } else { "proof: bob" });
        wire.send(&Message::Proof(proof(settings.role)?.finalize().into_bytes().into()))?;
        let right = match wire.receive(CONNECTING)? {
            Some(Message::Proof(tag)) => proof(settings.role.peer())?.verify_slice(&tag).is_ok(),
            _ => false,
        };
        if !right {
            let message = "the other end of the link does not have the same secret";
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        let session = derived("session")?;
        let session = u64::from_le_bytes(session.first_chunk().copied().unwrap_or_default());
        // Fresh pads for every conversation, so that none is used twice whatever happens: as secret as the cipher is strong,
        // where a link that is not simulated would keep account of what is left of its preshared bits.
        let mut preshared = Zeroizing::new(vec![0; Secrets::preshared_bytes(BLOCKS, MESSAGES)]);
        ChaCha20Rng::from_seed(*derived("authentication")?).fill_bytes(&mut preshared);
        let now = Instant::now();
        let conversation =
            Self { wire, shared, settings, begun: now, heard: now, said: None, theirs: true, session };
        Ok((conversation, Secrets::new(&preshared)?))
    }

    /// Which conversation it is, the same at both ends.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What comes next, within `limit`.
    fn hear(&mut self, limit: Duration) -> Result<Heard> {
        match self.wire.receive(limit)? {
            Some(message) => {
                self.heard = Instant::now();
                Ok(match message {
                    Message::Bye => Heard::Bye,
                    Message::Wants(wants) => {
                        self.theirs = wants;
                        Heard::Nothing
                    }
                    Message::Alarms(alarms) => {
                        let alarms = alarms
                            .into_iter()
                            .take(MOST_ALARMS)
                            .filter_map(|[name, what]| told(&name, what))
                            .collect();
                        self.shared.change(|state| state.raise(alarms));
                        Heard::Message(Message::Alarms(Vec::new()))
                    }
                    message => Heard::Message(message),
                })
            }
            None if self.heard.elapsed() > SILENCE => {
                Err(Error::new(ErrorKind::TimedOut, "the other end of the link says nothing any more"))
            }
            None => Ok(Heard::Nothing),
        }
    }

    /// Says whether this end wants more key, when that changed or nothing was said for long.
    fn say_wants(&mut self) -> Result<bool> {
        let wants = match self.settings.goal {
            Goal::Seconds(_) => true,
            Goal::Store => self.shared.wants(),
        };
        let known = self.said.is_some_and(|(said, at)| said == wants && at.elapsed() < HEARTBEAT);
        if !known {
            self.wire.send(&Message::Wants(wants))?;
            self.said = Some((wants, Instant::now()));
        }
        Ok(wants)
    }

    /// Notes alarms, and tells the other end.
    fn distrust(&mut self, alarms: Vec<Alarm>) -> Result<()> {
        let words = alarms.iter().map(|alarm| [alarm.name.to_owned(), alarm.what.clone()]).collect();
        self.shared.change(|state| state.raise(alarms));
        self.wire.send(&Message::Alarms(words))
    }

    fn say(&mut self, message: Option<Vec<u8>>) -> Result<()> {
        message.map_or(Ok(()), |bytes| self.wire.send(&Message::Classical(bytes)))
    }

    fn book(&self, mut next: impl FnMut() -> Option<Outcome>) {
        while let Some(outcome) = next() {
            self.shared.change(|state| state.book(self.session, outcome));
        }
    }

    fn bye(&mut self) -> Result<()> {
        self.wire.send(&Message::Bye)
    }

    /// The sending end, until enough was made or somebody goes.
    ///
    /// # Errors
    /// Those of the wire and of distillation's beginning; `Protocol` for what the other end should not say.
    pub(super) fn send(mut self, sending: &mut Sending, secrets: Secrets) -> Result<()> {
        // Not of the session, which the names of keys tell, nor of the photons' seed, which may come again.
        let random = Box::new(SeededRandom::new(operating_system_seed()?, 12));
        let mut alice = Alice::new(config(), secrets, random, Provenance::Simulated)?;
        let usual = sending.seconds_for(DETECTIONS).clamp(BLOCK_SECONDS.0, BLOCK_SECONDS.1);
        for block in 0.. {
            let length = loop {
                let wants = self.say_wants()?;
                let left = self.left();
                if self.shared.is_stopped() || left <= 1e-9 {
                    return self.bye();
                }
                if wants || self.theirs {
                    // Blocks of equal length: a short one at the end would leave nothing.
                    break if left.is_finite() {
                        left / (left / usual - 1e-9).ceil().max(1.0)
                    } else {
                        usual
                    };
                }
                if matches!(self.hear(TURN)?, Heard::Bye) {
                    return Ok(());
                }
            };
            let Some((pulses, monitors)) = self.shine(sending, length)? else { return self.bye() };
            self.wire.send(&Message::Block(block))?;
            self.heard = Instant::now();
            alice.begin(block, sending.prepared(), self.now())?;
            let mut judged = false;
            while !alice.is_idle() {
                if self.shared.is_stopped() {
                    return self.bye();
                }
                let message = match self.hear(TURN)? {
                    Heard::Bye => return Ok(()),
                    Heard::Nothing => alice.tick(self.now()),
                    Heard::Message(Message::Alarms(_)) => alice.abandon(self.now()),
                    Heard::Message(Message::Classical(bytes)) => {
                        let answer = alice.receive(&bytes, self.now());
                        let counts = alice.sifted().filter(|_| !judged);
                        let seen =
                            counts.map(|(_, counts)| sending.sifted(counts, pulses, monitors).alarms());
                        judged |= seen.is_some();
                        match seen {
                            Some(alarms) if !alarms.is_empty() => {
                                self.distrust(alarms)?;
                                // It may have been given up already, which the answer says.
                                if alice.is_idle() { answer } else { alice.abandon(self.now()) }
                            }
                            _ => answer,
                        }
                    }
                    Heard::Message(_) => return Err(out_of_place()),
                };
                self.say(message)?;
            }
            let announced = alice.sifted().map_or(0, |(announced, _)| announced);
            self.shared.change(|state| {
                state.figures.blocks += 1;
                state.figures.detections += announced;
            });
            self.book(|| alice.next_outcome());
        }
        Ok(())
    }

    /// Seconds that are still to be simulated.
    fn left(&self) -> f64 {
        match self.settings.goal {
            Goal::Seconds(seconds) => seconds - self.shared.lock().figures.seconds,
            Goal::Store => f64::INFINITY,
        }
    }

    /// The light of a block; `None` when this end is to stop.
    fn shine(&mut self, sending: &mut Sending, seconds: f64) -> Result<Option<(u64, Monitors)>> {
        let (mut pulses, mut passed) = (0, 0.0);
        let mut monitors = Monitors::USUAL;
        while seconds - passed > 1e-9 {
            if self.shared.is_stopped() {
                return Ok(None);
            }
            let (slots, tags, read) = sending.frame(seconds - passed)?;
            pulses += slots;
            passed += sending.seconds(slots);
            monitors = read;
            self.wire.send(&Message::Light { pulses: slots, bias_current: read.bias_current, tags })?;
        }
        self.shared.change(|state| state.figures.seconds += passed);
        Ok(Some((pulses, monitors)))
    }

    /// The receiving end, until somebody goes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(super) fn receive(mut self, receiving: &mut Receiving, secrets: Secrets) -> Result<()> {
        let mut bob = Bob::new(config(), secrets, Provenance::Simulated)?;
        // Light of a block that was cut short belongs to none.
        receiving.finish();
        loop {
            if self.shared.is_stopped() {
                return self.bye();
            }
            self.say_wants()?;
            let message = match self.hear(TURN)? {
                Heard::Bye => return Ok(()),
                Heard::Nothing => bob.tick(self.now()),
                Heard::Message(Message::Light { pulses, bias_current, tags }) => {
                    receiving.take(pulses, &tags, bias_current)?;
                    if receiving.detected() > MOST_DETECTIONS {
                        let message = "the other end of the link sends light without end";
                        return Err(Error::new(ErrorKind::Protocol, message));
                    }
                    self.shared.change(|state| state.figures.seconds += receiving.seconds(pulses));
                    None
                }
                Heard::Message(Message::Block(number)) => {
                    let (detections, seen) = receiving.finish();
                    self.shared.change(|state| {
                        state.figures.blocks += 1;
                        state.figures.detections += detections.len() as u64;
                    });
                    let alarms = seen.alarms();
                    if alarms.is_empty() {
                        bob.begin(number, &detections, self.now())?
                    } else {
                        // Nothing of the block is told.
                        self.distrust(alarms)?;
                        None
                    }
                }
                Heard::Message(Message::Classical(bytes)) => bob.receive(&bytes, self.now()),
                // Alice tells Bob's machine with a tag.
                Heard::Message(Message::Alarms(_)) => None,
                Heard::Message(_) => return Err(out_of_place()),
            };
            self.say(message)?;
            self.book(|| bob.next_outcome());
        }
    }
}

fn config() -> Config {
    Config::new(Sending::protocol())
}

fn out_of_place() -> Error {
    Error::new(ErrorKind::Protocol, "the other end of the link says what only this one should")
}

/// An alarm that the other end raised.
fn told(name: &str, what: String) -> Option<Alarm> {
    let known = super::super::ATTACKS.into_iter().chain(["lost-synchronisation"]);
    let name = known.into_iter().find(|known| *known == name).unwrap_or(Reason::Suspect.as_str());
    let what: String = what.chars().filter(|c| !c.is_control()).take(200).collect();
    Some(Alarm { name, what: format!("{what} (seen at the other end)"), discards: true })
}
