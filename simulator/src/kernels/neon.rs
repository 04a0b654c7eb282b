//! Vectors as four NEON registers, with fused multiply-add; type-checked for AArch64, but never run on a processor yet.

use std::arch::aarch64::{
    float32x4_t, float64x2_t, vaddq_f32, vaddq_f64, vdupq_n_f32, vdupq_n_f64, vfmaq_f32, vfmaq_f64,
    vfmsq_f32, vfmsq_f64, vld1q_f32, vld1q_f64, vmulq_f32, vmulq_f64, vnegq_f32, vnegq_f64, vst1q_f32,
    vst1q_f64, vsubq_f32, vsubq_f64,
};

use super::simd::Simd;
use crate::real::Real;

macro_rules! fourfold {
    ($name:ident, $real:ty, $register:ty, $quarter:literal, $load:ident, $store:ident, $splat:ident, $add:ident,
     $sub:ident, $mul:ident, $fmadd:ident, $fmsub:ident, $neg:ident) => {
        /// Four registers.
        #[derive(Clone, Copy)]
        pub(super) struct $name([$register; 4]);

        impl $name {
            #[inline(always)]
            fn zip(self, other: Self, combine: impl Fn($register, $register) -> $register) -> Self {
                let ([a, b, c, d], [x, y, z, w]) = (self.0, other.0);
                Self([combine(a, x), combine(b, y), combine(c, z), combine(d, w)])
            }

            #[inline(always)]
            fn zip3(
                self,
                (other, third): (Self, Self),
                combine: impl Fn($register, $register, $register) -> $register,
            ) -> Self {
                let ([a, b, c, d], [x, y, z, w], [p, q, r, s]) = (self.0, other.0, third.0);
                Self([combine(a, x, p), combine(b, y, q), combine(c, z, r), combine(d, w, s)])
            }
        }

        // SAFETY (all blocks below): NEON is part of every AArch64 processor that Rust's targets name, and these
        // kernels are chosen only where it is found; loads and stores pass on their callers' promise of 64 bytes.
        impl Simd<$real> for $name {
            const REGISTERS: bool = true;

            #[inline(always)]
            unsafe fn load(from: *const $real) -> Self {
                // SAFETY: as above.
                unsafe {
                    Self([
                        $load(from),
                        $load(from.add($quarter)),
                        $load(from.add(2 * $quarter)),
                        $load(from.add(3 * $quarter)),
                    ])
                }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $real) {
                let [a, b, c, d] = self.0;
                // SAFETY: as above.
                unsafe {
                    $store(to, a);
                    $store(to.add($quarter), b);
                    $store(to.add(2 * $quarter), c);
                    $store(to.add(3 * $quarter), d);
                }
            }

            #[inline(always)]
            fn splat(value: $real) -> Self {
                // SAFETY: as above.
                Self([unsafe { $splat(value) }; 4])
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                self.zip(other, |a, b| unsafe { $add(a, b) })
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                self.zip(other, |a, b| unsafe { $sub(a, b) })
            }

            #[inline(always)]
            fn mul(self, by: Self) -> Self {
                // SAFETY: as above.
                self.zip(by, |a, b| unsafe { $mul(a, b) })
            }

            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                self.zip3((by, plus), |a, b, c| unsafe { $fmadd(c, a, b) })
            }

            #[inline(always)]
            fn mul_sub(self, by: Self, minus: Self) -> Self {
                // SAFETY: as above.
                self.zip3((by, minus), |a, b, c| unsafe { $fmadd($neg(c), a, b) })
            }

            #[inline(always)]
            fn neg_mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                self.zip3((by, plus), |a, b, c| unsafe { $fmsub(c, a, b) })
            }

            // NEON permutes bytes within 64 at most and needs a table of bytes for it; through memory instead.
            #[inline(never)]
            fn permute(self, order: Self) -> Self {
                let mut lanes = [<$real>::default(); 4 * $quarter];
                let (mut moved, mut places) = (lanes, lanes);
                // SAFETY: as above; the arrays have 64 bytes.
                unsafe {
                    self.store(lanes.as_mut_ptr());
                    order.store(places.as_mut_ptr());
                }
                for (to, place) in moved.iter_mut().zip(places) {
                    *to = lanes.get(place.to_index()).copied().unwrap_or_default();
                }
                // SAFETY: as above.
                unsafe { Self::load(moved.as_ptr()) }
            }
        }
    };
}

fourfold!(
    F64x8,
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
fourfold!(
    F32x16,
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
