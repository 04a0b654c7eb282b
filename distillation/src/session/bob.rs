//! The end that measures: it corrects its key.

use std::time::Duration;

use qhal::{Provenance, Result, SecretKey};
use zeroize::Zeroizing;

use super::Config;
use super::endpoint::{Endpoint, Received, Traffic};
use super::frame::Kind;
use super::payload::{HashMessage, Known, SelectionMessage, blocks_since, plan, write_counts};
use super::report::{Outcome, Reason, Report};
use crate::authentication::{Ledger, Role, Secrets};
use crate::bits::Bits;
use crate::cascade::{self, Step};
use crate::sifting::{Announcement, Detection, Sifted, keep};
use crate::verification::Verification;
use crate::wire::{Reader, Writer};

type Done = (SecretKey, Zeroizing<Vec<u8>>, Report);

/// What Bob waits for.
enum State {
    Selection(Vec<Detection>),
    Answers(Box<Sifted>, Box<cascade::Bob>),
    Hash(Box<Sifted>, Bits, u64, u64),
    Seed(Box<Known>, Bits),
    Acknowledgement(Box<Done>),
    Nothing,
}

/// Bob's state machine. See [the module](super).
pub struct Bob {
    end: Endpoint,
    verification: Verification,
    state: State,
    /// A key that Alice may or may not have.
    undecided: Option<(u64, Box<Done>)>,
    /// Blocks that took pads since the last one that gave a key, as Alice knows it.
    blocks: u64,
}

/// What a step leads to.
enum Next {
    Send(Kind, Vec<u8>),
    Over(Reason),
    /// It does not make sense; a repeated one may.
    Nonsense,
}

impl Bob {
    /// With the secrets shared with Alice; `provenance` is that of what the keys will be made of.
    ///
    /// # Errors
    /// `InvalidInput` when the configuration contradicts itself.
    pub fn new(config: Config, secrets: Secrets, provenance: Provenance) -> Result<Self> {
        let verification = config.check()?;
        let end = Endpoint::new(config, Role::Bob, secrets, provenance);
        Ok(Self { end, verification, state: State::Nothing, undecided: None, blocks: 1 })
    }

    /// Begins a block with its detections, whose slots rise, and gives the first message. A block that was under way is forgotten.
    ///
    /// # Errors
    /// `InvalidInput` for detections out of order and for a block that was begun before; `Exhausted` when the secrets do not
    /// last for it.
    pub fn begin(&mut self, block: u64, detections: &[Detection], now: Duration) -> Result<Option<Vec<u8>>> {
        let mut to = Writer::new();
        Announcement::of(detections)?.write(&mut to);
        self.end.begin(block, now)?;
        self.state = State::Selection(detections.to_vec());
        Ok(self.end.send(Kind::Detections, &to.finish(), now))
    }

