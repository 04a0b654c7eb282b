//! The transforms with carry-less multiplication and 256-bit vectors.

use std::arch::x86_64::*;

use super::basis::{Direction, convert};
use super::{Kernels, Twiddles};

/// Blocks of at most so many elements are finished layer by layer: they fit the first cache.
const IN_CACHE: usize = 2048;

/// The kernels that this processor can run, best first.
pub(super) fn kernels() -> Vec<&'static Kernels> {
    let mut found = Vec::new();
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("pclmulqdq") {
        if is_x86_feature_detected!("vpclmulqdq") {
            found.push(&wide::KERNELS);
        }
        found.push(&narrow::KERNELS);
    }
    found
}

/// Writes the kernels of one set of features; `$products` gives the four products of two vectors, even ones and odd ones.
macro_rules! kernels {
    ($module:ident, $name:literal, $features:literal, $products:expr) => {
        mod $module {
            use super::*;

            pub(super) static KERNELS: Kernels =
                Kernels { name: $name, forward, transposed_inverse, transposed, add_products };

            /// Four products in the field.
            #[inline]
            #[target_feature(enable = $features)]
            fn multiply(a: __m256i, b: __m256i) -> __m256i {
                let (even, odd) = $products(a, b);
                let low = _mm256_unpacklo_epi64(even, odd);
                let high = _mm256_unpackhi_epi64(even, odd);
                let over = _mm256_xor_si256(
                    _mm256_srli_epi64(high, 63),
                    _mm256_xor_si256(_mm256_srli_epi64(high, 61), _mm256_srli_epi64(high, 60)),
                );
                let folded = _mm256_xor_si256(high, over);
                let shifted = _mm256_xor_si256(
                    _mm256_slli_epi64(folded, 1),
                    _mm256_xor_si256(_mm256_slli_epi64(folded, 3), _mm256_slli_epi64(folded, 4)),
                );
                _mm256_xor_si256(_mm256_xor_si256(low, folded), shifted)
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn load(from: *const u64) -> __m256i {
                // SAFETY: the caller keeps four elements within its slice.
                unsafe { _mm256_loadu_si256(from.cast()) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn store(to: *mut u64, value: __m256i) {
                // SAFETY: the caller keeps four elements within its slice.
                unsafe { _mm256_storeu_si256(to.cast(), value) }
            }

            /// One step of two vectors: 0 forward, 1 transposed inverse, 2 transposed.
            #[inline]
            #[target_feature(enable = $features)]
            fn step<const KIND: u8>(a: __m256i, b: __m256i, by: __m256i) -> (__m256i, __m256i) {
                match KIND {
                    0 => {
                        let a = _mm256_xor_si256(a, multiply(b, by));
                        (a, _mm256_xor_si256(b, a))
                    }
                    1 => {
                        let b = _mm256_xor_si256(b, multiply(a, by));
                        (_mm256_xor_si256(a, b), b)
                    }
                    _ => {
                        let a = _mm256_xor_si256(a, b);
                        (a, _mm256_xor_si256(b, multiply(a, by)))
                    }
                }
            }

            /// The step of a whole block of at least eight elements, which is number `index` of its layer.
            #[inline]
            #[target_feature(enable = $features)]
            fn block<const KIND: u8>(data: &mut [u64], index: usize, twiddles: &Twiddles) {
                let half = data.len() / 2;
                let (low, high) = data.split_at_mut(half);
                let (low, high) = (low.as_mut_ptr(), high.as_mut_ptr());
                if index == 0 {
                    // Times zero: additions alone.
                    for at in (0..half).step_by(4) {
                        // SAFETY: both halves hold `half` elements, a multiple of four.
                        unsafe {
                            let (a, b) = (load(low.add(at)), load(high.add(at)));
                            let sum = _mm256_xor_si256(a, b);
                            if KIND == 0 { store(high.add(at), sum) } else { store(low.add(at), sum) }
                        }
                    }
                    return;
                }
                let by = _mm256_set1_epi64x(twiddles.of_block(index) as i64);
                for at in (0..half).step_by(4) {
                    // SAFETY: both halves hold `half` elements, a multiple of four.
                    unsafe {
                        let (a, b) = step::<KIND>(load(low.add(at)), load(high.add(at)), by);
                        store(low.add(at), a);
                        store(high.add(at), b);
                    }
                }
            }

            /// Four vectors as rows of a matrix, transposed.
            #[inline]
            #[target_feature(enable = $features)]
            fn turn(rows: [__m256i; 4]) -> [__m256i; 4] {
                let [a, b, c, d] = rows;
                let (ab, cd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpacklo_epi64(c, d));
                let (ab2, cd2) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
                [
                    _mm256_permute2x128_si256(ab, cd, 0x20),
                    _mm256_permute2x128_si256(ab2, cd2, 0x20),
                    _mm256_permute2x128_si256(ab, cd, 0x31),
                    _mm256_permute2x128_si256(ab2, cd2, 0x31),
                ]
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn four(twiddles: &Twiddles, table: usize, index: usize) -> __m256i {
                let (low, high) = twiddles.four(table, index);
                // SAFETY: an array of four elements.
                let low = unsafe { load(low.as_ptr()) };
                _mm256_xor_si256(low, _mm256_set1_epi64x(high as i64))
            }

            /// The last two layers of sixteen elements, which begin with block `index` of the blocks of four. Between the
            /// transforms the sixteen lie transposed.
            #[inline]
            #[target_feature(enable = $features)]
            fn last<const KIND: u8>(data: &mut [u64], index: usize, twiddles: &Twiddles) {
                debug_assert_eq!(data.len(), 16);
                let data = data.as_mut_ptr();
                // SAFETY: the slice holds sixteen elements.
                let mut rows = [0, 4, 8, 12].map(|at| unsafe { load(data.add(at)) });
                let outer = four(twiddles, 0, index);
                let first = four(twiddles, 1, index);
                let second = _mm256_xor_si256(first, _mm256_set1_epi64x(twiddles.step() as i64));
                if KIND != 2 {
                    let [a, b, c, d] = turn(rows);
                    let ((a, c), (b, d)) = (step::<KIND>(a, c, outer), step::<KIND>(b, d, outer));
                    let ((a, b), (c, d)) = (step::<KIND>(a, b, first), step::<KIND>(c, d, second));
                    rows = [a, b, c, d];
                } else {
                    let [a, b, c, d] = rows;
                    let ((a, b), (c, d)) = (step::<KIND>(a, b, first), step::<KIND>(c, d, second));
                    let ((a, c), (b, d)) = (step::<KIND>(a, c, outer), step::<KIND>(b, d, outer));
                    rows = turn([a, b, c, d]);
                }
                for (at, row) in rows.into_iter().enumerate() {
                    // SAFETY: the slice holds sixteen elements.
                    unsafe { store(data.add(4 * at), row) }
                }
            }

            /// All layers of a block that is number `index` of the blocks of its size.
            #[target_feature(enable = $features)]
            fn layers<const KIND: u8>(data: &mut [u64], index: usize, twiddles: &Twiddles) {
                let length = data.len();
                if length > IN_CACHE {
                    if KIND != 2 {
                        block::<KIND>(data, index, twiddles);
                    }
                    let (low, high) = data.split_at_mut(length / 2);
                    layers::<KIND>(low, 2 * index, twiddles);
                    layers::<KIND>(high, 2 * index + 1, twiddles);
                    if KIND == 2 {
                        block::<KIND>(data, index, twiddles);
                    }
                    return;
                }
                let layer = |data: &mut [u64], size: usize| {
                    for (number, part) in data.chunks_exact_mut(size).enumerate() {
                        block::<KIND>(part, index * (length / size) + number, twiddles);
                    }
                };
                let ends = |data: &mut [u64]| {
                    for (number, part) in data.chunks_exact_mut(16).enumerate() {
                        last::<KIND>(part, index * (length / 4) + 4 * number, twiddles);
                    }
                };
                let bits = length.ilog2();
                if KIND != 2 {
                    (3..=bits).rev().for_each(|bit| layer(data, 1 << bit));
                    ends(data);
                } else {
                    ends(data);
                    (3..=bits).for_each(|bit| layer(data, 1 << bit));
                }
            }

            #[target_feature(enable = $features)]
            fn forward(data: &mut [u64], twiddles: &Twiddles) {
                convert(data, Direction::Forward);
                layers::<0>(data, 0, twiddles);
            }

            #[target_feature(enable = $features)]
            fn transposed_inverse(data: &mut [u64], twiddles: &Twiddles) {
                convert(data, Direction::TransposedInverse);
                layers::<1>(data, 0, twiddles);
            }

            #[target_feature(enable = $features)]
            fn transposed(data: &mut [u64], twiddles: &Twiddles) {
                layers::<2>(data, 0, twiddles);
                convert(data, Direction::Transposed);
            }

            #[target_feature(enable = $features)]
            fn add_products(sum: &mut [u64], a: &[u64], b: &[u64]) {
                let groups = sum.chunks_exact_mut(4).zip(a.chunks_exact(4)).zip(b.chunks_exact(4));
                for ((sum, a), b) in groups {
                    // SAFETY: each chunk holds four elements.
                    unsafe {
                        let product = multiply(load(a.as_ptr()), load(b.as_ptr()));
                        store(sum.as_mut_ptr(), _mm256_xor_si256(load(sum.as_ptr()), product));
                    }
                }
            }
        }
    };
}

kernels!(wide, "AVX2 with VPCLMULQDQ", "avx2,pclmulqdq,vpclmulqdq", |a, b| (
    _mm256_clmulepi64_epi128::<0x00>(a, b),
    _mm256_clmulepi64_epi128::<0x11>(a, b)
));

kernels!(narrow, "AVX2 with PCLMULQDQ", "avx2,pclmulqdq", |a, b| {
    let (a0, a1) = (_mm256_castsi256_si128(a), _mm256_extracti128_si256::<1>(a));
    let (b0, b1) = (_mm256_castsi256_si128(b), _mm256_extracti128_si256::<1>(b));
    (
        _mm256_set_m128i(_mm_clmulepi64_si128::<0x00>(a1, b1), _mm_clmulepi64_si128::<0x00>(a0, b0)),
        _mm256_set_m128i(_mm_clmulepi64_si128::<0x11>(a1, b1), _mm_clmulepi64_si128::<0x11>(a0, b0)),
    )
});
