//! One walk over a block that multiplies every amplitude by its own phase: a diagonal layer.

use super::simd::Simd;
use crate::real::Real;

/// The most bits of a block above the table.
pub(crate) const MAX_HIGH_BITS: usize = 32;

/// What a bit above the table does where it is 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HighBit<T> {
    /// Which bit of an amplitude's number inside the block.
    pub(crate) bit: u32,
    /// A factor for every table entry, in lane groups; `None` for ones.
    pub(crate) table: Option<Vec<T>>,
    /// A factor for each earlier bit of the list that is 1 as well.
    pub(crate) pairs: Vec<(usize, [T; 2])>,
}

/// A diagonal layer in one block: amplitude (high, low) is multiplied by a factor that is built up from the high bits.
pub(crate) struct Layer<'a, T> {
    /// The factors where all high bits are 0, in lane groups; `None` for ones.
    pub(crate) low: Option<&'a [T]>,
    /// All bits above the table, those first that others depend on most.
    pub(crate) high: &'a [HighBit<T>],
    /// The factor of each high bit alone in this block.
    pub(crate) single: &'a [[T; 2]],
    /// One table for each high bit and one more, to work in.
    pub(crate) scratch: &'a mut [T],
    /// Numbers of a table: two for each of its amplitudes.
    pub(crate) length: usize,
}

/// `value · factor`.
#[inline(always)]
fn times<T: Real, V: Simd<T>>(value: (V, V), factor: (V, V)) -> (V, V) {
    let re = factor.1.neg_mul_add(value.1, factor.0.mul(value.0));
    (re, factor.1.mul_add(value.0, factor.0.mul(value.1)))
}

/// Where the registers of `length` numbers begin whose real parts are followed by imaginary ones.
#[inline(always)]
fn starts<T: Real, V: Simd<T>>(length: usize) -> impl Iterator<Item = usize> {
    (0..length / 2 / V::WIDTH).map(|number| {
        let (group, part) = (number / V::PARTS, number % V::PARTS);
        2 * T::LANES * group + V::WIDTH * part
    })
}

/// `to = a · b · scalar`, element by element.
#[inline(always)]
unsafe fn multiply<T: Real, V: Simd<T>>(
    to: *mut T,
    (a, b): (*const T, Option<*const T>),
    scalar: Option<[T; 2]>,
    length: usize,
) {
    #[expect(clippy::manual_map, reason = "a closure would be compiled without the vector instructions")]
    let scalar = match scalar {
        Some([re, im]) => Some((V::splat(re), V::splat(im))),
        None => None,
    };
    for at in starts::<T, V>(length) {
        // SAFETY: the caller vouches for `length` numbers behind each pointer.
        unsafe {
            let mut value = (V::load(a.add(at)), V::load(a.add(at + T::LANES)));
            if let Some(b) = b {
                value = times(value, (V::load(b.add(at)), V::load(b.add(at + T::LANES))));
            }
            if let Some(scalar) = scalar {
                value = times(value, scalar);
            }
            value.0.store(to.add(at));
            value.1.store(to.add(at + T::LANES));
        }
    }
}

/// Multiplies every amplitude of a block by its factor.
///
/// # Safety
/// `block` must point to `length · 2^high.len()` numbers that are nobody else's; the high bits must be exactly those
/// above the table; all tables must be `length` long and `scratch` `(high.len() + 1) · length`; the processor must
/// have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn layer<T: Real, V: Simd<T>>(block: *mut T, layer: &mut Layer<'_, T>) {
    let one = [T::from_f64(1.0), T::default()];
    let count = layer.high.len().min(MAX_HIGH_BITS);
    let length = layer.length;
    let room = layer.scratch.as_mut_ptr();
    // Entry d is the table of the path whose last 1 is bit d; entry `count` is that of no 1 at all. `None`: all ones.
    let mut tables: [Option<*const T>; MAX_HIGH_BITS + 1] = [None; MAX_HIGH_BITS + 1];
    tables[count] = layer.low.map(<[T]>::as_ptr);
    for path in 0..1usize << count {
        let mut address = 0;
        for (depth, high) in layer.high.iter().enumerate() {
            address |= (path >> (count - 1 - depth) & 1) << high.bit;
        }
        let last = |path: usize| if path == 0 { count } else { count - 1 - path.trailing_zeros() as usize };
        let depth = last(path);
        if let Some(high) = layer.high.get(depth) {
            let parent = path & (path - 1);
            let before = tables[last(parent)];
            let mut scalar = layer.single.get(depth).copied().unwrap_or(one);
            for &(earlier, factor) in &high.pairs {
                if path >> (count - 1 - earlier) & 1 == 1 {
                    scalar = [
                        scalar[0] * factor[0] - scalar[1] * factor[1],
                        scalar[0] * factor[1] + scalar[1] * factor[0],
                    ];
                }
            }
            let scalar = (scalar != one).then_some(scalar);
            let own = high.table.as_ref().map(|table| table.as_ptr());
            // SAFETY: the caller vouches for the sizes; slot `depth` is below `count`.
            let slot = unsafe { room.add(depth * length) };
            tables[depth] = match (before, own, scalar) {
                (before, None, None) => before,
                (None, Some(own), None) => Some(own),
                (None, None, Some([re, im])) => {
                    let (re, im) = (V::splat(re), V::splat(im));
                    for at in starts::<T, V>(length) {
                        // SAFETY: as above.
                        unsafe {
                            re.store(slot.add(at));
                            im.store(slot.add(at + T::LANES));
                        }
                    }
                    Some(slot.cast_const())
                }
                (None, Some(own), scalar) => {
                    // SAFETY: as above.
                    unsafe { multiply::<T, V>(slot, (own, None), scalar, length) };
                    Some(slot.cast_const())
                }
                (Some(before), own, scalar) => {
                    // SAFETY: as above; the parent's slot is another one, since its last 1 is at a smaller depth.
                    unsafe { multiply::<T, V>(slot, (before, own), scalar, length) };
                    Some(slot.cast_const())
                }
            };
        }
        if let Some(table) = tables[depth] {
            // SAFETY: as above; amplitude `address` of the block begins a table's length of numbers.
            unsafe {
                let part = block.add(2 * address);
                multiply::<T, V>(part, (part.cast_const(), Some(table)), None, length);
            }
        }
    }
}
