//! Material that was taken for a master: given, or wiped whatever happens.

use std::ops::Range;
use std::sync::Arc;

use qhal::KeyId;
use tokio::sync::oneshot;

use super::Link;
use crate::refusal::Refusal;

/// Names and ranges that are promised to a request. Dropped (an error, a client that went away), they are wiped.
#[derive(Debug)]
pub(crate) struct Promise {
    link: Arc<Link>,
    keys: Vec<(KeyId, Range<u64>)>,
}

impl Promise {
    pub(super) fn new(link: Arc<Link>, keys: Vec<(KeyId, Range<u64>)>) -> Self {
        Self { link, keys }
    }

    pub(super) fn keys(&self) -> &[(KeyId, Range<u64>)] {
        &self.keys
    }

    /// The keys one by one; those that are not taken from the iterator are wiped with it.
    pub(crate) fn into_keys(mut self) -> impl Iterator<Item = (KeyId, Range<u64>)> {
        self.keys.reverse();
        std::iter::from_fn(move || self.keys.pop())
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut streams = self.link.streams();
        for (_, range) in &self.keys {
            streams.ours.material.wipe(range);
        }
    }
}

/// A promise that the other key manager has not confirmed yet.
#[derive(Debug)]
pub(crate) struct Pending {
    promise: Promise,
    epoch: u64,
    answer: Option<oneshot::Receiver<Result<(), Refusal>>>,
}

impl Pending {
    pub(super) fn new(
        promise: Promise,
        epoch: u64,
        answer: Option<oneshot::Receiver<Result<(), Refusal>>>,
    ) -> Self {
        Self { promise, epoch, answer }
    }

    /// Waits until the other key manager holds the keys for its applications.
    pub(crate) async fn confirmed(self) -> Result<Promise, Refusal> {
        let Some(answer) = self.answer else { return Ok(self.promise) };
        let outcome = answer
            .await
            .unwrap_or_else(|_| Err(Refusal::unavailable("the other key manager cannot be reached")));
        match outcome {
            Ok(()) => Ok(self.promise),
            Err(refusal) => {
                if matches!(refusal, Refusal::Conflict(_)) {
                    self.promise.link.lose(self.epoch);
                }
                Err(refusal)
            }
        }
    }
}
