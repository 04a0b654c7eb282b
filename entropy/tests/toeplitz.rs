//! The Toeplitz extractor against products that SciPy and NumPy made (`data/toeplitz.py`).

#![allow(clippy::unwrap_used, reason = "the normal way to fail in a test")]

use qhal_entropy::toeplitz::{Toeplitz, seed_bytes};
use sha2::{Digest, Sha256};

/// The first `bits` bits of SHA-256(label ‖ 0) ‖ SHA-256(label ‖ 1) ‖ …, counted in 32 bits, big-endian.
fn stream(label: &str, bits: usize) -> Vec<u8> {
    let count = bits.div_ceil(8);
    let blocks = (0u32..).flat_map(|at| Sha256::digest([label.as_bytes(), &at.to_be_bytes()].concat()));
    let mut bytes: Vec<u8> = blocks.take(count).collect();
    if !bits.is_multiple_of(8) {
        *bytes.last_mut().unwrap() &= (1 << (bits % 8)) - 1;
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn products_equal_those_of_scipy() {
    let mut cases = 0;
    for line in include_str!("data/toeplitz.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let (n, m): (usize, usize) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let seed = stream(&format!("seed {n} {m}"), n + m - 1);
        assert_eq!(seed.len(), seed_bytes(n, m));
        let mut out = vec![0xEE; m.div_ceil(8)];
        Toeplitz::new(n, m, &seed).unwrap().extract(&stream(&format!("input {n} {m}"), n), &mut out).unwrap();
        let found = match fields[2].starts_with("sha256:") {
            true => format!("sha256:{}", hex(&Sha256::digest(&out))),
            false => hex(&out),
        };
        assert_eq!(found, fields[2], "{n} -> {m}");
        cases += 1;
    }
    assert_eq!(cases, 16);
}
