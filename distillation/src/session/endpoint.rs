//! What both ends do alike: number messages, make and check tags, repeat what may be lost and pass over what is not to be believed.

use std::time::Duration;

use qhal::{Provenance, Result};
use zeroize::Zeroizing;

use super::frame::{Header, Kind};
use super::report::{Outcome, Reason};
use super::{Config, MESSAGES};
use crate::authentication::{BlockPads, Role, Secrets, TAG_BYTES};
use crate::wire::{Reader, Writer};

/// What came over the channel that was not simply the next message, counted over all blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages that were new, in turn and right.
    pub accepted: u64,
    /// Messages seen before, and answered again.
    pub repeated: u64,
    /// Messages of another block, or with a number that is not in turn.
    pub out_of_turn: u64,
    /// Messages with wrong tags, or that are none at all.
    pub forged: u64,
    /// Messages sent again because no answer came.
    pub sent_again: u64,
}

/// What to make of something that came.
pub(super) enum Received<'a> {
    /// The next message, with its contents.
    New(Kind, &'a [u8]),
    /// Nothing to be done but to send this, if anything.
    Known(Option<Vec<u8>>),
    /// Too many were forged: the block is to be given up.
    Enough,
    /// The other end gave the block up.
    Aborted(Reason),
}

/// One end of the conversation about one block after the other.
pub(super) struct Endpoint {
    pub(super) config: Config,
    pub(super) role: Role,
    pub(super) secrets: Secrets,
    pub(super) provenance: Provenance,
    pub(super) block: Option<u64>,
    pub(super) traffic: Traffic,
    pub(super) outcomes: std::collections::VecDeque<Outcome>,
    pads: Option<BlockPads>,
    number: u64,
    last_sent: Option<Vec<u8>>,
    last_received: Option<Vec<u8>>,
    /// All messages of the reconciliation, as both ends have to have seen them.
    transcript: Zeroizing<Vec<u8>>,
    since: Duration,
    repeats: u32,
    forgeries: u32,
    finished: bool,
}

impl Endpoint {
    pub(super) fn new(config: Config, role: Role, secrets: Secrets, provenance: Provenance) -> Self {
        Self {
            config,
            role,
            secrets,
            provenance,
            block: None,
            traffic: Traffic::default(),
            outcomes: std::collections::VecDeque::new(),
            pads: None,
            number: 0,
            last_sent: None,
            last_received: None,
            transcript: Zeroizing::new(Vec::new()),
            since: Duration::ZERO,
            repeats: 0,
            forgeries: 0,
            finished: true,
        }
    }

