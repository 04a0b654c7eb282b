//! The block tests of FIPS 140-2 §4.9.1 and its continuous test (§4.9.2), which operators of generators still expect.

/// Bytes of a block: 20 000 bits.
pub const BLOCK_BYTES: usize = 2500;

const BLOCK_BITS: usize = 8 * BLOCK_BYTES;

/// Runs of one length that a block may hold, for lengths 1 to 5 and for 6 and more; of zeros and of ones alike.
const RUNS: [std::ops::RangeInclusive<u32>; 6] =
    [2315..=2685, 1114..=1386, 527..=723, 240..=384, 103..=209, 103..=209];

/// A run of this length is too long.
const LONG_RUN: u32 = 26;

/// The share of blocks of ideal random bits that fail: 1e-4 each for monobit and poker, 3e-4 for a long run, the rest for
/// runs. It is known to about a tenth (37 of 41 943 blocks of the kernel's generator), which is enough to judge rates by.
const FALSE_ALARMS: f64 = 9e-4;

/// How unlikely a number of failures must be for ideal bits to be suspicious.
const SUSPICIOUS: f64 = 1e-4;

/// How many blocks failed, and which tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTests {
    /// Blocks that were tested; what is left over at the end is not.
    pub blocks: u64,
    /// Blocks that failed any test.
    pub failed: u64,
    /// Blocks with 9725 ones or fewer, or 10 275 or more.
    pub monobit: u64,
    /// Blocks whose four-bit values are distributed too unevenly, or too evenly.
    pub poker: u64,
    /// Blocks with too few or too many runs of any length.
    pub runs: u64,
    /// Blocks with a run of 26 or more.
    pub long_run: u64,
    /// Blocks with a 32-bit word that equals the one before.
    pub continuous: u64,
}

impl BlockTests {
    /// The failures by the names of the tests.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("monobit", self.monobit),
            ("poker", self.poker),
            ("runs", self.runs),
            ("long_run", self.long_run),
            ("continuous", self.continuous),
        ]
    }

    /// Whether so many blocks of ideal random bits fail less often than once in 10 000 such files. A single failure says
    /// nothing: about one block in a thousand fails.
    pub fn suspicious(&self) -> bool {
        let mean = FALSE_ALARMS * self.blocks as f64;
        // The probability that a Poisson variable stays below the number of failures.
        let mut term = (-mean).exp();
        let mut below = 0.0;
        if term == 0.0 {
            // So many blocks that the normal distribution serves: 3.72 standard deviations are 1e-4.
            return self.failed as f64 > mean + 3.72 * mean.sqrt();
        }
        for count in 0..self.failed {
            below += term;
            term *= mean / (count + 1) as f64;
            if term < f64::MIN_POSITIVE {
                break;
            }
        }
        self.failed > 0 && 1.0 - below < SUSPICIOUS
    }
}

/// The tests over a stream. As §4.9.2 wants it, the first 32 bits only serve to compare the next ones with, so the first
/// block begins behind them.
#[derive(Debug, Default)]
pub struct FipsTests {
    found: BlockTests,
    last: Option<u32>,
    pending: Vec<u8>,
}

impl FipsTests {
    /// Takes the next bytes of the stream, their highest bits first.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = if self.last.is_none() { 4 } else { BLOCK_BYTES };
            if self.pending.is_empty() && self.last.is_some() {
                // Whole blocks where they are.
                let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
                for block in &mut blocks {
                    self.block(block);
                }
                bytes = blocks.remainder();
            }
            let (now, later) = bytes.split_at(bytes.len().min(wanted - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == wanted {
                let pending = std::mem::take(&mut self.pending);
                match <[u8; 4]>::try_from(&*pending) {
                    Ok(first) => self.last = Some(u32::from_le_bytes(first)),
                    Err(_) => self.block(&pending),
                }
            }
        }
    }

    /// What was found so far.
    pub fn found(&self) -> BlockTests {
        self.found
    }

    fn block(&mut self, block: &[u8]) {
        let mut repeated = false;
        for word in block.chunks_exact(4).filter_map(|word| <[u8; 4]>::try_from(word).ok()) {
            let word = u32::from_le_bytes(word);
            repeated |= self.last == Some(word);
            self.last = Some(word);
        }
        let bits = Bits::of(block);
        let failed = [
            !(9726..=10_274).contains(&bits.ones),
            !(1_563_176..=1_576_928).contains(&squares(block)),
            bits.runs
                .iter()
                .any(|runs| runs.iter().zip(&RUNS).any(|(count, limits)| !limits.contains(count))),
            bits.long_run,
            repeated,
        ];
        let found = &mut self.found;
        found.blocks += 1;
        found.failed += u64::from(failed.contains(&true));
        let counts = [
            &mut found.monobit,
            &mut found.poker,
            &mut found.runs,
            &mut found.long_run,
            &mut found.continuous,
        ];
        for (count, failed) in counts.into_iter().zip(failed) {
            *count += u64::from(failed);
        }
    }
}

/// The sum of the squares of how often each four-bit value occurs; the poker statistic is 16/5000 of it, less 5000.
fn squares(block: &[u8]) -> u32 {
    // Two tables, so that equal neighbours do not wait for each other.
    let mut counts = [[0u32; 256]; 2];
    for pair in block.chunks(2) {
        for (counts, byte) in counts.iter_mut().zip(pair) {
            counts[usize::from(*byte)] += 1;
        }
    }
    let mut values = [0u32; 16];
    let [even, odd] = &counts;
    for (byte, (even, odd)) in even.iter().zip(odd).enumerate() {
        values[byte >> 4] += even + odd;
        values[byte & 15] += even + odd;
    }
    values.iter().map(|count| count * count).sum()
}

