//! From coefficients of powers to coefficients of products of subspace polynomials, and transposed: additions alone.
//!
//! With τ the largest power of two below the number of index bits, s_τ(x) = x^M + x for M = 2^τ, so the polynomial is first
//! expanded in powers of x^M + x; the expansion is then converted across its powers and within them.

/// Adds the elements `from..from + length` to those at `to`; the two must not overlap.
#[inline(always)]
fn add(data: &mut [u64], to: usize, from: usize, length: usize) {
    let (target, source) = if to < from {
        let (low, high) = data.split_at_mut(from);
        (&mut low[to..to + length], &high[..length])
    } else {
        let (low, high) = data.split_at_mut(to);
        (&mut high[..length], &low[from..from + length])
    };
    target.iter_mut().zip(source).for_each(|(to, from)| *to ^= from);
}

/// Which of the three related maps is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Powers to subspace products.
    Forward,
    /// The transpose of the forward map.
    Transposed,
    /// The transpose of the inverse of the forward map.
    TransposedInverse,
}

/// One step of the expansion, of a block that begins with `length` low and `length` high elements, with the powers `shift` apart.
#[inline(always)]
fn fold(block: &mut [u64], length: usize, shift: usize, direction: Direction) {
    match direction {
        Direction::Forward => {
            add(block, length, 2 * length - shift, shift);
            add(block, shift, length, length - shift);
        }
        Direction::Transposed => {
            add(block, length, shift, length - shift);
            add(block, 2 * length - shift, length, shift);
        }
        Direction::TransposedInverse => {
            add(block, 2 * length - shift, length, shift);
            add(block, length, shift, length - shift);
        }
    }
}

/// Converts `data`, `1 << bits` vectors of `width` elements, in place.
#[inline(always)]
pub(super) fn convert(data: &mut [u64], direction: Direction) {
    // An explicit list in place of recursion, so that all of it is compiled for the caller's instruction set.
    let mut steps = Vec::new();
    plan(data.len().ilog2(), 1, &mut steps);
    let one = |data: &mut [u64], step: &Step| {
        for block in data.chunks_exact_mut(2 * step.length) {
            fold(block, step.length, step.shift, direction);
        }
    };
    if direction == Direction::Transposed {
        steps.iter().rev().for_each(|step| one(data, step));
    } else {
        steps.iter().for_each(|step| one(data, step));
    }
}

/// One layer of additions over the whole array: blocks of `2 * length`, folded with `shift`.
struct Step {
    length: usize,
    shift: usize,
}

fn plan(bits: u32, width: usize, steps: &mut Vec<Step>) {
    if bits < 2 {
        return;
    }
    let tau = 1 << (bits - 1).ilog2();
    let inner = width << tau;
    for power in (0..bits - tau).rev() {
        steps.push(Step { length: inner << power, shift: width << power });
    }
    plan(bits - tau, inner, steps);
    plan(tau, width, steps);
}
