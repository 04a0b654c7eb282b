//! Vectors as AVX-512 registers.

use std::arch::x86_64::{
    __m512, __m512d, __m512i, _mm512_add_pd, _mm512_add_ps, _mm512_castpd_si512, _mm512_castps_si512,
    _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_fmsub_pd, _mm512_fmsub_ps, _mm512_fnmadd_pd, _mm512_fnmadd_ps,
    _mm512_loadu_pd, _mm512_loadu_ps, _mm512_mul_pd, _mm512_mul_ps, _mm512_permutexvar_pd,
    _mm512_permutexvar_ps, _mm512_set1_pd, _mm512_set1_ps, _mm512_storeu_pd, _mm512_storeu_ps, _mm512_sub_pd,
    _mm512_sub_ps,
};

use super::simd::{MOST_PARTS, Simd};

macro_rules! wide {
    ($name:ident, $real:ty, $register:ty, $load:ident, $store:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $fmadd:ident,
     $fmsub:ident, $fnmadd:ident, $permute:ident, $cast:ident) => {
        /// One register.
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        // SAFETY (all blocks below): these kernels are chosen only where the processor has AVX-512F; loads and
        // stores pass on their callers' promise of 64 bytes.
        impl Simd<$real> for $name {
            const HELD: bool = true;
            const PARTS: usize = 1;
            type Order = __m512i;

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
                Self(unsafe { $fmadd(self.0, by.0, plus.0) })
            }

            #[inline(always)]
            fn mul_sub(self, by: Self, minus: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fmsub(self.0, by.0, minus.0) })
            }

            #[inline(always)]
            fn neg_mul_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fnmadd(self.0, by.0, plus.0) })
            }

            #[inline(always)]
            fn order(numbers: Self) -> __m512i {
                // SAFETY: as above.
                unsafe { $cast(numbers.0) }
            }

            #[inline(always)]
            fn permute([whole, ..]: [Self; MOST_PARTS], order: __m512i) -> Self {
                whole.permute_within(order)
            }

            #[inline(always)]
            fn permute_within(self, order: __m512i) -> Self {
                // SAFETY: as above.
                Self(unsafe { $permute(order, self.0) })
            }
        }
    };
}

wide!(
    F64x8,
    f64,
    __m512d,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_set1_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_fmadd_pd,
    _mm512_fmsub_pd,
    _mm512_fnmadd_pd,
    _mm512_permutexvar_pd,
    _mm512_castpd_si512
);
wide!(
    F32x16,
    f32,
    __m512,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_fmsub_ps,
    _mm512_fnmadd_ps,
    _mm512_permutexvar_ps,
    _mm512_castps_si512
);
