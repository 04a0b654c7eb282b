//! The Cantor basis and what the transform multiplies by.

use std::sync::OnceLock;

use super::field::multiply;

/// Bits of an index that the first table resolves; the second holds the rest.
const SPLIT: u32 = 8;

/// Vectors of the basis that are kept: transforms of up to 2^32 elements.
const BASIS: usize = 32;

/// Multipliers of a transform: φ(2i) = Σ i_k v_{k+1} for block `i` of a layer, and φ(4i), each as a sum from two short tables.
pub(crate) struct Twiddles {
    low: [[u64; 1 << SPLIT]; 2],
    high: [Vec<u64>; 2],
}

impl Twiddles {
    /// For transforms of up to `most` elements.
    pub(crate) fn new(most: usize) -> Self {
        let basis = basis();
        let combination = |index: usize, shift: usize| {
            let set = (0..BASIS - shift).filter(|bit| index >> bit & 1 == 1);
            set.fold(0, |sum, bit| sum ^ basis[bit + shift])
        };
        let high = (most >> 1 >> SPLIT).max(1);
        Self {
            low: [1, 2].map(|shift| std::array::from_fn(|index| combination(index, shift))),
            high: [1, 2].map(|shift| (0..high).map(|index| combination(index << SPLIT, shift)).collect()),
        }
    }

    /// The longest transform these multipliers serve.
    pub(super) fn most(&self) -> usize {
        self.high[0].len() << SPLIT << 1
    }

    /// φ(2i), what block `index` of a layer is multiplied by.
    #[inline]
    pub(super) fn of_block(&self, index: usize) -> u64 {
        self.low[0][index & ((1 << SPLIT) - 1)] ^ self.high[0][index >> SPLIT]
    }

    /// Four multipliers φ(2i) or, with `table` 1, φ(4i), for `index` and the next three; `index` is a multiple of four.
    #[inline]
    pub(super) fn four(&self, table: usize, index: usize) -> ([u64; 4], u64) {
        let at = index & ((1 << SPLIT) - 4);
        let low = &self.low[table];
        ([low[at], low[at + 1], low[at + 2], low[at + 3]], self.high[table][index >> SPLIT])
    }

    /// v₁ = φ(2): how the multipliers of neighbours in the last layer differ.
    pub(super) fn step(&self) -> u64 {
        self.low[0][1]
    }
}

/// v₀, v₁, …: each solves y² + y = its predecessor.
pub(super) fn basis() -> &'static [u64; BASIS] {
    static BASIS_VECTORS: OnceLock<[u64; BASIS]> = OnceLock::new();
    BASIS_VECTORS.get_or_init(|| {
        // Gauss–Jordan elimination of y ↦ y² + y: rows of (image, preimage) with distinct leading bits.
        let mut rows: Vec<(u64, u64)> = Vec::new();
        for bit in 0..64 {
            let y = 1u64 << bit;
            let mut row = (multiply(y, y) ^ y, y);
            for have in &rows {
                if row.0 ^ have.0 < row.0 {
                    row = (row.0 ^ have.0, row.1 ^ have.1);
                }
            }
            if row.0 != 0 {
                rows.push(row);
                rows.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
        let solve = |target: u64| {
            let mut rest = (target, 0);
            for have in &rows {
                if rest.0 ^ have.0 < rest.0 {
                    rest = (rest.0 ^ have.0, rest.1 ^ have.1);
                }
            }
            rest.1
        };
        let mut vectors = [1; BASIS];
        for index in 1..BASIS {
            vectors[index] = solve(vectors[index - 1]);
        }
        vectors
    })
}
