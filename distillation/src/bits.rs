//! Packed strings of secret bits: 64 to a word, the first bit lowest, wiped when dropped and never printed.

use std::fmt;
use std::ops::Range;

use qhal::{Error, ErrorKind, Result};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A string of bits. Bit `i` is bit `i % 64` of word `i / 64`; the bits beyond the length are zero.
///
/// The memory is wiped when the string is dropped. `==` takes the same time whatever the bits are.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// No bits yet, with room for `capacity` of them, so that growing leaves no copies behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { words: Vec::with_capacity(capacity.div_ceil(64)), len: 0 }
    }

    /// Takes over `words`; bits beyond `len` are cleared, missing words are zeros.
    pub fn from_words(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(64), 0);
        let mut bits = Self { words, len };
        bits.clear_tail();
        bits
    }

    /// One bit per item, first item first.
    pub fn from_bools(items: impl IntoIterator<Item = bool>) -> Self {
        let mut bits = Self::default();
        items.into_iter().for_each(|bit| bits.push(bit));
        bits
    }

    /// The first `len` bits of `bytes`, the highest bit of each byte first: the order of ETSI GS QKD 004 and of key files.
    ///
    /// # Errors
    /// `InvalidInput` when `bytes` holds fewer than `len` bits.
    pub fn from_bytes(bytes: &[u8], len: usize) -> Result<Self> {
        if bytes.len() < len.div_ceil(8) {
            let have = bytes.len();
            return Err(Error::new(ErrorKind::InvalidInput, format!("{have} bytes do not hold {len} bits")));
        }
        let mut words = Vec::with_capacity(len.div_ceil(64));
        for chunk in bytes[..len.div_ceil(8)].chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = from.reverse_bits();
            }
            words.push(u64::from_le_bytes(word));
        }
        Ok(Self::from_words(words, len))
    }

    /// The bits as bytes, the highest bit of each byte first, the last byte filled up with zeros.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            self.words.iter().flat_map(|word| word.to_le_bytes().map(u8::reverse_bits)).collect();
        bytes.truncate(self.len.div_ceil(8));
        bytes
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words, first bit lowest.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Bit `index`; false beyond the end.
    #[inline]
    pub fn get(&self, index: usize) -> bool {
        self.words.get(index >> 6).is_some_and(|word| word >> (index & 63) & 1 == 1)
    }

    /// Sets bit `index`; nothing happens beyond the end.
    #[inline]
    pub fn set(&mut self, index: usize, bit: bool) {
        if index < self.len {
            let word = &mut self.words[index >> 6];
            *word = *word & !(1 << (index & 63)) | u64::from(bit) << (index & 63);
        }
    }

    /// Turns bit `index` over; nothing happens beyond the end.
    #[inline]
    pub fn flip(&mut self, index: usize) {
        if index < self.len {
            self.words[index >> 6] ^= 1 << (index & 63);
        }
    }

    /// Adds a bit at the end.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        if self.len & 63 == 0 {
            self.words.push(0);
        }
        self.len += 1;
        self.set(self.len - 1, bit);
    }

    /// Adds `other` at the end.
    pub fn append(&mut self, other: &Self) {
        let shift = self.len & 63;
        if shift == 0 {
            self.words.extend_from_slice(&other.words);
        } else {
            for &word in &other.words {
                if let Some(last) = self.words.last_mut() {
                    *last |= word << shift;
                }
                self.words.push(word >> (64 - shift));
            }
        }
        self.len += other.len;
        self.words.truncate(self.len.div_ceil(64));
    }

    /// The bits of `range`, which is cut to what is there.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len);
        let start = range.start.min(end);
        let (first, shift, len) = (start >> 6, start & 63, end - start);
        let word = |at: usize| self.words.get(at).copied().unwrap_or(0);
        let words = (first..first + len.div_ceil(64))
            .map(|at| if shift == 0 { word(at) } else { word(at) >> shift | word(at + 1) << (64 - shift) })
            .collect();
        Self::from_words(words, len)
    }

    /// Adds `other` bit by bit modulo 2.
    ///
    /// # Errors
    /// `InvalidInput` when the lengths differ.
    pub fn xor(&mut self, other: &Self) -> Result<()> {
        self.same_length(other)?;
        self.words.iter_mut().zip(&other.words).for_each(|(word, with)| *word ^= with);
        Ok(())
    }

    /// How many bits are one.
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// In how many places the two differ.
    ///
    /// # Errors
    /// `InvalidInput` when the lengths differ.
    pub fn distance(&self, other: &Self) -> Result<usize> {
        self.same_length(other)?;
        Ok(self.words.iter().zip(&other.words).map(|(a, b)| (a ^ b).count_ones() as usize).sum())
    }

    fn same_length(&self, other: &Self) -> Result<()> {
        if self.len == other.len {
            return Ok(());
        }
        let (a, b) = (self.len, other.len);
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("strings of {a} and {b} bits cannot be compared bit by bit"),
        ))
    }

    fn clear_tail(&mut self) {
        if self.len & 63 != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << (self.len & 63)) - 1;
        }
    }
}

