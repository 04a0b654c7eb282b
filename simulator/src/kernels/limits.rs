//! Loops that do nothing but what the processor can do at most: multiply-adds in registers, and walks over memory.

use std::hint::black_box;

use super::wide::Wide;
use crate::real::Real;

/// Chains of multiply-adds that run side by side: more than a processor has in flight.
const CHAINS: usize = 8;

/// Does `rounds` multiply-adds on each of [`CHAINS`] vectors and returns how many operations on numbers that were: two
/// for each lane.
///
/// # Safety
/// The processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn multiply_adds<T: Real, V: Wide<T>>(rounds: usize, out: &mut T) -> f64 {
    // Not to be known while compiling: 1 · 0.999 + 0.001 is 1, and a loop that changes nothing is left out.
    let [one, factor, more] = black_box([1.0, 0.999, 1e-3]).map(T::from_f64);
    let mut chains = [V::splat(one); CHAINS];
    let (factor, more) = (V::splat(factor), V::splat(more));
    for _ in 0..rounds {
        for chain in &mut chains {
            *chain = chain.mul_add(factor, more);
        }
    }
    let [first, rest @ ..] = chains;
    let sum = rest.into_iter().fold(first, |sum, chain| sum.add(chain));
    let mut lanes = T::lanes(|_| T::default());
    // SAFETY: all lanes are 64 bytes.
    unsafe { sum.store(lanes.as_mut().as_mut_ptr()) };
    *out = lanes.as_ref().iter().fold(T::default(), |sum, &lane| sum + lane);
    2.0 * (rounds * CHAINS * T::LANES) as f64
}

/// Multiplies and adds to every one of `groups` lane groups in place: what the cheapest gate does to a state.
///
/// # Safety
/// As many groups must be behind `cells`; the processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn in_place<T: Real, V: Wide<T>>(cells: *mut T, groups: usize) {
    let (factor, more) = (V::splat(T::from_f64(0.999)), V::splat(T::from_f64(1e-3)));
    for vector in 0..2 * groups {
        // SAFETY: the vector lies in the groups.
        unsafe {
            let at = cells.add(vector * T::LANES);
            V::load(at).mul_add(factor, more).store(at);
        }
    }
}
