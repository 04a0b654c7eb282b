//! Vectors as pairs of AVX2 registers, with fused multiply-add.

use std::arch::x86_64::{
    __m256, __m256d, _mm256_add_pd, _mm256_add_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_fmsub_pd,
    _mm256_fmsub_ps, _mm256_fnmadd_pd, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_mul_pd,
    _mm256_mul_ps, _mm256_set1_pd, _mm256_set1_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_pd,
    _mm256_sub_ps,
};

use super::simd::Simd;
use crate::real::Real;

macro_rules! paired {
    ($name:ident, $real:ty, $register:ty, $half:literal, $load:ident, $store:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident,
     $fmadd:ident, $fmsub:ident, $fnmadd:ident) => {
        /// Two registers.
        #[derive(Clone, Copy)]
        pub(super) struct $name($register, $register);

        // SAFETY (all blocks below): these kernels are chosen only where the processor has AVX2 and FMA; loads and
        // stores pass on their callers' promise of 64 bytes.
        impl Simd<$real> for $name {
            const REGISTERS: bool = true;

            #[inline(always)]
            unsafe fn load(from: *const $real) -> Self {
                // SAFETY: as above.
                unsafe { Self($load(from), $load(from.add($half))) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $real) {
                // SAFETY: as above.
                unsafe {
                    $store(to, self.0);
                    $store(to.add($half), self.1);
                }
            }

            #[inline(always)]
            fn splat(value: $real) -> Self {
                // SAFETY: as above.
                unsafe { Self($splat(value), $splat(value)) }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($add(self.0, other.0), $add(self.1, other.1)) }
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($sub(self.0, other.0), $sub(self.1, other.1)) }
            }

            #[inline(always)]
            fn mul(self, by: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($mul(self.0, by.0), $mul(self.1, by.1)) }
            }

            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($fmadd(self.0, by.0, plus.0), $fmadd(self.1, by.1, plus.1)) }
            }

            #[inline(always)]
            fn mul_sub(self, by: Self, minus: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($fmsub(self.0, by.0, minus.0), $fmsub(self.1, by.1, minus.1)) }
            }

            #[inline(always)]
            fn neg_mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                unsafe { Self($fnmadd(self.0, by.0, plus.0), $fnmadd(self.1, by.1, plus.1)) }
            }

            // AVX2 has no permutation across a pair of registers; through memory, as the portable one does it.
            #[inline(never)]
            fn permute(self, order: Self) -> Self {
                let mut lanes = [<$real>::default(); 2 * $half];
                let mut moved = lanes;
                // SAFETY: as above; the array has 64 bytes.
                unsafe { self.store(lanes.as_mut_ptr()) };
                let mut places = lanes;
                // SAFETY: as above.
                unsafe { order.store(places.as_mut_ptr()) };
                for (to, place) in moved.iter_mut().zip(places) {
                    *to = lanes.get(place.to_index()).copied().unwrap_or_default();
                }
                // SAFETY: as above.
                unsafe { Self::load(moved.as_ptr()) }
            }
        }
    };
}

paired!(
    F64x8,
    f64,
    __m256d,
    4,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_fmsub_pd,
    _mm256_fnmadd_pd
);
paired!(
    F32x16,
    f32,
    __m256,
    8,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_fmsub_ps,
    _mm256_fnmadd_ps
);
