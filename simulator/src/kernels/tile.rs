//! One walk over a block: eight groups at a time are held in registers while all operations of the sweep are done.

use std::marker::PhantomData;

use super::ops::{Kind, Line, Sweep};
use super::simd::Simd;
use crate::real::Real;

/// Does `$body` for each of the named groups or pairs; their numbers are constants, so the tile stays in registers.
macro_rules! each {
    ($number:ident in [$($value:literal)*] $body:block) => {{
        $({ const $number: usize = $value; $body })*
    }};
}

/// The low group of pair `pair` of tile bit `bit`; the high one has the bit set.
const fn low(bit: usize, pair: usize) -> usize {
    (pair >> bit << (bit + 1)) | (pair & ((1 << bit) - 1))
}

/// Does `$body` for the four pairs of the tile bit that is chosen by number.
macro_rules! pairs {
    ($bit:expr, $zero:ident, $one:ident, $pair:ident, $body:block) => {
        match $bit {
            0 => pairs!(@ 0, $zero, $one, $pair, $body),
            1 => pairs!(@ 1, $zero, $one, $pair, $body),
            _ => pairs!(@ 2, $zero, $one, $pair, $body),
        }
    };
    (@ $bit:literal, $zero:ident, $one:ident, $pair:ident, $body:block) => {
        each!($pair in [0 1 2 3] {{
            const $zero: usize = low($bit, $pair);
            const $one: usize = $zero | 1 << $bit;
            $body
        }})
    };
}

/// Complex constants and how to read them.
#[derive(Clone, Copy)]
struct Constants<T: Real, V> {
    lines: *const Line<T>,
    vector: PhantomData<V>,
}

impl<T: Real, V: Simd<T>> Constants<T, V> {
    #[inline(always)]
    unsafe fn line(self, at: usize) -> V {
        // SAFETY: `Program` hands out operations whose lines exist.
        unsafe { V::load(self.lines.add(at).cast()) }
    }
}

