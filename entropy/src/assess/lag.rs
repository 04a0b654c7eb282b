//! Prediction by the symbol some places back (SP 800-90B §6.3.8).

use super::prediction::Score;

/// Lags that compete: 1 to 128 symbols back. A lag is kept as its distance less one.
const LAGS: usize = 128;

/// Symbols that are scored at a time.
const BLOCK: usize = 64;

/// Positions at which two blocks of [`BLOCK`] symbols agree, counted eight at a time.
fn agreements(a: &[u8], b: &[u8]) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut lanes = 0u64;
    for (a, b) in a.iter().zip(b) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        // The top bit of a byte of `equal` is set where the byte of `differ` is zero.
        let equal = !(((differ & LOW) + LOW) | differ | LOW);
        lanes += equal >> 7;
    }
    // A lane holds at most BLOCK / 8, so all of them together still fit one lane.
    let rest = a_rest.iter().zip(b_rest).filter(|(a, b)| a == b).count() as u32;
    (lanes.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32 + rest
}

/// §6.3.8. Of 128 lags only those that can reach the best score within a block are followed symbol by symbol; the
/// others cannot take the lead there, and their right guesses are counted all at once.
pub(super) fn lag(symbols: &[u8], alphabet: usize) -> f64 {
    let mut scores = [0u32; LAGS];
    let (mut leader, mut best) = (0usize, 0u32);
    let mut score = Score::default();
    let mut contenders = Vec::with_capacity(LAGS);
    let mut start = 1;
    while start < symbols.len() {
        let end = symbols.len().min(start + BLOCK);
        contenders.clear();
        for (lag, score) in scores.iter_mut().enumerate() {
            // At the very beginning a lag reaches back before the first symbol, and makes no guess.
            let from = start.max(lag + 1);
            if from >= end {
                continue;
            }
            let right = match (symbols.get(from..end), symbols.get(from - 1 - lag..end - 1 - lag)) {
                (Some(now), Some(then)) => agreements(now, then),
                _ => 0,
            };
            if *score + right >= best {
                contenders.push(lag);
            } else {
                *score += right;
            }
        }
        for at in start..end {
            let symbol = symbols[at];
            score.add(symbols[at - 1 - leader] == symbol);
            for &lag in &contenders {
                if lag < at && symbols[at - 1 - lag] == symbol {
                    scores[lag] += 1;
                    if scores[lag] >= best {
                        best = scores[lag];
                        leader = lag;
                    }
                }
            }
        }
        start = end;
    }
    score.estimate(symbols.len() - 1, alphabet)
}
