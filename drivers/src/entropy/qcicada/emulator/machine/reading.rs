//! The part of an emulated QCicada that gives random bytes: one-shot, signed, and as a stream.

use std::time::Duration;

use super::super::super::protocol::{Reply, SIGNED_READ_SINCE, Status};
use super::super::outgoing::made_in;
use super::super::{Channel, FaultKind, GENERATOR};
use super::{Machine, STREAM_ROOM, Stream, sign};

impl Machine {
    /// The next random bytes as the faults let them be.
    fn random(&mut self, count: usize) -> Vec<u8> {
        if self.breaks_within(FaultKind::Stuck, count as u64) {
            // Up to the fault the bytes are good.
            let good = self.settings.fault.map_or(0, |fault| fault.after.saturating_sub(self.random_sent));
            let good = usize::try_from(good).unwrap_or(usize::MAX).min(count);
            let mut bytes = self.noise.take(self.config.post_process, good);
            bytes.resize(count, 0x55);
            return bytes;
        }
        self.noise.take(self.config.post_process, count)
    }

    /// Whether a read of `length` bytes is served now; if so they leave the store.
    fn grant(&mut self, length: u16) -> bool {
        let ready = length > 0 && u64::from(length) <= self.ready;
        if !ready || !self.generates() || self.faulty(FaultKind::Nack) {
            return false;
        }
        self.ready -= u64::from(length);
        true
    }

    /// Queues random bytes; a fault may cut them off. Returns whether all of them were queued.
    fn queue(&mut self, channel: Channel, mut bytes: Vec<u8>) -> bool {
        let whole = bytes.len();
        let gone = self.breaks_within(FaultKind::Gone, whole as u64);
        if gone {
            bytes.truncate(whole / 2);
        } else if self.breaks_within(FaultKind::ShortRead, whole as u64) {
            bytes.truncate(whole * 3 / 4);
        }
        let complete = bytes.len() == whole;
        self.random_sent += bytes.len() as u64;
        self.outgoing.push(channel, bytes, Some(self.settings.rate));
        if gone {
            self.outgoing.end_after_this();
        }
        complete
    }

    pub(super) fn one_shot(&mut self, length: u16, now: Duration) {
        if !self.grant(length) {
            return self.reply(&Reply::Nack);
        }
        let status = self.status(now);
        self.reply(&Reply::Ack(status));
        let bytes = self.random(length.into());
        self.queue(Channel::Data, bytes);
    }

    pub(super) fn signed_read(&mut self, length: u16) {
        if self.info.firmware < SIGNED_READ_SINCE || !self.grant(length) {
            return self.reply(&Reply::Nack);
        }
        self.reply(&Reply::SignedRead);
        let bytes = self.random(length.into());
        let mut signature = sign(&self.device, &bytes);
        if self.breaks_within(FaultKind::BadSignature, length.into()) {
            signature[63] ^= 1;
        }
        if self.queue(Channel::Replies, bytes) {
            self.outgoing.push(Channel::Replies, signature.to_vec(), None);
        }
    }

    pub(super) fn start_stream(&mut self, now: Duration) -> Reply {
        if !self.generates() || self.faulty(FaultKind::Nack) {
            return Reply::Nack;
        }
        self.stream = Some(Stream { since: now, ahead: 0, sent: 0 });
        Reply::Ack(self.status(now))
    }

    /// Bytes the stream has made and not sent; what found no room is lost.
    fn backlog(&mut self, now: Duration) -> u64 {
        let rate = self.settings.rate;
        let generates = self.generates();
        let Some(stream) = &mut self.stream else { return 0 };
        if !generates {
            *stream = Stream { since: now, ahead: 0, sent: 0 };
            return 0;
        }
        let made = stream.ahead + made_in(now.saturating_sub(stream.since), rate);
        let made = made.saturating_sub(stream.sent);
        let lost = made.saturating_sub(STREAM_ROOM);
        stream.sent += lost;
        made - lost
    }

    /// Ends a stream: what is queued is still sent, up to the end of the block that was begun.
    pub(super) fn stop(&mut self, now: Duration) {
        let queued = self.backlog(now);
        let Some(stream) = self.stream.take() else { return };
        let block =
            self.config.generator.map_or(GENERATOR.block_size, |generator| generator.block_size).max(1);
        let begun = (stream.sent + queued) % u64::from(block);
        let to_block_end = if begun == 0 { 0 } else { u64::from(block) - begun };
        self.ready_at = now;
        let tail = if self.generates() { queued + to_block_end } else { 0 };
        let bytes = self.random(usize::try_from(tail).unwrap_or_default());
        self.generated += tail;
        self.random_sent += tail;
        if !self.stream_is_cut() {
            self.outgoing.push(Channel::Data, bytes, None);
        }
    }

    /// A fault that ends transfers shows itself in a stream after 500 bytes, or later if it says so.
    fn stream_is_cut(&self) -> bool {
        let Some(fault) = self.settings.fault else { return false };
        matches!(fault.kind, FaultKind::ShortRead | FaultKind::Gone)
            && self.random_sent >= fault.after.max(500)
    }

    pub(in super::super) fn send(
        &mut self,
        room: usize,
        grain: usize,
        now: Duration,
    ) -> Option<(Channel, Vec<u8>)> {
        if room == 0 || self.gone() || self.faulty(FaultKind::Silent) {
            return None;
        }
        if !self.received.is_empty() {
            self.obey_received(now);
        }
        if !self.outgoing.is_empty() {
            return self.outgoing.take(room, grain, now);
        }
        let mut count = usize::try_from(self.backlog(now)).unwrap_or(usize::MAX).min(room);
        if grain > 1 {
            count = if count < grain { 0 } else { grain };
        }
        if count == 0 {
            return None;
        }
        if self.stream_is_cut() {
            if self.faulty(FaultKind::Gone) {
                self.outgoing.end_after_this();
            }
            return None;
        }
        let bytes = self.random(count);
        self.random_sent += count as u64;
        self.generated += count as u64;
        if let Some(stream) = &mut self.stream {
            stream.sent += count as u64;
        }
        Some((Channel::Data, bytes))
    }

    /// How the device is, as a reply would say.
    pub(super) fn status(&self, now: Duration) -> Status {
        Status { flags: self.flags(now), ready_bytes: u32::try_from(self.ready).unwrap_or(u32::MAX) }
    }
}
