//! The end that prepares states: its key is taken as right.

use std::time::Duration;

use qhal::{Provenance, Result, SecretKey, SecureRandom};
use zeroize::Zeroizing;

use super::Config;
use super::endpoint::{Endpoint, Received, Traffic};
use super::frame::Kind;
use super::payload::{HashMessage, Known, SelectionMessage, blocks_since, plan, read_counts};
use super::report::{Outcome, Reason, Report};
use crate::authentication::{Ledger, Role, Secrets};
use crate::bits::Bits;
use crate::cascade::{self, Question};
use crate::finite::BlockCounts;
use crate::sifting::{Announcement, MOST_INTENSITIES, Prepared, Sifted, select};
use crate::verification::{SEED_BYTES, Verification};
use crate::wire::{Reader, Writer};

/// What Alice waits for.
enum State {
    Detections(Box<dyn Prepared + Send>),
    Questions(Box<Sifted>, Box<cascade::Alice>, u64),
    Verdict(Box<Sifted>, u64, u64),
    Commit(Box<(SecretKey, Zeroizing<Vec<u8>>, Report)>),
    Nothing,
}

/// Alice's state machine. See [the module](super).
pub struct Alice {
    end: Endpoint,
    random: Box<dyn SecureRandom>,
    verification: Verification,
    state: State,
    committed: Option<u64>,
    /// Detections of the block, as Bob told, and what was left of them.
    sifted: Option<(u64, BlockCounts<MOST_INTENSITIES>)>,
    /// The error ratio of the key basis in the last block that was reconciled.
    last_qber: Option<f64>,
}

/// Why a message leads nowhere.
enum Failure {
    /// It does not make sense; a repeated one may.
    Nonsense,
    /// The block is over.
    Over(Reason),
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Over(reason)
    }
}

impl Alice {
    /// With the secrets shared with Bob and a source of random numbers; `provenance` is that of what the keys will be made of, and keys carry the
    /// weaker of it and the source's.
    ///
    /// # Errors
    /// `InvalidInput` when the configuration contradicts itself.
    pub fn new(
        config: Config,
        secrets: Secrets,
        random: Box<dyn SecureRandom>,
        provenance: Provenance,
    ) -> Result<Self> {
        let verification = config.check()?;
        let provenance = provenance.min(random.provenance());
        let end = Endpoint::new(config, Role::Alice, secrets, provenance);
        Ok(Self {
            end,
            random,
            verification,
            state: State::Nothing,
            committed: None,
            sifted: None,
            last_qber: None,
        })
    }

    /// Begins a block, with all that was sent in it. A block that was under way is forgotten.
    ///
    /// # Errors
    /// `InvalidInput` for a block that was begun before; `Exhausted` when the secrets do not last for it.
    pub fn begin(&mut self, block: u64, prepared: Box<dyn Prepared + Send>, now: Duration) -> Result<()> {
        self.end.begin(block, now)?;
        self.state = State::Detections(prepared);
        self.sifted = None;
        Ok(())
    }

