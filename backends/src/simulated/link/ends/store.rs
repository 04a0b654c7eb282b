//! What an end keeps of distilled blocks, and the keys that are cut from it: each bit is given once at each end.
//!
//! Of every block one half belongs to the sending end and one to the receiving end. An end cuts the keys that it begins from its own
//! halves and names them by where they were cut (session, block, half, place, length), so that the other end, which has the same block,
//! needs to be told nothing but the name.

use std::collections::VecDeque;

use qhal::{Error, ErrorKind, KeyId, Provenance, Result, SecretKey};
use qhal_distillation::authentication::Role;
use zeroize::{Zeroize, Zeroizing};

/// The length of a key when none is asked for, in bits.
pub(super) const DEFAULT_BITS: u32 = 256;
/// The shortest key, in bits.
pub(super) const MIN_BITS: u32 = 64;
/// The longest key, in bits.
pub(super) const MAX_BITS: u32 = 1 << 15;
/// How many bytes of own halves are enough.
pub(super) const ENOUGH: usize = 1 << 20;
/// How many bytes of halves of the other end are kept. Keys that were begun there long ago may still be asked for.
const KEPT: usize = 4 * ENOUGH;

/// Where a key was cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    /// The conversation between the ends, 50 bits.
    session: u64,
    /// 26 bits.
    block: u32,
    /// Whose half.
    owner: Role,
    /// In bytes from where the half begins, 28 bits.
    start: u32,
    /// In bytes, 17 bits.
    length: u32,
}

const SESSION_BITS: u32 = 50;
const BLOCK_BITS: u32 = 26;
const START_BITS: u32 = 28;
const LENGTH_BITS: u32 = 17;

impl Cut {
    /// A UUID of version 8 (RFC 9562 §5.8): 122 bits of our own beside version and variant.
    fn id(self) -> KeyId {
        let mut all = u128::from(self.session & ((1 << SESSION_BITS) - 1));
        let fields = [
            (BLOCK_BITS, self.block),
            (1, u32::from(self.owner == Role::Bob)),
            (START_BITS, self.start),
            (LENGTH_BITS, self.length),
        ];
        for (bits, value) in fields {
            all = all << bits | u128::from(value) & ((1 << bits) - 1);
        }
        let (a, b, c) = (all >> 74, all >> 62 & 0xFFF, all & ((1 << 62) - 1));
        KeyId((a << 80 | 0x8 << 76 | b << 64 | 0b10 << 62 | c).to_be_bytes())
    }

    /// What a name says; `None` for a name that is not ours.
    fn of(id: &KeyId) -> Option<Self> {
        let number = u128::from_be_bytes(id.0);
        if number >> 76 & 0xF != 0x8 || number >> 62 & 0b11 != 0b10 {
            return None;
        }
        let mut all = number >> 80 << 74 | (number >> 64 & 0xFFF) << 62 | number & ((1 << 62) - 1);
        let mut field = |bits: u32| {
            let value = all & ((1 << bits) - 1);
            all >>= bits;
            value as u64
        };
        let (length, start) = (field(LENGTH_BITS) as u32, field(START_BITS) as u32);
        let owner = if field(1) == 1 { Role::Bob } else { Role::Alice };
        Some(Self { length, start, owner, block: field(BLOCK_BITS) as u32, session: field(SESSION_BITS) })
    }
}

/// Half of a block.
struct Half {
    session: u64,
    block: u32,
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes from the front that were cut off (own halves).
    used: usize,
    /// Places that were given (halves of the other end), as starts and ends.
    given: Vec<(usize, usize)>,
}

impl Half {
    /// The bytes of a place, which are wiped here.
    fn take(&mut self, start: usize, length: usize) -> Option<Vec<u8>> {
        let place = self.bytes.get_mut(start..start.checked_add(length)?)?;
        let copy = place.to_vec();
        place.zeroize();
        Some(copy)
    }
}

/// The halves of both ends at one of them.
pub(super) struct Store {
    role: Role,
    own: VecDeque<Half>,
    others: VecDeque<Half>,
}

impl Store {
    /// Empty, at this end.
    pub(super) fn new(role: Role) -> Self {
        Self { role, own: VecDeque::new(), others: VecDeque::new() }
    }

