//! Where key material comes from, and the thread that keeps a stream full.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qhal::{ErrorKind, Health, KeyId, KeyLink, SecureRandom};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::manager::{Manager, lock};
use crate::peer::{Begin, Block, BlockSource, Link, Request, Secret};
use crate::refusal::Refusal;
use crate::telemetry::DeviceFigures;
use crate::uuid;

/// Bytes of a relayed block: one message to the other key manager.
const RELAYED_BLOCK: u64 = 64 << 10;
/// The longest block of any kind, in bytes.
pub(crate) const MOST_BLOCK: usize = 1 << 20;
/// How often the other end is asked whether it still knows the stream.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long nothing is tried after something failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// A source of key material.
pub enum Supply {
    /// Made here and sent to the other key manager over TLS.
    Relay(Box<dyn SecureRandom>),
    /// From a key-distribution link with an end at either key manager.
    Link(Box<dyn KeyLink>),
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Relay(_) => "Supply::Relay",
            Self::Link(_) => "Supply::Link",
        })
    }
}

/// This end of a link, shared by the thread that begins keys and the one that fetches what the other end began.
#[derive(Clone)]
pub(crate) struct FromLink(Arc<Mutex<Box<dyn KeyLink>>>);

impl FromLink {
    pub(crate) fn new(device: Box<dyn KeyLink>) -> Self {
        Self(Arc::new(Mutex::new(device)))
    }

    /// A key that the other end began. Its name is noted first, so that it is never used again, whatever happens now.
    pub(crate) fn fetch(
        &self,
        manager: &Manager,
        link: &Link,
        id: &KeyId,
        bits: u32,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let refused = |error: qhal::Error| Refusal::unavailable(error.chain());
        if !manager.ledger().use_block(id, u64::from(bits)).map_err(refused)? {
            return Err(Refusal::bad(format!("the link's key {id} was used before")));
        }
        let key = lock(&self.0).key(id).map_err(refused)?;
        if key.bits() != bits as usize {
            return Err(Refusal::bad(format!("the link's key {id} has another length here")));
        }
        link.note_provenance(key.provenance());
        Ok(Zeroizing::new(key.expose().to_vec()))
    }

    /// Has the device say how it is doing. What it cannot say now is said later: a failure shows in the supply itself.
    fn describe(&self, link: &Link) {
        let mut device = lock(&self.0);
        if let Ok(properties) = device.properties() {
            let descriptor = device.descriptor();
            link.note_device(DeviceFigures {
                device: descriptor.id.to_string(),
                model: descriptor.model.clone(),
                properties,
            });
        }
    }

    fn next(&self, manager: &Manager, link: &Link) -> qhal::Result<(BlockSource, Zeroizing<Vec<u8>>)> {
        let mut device = lock(&self.0);
        let status = device.status()?;
        // A link may wait for key that it is making. Meanwhile the other end's keys could not be fetched, so it is only asked for what
        // it has.
        let stored = status.stored_keys.saturating_mul(u64::from(status.default_key_bits));
        if stored == 0 {
            let why = match device.health()? {
                Health::Good => "the link has no key left".to_owned(),
                // An alarm of the link is what an operator has to hear.
                Health::Degraded(why) | Health::Failed(why) => format!("the link has no key left: {why}"),
            };
            return Err(qhal::Error::new(ErrorKind::Exhausted, why));
        }
        let most = u64::from(status.max_key_bits.min(8 * RELAYED_BLOCK as u32));
        let bits = stored.min(most).max(u64::from(status.min_key_bits)) as u32 / 8 * 8;
        let begun = device.next_key(bits);
        // The keys that are stored may be in smaller pieces.
        let (id, key) = match begun {
            Err(error) if error.kind() == ErrorKind::Exhausted => device.next_key(status.default_key_bits)?,
            begun => begun?,
        };
        let bits = key.bits() as u32;
        drop(device);
        if !manager.ledger().use_block(&id, u64::from(bits))? {
            return Err(qhal::Error::new(ErrorKind::Protocol, format!("the link gave the key {id} twice")));
        }
        link.note_provenance(key.provenance());
        let source = BlockSource::Link { key_id: id.to_string(), bits };
        Ok((source, Zeroizing::new(key.expose().to_vec())))
    }
}

