//! The two kinds of number an amplitude is made of, and how many of them make a lane group.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::Precision;

/// `f32` or `f64`.
///
/// Amplitudes lie in groups of [`LANES`](Self::LANES): first their real parts, then their imaginary parts, so that a
/// group is two 64-byte vectors and arithmetic needs no shuffles.
pub(crate) trait Real:
    Copy
    + Default
    + Debug
    + Send
    + Sync
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    /// Bits of an amplitude's index that say where in its group it lies.
    const LANE_BITS: u32;
    /// Amplitudes in a group.
    const LANES: usize = 1 << Self::LANE_BITS;
    /// Which of the two it is.
    const PRECISION: Precision;

    /// All lanes of one vector.
    type Lanes: Copy + Debug + PartialEq + Send + Sync + AsRef<[Self]> + AsMut<[Self]>;

    /// One vector from what each lane holds.
    fn lanes(make: impl FnMut(usize) -> Self) -> Self::Lanes;

    /// A lane's number, as permutations of lanes are written down: an integer in the same bytes.
    fn from_index(index: usize) -> Self;

    /// The number that [`from_index`](Self::from_index) wrote.
    fn to_index(self) -> usize;

    /// Rounds to this type.
    fn from_f64(value: f64) -> Self;

    /// Widens without loss.
    fn to_f64(self) -> f64;
}

impl Real for f64 {
    const LANE_BITS: u32 = 3;
    const PRECISION: Precision = Precision::F64;

    type Lanes = [Self; 8];

    fn lanes(make: impl FnMut(usize) -> Self) -> Self::Lanes {
        std::array::from_fn(make)
    }

    fn from_index(index: usize) -> Self {
        Self::from_bits(index as u64)
    }

    fn to_index(self) -> usize {
        self.to_bits() as usize
    }

    fn from_f64(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const LANE_BITS: u32 = 4;
    const PRECISION: Precision = Precision::F32;

    type Lanes = [Self; 16];

    fn lanes(make: impl FnMut(usize) -> Self) -> Self::Lanes {
        std::array::from_fn(make)
    }

    fn from_index(index: usize) -> Self {
        Self::from_bits(index as u32)
    }

    fn to_index(self) -> usize {
        self.to_bits() as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    fn to_f64(self) -> f64 {
        self.into()
    }
}
