//! What each operation does to a tile.
#![allow(
    clippy::needless_range_loop,
    reason = "the number of a part says what is read as well as where it goes"
)]

use super::matrix::{Constants, Pair, dense, factors, magic};
use super::ops::Kind;
use super::simd::{MOST_PARTS, Simd};
use super::tile::Tile;
use crate::real::Real;

/// Does `$body` for each of the numbers. Tiles in registers get literal numbers, so that they stay there; others a loop,
/// since the compiler would take minutes to unroll all.
macro_rules! each {
    ($vector:ident, $number:ident in [$($value:literal)*] $body:block) => {{
        if $vector::HELD {
            $({ let $number: usize = $value; $body })*
        } else {
            for $number in [$($value),*] $body
        }
    }};
}

/// Does `$body` for the four pairs (lower group, higher group, number) of the tile bit that is chosen by number.
macro_rules! pairs {
    ($vector:ident, $bit:expr, $zero:ident, $one:ident, $pair:ident, $body:block) => {
        if $vector::HELD {
            match $bit {
                0 => pairs!(@ $zero, $one, $pair, $body, (0 1 0) (2 3 1) (4 5 2) (6 7 3)),
                1 => pairs!(@ $zero, $one, $pair, $body, (0 2 0) (1 3 1) (4 6 2) (5 7 3)),
                _ => pairs!(@ $zero, $one, $pair, $body, (0 4 0) (1 5 1) (2 6 2) (3 7 3)),
            }
        } else {
            for $pair in 0..4usize {
                let $zero = ($pair >> $bit << ($bit + 1)) | ($pair & ((1 << $bit) - 1));
                let $one = $zero | 1 << $bit;
                $body
            }
        }
    };
    (@ $zero:ident, $one:ident, $pair:ident, $body:block, $(($low:literal $high:literal $number:literal))*) => {{
        $({ let ($zero, $one, $pair): (usize, usize, usize) = ($low, $high, $number); let _ = $pair; $body })*
    }};
}

/// Does `$body` for the two sets of four groups that a matrix on two tile bits acts on.
macro_rules! sets {
    ($vector:ident, $pair:expr, $set:ident, $body:expr) => {
        if $vector::HELD {
            match $pair {
                0 => sets!(@ $set, $body, [0, 1, 2, 3] [4, 5, 6, 7]),
                1 => sets!(@ $set, $body, [0, 1, 4, 5] [2, 3, 6, 7]),
                _ => sets!(@ $set, $body, [0, 2, 4, 6] [1, 3, 5, 7]),
            }
        } else {
            for $set in SETS[usize::from($pair) % 3] {
                $body;
            }
        }
    };
    (@ $set:ident, $body:expr, $first:tt $second:tt) => {{
        { let $set: [usize; 4] = $first; $body; }
        { let $set: [usize; 4] = $second; $body; }
    }};
}

/// The same sets, to be looked up.
const SETS: [[[usize; 4]; 2]; 3] =
    [[[0, 1, 2, 3], [4, 5, 6, 7]], [[0, 1, 4, 5], [2, 3, 6, 7]], [[0, 2, 4, 6], [1, 3, 5, 7]]];

/// `(re + i·im)·(vre + i·vim)`.
#[inline(always)]
fn multiply<T: Real, V: Simd<T>>(factor: Pair<V>, value: Pair<V>) -> Pair<V> {
    let re = factor.1.neg_mul_add(value.1, factor.0.mul(value.0));
    let im = factor.1.mul_add(value.0, factor.0.mul(value.1));
    (re, im)
}