    /// Takes a message and gives the one to be sent, if any. Whatever comes, nothing but the block can be lost.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) -> Option<Vec<u8>> {
        let (kind, contents) = match self.end.receive(bytes) {
            Received::Known(again) => return again,
            Received::Enough => return self.give_up(Reason::Forgery, true, now),
            Received::Aborted(reason) => return self.give_up(reason, false, now),
            Received::New(kind, contents) => (kind, contents),
        };
        let step = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Detections(prepared) if kind == Kind::Detections => self.detections(&*prepared, contents),
            State::Questions(sifted, mut end, rounds) if kind == Kind::Question => {
                match answer(&mut end, contents) {
                    Ok(answer) => {
                        self.state = State::Questions(sifted, end, rounds + 1);
                        Ok((Kind::Answer, answer))
                    }
                    Err(failure) => {
                        // Nothing was disclosed and nothing has changed.
                        self.state = State::Questions(sifted, end, rounds);
                        Err(failure)
                    }
                }
            }
            State::Questions(sifted, end, rounds) if kind == Kind::Reconciled => {
                self.end.accept(kind, bytes);
                let step = self.reconciled(sifted, &end, rounds, contents);
                return self.finish_step(step, now);
            }
            State::Verdict(sifted, leak, rounds) if kind == Kind::Verdict => {
                self.verdict(&sifted, leak, rounds, contents)
            }
            State::Commit(done) if kind == Kind::Commit => {
                self.end.accept(kind, bytes);
                return self.commit(*done, now);
            }
            other => {
                self.state = other;
                Err(Failure::Nonsense)
            }
        };
        match step {
            Err(Failure::Nonsense) if kind.pad().is_none() => match self.end.forged() {
                Received::Enough => self.give_up(Reason::Forgery, true, now),
                _ => None,
            },
            // With a right tag, nonsense is Bob's own.
            Err(Failure::Nonsense) => self.give_up(Reason::Protocol, true, now),
            step => {
                self.end.accept(kind, bytes);
                self.finish_step(step, now)
            }
        }
    }

    /// Gives the last message again if it is time for that, and gives the block up after too many.
    pub fn tick(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.end.tick(now).unwrap_or_else(|_silent| self.give_up(Reason::PeerSilent, true, now))
    }

    /// What sifting counted in the block, once it is done: how many detections Bob announced, and those where both ends chose the same
    /// basis. Errors of the key basis are not among it.
    pub fn sifted(&self) -> Option<(u64, &BlockCounts<MOST_INTENSITIES>)> {
        self.sifted.as_ref().map(|(announced, counts)| (*announced, counts))
    }

    /// Gives the block that is under way up as [`Reason::Suspect`], and gives the message that tells Bob.
    pub fn abandon(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.end.is_finished() { None } else { self.give_up(Reason::Suspect, true, now) }
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

    fn finish_step(
        &mut self,
        step: std::result::Result<(Kind, Vec<u8>), Failure>,
        now: Duration,
    ) -> Option<Vec<u8>> {
        match step {
            Ok((kind, contents)) => self.end.send(kind, &contents, now),
            Err(Failure::Over(reason)) => self.give_up(reason, true, now),
            Err(Failure::Nonsense) => self.give_up(Reason::Protocol, true, now),
        }
    }

    fn give_up(&mut self, reason: Reason, tell: bool, now: Duration) -> Option<Vec<u8>> {
        self.state = State::Nothing;
        self.end.discard(reason, tell, now)
    }

    fn random<const N: usize>(&mut self) -> std::result::Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| Reason::NoRandomness)?;
        Ok(bytes)
    }

    fn detections(
        &mut self,
        prepared: &dyn Prepared,
        contents: &[u8],
    ) -> std::result::Result<(Kind, Vec<u8>), Failure> {
        let mut from = Reader::new(contents);
        let announcement = Announcement::read(&mut from).map_err(|_| Failure::Nonsense)?;
        from.end().map_err(|_| Failure::Nonsense)?;
        let (sifted, selection) = select(prepared, &announcement);
        self.sifted = Some((announcement.len() as u64, sifted.counts));
        if sifted.key.is_empty() || sifted.key.len() > cascade::MOST_BITS {
            return Err(Reason::NothingSifted.into());
        }
        let check = self.end.config.protocol.expected_qber(sifted.counts.check.qber());
        if check > self.end.config.qber_limit {
            return Err(Reason::QberHigh.into());
        }
        // The last block's key basis was counted in full; the check basis of this one may be another's error ratio.
        let expected_qber = self.last_qber.unwrap_or(check);
        let seed = self.random()?;
        let plan = plan(self.end.config.schedule, sifted.key.len(), expected_qber, seed)
            .map_err(|_| Reason::Protocol)?;
        let end = cascade::Alice::new(&plan, &sifted.key).map_err(|_| Reason::Protocol)?;
        let message = SelectionMessage { selection, expected_qber, seed, committed: self.committed };
        self.state = State::Questions(Box::new(sifted), Box::new(end), 0);
        Ok((Kind::Selection, message.write()))
    }

    fn reconciled(
        &mut self,
        sifted: Box<Sifted>,
        end: &cascade::Alice,
        rounds: u64,
        contents: &[u8],
    ) -> std::result::Result<(Kind, Vec<u8>), Failure> {
        let mut from = Reader::new(contents);
        let learnt = from.number().map_err(|_| Failure::Nonsense)?;
        from.end().map_err(|_| Failure::Nonsense)?;
        if learnt != end.disclosed() {
            return Err(Reason::Protocol.into());
        }
        let seed: [u8; SEED_BYTES] = self.random()?;
        let tag = self.verification.tag(&sifted.key, &seed);
        let message = HashMessage { seed, tag, check_errors: sifted.counts.check.errors };
        self.state = State::Verdict(sifted, end.disclosed(), rounds);
        Ok((Kind::Hash, message.write()))
    }

    fn verdict(
        &mut self,
        sifted: &Sifted,
        leak: u64,
        rounds: u64,
        contents: &[u8],
    ) -> std::result::Result<(Kind, Vec<u8>), Failure> {
        let mut from = Reader::new(contents);
        let errors = read_counts(&mut from).map_err(|_| Failure::Nonsense)?;
        from.end().map_err(|_| Failure::Nonsense)?;
        let mut counts = sifted.counts;
        counts.key.errors = errors;
        self.last_qber = Some(counts.key.qber());
        let blocks = blocks_since(self.committed, self.end.block.unwrap_or_default());
        let known = Known { counts, leak, rounds, verification_bits: self.verification.bits(), blocks };
        let length = known.length(&self.end.config)?;
        let seed_bits = sifted.key.len() + length.secret_bits as usize - 1;
        let mut bytes = vec![0; seed_bits.div_ceil(8)];
        self.random.fill(&mut bytes).map_err(|_| Reason::NoRandomness)?;
        let seed = Bits::from_bytes(&bytes, seed_bits).map_err(|_| Reason::Protocol)?;
        let done =
            known.amplify(&length, &sifted.key, &seed, self.end.provenance).map_err(|_| Reason::Protocol)?;
        let mut to = Writer::new();
        to.number(length.secret_bits).bits(&seed);
        self.state = State::Commit(Box::new(done));
        Ok((Kind::Seed, to.finish()))
    }

    fn commit(&mut self, done: (SecretKey, Zeroizing<Vec<u8>>, Report), now: Duration) -> Option<Vec<u8>> {
        let block = self.end.block?;
        let (key, refill, report) = done;
        if self.end.secrets.refill(&refill).is_err() {
            return self.give_up(Reason::Protocol, true, now);
        }
        self.committed = Some(block);
        let message = self.end.send(Kind::Acknowledgement, &[], now);
        self.end.finish(Outcome::Key { block, key, report });
        message
    }
}

/// The answer to a question that came as bytes.
fn answer(end: &mut cascade::Alice, contents: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
    let mut from = Reader::new(contents);
    let question = Question::read(&mut from).map_err(|_| Failure::Nonsense)?;
    from.end().map_err(|_| Failure::Nonsense)?;
    let parities = end.answer(&question).map_err(|_| Failure::Nonsense)?;
    let mut to = Writer::new();
    to.bits(&parities);
    Ok(to.finish())
}
