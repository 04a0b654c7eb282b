//! What the two ends of every link of keys promise.

use std::collections::HashSet;

use super::{Violation, answer, broken, device, promises, refusal, require};
use crate::{ErrorKind, KeyId, KeyLink, Kind, LinkStatus, SecretKey};

promises! {
    STATUS = "an end that works tells the status of its store";
    LIMITS = "key lengths are whole bytes and the default lies between the shortest and the longest";
    STORE = "there are at most as many keys as the store holds";
    GIVES = "while keys are stored, one of every length within the limits is given";
    LENGTH = "a key is as long as it was asked for";
    PROVENANCE = "a key has the provenance of its link";
    REFUSES = "a length outside the limits, or not of whole bytes, is InvalidInput";
    SAME_LIMITS = "the limits stay the same";
    NOTHING_LOST = "a request that is refused costs no key";
    UNIQUE = "no two keys have the same name or the same bits";
    FETCHED = "the other end gives the key of the same name";
    SAME_KEY = "the same name is the same key at both ends";
    UNKNOWN = "a name that was not given at the other end is NotFound";
    ONCE = "a key is given once at each end";
    COUNTED = "in a store at rest each key given is one less";
    EXHAUSTED = "a store without keys is Exhausted";
}

/// How many keys of the default length the suite takes at each end; it takes one of the longest and one of the
/// shortest, too.
pub const KEYS: usize = 4;

/// Most keys that [`check_exhaustion`] takes before it says that it cannot empty the store.
const MOST: u64 = 100_000;

/// Checks both ends of a link, each beginning in turn. Both stores need [`KEYS`] + 2 keys; they may refill meanwhile.
///
/// # Errors
/// The first promise that is broken, those of [`device`] included.
pub fn check(one: &mut dyn KeyLink, other: &mut dyn KeyLink) -> Result<(), Violation> {
    device::check(one, Kind::KeyLink)?;
    device::check(other, Kind::KeyLink)?;
    let descriptors = (one.descriptor().clone(), other.descriptor().clone());
    let mut seen = Seen::default();
    check_one_way(one, other, &mut seen)?;
    check_one_way(other, one, &mut seen)?;
    device::check_stays(one, &descriptors.0)?;
    device::check_stays(other, &descriptors.1)
}

/// Takes all keys of a store at rest (nothing makes keys and nobody else takes them) and holds the count.
///
/// # Errors
/// The first promise that is broken.
pub fn check_exhaustion(end: &mut dyn KeyLink) -> Result<(), Violation> {
    let first = status(end)?;
    let bits = first.default_key_bits;
    let mut stored = first.stored_keys;
    if stored > MOST {
        return broken(COUNTED, format!("{stored} keys are stored, too many to take them all"));
    }
    while stored > 0 {
        next_key(end, bits)?;
        stored -= 1;
        let now = status(end)?.stored_keys;
        require(now == stored, COUNTED, || {
            format!("{stored} keys should be left and the status says {now}")
        })?;
    }
    refusal(EXHAUSTED, "next_key of an empty store", end.next_key(bits), &[ErrorKind::Exhausted])
}

/// Names and keys that were given so far.
#[derive(Default)]
struct Seen {
    ids: HashSet<KeyId>,
    keys: Vec<SecretKey>,
}

fn check_one_way<'a>(
    begins: &'a mut dyn KeyLink,
    other: &'a mut dyn KeyLink,
    seen: &mut Seen,
) -> Result<(), Violation> {
    let limits = status(begins)?;
    check_refused_lengths(begins, limits)?;
    let mut given = Vec::new();
    let usual = [limits.default_key_bits; KEYS];
    for bits in usual.into_iter().chain([limits.min_key_bits, limits.max_key_bits]) {
        let (id, key) = next_key(begins, bits)?;
        require(seen.ids.insert(id), UNIQUE, || format!("the name {id} came twice"))?;
        given.push((id, key));
    }
    // The other end may ask in any order.
    for (id, key) in given.into_iter().rev() {
        let stranger = KeyId((!u128::from_be_bytes(id.0)).to_be_bytes());
        for end in [&mut *begins, &mut *other] {
            refusal(UNKNOWN, &format!("key of {stranger}"), end.key(&stranger), &[ErrorKind::NotFound])?;
        }
        let fetched = answer(FETCHED, &format!("key of {id} at the other end"), other.key(&id))?;
        require(fetched == key, SAME_KEY, || format!("two ends have two keys under the name {id}"))?;
        check_provenance(other, &fetched)?;
        for end in [&mut *begins, &mut *other] {
            refusal(ONCE, &format!("key of {id} once more"), end.key(&id), &[ErrorKind::NotFound])?;
        }
        // Short keys may be equal by chance.
        require(key.bits() < 64 || !seen.keys.contains(&key), UNIQUE, || {
            format!("the key {id} has the bits of an earlier one")
        })?;
        seen.keys.push(key);
    }
    let now = status(begins)?;
    let same = |a: LinkStatus, b: LinkStatus| {
        (a.default_key_bits, a.min_key_bits, a.max_key_bits, a.max_keys)
            == (b.default_key_bits, b.min_key_bits, b.max_key_bits, b.max_keys)
    };
    require(same(limits, now), SAME_LIMITS, || format!("they were {limits:?} and became {now:?}"))
}

fn check_refused_lengths(end: &mut dyn KeyLink, limits: LinkStatus) -> Result<(), Violation> {
    let LinkStatus { default_key_bits: usual, min_key_bits: least, max_key_bits: most, .. } = limits;
    let beside = [usual.checked_add(1), usual.checked_sub(1), least.checked_sub(8), most.checked_add(8)];
    let wrong = beside.into_iter().flatten().chain([0, u32::MAX]);
    for bits in wrong.filter(|bits| bits % 8 != 0 || !(least..=most).contains(bits)) {
        let call = format!("next_key of {bits} bits");
        refusal(REFUSES, &call, end.next_key(bits), &[ErrorKind::InvalidInput])?;
    }
    let now = status(end)?.stored_keys;
    require(now >= limits.stored_keys, NOTHING_LOST, || {
        format!("{} keys were stored, and after refusals {now}", limits.stored_keys)
    })
}

fn next_key(end: &mut dyn KeyLink, bits: u32) -> Result<(KeyId, SecretKey), Violation> {
    let (id, key) = answer(GIVES, &format!("next_key of {bits} bits"), end.next_key(bits))?;
    require(key.bits() == bits as usize, LENGTH, || {
        format!("next_key of {bits} bits gave {} bits", key.bits())
    })?;
    check_provenance(end, &key)?;
    Ok((id, key))
}

fn check_provenance(end: &dyn KeyLink, key: &SecretKey) -> Result<(), Violation> {
    let link = end.descriptor().provenance;
    require(key.provenance() == link, PROVENANCE, || {
        format!("the link is {link} and a key of it is {}", key.provenance())
    })
}

fn status(end: &mut dyn KeyLink) -> Result<LinkStatus, Violation> {
    let status = answer(STATUS, "status", end.status())?;
    let LinkStatus { default_key_bits: usual, min_key_bits: least, max_key_bits: most, .. } = status;
    let sane =
        least > 0 && (least..=most).contains(&usual) && [usual, least, most].iter().all(|bits| bits % 8 == 0);
    require(sane, LIMITS, || format!("{status:?}"))?;
    require(status.stored_keys <= status.max_keys, STORE, || format!("{status:?}"))?;
    Ok(status)
}
