//! The smallest Toeplitz product with PCLMULQDQ, the carry-less multiplication of x86-64 processors.

use super::leaf::LEAF;

/// Shows that the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clmul(());

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "an instruction beyond the base set of the architecture; its address is in ARCHITECTURE.md"
)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_setzero_si128,
        _mm_unpackhi_epi64, _mm_xor_si128,
    };

    use super::{Clmul, LEAF};

    impl Clmul {
        pub(in super::super) fn detect() -> Option<Self> {
            std::is_x86_feature_detected!("pclmulqdq").then_some(Self(()))
        }

        /// As [`Kernel::multiply`](super::super::leaf::Kernel::multiply).
        pub(in super::super) fn multiply(self, v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
            // SAFETY: `self` is only made by `detect`, which has seen that this processor has PCLMULQDQ; the function
            // needs nothing else.
            unsafe { multiply(v, x, y) }
        }
    }

    #[target_feature(enable = "pclmulqdq")]
    fn multiply(v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
        let pair = |low: u64, high: u64| _mm_set_epi64x(high as i64, low as i64);
        let mut xs = [_mm_setzero_si128(); LEAF / 2];
        for (x, pairs) in xs.iter_mut().zip(x.chunks_exact(2)) {
            *x = pair(pairs[0], pairs[1]);
        }
        // Column by column: all products v[k]·x[b] with k + b = column, two at a time.
        let column = |column: usize| -> __m128i {
            let mut sum = _mm_setzero_si128();
            for (half, &x) in xs.iter().enumerate() {
                let high = column - 2 * half;
                let v = pair(v[high - 1], v[high]);
                sum = _mm_xor_si128(sum, _mm_clmulepi64_si128::<0x01>(v, x));
                sum = _mm_xor_si128(sum, _mm_clmulepi64_si128::<0x10>(v, x));
            }
            sum
        };
        let mut carried = column(LEAF - 1);
        for (at, y) in y.iter_mut().enumerate() {
            let sum = column(LEAF + at);
            *y ^= (_mm_cvtsi128_si64(_mm_unpackhi_epi64(carried, carried)) ^ _mm_cvtsi128_si64(sum)) as u64;
            carried = sum;
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Clmul {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    pub(super) fn multiply(self, _v: &[u64; 2 * LEAF], _x: &[u64; LEAF], _y: &mut [u64; LEAF]) {}
}
