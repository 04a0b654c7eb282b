//! One walk over a block: eight groups at a time are held in registers while all operations of the sweep are done.

use std::marker::PhantomData;

use super::ops::{Kind, Line, Sweep};
use super::simd::Simd;
use crate::real::Real;

/// Does `$body` for each of the numbers. Vectors that are registers get literal numbers, so that the tile stays in
/// them; others a loop, since the compiler would take minutes to unroll arrays.
macro_rules! each {
    ($vector:ident, $number:ident in [$($value:literal)*] $body:block) => {{
        if $vector::REGISTERS {
            $({ let $number: usize = $value; $body })*
        } else {
            for $number in [$($value),*] $body
        }
    }};
}

/// Does `$body` for the four pairs (lower group, higher group, number) of the tile bit that is chosen by number.
macro_rules! pairs {
    ($vector:ident, $bit:expr, $zero:ident, $one:ident, $pair:ident, $body:block) => {
        match $bit {
            0 => pairs!(@ $vector, $zero, $one, $pair, $body, (0 1 0) (2 3 1) (4 5 2) (6 7 3)),
            1 => pairs!(@ $vector, $zero, $one, $pair, $body, (0 2 0) (1 3 1) (4 6 2) (5 7 3)),
            _ => pairs!(@ $vector, $zero, $one, $pair, $body, (0 4 0) (1 5 1) (2 6 2) (3 7 3)),
        }
    };
    (@ $vector:ident, $zero:ident, $one:ident, $pair:ident, $body:block,
     $(($low:literal $high:literal $number:literal))*) => {{
        if $vector::REGISTERS {
            $({ let ($zero, $one, $pair): (usize, usize, usize) = ($low, $high, $number); let _ = $pair; $body })*
        } else {
            for ($zero, $one, $pair) in [$(($low, $high, $number)),*] {
                let _: usize = $pair;
                $body
            }
        }
    }};
}

/// Complex constants and how to read them.
struct Constants<T: Real, V> {
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
    unsafe fn line(self, at: usize) -> V {
        // SAFETY: `Program` hands out operations whose lines exist.
        unsafe { V::load(self.lines.add(at).cast()) }
    }

    /// A row of a complex matrix times a vector, with three multiplications for each element a + ib, which stands in
    /// three lines as a + b, b and a: (a + ib)(c + id) = (a + b)c − b(c + d) + i((a + b)c + a(d − c)).
    #[inline(always)]
    unsafe fn row(self, at: usize, [v0, v1, v2, v3]: [Factors<V>; 4]) -> (V, V) {
        // SAFETY: passed on.
        unsafe {
            let both = self.line(at).mul(v0.re);
            let both = self.line(at + 3).mul_add(v1.re, both);
            let both = self.line(at + 6).mul_add(v2.re, both);
            let both = self.line(at + 9).mul_add(v3.re, both);
            let re = self.line(at + 1).neg_mul_add(v0.sum, both);
            let re = self.line(at + 4).neg_mul_add(v1.sum, re);
            let re = self.line(at + 7).neg_mul_add(v2.sum, re);
            let re = self.line(at + 10).neg_mul_add(v3.sum, re);
            let im = self.line(at + 2).mul_add(v0.difference, both);
            let im = self.line(at + 5).mul_add(v1.difference, im);
            let im = self.line(at + 8).mul_add(v2.difference, im);
            (re, self.line(at + 11).mul_add(v3.difference, im))
        }
    }
}

/// What a complex vector c + id is multiplied by real lines as: c, c + d and d − c.
#[derive(Clone, Copy)]
struct Factors<V> {
    re: V,
    sum: V,
    difference: V,
}

#[inline(always)]
fn factors<T: Real, V: Simd<T>>(re: V, im: V) -> Factors<V> {
    Factors { re, sum: re.add(im), difference: im.sub(re) }
}

/// `(re + i·im)·(vre + i·vim)`.
#[inline(always)]
fn multiply<T: Real, V: Simd<T>>(factor: (V, V), value: (V, V)) -> (V, V) {
    let re = factor.1.neg_mul_add(value.1, factor.0.mul(value.0));
    let im = factor.1.mul_add(value.0, factor.0.mul(value.1));
    (re, im)
}

