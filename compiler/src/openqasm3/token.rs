//! Cuts an OpenQASM 3 program into words, numbers and marks.

use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// The most tokens of a program; more would not fit the numbers that places are kept in.
const MOST_TOKENS: usize = 1 << 28;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'s> {
    /// A name or a word of the language.
    Word(&'s str),
    /// `$0`, `$1`, …
    Physical(u32),
    Int(i128),
    Float(f64),
    /// A number of a complex literal: `2.5im`.
    Imaginary(f64),
    /// A time in seconds, or in ticks of the hardware (`dt`).
    Time(f64),
    Ticks(f64),
    /// What stands between quotes.
    Text(&'s str),
    /// One to three characters.
    Mark(&'static str),
    /// The rest of a line that is not for us: a pragma or an annotation.
    Line,
    End,
}

/// The marks, longest first.
const MARKS: [&str; 51] = [
    "**=", "<<=", ">>=", "->", "++", "**", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=",
    "/=", "&=", "|=", "^=", "~=", "%=", "[", "]", "{", "}", "(", ")", ":", ";", ".", ",", "=", "+", "-", "*",
    "/", "%", "|", "&", "^", "~", "!", "@", "<", ">", "#", "?", "\\", "`",
];

/// Cuts `text` into tokens with their places; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Read<Vec<(Token<'_>, usize)>> {
    let mut cut = Cutter { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let mut found = Vec::with_capacity(text.len() / 4);
    loop {
        cut.skip()?;
        let at = cut.at;
        let token = cut.token()?;
        found.push((token, at));
        if token == Token::End {
            return Ok(found);
        }
        if found.len() > MOST_TOKENS {
            return Err(Fault::new(at, "the program is too long"));
        }
    }
}

struct Cutter<'s> {
    text: &'s str,
    at: usize,
}

fn starts_word(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn in_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'s> Cutter<'s> {
    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self) -> Read<()> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if let Some(inner) = trimmed.strip_prefix("/*") {
                match inner.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return Err(Fault::new(self.at, "this comment is never closed")),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Takes characters as long as they fit.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn line(&mut self) -> Token<'s> {
        let rest = self.rest();
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        Token::Line
    }

    fn token(&mut self) -> Read<Token<'s>> {
        let (rest, at) = (self.rest(), self.at);
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        if starts_word(first) {
            let word = self.take(in_word);
            return Ok(if word == "pragma" { self.line() } else { Token::Word(word) });
        }
        if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return self.number();
        }
        match first {
            '$' => {
                self.at += 1;
                let digits = self.take(|c| c.is_ascii_digit());
                let number =
                    digits.parse().map_err(|_| Fault::new(at, "a physical qubit is '$' and its number"))?;
                Ok(Token::Physical(number))
            }
            '"' | '\'' => {
                self.at += 1;
                let text = self.take(|c| c != first && c != '\n' && c != '\r');
                if !self.rest().starts_with(first) {
                    return Err(Fault::new(at, "the string is not closed on its line"));
                }
                self.at += 1;
                Ok(Token::Text(text))
            }
            '#' if rest.starts_with("#pragma") => Ok(self.line()),
            // An annotation begins a statement; a modifier's @ follows one.
            '@' if rest[1..].starts_with(starts_word) && self.begins_line() => Ok(self.line()),
            _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => {
                    self.at += mark.len();
                    Ok(Token::Mark(mark))
                }
                None => Err(Fault::new(at, format!("{} means nothing here", quoted(&first.to_string())))),
            },
        }
    }

    fn begins_line(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.chars().rev().find(|c| !matches!(c, ' ' | '\t')).is_none_or(|c| c == '\n' || c == '\r')
    }

    fn number(&mut self) -> Read<Token<'s>> {
        let (rest, at) = (self.rest(), self.at);
        for (prefixes, radix) in [(["0x", "0X"], 16), (["0b", "0B"], 2), (["0o", "0O"], 8)] {
            if prefixes.iter().any(|prefix| rest.starts_with(prefix)) {
                self.at += 2;
                let digits: String = self.take(in_word).chars().filter(|c| *c != '_').collect();
                let wrong = |_| Fault::new(at, format!("this is no number of base {radix} below 2^127"));
                return i128::from_str_radix(&digits, radix).map(Token::Int).map_err(wrong);
            }
        }
        let digit = |c: char| c.is_ascii_digit() || c == '_';
        let mut text = self.take(digit).to_owned();
        let mut whole = true;
        if self.rest().starts_with('.') {
            whole = false;
            self.at += 1;
            text.push('.');
            text.push_str(self.take(digit));
        }
        let exponent =
            self.rest().strip_prefix(['e', 'E']).map(|more| more.strip_prefix(['+', '-']).unwrap_or(more));
        if exponent.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit())) {
            whole = false;
            text.push('e');
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                text.push_str(self.rest().get(..1).unwrap_or_default());
                self.at += 1;
            }
            text.push_str(self.take(digit));
        }
        text.retain(|c| c != '_');
        let too_large = |_| Fault::new(at, "this whole number is not below 2^127");
        let float = || text.parse::<f64>().map_err(|_| Fault::new(at, "this is not a number"));
        // A unit may follow, after a space even.
        let after = self.at;
        self.take(|c| c == ' ' || c == '\t');
        let unit = self.take(in_word);
        let seconds = match unit {
            "" => None,
            "im" => return Ok(Token::Imaginary(float()?)),
            "dt" => return Ok(Token::Ticks(float()?)),
            "s" => Some(0),
            "ms" => Some(-3),
            "us" | "µs" | "μs" => Some(-6),
            "ns" => Some(-9),
            _ => None,
        };
        if let Some(power) = seconds {
            // Read with the unit's exponent, 100ns is the number nearest to it.
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent = exponent.parse::<i32>().unwrap_or(0).saturating_add(power);
            let number = format!("{digits}e{exponent}").parse::<f64>();
            return number.map(Token::Time).map_err(|_| Fault::new(at, "this is not a time"));
        }
        self.at = after;
        if self.rest().starts_with(starts_word) {
            return Err(Fault::new(after, format!("{} follows a number without a space", quoted(unit))));
        }
        if whole { text.parse().map(Token::Int).map_err(too_large) } else { float().map(Token::Float) }
    }
}
