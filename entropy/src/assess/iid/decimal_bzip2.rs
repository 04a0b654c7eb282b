//! How long bzip2 would make a list of numbers in decimal, found without making it.
//!
//! The compression statistic of §5.1.11 is a length, and it is taken of 10 000 permutations at worst. What bzip2 does is
//! followed exactly, from its blocks to the lengths of its code words, but no bit is written, and sorting uses what is
//! known of the text: every number ends with a space and holds none. So no number is the beginning of another one, the
//! rotations of a block that begin with a number are in the order of the sequences of numbers, and those that begin
//! within a number are in the order of what is left of it and then of the number that follows. The sequence of numbers
//! is all that has to be sorted; it is shorter by a factor of two to four. Four equal characters in a row, which bzip2
//! would shorten first, do not occur in numbers below 256.

mod coding;
mod rotations;

use qhal::Result;

/// Characters of a block per level.
const LEVEL: usize = 100_000;

/// Characters that bzip2 keeps free of a block, which ends with the run of equal characters that reaches them.
const FREE: usize = 19;

/// Bits around the blocks: "BZh" and the level before them, the mark of the end and the checksum behind them.
const AROUND: usize = 32 + 48 + 32;

/// What the code of a number is written as, with its space: at most three digits.
type Word = Vec<u8>;

/// Numbers by the codes that their text is sorted by, and texts by their codes.
pub(super) struct Decimal {
    /// The code of each symbol.
    code: [u8; 256],
    /// The text of each code, in ascending order.
    words: Vec<Word>,
    /// Characters of a block.
    block: usize,
}

impl Decimal {
    /// For symbols below `alphabet`, which stand for the numbers `raw`, and bzip2's `level` from 1 to 9.
    pub(super) fn new(raw: &[u8; 256], alphabet: usize, level: usize) -> Self {
        let mut order: Vec<(Word, usize)> = raw
            .iter()
            .take(alphabet)
            .enumerate()
            .map(|(symbol, number)| (format!("{number} ").into_bytes(), symbol))
            .collect();
        order.sort_unstable();
        let mut code = [0; 256];
        for (rank, (_, symbol)) in order.iter().enumerate() {
            code[*symbol] = rank as u8;
        }
        Self { code, words: order.into_iter().map(|(word, _)| word).collect(), block: level * LEVEL - FREE }
    }

    /// The bytes that bzip2 makes of `symbols`, written in decimal with one space between two numbers.
    ///
    /// # Errors
    /// `Exhausted` when the library that sorts gives up.
    pub(super) fn compressed_length(&self, symbols: &[u8]) -> Result<usize> {
        let codes: Vec<u8> = symbols.iter().map(|symbol| self.code[usize::from(*symbol)]).collect();
        let mut bits = AROUND;
        let mut from = Place::default();
        while from.number < codes.len() {
            let to = self.end_of_block(&codes, from);
            bits += self.bits_of_block(&codes, from, to)?;
            from = to;
        }
        Ok(bits.div_ceil(8))
    }

    fn word(&self, code: u8) -> &[u8] {
        self.words.get(usize::from(code)).map_or(&[], Vec::as_slice)
    }

    /// The characters that are left of a number at `place`; the last of all numbers has no space.
    fn rest(&self, codes: &[u8], place: Place) -> &[u8] {
        let word = codes.get(place.number).map_or(&[][..], |code| self.word(*code));
        let end = word.len() - usize::from(place.number + 1 == codes.len() && !word.is_empty());
        word.get(place.character..end).unwrap_or_default()
    }

    /// Where the block that begins at `from` ends.
    fn end_of_block(&self, codes: &[u8], from: Place) -> Place {
        let end = Place { number: codes.len(), character: 0 };
        let mut length = 0;
        let mut place = from;
        // Whole numbers, as long as the next one cannot reach the end.
        while place.number < codes.len() && length + 4 < self.block {
            length += self.rest(codes, place).len();
            place = Place { number: place.number + 1, character: 0 };
        }
        // Then one character at a time, to the end of a run.
        let mut last = None;
        while place.number < codes.len() {
            let rest = self.rest(codes, place);
            let Some(next) = rest.first().copied() else {
                place = Place { number: place.number + 1, character: 0 };
                continue;
            };
            if length >= self.block && last != Some(next) {
                // bzip2 has read the next character by now, and if it was the last one, adds it to this block.
                let nothing_follows = rest.len() == 1 && place.number + 1 == codes.len();
                return if nothing_follows { end } else { place };
            }
            last = Some(next);
            length += 1;
            place.character += 1;
            if rest.len() == 1 {
                place = Place { number: place.number + 1, character: 0 };
            }
        }
        end
    }

