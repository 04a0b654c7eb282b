//! Matrices on two qubits, and the constants that operations read.

use std::marker::PhantomData;

use super::ops::Line;
use super::simd::Simd;
use super::tile::Tile;
use crate::real::Real;

/// Real and imaginary parts.
pub(super) type Pair<V> = (V, V);

/// Constants and how to read them.
pub(super) struct Constants<T: Real, V> {
    lines: *const Line<T>,
    vector: PhantomData<V>,
}

impl<T: Real, V> Clone for Constants<T, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, V> Copy for Constants<T, V> {}

impl<T: Real, V: Simd<T>> Constants<T, V> {
    #[inline(always)]
    pub(super) fn new(lines: *const Line<T>) -> Self {
        Self { lines, vector: PhantomData }
    }

    #[inline(always)]
    pub(super) unsafe fn line(self, at: usize, part: usize) -> V {
        // SAFETY: `Program` hands out operations whose lines exist.
        unsafe { V::load(self.lines.add(at).cast::<T>().add(part * V::WIDTH)) }
    }

    /// Which part all lanes of `part` come from by the permutation at `at`, which flips bits of lane numbers.
    #[inline(always)]
    pub(super) unsafe fn source(self, at: usize, part: usize) -> usize {
        // SAFETY: as above.
        unsafe { self.lines.add(at).cast::<T>().add(part * V::WIDTH).read() }.to_index() / V::WIDTH
    }

    /// A row of a complex matrix times a vector, with three multiplications for each element a + ib, which stands in
    /// three lines as a + b, b and a: (a + ib)(c + id) = (a + b)c − b(c + d) + i((a + b)c + a(d − c)).
    #[inline(always)]
    pub(super) unsafe fn row(self, at: usize, part: usize, [v0, v1, v2, v3]: [Factors<V>; 4]) -> Pair<V> {
        // SAFETY: passed on.
        unsafe {
            let both = self.line(at, part).mul(v0.re);
            let both = self.line(at + 3, part).mul_add(v1.re, both);
            let both = self.line(at + 6, part).mul_add(v2.re, both);
            let both = self.line(at + 9, part).mul_add(v3.re, both);
            let re = self.line(at + 1, part).neg_mul_add(v0.sum, both);
            let re = self.line(at + 4, part).neg_mul_add(v1.sum, re);
            let re = self.line(at + 7, part).neg_mul_add(v2.sum, re);
            let re = self.line(at + 10, part).neg_mul_add(v3.sum, re);
            let im = self.line(at + 2, part).mul_add(v0.difference, both);
            let im = self.line(at + 5, part).mul_add(v1.difference, im);
            let im = self.line(at + 8, part).mul_add(v2.difference, im);
            (re, self.line(at + 11, part).mul_add(v3.difference, im))
        }
    }
}

/// What a complex vector c + id is multiplied by real lines as: c, c + d and d − c.
#[derive(Clone, Copy)]
pub(super) struct Factors<V> {
    re: V,
    sum: V,
    difference: V,
}

#[inline(always)]
pub(super) fn factors<T: Real, V: Simd<T>>((re, im): Pair<V>) -> Factors<V> {
    Factors { re, sum: re.add(im), difference: im.sub(re) }
}

/// Does a matrix on two qubits to four groups.
///
/// # Safety
/// 48 lines from `at` on must exist.
#[inline(always)]
pub(super) unsafe fn dense<T: Real, V: Simd<T>>(
    at: usize,
    constants: Constants<T, V>,
    tile: &mut impl Tile<T, V>,
    [a, b, c, d]: [usize; 4],
) {
    for part in 0..V::PARTS {
        // SAFETY: the caller vouches for the lines; groups and parts are those of the tile.
        unsafe {
            let old = [
                factors(tile.get(a, part)),
                factors(tile.get(b, part)),
                factors(tile.get(c, part)),
                factors(tile.get(d, part)),
            ];
            tile.put(a, part, constants.row(at, part, old));
            tile.put(b, part, constants.row(at + 12, part, old));
            tile.put(c, part, constants.row(at + 24, part, old));
            tile.put(d, part, constants.row(at + 36, part, old));
        }
    }
}

/// Does a matrix that is a rotation in the magic basis, then phases, to four groups, up to a factor of all.
///
/// The basis is (v₀ + v₃, −i(v₀ − v₃), −i(v₁ + v₂), v₁ − v₂)/√2 (Hill and Wootters, PRL 78, 5022 (1997)), in which
/// pairs of one-qubit matrices are real: half of the multiplications. Each row of the rotation is divided by its
/// diagonal element, which the phases make good; the first of them is divided out.
///
/// # Safety
/// 18 lines from `at` on must exist: the rotation's elements off the diagonal, then real and imaginary parts of
/// the factors 1 to 3.
#[inline(always)]
pub(super) unsafe fn magic<T: Real, V: Simd<T>>(
    at: usize,
    constants: Constants<T, V>,
    tile: &mut impl Tile<T, V>,
    [a, b, c, d]: [usize; 4],
) {
    for part in 0..V::PARTS {
        // SAFETY: the caller vouches for the lines; groups and parts are those of the tile.
        unsafe {
            let line = |number: usize| at + number;
            let ((r0, i0), (r1, i1)) = (tile.get(a, part), tile.get(b, part));
            let ((r2, i2), (r3, i3)) = (tile.get(c, part), tile.get(d, part));
            let x = [r0.add(r3), i0.sub(i3), i1.add(i2), r1.sub(r2)];
            // The third of the imaginary parts is negative: so none of them costs more than one addition.
            let y = [i0.add(i3), r3.sub(r0), r1.add(r2), i1.sub(i2)];
            let (mut u, mut v) = (x, y);
            for (row, others) in [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]].into_iter().enumerate() {
                for (place, column) in others.into_iter().enumerate() {
                    let element = constants.line(line(3 * row + place), part);
                    u[row] = element.mul_add(x[column], u[row]);
                    v[row] = if (row == 2) != (column == 2) {
                        element.neg_mul_add(y[column], v[row])
                    } else {
                        element.mul_add(y[column], v[row])
                    };
                }
            }
            let (re, im) = (constants.line(line(12), part), constants.line(line(13), part));
            let (re1, im1) = (im.neg_mul_add(v[1], re.mul(u[1])), im.mul_add(u[1], re.mul(v[1])));
            tile.put(a, part, (u[0].sub(im1), v[0].add(re1)));
            tile.put(d, part, (u[0].add(im1), v[0].sub(re1)));
            let (re, im) = (constants.line(line(14), part), constants.line(line(15), part));
            let (re2, minus2) = (im.mul_add(v[2], re.mul(u[2])), im.neg_mul_add(u[2], re.mul(v[2])));
            let (re, im) = (constants.line(line(16), part), constants.line(line(17), part));
            let (re3, im3) = (im.neg_mul_add(v[3], re.mul(u[3])), im.mul_add(u[3], re.mul(v[3])));
            tile.put(b, part, (minus2.add(re3), re2.add(im3)));
            tile.put(c, part, (minus2.sub(re3), re2.sub(im3)));
        }
    }
}