/// Ones and runs of a block.
#[derive(Default)]
struct Bits {
    ones: u32,
    /// Runs of zeros and of ones, of lengths 1 to 5 and of 6 and more.
    runs: [[u32; 6]; 2],
    long_run: bool,
}

impl Bits {
    /// Looks at 64 places at a time: a run of at least k begins where a run begins and k − 1 equal bits follow.
    fn of(block: &[u8]) -> Self {
        let mut bits = Self::default();
        // Runs of at least 1, 2, … 6.
        let mut at_least = [[0u32; 6]; 2];
        let mut words = [0u64; BLOCK_BITS.div_ceil(64)];
        for (word, bytes) in words.iter_mut().zip(block.chunks(8)) {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_be_bytes(all);
            bits.ones += word.count_ones();
        }
        const REST: u32 = (BLOCK_BITS % 64) as u32;
        // What is behind the block ends the last run.
        let last_bit = block.last().is_some_and(|byte| byte & 1 == 1);
        let behind = if last_bit { 0 } else { u64::MAX };
        if let Some(last) = words.last_mut() {
            *last |= behind >> REST;
        }
        // What is before it is different from its first bit.
        let mut before = !words[0] >> 63;
        for (index, &word) in words.iter().enumerate() {
            let next = words.get(index + 1).copied().unwrap_or(behind);
            let places = if index + 1 == words.len() { !(u64::MAX >> REST) } else { u64::MAX };
            let previous = word >> 1 | before << 63;
            before = word & 1;
            for (value, at_least) in at_least.iter_mut().enumerate() {
                let flip = if value == 0 { u64::MAX } else { 0 };
                let (word, next, previous) = (word ^ flip, next ^ flip, previous ^ flip);
                let mut starts = word & !previous & places;
                at_least[0] += starts.count_ones();
                for (ahead, at_least) in (1..).zip(at_least.iter_mut().skip(1)) {
                    starts &= word << ahead | next >> (64 - ahead);
                    *at_least += starts.count_ones();
                }
                let window = u128::from(word) << 64 | u128::from(next);
                while starts != 0 {
                    let place = starts.leading_zeros();
                    bits.long_run |= (window << place).leading_ones() >= LONG_RUN;
                    starts &= !(1 << (63 - place));
                }
            }
        }
        for (runs, at_least) in bits.runs.iter_mut().zip(&at_least) {
            for (length, runs) in runs.iter_mut().enumerate() {
                *runs = at_least[length] - at_least.get(length + 1).copied().unwrap_or(0);
            }
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, as the standard tells it.
    fn one_by_one(block: &[u8]) -> ([[u32; 6]; 2], bool, u32) {
        let bits: Vec<usize> =
            block.iter().flat_map(|byte| (0..8).rev().map(move |at| usize::from(byte >> at & 1))).collect();
        let (mut runs, mut long, mut start) = ([[0; 6]; 2], false, 0);
        for end in 1..=bits.len() {
            if end == bits.len() || bits[end] != bits[start] {
                runs[bits[start]][(end - start).min(6) - 1] += 1;
                long |= end - start >= 26;
                start = end;
            }
        }
        (runs, long, bits.iter().sum::<usize>() as u32)
    }

    #[test]
    fn runs_are_those_that_are_counted_one_by_one() {
        let mut state = 1u32;
        for round in 0..200u32 {
            let block: Vec<u8> = (0..BLOCK_BYTES)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let byte = (state >> 24) as u8;
                    // Long runs of either value, across words, at the beginning and at the end.
                    match (round % 5, state >> 16 & 15) {
                        (1, 0..8) => 0,
                        (2, 0..8) => 255,
                        (3, 0..14) => {
                            if state & 1 << 15 == 0 {
                                0
                            } else {
                                255
                            }
                        }
                        _ => byte,
                    }
                })
                .collect();
            let found = Bits::of(&block);
            assert_eq!((found.runs, found.long_run, found.ones), one_by_one(&block), "round {round}");
        }
        for byte in [0, 255, 0xAA, 0x0F] {
            let block = [byte; BLOCK_BYTES];
            let found = Bits::of(&block);
            assert_eq!((found.runs, found.long_run, found.ones), one_by_one(&block), "{byte}");
        }
    }

    #[test]
    fn how_the_stream_is_cut_changes_nothing() {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut whole = FipsTests::default();
        whole.update(&bytes);
        assert_eq!(whole.found().blocks, (20_000 - 4) / 2500);
        for size in [1, 3, 4, 5, 2499, 2500, 2501, 7000] {
            let mut cut = FipsTests::default();
            bytes.chunks(size).for_each(|part| cut.update(part));
            assert_eq!(cut.found(), whole.found(), "{size}");
        }
    }

    #[test]
    fn a_rate_is_judged_and_not_a_block() {
        let tests = |blocks, failed| BlockTests { blocks, failed, ..BlockTests::default() };
        assert!(!tests(0, 0).suspicious());
        assert!(!tests(400, 1).suspicious());
        assert!(tests(400, 8).suspicious());
        // The count of rngtest on 100 MiB of the kernel's generator was 37.
        assert!(!tests(41_943, 37).suspicious());
        assert!(tests(41_943, 80).suspicious());
        assert!(!tests(10_000_000, 9000).suspicious() && tests(10_000_000, 9500).suspicious());
    }
}