    /// The bits of one block.
    fn bits_of_block(&self, codes: &[u8], from: Place, to: Place) -> Result<usize> {
        let last = codes.len().saturating_sub(1);
        if from.number == last {
            // Part of one number is left, and no space.
            return Ok(coding::bits(&sorted_rotations(self.rest(codes, from))));
        }
        // What is left of a number at the beginning of the block, and the beginning of one at its end. A rotation runs
        // from the end into the beginning, so the two make one number there.
        let (head, whole) = match from.character {
            0 => (&[][..], from.number),
            _ => (self.rest(codes, from), from.number + 1),
        };
        let (tail, end) = match codes.get(to.number) {
            Some(code) => (self.word(*code).get(..to.character).unwrap_or_default(), to.number),
            // The last number has no space, and so is cut.
            None => (self.rest(codes, Place { number: last, character: 0 }), last),
        };
        let joined = [tail, head].concat();
        let numbers = codes.get(whole..end).unwrap_or_default();
        if !joined.is_empty() && joined.last() != Some(&b' ') {
            // The first whole number follows without a gap.
            if let Some((first, others)) = numbers.split_first() {
                return self.rotations(others, [&*joined, self.word(*first)].concat());
            }
        }
        self.rotations(numbers, joined)
    }

    /// The bits of a block of `numbers` and then `joined`, if it is not empty, as one further number.
    fn rotations(&self, numbers: &[u8], joined: Word) -> Result<usize> {
        let mut words = self.words.clone();
        let mut text: Vec<u16> = numbers.iter().map(|code| u16::from(*code)).collect();
        if !joined.is_empty() {
            let place = words.binary_search(&joined);
            let code = place.unwrap_or_else(|place| place) as u16;
            if place.is_err() {
                text.iter_mut().for_each(|other| *other += u16::from(*other >= code));
                words.insert(usize::from(code), joined);
            }
            text.push(code);
        }
        let order = rotations::sorted(&text, words.len())?;
        Ok(coding::bits(&last_column(&text, &words, &order)))
    }
}

/// A character of the text: the number it belongs to, and its place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    number: usize,
    character: usize,
}

/// The characters before the sorted rotations of the block, those within numbers included.
fn last_column(text: &[u16], words: &[Word], order: &[u32]) -> Vec<u8> {
    let endings = Endings::new(text, words);
    let mut next = endings.starts;
    let mut column = vec![0; next.last().map_or(0, |end| *end as usize)];
    let last = text.len().saturating_sub(1);
    for start in order {
        let before = (*start as usize).checked_sub(1).unwrap_or(last);
        for ending in &endings.of[usize::from(text[before])] {
            let next = &mut next[usize::from(ending.rank)];
            column[*next as usize] = ending.before;
            *next += 1;
        }
    }
    column
}

/// What a rotation begins with, up to the end of a number.
#[derive(Clone, Copy, Debug, Default)]
struct Ending {
    rank: u16,
    /// The character before it.
    before: u8,
}

/// Everything that a rotation can begin with up to the end of a number.
struct Endings {
    /// The endings of each code.
    of: Vec<Vec<Ending>>,
    /// The first rotation of each ending, by rank, and the number of rotations.
    starts: Vec<u32>,
}

