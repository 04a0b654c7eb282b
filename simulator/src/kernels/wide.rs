//! The real or the imaginary parts of a whole lane group as one value, for the kernels that only walk and sum up.

use super::simd::{MOST_PARTS, Simd};
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

/// All registers of 64 bytes: as many as [`Simd::PARTS`]. Loops, since a closure would be compiled without the vector
/// instructions.
#[derive(Clone, Copy)]
pub(super) struct Whole<V, const PARTS: usize>([V; PARTS]);

impl<T: Real, V: Simd<T>, const PARTS: usize> Wide<T> for Whole<V, PARTS> {
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        let mut whole = [<V as Simd<T>>::splat(T::default()); PARTS];
        for (part, register) in whole.iter_mut().enumerate() {
            // SAFETY: the caller vouches for 64 bytes.
            *register = unsafe { <V as Simd<T>>::load(from.add(part * V::WIDTH)) };
        }
        Self(whole)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        for (part, register) in self.0.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { Simd::store(register, to.add(part * V::WIDTH)) }
        }
    }

    #[inline(always)]
    fn splat(value: T) -> Self {
        Self([<V as Simd<T>>::splat(value); PARTS])
    }

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for part in 0..PARTS {
            self.0[part] = Simd::add(self.0[part], other.0[part]);
        }
        self
    }

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for part in 0..PARTS {
            self.0[part] = Simd::sub(self.0[part], other.0[part]);
        }
        self
    }

    #[inline(always)]
    fn mul(mut self, by: Self) -> Self {
        for part in 0..PARTS {
            self.0[part] = Simd::mul(self.0[part], by.0[part]);
        }
        self
    }

    #[inline(always)]
    fn mul_add(mut self, by: Self, plus: Self) -> Self {
        for part in 0..PARTS {
            self.0[part] = Simd::mul_add(self.0[part], by.0[part], plus.0[part]);
        }
        self
    }

    #[inline(always)]
    fn neg_mul_add(mut self, by: Self, plus: Self) -> Self {
        for part in 0..PARTS {
            self.0[part] = Simd::neg_mul_add(self.0[part], by.0[part], plus.0[part]);
        }
        self
    }

    #[inline(always)]
    fn permute(self, order: Self) -> Self {
        let mut parts = [self.0[0]; MOST_PARTS];
        parts[..PARTS].copy_from_slice(&self.0);
        let mut moved = self;
        for (to, numbers) in moved.0.iter_mut().zip(order.0) {
            *to = V::permute(parts, V::order(numbers));
        }
        moved
    }
}
