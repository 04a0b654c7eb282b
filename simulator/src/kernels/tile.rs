//! One walk over a block: eight groups at a time are held close while all operations of the sweep are done to them.

use super::apply::apply;
use super::matrix::{Constants, Pair};
use super::ops::{Line, Sweep};
use super::simd::Simd;
use crate::real::Real;

/// Eight lane groups, wherever they are during a sweep.
pub(super) trait Tile<T: Real, V: Simd<T>> {
    /// # Safety
    /// `group` is below 8, `part` below `V::PARTS`.
    unsafe fn get(&self, group: usize, part: usize) -> Pair<V>;

    /// # Safety
    /// As [`get`](Self::get).
    unsafe fn put(&mut self, group: usize, part: usize, value: Pair<V>);
}

/// A tile in registers.
struct Held<V> {
    re: [V; 8],
    im: [V; 8],
}

impl<T: Real, V: Simd<T>> Tile<T, V> for Held<V> {
    #[inline(always)]
    unsafe fn get(&self, group: usize, _: usize) -> Pair<V> {
        (self.re[group], self.im[group])
    }

    #[inline(always)]
    unsafe fn put(&mut self, group: usize, _: usize, value: Pair<V>) {
        (self.re[group], self.im[group]) = value;
    }
}

/// A tile where it lies in the block.
struct Lying<T> {
    start: *mut T,
    offsets: [usize; 8],
}

impl<T: Real, V: Simd<T>> Tile<T, V> for Lying<T> {
    #[inline(always)]
    unsafe fn get(&self, group: usize, part: usize) -> Pair<V> {
        // SAFETY: `sweep` made the offsets of groups inside its block.
        unsafe {
            let at = self.start.add(self.offsets[group & 7] + part * V::WIDTH);
            (V::load(at), V::load(at.add(T::LANES)))
        }
    }

    #[inline(always)]
    unsafe fn put(&mut self, group: usize, part: usize, (re, im): Pair<V>) {
        // SAFETY: as above.
        unsafe {
            let at = self.start.add(self.offsets[group & 7] + part * V::WIDTH);
            re.store(at);
            im.store(at.add(T::LANES));
        }
    }
}

/// Does `$body` for each group, by literal numbers, so that what is held stays in registers.
macro_rules! eight {
    ($group:ident, $body:block) => { eight!(@ $group, $body, 0 1 2 3 4 5 6 7) };
    (@ $group:ident, $body:block, $($value:literal)*) => { $({ let $group: usize = $value; $body })* };
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
    let constants = Constants::<T, V>::new(lines);
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
        let mut lying = Lying { start, offsets };
        let mut left = sweep.ops.iter().filter(|op| op.inner.holds(base as u64)).peekable();
        while let Some(op) = left.peek() {
            if !V::HELD || op.kind.is_heavy() {
                let kind = op.kind;
                left.next();
                // SAFETY: the caller vouches for the lines.
                unsafe {
                    if V::HELD {
                        apply::<T, V, _, false, true>(kind, constants, &mut lying);
                    } else {
                        apply::<T, V, _, true, true>(kind, constants, &mut lying);
                    }
                }
                continue;
            }
            // Matrices need the registers that a tile would stay in; what is between them is done to a held one.
            let mut held = Held { re: [V::splat(T::default()); 8], im: [V::splat(T::default()); 8] };
            eight!(g, {
                // SAFETY: as above.
                (held.re[g], held.im[g]) = unsafe { Tile::<T, V>::get(&lying, g, 0) };
            });
            while let Some(op) = left.next_if(|op| !op.kind.is_heavy()) {
                // SAFETY: as above.
                unsafe { apply::<T, V, _, true, false>(op.kind, constants, &mut held) };
            }
            eight!(g, {
                // SAFETY: as above.
                unsafe { lying.put(g, 0, (held.re[g], held.im[g])) };
            });
        }
    }
}
