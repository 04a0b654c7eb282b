//! What is known about the blocks of a pass: which parts have a known parity, and which of them hold an odd number of errors.

/// For every block a binary tree of parts: node 1 is the block, nodes 2k and 2k+1 the halves of node k.
///
/// A part is known together with its sibling, and only if the part around it is known.
pub(super) struct Trees {
    /// Nodes of a block, as a power of two.
    shift: u32,
    known: Vec<u64>,
    odd: Vec<u64>,
}

impl Trees {
    /// Trees for `blocks` blocks of up to `size` bits; without `reuse` only the blocks themselves are ever known.
    pub(super) fn new(blocks: usize, size: usize, reuse: bool) -> Self {
        let shift = if reuse { size.next_power_of_two().ilog2() + 1 } else { 1 };
        let words = (blocks << shift).div_ceil(64);
        Self { shift, known: vec![0; words], odd: vec![0; words] }
    }

    #[inline]
    fn place(&self, block: u32, node: u32) -> (usize, u64) {
        let at = (block as usize) << self.shift | node as usize;
        (at >> 6, 1 << (at & 63))
    }

    /// Whether the parity of a part is known.
    #[inline]
    pub(super) fn is_known(&self, block: u32, node: u32) -> bool {
        let (word, bit) = self.place(block, node);
        node >> self.shift == 0 && self.known[word] & bit != 0
    }

    #[inline]
    fn is_odd(&self, block: u32, node: u32) -> bool {
        let (word, bit) = self.place(block, node);
        self.odd[word] & bit != 0
    }

    /// Notes that the parity of a part has become known.
    #[inline]
    pub(super) fn learn(&mut self, block: u32, node: u32, odd: bool) {
        if node >> self.shift == 0 {
            let (word, bit) = self.place(block, node);
            self.known[word] |= bit;
            if odd { self.odd[word] |= bit } else { self.odd[word] &= !bit }
        }
    }

    /// Notes that the bit at `offset` of a block of `size` bits was turned over; whether a known part holds it.
    #[inline]
    pub(super) fn turn(&mut self, block: u32, offset: usize, size: usize) -> bool {
        let (mut node, mut low, mut high) = (1, 0, size);
        let mut any = false;
        while self.is_known(block, node) {
            let (word, bit) = self.place(block, node);
            self.odd[word] ^= bit;
            any = true;
            if high - low < 2 {
                break;
            }
            let cut = low + (high - low) / 2;
            if offset < cut {
                (node, high) = (2 * node, cut);
            } else {
                (node, low) = (2 * node + 1, cut);
            }
        }
        any
    }

    /// A part with an odd number of errors, as small as is known.
    pub(super) fn smallest_odd(&self, block: u32, node: u32) -> Option<u32> {
        if self.is_known(block, 2 * node) {
            return self.smallest_odd(block, 2 * node).or_else(|| self.smallest_odd(block, 2 * node + 1));
        }
        (self.is_known(block, node) && self.is_odd(block, node)).then_some(node)
    }
}
