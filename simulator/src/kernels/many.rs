//! Matrices on up to five qubits under any conditions, straight from their elements.

use super::ops::Where;
use super::simd::Simd;
use crate::real::Real;

/// The most qubits of such a matrix: 32 × 32 elements.
pub(crate) const MAX_TARGETS: usize = 5;

/// A matrix on bits of a group's number inside the block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Many<T> {
    /// Bits outside the block that have to be so.
    pub(crate) outer: Where,
    /// Bits of the group's number, targets excluded, that have to be so.
    pub(crate) inner: Where,
    /// Bits of the group's number, in the order of the bits of a row's number.
    pub(crate) bits: Vec<u32>,
    /// Row after row: real and imaginary part.
    pub(crate) elements: Vec<[T; 2]>,
}

/// Rows that are made at once: as many as registers can sum up.
const ROWS: usize = 4;

/// Does the matrix to a block of `2^group_bits` lane groups.
///
/// # Safety
/// The block must be that large and nobody else's; there must be two to [`MAX_TARGETS`] bits, different
/// and below `group_bits`, and 4 to their power elements; the processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn many<T: Real, V: Simd<T>>(block: *mut T, group_bits: u32, matrix: &Many<T>) {
    let dim = 1usize << matrix.bits.len();
    let mask = matrix.bits.iter().fold(0usize, |mask, bit| mask | 1 << bit);
    let mut offsets = [0usize; 1 << MAX_TARGETS];
    for (row, offset) in offsets.iter_mut().enumerate().take(dim) {
        let places = matrix.bits.iter().enumerate();
        *offset = places.fold(0, |sum, (at, bit)| sum | (row >> at & 1) << bit) * 2 * T::LANES;
    }
    let mut before = [(V::splat(T::default()), V::splat(T::default())); 1 << MAX_TARGETS];
    for base in 0..1usize << group_bits {
        if base & mask != 0 || !matrix.inner.holds(base as u64) {
            continue;
        }
        for part in 0..V::PARTS {
            // SAFETY: base and offsets have no bit in common and stay in the block; rows and columns are below `dim`.
            unsafe {
                let start = block.add(base * 2 * T::LANES + part * V::WIDTH);
                for (column, value) in before.iter_mut().enumerate().take(dim) {
                    let at = start.add(offsets[column]);
                    *value = (V::load(at), V::load(at.add(T::LANES)));
                }
                for row in (0..dim).step_by(ROWS) {
                    let zero = V::splat(T::default());
                    let mut sums = [(zero, zero); ROWS];
                    for (column, &(re, im)) in before.iter().enumerate().take(dim) {
                        for (number, sum) in sums.iter_mut().enumerate() {
                            let [a, b] = *matrix.elements.get_unchecked((row + number) * dim + column);
                            let (a, b) = (V::splat(a), V::splat(b));
                            *sum = (
                                b.neg_mul_add(im, a.mul_add(re, sum.0)),
                                b.mul_add(re, a.mul_add(im, sum.1)),
                            );
                        }
                    }
                    for (number, sum) in sums.into_iter().enumerate() {
                        let at = start.add(offsets[row + number]);
                        sum.0.store(at);
                        sum.1.store(at.add(T::LANES));
                    }
                }
            }
        }
    }
}
