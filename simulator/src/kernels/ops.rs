//! What a kernel is told to do: operations on a tile of eight lane groups, and the constants they use.

use crate::real::Real;

/// A 64-byte line of constants.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line<T: Real>(pub(crate) T::Lanes);

/// A condition on an address: it holds where the bits of `mask` are those of `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Where {
    pub(crate) mask: u64,
    pub(crate) value: u64,
}

impl Where {
    pub(crate) fn holds(self, address: u64) -> bool {
        address & self.mask == self.value
    }
}

/// One operation of a sweep.
///
/// A tile is eight lane groups whose addresses differ in three bits, its tile bits; masks of groups and pairs say on
/// which of them an operation works. A pair with number k and tile bit b is groups (k with a 0, and with a 1, put in
/// at b).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TileOp<T> {
    /// Bits outside the block that have to be so.
    pub(crate) outer: Where,
    /// Bits of the group's number inside the block, tile bits excluded, that have to be so.
    pub(crate) inner: Where,
    pub(crate) kind: Kind<T>,
}

/// What is done to the amplitudes of a tile. Numbers named `at` count lines of constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind<T> {
    /// `[[1, −t], [t, 1]]` on a tile bit.
    Turn { bit: u8, t: T },
    /// `[[t, −1], [1, t]]` on a tile bit.
    SteepTurn { bit: u8, t: T },
    /// `[[1, t], [t, −1]]` on a tile bit.
    Mirror { bit: u8, t: T },
    /// `[[t, 1], [1, −t]]` on a tile bit.
    SteepMirror { bit: u8, t: T },
    /// A real matrix on a tile bit, each element with its own line (lanes may differ): `at` and the three after it.
    Mix { bit: u8, pairs: u8, at: u32 },
    /// Exchange of the groups of the pairs.
    Flip { bit: u8, pairs: u8 },
    /// A real matrix on a lane bit: the line at `at` permutes, the next multiplies what was moved and adds it.
    LaneTurn { at: u32 },
    /// As `LaneTurn`, and the line after it multiplies what stayed.
    LaneMix { groups: u8, at: u32 },
    /// The lanes are permuted by the line at `at`.
    LaneFlip { groups: u8, at: u32 },
    /// Multiplication by two lines: real parts at `at`, imaginary parts after it.
    Phase { groups: u8, at: u32 },
    /// A matrix on two tile bits (0, 1), (0, 2) or (1, 2), named 0 to 2: 16 complex numbers a + ib, each in
    /// three lines as a + b, b and a.
    Dense { pair: u8, at: u32 },
    /// The same on the same bits, if it is a rotation in the magic basis and then phases, as [`super::matrix::magic`]
    /// wants it.
    Magic { pair: u8, at: u32 },
    /// A matrix on a tile bit and a lane bit: the line at `at` permutes, then 8 numbers in such three lines.
    DenseLane { bit: u8, at: u32 },
    /// A matrix on two lane bits: three lines that permute, then 4 numbers in such three lines.
    DenseLanes { at: u32 },
}

impl<T> Kind<T> {
    /// Whether it is a matrix that needs most registers for itself.
    pub(super) fn is_heavy(&self) -> bool {
        matches!(
            self,
            Self::Dense { .. } | Self::Magic { .. } | Self::DenseLane { .. } | Self::DenseLanes { .. }
        )
    }

    /// One past the last line of constants it reads.
    pub(crate) fn lines_end(&self) -> usize {
        let (at, count) = match *self {
            Self::Turn { .. }
            | Self::SteepTurn { .. }
            | Self::Mirror { .. }
            | Self::SteepMirror { .. }
            | Self::Flip { .. } => (0, 0),
            Self::Mix { at, .. } => (at, 4),
            Self::LaneTurn { at } | Self::Phase { at, .. } => (at, 2),
            Self::LaneMix { at, .. } => (at, 3),
            Self::LaneFlip { at, .. } => (at, 1),
            Self::Dense { at, .. } => (at, 48),
            Self::Magic { at, .. } => (at, 18),
            Self::DenseLane { at, .. } => (at, 25),
            Self::DenseLanes { at } => (at, 15),
        };
        at as usize + count
    }
}

/// One walk over a block: its tile bits (bits of a group's number, ascending) and what is done to each tile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sweep<T> {
    pub(crate) tile: [u32; 3],
    pub(crate) ops: Vec<TileOp<T>>,
}
