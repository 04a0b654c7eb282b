//! The smallest Toeplitz product with PCLMULQDQ, the carry-less multiplication of x86-64 processors, and with its vectors.

use super::leaf::LEAF;

/// Shows that the processor has the instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clmul(());

/// Shows that the processor has it for four pairs of words at a time (VPCLMULQDQ with AVX-512).
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide(());

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "an instruction beyond the base set of the architecture; its address is in ARCHITECTURE.md"
)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_setzero_si128,
        _mm_unpackhi_epi64, _mm_xor_si128, _mm512_alignr_epi64, _mm512_clmulepi64_epi128, _mm512_loadu_si512,
        _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_storeu_si512,
        _mm512_ternarylogic_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
    };

    use super::{Clmul, LEAF, Wide};

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

    impl Wide {
        pub(in super::super) fn detect() -> Option<Self> {
            let has = std::is_x86_feature_detected!("vpclmulqdq") && std::is_x86_feature_detected!("avx512f");
            has.then_some(Self(()))
        }

        /// As [`Kernel::multiply`](super::super::leaf::Kernel::multiply).
        pub(in super::super) fn multiply(self, v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
            // SAFETY: `self` is only made by `detect`, which has seen that this processor has VPCLMULQDQ and AVX-512F; the
            // function needs nothing else.
            unsafe { multiply_wide(v, x, y) }
        }
    }

    /// Eight words that begin with word `AT` of `words`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn eight<const AT: usize, const N: usize>(words: &[u64; N]) -> __m512i {
        const { assert!(AT + 8 <= N) }
        // SAFETY: the eight words lie within the array, which was checked when this was compiled.
        unsafe { _mm512_loadu_si512(words.as_ptr().add(AT).cast()) }
    }

    #[target_feature(enable = "avx512f,vpclmulqdq")]
    fn multiply_wide(v: &[u64; 2 * LEAF], x: &[u64; LEAF], y: &mut [u64; LEAF]) {
        // Sums of columns 7, 9, 11, 13 and of 8, 10, 12, 14: the words from v[7 − b] on times x[b], the first of each pair
        // and the second.
        let mut odd = _mm512_setzero_si512();
        let mut even = _mm512_setzero_si512();
        macro_rules! add {
            ($($b:literal)*) => {$({
                let words = eight::<{ LEAF - 1 - $b }, { 2 * LEAF }>(v);
                let by = _mm512_set1_epi64(x[$b] as i64);
                odd = _mm512_xor_si512(odd, _mm512_clmulepi64_epi128::<0x00>(words, by));
                even = _mm512_xor_si512(even, _mm512_clmulepi64_epi128::<0x01>(words, by));
            })*};
        }
        add!(0 1 2 3 4 5 6 7);
        // Column 15: v[8] to v[15] times x[7] to x[0], spread over four lanes, which are added up in every lane.
        let (v, x) = (eight::<LEAF, { 2 * LEAF }>(v), eight::<0, LEAF>(x));
        let x = _mm512_shuffle_i64x2::<0b00_01_10_11>(x, x);
        let last =
            _mm512_xor_si512(_mm512_clmulepi64_epi128::<0x10>(v, x), _mm512_clmulepi64_epi128::<0x01>(v, x));
        let last = _mm512_xor_si512(last, _mm512_shuffle_i64x2::<0b01_00_11_10>(last, last));
        let last = _mm512_xor_si512(last, _mm512_shuffle_i64x2::<0b10_11_00_01>(last, last));
        // Word i of y gets the high half of column 7 + i and the low half of column 8 + i.
        let high = _mm512_unpackhi_epi64(odd, even);
        let low = _mm512_unpacklo_epi64(even, _mm512_alignr_epi64::<2>(last, odd));
        const XOR_OF_THREE: i32 = 0x96;
        let sum = _mm512_ternarylogic_epi64::<XOR_OF_THREE>(eight::<0, LEAF>(y), high, low);
        // SAFETY: `y` has eight words.
        unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), sum) }
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
mod elsewhere {
    use super::{Clmul, LEAF, Wide};

    macro_rules! absent {
        ($kernel:ident) => {
            impl $kernel {
                pub(in super::super) fn detect() -> Option<Self> {
                    None
                }

                pub(in super::super) fn multiply(
                    self,
                    _v: &[u64; 2 * LEAF],
                    _x: &[u64; LEAF],
                    _y: &mut [u64; LEAF],
                ) {
                }
            }
        };
    }
    absent!(Clmul);
    absent!(Wide);
}
