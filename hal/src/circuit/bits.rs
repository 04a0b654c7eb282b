//! Classical bits: the memory that measurements write and conditions read.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// A row of bits of any width. Written with the highest index first, as every front end prints counts.
///
/// Ordered by width, then as the number it writes. Up to 64 bits need no memory beside the value itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BitString {
    width: u32,
    // Bit i is bit i % 64 of word i / 64; bits from `width` on are zero.
    words: Words,
}

/// One word where that is enough: counts have millions of strings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Words {
    Few(u64),
    Many(Box<[u64]>),
}

impl BitString {
    /// `width` zeros.
    pub fn zeros(width: u32) -> Self {
        let words = if width <= 64 {
            Words::Few(0)
        } else {
            Words::Many(vec![0; (width as usize).div_ceil(64)].into_boxed_slice())
        };
        Self { width, words }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        match &mut self.words {
            Words::Few(_) if self.width == 0 => &mut [],
            Words::Few(word) => std::slice::from_mut(word),
            Words::Many(words) => words,
        }
    }

    /// The low `width` bits of `number`; bits of it above `width` are dropped.
    pub fn from_u64(width: u32, number: u64) -> Self {
        let mut bits = Self::zeros(width);
        if let Some(word) = bits.words_mut().first_mut() {
            *word = if width < 64 { number & ((1 << width) - 1) } else { number };
        }
        bits
    }

    /// Bits from words of 64, lowest first; words and bits beyond `width` are dropped, missing ones are zero.
    pub fn from_words(width: u32, words: &[u64]) -> Self {
        let mut bits = Self::zeros(width);
        for (to, from) in bits.words_mut().iter_mut().zip(words) {
            *to = *from;
        }
        if let (Some(last), used @ 1..) = (bits.words_mut().last_mut(), width % 64) {
            *last &= (1 << used) - 1;
        }
        bits
    }

    /// How many bits there are.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The bits in words of 64, lowest first; unused bits of the last word are zero.
    pub fn words(&self) -> &[u64] {
        match &self.words {
            Words::Few(_) if self.width == 0 => &[],
            Words::Few(word) => std::slice::from_ref(word),
            Words::Many(words) => words,
        }
    }

    /// Bit `index`; `false` from `width` on.
    pub fn get(&self, index: u32) -> bool {
        self.words().get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Sets bit `index`; nothing happens from `width` on.
    pub fn set(&mut self, index: u32, value: bool) {
        if index < self.width
            && let Some(word) = self.words_mut().get_mut(index as usize / 64)
        {
            *word = *word & !(1 << (index % 64)) | u64::from(value) << (index % 64);
        }
    }
}

impl Ord for BitString {
    fn cmp(&self, other: &Self) -> Ordering {
        // The highest word decides first.
        self.width.cmp(&other.width).then_with(|| self.words().iter().rev().cmp(other.words().iter().rev()))
    }
}

impl PartialOrd for BitString {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String =
            (0..self.width).rev().map(|index| if self.get(index) { '1' } else { '0' }).collect();
        f.pad(&text)
    }
}

impl FromStr for BitString {
    type Err = Error;

    /// Reads `0` and `1`, highest index first; spaces and underscores between them are passed over.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits: Vec<bool> = text
            .chars()
            .filter(|digit| !matches!(digit, ' ' | '_'))
            .map(|digit| match digit {
                '0' => Ok(false),
                '1' => Ok(true),
                other => Err(Error::new(ErrorKind::InvalidInput, format!("'{other}' is not a bit"))),
            })
            .collect::<Result<_, _>>()?;
        let width = u32::try_from(digits.len())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "a bit string has at most 2^32 - 1 bits"))?;
        let mut bits = Self::zeros(width);
        for (index, value) in (0..width).zip(digits.into_iter().rev()) {
            bits.set(index, value);
        }
        Ok(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_highest_index_is_written_first() {
        let mut bits = BitString::zeros(3);
        bits.set(0, true);
        bits.set(7, true);
        assert_eq!(bits.to_string(), "001");
        assert_eq!(BitString::from_u64(2, 0b111).to_string(), "11");
        assert!("012".parse::<BitString>().is_err());
    }

    proptest! {
        #[test]
        fn written_bits_read_back(text in "[01]{0,200}") {
            let bits: BitString = text.parse().unwrap();
            prop_assert_eq!(bits.to_string(), text);
            prop_assert_eq!(&BitString::from_words(bits.width(), bits.words()), &bits);
        }
    }
}
