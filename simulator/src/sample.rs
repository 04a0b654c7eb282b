//! Drawing basis states: shots are dealt to blocks, then inside each block, in one read of the state.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;

use crate::random::{binomial, stream, uniform};
use crate::real::Real;
use crate::register::Register;

/// Draws `shots` basis states and says how often each was seen, in ascending order of basis states.
///
/// Block sums are dealt out by conditional binomials from stream 0 of `seed`, block b draws from stream b + 1; so the
/// result does not depend on the threads.
///
/// # Errors
/// `Other` when the state has no norm (it cannot come from a circuit).
pub(crate) fn sample<T: Real>(register: &Register<T>, shots: u64, seed: u64) -> Result<Vec<(u64, u64)>> {
    if shots == 0 {
        return Ok(Vec::new());
    }
    let sums = register.block_sums();
    let total: f64 = sums.iter().sum();
    if total <= 0.0 || total.is_nan() {
        return Err(Error::new(ErrorKind::Other, "cannot sample from a state without norm"));
    }
    let dealt: Vec<(usize, u64)> = deal(&mut stream(seed, 0), shots, &sums)?.collect();
    let drawn = register.workers.map(dealt.len(), |number| {
        dealt.get(number).map_or_else(
            || Ok(Vec::new()),
            |&(block, shots)| draw(register, block, shots, &mut stream(seed, block as u64 + 1)),
        )
    });
    let mut counts = Vec::new();
    for block in drawn {
        counts.extend(block?.into_iter().map(|(address, count)| (address as u64, count)));
    }
    // Blocks are ascending already where qubits lie in order.
    if !register.is_in_order() {
        counts.iter_mut().for_each(|(state, _)| *state = register.index(*state as usize));
        counts.sort_unstable();
    }
    Ok(counts)
}

/// Splits `shots` in proportion to `weights`, at least one of which is positive; parts without shots are left out.
fn deal(
    generator: &mut ChaCha8Rng,
    shots: u64,
    weights: &[f64],
) -> Result<impl Iterator<Item = (usize, u64)> + use<>> {
    // What is left from each place on, summed from the small end, so that the last share is exactly 1.
    let mut rest = 0.0;
    let mut shares: Vec<f64> = weights
        .iter()
        .rev()
        .map(|weight| {
            rest += weight;
            if *weight > 0.0 { weight / rest } else { 0.0 }
        })
        .collect();
    shares.reverse();
    let mut left = shots;
    let mut parts = Vec::new();
    for (place, share) in shares.into_iter().enumerate() {
        let part = binomial(generator, left, share)?;
        if part > 0 {
            parts.push((place, part));
            left -= part;
        }
        if left == 0 {
            break;
        }
    }
    Ok(parts.into_iter())
}

/// Draws `shots` addresses inside one block, ascending.
fn draw<T: Real>(
    register: &Register<T>,
    block: usize,
    shots: u64,
    generator: &mut ChaCha8Rng,
) -> Result<Vec<(usize, u64)>> {
    let (start, count) = (block << register.block_bits(), 1usize << register.block_bits());
    let probabilities = || register.probabilities_at(start, count);
    if shots > count as u64 {
        let weights: Vec<f64> = probabilities().map(|(_, probability)| probability).collect();
        return Ok(deal(generator, shots, &weights)?.map(|(place, part)| (start + place, part)).collect());
    }
    // Sums of 64 amplitudes first, so that only the runs that are hit are walked through.
    const RUN: usize = 64;
    let runs: Vec<f64> = (0..count.div_ceil(RUN))
        .map(|run| register.probability_of_run(start + run * RUN, RUN.min(count)))
        .collect();
    let total: f64 = runs.iter().sum();
    let mut marks: Vec<f64> = (0..shots).map(|_| uniform(generator) * total).collect();
    marks.sort_unstable_by(f64::total_cmp);
    let mut marks = marks.into_iter().peekable();
    let mut drawn: Vec<(usize, u64)> = Vec::new();
    let mut before = 0.0;
    let mut last_possible = start;
    for (run, &weight) in runs.iter().enumerate() {
        let end = before + weight;
        let first = start + run * RUN;
        if marks.peek().is_some_and(|&mark| mark < end) {
            let mut sum = before;
            let mut possible = first;
            for (address, probability) in register.probabilities_at(first, RUN.min(count)) {
                sum += probability;
                let mut hits = 0;
                while marks.next_if(|&mark| mark < sum.min(end)).is_some() {
                    hits += 1;
                }
                if hits > 0 {
                    drawn.push((address, hits));
                }
                if probability > 0.0 {
                    possible = address;
                }
            }
            // What rounding left between the run's own end and the sum of its parts.
            let mut rest = 0;
            while marks.next_if(|&mark| mark < end).is_some() {
                rest += 1;
            }
            add(&mut drawn, possible, rest);
        }
        if weight > 0.0 {
            last_possible = first;
        }
        before = end;
    }
    // A mark that rounding put on the very end: to the last amplitude of the last run that has any.
    let beyond = marks.count() as u64;
    if beyond > 0 {
        let run = register.probabilities_at(last_possible, RUN.min(count));
        let last = run.filter(|(_, probability)| *probability > 0.0).map(|(address, _)| address).last();
        add(&mut drawn, last.unwrap_or(last_possible), beyond);
    }
    Ok(drawn)
}

/// Counts more hits at an address that is the last one so far, or comes after it.
fn add(drawn: &mut Vec<(usize, u64)>, address: usize, more: u64) {
    match drawn.last_mut() {
        _ if more == 0 => {}
        Some((last, hits)) if *last == address => *hits += more,
        _ => drawn.push((address, more)),
    }
}
