//! AVX2 registers, with fused multiply-add: two of them to 64 bytes.

use std::arch::x86_64::{
    __m256, __m256d, __m256i, _mm256_add_pd, _mm256_add_ps, _mm256_blendv_pd, _mm256_blendv_ps,
    _mm256_castpd_ps, _mm256_castpd_si256, _mm256_castps_pd, _mm256_castps_si256, _mm256_castsi256_pd,
    _mm256_castsi256_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_fmsub_pd, _mm256_fmsub_ps,
    _mm256_fnmadd_pd, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_mul_pd, _mm256_mul_ps,
    _mm256_or_si256, _mm256_permutevar8x32_ps, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_set1_ps,
    _mm256_slli_epi32, _mm256_slli_epi64, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_pd, _mm256_sub_ps,
};

use super::simd::{MOST_PARTS, Simd};

/// Lane numbers, doubled for `f64` because permutations move 32 bits each; and the bit that chooses the half as sign.
#[derive(Clone, Copy)]
pub(super) struct Order {
    within: __m256i,
    half: __m256i,
}

macro_rules! half {
    ($name:ident, $real:ty, $register:ty, $load:ident, $store:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $fmadd:ident,
     $fmsub:ident, $fnmadd:ident, $order:ident, $permute:ident, $blend:ident, $sign:ident) => {
        /// One register.
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        // SAFETY (all blocks below): these kernels are chosen only where the processor has AVX2 and FMA; loads and
        // stores pass on their callers' promise of 32 bytes.
        impl Simd<$real> for $name {
            const HELD: bool = false;
            const PARTS: usize = 2;
            type Order = Order;

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
            fn order(numbers: Self) -> Order {
                // SAFETY: as above.
                unsafe { $order(numbers.0) }
            }

            #[inline(always)]
            fn permute(parts: [Self; MOST_PARTS], order: Order) -> Self {
                let [low, high, ..] = parts;
                // SAFETY: as above.
                unsafe {
                    let (low, high) = ($permute(low.0, order.within), $permute(high.0, order.within));
                    Self($blend(low, high, $sign(order.half)))
                }
            }

            #[inline(always)]
            fn permute_within(self, order: Order) -> Self {
                // SAFETY: as above.
                Self(unsafe { $permute(self.0, order.within) })
            }
        }
    };
}

#[inline(always)]
unsafe fn order_of_floats(numbers: __m256) -> Order {
    // SAFETY: as everywhere here.
    unsafe {
        let within = _mm256_castps_si256(numbers);
        Order { within, half: _mm256_slli_epi32::<28>(within) }
    }
}

#[inline(always)]
unsafe fn order_of_doubles(numbers: __m256d) -> Order {
    // SAFETY: as everywhere here.
    unsafe {
        let numbers = _mm256_castpd_si256(numbers);
        let low = _mm256_slli_epi64::<1>(numbers);
        let high = _mm256_or_si256(_mm256_slli_epi64::<33>(numbers), _mm256_set1_epi64x(1 << 32));
        Order { within: _mm256_or_si256(low, high), half: _mm256_slli_epi64::<61>(numbers) }
    }
}

#[inline(always)]
unsafe fn permute_doubles(register: __m256d, order: __m256i) -> __m256d {
    // SAFETY: as everywhere here.
    unsafe { _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(register), order)) }
}

half!(
    F64x4,
    f64,
    __m256d,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_fmadd_pd,
    _mm256_fmsub_pd,
    _mm256_fnmadd_pd,
    order_of_doubles,
    permute_doubles,
    _mm256_blendv_pd,
    _mm256_castsi256_pd
);
half!(
    F32x8,
    f32,
    __m256,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_fmsub_ps,
    _mm256_fnmadd_ps,
    order_of_floats,
    _mm256_permutevar8x32_ps,
    _mm256_blendv_ps,
    _mm256_castsi256_ps
);
