//! Events of one input each become tags: what fired at the same time is one tag.

use super::Tag;

/// Joins events in a row that have the same time, unless one input fired twice.
#[derive(Debug, Default)]
pub(super) struct Merge {
    pending: Option<Tag>,
}

impl Merge {
    /// One input fired.
    pub(super) fn push(&mut self, time: u64, input: u32, out: &mut Vec<Tag>) {
        let bit = 1u64 << (input & 63);
        match &mut self.pending {
            Some(tag) if tag.time == time && tag.channels & bit == 0 => tag.channels |= bit,
            pending => out.extend(pending.replace(Tag::new(time, bit))),
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, out: &mut Vec<Tag>) {
        out.extend(self.pending.take());
    }
}

/// The inputs of a tag, one after the other.
pub(super) fn inputs(tag: Tag) -> impl Iterator<Item = u32> {
    let mut left = tag.channels;
    std::iter::from_fn(move || {
        let input = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (input < 64).then_some(input)
    })
}