/// Does one operation to the tile if it is one of those that the code is made for: the `LIGHT` ones, those that are
/// [heavy](Kind::is_heavy), or both. What it is not made for costs no registers.
///
/// # Safety
/// As [`super::tile::sweep`].
#[inline(always)]
pub(super) unsafe fn apply<T: Real, V: Simd<T>, L: Tile<T, V>, const LIGHT: bool, const HEAVY: bool>(
    kind: Kind<T>,
    constants: Constants<T, V>,
    tile: &mut L,
) {
    macro_rules! line {
        ($at:expr, $part:expr) => {
            // SAFETY: the caller vouches for the lines.
            unsafe { constants.line($at as usize, $part) }
        };
    }
    macro_rules! get {
        ($group:expr, $part:expr) => {
            // SAFETY: groups and parts are counted below.
            unsafe { tile.get($group, $part) }
        };
    }
    macro_rules! put {
        ($group:expr, $part:expr, $value:expr) => {{
            let value = $value;
            // SAFETY: as above.
            unsafe { tile.put($group, $part, value) }
        }};
    }
    // What a group becomes when the order at a line, which flips bits of lane numbers, permutes it.
    macro_rules! moved {
        ($group:expr, $part:expr, $at:expr) => {{
            // SAFETY: the caller vouches for the lines; the source is a part again.
            let (order, source) = unsafe {
                (V::order(constants.line($at as usize, $part)), constants.source($at as usize, $part))
            };
            let (re, im) = get!($group, source);
            (re.permute_within(order), im.permute_within(order))
        }};
    }
    // Each part is made of all others: none is written before all are made.
    macro_rules! in_parts {
        ($group:expr, $part:ident, $value:expr) => {{
            let zero = V::splat(T::default());
            let mut new = [(zero, zero); MOST_PARTS];
            for $part in 0..V::PARTS {
                new[$part] = $value;
            }
            for $part in 0..V::PARTS {
                put!($group, $part, new[$part]);
            }
        }};
    }
    // One real matrix on a tile bit, row by row.
    macro_rules! rows {
        ($bit:expr, |$a:ident, $b:ident| $zero:expr, $one:expr) => {
            for part in 0..V::PARTS {
                pairs!(V, $bit, a, b, k, {
                    let (($a, ai), ($b, bi)) = (get!(a, part), get!(b, part));
                    let (zero, one) = ($zero, $one);
                    let ($a, $b) = (ai, bi);
                    put!(a, part, (zero, $zero));
                    put!(b, part, (one, $one));
                });
            }
        };
    }
    match kind {
        Kind::Turn { bit, t } if LIGHT => {
            let t = V::splat(t);
            rows!(bit, |a, b| t.neg_mul_add(b, a), t.mul_add(a, b));
        }
        Kind::SteepTurn { bit, t } if LIGHT => {
            let t = V::splat(t);
            rows!(bit, |a, b| t.mul_sub(a, b), t.mul_add(b, a));
        }
        Kind::Mirror { bit, t } if LIGHT => {
            let t = V::splat(t);
            rows!(bit, |a, b| t.mul_add(b, a), t.mul_sub(a, b));
        }
        Kind::SteepMirror { bit, t } if LIGHT => {
            let t = V::splat(t);
            rows!(bit, |a, b| t.mul_add(a, b), t.neg_mul_add(b, a));
        }
        Kind::Mix { bit, pairs, at } if LIGHT => {
            for part in 0..V::PARTS {
                pairs!(V, bit, a, b, k, {
                    if pairs >> k & 1 == 1 {
                        let (m00, m01) = (line!(at, part), line!(at + 1, part));
                        let (m10, m11) = (line!(at + 2, part), line!(at + 3, part));
                        let ((ar, ai), (br, bi)) = (get!(a, part), get!(b, part));
                        put!(a, part, (m01.mul_add(br, m00.mul(ar)), m01.mul_add(bi, m00.mul(ai))));
                        put!(b, part, (m11.mul_add(br, m10.mul(ar)), m11.mul_add(bi, m10.mul(ai))));
                    }
                });
            }
        }
        Kind::Flip { bit, pairs } if LIGHT => {
            for part in 0..V::PARTS {
                pairs!(V, bit, a, b, k, {
                    if pairs >> k & 1 == 1 {
                        let (zero, one) = (get!(a, part), get!(b, part));
                        put!(a, part, one);
                        put!(b, part, zero);
                    }
                });
            }
        }
        Kind::LaneTurn { at } if LIGHT => {
            each!(V, g in [0 1 2 3 4 5 6 7] {
                in_parts!(g, part, {
                    let (factor, (re, im), (mre, mim)) = (line!(at + 1, part), get!(g, part), moved!(g, part, at));
                    (factor.mul_add(mre, re), factor.mul_add(mim, im))
                });
            });
        }
        Kind::LaneMix { groups, at } if LIGHT => {
            each!(V, g in [0 1 2 3 4 5 6 7] {
                if groups >> g & 1 == 1 {
                    in_parts!(g, part, {
                        let (moved, stayed) = (line!(at + 1, part), line!(at + 2, part));
                        let ((re, im), (mre, mim)) = (get!(g, part), moved!(g, part, at));
                        (moved.mul_add(mre, stayed.mul(re)), moved.mul_add(mim, stayed.mul(im)))
                    });
                }
            });
        }
        Kind::LaneFlip { groups, at } if LIGHT => {
            each!(V, g in [0 1 2 3 4 5 6 7] {
                if groups >> g & 1 == 1 {
                    let zero = V::splat(T::default());
                    let (mut re, mut im) = ([zero; MOST_PARTS], [zero; MOST_PARTS]);
                    for part in 0..V::PARTS {
                        (re[part], im[part]) = get!(g, part);
                    }
                    for part in 0..V::PARTS {
                        let order = V::order(line!(at, part));
                        put!(g, part, (V::permute(re, order), V::permute(im, order)));
                    }
                }
            });
        }
        Kind::Phase { groups, at } if LIGHT => {
            for part in 0..V::PARTS {
                let factor = (line!(at, part), line!(at + 1, part));
                each!(V, g in [0 1 2 3 4 5 6 7] {
                    if groups >> g & 1 == 1 {
                        put!(g, part, multiply(factor, get!(g, part)));
                    }
                });
            }
        }
        Kind::Dense { pair, at } if HEAVY => {
            // SAFETY: the caller vouches for the lines.
            sets!(V, pair, set, unsafe { dense(at as usize, constants, tile, set) });
        }
        Kind::Magic { pair, at } if HEAVY => {
            // SAFETY: the caller vouches for the lines.
            sets!(V, pair, set, unsafe { magic(at as usize, constants, tile, set) });
        }
        Kind::DenseLane { bit, at } if HEAVY => {
            pairs!(V, bit, a, b, k, {
                let zero = V::splat(T::default());
                let mut new = [((zero, zero), (zero, zero)); MOST_PARTS];
                for part in 0..V::PARTS {
                    let old = [
                        factors(get!(a, part)),
                        factors(moved!(a, part, at)),
                        factors(get!(b, part)),
                        factors(moved!(b, part, at)),
                    ];
                    // SAFETY: the caller vouches for the lines.
                    new[part] = unsafe {
                        (
                            constants.row(at as usize + 1, part, old),
                            constants.row(at as usize + 13, part, old),
                        )
                    };
                }
                for part in 0..V::PARTS {
                    put!(a, part, new[part].0);
                    put!(b, part, new[part].1);
                }
            });
        }
        Kind::DenseLanes { at } if HEAVY => {
            each!(V, g in [0 1 2 3 4 5 6 7] {
                in_parts!(g, part, {
                    let old = [
                        factors(get!(g, part)),
                        factors(moved!(g, part, at)),
                        factors(moved!(g, part, at + 1)),
                        factors(moved!(g, part, at + 2)),
                    ];
                    // SAFETY: the caller vouches for the lines.
                    unsafe { constants.row(at as usize + 3, part, old) }
                });
            });
        }
        _ => {}
    }
}
