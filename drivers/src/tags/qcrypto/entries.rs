//! Differences in few bits with some bits behind each: the body of packets of types 2 and 4.
//!
//! A difference of `order` bits; 0 says that one of 32 bits follows, 1 that nothing follows any more.

use super::super::packing::Packer;

/// What the next entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A difference, and the bits behind it.
    Difference(u32, u32),
    /// The end.
    End,
}

/// Takes entries out of words as they come.
#[derive(Clone, Debug)]
pub(super) struct Unpack {
    order: u32,
    base_bits: u32,
    held: u128,
    bits: u32,
}

impl Unpack {
    /// Entries of these widths, together at most 32 bits.
    pub(super) fn new(order: u32, base_bits: u32) -> Self {
        Self { order, base_bits, held: 0, bits: 0 }
    }

    /// One word more; entries must have been taken until there was none.
    pub(super) fn push(&mut self, word: u32) {
        self.held = self.held << 32 | u128::from(word);
        self.bits += 32;
    }

    /// The next entry; none until another word comes.
    pub(super) fn next(&mut self) -> Option<Entry> {
        let code = self.peek(0, self.order)?;
        let (at, width) = if code == 0 { (self.order, 32) } else { (0, self.order) };
        let difference = self.peek(at, width)?;
        let base = self.peek(at + width, self.base_bits)?;
        self.bits -= at + width + self.base_bits;
        self.held &= (1 << self.bits) - 1;
        Some(if code == 1 { Entry::End } else { Entry::Difference(difference, base) })
    }

    /// `width` bits, `at` bits from the front.
    fn peek(&self, at: u32, width: u32) -> Option<u32> {
        let behind = self.bits.checked_sub(at + width)?;
        Some((self.held >> behind & ((1 << width) - 1)) as u32)
    }
}

/// Puts entries into words.
pub(super) struct Pack {
    order: u32,
    base_bits: u32,
    packer: Packer,
}

impl Pack {
    pub(super) fn new(order: u32, base_bits: u32) -> Self {
        Self { order, base_bits, packer: Packer::default() }
    }

    pub(super) fn push(&mut self, difference: u32, base: u32) {
        // 0 and 1 mean something else when they are short.
        if difference > 1 && u64::from(difference) < 1 << self.order {
            self.packer.push(difference, self.order);
        } else {
            self.packer.push(0, self.order);
            self.packer.push(difference, 32);
        }
        self.packer.push(base, self.base_bits);
    }

    /// All words, with the end.
    pub(super) fn finish(mut self) -> Vec<u32> {
        self.packer.push(1, self.order);
        self.packer.push(0, self.base_bits);
        self.packer.finish()
    }
}
