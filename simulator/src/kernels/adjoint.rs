//! One gate of a parametrised circuit on a block, and the sums that the derivatives by its angles are made of.

use super::ops::Line;
use super::wide::Wide;
use crate::real::Real;

/// Lines of sums that one gate has at most.
pub(crate) const SUMS: usize = 4;

/// The sums of one gate over one block.
pub(crate) type Sums<T> = [Line<T>; SUMS];

/// Where in a block a gate acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// A matrix on a bit of the group's number: four complex lines, row after row.
    Pair { bit: u32 },
    /// A matrix on a bit of the lane: a line that permutes, then the complex factors of what stays and of what is moved.
    Lane,
    /// Two complex lines; the parity of the group's number under this mask chooses one.
    Diagonal { parity: usize },
}

/// A gate as one block sees it. Lanes where its controls do not hold have the factors of the identity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Local<T: Real> {
    pub(crate) form: Form,
    /// Bits of the group's number that have to be 1.
    pub(crate) controls: usize,
    /// Whether all imaginary parts are 0.
    pub(crate) real: bool,
    pub(crate) lines: [Line<T>; 8],
}

impl<T: Real> Local<T> {
    /// Whether a block of `groups` lane groups has all bits that it names.
    pub(crate) fn fits(&self, groups: usize) -> bool {
        self.controls < groups
            && match self.form {
                Form::Pair { bit } => groups >> bit > 1,
                Form::Lane => true,
                Form::Diagonal { parity } => parity < groups,
            }
    }
}

/// `(re + i·im)·(vre + i·vim)`.
#[inline(always)]
fn times<T: Real, V: Wide<T>>(factor: (V, V), value: (V, V)) -> (V, V) {
    let re = factor.1.neg_mul_add(value.1, factor.0.mul(value.0));
    (re, factor.1.mul_add(value.0, factor.0.mul(value.1)))
}

/// `a·x + b·y` of complex numbers.
#[inline(always)]
fn both<T: Real, V: Wide<T>>(a: (V, V), x: (V, V), b: (V, V), y: (V, V)) -> (V, V) {
    let (re, im) = times(a, x);
    let (re, im) = (b.0.mul_add(y.0, re), b.0.mul_add(y.1, im));
    (b.1.neg_mul_add(y.1, re), b.1.mul_add(y.0, im))
}

/// `sum + Im(conj(left)·right)`.
#[inline(always)]
fn add_imaginary<T: Real, V: Wide<T>>(sum: V, left: (V, V), right: (V, V)) -> V {
    left.1.neg_mul_add(right.0, left.0.mul_add(right.1, sum))
}

/// The number of the `number`-th group that has a 0 at `bit`.
#[inline(always)]
fn with_zero(number: usize, bit: u32) -> usize {
    number >> bit << (bit + 1) | number & ((1 << bit) - 1)
}

/// Reads a group.
#[inline(always)]
unsafe fn group<T: Real, V: Wide<T>>(cells: *const T, number: usize) -> (V, V) {
    // SAFETY: the caller vouches for the group.
    unsafe {
        let at = cells.add(number * 2 * T::LANES);
        (V::load(at), V::load(at.add(T::LANES)))
    }
}

/// Writes a group.
#[inline(always)]
unsafe fn put<T: Real, V: Wide<T>>(cells: *mut T, number: usize, value: (V, V)) {
    // SAFETY: the caller vouches for the group.
    unsafe {
        let at = cells.add(number * 2 * T::LANES);
        value.0.store(at);
        value.1.store(at.add(T::LANES));
    }
}

macro_rules! line {
    ($local:ident, $number:expr) => {
        // SAFETY: a line has 64 bytes.
        unsafe { V::load($local.lines.as_ptr().add($number).cast()) }
    };
}

