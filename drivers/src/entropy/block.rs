//! Random bytes that came as a block and are handed out piece by piece.

use zeroize::{Zeroize, Zeroizing};

/// What has been received and not handed out yet; wiped when it is handed out, replaced or dropped.
#[derive(Default)]
pub(crate) struct Block {
    bytes: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl Block {
    /// Whether all of it has been handed out.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Forgets what there is, and holds `bytes` instead.
    pub(crate) fn replace(&mut self, bytes: Zeroizing<Vec<u8>>) {
        (self.bytes, self.taken) = (bytes, 0);
    }

    /// Forgets what there is.
    pub(crate) fn clear(&mut self) {
        self.replace(Zeroizing::default());
    }

    /// Hands out as much as there is and fits; returns how much.
    pub(crate) fn give(&mut self, out: &mut [u8]) -> usize {
        let rest = self.bytes.get_mut(self.taken..).unwrap_or_default();
        let count = out.len().min(rest.len());
        for (slot, byte) in out.iter_mut().zip(rest.iter()) {
            *slot = *byte;
        }
        rest.iter_mut().take(count).for_each(Zeroize::zeroize);
        self.taken += count;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_once_in_their_order_and_leave_nothing_behind() {
        let mut block = Block::default();
        assert!(block.is_empty() && block.give(&mut [0; 4]) == 0);
        block.replace(Zeroizing::new((1..=10).collect()));
        let mut out = [0; 7];
        assert_eq!((block.give(&mut out), out), (7, [1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(block.bytes[..], [0, 0, 0, 0, 0, 0, 0, 8, 9, 10]);
        assert_eq!((block.give(&mut out), &out[..3]), (3, &[8, 9, 10][..]));
        assert!(block.is_empty());
        block.replace(Zeroizing::new(vec![1]));
        block.clear();
        assert!(block.is_empty());
    }
}
