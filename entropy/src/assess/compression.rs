//! The compression estimate (SP 800-90B §6.3.4), after Maurer's universal statistic over blocks of six bits.

use super::frequency::{Z, bits_of};

/// Bits of a block.
const BLOCK: usize = 6;

/// Different blocks.
const BLOCKS: f64 = 64.0;

/// Blocks that fill the dictionary before the measurement begins.
const FILL: usize = 1000;

/// The factor that corrects the standard deviation of the standard's step 6 for blocks of six bits.
const CORRECTION: f64 = 0.5907;

/// A sum that keeps what rounding loses, after Kahan.
#[derive(Clone, Copy, Default)]
struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        let term = term - self.lost;
        let total = self.total + term;
        self.lost = (total - self.total) - term;
        self.total = total;
    }
}

/// The expected statistic for blocks of which one has a given probability; `logs[i]` is log2(i).
struct Expectation<'a> {
    logs: &'a [f64],
    blocks: usize,
}

impl Expectation<'_> {
    /// G(z) of step 7. The double sum is taken by diagonals, so that it costs one pass.
    fn g(&self, z: f64) -> f64 {
        let keep = 1.0 - z;
        let mut power = keep;
        let mut head = Sum::default();
        for log in self.logs.iter().take(FILL + 1).skip(2) {
            head.add(log * power);
            power *= keep;
        }
        let (mut all, mut diagonals) = (head, Sum::default());
        let mut ended = true;
        for (i, log) in self.logs.iter().enumerate().take(self.blocks).skip(FILL + 1) {
            let term = log * power;
            let scaled = (self.blocks - i) as f64 * term;
            all.add(term);
            diagonals.add(scaled);
            // The terms fall geometrically from here on, and what is left can no longer be seen.
            if scaled <= diagonals.total * 1e-25 {
                ended = false;
                break;
            }
            power *= keep;
        }
        let measured = (self.blocks - FILL) as f64;
        diagonals.add(measured * head.total);
        if ended && let Some(log) = self.logs.get(self.blocks) {
            all.add(log * power);
        }
        z / measured * (z * diagonals.total + (all.total - head.total))
    }

    /// The expectation when one block has probability `p` and the others share the rest.
    fn at(&self, p: f64) -> f64 {
        self.g(p) + (BLOCKS - 1.0) * self.g((1.0 - p) / (BLOCKS - 1.0))
    }
}

/// §6.3.4, for bits; `None` when no block is left to be measured.
pub(super) fn compression(bits: &[u8]) -> Option<f64> {
    let blocks = bits.len() / BLOCK;
    // Two at least: the standard deviation divides by one less.
    if blocks < FILL + 2 {
        return None;
    }
    let logs: Vec<f64> = (0..=blocks).map(|i| (i as f64).log2()).collect();
    let mut last = [0usize; 1 << BLOCK];
    let (mut sum, mut squares) = (Sum::default(), Sum::default());
    for (i, block) in bits.chunks_exact(BLOCK).enumerate() {
        let seen = &mut last[block.iter().fold(0, |value, bit| value << 1 | usize::from(*bit & 1))];
        if i >= FILL
            && let Some(log) = logs.get(i + 1 - *seen)
        {
            sum.add(*log);
            squares.add(log * log);
        }
        *seen = i + 1;
    }
    let measured = (blocks - FILL) as f64;
    let mean = sum.total / measured;
    let deviation = CORRECTION * (squares.total / (measured - 1.0) - mean * mean).max(0.0).sqrt();
    let bound = mean - Z * deviation / measured.sqrt();
    let expectation = Expectation { logs: &logs, blocks };
    let (mut low, mut high) = (1.0 / BLOCKS, 1.0);
    if expectation.at(low) <= bound {
        return Some(1.0);
    }
    // The expectation falls as p grows; halve until the interval has no inner point.
    loop {
        let p = (low + high) / 2.0;
        if p <= low || p >= high {
            return Some(bits_of(high) / BLOCK as f64);
        }
        if expectation.at(p) > bound { low = p } else { high = p }
    }
}