    pub(super) fn begin(&mut self, block: u64, now: Duration) -> Result<()> {
        self.pads = Some(self.secrets.set_aside(block, MESSAGES)?);
        self.block = Some(block);
        (self.number, self.last_sent, self.last_received) = (0, None, None);
        self.transcript.clear();
        (self.since, self.repeats, self.forgeries, self.finished) = (now, 0, 0, false);
        Ok(())
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The next message to the other end.
    pub(super) fn send(&mut self, kind: Kind, contents: &[u8], now: Duration) -> Option<Vec<u8>> {
        let header = Header { kind, sender: self.role, block: self.block?, number: self.number };
        let mut writer = Writer::new();
        header.write(&mut writer);
        writer.bytes(contents);
        let mut message = writer.finish();
        match kind.pad() {
            Some(_) => {
                let tag = self.tag(kind, self.role, &message)?;
                message.extend_from_slice(&tag);
            }
            None => self.transcript.extend_from_slice(&message),
        }
        self.number += 1;
        (self.since, self.repeats) = (now, 0);
        self.last_sent = Some(message.clone());
        Some(message)
    }

    fn tag(&self, kind: Kind, sender: Role, message: &[u8]) -> Option<[u8; TAG_BYTES]> {
        let pad = self.pads.as_ref()?.of(sender, kind.pad()?)?;
        let before: &[u8] = if kind.covers_reconciliation() { &self.transcript } else { &[] };
        Some(self.secrets.key(sender).tag(&[before, message], pad))
    }

    /// Judges what came. A new message counts as received only once [`accept`](Self::accept) is called.
    pub(super) fn receive<'a>(&mut self, bytes: &'a [u8]) -> Received<'a> {
        let Ok(header) = Header::read(&mut Reader::new(bytes)) else {
            return self.forged();
        };
        if Some(header.block) != self.block || header.sender == self.role {
            self.traffic.out_of_turn += 1;
            return Received::Known(None);
        }
        if self.finished {
            // The other end has not heard the last word.
            self.traffic.repeated += 1;
            return Received::Known(self.last_sent.clone());
        }
        if header.kind != Kind::Abort {
            if self.last_received.as_deref() == Some(bytes) {
                self.traffic.repeated += 1;
                return Received::Known(self.last_sent.clone());
            }
            if header.number != self.number {
                self.traffic.out_of_turn += 1;
                return Received::Known(None);
            }
        }
        let mut writer = Writer::new();
        header.write(&mut writer);
        let start = writer.finish().len();
        if header.kind.pad().is_none() {
            return Received::New(header.kind, &bytes[start..]);
        }
        let end = bytes.len().saturating_sub(TAG_BYTES).max(start);
        let (message, tag) = bytes.split_at(end);
        let right = self.tag(header.kind, self.role.peer(), message);
        if !right.is_some_and(|right| subtle::ConstantTimeEq::ct_eq(right.as_slice(), tag).into()) {
            return self.forged();
        }
        let contents = &message[start..];
        if header.kind == Kind::Abort {
            let reason = contents.first().and_then(|number| Reason::ALL.get(usize::from(*number)));
            return Received::Aborted(reason.copied().unwrap_or(Reason::Protocol));
        }
        Received::New(header.kind, contents)
    }

    /// Notes that `bytes`, which [`receive`](Self::receive) found to be new, makes sense.
    pub(super) fn accept(&mut self, kind: Kind, bytes: &[u8]) {
        self.traffic.accepted += 1;
        self.number += 1;
        if kind.pad().is_none() {
            self.transcript.extend_from_slice(bytes);
        }
        self.last_received = Some(bytes.to_vec());
    }

    /// Counts something that is not to be believed.
    pub(super) fn forged<'a>(&mut self) -> Received<'a> {
        self.traffic.forged += 1;
        if self.finished {
            return Received::Known(None);
        }
        self.forgeries += 1;
        if self.forgeries > self.config.most_forgeries { Received::Enough } else { Received::Known(None) }
    }

    /// The last message once more, when it is time; `Err` when the other end has been silent for too long.
    pub(super) fn tick(&mut self, now: Duration) -> std::result::Result<Option<Vec<u8>>, Silent> {
        if self.finished || now.saturating_sub(self.since) < self.config.patience {
            return Ok(None);
        }
        if self.repeats >= self.config.most_repeats {
            return Err(Silent);
        }
        self.repeats += 1;
        self.since = now;
        self.traffic.sent_again += u64::from(self.last_sent.is_some());
        Ok(self.last_sent.clone())
    }

    /// Ends the block without a key.
    pub(super) fn discard(&mut self, reason: Reason, tell: bool, now: Duration) -> Option<Vec<u8>> {
        let block = self.block?;
        let message = if tell { self.send(Kind::Abort, &[reason.number()], now) } else { None };
        self.finish(Outcome::Discarded { block, reason });
        message
    }

    /// Ends the block.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        self.mark_finished();
        self.outcomes.push_back(outcome);
    }

    /// Ends the block, whose outcome is told elsewhere.
    pub(super) fn mark_finished(&mut self) {
        self.finished = true;
        self.transcript.clear();
    }
}

/// The other end has been silent for too long.
pub(super) struct Silent;
