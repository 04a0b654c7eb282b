//! Sorts the rotations of a sequence of numbers: quickly where they differ soon, and well where they do not.

use libsais::SuffixArrayConstruction;
use qhal::{Error, ErrorKind, Result};

/// Bits of the key by which rotations are first dealt into buckets.
const BUCKET_BITS: u32 = 16;

/// The share of rotations that may begin like another one over a whole key;
/// where there are more, a suffix array is made instead.
const MOST_ALIKE: usize = 16;

/// Where the rotations of `text` begin, in ascending order; equal ones in any. Numbers are below `words`.
///
/// # Errors
/// `Exhausted` when the library that sorts suffixes gives up.
pub(super) fn sorted(text: &[u16], words: usize) -> Result<Vec<u32>> {
    let keys = Keys::new(text, words);
    let mut order = keys.buckets();
    let alike = keys.sort_buckets(&mut order);
    if alike.iter().map(|run| run.len()).sum::<usize>() > text.len() / MOST_ALIKE {
        return by_suffixes(text, words);
    }
    for run in alike {
        if let Some(run) = order.get_mut(run) {
            run.sort_unstable_by(|a, b| keys.compare(*a, *b));
        }
    }
    Ok(order)
}

/// For every rotation as many of its first numbers as fit in 64 bits.
struct Keys {
    keys: Vec<u64>,
    /// Numbers in a key.
    numbers: usize,
    /// Bits of a key.
    bits: u32,
}

impl Keys {
    fn new(text: &[u16], words: usize) -> Self {
        let width = words.saturating_sub(1).max(1).ilog2() + 1;
        let numbers = u64::BITS / width;
        let bits = numbers * width;
        let mut keys = vec![0; text.len()];
        // Backwards: each key is its first number before the key that follows. Behind the last rotation that is the first.
        let first = (0..numbers as usize).rev().filter_map(|place| text.get(place % text.len().max(1)));
        let mut key = 0u64;
        for number in first {
            key = key >> width | u64::from(*number) << (bits - width);
        }
        for (slot, number) in keys.iter_mut().zip(text).rev() {
            key = key >> width | u64::from(*number) << (bits - width);
            *slot = key;
        }
        Self { keys, numbers: numbers as usize, bits }
    }

    fn bucket(&self, key: u64) -> usize {
        (key >> self.bits.saturating_sub(BUCKET_BITS)) as usize
    }

    /// The rotations by the first bits of their keys.
    fn buckets(&self) -> Vec<u32> {
        let mut starts = vec![0u32; (1 << BUCKET_BITS) + 1];
        for key in &self.keys {
            starts[self.bucket(*key) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut order = vec![0; self.keys.len()];
        for (rotation, key) in (0..).zip(&self.keys) {
            let next = &mut starts[self.bucket(*key)];
            order[*next as usize] = rotation;
            *next += 1;
        }
        order
    }

    fn key(&self, rotation: u32) -> u64 {
        self.keys[rotation as usize]
    }

    /// Sorts what is in order of its buckets by whole keys; gives the stretches of equal keys.
    fn sort_buckets(&self, order: &mut [u32]) -> Vec<std::ops::Range<usize>> {
        let mut alike: Vec<std::ops::Range<usize>> = Vec::new();
        let mut start = 0;
        while let Some(first) = order.get(start) {
            let bucket = self.bucket(self.key(*first));
            let more = order.iter().skip(start + 1);
            let end =
                start + 1 + more.take_while(|rotation| self.bucket(self.key(**rotation)) == bucket).count();
            if let Some(bucket) = order.get_mut(start..end).filter(|bucket| bucket.len() > 1) {
                bucket.sort_unstable_by_key(|rotation| self.key(*rotation));
                for (place, pair) in (start..).zip(bucket.windows(2)) {
                    if self.key(pair[0]) != self.key(pair[1]) {
                        continue;
                    }
                    match alike.last_mut() {
                        Some(run) if run.end == place + 1 => run.end += 1,
                        _ => alike.push(place..place + 2),
                    }
                }
            }
            start = end;
        }
        alike
    }

    /// Compares two rotations key by key.
    fn compare(&self, a: u32, b: u32) -> std::cmp::Ordering {
        let n = self.keys.len();
        let (mut a, mut b) = (a as usize, b as usize);
        for _ in 0..n.div_ceil(self.numbers) {
            let order = self.keys[a].cmp(&self.keys[b]);
            if order.is_ne() {
                return order;
            }
            (a, b) = ((a + self.numbers) % n, (b + self.numbers) % n);
        }
        std::cmp::Ordering::Equal
    }
}

/// By the suffix array of the least rotation: there the order of the suffixes is that of the rotations. (Of two suffixes
/// that differ, neither rotation gets beyond the difference. Where one is the beginning of the other, the shorter one
/// goes on with the least rotation, so it comes first, as among suffixes.)
fn by_suffixes(text: &[u16], words: usize) -> Result<Vec<u32>> {
    let failed = |cause| Error::new(ErrorKind::Exhausted, "the numbers could not be sorted").because(cause);
    let least = least_rotation(text);
    let mut rotated = text.to_vec();
    rotated.rotate_left(least);
    let order: Vec<i32> = if words <= 256 {
        let bytes: Vec<u8> = rotated.iter().map(|number| *number as u8).collect();
        SuffixArrayConstruction::for_text(&bytes)
            .in_owned_buffer32()
            .single_threaded()
            .run()
            .map_err(failed)?
            .into_vec()
    } else {
        SuffixArrayConstruction::for_text(&rotated)
            .in_owned_buffer32()
            .single_threaded()
            .run()
            .map_err(failed)?
            .into_vec()
    };
    Ok(order.into_iter().map(|start| ((start as usize + least) % text.len()) as u32).collect())
}

/// Where the least rotation of `text` begins.
fn least_rotation(text: &[u16]) -> usize {
    let n = text.len();
    let at = |index: usize| text[if index < n { index } else { index - n }];
    // Two candidates; what is equal from both on; and how far the loser can leap.
    let (mut first, mut second, mut equal) = (0, 1, 0);
    while first < n && second < n && equal < n {
        match at(first + equal).cmp(&at(second + equal)) {
            std::cmp::Ordering::Equal => {
                equal += 1;
                continue;
            }
            std::cmp::Ordering::Greater => first += equal + 1,
            std::cmp::Ordering::Less => second += equal + 1,
        }
        second += usize::from(first == second);
        equal = 0;
    }
    first.min(second)
}