    /// Takes a message and gives the one to be sent, if any. Whatever comes, nothing but the block can be lost.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) -> Option<Vec<u8>> {
        let (kind, contents) = match self.end.receive(bytes) {
            Received::Known(again) => return again,
            Received::Enough => return self.give_up(Reason::Forgery, true, now),
            Received::Aborted(reason) => return self.aborted(reason, now),
            Received::New(kind, contents) => (kind, contents),
        };
        let next = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Selection(detections) if kind == Kind::Selection => self.selection(&detections, contents),
            State::Answers(sifted, end) if kind == Kind::Answer => {
                return self.answer(sifted, end, contents, bytes, now);
            }
            State::Hash(sifted, key, learnt, rounds) if kind == Kind::Hash => {
                self.hash(&sifted, key, learnt, rounds, contents)
            }
            State::Seed(known, key) if kind == Kind::Seed => self.seed(&known, &key, contents),
            State::Acknowledgement(done) if kind == Kind::Acknowledgement => {
                self.end.accept(kind, bytes);
                if let Some(block) = self.end.block {
                    self.deliver(block, *done);
                    self.end.mark_finished();
                }
                return None;
            }
            other => {
                self.state = other;
                Next::Nonsense
            }
        };
        match next {
            Next::Send(kind_to_send, contents) => {
                self.end.accept(kind, bytes);
                self.end.send(kind_to_send, &contents, now)
            }
            Next::Over(reason) => {
                self.end.accept(kind, bytes);
                self.give_up(reason, true, now)
            }
            Next::Nonsense if kind.pad().is_none() => match self.end.forged() {
                Received::Enough => self.give_up(Reason::Forgery, true, now),
                _ => None,
            },
            // With a right tag, nonsense is Alice's own.
            Next::Nonsense => self.give_up(Reason::Protocol, true, now),
        }
    }

    /// Gives the last message again if it is time for that, and gives the block up after too many.
    pub fn tick(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.end.tick(now).unwrap_or_else(|_silent| self.give_up(Reason::PeerSilent, true, now))
    }

    /// What became of blocks, oldest first; each is given once.
    pub fn next_outcome(&mut self) -> Option<Outcome> {
        self.end.outcomes.pop_front()
    }

    /// Whether no block is under way.
    pub fn is_idle(&self) -> bool {
        self.end.is_finished()
    }

    /// The account of the secrets for authentication.
    pub fn ledger(&self) -> Ledger {
        self.end.secrets.ledger()
    }

    /// What came over the channel.
    pub fn traffic(&self) -> Traffic {
        self.end.traffic
    }

    /// Ends the block; once the commit is sent, only Alice can say how.
    fn give_up(&mut self, reason: Reason, tell: bool, now: Duration) -> Option<Vec<u8>> {
        match (std::mem::replace(&mut self.state, State::Nothing), self.end.block) {
            (State::Acknowledgement(done), Some(block)) => {
                self.undecided = Some((block, done));
                self.end.finish(Outcome::Undecided { block });
                None
            }
            _ => self.end.discard(reason, tell, now),
        }
    }

    /// Alice gave the block up, so she does not have its key.
    fn aborted(&mut self, reason: Reason, now: Duration) -> Option<Vec<u8>> {
        self.state = State::Nothing;
        self.end.discard(reason, false, now)
    }

    fn deliver(&mut self, block: u64, done: Done) {
        let (key, refill, report) = done;
        // The refill is an even number of pads by construction.
        let outcome = match self.end.secrets.refill(&refill) {
            Ok(()) => Outcome::Key { block, key, report },
            Err(_) => Outcome::Discarded { block, reason: Reason::Protocol },
        };
        self.end.outcomes.push_back(outcome);
    }

    fn selection(&mut self, detections: &[Detection], contents: &[u8]) -> Next {
        let Ok(message) = SelectionMessage::read(contents) else { return Next::Nonsense };
        if let Some((block, done)) = self.undecided.take() {
            if message.committed == Some(block) {
                self.deliver(block, *done);
            } else {
                self.end.outcomes.push_back(Outcome::Discarded { block, reason: Reason::PeerSilent });
            }
        }
        self.blocks = blocks_since(message.committed, self.end.block.unwrap_or_default());
        let Ok(sifted) = keep(detections, &message.selection) else { return Next::Nonsense };
        let schedule = self.end.config.schedule;
        let ready = plan(schedule, sifted.key.len(), message.expected_qber, message.seed)
            .and_then(|plan| cascade::Bob::new(&plan, &sifted.key));
        let Ok(mut end) = ready else { return Next::Nonsense };
        let step = end.begin();
        self.step(Box::new(sifted), Box::new(end), step)
    }

    fn step(&mut self, sifted: Box<Sifted>, end: Box<cascade::Bob>, step: Step) -> Next {
        let mut to = Writer::new();
        match step {
            Step::Ask(question) => {
                question.write(&mut to);
                self.state = State::Answers(sifted, end);
                Next::Send(Kind::Question, to.finish())
            }
            Step::Done => {
                to.number(end.learnt());
                self.state = State::Hash(sifted, end.key(), end.learnt(), end.rounds());
                Next::Send(Kind::Reconciled, to.finish())
            }
        }
    }

    fn answer(
        &mut self,
        sifted: Box<Sifted>,
        mut end: Box<cascade::Bob>,
        contents: &[u8],
        bytes: &[u8],
        now: Duration,
    ) -> Option<Vec<u8>> {
        let mut from = Reader::new(contents);
        let step = from.bits().and_then(|answer| from.end().and_then(|()| end.answered(&answer)));
        match step {
            Ok(step) => {
                self.end.accept(Kind::Answer, bytes);
                match self.step(sifted, end, step) {
                    Next::Send(kind, contents) => self.end.send(kind, &contents, now),
                    Next::Over(reason) => self.give_up(reason, true, now),
                    Next::Nonsense => self.give_up(Reason::Protocol, true, now),
                }
            }
            // Answers that contradict each other have been altered on the way: no tag covers them yet.
            Err(error) if error.kind() == qhal::ErrorKind::Unhealthy => {
                self.give_up(Reason::Forgery, true, now)
            }
            Err(_) => {
                self.state = State::Answers(sifted, end);
                match self.end.forged() {
                    Received::Enough => self.give_up(Reason::Forgery, true, now),
                    _ => None,
                }
            }
        }
    }

    fn hash(&mut self, sifted: &Sifted, key: Bits, learnt: u64, rounds: u64, contents: &[u8]) -> Next {
        let Ok(message) = HashMessage::read(contents) else { return Next::Nonsense };
        if !Verification::agree(&self.verification.tag(&key, &message.seed), &message.tag) {
            return Next::Over(Reason::NotEqual);
        }
        let mut counts = sifted.counts;
        counts.check.errors = message.check_errors;
        let Ok(errors) = sifted.count_errors(&key) else { return Next::Nonsense };
        counts.key.errors = errors;
        let verification_bits = self.verification.bits();
        let known = Known { counts, leak: learnt, rounds, verification_bits, blocks: self.blocks };
        let mut to = Writer::new();
        write_counts(&mut to, &errors);
        self.state = State::Seed(Box::new(known), key);
        Next::Send(Kind::Verdict, to.finish())
    }

    fn seed(&mut self, known: &Known, key: &Bits, contents: &[u8]) -> Next {
        let mut from = Reader::new(contents);
        let (Ok(secret), Ok(seed)) = (from.number(), from.bits()) else { return Next::Nonsense };
        if from.end().is_err() {
            return Next::Nonsense;
        }
        let length = match known.length(&self.end.config) {
            Ok(length) if length.secret_bits == secret => length,
            Ok(_) => return Next::Over(Reason::Protocol),
            Err(reason) => return Next::Over(reason),
        };
        let Ok(done) = known.amplify(&length, key, &seed, self.end.provenance) else { return Next::Nonsense };
        self.state = State::Acknowledgement(Box::new(done));
        Next::Send(Kind::Commit, Vec::new())
    }
}
