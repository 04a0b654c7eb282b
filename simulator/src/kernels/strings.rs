//! Sums over a state that expectation values of Pauli strings are made of, for all strings that flip the same bits.

use super::ops::Line;
use super::wide::Wide;
use crate::real::Real;

/// Bits of a group's number inside a run.
pub(crate) const RUN_GROUP_BITS: u32 = 3;
/// Lane groups that are summed up together.
const RUN_GROUPS: usize = 1 << RUN_GROUP_BITS;

/// What distinguishes one string among those that flip the same bits: where it has Z or Y.
#[derive(Clone, Debug)]
pub(crate) struct Signs<T: Real> {
    /// Address bits above a run.
    pub(crate) high: u64,
    /// Bits of a group's number inside a run.
    pub(crate) groups: usize,
    /// +1 or −1 for each lane, and the same negated.
    pub(crate) lanes: [Line<T>; 2],
}

/// Strings that flip the same bits and have the same kind of factor.
#[derive(Clone, Debug)]
pub(crate) struct Strings<T: Real> {
    /// Lanes that are flipped, as a permutation; `None` for none.
    pub(crate) order: Option<Line<T>>,
    /// Bits of a group's number inside a run that are flipped.
    pub(crate) groups: usize,
    /// Bits of a run's number inside a chunk that are flipped.
    pub(crate) runs: usize,
    /// Whether each run meets its partner inside the chunk, so that one of the two is enough.
    pub(crate) halve: bool,
    /// Whether the imaginary part of conj(ψ[a ⊕ x])·ψ[a] counts instead of the real one.
    pub(crate) imaginary: bool,
    pub(crate) strings: Vec<Signs<T>>,
}

/// −1 for an odd number of ones, as the number of a line of [`Signs`].
#[inline(always)]
fn odd(bits: u64) -> usize {
    bits.count_ones() as usize & 1
}

/// Puts into `sums`, lane by lane, Σ (−1)^{|a & z|}·part of conj(partner)·own for each string over a chunk of `runs` runs
/// whose first amplitude is number `address` of the state.
///
/// # Safety
/// Both chunks must have that many runs, a power of two above the flipped bits; `sums` a line for each string; the
/// processor must have the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn strings<T: Real, V: Wide<T>>(
    own: *const T,
    partner: *const T,
    runs: usize,
    address: u64,
    spec: &Strings<T>,
    sums: *mut Line<T>,
) {
    let zero = V::splat(T::default());
    for number in 0..spec.strings.len() {
        // SAFETY: a line for each string.
        unsafe { zero.store(sums.add(number).cast()) };
    }
    let run_bits = T::LANE_BITS + RUN_GROUP_BITS;
    for run in 0..runs {
        let other = run ^ spec.runs;
        if spec.halve && other < run {
            continue;
        }
        let mut products = [zero; RUN_GROUPS];
        for (group, product) in products.iter_mut().enumerate() {
            // SAFETY: both groups lie in their runs, the runs in their chunks, and a line has 64 bytes.
            unsafe {
                let a = own.add((run * RUN_GROUPS + group) * 2 * T::LANES);
                let b = partner.add((other * RUN_GROUPS + (group ^ spec.groups)) * 2 * T::LANES);
                let (re, im) = (V::load(a), V::load(a.add(T::LANES)));
                let (mut pre, mut pim) = (V::load(b), V::load(b.add(T::LANES)));
                if let Some(order) = &spec.order {
                    let order = V::load(std::ptr::from_ref(order).cast());
                    (pre, pim) = (pre.permute(order), pim.permute(order));
                }
                *product = if spec.imaginary {
                    pim.neg_mul_add(re, pre.mul(im))
                } else {
                    pim.mul_add(im, pre.mul(re))
                };
            }
        }
        // The Walsh–Hadamard transform: entry z is the sum with the signs of z, for all Z-masks inside a run at once.
        for half in [1, 2, 4] {
            for first in 0..RUN_GROUPS {
                if first & half == 0 {
                    let (x, y) = (products[first], products[first | half]);
                    products[first] = x.add(y);
                    products[first | half] = x.sub(y);
                }
            }
        }
        let here = address | (run as u64) << run_bits;
        for (number, signs) in spec.strings.iter().enumerate() {
            // SAFETY: a line for each string; lines have 64 bytes.
            unsafe {
                let line: *mut T = sums.add(number).cast();
                let sign = V::load(std::ptr::from_ref(&signs.lanes[odd(here & signs.high)]).cast());
                sign.mul_add(products[signs.groups & (RUN_GROUPS - 1)], V::load(line)).store(line);
            }
        }
    }
}