/// What a worker makes material from.
pub(crate) enum Source {
    Relay(Box<dyn SecureRandom>),
    Link(FromLink),
}

/// Keeps one stream full until `stop`.
pub(crate) struct Worker {
    pub(crate) manager: Arc<Manager>,
    pub(crate) link: Arc<Link>,
    pub(crate) source: Source,
    pub(crate) runtime: Handle,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Worker {
    pub(crate) fn run(mut self) {
        while !self.stop.load(Ordering::SeqCst) {
            if let Source::Link(device) = &self.source {
                device.describe(&self.link);
            }
            match self.fill() {
                Ok(()) => {
                    self.link.set_alarm(None);
                    self.rest(HEARTBEAT);
                }
                Err(why) => {
                    self.link.set_alarm(Some(why));
                    // Not cut short by requests for material: they would turn the wait into a busy loop.
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    fn rest(&self, time: Duration) {
        let wanted = self.link.wanted.notified();
        let _ = self.runtime.block_on(async { tokio::time::timeout(time, wanted).await });
    }

    /// Makes sure that the other end follows, then appends blocks until the stream is full.
    fn fill(&mut self) -> Result<(), String> {
        let mut epoch = self.link.streams().ours.epoch();
        if epoch != 0 && !self.link.is_local() {
            match self.ask(|answer| Request::Alive(Begin { epoch }, answer)) {
                Ok(()) => {}
                Err(Refusal::Conflict(_)) => epoch = 0,
                Err(other) => return Err(other.to_string()),
            }
        }
        if epoch == 0 {
            epoch = self.begin()?;
        }
        while !self.stop.load(Ordering::SeqCst) {
            let (free, start) = {
                let streams = self.link.streams();
                (streams.ours.material.free(), streams.ours.end())
            };
            let missing = self.manager.capacity().saturating_sub(free).min(RELAYED_BLOCK);
            if missing == 0 {
                return Ok(());
            }
            let (source, bytes) = self.make(missing)?;
            if !self.link.is_local() {
                let block = Block { epoch, start, source };
                if let Err(refusal) = self.ask(|answer| Request::Append(block, answer)) {
                    // Whether the block arrived cannot be known: both ends begin anew.
                    self.link.lose(epoch);
                    return Err(refusal.to_string());
                }
            }
            // A request may have found meanwhile that the ends lost each other.
            let length = bytes.len() as u64;
            self.link.streams().ours.append(epoch, start, bytes).map_err(|refusal| refusal.to_string())?;
            self.link.note_made(length);
        }
        Ok(())
    }

    fn begin(&self) -> Result<u64, String> {
        let mut bytes = [0; 8];
        uuid::fill(&mut bytes).map_err(|error| error.chain())?;
        let epoch = u64::from_le_bytes(bytes).max(1);
        if !self.link.is_local() {
            self.ask(|answer| Request::Begin(Begin { epoch }, answer))
                .map_err(|refusal| refusal.to_string())?;
        }
        self.link.streams().ours.begin(epoch);
        Ok(epoch)
    }

    fn make(&mut self, bytes: u64) -> Result<(BlockSource, Zeroizing<Vec<u8>>), String> {
        match &mut self.source {
            Source::Relay(random) => {
                let mut block = Zeroizing::new(vec![0; bytes as usize]);
                random.fill(&mut block).map_err(|error| error.chain())?;
                let provenance = random.provenance();
                self.link.note_provenance(provenance);
                let value = if self.link.is_local() { Secret::default() } else { Secret(block.clone()) };
                Ok((BlockSource::Relay { value, provenance }, block))
            }
            Source::Link(device) => device.next(&self.manager, &self.link).map_err(|error| error.chain()),
        }
    }

    fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), Refusal>>) -> Request,
    ) -> Result<(), Refusal> {
        let (sender, receiver) = oneshot::channel();
        let gone = || Refusal::unavailable("the key manager is stopping");
        self.link.sender().blocking_send(request(sender)).map_err(|_| gone())?;
        receiver.blocking_recv().map_err(|_| gone())?
    }
}
