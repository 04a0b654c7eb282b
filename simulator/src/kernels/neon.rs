//! NEON registers, four of them to 64 bytes, with fused multiply-add; type-checked for AArch64, but never run on a processor yet.

use std::arch::aarch64::{
    float32x4_t, float64x2_t, vaddq_f32, vaddq_f64, vdupq_n_f32, vdupq_n_f64, vfmaq_f32, vfmaq_f64,
    vfmsq_f32, vfmsq_f64, vld1q_f32, vld1q_f64, vmulq_f32, vmulq_f64, vnegq_f32, vnegq_f64, vst1q_f32,
    vst1q_f64, vsubq_f32, vsubq_f64,
};

use super::simd::{MOST_PARTS, Simd};
use crate::real::Real;

macro_rules! quarter {
    ($name:ident, $real:ty, $register:ty, $width:literal, $load:ident, $store:ident, $splat:ident, $add:ident,
     $sub:ident, $mul:ident, $fmadd:ident, $fmsub:ident, $neg:ident) => {
        /// One register.
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        // SAFETY (all blocks below): NEON is part of every AArch64 processor that Rust's targets name, and these
        // kernels are chosen only where it is found; loads and stores pass on their callers' promise of 16 bytes.
        impl Simd<$real> for $name {
            const HELD: bool = false;
            const PARTS: usize = 4;
            type Order = Self;

            #[inline(always)]
            unsafe fn load(from: *const $real) -> Self {
                // SAFETY: as above.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $real) {
                // SAFETY: as above.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            fn splat(value: $real) -> Self {
                // SAFETY: as above.
                Self(unsafe { $splat(value) })
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $sub(self.0, other.0) })
            }

            #[inline(always)]
            fn mul(self, by: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $mul(self.0, by.0) })
            }

            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fmadd(plus.0, self.0, by.0) })
            }

            #[inline(always)]
            fn mul_sub(self, by: Self, minus: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fmadd($neg(minus.0), self.0, by.0) })
            }

            #[inline(always)]
            fn neg_mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fmsub(plus.0, self.0, by.0) })
            }

            #[inline(always)]
            fn order(numbers: Self) -> Self {
                numbers
            }

            // NEON permutes bytes, by tables of bytes; through memory instead.
            #[inline(always)]
            fn permute(parts: [Self; MOST_PARTS], order: Self) -> Self {
                let mut lanes = [<$real>::default(); 4 * $width];
                let mut places = [<$real>::default(); $width];
                // SAFETY: as above; the arrays have 64 and 16 bytes.
                unsafe {
                    for (number, part) in parts.into_iter().enumerate() {
                        part.store(lanes.as_mut_ptr().add(number * $width));
                    }
                    order.store(places.as_mut_ptr());
                }
                let moved = places.map(|place| lanes.get(place.to_index()).copied().unwrap_or_default());
                // SAFETY: as above.
                unsafe { Self::load(moved.as_ptr()) }
            }

            #[inline(always)]
            fn permute_within(self, order: Self) -> Self {
                let mut lanes = [<$real>::default(); $width];
                let mut places = lanes;
                // SAFETY: as above; the arrays have 16 bytes.
                unsafe {
                    self.store(lanes.as_mut_ptr());
                    order.store(places.as_mut_ptr());
                }
                let moved =
                    places.map(|place| lanes.get(place.to_index() % $width).copied().unwrap_or_default());
                // SAFETY: as above.
                unsafe { Self::load(moved.as_ptr()) }
            }
        }
    };
}

quarter!(
    F64x2,
    f64,
    float64x2_t,
    2,
    vld1q_f64,
    vst1q_f64,
    vdupq_n_f64,
    vaddq_f64,
    vsubq_f64,
    vmulq_f64,
    vfmaq_f64,
    vfmsq_f64,
    vnegq_f64
);
quarter!(
    F32x4,
    f32,
    float32x4_t,
    4,
    vld1q_f32,
    vst1q_f32,
    vdupq_n_f32,
    vaddq_f32,
    vsubq_f32,
    vmulq_f32,
    vfmaq_f32,
    vfmsq_f32,
    vnegq_f32
);
