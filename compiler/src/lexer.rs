//! Reads the smallest pieces of OpenQASM out of the text: words, numbers, strings and marks, past space and comments.

use crate::diagnostic::{Fault, Read, printable};

/// A place in the text that moves forward as pieces are taken.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'s> {
    text: &'s str,
    at: usize,
}

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'s> {
    pub(crate) at: usize,
    pub(crate) text: &'s str,
    /// It has digits only.
    pub(crate) whole: bool,
}

/// What may stand in a word, indexed by byte.
static IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

impl<'s> Cursor<'s> {
    /// Starts at the beginning, past a byte-order mark.
    pub(crate) fn new(text: &'s str) -> Self {
        Self { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'s str {
        // Both ends lie beside ASCII characters.
        self.text.get(from..to).unwrap_or_default()
    }

    /// Skips space and comments and returns where the next piece starts. A block comment that is never closed is not
    /// skipped, and nothing accepts it.
    #[inline]
    pub(crate) fn place(&mut self) -> usize {
        // One space or line end between pieces is the rule.
        match self.byte(self.at) {
            Some(b'!'..=b'.' | b'0'..=b'~') => {}
            Some(b' ' | b'\n') => {
                self.at += 1;
                if !matches!(self.byte(self.at), Some(b'!'..=b'.' | b'0'..=b'~')) {
                    self.skip();
                }
            }
            _ => self.skip(),
        }
        self.at
    }

    fn skip(&mut self) {
        loop {
            match self.byte(self.at) {
                Some(b' ' | b'\t'..=b'\r') => self.at += 1,
                Some(b'/') => {
                    let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
                    let skipped = match rest.first() {
                        Some(b'/') => {
                            rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).or(Some(rest.len()))
                        }
                        Some(b'*') => rest
                            .get(1..)
                            .and_then(|inner| inner.windows(2).position(|pair| pair == b"*/"))
                            .map(|end| end + 3),
                        _ => None,
                    };
                    match skipped {
                        Some(skipped) => self.at += 1 + skipped,
                        None => return,
                    }
                }
                _ => return,
            }
        }
    }

