//! What is wrong with a program and where: a sentence, the place, the line and a mark under the column.

use std::fmt;

use qhal::{Error, ErrorKind};

/// Widest line that is shown, in columns of a terminal.
const SHOWN: usize = 100;
/// A tab is shown as so many spaces.
const TAB: usize = 4;

/// Why a program cannot be read, with the place.
///
/// [`Display`](fmt::Display) gives three lines: `FILE:LINE:COLUMN: message`, the source line, and a caret under the
/// column. The first line is a sentence of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// `InvalidInput`, or `Unsupported` for what this crate cannot read or run.
    pub kind: ErrorKind,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What the caller calls the text it is in; for an included file, what [`Includes`](crate::Includes) calls it.
    pub file: String,
    /// The line, from 1. Lines end with LF, CRLF or CR.
    pub line: usize,
    /// The column, from 1, in Unicode characters; a tab is one.
    pub column: usize,
    /// The line as it is shown: tabs as four spaces, control characters replaced, and of a very long line only the
    /// part around the column.
    pub source_line: String,
    /// How many terminal columns of `source_line` stand before the place.
    indent: usize,
}

impl Diagnostic {
    /// Finds line and column of the byte `at` in `text`; a place behind the end is the end.
    fn new(kind: ErrorKind, message: String, text: &str, name: &str, at: usize) -> Self {
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (before, after) = text.split_at(at);
        let start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
        let end = after.find(['\n', '\r']).map_or(text.len(), |end| at + end);
        let before_line = &text[..start];
        // CR counts as a line end unless LF follows and counts.
        let line = 1 + before_line.matches('\n').count() + before_line.matches('\r').count()
            - before_line.matches("\r\n").count();
        let column = 1 + text[start..at].chars().count();
        let (source_line, indent) = excerpt(&text[start..at], &text[at..end]);
        Self { kind, message, file: printable(name), line, column, source_line, indent }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, file, line, column, source_line, indent, .. } = self;
        write!(f, "{file}:{line}:{column}: {message}\n{source_line}\n{:indent$}^", "")
    }
}

impl std::error::Error for Diagnostic {}

impl From<Diagnostic> for Error {
    /// Keeps all three lines as the message, because a caller that only prints it should show the place.
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic.kind, diagnostic.to_string())
    }
}

/// Something wrong that has not met its file yet, or has.
#[derive(Debug)]
pub(crate) enum Fault {
    /// At a byte of the text being read.
    Here(Box<Here>),
    /// In an included file, complete.
    Elsewhere(Box<Diagnostic>),
}

#[derive(Debug)]
pub(crate) struct Here {
    at: usize,
    message: String,
    kind: ErrorKind,
}

impl Fault {
    #[cold]
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self::Here(Box::new(Here { at, message: message.into(), kind: ErrorKind::InvalidInput }))
    }

    pub(crate) fn of(mut self, new: ErrorKind) -> Self {
        if let Self::Here(here) = &mut self {
            here.kind = new;
        }
        self
    }

    pub(crate) fn show(self, text: &str, name: &str) -> Diagnostic {
        match self {
            Self::Here(here) => Diagnostic::new(here.kind, here.message, text, name, here.at),
            Self::Elsewhere(diagnostic) => *diagnostic,
        }
    }
}

/// The result of everything that reads a program.
pub(crate) type Read<T> = Result<T, Fault>;

/// The line around a place, and how many columns of it stand before the place.
fn excerpt(before: &str, after: &str) -> (String, usize) {
    // What follows the place gets a third of the width; what stands before it gets the rest; what is left over then
    // goes to what follows.
    let behind = fit(after.chars(), SHOWN / 3);
    let mut ahead = fit(before.chars().rev(), SHOWN - behind.columns);
    let behind = fit(after.chars(), SHOWN - ahead.columns);
    ahead.characters.reverse();
    let mut line = String::new();
    if ahead.cut {
        line.push('…');
    }
    line.extend(ahead.characters.iter().chain(&behind.characters));
    if behind.cut {
        line.push('…');
    }
    (line, ahead.columns + usize::from(ahead.cut))
}

/// Part of a line as it is shown.
struct Part {
    characters: Vec<char>,
    columns: usize,
    cut: bool,
}

/// The first characters that fit into `room` columns.
fn fit(text: impl Iterator<Item = char>, room: usize) -> Part {
    let mut part = Part { characters: Vec::new(), columns: 0, cut: false };
    for character in text {
        let (shown, times) = if character == '\t' { (' ', TAB) } else { (plain(character), 1) };
        let wide = width(shown) * times;
        if part.columns + wide > room {
            part.cut = true;
            break;
        }
        part.columns += wide;
        part.characters.extend(std::iter::repeat_n(shown, times));
    }
    part
}

/// The text with everything replaced that a terminal would obey instead of showing.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(plain).collect()
}

fn plain(character: char) -> char {
    let obeyed = character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if obeyed { char::REPLACEMENT_CHARACTER } else { character }
}

/// How many columns a terminal gives to a character: 2 in East Asian scripts and for emoji (the wide blocks of Unicode
/// Standard Annex 11), 0 for combining marks and joiners, else 1.
fn width(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f680..=0x1f6ff => 2,
        0x1f900..=0x1f9ff | 0x1fa70..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, mark: &str) -> Diagnostic {
        Fault::new(text.find(mark).unwrap(), "wrong").show(text, "a.qasm")
    }

    #[test]
    fn the_caret_stands_under_the_column_behind_tabs_and_wide_characters() {
        assert_eq!(at("x\n\tab!c", "!").to_string(), "a.qasm:2:4: wrong\n    ab!c\n      ^");
        assert_eq!(at("/*量子*/ !", "!").to_string(), "a.qasm:1:8: wrong\n/*量子*/ !\n         ^");
        assert_eq!(at("e\u{301} !", "!").to_string(), "a.qasm:1:4: wrong\ne\u{301} !\n  ^");
    }

    #[test]
    fn lines_end_with_lf_crlf_or_cr() {
        for (text, line) in [("a\nb\n!x", 3), ("a\r\nb\r\n!x\r\n", 3), ("a\rb\r!x\ry", 3), ("!x", 1)] {
            let diagnostic = at(text, "!");
            assert_eq!((diagnostic.line, diagnostic.column), (line, 1));
            assert_eq!(diagnostic.source_line, "!x");
        }
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = format!("{}!{}", "a".repeat(10_000), "b".repeat(10_000));
        let shown = at(&text, "!").to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "a.qasm:1:10001: wrong");
        assert!(lines[1].starts_with("…a") && lines[1].ends_with("b…"));
        assert_eq!(lines[1].chars().count(), SHOWN + 2);
        assert_eq!(lines[1].chars().position(|c| c == '!'), lines[2].chars().position(|c| c == '^'));
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let diagnostic = Fault::new(0, "wrong").show("\x1b[2J\u{202e}", "a\x07b");
        assert!(!diagnostic.to_string().chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'));
    }

    #[test]
    fn a_place_behind_the_end_is_the_end() {
        let diagnostic = Fault::new(99, "wrong").show("ab\nüz", "x");
        assert_eq!((diagnostic.line, diagnostic.column), (2, 3));
        let diagnostic = Fault::new(4, "inside a character").show("ab\nüz", "x");
        assert_eq!((diagnostic.line, diagnostic.column), (2, 1));
    }
}
