//! Two key managers that share material: what each promises its masters, the other keeps for its slaves.
//!
//! Each end owns one stream of bytes of which the other has a copy. Taking from it needs no vote: the owner takes the next
//! bytes and tells the other which ones, for whom and under which name, *before* its master gets the key. Whatever
//! goes wrong in between costs key material and never gives two keys.

mod client;
mod messages;
mod promise;
pub(crate) mod service;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use qhal::{KeyId, Provenance};
use tokio::sync::{Notify, mpsc};

use crate::manager::{LinkState, lock};
use crate::refusal::Refusal;
use crate::settings::SupplyKind;
use crate::store::Streams;
use crate::telemetry::{DeviceFigures, Meter};

pub(crate) use client::{Client, Request};
pub(crate) use messages::{Allotment, Begin, Block, BlockSource, Secret, StreamPlace};
pub(crate) use promise::{Pending, Promise};

/// Requests to one key manager that may wait; beyond that masters are told to come back.
const WAITING: usize = 4096;

/// What is shared with one key manager.
#[derive(Debug)]
pub(crate) struct Link {
    name: Arc<str>,
    supply: SupplyKind,
    local: bool,
    /// Free bytes below which the supply is woken.
    low_water: u64,
    streams: Mutex<Streams>,
    provenance: Mutex<Option<Provenance>>,
    alarm: Mutex<Option<String>>,
    /// Material that came, for masters at either end, and what masters here have taken of it.
    meters: Mutex<[Meter; 2]>,
    device: Mutex<Option<DeviceFigures>>,
    sender: mpsc::Sender<Request>,
    receiver: Mutex<Option<mpsc::Receiver<Request>>>,
    /// Tells the supply that material was taken or that the ends lost each other.
    pub(crate) wanted: Notify,
}

impl Link {
    pub(crate) fn new(name: Arc<str>, supply: SupplyKind, local: bool, low_water: u64) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            name,
            supply,
            local,
            low_water,
            streams: Mutex::default(),
            provenance: Mutex::default(),
            alarm: Mutex::default(),
            meters: Mutex::new([Meter::new(Instant::now()), Meter::new(Instant::now())]),
            device: Mutex::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
            wanted: Notify::new(),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether it is for two applications of this site.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    pub(crate) fn supply(&self) -> SupplyKind {
        self.supply
    }

    pub(crate) fn streams(&self) -> MutexGuard<'_, Streams> {
        lock(&self.streams)
    }

    /// The end of the queue that the client of this link reads; `None` when it was taken before.
    pub(crate) fn take_receiver(&self) -> Option<mpsc::Receiver<Request>> {
        lock(&self.receiver).take()
    }

    pub(crate) fn sender(&self) -> &mpsc::Sender<Request> {
        &self.sender
    }

    pub(crate) fn state(&self, key_bytes: u64) -> LinkState {
        LinkState {
            kme: self.name.to_string(),
            supply: self.supply,
            stored_keys: self.streams().ours.material.free() / key_bytes.max(1),
            provenance: *lock(&self.provenance),
            alarm: lock(&self.alarm).clone(),
        }
    }

    /// Notes where material came from; the weakest origin stays.
    pub(crate) fn note_provenance(&self, provenance: Provenance) {
        let mut known = lock(&self.provenance);
        *known = Some(known.map_or(provenance, |known| known.min(provenance)));
    }

    /// Says what is wrong, or that nothing is any more.
    pub(crate) fn set_alarm(&self, alarm: Option<String>) {
        *lock(&self.alarm) = alarm;
    }

    /// Counts material that came.
    pub(crate) fn note_made(&self, bytes: u64) {
        lock(&self.meters)[0].add(bytes, Instant::now());
    }

    /// Bits a second that came, and that masters here took, over the last minute.
    pub(crate) fn rates(&self, now: Instant) -> (f64, f64) {
        let [made, taken] = &mut *lock(&self.meters);
        (made.rate(now), taken.rate(now))
    }

    /// Notes what its device says of itself.
    pub(crate) fn note_device(&self, figures: DeviceFigures) {
        *lock(&self.device) = Some(figures);
    }

    /// What its device last said of itself, if it has one here.
    pub(crate) fn device_figures(&self) -> Option<DeviceFigures> {
        lock(&self.device).clone()
    }

    /// The two ends have lost each other: what is left is void, and the supply begins anew.
    pub(crate) fn lose(&self, epoch: u64) {
        let mut streams = self.streams();
        if streams.ours.epoch() == epoch {
            streams.ours.begin(0);
            self.wanted.notify_one();
        }
    }

    /// Takes material for `count` keys of `bytes` bytes and queues the message to the other end. A key may be the chunk of a
    /// key stream.
    pub(crate) fn promise(
        self: &Arc<Self>,
        master: &Arc<str>,
        remote: &[Arc<str>],
        count: u32,
        bytes: u64,
        place_in_stream: Option<(KeyId, u32)>,
    ) -> Result<Pending, Refusal> {
        let ids = (0..count).map(|_| crate::manager::Manager::new_id()).collect::<Result<Vec<_>, _>>()?;
        let needed = bytes.saturating_mul(u64::from(count));
        // Reserved before anything is taken, so that a full queue costs no material.
        let place = if self.local || remote.is_empty() {
            None
        } else {
            Some(self.sender.try_reserve().map_err(|_| {
                Refusal::unavailable(format!("the key manager '{}' does not keep up", self.name))
            })?)
        };
        let mut streams = self.streams();
        let epoch = streams.ours.epoch();
        if streams.ours.material.free() < needed {
            self.wanted.notify_one();
            let left = streams.ours.material.free() / bytes.max(1);
            let why = format!("not enough key material for {count} keys: {left} of this length are left");
            return Err(if epoch == 0 { Refusal::conflict(why) } else { Refusal::unavailable(why) });
        }
        let mut keys = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(range) = streams.ours.material.take(bytes) {
                keys.push((id, range));
            }
        }
        let low = streams.ours.material.free() < self.low_water;
        lock(&self.meters)[1].add(needed, Instant::now());
        let promise = Promise::new(self.clone(), keys);
        let answer = place.map(|place| {
            let taken = promise
                .keys()
                .iter()
                .map(|(id, range)| (*id, streams.ours.in_life(range)))
                .collect::<Vec<_>>();
            let message = Allotment::new(epoch, master, remote, taken, place_in_stream);
            let (sender, receiver) = tokio::sync::oneshot::channel();
            // Sent under the lock: the other end must hear of takings in their order.
            place.send(Request::Allot(message, sender));
            receiver
        });
        drop(streams);
        if low {
            self.wanted.notify_one();
        }
        Ok(Pending::new(promise, epoch, answer))
    }
}
