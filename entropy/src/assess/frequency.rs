//! The most common value estimate (SP 800-90B §6.3.1) and the bound that other estimates share with it.

/// The 99.5 % point of the normal distribution: the upper end of a 99 % confidence interval.
pub(super) const Z: f64 = 2.575_829_303_548_901;

/// The upper end of the 99 % confidence interval of a proportion `p` seen in `n` trials.
pub(super) fn upper_bound(p: f64, n: usize) -> f64 {
    (p + Z * (p * (1.0 - p) / (n as f64 - 1.0)).sqrt()).min(1.0)
}

/// Min-entropy, in bits, when the likeliest outcome has probability `p`. Never −0.
pub(super) fn bits_of(p: f64) -> f64 {
    0.0 - p.log2()
}

/// Occurrences of each symbol.
pub(super) fn counts(symbols: &[u8]) -> [usize; 256] {
    let mut counts = [0; 256];
    for &symbol in symbols {
        counts[usize::from(symbol)] += 1;
    }
    counts
}

/// §6.3.1.
pub(super) fn most_common_value(symbols: &[u8]) -> f64 {
    let most = counts(symbols).into_iter().fold(0, usize::max);
    bits_of(upper_bound(most as f64 / symbols.len() as f64, symbols.len()))
}
