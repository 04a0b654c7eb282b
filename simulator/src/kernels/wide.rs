//! The real or the imaginary parts of a whole lane group as one value, for the kernels that only walk and sum up.

use super::simd::Simd;
use crate::real::Real;

/// 64 bytes of numbers, in however many registers.
///
/// Safe to name and unsafe to reach, as [`Simd`] is.
pub(super) trait Wide<T: Real>: Copy {
    /// Reads one.
    ///
    /// # Safety
    /// 64 bytes from `from` on must be readable.
    unsafe fn load(from: *const T) -> Self;

    /// Writes one.
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

    /// `plus − self · by`.
    fn neg_mul_add(self, by: Self, plus: Self) -> Self;

    /// Lane i gets lane `order[i]`; the order is made by [`Real::from_index`].
    fn permute(self, order: Self) -> Self;
}

impl<T: Real, V: Simd<T>> Wide<T> for V {
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: passed on.
        unsafe { <V as Simd<T>>::load(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: passed on.
        unsafe { Simd::store(self, to) }
    }

    #[inline(always)]
    fn splat(value: T) -> Self {
        <V as Simd<T>>::splat(value)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Simd::add(self, other)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Simd::sub(self, other)
    }

    #[inline(always)]
    fn mul(self, by: Self) -> Self {
        Simd::mul(self, by)
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        Simd::mul_add(self, by, plus)
    }

    #[inline(always)]
    fn neg_mul_add(self, by: Self, plus: Self) -> Self {
        Simd::neg_mul_add(self, by, plus)
    }

    #[inline(always)]
    fn permute(self, order: Self) -> Self {
        Simd::permute(self, order)
    }
}
