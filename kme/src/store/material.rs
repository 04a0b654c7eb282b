//! A stream of key material: appended in blocks, taken in order, wiped byte by byte once it was given.

use std::collections::VecDeque;
use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

/// Bytes from `head` to `end` are free; of those before `head`, the ones that were not wiped yet are promised to somebody.
#[derive(Default)]
pub(crate) struct Material {
    blocks: VecDeque<Block>,
    head: u64,
    end: u64,
}

struct Block {
    start: u64,
    bytes: Zeroizing<Vec<u8>>,
    /// Bytes that were not wiped yet.
    left: usize,
}

impl Block {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The part of `range` that lies in this block, as indices into it.
    fn part(&self, range: &Range<u64>) -> Range<usize> {
        let within = |offset: u64| (offset.clamp(self.start, self.end()) - self.start) as usize;
        within(range.start)..within(range.end)
    }
}

impl Material {
    /// Where the free part begins.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Where the stream ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Free bytes.
    pub(crate) fn free(&self) -> u64 {
        self.end - self.head
    }

    /// Appends a block.
    pub(crate) fn append(&mut self, bytes: Zeroizing<Vec<u8>>) {
        if bytes.is_empty() {
            return;
        }
        let start = self.end;
        self.end += bytes.len() as u64;
        self.blocks.push_back(Block { start, left: bytes.len(), bytes });
    }

    /// Takes the next `length` free bytes: they are promised and stay until they are wiped.
    pub(crate) fn take(&mut self, length: u64) -> Option<Range<u64>> {
        (length > 0 && length <= self.free()).then(|| {
            let start = self.head;
            self.head += length;
            start..self.head
        })
    }

    /// Promised bytes; `None` when some were never taken, or are gone with their block. Only who took a range may ask for it: what was
    /// wiped in a block that is still there reads as zeros.
    pub(crate) fn copy(&self, range: &Range<u64>) -> Option<Zeroizing<Vec<u8>>> {
        if range.end > self.head || range.is_empty() {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity((range.end - range.start) as usize));
        for block in self.touched(range) {
            bytes.extend_from_slice(&block.bytes[block.part(range)]);
        }
        (bytes.len() as u64 == range.end - range.start).then_some(bytes)
    }

    /// Wipes promised bytes. Each may be wiped once only: whoever took them owns them.
    pub(crate) fn wipe(&mut self, range: &Range<u64>) {
        let first = self.blocks.partition_point(|block| block.end() <= range.start);
        for block in self.blocks.iter_mut().skip(first).take_while(|block| block.start < range.end) {
            let part = block.part(range);
            block.left = block.left.saturating_sub(part.len());
            block.bytes[part].zeroize();
            if block.left == 0 {
                // Emptied blocks in the middle give their memory back at once and leave the queue with those before them.
                block.start = block.end();
                block.bytes = Zeroizing::new(Vec::new());
            }
        }
        while self.blocks.front().is_some_and(|block| block.left == 0) {
            self.blocks.pop_front();
        }
    }

    /// Wipes free bytes up to `offset`.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        let to = offset.min(self.end);
        if to > self.head {
            let skipped = self.head..to;
            self.head = to;
            self.wipe(&skipped);
        }
    }

    /// Wipes all free bytes.
    pub(crate) fn discard_free(&mut self) {
        self.skip_to(self.end);
    }

    fn touched<'a>(&'a self, range: &'a Range<u64>) -> impl Iterator<Item = &'a Block> {
        let first = self.blocks.partition_point(|block| block.end() <= range.start);
        self.blocks.iter().skip(first).take_while(|block| block.start < range.end)
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Material({} bytes free, {} blocks)", self.free(), self.blocks.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_wiped_is_not_given_and_its_block_is_freed() {
        let mut material = Material::default();
        material.append(Zeroizing::new((0..10).collect()));
        material.append(Zeroizing::new((10..20).collect()));
        let (one, two) = (material.take(4).unwrap(), material.take(12).unwrap());
        assert_eq!(material.free(), 4);
        assert!(material.take(5).is_none(), "more than there is");
        assert!(material.copy(&(14..18)).is_none(), "not taken");
        assert_eq!(**material.copy(&two).unwrap(), (4..16).collect::<Vec<u8>>());
        material.wipe(&two);
        assert_eq!(**material.copy(&one).unwrap(), [0, 1, 2, 3]);
        material.wipe(&one);
        assert_eq!(material.blocks.len(), 1);
        let rest = material.take(4).unwrap();
        material.wipe(&rest);
        assert_eq!(material.blocks.len(), 0);
    }

    proptest! {
        /// Whatever the sizes of blocks and keys and the order of giving: each byte is given once and is the one that was put in.
        #[test]
        fn bytes_come_out_once_and_as_they_went_in(
            blocks in prop::collection::vec(1_usize..40, 1..20),
            keys in prop::collection::vec((1_u64..30, any::<prop::sample::Index>()), 1..40),
        ) {
            let mut material = Material::default();
            let mut next = 0_u8;
            for length in blocks {
                material.append(Zeroizing::new((0..length).map(|_| { next = next.wrapping_add(1); next.wrapping_sub(1) }).collect()));
            }
            let total = material.free();
            let mut promised = Vec::new();
            let mut given = 0;
            for (length, pick) in keys {
                if let Some(range) = material.take(length) {
                    promised.push(range);
                }
                if promised.is_empty() { continue; }
                let range = promised.swap_remove(pick.index(promised.len()));
                let bytes = material.copy(&range).expect("promised bytes are there");
                let expected: Vec<u8> = range.clone().map(|offset| offset as u8).collect();
                prop_assert_eq!(&**bytes, &expected);
                material.wipe(&range);
                given += range.end - range.start;
            }
            let waiting: u64 = promised.iter().map(|range| range.end - range.start).sum();
            prop_assert_eq!(total, material.free() + waiting + given);
            let left: usize = material.blocks.iter().map(|block| block.left).sum();
            prop_assert_eq!(left as u64, material.free() + waiting);
        }
    }
}
