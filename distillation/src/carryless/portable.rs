//! The transforms in portable instructions: the yardstick of the others.

use super::basis::{Direction, convert};
use super::field::multiply;
use super::{Kernels, Twiddles};

pub(super) static KERNELS: Kernels =
    Kernels { name: "portable", forward, transposed_inverse, transposed, add_products };

/// Calls `step` for the two elements of every step of every layer, with what they are multiplied by.
fn each(data: &mut [u64], twiddles: &Twiddles, rising: bool, step: impl Fn(&mut u64, &mut u64, u64)) {
    let layers = data.len().ilog2();
    let mut layer = |bit: u32| {
        for (index, block) in data.chunks_exact_mut(2 << bit).enumerate() {
            let by = twiddles.of_block(index);
            let (low, high) = block.split_at_mut(1 << bit);
            low.iter_mut().zip(high).for_each(|(a, b)| step(a, b, by));
        }
    };
    if rising { (0..layers).for_each(&mut layer) } else { (0..layers).rev().for_each(&mut layer) }
}

fn forward(data: &mut [u64], twiddles: &Twiddles) {
    convert(data, Direction::Forward);
    each(data, twiddles, false, |a, b, by| {
        *a ^= multiply(*b, by);
        *b ^= *a;
    });
}

fn transposed_inverse(data: &mut [u64], twiddles: &Twiddles) {
    convert(data, Direction::TransposedInverse);
    each(data, twiddles, false, |a, b, by| {
        *b ^= multiply(*a, by);
        *a ^= *b;
    });
}

fn transposed(data: &mut [u64], twiddles: &Twiddles) {
    each(data, twiddles, true, |a, b, by| {
        *a ^= *b;
        *b ^= multiply(*a, by);
    });
    convert(data, Direction::Transposed);
}

fn add_products(sum: &mut [u64], a: &[u64], b: &[u64]) {
    sum.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum ^= multiply(*a, *b));
}