/// Does a sweep over the `2^group_bits` lane groups from `block` on.
///
/// # Safety
/// The block must be that large and nobody else's; the sweep's tile bits must be ascending and below `group_bits`;
/// `lines` must hold every line that its operations name; the processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn sweep<T: Real, V: Simd<T>>(
    block: *mut T,
    group_bits: u32,
    sweep: &Sweep<T>,
    lines: *const Line<T>,
) {
    let [first, second, third] = sweep.tile;
    let constants = Constants::<T, V> { lines, vector: PhantomData };
    let group = 2 * T::LANES;
    let offset = |number: usize| {
        ((number & 1) << first | (number >> 1 & 1) << second | (number >> 2) << third) * group
    };
    let offsets: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7].map(offset);
    for tile in 0..1usize << (group_bits - 3) {
        let mut base = tile;
        for bit in sweep.tile {
            base = base >> bit << (bit + 1) | base & ((1 << bit) - 1);
        }
        // SAFETY: `base` has zeros at the tile bits and is below 2^group_bits, so base and offsets stay in the block.
        let start = unsafe { block.add(base * group) };
        let mut re = [V::splat(T::default()); 8];
        let mut im = re;
        each!(V, g in [0 1 2 3 4 5 6 7] {
            // SAFETY: as above.
            unsafe {
                re[g] = V::load(start.add(offsets[g]));
                im[g] = V::load(start.add(offsets[g] + T::LANES));
            }
        });
        for op in &sweep.ops {
            if !op.inner.holds(base as u64) {
                continue;
            }
            // SAFETY: the caller vouches for the lines.
            unsafe { apply(op.kind, constants, &mut re, &mut im) };
        }
        each!(V, g in [0 1 2 3 4 5 6 7] {
            // SAFETY: as above.
            unsafe {
                re[g].store(start.add(offsets[g]));
                im[g].store(start.add(offsets[g] + T::LANES));
            }
        });
    }
}