    /// Puts in a distilled block.
    pub(super) fn add(&mut self, session: u64, block: u64, key: &SecretKey) {
        // Beyond what a name can say nothing is kept: 67 million blocks of one conversation.
        let Some(block) = u32::try_from(block).ok().filter(|block| *block < 1 << BLOCK_BITS) else { return };
        let session = session & ((1 << SESSION_BITS) - 1);
        let middle = (key.expose().len() / 2).min((1 << START_BITS) - 1);
        let (first, second) = key.expose().split_at(middle);
        let second = second.get(..middle).unwrap_or(second);
        let half = |bytes: &[u8]| Half {
            session,
            block,
            bytes: Zeroizing::new(bytes.to_vec()),
            used: 0,
            given: Vec::new(),
        };
        let (own, other) = if self.role == Role::Alice { (first, second) } else { (second, first) };
        self.own.push_back(half(own));
        self.others.push_back(half(other));
        // The oldest go first at both ends, here sooner: what is begun here is still there at the other end.
        while self.own.len() > 1 && self.left() > 2 * ENOUGH {
            self.own.pop_front();
        }
        while self.others.len() > 1 && self.others.iter().map(|half| half.bytes.len()).sum::<usize>() > KEPT {
            self.others.pop_front();
        }
    }

    /// Bytes from which keys can still be begun here.
    pub(super) fn left(&self) -> usize {
        self.own.iter().map(|half| half.bytes.len() - half.used).sum()
    }

    /// Keys of the default length that can be begun here.
    pub(super) fn keys(&self) -> u64 {
        let key = DEFAULT_BITS as usize / 8;
        self.own.iter().map(|half| ((half.bytes.len() - half.used) / key) as u64).sum()
    }

    /// Whether a key of so many bytes can be begun here.
    pub(super) fn has(&self, length: usize) -> bool {
        self.own.iter().any(|half| half.bytes.len() - half.used >= length)
    }

    /// Whether a name is one of a conversation, and of the block that is under way in it.
    pub(super) fn is_ahead(id: &KeyId, session: u64, block: u64) -> bool {
        let session = session & ((1 << SESSION_BITS) - 1);
        Cut::of(id).is_some_and(|cut| cut.session == session && u64::from(cut.block) == block)
    }

    /// Begins a key of so many bits.
    ///
    /// # Errors
    /// `InvalidInput` for a length outside the limits; `Exhausted` when no block has as much left.
    pub(super) fn begin(&mut self, bits: u32) -> Result<(KeyId, SecretKey)> {
        check_length(bits)?;
        let length = bits as usize / 8;
        let owner = self.role;
        let half = self.own.iter_mut().find(|half| half.bytes.len() - half.used >= length);
        let none = || Error::new(ErrorKind::Exhausted, format!("no key of {bits} bits is left"));
        let half = half.ok_or_else(none)?;
        let start = half.used;
        let bytes = half.take(start, length).ok_or_else(none)?;
        half.used += length;
        let cut = Cut {
            session: half.session,
            block: half.block,
            owner,
            start: start as u32,
            length: length as u32,
        };
        self.own.retain(|half| half.bytes.len() - half.used >= MIN_BITS as usize / 8);
        Ok((cut.id(), SecretKey::new(bytes, Provenance::Simulated)))
    }

    /// The key that the other end began under this name.
    ///
    /// # Errors
    /// `NotFound` for a name that is not known (any more), and for one of which a part was given before.
    pub(super) fn fetch(&mut self, id: &KeyId) -> Result<SecretKey> {
        let unknown = || Error::new(ErrorKind::NotFound, format!("there is no key {id} here"));
        let cut = Cut::of(id).filter(|cut| cut.owner != self.role).ok_or_else(unknown)?;
        let half = self
            .others
            .iter_mut()
            .find(|half| (half.session, half.block) == (cut.session, cut.block))
            .ok_or_else(unknown)?;
        let (start, end) = (cut.start as usize, cut.start as usize + cut.length as usize);
        let sound = (u64::from(MIN_BITS)..=u64::from(MAX_BITS)).contains(&(8 * u64::from(cut.length)));
        if !sound || half.given.iter().any(|(from, to)| start < *to && *from < end) {
            return Err(unknown());
        }
        let bytes = half.take(start, end - start).ok_or_else(unknown)?;
        half.given.push((start, end));
        merge(&mut half.given);
        Ok(SecretKey::new(bytes, Provenance::Simulated))
    }
}