/// `sum + (re + i·im)·(vre + i·vim)`.
#[inline(always)]
fn multiply_add<T: Real, V: Simd<T>>(sum: (V, V), factor: (V, V), value: (V, V)) -> (V, V) {
    let re = factor.1.neg_mul_add(value.1, factor.0.mul_add(value.0, sum.0));
    let im = factor.1.mul_add(value.0, factor.0.mul_add(value.1, sum.1));
    (re, im)
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
        each!(G in [0 1 2 3 4 5 6 7] {
            // SAFETY: as above.
            unsafe {
                re[G] = V::load(start.add(offsets[G]));
                im[G] = V::load(start.add(offsets[G] + T::LANES));
            }
        });
        for op in &sweep.ops {
            if !op.inner.holds(base as u64) {
                continue;
            }
            // SAFETY: the caller vouches for the lines.
            unsafe { apply(op.kind, constants, &mut re, &mut im) };
        }
        each!(G in [0 1 2 3 4 5 6 7] {
            // SAFETY: as above.
            unsafe {
                re[G].store(start.add(offsets[G]));
                im[G].store(start.add(offsets[G] + T::LANES));
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
    // SAFETY: the caller vouches for the lines.
    let line = |at: u32, further: usize| unsafe { constants.line(at as usize + further) };
    let complex = |at: u32, further: usize| (line(at, further), line(at, further + 1));
    match kind {
        Kind::Turn { bit, t } => {
            let t = V::splat(t);
            pairs!(bit, A, B, _K, {
                (re[A], re[B]) = (t.neg_mul_add(re[B], re[A]), t.mul_add(re[A], re[B]));
                (im[A], im[B]) = (t.neg_mul_add(im[B], im[A]), t.mul_add(im[A], im[B]));
            });
        }
        Kind::SteepTurn { bit, t } => {
            let t = V::splat(t);
            pairs!(bit, A, B, _K, {
                (re[A], re[B]) = (t.mul_sub(re[A], re[B]), t.mul_add(re[B], re[A]));
                (im[A], im[B]) = (t.mul_sub(im[A], im[B]), t.mul_add(im[B], im[A]));
            });
        }
        Kind::Mirror { bit, t } => {
            let t = V::splat(t);
            pairs!(bit, A, B, _K, {
                (re[A], re[B]) = (t.mul_add(re[B], re[A]), t.mul_sub(re[A], re[B]));
                (im[A], im[B]) = (t.mul_add(im[B], im[A]), t.mul_sub(im[A], im[B]));
            });
        }
        Kind::SteepMirror { bit, t } => {
            let t = V::splat(t);
            pairs!(bit, A, B, _K, {
                (re[A], re[B]) = (t.mul_add(re[A], re[B]), t.neg_mul_add(re[B], re[A]));
                (im[A], im[B]) = (t.mul_add(im[A], im[B]), t.neg_mul_add(im[B], im[A]));
            });
        }
        Kind::Mix { bit, pairs, at } => {
            pairs!(bit, A, B, K, {
                if pairs >> K & 1 == 1 {
                    let (m00, m01, m10, m11) = (line(at, 0), line(at, 1), line(at, 2), line(at, 3));
                    (re[A], re[B]) =
                        (m01.mul_add(re[B], m00.mul(re[A])), m11.mul_add(re[B], m10.mul(re[A])));
                    (im[A], im[B]) =
                        (m01.mul_add(im[B], m00.mul(im[A])), m11.mul_add(im[B], m10.mul(im[A])));
                }
            });
        }
        Kind::Flip { bit, pairs } => {
            pairs!(bit, A, B, K, {
                if pairs >> K & 1 == 1 {
                    (re[A], re[B]) = (re[B], re[A]);
                    (im[A], im[B]) = (im[B], im[A]);
                }
            });
        }
        Kind::LaneTurn { at } => {
            let (order, factor) = (line(at, 0), line(at, 1));
            each!(G in [0 1 2 3 4 5 6 7] {
                re[G] = factor.mul_add(re[G].permute(order), re[G]);
                im[G] = factor.mul_add(im[G].permute(order), im[G]);
            });
        }
        Kind::LaneMix { groups, at } => {
            let (order, moved, stayed) = (line(at, 0), line(at, 1), line(at, 2));
            each!(G in [0 1 2 3 4 5 6 7] {
                if groups >> G & 1 == 1 {
                    re[G] = moved.mul_add(re[G].permute(order), stayed.mul(re[G]));
                    im[G] = moved.mul_add(im[G].permute(order), stayed.mul(im[G]));
                }
            });
        }
        Kind::LaneFlip { groups, at } => {
            let order = line(at, 0);
            each!(G in [0 1 2 3 4 5 6 7] {
                if groups >> G & 1 == 1 {
                    re[G] = re[G].permute(order);
                    im[G] = im[G].permute(order);
                }
            });
        }
        Kind::Phase { groups, at } => {
            let factor = complex(at, 0);
            each!(G in [0 1 2 3 4 5 6 7] {
                if groups >> G & 1 == 1 {
                    (re[G], im[G]) = multiply(factor, (re[G], im[G]));
                }
            });
        }
        Kind::Phases { at } => {
            each!(G in [0 1 2 3 4 5 6 7] {
                (re[G], im[G]) = multiply(complex(at, 2 * G), (re[G], im[G]));
            });
        }
        Kind::Dense { pair, at } => {
            macro_rules! four {
                ($a:literal $b:literal $c:literal $d:literal) => {{
                    let old =
                        [(re[$a], im[$a]), (re[$b], im[$b]), (re[$c], im[$c]), (re[$d], im[$d])];
                    macro_rules! row {
                        ($row:literal, $to:literal) => {{
                            let sum = multiply(complex(at, 8 * $row), old[0]);
                            let sum = multiply_add(sum, complex(at, 8 * $row + 2), old[1]);
                            let sum = multiply_add(sum, complex(at, 8 * $row + 4), old[2]);
                            (re[$to], im[$to]) = multiply_add(sum, complex(at, 8 * $row + 6), old[3]);
                        }};
                    }
                    row!(0, $a);
                    row!(1, $b);
                    row!(2, $c);
                    row!(3, $d);
                }};
            }
            match pair {
                0 => {
                    four!(0 1 2 3);
                    four!(4 5 6 7);
                }
                1 => {
                    four!(0 1 4 5);
                    four!(2 3 6 7);
                }
                _ => {
                    four!(0 2 4 6);
                    four!(1 3 5 7);
                }
            }
        }
        Kind::DenseLane { bit, at } => {
            let order = line(at, 0);
            pairs!(bit, A, B, _K, {
                let old = [(re[A], im[A]), (re[B], im[B])];
                let moved = old.map(|(re, im)| (re.permute(order), im.permute(order)));
                let row = |row: usize| {
                    let sum = multiply(complex(at, 1 + 8 * row), old[0]);
                    let sum = multiply_add(sum, complex(at, 3 + 8 * row), moved[0]);
                    let sum = multiply_add(sum, complex(at, 5 + 8 * row), old[1]);
                    multiply_add(sum, complex(at, 7 + 8 * row), moved[1])
                };
                ((re[A], im[A]), (re[B], im[B])) = (row(0), row(1));
            });
        }
        Kind::DenseLanes { at } => {
            let orders = [line(at, 0), line(at, 1), line(at, 2)];
            each!(G in [0 1 2 3 4 5 6 7] {
                let old = (re[G], im[G]);
                let sum = multiply(complex(at, 3), old);
                let sum =
                    multiply_add(sum, complex(at, 5), (old.0.permute(orders[0]), old.1.permute(orders[0])));
                let sum =
                    multiply_add(sum, complex(at, 7), (old.0.permute(orders[1]), old.1.permute(orders[1])));
                (re[G], im[G]) =
                    multiply_add(sum, complex(at, 9), (old.0.permute(orders[2]), old.1.permute(orders[2])));
            });
        }
    }
}
