//! The heart: who may have which key, and each key once at each end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use qhal::{KeyId, Provenance, Result};
use zeroize::Zeroizing;

use crate::audit::{Audit, Event, Trail};
use crate::identity::{Holder, trimmed};
use crate::keystream::KeyStreams;
use crate::ledger::Ledger;
use crate::peer::{Link, Promise};
use crate::quota::Bucket;
use crate::refusal::Refusal;
use crate::settings::{Settings, SupplyKind};
use crate::store::{Found, Held, HeldKeys, Place};
use crate::telemetry::{Consumer, Consumption};
use crate::uuid;

/// How long a request waits for material after the two ends found that they had lost each other.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A key with its name, on its way to an application.
pub(crate) type NamedKey = (KeyId, Zeroizing<Vec<u8>>);

/// What is known of the material shared with one key manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The other key manager; this one for applications of the same site.
    pub kme: String,
    /// How keys get to both ends.
    pub supply: SupplyKind,
    /// Keys of the usual length that masters here can have now.
    pub stored_keys: u64,
    /// The weakest origin of the material, once there is some.
    pub provenance: Option<Provenance>,
    /// What is wrong, if something is.
    pub alarm: Option<String>,
}

/// An application.
#[derive(Debug)]
pub(crate) struct Sae {
    pub(crate) id: Arc<str>,
    pub(crate) kme: Arc<str>,
    quota: Option<Mutex<Bucket>>,
}

/// A key manager without its wires: everything an answer depends on.
#[derive(Debug)]
pub struct Manager {
    settings: Settings,
    saes: HashMap<String, Sae>,
    by_serial: HashMap<String, String>,
    pairs: Option<HashSet<(String, String)>>,
    links: HashMap<Arc<str>, Arc<Link>>,
    pub(crate) held: Mutex<HeldKeys>,
    pub(crate) keystreams: Mutex<KeyStreams>,
    pub(crate) consumption: Mutex<Consumption>,
    ledger: Ledger,
    pub(crate) trail: Trail,
}