/// Applies a gate to the `groups` lane groups of a block; `odd` exchanges the two factors of a diagonal one.
///
/// # Safety
/// The block must be that large and nobody else's, the bit of a pair below it, and the processor must have the
/// instructions of `V`.
#[inline(always)]
pub(super) unsafe fn turn<T: Real, V: Wide<T>>(block: *mut T, groups: usize, local: &Local<T>, odd: bool) {
    let controls = local.controls;
    match local.form {
        Form::Pair { bit } if local.real => {
            let (a, b, c, d) = (line!(local, 0), line!(local, 2), line!(local, 4), line!(local, 6));
            for number in 0..groups / 2 {
                let zero = with_zero(number, bit);
                if zero & controls != controls {
                    continue;
                }
                // SAFETY: both groups lie in the block.
                unsafe {
                    let one = zero | 1 << bit;
                    let (x, y) = (group::<T, V>(block, zero), group::<T, V>(block, one));
                    put(block, zero, (b.mul_add(y.0, a.mul(x.0)), b.mul_add(y.1, a.mul(x.1))));
                    put(block, one, (d.mul_add(y.0, c.mul(x.0)), d.mul_add(y.1, c.mul(x.1))));
                }
            }
        }
        Form::Pair { bit } => {
            let (a, b) = ((line!(local, 0), line!(local, 1)), (line!(local, 2), line!(local, 3)));
            let (c, d) = ((line!(local, 4), line!(local, 5)), (line!(local, 6), line!(local, 7)));
            for number in 0..groups / 2 {
                let zero = with_zero(number, bit);
                if zero & controls != controls {
                    continue;
                }
                // SAFETY: both groups lie in the block.
                unsafe {
                    let one = zero | 1 << bit;
                    let (x, y) = (group::<T, V>(block, zero), group::<T, V>(block, one));
                    put(block, zero, both(a, x, b, y));
                    put(block, one, both(c, x, d, y));
                }
            }
        }
        Form::Lane => {
            let order = line!(local, 0);
            let (stays, moves) = ((line!(local, 1), line!(local, 2)), (line!(local, 3), line!(local, 4)));
            for number in 0..groups {
                if number & controls != controls {
                    continue;
                }
                // SAFETY: the group lies in the block.
                unsafe {
                    let x = group::<T, V>(block, number);
                    let moved = (x.0.permute(order), x.1.permute(order));
                    put(block, number, both(stays, x, moves, moved));
                }
            }
        }
        Form::Diagonal { parity } => {
            let even = (line!(local, 0), line!(local, 1));
            let uneven = (line!(local, 2), line!(local, 3));
            for number in 0..groups {
                if number & controls != controls {
                    continue;
                }
                let is_odd = ((number & parity).count_ones() & 1 == 1) != odd;
                // SAFETY: the group lies in the block.
                unsafe {
                    let x = group::<T, V>(block, number);
                    put(block, number, times(if is_odd { uneven } else { even }, x));
                }
            }
        }
    }
}

/// Puts into `sums` what a gate's derivatives need of a block whose lower half is ψ and whose upper half is λ, with
/// S(r, c) = Σ conj(λ_r)·ψ_c over the groups where the controls hold, lane by lane: for a pair Im S(0,0), Im S(1,1),
/// Re S(0,1) − Re S(1,0) and Im S(0,1) + Im S(1,0); for a lane the imaginary part of what stays and both parts of what
/// moves; for a diagonal Im S of either parity.
///
/// # Safety
/// As [`turn`], with twice `groups` lane groups behind `block`.
#[inline(always)]
pub(super) unsafe fn overlap<T: Real, V: Wide<T>>(
    block: *const T,
    groups: usize,
    local: &Local<T>,
    odd: bool,
    sums: &mut Sums<T>,
) {
    let controls = local.controls;
    let zero = V::splat(T::default());
    let (mut first, mut second, mut third, mut fourth) = (zero, zero, zero, zero);
    match local.form {
        Form::Pair { bit } => {
            for number in 0..groups / 2 {
                let low = with_zero(number, bit);
                if low & controls != controls {
                    continue;
                }
                // SAFETY: all four groups lie in the block.
                unsafe {
                    let high = low | 1 << bit;
                    let (x, y) = (group::<T, V>(block, low), group::<T, V>(block, high));
                    let (u, v) = (group::<T, V>(block, groups + low), group::<T, V>(block, groups + high));
                    first = add_imaginary(first, u, x);
                    second = add_imaginary(second, v, y);
                    third = u.1.mul_add(y.1, u.0.mul_add(y.0, third));
                    third = v.1.neg_mul_add(x.1, v.0.neg_mul_add(x.0, third));
                    fourth = add_imaginary(add_imaginary(fourth, u, y), v, x);
                }
            }
        }
        Form::Lane => {
            let order = line!(local, 0);
            for number in 0..groups {
                if number & controls != controls {
                    continue;
                }
                // SAFETY: both groups lie in the block.
                unsafe {
                    let (x, u) = (group::<T, V>(block, number), group::<T, V>(block, groups + number));
                    let moved = (x.0.permute(order), x.1.permute(order));
                    first = add_imaginary(first, u, x);
                    second = u.1.mul_add(moved.1, u.0.mul_add(moved.0, second));
                    third = add_imaginary(third, u, moved);
                }
            }
        }
        Form::Diagonal { parity } => {
            for number in 0..groups {
                if number & controls != controls {
                    continue;
                }
                let is_odd = ((number & parity).count_ones() & 1 == 1) != odd;
                // SAFETY: both groups lie in the block.
                unsafe {
                    let (x, u) = (group::<T, V>(block, number), group::<T, V>(block, groups + number));
                    if is_odd {
                        second = add_imaginary(second, u, x);
                    } else {
                        first = add_imaginary(first, u, x);
                    }
                }
            }
        }
    }
    let to: *mut T = sums.as_mut_ptr().cast();
    // SAFETY: four lines of 64 bytes.
    unsafe {
        first.store(to);
        second.store(to.add(T::LANES));
        third.store(to.add(2 * T::LANES));
        fourth.store(to.add(3 * T::LANES));
    }
}