impl ConstantTimeEq for Bits {
    /// The lengths are no secret; strings of equal length are compared in constant time.
    fn ct_eq(&self, other: &Self) -> Choice {
        Choice::from(u8::from(self.len == other.len)) & self.words.ct_eq(&other.words)
    }
}

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Bits {}

impl fmt::Debug for Bits {
    /// The length only: the bits are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bits({})", self.len)
    }
}

/// The parity of bits `low..high` of packed words. The caller keeps `high` within the words.
#[inline]
pub(crate) fn range_parity(words: &[u64], low: usize, high: usize) -> bool {
    if low >= high {
        return false;
    }
    let (first, last) = (low >> 6, (high - 1) >> 6);
    let (from, to) = (u64::MAX << (low & 63), u64::MAX >> (63 - ((high - 1) & 63)));
    let folded = if first == last {
        words[first] & from & to
    } else {
        let inner = words[first + 1..last].iter().fold(0, |sum, word| sum ^ word);
        words[first] & from ^ inner ^ words[last] & to
    };
    folded.count_ones() & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_come_with_the_highest_bit_first() {
        let bits = Bits::from_bytes(&[0xd3, 0xa0], 11).unwrap();
        let text: String = (0..11).map(|i| if bits.get(i) { '1' } else { '0' }).collect();
        assert_eq!(text, "11010011101");
        assert_eq!(bits.to_bytes(), [0xd3, 0xa0]);
        assert!(Bits::from_bytes(&[0], 9).is_err());
        assert_eq!(format!("{bits:?}"), "Bits(11)");
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_list_of_bools(
            a in prop::collection::vec(any::<bool>(), 0..300),
            b in prop::collection::vec(any::<bool>(), 0..300),
            ends in (0usize..320, 0usize..320),
        ) {
            let list = |bits: &Bits| (0..bits.len()).map(|i| bits.get(i)).collect::<Vec<_>>();
            let (mut x, y) = (Bits::from_bools(a.clone()), Bits::from_bools(b.clone()));
            prop_assert_eq!(list(&Bits::from_bytes(&x.to_bytes(), x.len()).unwrap()), a.clone());
            let (low, high) = (ends.0.min(ends.1).min(a.len()), ends.0.max(ends.1).min(a.len()));
            prop_assert_eq!(list(&x.slice(low..high)), a[low..high].to_vec());
            let odd = a[low..high].iter().filter(|bit| **bit).count() % 2 == 1;
            prop_assert_eq!(range_parity(x.words(), low, high), odd);
            x.append(&y);
            let both = [a.clone(), b.clone()].concat();
            prop_assert_eq!(list(&x), both.clone());
            prop_assert_eq!(&x, &Bits::from_bools(both.clone()));
            prop_assert_eq!(x.count_ones(), both.iter().filter(|bit| **bit).count());
            if !both.is_empty() {
                let place = ends.0 % both.len();
                let before = x.clone();
                x.flip(place);
                prop_assert_eq!(x.distance(&before).unwrap(), 1);
                prop_assert!(x != before);
                x.xor(&before).unwrap();
                prop_assert_eq!(x.count_ones(), 1);
            }
        }
    }
}
