//! Drawing basis states: shots are dealt to blocks, then inside each block, in two reads of the state.

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;

use crate::moves::Moves;
use crate::random::{binomial, stream, uniform};
use crate::real::Real;
use crate::register::Register;
use crate::workers::Workers;

/// From how many entries on sorting is shared out to the threads.
const MANY: usize = 1 << 15;

/// Draws `shots` basis states and says how often each was seen, in ascending order of basis states.
///
/// # Errors
/// `Other` when the state has no norm (it cannot come from a circuit).
pub(crate) fn sample<T: Real>(register: &Register<T>, shots: u64, seed: u64) -> Result<Vec<(u64, u64)>> {
    let mut counts = Vec::new();
    for part in draw_all(register, shots, seed, |address| register.index(address as usize))? {
        counts.extend(part);
    }
    sort(&register.workers, &mut counts);
    Ok(counts)
}

/// Draws `shots` basis states, with each address made into what `moves` makes of it, exclusive or `start`: parts of a
/// list without order, in which a number may stand more than once.
///
/// # Errors
/// As [`sample`].
pub(crate) fn sample_moved<T: Real>(
    register: &Register<T>,
    shots: u64,
    seed: u64,
    moves: &Moves,
    start: u64,
) -> Result<Vec<Vec<(u64, u64)>>> {
    draw_all(register, shots, seed, |address| moves.apply(address) ^ start)
}

/// Sorts by the first number of each pair, and puts pairs together that agree in it.
pub(crate) fn sort(workers: &Workers, counts: &mut Vec<(u64, u64)>) {
    if counts.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return;
    }
    if counts.len() < MANY {
        counts.sort_unstable();
    } else {
        // Dealt to 256 heaps by their highest bits, and each heap sorted on its own.
        const HEAPS: usize = 256;
        let bits = 64 - counts.iter().fold(0, |all, (number, _)| all | number).leading_zeros();
        let heap_of = |number: u64| (number >> bits.saturating_sub(8)) as usize & (HEAPS - 1);
        let mut sizes = [0usize; HEAPS];
        counts.iter().for_each(|(number, _)| sizes[heap_of(*number)] += 1);
        let mut heaps = sizes.map(Vec::with_capacity);
        counts.iter().for_each(|pair| heaps[heap_of(pair.0)].push(*pair));
        let heaps = heaps.map(std::sync::Mutex::new);
        let sorted = workers.map(HEAPS, |heap| {
            let mut heap = heaps[heap].lock().map(|mut heap| std::mem::take(&mut *heap)).unwrap_or_default();
            heap.sort_unstable();
            heap
        });
        counts.clear();
        sorted.into_iter().for_each(|heap| counts.extend(heap));
    }
    counts.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
}

/// Draws addresses in ascending order and lists what `read` makes of them, in parts.
///
/// Block sums are dealt out by conditional binomials from stream 0 of `seed`, block b draws from stream b + 1; so the
/// result does not depend on the threads.
fn draw_all<T: Real>(
    register: &Register<T>,
    shots: u64,
    seed: u64,
    read: impl Fn(u64) -> u64 + Sync,
) -> Result<Vec<Vec<(u64, u64)>>> {
    /// Blocks that are drawn from in one go.
    const TOGETHER: usize = 32;
    if shots == 0 {
        return Ok(Vec::new());
    }
    let sums = register.block_sums();
    let total: f64 = sums.iter().sum();
    if total <= 0.0 || total.is_nan() {
        return Err(Error::new(ErrorKind::Other, "cannot sample from a state without norm"));
    }
    let dealt = deal(&mut stream(seed, 0), shots, &sums)?;
    let parts = register.workers.map(dealt.len().div_ceil(TOGETHER), |part| {
        let mut drawn = Vec::new();
        let mut room = Room::default();
        for &(block, shots) in dealt.iter().skip(part * TOGETHER).take(TOGETHER) {
            drawn.reserve(shots.min(1 << register.block_bits()) as usize);
            let generator = &mut stream(seed, block as u64 + 1);
            draw(register, block, shots, generator, &mut room, |address, hits| {
                drawn.push((read(address as u64), hits));
            })?;
        }
        Ok(drawn)
    });
    parts.into_iter().collect()
}