/// Refuses a length that keys do not have.
///
/// # Errors
/// `InvalidInput`.
pub(super) fn check_length(bits: u32) -> Result<()> {
    if (MIN_BITS..=MAX_BITS).contains(&bits) && bits.is_multiple_of(8) {
        return Ok(());
    }
    let message = format!("keys have {MIN_BITS} to {MAX_BITS} bits, a multiple of 8, not {bits}");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// Joins places that touch, so that the list stays short when keys are fetched in order.
fn merge(places: &mut Vec<(usize, usize)>) {
    places.sort_unstable();
    places.dedup_by(|next, before| {
        let touch = next.0 <= before.1;
        if touch {
            before.1 = before.1.max(next.1);
        }
        touch
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(bytes: usize, first: u8) -> SecretKey {
        SecretKey::new(
            (0..bytes).map(|i| (i as u8).wrapping_mul(31) ^ first).collect(),
            Provenance::Simulated,
        )
    }

    #[test]
    fn names_say_where_a_key_was_cut_and_are_uuids_of_version_8() {
        let cut = Cut {
            session: (1 << SESSION_BITS) - 3,
            block: 12_345_678,
            owner: Role::Bob,
            start: 123_456_789,
            length: 4096,
        };
        let id = cut.id();
        assert_eq!(Cut::of(&id), Some(cut));
        let text = id.to_string();
        assert_eq!((&text[14..15], "89ab".contains(&text[19..20])), ("8", true), "{text}");
        assert_eq!(Cut::of(&KeyId([0; 16])), None);
    }

    #[test]
    fn each_end_begins_keys_that_the_other_gives_once() {
        let (mut alice, mut bob) = (Store::new(Role::Alice), Store::new(Role::Bob));
        for block in 0..3 {
            alice.add(7, block, &key(1001, block as u8));
            bob.add(7, block, &key(1001, block as u8));
        }
        assert_eq!((alice.left(), bob.left(), alice.keys()), (1500, 1500, 45));
        for bits in [256, 64, 4000, 8, 3992, 32_768, 257] {
            let (a, b) = (alice.begin(bits), bob.begin(bits));
            if bits == 8 || bits == 257 {
                assert_eq!(a.unwrap_err().kind(), ErrorKind::InvalidInput);
                continue;
            }
            let ((a_id, a), (b_id, b)) = match (a, b) {
                (Ok(a), Ok(b)) => (a, b),
                (Err(a), Err(b)) => {
                    assert_eq!((a.kind(), b.kind()), (ErrorKind::Exhausted, ErrorKind::Exhausted));
                    continue;
                }
                other => panic!("{other:?}"),
            };
            assert_ne!(a, b);
            assert!(alice.fetch(&a_id).is_err(), "an end fetches what the other began");
            assert_eq!(bob.fetch(&a_id).unwrap(), a);
            assert_eq!(alice.fetch(&b_id).unwrap(), b);
            assert_eq!(bob.fetch(&a_id).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }

    #[test]
    fn stores_stay_within_their_limits_and_what_is_begun_can_be_fetched() {
        let (mut alice, mut bob) = (Store::new(Role::Alice), Store::new(Role::Bob));
        for block in 0..200 {
            alice.add(1, block, &key(100_000, block as u8));
            bob.add(1, block, &key(100_000, block as u8));
        }
        assert!(alice.left() <= 2 * ENOUGH && alice.left() > ENOUGH);
        assert!(bob.others.iter().map(|half| half.bytes.len()).sum::<usize>() <= KEPT);
        let (id, begun) = alice.begin(MAX_BITS).unwrap();
        assert_eq!(bob.fetch(&id).unwrap(), begun);
    }

    proptest! {
        #[test]
        fn no_name_gives_a_bit_twice(wanted in proptest::collection::vec((any::<bool>(), 0u32..600, 0u32..200), 1..60)) {
            let mut bob = Store::new(Role::Bob);
            bob.add(9, 4, &key(1000, 1));
            let mut seen = vec![false; 500];
            for (owner, start, length) in wanted {
                let owner = if owner { Role::Alice } else { Role::Bob };
                let cut = Cut { session: 9, block: 4, owner, start, length };
                if let Ok(given) = bob.fetch(&cut.id()) {
                    for (offset, byte) in given.expose().iter().enumerate() {
                        let at = start as usize + offset;
                        prop_assert!(!std::mem::replace(&mut seen[at], true));
                        prop_assert_eq!(*byte, key(1000, 1).expose()[at]);
                    }
                }
            }
        }

        #[test]
        fn no_name_is_a_reason_to_panic(bytes: [u8; 16]) {
            let mut alice = Store::new(Role::Alice);
            alice.add(u64::from_be_bytes(bytes[..8].try_into().unwrap()), 4, &key(1000, 1));
            let _ = alice.fetch(&KeyId(bytes));
            if let Some(cut) = Cut::of(&KeyId(bytes)) {
                prop_assert_eq!(cut.id(), KeyId(bytes));
            }
        }
    }
}