impl Manager {
    /// A key manager that holds nothing yet.
    ///
    /// # Errors
    /// `InvalidInput` for settings that are wrong; those of opening the state file.
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        let ledger = Ledger::open(&settings.kme.state)?;
        let own: Arc<str> = Arc::from(settings.kme.id.as_str());
        let low_water = capacity(&settings) / 4 * 3;
        let mut links = HashMap::new();
        links.insert(own.clone(), Arc::new(Link::new(own.clone(), settings.kme.supply, true, low_water)));
        for peer in &settings.peers {
            let name: Arc<str> = Arc::from(peer.id.as_str());
            links.insert(name.clone(), Arc::new(Link::new(name, peer.supply, false, low_water)));
        }
        let now = Instant::now();
        let mut saes = HashMap::new();
        let mut by_serial = HashMap::new();
        for section in &settings.saes {
            let kme = section.kme.as_ref().map_or(own.clone(), |kme| Arc::from(kme.as_str()));
            let quota = section.keys_per_second.map(|rate| Mutex::new(Bucket::new(rate, now)));
            if let Some(serial) = &section.serial {
                by_serial.insert(trimmed(&serial.to_lowercase()).to_owned(), section.id.clone());
            }
            saes.insert(section.id.clone(), Sae { id: Arc::from(section.id.as_str()), kme, quota });
        }
        let pairs = (!settings.pairs.is_empty())
            .then(|| settings.pairs.iter().map(|pair| (pair.master.clone(), pair.slave.clone())).collect());
        Ok(Self {
            settings,
            saes,
            by_serial,
            pairs,
            links,
            held: Mutex::default(),
            keystreams: Mutex::default(),
            consumption: Mutex::default(),
            ledger,
            trail: Trail::default(),
        })
    }

    /// Has everything that is given and refused put on record.
    #[must_use]
    pub fn with_audit(mut self, audit: Arc<dyn Audit>) -> Self {
        self.trail = Trail::new(audit);
        self
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is known of each other key manager, and of this one.
    pub fn links(&self) -> Vec<LinkState> {
        let mut states: Vec<LinkState> =
            self.links.values().map(|link| link.state(self.key_bytes(self.settings.kme.key_bits))).collect();
        states.sort_by(|one, other| one.kme.cmp(&other.kme));
        states
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn link(&self, kme: &str) -> Option<&Arc<Link>> {
        self.links.get(kme)
    }

    pub(crate) fn all_links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.links.values()
    }

    pub(crate) fn key_bytes(&self, bits: u32) -> u64 {
        u64::from(bits / 8)
    }

    /// Bytes that are kept for each other key manager.
    pub(crate) fn capacity(&self) -> u64 {
        capacity(&self.settings)
    }

    /// The application that holds a certificate.
    pub(crate) fn sae_of(&self, holder: &Holder) -> Option<&str> {
        let by_serial = self.by_serial.get(&holder.serial);
        let id = by_serial.unwrap_or(&holder.common_name);
        let section = self.settings.saes.iter().find(|sae| sae.id == *id)?;
        // Whoever is told by a serial number is not told by a name as well.
        (section.serial.is_none() || by_serial.is_some()).then_some(section.id.as_str())
    }

    /// Whether a certificate's holder may see how this key manager is doing.
    pub(crate) fn is_controller(&self, holder: &Holder) -> bool {
        self.settings.kme.controllers.contains(&holder.common_name)
    }

    /// The key manager that holds a certificate.
    pub(crate) fn peer_of(&self, holder: &Holder) -> Option<&Arc<Link>> {
        self.links.get(holder.common_name.as_str()).filter(|link| !link.is_local())
    }

    pub(crate) fn sae(&self, id: &str) -> std::result::Result<&Sae, Refusal> {
        self.saes.get(id).ok_or_else(|| Refusal::bad(format!("the application '{id}' is not known here")))
    }

    /// Whether `master` may ask for keys for `slave`.
    pub(crate) fn check_pair(&self, master: &str, slave: &str) -> std::result::Result<(), Refusal> {
        let allowed =
            self.pairs.as_ref().is_none_or(|pairs| pairs.contains(&(master.to_owned(), slave.to_owned())));
        if allowed { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    pub(crate) fn check_quota(&self, sae: &Sae, keys: u32) -> std::result::Result<(), Refusal> {
        let Some(quota) = &sae.quota else { return Ok(()) };
        if lock(quota).take(keys, Instant::now()) {
            return Ok(());
        }
        Err(Refusal::unavailable(format!("'{}' has taken as many keys as it may for now", sae.id)))
    }

    /// The link over which `master`, an application here, shares keys with `slave`; and the key manager's name.
    pub(crate) fn link_for(&self, master: &str, slave: &str) -> std::result::Result<&Arc<Link>, Refusal> {
        let (from, to) = (self.sae(master)?, self.sae(slave)?);
        if from.id == to.id {
            return Err(Refusal::bad("an application shares no keys with itself"));
        }
        if *from.kme != *self.settings.kme.id {
            return Err(Refusal::Unauthorized);
        }
        self.check_pair(master, slave)?;
        self.links.get(&to.kme).ok_or_else(|| Refusal::unavailable("its key manager is not configured"))
    }

    /// The link over which keys of `master` come.
    pub(crate) fn link_of(&self, master: &str) -> std::result::Result<&Arc<Link>, Refusal> {
        let sae = self.sae(master)?;
        self.links.get(&sae.kme).ok_or_else(|| Refusal::bad("its key manager is not configured"))
    }

    /// Applications with which `master` may share keys, in order.
    pub(crate) fn partners(&self, master: &str) -> Vec<String> {
        let mut partners: Vec<String> =
            self.saes.keys().filter(|slave| self.link_for(master, slave).is_ok()).cloned().collect();
        partners.sort();
        partners
    }

    /// New keys for a master (ETSI GS QKD 014 §5.2, "Get key"): `count` keys of `bits` bits, for `slave` and `others`.
    pub(crate) async fn give(
        &self,
        master: &str,
        slave: &str,
        others: &[String],
        count: u32,
        bits: u32,
    ) -> std::result::Result<Vec<NamedKey>, Refusal> {
        let outcome = self.make(master, slave, others, count, bits).await;
        let slaves = || std::iter::once(slave).chain(others.iter().map(String::as_str)).collect();
        let event = |keys| Event::Given { master, slaves: slaves(), keys, bits };
        let outcome = self.on_record(outcome, master, slave, event);
        self.count(&outcome, master, slave);
        outcome
    }

    /// Counts what is given, for the node's statistics.
    fn count(&self, outcome: &std::result::Result<Vec<NamedKey>, Refusal>, master: &str, slave: &str) {
        let Ok(keys) = outcome else { return };
        let bits = keys.iter().map(|(_, bytes)| 8 * bytes.len() as u64).sum();
        let pair = Consumer::Pair(Arc::from(master), Arc::from(slave));
        lock(&self.consumption).add(pair, bits, SystemTime::now());
    }

    /// An outcome once it is on record; keys that cannot be recorded are not given.
    fn on_record<'a>(
        &self,
        outcome: std::result::Result<Vec<NamedKey>, Refusal>,
        application: &'a str,
        partner: &'a str,
        event: impl FnOnce(Vec<KeyId>) -> Event<'a>,
    ) -> std::result::Result<Vec<NamedKey>, Refusal> {
        match outcome {
            Ok(keys) => {
                self.trail.note(|| event(keys.iter().map(|(id, _)| *id).collect()))?;
                Ok(keys)
            }
            Err(why) => {
                self.trail.note(|| Event::Refused { application, partner, why: &why })?;
                Err(why)
            }
        }
    }

    async fn make(
        &self,
        master: &str,
        slave: &str,
        others: &[String],
        count: u32,
        bits: u32,
    ) -> std::result::Result<Vec<NamedKey>, Refusal> {
        let first = self.link_for(master, slave)?;
        let mut slaves = vec![self.sae(slave)?];
        let mut link = first;
        for other in others {
            let along = self.link_for(master, other)?;
            if along.is_local() || Arc::ptr_eq(along, link) {
            } else if link.is_local() {
                link = along;
            } else {
                return Err(Refusal::bad(format!(
                    "'{other}' and '{slave}' are at two different sites: such keys would need a relay"
                )));
            }
            slaves.push(self.sae(other)?);
        }
        self.check_quota(self.sae(master)?, count)?;
        let here = |sae: &&&Sae| *sae.kme == *self.settings.kme.id;
        let local: Vec<Arc<str>> = slaves.iter().filter(here).map(|sae| sae.id.clone()).collect();
        let remote: Vec<Arc<str>> =
            slaves.iter().filter(|sae| !here(sae)).map(|sae| sae.id.clone()).collect();
        let master: Arc<str> = self.sae(master)?.id.clone();
        let promise = self.promise(link, &master, &remote, count, bits).await?;
        let mut keys = Vec::with_capacity(count as usize);
        let expires = self.expiry();
        for (id, range) in promise.into_keys() {
            let mut streams = link.streams();
            let Some(bytes) = streams.ours.material.copy(&range) else {
                return Err(Refusal::unavailable("the key was wiped before it was given"));
            };
            if local.is_empty() {
                streams.ours.material.wipe(&range);
            } else {
                drop(streams);
                let place = Place::Ours(link.name().clone(), range);
                let held = Held { master: master.clone(), waiting: local.clone(), place, expires };
                self.hold(id, held)?;
            }
            keys.push((id, bytes));
        }
        Ok(keys)
    }

    /// Takes material for keys and has the other key manager hold it for its applications.
    async fn promise(
        &self,
        link: &Arc<Link>,
        master: &Arc<str>,
        remote: &[Arc<str>],
        count: u32,
        bits: u32,
    ) -> std::result::Result<Promise, Refusal> {
        let until = Instant::now() + PATIENCE;
        let mut lost = false;
        loop {
            let refusal = match link.promise(master, remote, count, self.key_bytes(bits), None) {
                Ok(pending) => match pending.confirmed().await {
                    Ok(promise) => return Ok(promise),
                    Err(refusal) => refusal,
                },
                Err(refusal) => refusal,
            };
            // The other end began anew: once there is material again, the request can still be met.
            lost |= matches!(refusal, Refusal::Conflict(_));
            if !lost || Instant::now() > until {
                return Err(match refusal {
                    Refusal::Conflict(why) => Refusal::Unavailable(why),
                    other => other,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn expiry(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.settings.kme.key_lifetime_s)
    }

    /// Keeps a key for applications here.
    pub(crate) fn hold(&self, id: KeyId, held: Held) -> std::result::Result<(), Refusal> {
        if lock(&self.held).insert(id, held) {
            return Ok(());
        }
        Err(Refusal::conflict(format!("there is a key named {id} already")))
    }

    /// Whether all of `slaves` are applications here that `master`, an application of `kme`, may share keys with.
    pub(crate) fn check_targets(
        &self,
        kme: &str,
        master: &str,
        slaves: &[String],
    ) -> std::result::Result<(Arc<str>, Vec<Arc<str>>), Refusal> {
        let from = self.sae(master)?;
        if *from.kme != *kme {
            return Err(Refusal::Unauthorized);
        }
        let mut found: Vec<Arc<str>> = Vec::new();
        for slave in slaves {
            let sae = self.sae(slave)?;
            if *sae.kme != *self.settings.kme.id || found.contains(&sae.id) {
                return Err(Refusal::bad(format!(
                    "'{slave}' is not an application of this site, or named twice"
                )));
            }
            self.check_pair(master, slave)?;
            found.push(sae.id.clone());
        }
        if found.is_empty() {
            return Err(Refusal::bad("a key is for at least one application"));
        }
        Ok((from.id.clone(), found))
    }

    /// The keys with these names, for the slave (ETSI GS QKD 014 §5.3, "Get key with key IDs"): all of them or none.
    pub(crate) fn fetch(
        &self,
        slave: &str,
        master: &str,
        ids: &[KeyId],
    ) -> std::result::Result<Vec<NamedKey>, Refusal> {
        let outcome = self.find(slave, master, ids);
        let outcome = self.on_record(outcome, slave, master, |keys| Event::Fetched { slave, master, keys });
        self.count(&outcome, master, slave);
        outcome
    }

    fn find(&self, slave: &str, master: &str, ids: &[KeyId]) -> std::result::Result<Vec<NamedKey>, Refusal> {
        self.check_quota(self.sae(slave)?, u32::try_from(ids.len()).unwrap_or(u32::MAX))?;
        let mut keys = Vec::with_capacity(ids.len());
        let mut held = lock(&self.held);
        for id in ids {
            let bytes = match held.find(id, master, slave) {
                Found::Unknown => return Err(Refusal::bad("one or more of the key IDs are not known here")),
                Found::NotTheirs => return Err(Refusal::Unauthorized),
                Found::Key(key) => self.bytes(&key.place),
            };
            let Some(bytes) = bytes else {
                return Err(Refusal::bad("one or more of the key IDs are not known here"));
            };
            keys.push((*id, bytes));
        }
        for id in ids {
            if let Some(done) = held.fetched(id, slave) {
                self.wipe(&done.place);
            }
        }
        Ok(keys)
    }

    pub(crate) fn bytes(&self, place: &Place) -> Option<Zeroizing<Vec<u8>>> {
        match place {
            Place::Ours(kme, range) => self.links.get(kme)?.streams().ours.material.copy(range),
            Place::Theirs(kme, range) => self.links.get(kme)?.streams().theirs.material.copy(range),
        }
    }

    pub(crate) fn wipe(&self, place: &Place) {
        match place {
            Place::Ours(kme, range) => {
                if let Some(link) = self.links.get(kme) {
                    link.streams().ours.material.wipe(range);
                }
            }
            Place::Theirs(kme, range) => {
                if let Some(link) = self.links.get(kme) {
                    link.streams().theirs.material.wipe(range);
                }
            }
        }
    }

    /// Wipes keys that nobody fetched in time; gives how many.
    pub(crate) fn sweep(&self) -> usize {
        let gone = lock(&self.held).expired(Instant::now());
        for held in &gone {
            self.wipe(&held.place);
        }
        if !gone.is_empty() {
            // They are wiped whether that can be recorded or not.
            let _ = self.trail.note(|| Event::Expired { keys: gone.len() });
        }
        gone.len()
    }

    /// Keys that wait for applications here.
    pub fn waiting(&self) -> usize {
        lock(&self.held).len()
    }

    /// A random name for a key.
    pub(crate) fn new_id() -> std::result::Result<KeyId, Refusal> {
        uuid::random().map_err(|error| Refusal::unavailable(error.message()))
    }
}

fn capacity(settings: &Settings) -> u64 {
    settings.kme.max_keys.saturating_mul(u64::from(settings.kme.key_bits / 8))
}

/// A lock whose data stay sound whatever a holder did: every change is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