    /// The byte the next piece starts with.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let at = self.place();
        self.byte(at)
    }

    /// Takes one mark if it is next.
    #[inline]
    pub(crate) fn eat(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    /// Takes a mark of two characters if it is next.
    pub(crate) fn eat_pair(&mut self, mark: [u8; 2]) -> bool {
        let at = self.place();
        let found = self.byte(at) == Some(mark[0]) && self.byte(at + 1) == Some(mark[1]);
        self.at += 2 * usize::from(found);
        found
    }

    /// Takes a word: a letter or underscore, then letters, digits and underscores.
    #[inline]
    pub(crate) fn word(&mut self) -> Option<&'s str> {
        let start = self.place();
        let bytes = self.text.as_bytes();
        let first = *bytes.get(start)?;
        if !IN_WORD[first as usize] || first.is_ascii_digit() {
            return None;
        }
        let mut end = start + 1;
        while bytes.get(end).is_some_and(|&byte| IN_WORD[byte as usize]) {
            end += 1;
        }
        self.at = end;
        Some(self.slice(start, end))
    }

    /// Takes a number: digits, or digits with a point or an exponent.
    ///
    /// Fails where a number begins and goes wrong.
    pub(crate) fn number(&mut self) -> Read<Option<Number<'s>>> {
        let start = self.place();
        let whole_part = self.digits(start);
        let mut end = whole_part;
        let mut whole = true;
        if self.byte(end) == Some(b'.') {
            end = self.digits(end + 1);
            if end == start + 1 {
                return Ok(None);
            }
            whole = false;
        } else if end == start {
            return Ok(None);
        }
        if let Some(b'e' | b'E') = self.byte(end) {
            let sign = usize::from(matches!(self.byte(end + 1), Some(b'+' | b'-')));
            let digits = end + 1 + sign;
            let exponent = self.digits(digits);
            if exponent == digits {
                return Err(Fault::new(start, "the exponent of this number has no digits"));
            }
            end = exponent;
            whole = false;
        }
        if self.byte(end).is_some_and(|byte| IN_WORD[byte as usize] || byte == b'.') {
            let message = format!("{} follows a number without a space", self.describe(end));
            return Err(Fault::new(end, message));
        }
        self.at = end;
        Ok(Some(Number { at: start, text: self.slice(start, end), whole }))
    }

    /// Takes a number if it has digits only.
    pub(crate) fn whole_number(&mut self) -> Read<Option<Number<'s>>> {
        let start = self.place();
        let number = self.number()?.filter(|number| number.whole);
        if number.is_none() {
            self.at = start;
        }
        Ok(number)
    }

    #[inline]
    fn digits(&self, mut at: usize) -> usize {
        while self.byte(at).is_some_and(|byte| byte.is_ascii_digit()) {
            at += 1;
        }
        at
    }

    /// Takes a short whole number and the closing bracket behind it, where nothing stands between: the usual index.
    #[inline]
    pub(crate) fn plain_index(&mut self) -> Option<u32> {
        let mut at = self.at;
        let mut value = 0u32;
        while let Some(digit @ b'0'..=b'9') = self.byte(at) {
            value = value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
            at += 1;
        }
        // Nine digits cannot overflow.
        if !(1..=9).contains(&(at - self.at)) || self.byte(at) != Some(b']') {
            return None;
        }
        self.at = at + 1;
        Some(value)
    }

    /// Takes a string in double or single quotes, on one line and without escapes.
    pub(crate) fn string(&mut self) -> Read<Option<&'s str>> {
        let start = self.place();
        let Some(quote @ (b'"' | b'\'')) = self.byte(start) else { return Ok(None) };
        let rest = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == quote || byte == b'\n' || byte == b'\r');
        match end.map(|end| start + 1 + end) {
            Some(end) if self.byte(end) == Some(quote) => {
                self.at = end + 1;
                Ok(Some(self.slice(start + 1, end)))
            }
            _ => Err(Fault::new(start, "the string is not closed on its line")),
        }
    }

    /// Whether nothing but space and comments is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.place() >= self.text.len()
    }

    /// Says that `what` should stand here and what stands here instead.
    #[cold]
    pub(crate) fn expected(&mut self, what: &str) -> Fault {
        let at = self.place();
        if at >= self.text.len() {
            // The place is where the program stops, not behind the blank lines after it.
            return Fault::new(
                self.text.trim_end().len(),
                format!("expected {what}, but the program ends here"),
            );
        }
        let found = self.describe(at);
        Fault::new(at, format!("expected {what}, found {found}"))
    }

    fn describe(&self, at: usize) -> String {
        let rest = self.text.get(at..).unwrap_or_default();
        match self.byte(at) {
            Some(b'/') if rest.starts_with("/*") => "a comment that is never closed".to_owned(),
            Some(b'"') => "a string".to_owned(),
            Some(b'-') if rest.starts_with("->") => "'->'".to_owned(),
            Some(b'=') if rest.starts_with("==") => "'=='".to_owned(),
            Some(byte) if IN_WORD[byte as usize] || byte == b'.' => {
                let part_of = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '.';
                let piece: String = rest.chars().take_while(part_of).collect();
                quoted(&piece)
            }
            _ => match rest.chars().next() {
                Some(c) if c.is_control() || !c.is_ascii() => format!("the character U+{:04X}", u32::from(c)),
                Some(c) => format!("'{c}'"),
                None => "the end of the program".to_owned(),
            },
        }
    }
}

/// A piece of the program in quotes, cut if it is long.
pub(crate) fn quoted(piece: &str) -> String {
    const SHOWN: usize = 40;
    match piece.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("'{}…'", printable(piece.get(..cut).unwrap_or_default())),
        None => format!("'{}'", printable(piece)),
    }
}

/// The version line of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Where the number stands.
    pub(crate) at: usize,
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

/// Takes `OPENQASM m.n;` if the text starts with it, and leaves the cursor where it is if not.
pub(crate) fn version(cursor: &mut Cursor<'_>) -> Read<Option<Version>> {
    let mut ahead = cursor.clone();
    if ahead.word() != Some("OPENQASM") {
        return Ok(None);
    }
    let Some(number) = ahead.number()? else { return Err(ahead.expected("a version such as 2.0")) };
    let (major, minor) = number.text.split_once('.').unwrap_or((number.text, "0"));
    let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else {
        return Err(Fault::new(number.at, format!("{} is not a version of OpenQASM", quoted(number.text))));
    };
    if !ahead.eat(b';') {
        return Err(ahead.expected("';' after the version"));
    }
    *cursor = ahead;
    Ok(Some(Version { at: number.at, major, minor }))
}
