//! The Toeplitz extractor against products that others made: SciPy and NumPy (`data/toeplitz.py`), and with the highest bits first.

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

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The first `bits` bits of `bytes`, whose highest bits come first, in our order.
fn lowest_first(bytes: &[u8], bits: usize) -> Vec<u8> {
    let mut turned: Vec<u8> = bytes.iter().map(|byte| byte.reverse_bits()).collect();
    if !bits.is_multiple_of(8) {
        *turned.last_mut().unwrap() &= (1 << (bits % 8)) - 1;
    }
    turned
}

#[test]
fn products_of_other_bit_orders_are_ours_turned_round() {
    let mut cases = 0;
    for line in include_str!("data/toeplitz_msb.txt").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let (n, m): (usize, usize) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
        let seed = lowest_first(&bytes(fields[3]), n + m - 1);
        let mut out = vec![0xEE; m.div_ceil(8)];
        let matrix = Toeplitz::new(n, m, &seed).unwrap();
        matrix.extract(&lowest_first(&bytes(fields[2]), n), &mut out).unwrap();
        assert_eq!(hex(&lowest_first(&out, out.len() * 8)), fields[4], "{n} -> {m}");
        cases += 1;
    }
    assert_eq!(cases, 2);
}
