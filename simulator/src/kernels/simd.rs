//! What a register of the processor has to offer; the kernels are written once over this.

use crate::real::Real;

/// The most registers that the real parts of a lane group take.
pub(super) const MOST_PARTS: usize = 4;

/// One register of numbers: the real or the imaginary parts of a lane group, or of a part of it.
///
/// The arithmetic methods are safe to name and unsafe to reach: an implementation may need instructions that the
/// machine lacks, so its kernels are handed out by [`super::kernels`] only after asking the processor.
pub(super) trait Simd<T: Real>: Copy {
    /// Whether eight lane groups fit the registers; if not, they stay in memory, which is then the nearest cache.
    const HELD: bool;

    /// How many of these make up 64 bytes: at most [`MOST_PARTS`].
    const PARTS: usize;

    /// Numbers in one.
    const WIDTH: usize = T::LANES / Self::PARTS;

    /// Lane numbers as this machine's permutations take them.
    type Order: Copy;

    /// Reads one register.
    ///
    /// # Safety
    /// `WIDTH` numbers from `from` on must be readable.
    unsafe fn load(from: *const T) -> Self;

    /// Writes one register.
    ///
    /// # Safety
    /// `WIDTH` numbers from `to` on must be writable.
    unsafe fn store(self, to: *mut T);

    /// The same number in all lanes.
    fn splat(value: T) -> Self;

    /// `self + other`.
    fn add(self, other: Self) -> Self;

    /// `self − other`.
    fn sub(self, other: Self) -> Self;

    /// `self · by`.
    fn mul(self, by: Self) -> Self;

    /// `self · by + plus`.
    fn mul_add(self, by: Self, plus: Self) -> Self;

    /// `self · by − minus`.
    fn mul_sub(self, by: Self, minus: Self) -> Self;

    /// `plus − self · by`.
    fn neg_mul_add(self, by: Self, plus: Self) -> Self;

    /// Lane numbers (within the group) of one part, as [`Real::from_index`] writes them.
    fn order(numbers: Self) -> Self::Order;

    /// Lane i gets lane `order[i]` of the group whose parts are given.
    fn permute(parts: [Self; MOST_PARTS], order: Self::Order) -> Self;

    /// The same where all lanes come from `self`, one part.
    fn permute_within(self, order: Self::Order) -> Self;
}
