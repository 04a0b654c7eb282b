//! `if (register == number)`: the number is compared bit by bit and may have any number of digits.

use qhal::circuit::{BitString, Condition};

use super::Reader;
use super::symbols::{Keyword, Symbol};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// The longest number that is read, in decimal digits: reading takes time in the square of this.
const MOST_DIGITS: usize = 20_000;

/// A condition with the text it was made from.
#[derive(Debug)]
pub(super) struct Remembered {
    start: u32,
    size: u32,
    digits: String,
    condition: Condition,
}

impl Reader<'_, '_, '_> {
    /// `if (c == n) operation`, where the word has been taken.
    ///
    /// The condition of an operation on whole registers is tested for each of its parts, as every front end in use
    /// does; it matters only where a measurement writes into the register that is tested.
    pub(super) fn conditioned(&mut self) -> Read<()> {
        if !self.cursor.eat(b'(') {
            return Err(self.cursor.expected("'('"));
        }
        let at = self.cursor.place();
        let Some(name) = self.cursor.word() else { return Err(self.cursor.expected("a classical register")) };
        let (start, size) = match self.program.symbols.get(name) {
            Some(Symbol::Bits { start, size }) => (start, size),
            other => return Err(self.not_a(name, at, other, "classical register")),
        };
        if !self.cursor.eat_pair(*b"==") {
            return Err(self.cursor.expected("'=='"));
        }
        let Some(number) = self.cursor.whole_number()? else {
            return Err(self.cursor.expected("a whole number"));
        };
        if !self.cursor.eat(b')') {
            return Err(self.cursor.expected("')'"));
        }
        let remembered = match self.program.remembered.take() {
            Some(last) if (last.start, last.size) == (start, size) && last.digits == number.text => last,
            _ => {
                let digits = number.text.trim_start_matches('0');
                if digits.len() > MOST_DIGITS {
                    return Err(Fault::new(number.at, format!("a number has at most {MOST_DIGITS} digits")));
                }
                let condition = Condition::equals(start, size, from_decimal(digits));
                Remembered { start, size, digits: number.text.to_owned(), condition }
            }
        };
        let done = self.operation(&remembered.condition);
        self.program.remembered = Some(remembered);
        done
    }

    /// What may stand under a condition.
    fn operation(&mut self, condition: &Condition) -> Read<()> {
        let at = self.cursor.place();
        let Some(word) = self.cursor.word() else {
            return Err(self.cursor.expected("a gate, 'measure' or 'reset'"));
        };
        match self.program.symbols.get(word) {
            Some(Symbol::Keyword(Keyword::Measure)) => self.measure(Some(condition)),
            Some(Symbol::Keyword(Keyword::Reset)) => self.reset(Some(condition)),
            Some(Symbol::Keyword(_)) => {
                let message =
                    format!("{} cannot be conditioned: only gates, 'measure' and 'reset' can", quoted(word));
                Err(Fault::new(at, message))
            }
            symbol => self.apply(word, at, symbol, Some(condition)),
        }
    }
}

/// A number of any length in as many bits as it needs.
fn from_decimal(digits: &str) -> BitString {
    let mut words: Vec<u64> = Vec::with_capacity(digits.len() / 19 + 1);
    for chunk in digits.as_bytes().chunks(18) {
        let scale = 10u64.pow(chunk.len() as u32);
        let mut carry = chunk.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        for word in &mut words {
            let product = u128::from(*word) * u128::from(scale) + u128::from(carry);
            *word = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry > 0 {
            words.push(carry);
        }
    }
    let bits = words.last().map_or(0, |last| words.len() as u32 * 64 - last.leading_zeros());
    BitString::from_words(bits, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers_become_bits() {
        assert_eq!(from_decimal("").to_string(), "");
        assert_eq!(from_decimal("6").to_string(), "110");
        assert_eq!(from_decimal("18446744073709551616").to_string(), format!("1{}", "0".repeat(64)));
        // 2^300 − 1 and 2^300.
        let digits =
            "2037035976334486086268445688409378161051468393665936250636140449354381299763336706183397376";
        assert_eq!(from_decimal(digits).to_string(), format!("1{}", "0".repeat(300)));
        let digits = digits.replace("397376", "397375");
        assert_eq!(from_decimal(&digits).to_string(), "1".repeat(300));
    }
}
