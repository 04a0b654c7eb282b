//! Authentication of classical messages after Wegman and Carter, and the account of the secrets it uses up.
//!
//! tag = H_k(message) ⊕ pad: H is the polynomial hash over GF(2^128) (POLYVAL, with the length as last block), k a key for each direction
//! that is kept, the pad 128 bits that are never used again. Whoever sees any number of tags makes a false one with probability at
//! most s/2^128 for messages of s blocks, the length included: M. N. Wegman, J. L. Carter, J. Comput. Syst. Sci. 22, 265 (1981);
//! recycling of k under one-time pads: C. Portmann, IEEE Trans. Inf. Theory 60, 4383 (2014).
//!
//! The first secrets are preshared; afterwards each distilled key gives up a part of itself ([`Secrets::refill`]).

use std::collections::VecDeque;
use std::fmt;

use qhal::{Error, ErrorKind, Result};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::hash::{BLOCK, PolynomialHash, blocks};

/// Bytes of a tag and of a pad.
pub const TAG_BYTES: usize = BLOCK;

/// Which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that prepares states (or holds the key taken as right).
    Alice,
    /// The end that measures them (and corrects its key).
    Bob,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Alice => 0,
            Self::Bob => 1,
        }
    }
}

/// A one-time pad for one tag; used by being moved.
pub struct Pad(Zeroizing<[u8; TAG_BYTES]>);

