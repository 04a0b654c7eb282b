//! The collision estimate (SP 800-90B §6.3.2): how soon a bit repeats one of those just seen.

use super::frequency::{Z, bits_of};

/// §6.3.2, for bits. With two symbols a collision comes after two or three bits, and the expectation of the standard
/// becomes 2 + 2p − 2p², so that p is the root of a quadratic equation.
pub(super) fn collision(bits: &[u8]) -> Option<f64> {
    let (mut twos, mut threes) = (0u64, 0u64);
    let mut rest = bits;
    loop {
        rest = match rest {
            [a, b, later @ ..] if a == b => {
                twos += 1;
                later
            }
            [_, _, _, later @ ..] => {
                threes += 1;
                later
            }
            _ => break,
        };
    }
    let v = (twos + threes) as f64;
    if v < 2.0 {
        return None;
    }
    let sum = (2 * twos + 3 * threes) as f64;
    let squares = (4 * twos + 9 * threes) as f64;
    let mean = sum / v;
    let deviation = ((squares - sum * mean).max(0.0) / (v - 1.0)).sqrt();
    let bound = (mean - Z * deviation / v.sqrt()).max(2.0);
    Some(if bound < 2.5 { bits_of(0.5 + (1.25 - 0.5 * bound).sqrt()) } else { 1.0 })
}