impl Endings {
    fn new(text: &[u16], words: &[Word]) -> Self {
        let mut ranked: Vec<&[u8]> =
            words.iter().flat_map(|word| (0..word.len()).filter_map(|from| word.get(from..))).collect();
        ranked.sort_unstable();
        ranked.dedup();
        let of: Vec<Vec<Ending>> = words
            .iter()
            .map(|word| {
                let befores = [b' '].into_iter().chain(word.iter().copied());
                let endings = (0..word.len()).filter_map(|from| word.get(from..));
                let rank = |ending| ranked.binary_search(&ending).unwrap_or_default() as u16;
                endings.zip(befores).map(|(ending, before)| Ending { rank: rank(ending), before }).collect()
            })
            .collect();
        let mut occurs = vec![0u32; words.len()];
        for code in text {
            occurs[usize::from(*code)] += 1;
        }
        let mut starts = vec![0; ranked.len() + 1];
        for (endings, occurs) in of.iter().zip(occurs) {
            for ending in endings {
                starts[usize::from(ending.rank) + 1] += occurs;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { of, starts }
    }
}

/// The last column of a text of a few characters.
fn sorted_rotations(text: &[u8]) -> Vec<u8> {
    let mut rotations: Vec<Vec<u8>> = (0..text.len())
        .map(|by| {
            let mut rotation = text.to_vec();
            rotation.rotate_left(by);
            rotation
        })
        .collect();
    rotations.sort_unstable();
    rotations.iter().filter_map(|rotation| rotation.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "the normal way to fail in a test")]

    use bzip2::{Action, Compress, Compression, Status};
    use proptest::prelude::*;

    use super::*;

    /// The library's own output for the whole text at once, as NIST's tool calls it.
    fn compressed(text: &str, level: usize) -> usize {
        let mut bzip2 = Compress::new(Compression::new(level as u32), 0);
        let mut out = Vec::with_capacity(text.len() + text.len() / 50 + 600);
        let status = bzip2.compress_vec(text.as_bytes(), &mut out, Action::Finish).unwrap();
        assert_eq!(status, Status::StreamEnd);
        out.len()
    }

    fn agrees(symbols: &[u8], numbers: &[u8], level: usize) {
        let mut raw = [0; 256];
        raw[..numbers.len()].copy_from_slice(numbers);
        let words: Vec<String> = symbols.iter().map(|symbol| raw[usize::from(*symbol)].to_string()).collect();
        let found = Decimal::new(&raw, numbers.len(), level).compressed_length(symbols).unwrap();
        assert_eq!(found, compressed(&words.join(" "), level), "{} numbers of {numbers:?}", symbols.len());
    }

    fn noise(count: usize, alphabet: usize, mut state: u32) -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize % alphabet
        };
        (0..count).map(|_| next() as u8).collect()
    }

    /// Blocks of 100 000 characters end within and between numbers, and the last one may hold anything.
    #[test]
    fn blocks_end_where_those_of_bzip2_do() {
        let all: Vec<u8> = (0..=255).collect();
        for (alphabet, count) in [(256, 28_000), (256, 57_000), (100, 35_000), (11, 48_500), (2, 50_000)] {
            for more in 0..8 {
                agrees(&noise(count + more, alphabet, 1 + more as u32), &all[..alphabet], 1);
            }
        }
        // Two characters a number: 99 981 are the last of a run.
        for count in 49_988..49_998 {
            agrees(&noise(count, 10, 5), &all[..10], 1);
        }
        // A run that goes on over the end of the block, and the last character of all just behind it.
        for count in 24_993..25_000 {
            agrees(&vec![1; count], &[0, 222], 1);
            agrees(&[noise(count, 2, 3), vec![1; 3]].concat(), &[111, 11], 1);
        }
    }

    #[test]
    fn what_repeats_is_sorted_as_well() {
        for period in [1, 2, 3, 7, 64, 1000] {
            for count in [period, 2 * period, 20 * period + 1, 3000] {
                let pattern = noise(period, 16, 9);
                let repeated: Vec<u8> = pattern.iter().cycle().take(count.max(19)).copied().collect();
                agrees(&repeated, &(0..16).map(|n| 5 * n).collect::<Vec<u8>>(), 1);
            }
        }
        // One place that repeats another over a long stretch.
        let once = noise(4000, 16, 2);
        agrees(&[&once[..], &once[..200], &[3; 40]].concat(), &(0..16).collect::<Vec<u8>>(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_numbers_are_as_long_as_bzip2_makes_them(
            numbers in prop::collection::btree_set(any::<u8>(), 1..40),
            picks in prop::collection::vec(any::<u8>(), 1..3000),
            skew in 1usize..40,
        ) {
            let numbers: Vec<u8> = numbers.into_iter().collect();
            let used = numbers.len().min(skew);
            let symbols: Vec<u8> = picks.iter().map(|pick| (usize::from(*pick) % used) as u8).collect();
            agrees(&symbols, &numbers, 1);
        }
    }
}
