//! The Markov estimate (SP 800-90B §6.3.3): the likeliest 128 bits of a first-order Markov chain.

/// Bits of the paths that are compared.
const PATH: f64 = 128.0;

/// §6.3.3, for bits.
pub(super) fn markov(bits: &[u8]) -> f64 {
    // from[a][b]: how often b follows a.
    let mut from = [[0u64; 2]; 2];
    for pair in bits.windows(2) {
        if let [a, b] = pair {
            from[usize::from(*a & 1)][usize::from(*b & 1)] += 1;
        }
    }
    let ones = bits.iter().filter(|bit| **bit & 1 == 1).count() as f64;
    let first = [1.0 - ones / bits.len() as f64, ones / bits.len() as f64];
    let after = from.map(|[zero, one]| {
        let all = (zero + one).max(1) as f64;
        [zero as f64 / all, one as f64 / all]
    });
    // Only six paths can be the likeliest: each is a first bit and so many of each transition.
    let paths: [(usize, [[f64; 2]; 2]); 6] = [
        (0, [[127.0, 0.0], [0.0, 0.0]]),
        (0, [[0.0, 64.0], [63.0, 0.0]]),
        (0, [[0.0, 1.0], [0.0, 126.0]]),
        (1, [[126.0, 0.0], [1.0, 0.0]]),
        (1, [[0.0, 63.0], [64.0, 0.0]]),
        (1, [[0.0, 0.0], [0.0, 127.0]]),
    ];
    let least = paths.into_iter().fold(PATH, |least, (start, steps)| {
        let mut path = -first[start].log2();
        for (steps, after) in steps.iter().flatten().zip(after.iter().flatten()) {
            if *steps > 0.0 {
                path -= steps * after.log2();
            }
        }
        // A path with a step that never occurs is infinitely long in bits, and so never the least.
        least.min(path)
    });
    (least / PATH).max(0.0)
}