/// Splits `shots` in proportion to `weights`, at least one of which is positive; parts without shots are left out.
fn deal(generator: &mut ChaCha8Rng, shots: u64, weights: &[f64]) -> Result<Vec<(usize, u64)>> {
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
    Ok(parts)
}

/// What drawing needs room for; kept from block to block.
#[derive(Default)]
struct Room {
    /// The sum of all probabilities up to the end of each lane group.
    ends: Vec<f64>,
    marks: Vec<f64>,
    unsorted: Vec<f64>,
    places: Vec<u32>,
}

/// Draws `shots` addresses inside one block and calls `hit` with each that was drawn, ascending, and how often.
fn draw<T: Real>(
    register: &Register<T>,
    block: usize,
    shots: u64,
    generator: &mut ChaCha8Rng,
    room: &mut Room,
    mut hit: impl FnMut(usize, u64),
) -> Result<()> {
    let (start, count) = (block << register.block_bits(), 1usize << register.block_bits());
    if shots > count as u64 {
        let weights: Vec<f64> =
            register.probabilities_at(start, count).map(|(_, probability)| probability).collect();
        deal(generator, shots, &weights)?.into_iter().for_each(|(place, part)| hit(start + place, part));
        return Ok(());
    }
    // The last group that anything can be drawn from takes a mark that rounding put beyond the end.
    let (mut total, mut last) = (0.0, 0);
    room.ends.clear();
    for group in 0..count / T::LANES {
        let weight = register.probability_of_run(start + group * T::LANES, T::LANES);
        if weight > 0.0 {
            (total, last) = (total + weight, group);
        }
        room.ends.push(total);
    }
    room.draw_marks(generator, shots as usize, total);
    let (mut group, mut read) = (0, None);
    let mut lanes: Vec<(usize, f64)> = Vec::with_capacity(T::LANES);
    let mut pending: Option<(usize, u64)> = None;
    for &mark in &room.marks {
        while group < last && room.ends.get(group).is_some_and(|&end| mark >= end) {
            group += 1;
        }
        if read != Some(group) {
            read = Some(group);
            let mut sum = if group == 0 { 0.0 } else { room.ends.get(group - 1).copied().unwrap_or(0.0) };
            lanes.clear();
            for (address, probability) in register.probabilities_at(start + group * T::LANES, T::LANES) {
                if probability > 0.0 {
                    sum += probability;
                    lanes.push((address, sum));
                }
            }
        }
        let drawn = lanes.iter().find(|(_, end)| mark < *end).or(lanes.last());
        let Some(&(address, _)) = drawn else { continue };
        match &mut pending {
            Some((last, hits)) if *last == address => *hits += 1,
            _ => {
                if let Some((last, hits)) = pending.replace((address, 1)) {
                    hit(last, hits);
                }
            }
        }
    }
    if let Some((last, hits)) = pending {
        hit(last, hits);
    }
    Ok(())
}

impl Room {
    /// Draws `count` marks below `total`, ascending: thrown into as many bins and put in order there.
    fn draw_marks(&mut self, generator: &mut ChaCha8Rng, count: usize, total: f64) {
        self.unsorted.clear();
        self.unsorted.extend((0..count).map(|_| uniform(generator)));
        self.marks.clear();
        self.marks.resize(count, 0.0);
        self.places.clear();
        self.places.resize(count + 1, 0);
        let bin = |mark: f64| (mark * count as f64) as usize;
        for &mark in &self.unsorted {
            if let Some(place) = self.places.get_mut(bin(mark) + 1) {
                *place += 1;
            }
        }
        let mut before = 0;
        for place in &mut self.places {
            before += *place;
            *place = before;
        }
        for &mark in &self.unsorted {
            if let Some(place) = self.places.get_mut(bin(mark))
                && let Some(to) = self.marks.get_mut(*place as usize)
            {
                *to = mark;
                *place += 1;
            }
        }
        for at in 1..self.marks.len() {
            let mut at = at;
            while at > 0 && self.marks[at] < self.marks[at - 1] {
                self.marks.swap(at, at - 1);
                at -= 1;
            }
        }
        self.marks.iter_mut().for_each(|mark| *mark *= total);
    }
}
