//! GF(2^64) in portable instructions, in constant time.

/// The low half of a product of polynomials over GF(2): integer products of numbers with three zeros between their digits, so
/// that no carry reaches the next digit (T. Pornin's method for GHASH in BearSSL).
fn low_product(a: u64, b: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;
    let digits = |x: u64| [0, 1, 2, 3].map(|shift| x & (EVERY_FOURTH << shift));
    let (a, b) = (digits(a), digits(b));
    let mut product = 0;
    for sum in 0..4 {
        let part = (0..4).fold(0, |part, i| part ^ a[i].wrapping_mul(b[(4 + sum - i) % 4]));
        product |= part & (EVERY_FOURTH << sum);
    }
    product
}

/// The product of two polynomials of degree below 64: low and high half.
pub(super) fn product(a: u64, b: u64) -> (u64, u64) {
    // The high half is the low half of the mirror images, mirrored.
    (low_product(a, b), low_product(a.reverse_bits(), b.reverse_bits()).reverse_bits() >> 1)
}

/// The remainder of `high · z^64 + low` modulo z^64 + z^4 + z^3 + z + 1.
pub(super) fn reduce(low: u64, high: u64) -> u64 {
    let folded = high ^ high >> 63 ^ high >> 61 ^ high >> 60;
    low ^ folded ^ folded << 1 ^ folded << 3 ^ folded << 4
}

/// The product in the field.
pub(super) fn multiply(a: u64, b: u64) -> u64 {
    let (low, high) = product(a, b);
    reduce(low, high)
}
