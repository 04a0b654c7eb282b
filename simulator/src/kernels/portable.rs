//! Vectors as plain arrays: for any machine, and what the others are tested against.

use super::simd::{MOST_PARTS, Simd};
use crate::real::Real;

/// The lanes of one group.
#[derive(Clone, Copy)]
pub(super) struct Plain<T: Real>(T::Lanes);

impl<T: Real> Plain<T> {
    #[inline(always)]
    fn zip(mut self, other: Self, third: Self, combine: impl Fn(T, T, T) -> T) -> Self {
        let lanes = self.0.as_mut().iter_mut();
        for ((a, &b), &c) in lanes.zip(other.0.as_ref()).zip(third.0.as_ref()) {
            *a = combine(*a, b, c);
        }
        self
    }
}

impl<T: Real> Simd<T> for Plain<T> {
    const HELD: bool = false;
    const PARTS: usize = 1;
    type Order = Self;

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for 64 bytes, which is the size of `Lanes`.
        Self(unsafe { from.cast::<T::Lanes>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for 64 bytes, which is the size of `Lanes`.
        unsafe { to.cast::<T::Lanes>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn splat(value: T) -> Self {
        Self(T::lanes(|_| value))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, other, |a, b, _| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, other, |a, b, _| a - b)
    }

    #[inline(always)]
    fn mul(self, by: Self) -> Self {
        self.zip(by, by, |a, b, _| a * b)
    }

    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        self.zip(by, plus, |a, b, c| a * b + c)
    }

    #[inline(always)]
    fn mul_sub(self, by: Self, minus: Self) -> Self {
        self.zip(by, minus, |a, b, c| a * b - c)
    }

    #[inline(always)]
    fn neg_mul_add(self, by: Self, plus: Self) -> Self {
        self.zip(by, plus, |a, b, c| c - a * b)
    }

    #[inline(always)]
    fn order(numbers: Self) -> Self {
        numbers
    }

    #[inline(always)]
    fn permute([whole, ..]: [Self; MOST_PARTS], order: Self) -> Self {
        whole.permute_within(order)
    }

    #[inline(always)]
    fn permute_within(self, order: Self) -> Self {
        let (from, order) = (self.0, order.0);
        Self(T::lanes(|lane| {
            let source = order.as_ref().get(lane).map_or(0, |index| index.to_index());
            from.as_ref().get(source).copied().unwrap_or_default()
        }))
    }
}