/// Does one operation to the tile.
///
/// # Safety
/// As [`sweep`].
#[inline(always)]
unsafe fn apply<T: Real, V: Simd<T>>(
    kind: Kind<T>,
    constants: Constants<T, V>,
    re: &mut [V; 8],
    im: &mut [V; 8],
) {
    macro_rules! line {
        ($at:expr, $further:expr) => {
            // SAFETY: the caller vouches for the lines.
            unsafe { constants.line($at as usize + $further) }
        };
    }
    macro_rules! complex {
        ($at:expr, $further:expr) => {
            (line!($at, $further), line!($at, $further + 1))
        };
    }
    match kind {
        Kind::Turn { bit, t } => {
            let t = V::splat(t);
            pairs!(V, bit, a, b, k, {
                (re[a], re[b]) = (t.neg_mul_add(re[b], re[a]), t.mul_add(re[a], re[b]));
                (im[a], im[b]) = (t.neg_mul_add(im[b], im[a]), t.mul_add(im[a], im[b]));
            });
        }
        Kind::SteepTurn { bit, t } => {
            let t = V::splat(t);
            pairs!(V, bit, a, b, k, {
                (re[a], re[b]) = (t.mul_sub(re[a], re[b]), t.mul_add(re[b], re[a]));
                (im[a], im[b]) = (t.mul_sub(im[a], im[b]), t.mul_add(im[b], im[a]));
            });
        }
        Kind::Mirror { bit, t } => {
            let t = V::splat(t);
            pairs!(V, bit, a, b, k, {
                (re[a], re[b]) = (t.mul_add(re[b], re[a]), t.mul_sub(re[a], re[b]));
                (im[a], im[b]) = (t.mul_add(im[b], im[a]), t.mul_sub(im[a], im[b]));
            });
        }
        Kind::SteepMirror { bit, t } => {
            let t = V::splat(t);
            pairs!(V, bit, a, b, k, {
                (re[a], re[b]) = (t.mul_add(re[a], re[b]), t.neg_mul_add(re[b], re[a]));
                (im[a], im[b]) = (t.mul_add(im[a], im[b]), t.neg_mul_add(im[b], im[a]));
            });
        }
        Kind::Mix { bit, pairs, at } => {
            pairs!(V, bit, a, b, k, {
                if pairs >> k & 1 == 1 {
                    let (m00, m01, m10, m11) = (line!(at, 0), line!(at, 1), line!(at, 2), line!(at, 3));
                    (re[a], re[b]) = (m01.mul_add(re[b], m00.mul(re[a])), m11.mul_add(re[b], m10.mul(re[a])));
                    (im[a], im[b]) = (m01.mul_add(im[b], m00.mul(im[a])), m11.mul_add(im[b], m10.mul(im[a])));
                }
            });
        }
        Kind::Flip { bit, pairs } => {
            pairs!(V, bit, a, b, k, {
                if pairs >> k & 1 == 1 {
                    (re[a], re[b]) = (re[b], re[a]);
                    (im[a], im[b]) = (im[b], im[a]);
                }
            });
        }
        Kind::LaneTurn { at } => {
            let (order, factor) = (line!(at, 0), line!(at, 1));
            each!(V, g in [0 1 2 3 4 5 6 7] {
                re[g] = factor.mul_add(re[g].permute(order), re[g]);
                im[g] = factor.mul_add(im[g].permute(order), im[g]);
            });
        }
        Kind::LaneMix { groups, at } => {
            let (order, moved, stayed) = (line!(at, 0), line!(at, 1), line!(at, 2));
            each!(V, g in [0 1 2 3 4 5 6 7] {
                if groups >> g & 1 == 1 {
                    re[g] = moved.mul_add(re[g].permute(order), stayed.mul(re[g]));
                    im[g] = moved.mul_add(im[g].permute(order), stayed.mul(im[g]));
                }
            });
        }
        Kind::LaneFlip { groups, at } => {
            let order = line!(at, 0);
            each!(V, g in [0 1 2 3 4 5 6 7] {
                if groups >> g & 1 == 1 {
                    re[g] = re[g].permute(order);
                    im[g] = im[g].permute(order);
                }
            });
        }
        Kind::Phase { groups, at } => {
            let factor = complex!(at, 0);
            each!(V, g in [0 1 2 3 4 5 6 7] {
                if groups >> g & 1 == 1 {
                    (re[g], im[g]) = multiply(factor, (re[g], im[g]));
                }
            });
        }
        Kind::Dense { pair, at } => {
            // The two sets of four groups that the matrix acts on.
            macro_rules! sets {
                ($(($a:literal $b:literal $c:literal $d:literal))*) => {{
                    if V::REGISTERS {
                        $(dense(at, constants, (re, im), [$a, $b, $c, $d]);)*
                    } else {
                        for set in [$([$a, $b, $c, $d]),*] {
                            dense(at, constants, (re, im), set);
                        }
                    }
                }};
            }
            // SAFETY: the caller vouches for the lines.
            unsafe {
                match pair {
                    0 => sets!((0 1 2 3) (4 5 6 7)),
                    1 => sets!((0 1 4 5) (2 3 6 7)),
                    _ => sets!((0 2 4 6) (1 3 5 7)),
                }
            }
        }
        Kind::DenseLane { bit, at } => {
            let order = line!(at, 0);
            pairs!(V, bit, a, b, k, {
                let zero = factors(re[a].permute(order), im[a].permute(order));
                let one = factors(re[b].permute(order), im[b].permute(order));
                let old = [factors(re[a], im[a]), zero, factors(re[b], im[b]), one];
                // SAFETY: the caller vouches for the lines.
                unsafe {
                    (re[a], im[a]) = constants.row(at as usize + 1, old);
                    (re[b], im[b]) = constants.row(at as usize + 13, old);
                }
            });
        }
        Kind::DenseLanes { at } => {
            let (first, second, both) = (line!(at, 0), line!(at, 1), line!(at, 2));
            each!(V, g in [0 1 2 3 4 5 6 7] {
                let old = [
                    factors(re[g], im[g]),
                    factors(re[g].permute(first), im[g].permute(first)),
                    factors(re[g].permute(second), im[g].permute(second)),
                    factors(re[g].permute(both), im[g].permute(both)),
                ];
                // SAFETY: the caller vouches for the lines.
                (re[g], im[g]) = unsafe { constants.row(at as usize + 3, old) };
            });
        }
    }
}

/// Does a matrix on two qubits to four groups.
///
/// # Safety
/// 48 lines from `at` on must exist.
#[inline(always)]
unsafe fn dense<T: Real, V: Simd<T>>(
    at: u32,
    constants: Constants<T, V>,
    (re, im): (&mut [V; 8], &mut [V; 8]),
    set: [usize; 4],
) {
    let [a, b, c, d] = set;
    let old = [factors(re[a], im[a]), factors(re[b], im[b]), factors(re[c], im[c]), factors(re[d], im[d])];
    let at = at as usize;
    // SAFETY: the caller vouches for the lines.
    unsafe {
        (re[a], im[a]) = constants.row(at, old);
        (re[b], im[b]) = constants.row(at + 12, old);
        (re[c], im[c]) = constants.row(at + 24, old);
        (re[d], im[d]) = constants.row(at + 36, old);
    }
}
