//! A polynomial hash over GF(2^128) of messages that come in parts: POLYVAL of RFC 8452, with the length at the end.

use polyval::Polyval;
use polyval::universal_hash::UniversalHash;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a key, of a block and of a value.
pub(crate) const BLOCK: usize = 16;

/// Hashes a message part by part. For two different messages of at most s blocks (their last filled up with zeros, and one more for the
/// length) the values differ by any given constant with probability at most s / 2^128 over a uniform key.
pub(crate) struct PolynomialHash {
    state: Polyval,
    waiting: Zeroizing<[u8; BLOCK]>,
    filled: usize,
    length: u64,
}

impl PolynomialHash {
    pub(crate) fn new(key: &[u8; BLOCK]) -> Self {
        let mut secret = (*key).into();
        let state = Polyval::new(&secret);
        secret.zeroize();
        Self { state, waiting: Zeroizing::new([0; BLOCK]), filled: 0, length: 0 }
    }

    pub(crate) fn update(&mut self, mut part: &[u8]) {
        self.length = self.length.wrapping_add(part.len() as u64);
        if self.filled > 0 {
            let (now, rest) = part.split_at(part.len().min(BLOCK - self.filled));
            self.waiting[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            part = rest;
            if self.filled < BLOCK {
                return;
            }
            self.state.update_padded(&*self.waiting);
            self.filled = 0;
        }
        let (whole, rest) = part.split_at(part.len() / BLOCK * BLOCK);
        self.state.update_padded(whole);
        self.waiting[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    pub(crate) fn finish(mut self) -> [u8; BLOCK] {
        self.state.update_padded(&self.waiting[..self.filled]);
        let mut last = [0; BLOCK];
        last[..8].copy_from_slice(&self.length.to_le_bytes());
        self.state.update_padded(&last);
        self.state.finalize().into()
    }
}

/// Blocks that hashing `bytes` bytes takes, the one for the length included.
pub(crate) fn blocks(bytes: usize) -> usize {
    bytes.div_ceil(BLOCK) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> [u8; BLOCK] {
        u128::from_str_radix(text, 16).unwrap().to_be_bytes()
    }

    /// RFC 8452, appendix A: POLYVAL of two blocks; our hash adds a third, the length, so it is the library's that is checked
    /// here, and ours against it.
    #[test]
    fn it_is_polyval_and_a_length() {
        let key = hex("25629347589242761d31f826ba4b757b");
        let blocks =
            [hex("4f4f95668c83dfb6401762bb2d01a262"), hex("d1a24ddd2721d006bbe45f20d3c9f362")].concat();
        let mut rfc = Polyval::new(&key.into());
        rfc.update_padded(&blocks);
        assert_eq!(<[u8; BLOCK]>::from(rfc.clone().finalize()), hex("f7a3b47b846119fae5b7866cf5e5b77e"));
        let mut length = [0; BLOCK];
        length[0] = 32;
        rfc.update_padded(&length);
        let mut ours = PolynomialHash::new(&key);
        ours.update(&blocks);
        assert_eq!(ours.finish(), <[u8; BLOCK]>::from(rfc.finalize()));
    }

    proptest! {
        #[test]
        fn parts_do_not_matter_and_zeros_at_the_end_do(
            message in prop::collection::vec(any::<u8>(), 0..100), cuts in prop::collection::vec(0usize..100, 0..5),
        ) {
            let key = [9; BLOCK];
            let of = |parts: &[&[u8]]| {
                let mut hash = PolynomialHash::new(&key);
                parts.iter().for_each(|part| hash.update(part));
                hash.finish()
            };
            let whole = of(&[&message]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).collect();
            cuts.sort_unstable();
            let (mut parts, mut last) = (Vec::new(), 0);
            for cut in cuts {
                parts.push(&message[last..cut]);
                last = cut;
            }
            parts.push(&message[last..]);
            prop_assert_eq!(of(&parts), whole);
            prop_assert_ne!(of(&[&message, &[0]]), whole);
        }
    }
}
