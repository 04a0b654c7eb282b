//! Keys that were promised to applications here and were not fetched yet.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use qhal::KeyId;

/// Where the bytes of a held key are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the stream that this end owns towards this key manager.
    Ours(Arc<str>, Range<u64>),
    /// In the stream that this key manager owns.
    Theirs(Arc<str>, Range<u64>),
}

/// A key that waits for applications.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) master: Arc<str>,
    /// Slaves that have not fetched it yet.
    pub(crate) waiting: Vec<Arc<str>>,
    pub(crate) place: Place,
    pub(crate) expires: Instant,
}

/// All of them, by name; expired ones are found in the order of their expiry.
#[derive(Debug, Default)]
pub(crate) struct HeldKeys {
    by_id: HashMap<KeyId, Held>,
    by_expiry: BTreeMap<(Instant, KeyId), ()>,
}

/// What [`HeldKeys::fetch`] found.
pub(crate) enum Found<'a> {
    /// There is no such key (any more).
    Unknown,
    /// There is, but for another pair of applications.
    NotTheirs,
    /// The key.
    Key(&'a Held),
}

impl HeldKeys {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Puts a key in; `false`, and nothing happens, when its name is taken.
    pub(crate) fn insert(&mut self, id: KeyId, held: Held) -> bool {
        if self.by_id.contains_key(&id) {
            return false;
        }
        self.by_expiry.insert((held.expires, id), ());
        self.by_id.insert(id, held);
        true
    }

    /// Looks a key up for the pair of applications.
    pub(crate) fn find(&self, id: &KeyId, master: &str, slave: &str) -> Found<'_> {
        match self.by_id.get(id) {
            None => Found::Unknown,
            Some(held) if &*held.master == master && held.waiting.iter().any(|sae| &**sae == slave) => {
                Found::Key(held)
            }
            Some(_) => Found::NotTheirs,
        }
    }

    /// Notes that `slave` has it; gives the key back once everybody has.
    pub(crate) fn fetched(&mut self, id: &KeyId, slave: &str) -> Option<Held> {
        let held = self.by_id.get_mut(id)?;
        held.waiting.retain(|sae| &**sae != slave);
        if held.waiting.is_empty() { self.remove(id) } else { None }
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, id: &KeyId) -> Option<Held> {
        let held = self.by_id.remove(id)?;
        self.by_expiry.remove(&(held.expires, *id));
        Some(held)
    }

    /// Takes out what has expired by `now`.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Held> {
        let mut gone = Vec::new();
        while let Some((&(expires, id), ())) = self.by_expiry.first_key_value() {
            if expires > now {
                break;
            }
            self.by_expiry.pop_first();
            gone.extend(self.by_id.remove(&id));
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn held(expires: Instant) -> Held {
        let waiting = vec![Arc::from("b"), Arc::from("c")];
        Held { master: Arc::from("a"), waiting, place: Place::Theirs(Arc::from("k"), 0..1), expires }
    }

    #[test]
    fn a_key_is_for_its_pair_and_goes_when_the_last_has_it() {
        let mut keys = HeldKeys::default();
        let (id, now) = (KeyId([1; 16]), Instant::now());
        assert!(keys.insert(id, held(now)));
        assert!(!keys.insert(id, held(now)), "the name is taken");
        assert!(matches!(keys.find(&id, "a", "b"), Found::Key(_)));
        assert!(matches!(keys.find(&id, "b", "a"), Found::NotTheirs));
        assert!(matches!(keys.find(&id, "a", "d"), Found::NotTheirs));
        assert!(matches!(keys.find(&KeyId([2; 16]), "a", "b"), Found::Unknown));
        assert!(keys.fetched(&id, "b").is_none());
        assert!(matches!(keys.find(&id, "a", "b"), Found::NotTheirs), "once only");
        assert!(keys.fetched(&id, "c").is_some());
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn expired_keys_come_out_in_order() {
        let mut keys = HeldKeys::default();
        let now = Instant::now();
        for number in 0..3_u8 {
            let at = now + Duration::from_secs(u64::from(2 - number));
            assert!(keys.insert(KeyId([number; 16]), held(at)));
        }
        assert_eq!(keys.expired(now + Duration::from_secs(1)).len(), 2);
        assert_eq!(keys.len(), 1);
        assert!(matches!(keys.find(&KeyId([0; 16]), "a", "b"), Found::Key(_)));
    }
}
