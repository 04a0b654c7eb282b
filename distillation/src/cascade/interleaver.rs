//! Permutations of bits that cost a fraction of a cycle a bit: words are moved, and squares of 64 by 64 bits transposed.
//!
//! Words are permuted at random, transposed in groups of 64, turned by random amounts, permuted, transposed and permuted again. Bits of
//! one word go to 64 different words, and rectangles of the first transposition do not survive the second, so that pairs of errors
//! which hide from one pass are torn apart by the next as by a random permutation, at a tenth of its cost.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// Bits of the square that is transposed.
pub(super) const SQUARE: usize = 64 * 64;

/// A permutation of a multiple of 4096 bits.
pub(super) struct Interleaver {
    /// Where each word goes before the first transposition, before the second and after it.
    to: [Vec<u32>; 3],
    /// Where it comes from.
    from: [Vec<u32>; 3],
    /// How far the words between the transpositions are turned.
    turn: Vec<u8>,
}

/// A number below `bound`, by Lemire's multiplication; its bias of 2^-32 · bound moves no statistics here.
fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u64::from(random.next_u32()) * bound as u64) >> 32) as usize
}

impl Interleaver {
    /// A permutation of `words` words, a multiple of 64.
    pub(super) fn new(words: usize, random: &mut ChaCha8Rng) -> Self {
        let mut permutation = || {
            let mut to: Vec<u32> = (0..words as u32).collect();
            for last in (1..words).rev() {
                to.swap(last, below(random, last + 1));
            }
            to
        };
        let to = [permutation(), permutation(), permutation()];
        let from = to.each_ref().map(|to| {
            let mut from = vec![0; words];
            (0..).zip(to).for_each(|(word, to)| from[*to as usize] = word);
            from
        });
        let mut turn = vec![0; words];
        random.fill_bytes(&mut turn);
        turn.iter_mut().for_each(|turn| *turn &= 63);
        Self { to, from, turn }
    }

    /// The words of `input`, followed by zeros, permuted into `output`; `scratch` and `output` have the permutation's length.
    pub(super) fn apply(&self, input: &[u64], scratch: &mut [u64], output: &mut [u64]) {
        scratch.fill(0);
        for (word, to) in input.iter().zip(&self.to[0]) {
            scratch[*to as usize] = *word;
        }
        for ((square, to), turn) in
            scratch.chunks_exact_mut(64).zip(self.to[1].chunks_exact(64)).zip(self.turn.chunks_exact(64))
        {
            transpose(square);
            for ((word, to), turn) in square.iter().zip(to).zip(turn) {
                output[*to as usize] = word.rotate_left(u32::from(*turn));
            }
        }
        for (square, to) in output.chunks_exact_mut(64).zip(scratch.chunks_exact_mut(64)) {
            transpose(square);
            to.copy_from_slice(square);
        }
        for (word, to) in scratch.iter().zip(&self.to[2]) {
            output[*to as usize] = *word;
        }
    }

    /// Where bit `bit` goes.
    pub(super) fn position(&self, bit: usize) -> usize {
        let (word, bit) = transposed(self.to[0][bit >> 6] as usize, bit & 63);
        let bit = (bit + usize::from(self.turn[word])) & 63;
        let (word, bit) = transposed(self.to[1][word] as usize, bit);
        (self.to[2][word] as usize) << 6 | bit
    }

    /// Where the bit at `position` comes from.
    pub(super) fn origin(&self, position: usize) -> usize {
        let (word, bit) = transposed(self.from[2][position >> 6] as usize, position & 63);
        let word = self.from[1][word] as usize;
        let bit = bit.wrapping_sub(usize::from(self.turn[word])) & 63;
        let (word, bit) = transposed(word, bit);
        (self.from[0][word] as usize) << 6 | bit
    }
}

/// Where a bit goes when its square is transposed.
fn transposed(word: usize, bit: usize) -> (usize, usize) {
    (word & !63 | bit, word & 63)
}

/// Transposes 64 words as a matrix of bits (H. S. Warren, Hacker's Delight, §7-3).
fn transpose(square: &mut [u64]) {
    let mut mask = u64::MAX >> 32;
    let mut width = 32;
    while width != 0 {
        for block in square.chunks_exact_mut(2 * width) {
            let (low, high) = block.split_at_mut(width);
            for (a, b) in low.iter_mut().zip(high) {
                let swapped = (*a >> width ^ *b) & mask;
                *a ^= swapped << width;
                *b ^= swapped;
            }
        }
        width >>= 1;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    #[test]
    fn it_moves_every_bit_where_it_says() {
        let words = 192;
        let interleaver = Interleaver::new(words, &mut ChaCha8Rng::from_seed([7; 32]));
        let mut seen = vec![false; words * 64];
        let (mut scratch, mut output) = (vec![0; words], vec![0; words]);
        for bit in (0..words * 64).step_by(37) {
            let mut input = vec![0; words];
            input[bit >> 6] = 1 << (bit & 63);
            interleaver.apply(&input, &mut scratch, &mut output);
            let to = interleaver.position(bit);
            assert_eq!(output[to >> 6], 1 << (to & 63));
            assert_eq!(output.iter().map(|word| word.count_ones()).sum::<u32>(), 1);
        }
        for bit in 0..words * 64 {
            let to = interleaver.position(bit);
            assert!(!std::mem::replace(&mut seen[to], true));
            assert_eq!(interleaver.origin(to), bit);
        }
        // What is shorter is filled up with zeros.
        let mut expected = vec![0; words];
        let mut input = vec![u64::MAX; words - 70];
        interleaver.apply(&input, &mut scratch, &mut output);
        input.resize(words, 0);
        interleaver.apply(&input, &mut scratch, &mut expected);
        assert_eq!(output, expected);
    }
}
