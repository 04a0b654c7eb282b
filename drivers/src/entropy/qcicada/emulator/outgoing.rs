//! What an emulated device has still to send, in order, each part at its own pace.

use std::collections::VecDeque;
use std::time::Duration;

use super::Channel;

/// Bytes that `rate` bytes per second make in `time`.
pub(super) fn made_in(time: Duration, rate: u32) -> u64 {
    u64::try_from(time.as_nanos().saturating_mul(rate.into()) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// Bytes that belong together.
struct Part {
    channel: Channel,
    bytes: VecDeque<u8>,
    /// Bytes per second; `None` for at once.
    rate: Option<u32>,
    /// When its turn came, and what has gone since.
    started: Option<Duration>,
    gone: u64,
    /// The device disappears when it has been sent.
    last: bool,
}

/// A queue of parts.
#[derive(Default)]
pub(super) struct Outgoing {
    parts: VecDeque<Part>,
    over: bool,
}

impl Outgoing {
    /// Appends `bytes`, to be sent at `rate` bytes per second, or at once.
    pub(super) fn push(&mut self, channel: Channel, bytes: Vec<u8>, rate: Option<u32>) {
        if !bytes.is_empty() {
            let bytes = bytes.into();
            self.parts.push_back(Part { channel, bytes, rate, started: None, gone: 0, last: false });
        }
    }

    /// The device disappears once all that is queued now has been sent.
    pub(super) fn end_after_this(&mut self) {
        match self.parts.back_mut() {
            Some(part) => part.last = true,
            None => self.over = true,
        }
    }

    /// Whether the end of [`end_after_this`](Self::end_after_this) has come.
    pub(super) fn over(&self) -> bool {
        self.over
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    /// The next bytes due by `now`, at most `room`, in multiples of `grain` (but for a part's end).
    pub(super) fn take(&mut self, room: usize, grain: usize, now: Duration) -> Option<(Channel, Vec<u8>)> {
        let part = self.parts.front_mut()?;
        let started = *part.started.get_or_insert(now);
        let due = match part.rate {
            None => u64::MAX,
            Some(rate) => made_in(now.saturating_sub(started), rate).saturating_sub(part.gone),
        };
        let whole = part.bytes.len();
        let mut count = usize::try_from(due).unwrap_or(usize::MAX).min(room).min(whole);
        if grain > 1 && part.channel == Channel::Data {
            count = match count {
                _ if count >= grain => grain,
                _ if count == whole => whole,
                _ => 0,
            };
        }
        if count == 0 {
            return None;
        }
        let bytes: Vec<u8> = part.bytes.drain(..count).collect();
        part.gone += count as u64;
        let channel = part.channel;
        if part.bytes.is_empty() {
            self.over |= part.last;
            self.parts.pop_front();
        }
        Some((channel, bytes))
    }
}
