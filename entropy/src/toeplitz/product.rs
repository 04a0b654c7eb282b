//! Products of square Toeplitz tiles and vectors over GF(2), three half-size products in place of four.
//!
//! A tile of w × w bits needs 2w − 1 seed bits; here they are words v of 2w bits whose lowest bit is not used, so that
//! y = bits w to 2w − 1 of the carry-less product v·x. Cut in halves, with v read as three overlapping windows
//! v0, v1, v2 of w bits each,
//!
//! ```text
//!   y0 = (v0 + v1)·x1 + v1·(x0 + x1)        y1 = (v1 + v2)·x0 + v1·(x0 + x1)
//! ```
//!
//! (the two-way split of Fan and Hasan, IEEE Transactions on Computers 56 (2007) 224). The sums over v depend on the
//! seed alone and are made once.

use super::leaf::{Kernel, LEAF};

/// Bits of a word.
pub(super) const WORD_BITS: usize = u64::BITS as usize;

/// The most words of a side of a tile: beyond, the prepared seed (1.5 times as long for each halving, 280 kB a tile here)
/// leaves the second-level cache of many processors.
const MOST_SIDE: usize = 1024;

/// Words of a side of the tiles of a matrix with `outputs` rows.
pub(super) fn side(outputs: usize) -> usize {
    outputs.div_ceil(WORD_BITS).next_power_of_two().clamp(LEAF, MOST_SIDE)
}

/// One tile, its seed words cut and summed down to leaves.
pub(super) struct Tile {
    leaves: Vec<[u64; 2 * LEAF]>,
}

impl Tile {
    /// Prepares the seed words of a tile: twice as many as its side has, which is [`LEAF`] times a power of two.
    pub(super) fn prepare(words: &[u64]) -> Self {
        let mut leaves = Vec::new();
        split(words, &mut leaves);
        Self { leaves }
    }

    /// Adds the product with `x` to `y`, both as long as a side; `scratch` is twice as long.
    pub(super) fn multiply(&self, kernel: Kernel, x: &[u64], y: &mut [u64], scratch: &mut [u64]) {
        multiply(kernel, &self.leaves, x, y, scratch);
    }
}

fn split(words: &[u64], leaves: &mut Vec<[u64; 2 * LEAF]>) {
    if let Ok(leaf) = <[u64; 2 * LEAF]>::try_from(words) {
        leaves.push(leaf);
        return;
    }
    let quarter = words.len() / 4;
    let window = |at: usize| words.iter().skip(at * quarter).take(2 * quarter);
    let sum = |a: usize, b: usize| -> Vec<u64> { window(a).zip(window(b)).map(|(a, b)| a ^ b).collect() };
    split(&sum(0, 1), leaves);
    split(&sum(1, 2), leaves);
    split(&window(1).copied().collect::<Vec<_>>(), leaves);
}

fn multiply(kernel: Kernel, leaves: &[[u64; 2 * LEAF]], x: &[u64], y: &mut [u64], scratch: &mut [u64]) {
    if let [v] = leaves {
        if let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) {
            kernel.multiply(v, x, y);
        }
        return;
    }
    let third = leaves.len() / 3;
    let (a, rest) = leaves.split_at(third);
    let (b, c) = rest.split_at(third);
    let half = x.len() / 2;
    let (x0, x1) = x.split_at(half);
    let (y0, y1) = y.split_at_mut(half);
    multiply(kernel, a, x1, y0, scratch);
    multiply(kernel, b, x0, y1, scratch);
    let (sum, rest) = scratch.split_at_mut(half);
    let (product, rest) = rest.split_at_mut(half);
    for ((sum, a), b) in sum.iter_mut().zip(x0).zip(x1) {
        *sum = a ^ b;
    }
    product.fill(0);
    multiply(kernel, c, sum, product, rest);
    for ((y0, y1), product) in y0.iter_mut().zip(y1).zip(product.iter()) {
        *y0 ^= product;
        *y1 ^= product;
    }
}
