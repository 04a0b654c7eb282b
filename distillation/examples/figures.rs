//! Prints the figures of the crate's README: efficiency, failures and speed of reconciliation, and speed of privacy amplification.
//!
//! `taskset -c 0 cargo run --release -p qhal-distillation --example figures [-- KEYS [cascade|amplification]]`
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints figures and stops when it cannot"
)]

use std::time::{Duration, Instant};

use qhal_distillation::Bits;
use qhal_distillation::amplification::{Toeplitz, instruction_set};
use qhal_distillation::cascade::{Plan, Schedule, reconcile};
use qhal_distillation::finite::binary_entropy;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

fn key(random: &mut ChaCha8Rng, length: usize) -> Bits {
    Bits::from_words((0..length.div_ceil(64)).map(|_| random.next_u64()).collect(), length)
}

/// A copy with errors, and how many.
fn noisy(random: &mut ChaCha8Rng, right: &Bits, qber: f64) -> (Bits, usize) {
    let mut wrong = right.clone();
    let mut count = 0;
    // Distances between errors are geometric.
    let mut at = 0;
    loop {
        let unit = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        at += ((1.0 - unit).ln() / (1.0 - qber).ln()) as usize;
        if at >= right.len() {
            return (wrong, count);
        }
        wrong.flip(at);
        (at, count) = (at + 1, count + 1);
    }
}

fn cascade(name: &str, schedule: impl Fn(f64) -> Schedule, length: usize, qber: f64, keys: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut leak, mut rounds, mut failed, mut entropy) = (0, 0, 0, 0.0);
    let mut spent = Duration::ZERO;
    for _ in 0..keys {
        let right = key(&mut random, length);
        let (wrong, errors) = noisy(&mut random, &right, qber);
        let mut seed = [0; 32];
        random.fill_bytes(&mut seed);
        let start = Instant::now();
        let plan = Plan::new(length, &schedule(qber), seed).unwrap();
        let done = reconcile(&plan, &right, &wrong).unwrap();
        spent += start.elapsed();
        leak += done.leak;
        rounds += done.rounds;
        failed += u64::from(done.key != right);
        entropy += length as f64 * binary_entropy(errors as f64 / length as f64);
    }
    let rate = length as f64 * keys as f64 / spent.as_secs_f64() / 1e6;
    println!(
        "cascade {name:9} n {length:8} Q {:4.1} %  f {:.4}  {rate:7.1} Mbit/s  {failed} of {keys} failed  {} rounds",
        100.0 * qber,
        leak as f64 / entropy,
        rounds / keys
    );
}

fn amplification(bits: u32) {
    let (input, output) = (1 << bits, 1 << (bits - 2));
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let (x, seed) = (key(&mut random, input), key(&mut random, input + output - 1));
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let y = Toeplitz::new(input, output).unwrap().amplify(&x, &seed).unwrap();
            assert_eq!(y.len(), output);
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (least, median) = (times[0], times[times.len() / 2]);
    println!(
        "amplification 2^{bits} to 2^{}: {:.2} ms median ({:.2} least), {:.0} Mbit/s median",
        bits - 2,
        1e3 * median,
        1e3 * least,
        input as f64 / median / 1e6
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let keys = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(50);
    let only = arguments.next().unwrap_or_default();
    if only.is_empty() || only == "amplification" {
        println!("{}", instruction_set());
        [20, 22, 24, 27].into_iter().for_each(amplification);
    }
    if only.is_empty() || only == "cascade" {
        for length in [10_000, 65_536, 1 << 20] {
            let keys = (keys * 65_536 / length as u64).max(5);
            for qber in [0.01, 0.02, 0.03, 0.05] {
                cascade("original", Schedule::original, length, qber, keys);
                cascade("yan", Schedule::yan, length, qber, keys);
                cascade("frugal", Schedule::frugal, length, qber, keys);
            }
        }
    }
}