impl Pad {
    /// Sixteen secret bytes that are used for nothing else.
    pub fn new(bytes: [u8; TAG_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// The hash key of one direction.
pub struct TagKey(Zeroizing<[u8; BLOCK]>);

impl TagKey {
    /// Sixteen secret bytes, uniform and used for nothing else.
    pub fn new(bytes: [u8; BLOCK]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The tag of a message that is given in parts. A pad may be used again for the same message only.
    pub fn tag(&self, parts: &[&[u8]], pad: &Pad) -> [u8; TAG_BYTES] {
        let mut hash = PolynomialHash::new(&self.0);
        parts.iter().for_each(|part| hash.update(part));
        let mut tag = hash.finish();
        tag.iter_mut().zip(pad.0.iter()).for_each(|(tag, pad)| *tag ^= pad);
        tag
    }

    /// Whether a tag is right, in constant time.
    pub fn verify(&self, parts: &[&[u8]], pad: &Pad, tag: &[u8]) -> bool {
        self.tag(parts, pad).as_slice().ct_eq(tag).into()
    }
}

/// The probability, at most, that a false tag for a message of so many bytes is taken for right.
pub fn forgery_probability(bytes: usize) -> f64 {
    blocks(bytes) as f64 * 2f64.powi(-128)
}

/// What was used up and what is left, in bits of both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Pads set aside so far, used or not.
    pub consumed: u64,
    /// Bits of distilled keys put in so far.
    pub refilled: u64,
    /// Bits that can still be set aside.
    pub available: u64,
}

/// The secrets both ends share for authentication: two hash keys and a stream of pads for each direction.
///
/// Pads belong to blocks by number, so that ends which lost a block do not lose step.
pub struct Secrets {
    keys: [TagKey; 2],
    streams: [VecDeque<u8>; 2],
    /// Pads that were taken off the front of each stream.
    taken: u64,
    ledger: Ledger,
}

/// The pads of one block, by the role of who sends.
pub struct BlockPads {
    pads: [Vec<Pad>; 2],
}

impl BlockPads {
    /// The pad number `index` of the messages that `sender` sends.
    pub fn of(&self, sender: Role, index: usize) -> Option<&Pad> {
        self.pads[sender.index()].get(index)
    }
}

impl Secrets {
    /// Bytes of the hash keys at the beginning of the preshared secret.
    pub const KEY_BYTES: usize = 2 * BLOCK;

    /// Bytes of preshared secret for `blocks` blocks of `messages` messages in each direction before anything is refilled.
    pub const fn preshared_bytes(blocks: usize, messages: usize) -> usize {
        Self::KEY_BYTES + 2 * blocks * messages * TAG_BYTES
    }

    /// From a preshared secret: two hash keys (Alice's messages, Bob's messages), then the pads of Alice's and of Bob's, half each.
    ///
    /// # Errors
    /// `InvalidInput` when it does not hold the hash keys, or an odd number of pads.
    pub fn new(preshared: &[u8]) -> Result<Self> {
        let Some((keys, pads)) = preshared.split_at_checked(Self::KEY_BYTES) else {
            let sentence =
                format!("a preshared secret of {} bytes does not hold two hash keys", preshared.len());
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        };
        let key = |half: &[u8]| {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(half);
            TagKey::new(bytes)
        };
        let mut secrets = Self {
            keys: [key(&keys[..BLOCK]), key(&keys[BLOCK..])],
            // Room at once: a queue that grows would leave copies behind.
            streams: [0, 1].map(|_| VecDeque::with_capacity(pads.len().max(1 << 16))),
            taken: 0,
            ledger: Ledger::default(),
        };
        secrets.add(pads)?;
        Ok(secrets)
    }

    /// The hash key of the messages that `sender` sends.
    pub fn key(&self, sender: Role) -> &TagKey {
        &self.keys[sender.index()]
    }

    /// What was used up and what is left.
    pub fn ledger(&self) -> Ledger {
        Ledger { available: 16 * self.streams[0].len() as u64, ..self.ledger }
    }

    /// Sets aside the pads of a block: `messages` for each direction. Those of blocks that were passed over are wiped.
    ///
    /// # Errors
    /// `InvalidInput` for a block whose pads were set aside or passed over before; `Exhausted` when there are not enough left.
    pub fn set_aside(&mut self, block: u64, messages: usize) -> Result<BlockPads> {
        let first = block.saturating_mul(messages as u64);
        let Some(passed) = first.checked_sub(self.taken) else {
            let sentence = format!("the pads of block {block} have been used");
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        };
        let passed = usize::try_from(passed).unwrap_or(usize::MAX).saturating_mul(TAG_BYTES);
        let need = passed.saturating_add(messages * TAG_BYTES);
        if self.streams[0].len() < need {
            let sentence = format!(
                "the messages of block {block} need {need} secret bytes in each direction, and {} are left",
                self.streams[0].len()
            );
            return Err(Error::new(ErrorKind::Exhausted, sentence));
        }
        let mut pads = [Vec::new(), Vec::new()];
        for (stream, pads) in self.streams.iter_mut().zip(&mut pads) {
            stream.iter_mut().take(passed).for_each(|byte| byte.zeroize());
            stream.drain(..passed);
            for _ in 0..messages {
                let mut pad = Pad::new([0; TAG_BYTES]);
                for (to, from) in pad.0.iter_mut().zip(stream.iter_mut()) {
                    *to = std::mem::take(from);
                }
                stream.drain(..TAG_BYTES);
                pads.push(pad);
            }
        }
        self.taken = first + messages as u64;
        self.ledger.consumed += 16 * need as u64;
        Ok(BlockPads { pads })
    }

    /// Puts in part of a distilled key: half of it for each direction.
    ///
    /// # Errors
    /// `InvalidInput` unless it is an even number of pads.
    pub fn refill(&mut self, key: &[u8]) -> Result<()> {
        self.add(key)?;
        self.ledger.refilled += 8 * key.len() as u64;
        Ok(())
    }

    fn add(&mut self, pads: &[u8]) -> Result<()> {
        if !pads.len().is_multiple_of(2 * TAG_BYTES) {
            let sentence = format!("{} secret bytes are no even number of pads of {TAG_BYTES}", pads.len());
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        let (alice, bob) = pads.split_at(pads.len() / 2);
        self.streams[0].extend(alice);
        self.streams[1].extend(bob);
        Ok(())
    }
}

impl fmt::Debug for Secrets {
    /// The account only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({:?})", self.ledger())
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        for stream in &mut self.streams {
            stream.iter_mut().for_each(|byte| byte.zeroize());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_right_for_its_message_key_pad_and_nothing_else() {
        let (key, pad) = (TagKey::new([3; 16]), Pad::new([5; 16]));
        let tag = key.tag(&[b"sifted", b" bits"], &pad);
        assert!(key.verify(&[b"sifted bits"], &pad, &tag));
        assert!(!key.verify(&[b"sifted bits\0"], &pad, &tag));
        assert!(!key.verify(&[b"sifted bitt"], &pad, &tag));
        assert!(!key.verify(&[b"sifted bits"], &Pad::new([6; 16]), &tag));
        assert!(!TagKey::new([4; 16]).verify(&[b"sifted bits"], &pad, &tag));
        assert!(!key.verify(&[b"sifted bits"], &pad, &tag[..15]));
        for bit in 0..128 {
            let mut wrong = tag;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(&[b"sifted bits"], &pad, &wrong));
        }
        assert_eq!(forgery_probability(1 << 20), 65537.0 / 2f64.powi(128));
    }

    #[test]
    fn pads_are_used_once_in_step_and_accounted() {
        let preshared: Vec<u8> = (0..Secrets::preshared_bytes(3, 2)).map(|i| i as u8).collect();
        let (mut a, mut b) = (Secrets::new(&preshared).unwrap(), Secrets::new(&preshared).unwrap());
        assert_eq!(a.ledger(), Ledger { consumed: 0, refilled: 0, available: 3 * 2 * 2 * 128 });
        // One end misses block 0; in block 1 they agree all the same.
        a.set_aside(0, 2).unwrap();
        let (x, y) = (a.set_aside(1, 2).unwrap(), b.set_aside(1, 2).unwrap());
        for role in [Role::Alice, Role::Bob] {
            for index in 0..2 {
                assert_eq!(x.of(role, index).unwrap().0, y.of(role, index).unwrap().0);
            }
            assert!(x.of(role, 2).is_none());
        }
        assert_ne!(x.of(Role::Alice, 0).unwrap().0, x.of(Role::Bob, 0).unwrap().0);
        assert_eq!(a.set_aside(1, 2).err().unwrap().kind(), ErrorKind::InvalidInput);
        assert_eq!(a.set_aside(3, 2).err().unwrap().kind(), ErrorKind::Exhausted);
        a.refill(&[7; 64]).unwrap();
        a.set_aside(3, 2).unwrap();
        assert_eq!(a.ledger(), Ledger { consumed: 4 * 512, refilled: 512, available: 0 });
        assert!(a.refill(&[7; 63]).is_err() && Secrets::new(&[0; 31]).is_err());
        assert_eq!(format!("{a:?}"), "Secrets(Ledger { consumed: 2048, refilled: 512, available: 0 })");
    }
}
