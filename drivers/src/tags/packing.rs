//! Bits in words of 32, the first in the top bit: how qcrypto packs differences and results.

/// Packs numbers of few bits into words.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    words: Vec<u32>,
    word: u32,
    filled: u32,
}

impl Packer {
    /// Appends the low `bits` bits of a number, at most 32, the highest first.
    pub fn push(&mut self, value: u32, bits: u32) {
        for place in (0..bits.min(32)).rev() {
            self.word = self.word << 1 | value >> place & 1;
            self.filled += 1;
            if self.filled == 32 {
                self.words.push(self.word);
                (self.word, self.filled) = (0, 0);
            }
        }
    }

    /// All words, the last filled up with zeros.
    pub fn finish(mut self) -> Vec<u32> {
        if self.filled > 0 {
            self.words.push(self.word << (32 - self.filled));
        }
        self.words
    }
}

/// Takes numbers of few bits out of words.
#[derive(Clone, Debug)]
pub struct Unpacker<'a> {
    words: &'a [u32],
    /// The next bit.
    at: u64,
}

impl<'a> Unpacker<'a> {
    /// Of these words.
    pub fn new(words: &'a [u32]) -> Self {
        Self { words, at: 0 }
    }

    /// The next `bits` bits, at most 32, as a number; none when there are fewer.
    pub fn pull(&mut self, bits: u32) -> Option<u32> {
        let end = self.at + u64::from(bits.min(32));
        if end > 32 * self.words.len() as u64 {
            return None;
        }
        let first = (self.at / 32) as usize;
        let both = u64::from(*self.words.get(first).unwrap_or(&0)) << 32
            | u64::from(*self.words.get(first + 1).unwrap_or(&0));
        let shifted = both << (self.at % 32);
        self.at = end;
        Some(if bits == 0 { 0 } else { (shifted >> (64 - u64::from(bits.min(32)))) as u32 })
    }

    /// How many words have been begun.
    pub fn words_used(&self) -> usize {
        self.at.div_ceil(32) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bit_is_the_top_one() {
        let mut packer = Packer::default();
        packer.push(1, 1);
        packer.push(0b0101, 4);
        packer.push(0x00AB_CDEF, 32);
        let words = packer.finish();
        assert_eq!(words, [0b1010_1000 << 24 | 0x00AB_CDEF >> 5, (0x00AB_CDEF & 0x1F) << 27]);
        let mut unpacker = Unpacker::new(&words);
        assert_eq!(
            (unpacker.pull(1), unpacker.pull(4), unpacker.pull(32)),
            (Some(1), Some(5), Some(0x00AB_CDEF))
        );
        assert_eq!((unpacker.words_used(), unpacker.pull(28), unpacker.pull(27)), (2, None, Some(0)));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(numbers in prop::collection::vec((any::<u32>(), 0_u32..=32), 0..100)) {
            let mut packer = Packer::default();
            numbers.iter().for_each(|(value, bits)| packer.push(*value, *bits));
            let words = packer.finish();
            let mut unpacker = Unpacker::new(&words);
            for (value, bits) in numbers {
                let low = if bits == 32 { value } else { value & ((1 << bits) - 1) };
                prop_assert_eq!(unpacker.pull(bits), Some(low));
            }
            prop_assert_eq!(unpacker.words_used(), words.len());
        }
    }
}
