//! What a key manager holds: streams of key material, and keys that wait for the application they are for.

mod held;
mod material;

pub(crate) use held::{Found, Held, HeldKeys, Place};
pub(crate) use material::Material;

use std::ops::Range;

use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// The two streams shared with one other key manager: each end takes from its own and follows the other's.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// What this end may give to masters here; every byte of it is at the other end, too.
    pub(crate) ours: Side,
    /// What the other end may give to masters there.
    pub(crate) theirs: Side,
}

/// One stream in one of its lives: after a restart or a loss at either end the owner begins a new one.
///
/// Offsets between key managers count from the beginning of the life; those of [`Material`] never begin again, so that
/// what waits from an earlier life keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Which life; 0 before the first.
    epoch: u64,
    /// Where in the material this life began.
    origin: u64,
    pub(crate) material: Material,
}

impl Side {
    /// Which life; 0 before the first.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Begins a new life: what nobody was promised is wiped, what waits for an application stays.
    pub(crate) fn begin(&mut self, epoch: u64) {
        self.material.discard_free();
        self.epoch = epoch;
        self.origin = self.material.end();
    }

    /// Where the stream ends, counted from the beginning of this life.
    pub(crate) fn end(&self) -> u64 {
        self.material.end() - self.origin
    }

    /// A range of the material, counted from the beginning of this life.
    pub(crate) fn in_life(&self, range: &Range<u64>) -> Range<u64> {
        range.start - self.origin..range.end - self.origin
    }

    /// Appends a block that the owner made, if it is the next one of this life.
    pub(crate) fn append(
        &mut self,
        epoch: u64,
        start: u64,
        bytes: Zeroizing<Vec<u8>>,
    ) -> Result<(), Refusal> {
        self.check_epoch(epoch)?;
        if start != self.end() {
            let end = self.end();
            return Err(Refusal::conflict(format!(
                "the stream ends at {end} here and the block begins at {start}"
            )));
        }
        self.material.append(bytes);
        Ok(())
    }

    /// Follows what the owner took, and gives the range of the material. What lies before it was lost there and is wiped
    /// here; nothing can be taken twice.
    pub(crate) fn follow(&mut self, epoch: u64, range: &Range<u64>) -> Result<Range<u64>, Refusal> {
        self.check_epoch(epoch)?;
        let absolute = |offset: u64| self.origin.checked_add(offset);
        let taken = match (absolute(range.start), absolute(range.end)) {
            (Some(start), Some(end))
                if start < end && start >= self.material.head() && end <= self.material.end() =>
            {
                self.material.skip_to(start);
                self.material.take(end - start)
            }
            _ => None,
        };
        taken.ok_or_else(|| {
            Refusal::conflict(format!(
                "bytes {} to {} of the stream are not free here",
                range.start, range.end
            ))
        })
    }

    fn check_epoch(&self, epoch: u64) -> Result<(), Refusal> {
        if epoch == 0 || epoch != self.epoch {
            return Err(Refusal::conflict("the stream has begun anew: its earlier material is void"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(length: usize, fill: u8) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(vec![fill; length])
    }

    #[test]
    fn a_block_must_follow_the_one_before() {
        let mut side = Side::default();
        assert!(matches!(side.append(0, 0, block(8, 1)), Err(Refusal::Conflict(_))), "before the first life");
        side.begin(7);
        side.append(7, 0, block(8, 1)).unwrap();
        assert!(matches!(side.append(7, 0, block(8, 2)), Err(Refusal::Conflict(_))), "once more");
        assert!(matches!(side.append(6, 8, block(8, 2)), Err(Refusal::Conflict(_))), "of another life");
        side.append(7, 8, block(8, 2)).unwrap();
        assert_eq!(side.material.free(), 16);
    }

    #[test]
    fn nothing_is_followed_twice_and_gaps_are_wiped() {
        let mut side = Side::default();
        side.begin(7);
        side.append(7, 0, block(16, 1)).unwrap();
        side.follow(7, &(4..8)).unwrap();
        assert_eq!(**side.material.copy(&(0..4)).unwrap(), [0; 4], "what was skipped is wiped");
        for wrong in [0..4, 4..8, 6..10, 12..20, 9..9, 8..u64::MAX] {
            assert!(matches!(side.follow(7, &wrong), Err(Refusal::Conflict(_))), "{wrong:?}");
        }
        side.follow(7, &(8..16)).unwrap();
        assert_eq!(side.material.free(), 0);
        assert_eq!(*side.material.copy(&(4..8)).unwrap(), [1; 4]);
    }

    #[test]
    fn a_new_life_keeps_what_was_promised() {
        let mut side = Side::default();
        side.begin(7);
        side.append(7, 0, block(16, 1)).unwrap();
        side.follow(7, &(0..4)).unwrap();
        side.begin(8);
        assert_eq!(side.material.free(), 0);
        side.append(8, 0, block(4, 3)).unwrap();
        assert!(side.follow(7, &(4..8)).is_err(), "of the life before");
        let taken = side.follow(8, &(0..4)).unwrap();
        assert_eq!(side.in_life(&taken), 0..4);
        assert_eq!(**side.material.copy(&taken).unwrap(), [3; 4]);
        assert_eq!(**side.material.copy(&(0..4)).unwrap(), [1; 4]);
    }
}
