//! Bits moved to other places, a byte at a time: the addresses and outcomes of millions of basis states.

/// A map between words that sends single bits to single bits, or nowhere.
#[derive(Clone, Debug)]
pub(crate) struct Moves {
    /// What each value of each byte becomes.
    bytes: Vec<[u64; 256]>,
}

impl Moves {
    /// The map that makes bit `to` of bit `from` for each pair; pairs that share a bit are put together by exclusive or.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut bytes: Vec<[u64; 256]> = Vec::new();
        for (from, to) in pairs.into_iter().filter(|&(from, to)| from < 64 && to < 64) {
            let (byte, bit) = (from as usize / 8, from % 8);
            if bytes.len() <= byte {
                bytes.resize(byte + 1, [0; 256]);
            }
            if let Some(table) = bytes.get_mut(byte) {
                let ones = table.iter_mut().enumerate().filter(|(value, _)| value >> bit & 1 == 1);
                ones.for_each(|(_, moved)| *moved ^= 1 << to);
            }
        }
        Self { bytes }
    }

    /// Where the bits of `word` go.
    pub(crate) fn apply(&self, word: u64) -> u64 {
        let mut rest = word;
        let mut moved = 0;
        for table in &self.bytes {
            moved ^= table[(rest & 0xff) as usize];
            rest >>= 8;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_bit_goes_where_it_is_sent(word in any::<u64>(), order in Just((0..64).collect::<Vec<u32>>()).prop_shuffle()) {
            let moves = Moves::new((0..).zip(order.iter().copied().take(40)));
            let expected = order.iter().take(40).enumerate().fold(0, |sum, (from, to)| sum | (word >> from & 1) << to);
            prop_assert_eq!(moves.apply(word), expected);
        }
    }
}
