//! What a vector of one lane group has to offer; the kernels are written once over this.

use crate::real::Real;

/// One 64-byte vector of numbers: the real or the imaginary parts of a lane group.
///
/// The arithmetic methods are safe to name and unsafe to reach: an implementation may need instructions that the
/// machine lacks, so its kernels are handed out by [`super::kernels`] only after asking the processor.
pub(super) trait Simd<T: Real>: Copy {
    /// Whether this is registers rather than an array.
    const REGISTERS: bool;

    /// Reads one vector.
    ///
    /// # Safety
    /// 64 bytes from `from` on must be readable.
    unsafe fn load(from: *const T) -> Self;

    /// Writes one vector.
    ///
    /// # Safety
    /// 64 bytes from `to` on must be writable.
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

    /// Lane i gets lane `order[i]`; the order is made by [`Real::from_index`].
    fn permute(self, order: Self) -> Self;
}
