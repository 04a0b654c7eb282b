//! What reading statements and expressions needs: marks, names, types, lists, and how deep things may be nested.

use std::rc::Rc;

use super::syntax::{Expr, Type};
use super::token::{Token, tokens};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// How deep statements and expressions may be nested; programs in use stay below ten.
pub(super) const DEEPEST: u32 = 100;
pub(super) struct Parser<'s> {
    tokens: Vec<(Token<'s>, usize)>,
    next: usize,
    pub(super) depth: u32,
}

/// Whether `name` means something in the language, so that nothing can be called that.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
        || matches!(name, "pi" | "tau" | "euler" | "im" | "gphase" | "OPENQASM" | "pragma")
}

/// Words that name nothing.
const RESERVED: [&str; 50] = [
    "include",
    "qubit",
    "qreg",
    "creg",
    "const",
    "input",
    "output",
    "let",
    "gate",
    "def",
    "extern",
    "defcalgrammar",
    "cal",
    "defcal",
    "reset",
    "barrier",
    "delay",
    "measure",
    "if",
    "else",
    "for",
    "in",
    "while",
    "switch",
    "case",
    "default",
    "break",
    "continue",
    "end",
    "return",
    "box",
    "nop",
    "bit",
    "bool",
    "int",
    "uint",
    "float",
    "angle",
    "complex",
    "duration",
    "stretch",
    "array",
    "inv",
    "pow",
    "ctrl",
    "negctrl",
    "true",
    "false",
    "opaque",
    "void",
];

impl<'s> Parser<'s> {
    pub(super) fn new(text: &'s str) -> Read<Self> {
        Ok(Self { tokens: tokens(text)?, next: 0, depth: 0 })
    }

    pub(super) fn ahead(&self, by: usize) -> Token<'s> {
        self.tokens.get(self.next + by).map_or(Token::End, |(token, _)| *token)
    }

    /// The token that was taken last.
    pub(super) fn behind(&self) -> Token<'s> {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(Token::End, |(token, _)| *token)
    }

    pub(super) fn peek(&self) -> Token<'s> {
        self.ahead(0)
    }

    pub(super) fn place(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn here(&self) -> usize {
        self.next
    }

    pub(super) fn back_to(&mut self, place: usize) {
        self.next = place;
    }

    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), Token::Mark(found) if found == mark)
    }

    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.next += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek() == Token::Word(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn need(&mut self, mark: &str) -> Read<()> {
        if self.eat(mark) { Ok(()) } else { Err(self.expected(&format!("'{mark}'"))) }
    }

    /// Says what should stand here and what does.
    #[cold]
    pub(super) fn expected(&self, what: &str) -> Fault {
        let found = match self.peek() {
            Token::End => {
                return Fault::new(self.place(), format!("expected {what}, but the program ends here"));
            }
            Token::Word(word) => quoted(word),
            Token::Mark(mark) => format!("'{mark}'"),
            Token::Text(_) => "a string".to_owned(),
            Token::Physical(number) => format!("'${number}'"),
            Token::Line => "a pragma or an annotation".to_owned(),
            _ => "a number".to_owned(),
        };
        Fault::new(self.place(), format!("expected {what}, found {found}"))
    }

    /// Goes one level deeper for the time of `read`.
    pub(super) fn deeper<R>(&mut self, read: impl FnOnce(&mut Self) -> Read<R>) -> Read<R> {
        if self.depth >= DEEPEST {
            return Err(Fault::new(self.place(), format!("this is nested more than {DEEPEST} levels deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    pub(super) fn name(&mut self) -> Read<Rc<str>> {
        match self.peek() {
            Token::Word(word) if RESERVED.contains(&word) => Err(Fault::new(
                self.place(),
                format!("'{word}' is a word of the language, and names nothing"),
            )),
            Token::Word(word) => {
                self.advance();
                Ok(word.into())
            }
            _ => Err(self.expected("a name")),
        }
    }

    /// Passes over everything in braces.
    pub(super) fn skip_braces(&mut self) -> Read<()> {
        self.need("{")?;
        let mut open = 1u32;
        while open > 0 {
            match self.peek() {
                Token::End => return Err(self.expected("'}'")),
                Token::Mark("{") => open += 1,
                Token::Mark("}") => open -= 1,
                _ => {}
            }
            self.advance();
        }
        Ok(())
    }

    /// Expressions up to a mark, which is taken.
    pub(super) fn list_until(&mut self, mark: &str) -> Read<Vec<Expr>> {
        let mut list = Vec::new();
        while !self.eat(mark) {
            list.push(self.expression()?);
            if !self.eat(",") && !self.is(mark) {
                return Err(self.expected(&format!("',' or '{mark}'")));
            }
        }
        Ok(list)
    }

    pub(super) fn size(&mut self) -> Read<Option<Expr>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let size = self.expression()?;
        self.need("]")?;
        Ok(Some(size))
    }

    pub(super) fn of_type(&mut self) -> Read<Type> {
        let Token::Word(word) = self.peek() else { return Err(self.expected("a type")) };
        if !matches!(
            word,
            "bit"
                | "bool"
                | "int"
                | "uint"
                | "float"
                | "angle"
                | "complex"
                | "duration"
                | "stretch"
                | "array"
                | "qubit"
        ) {
            return Err(self.expected("a type"));
        }
        self.advance();
        let size = |parser: &mut Self| Ok(parser.size()?.map(Box::new));
        Ok(match word {
            "bit" => Type::Bit(size(self)?),
            "bool" => Type::Bool,
            "int" => Type::Int(size(self)?),
            "uint" => Type::Uint(size(self)?),
            "float" => {
                self.size()?;
                Type::Float
            }
            "angle" => Type::Angle(size(self)?),
            "complex" => {
                if self.eat("[") {
                    self.of_type()?;
                    self.need("]")?;
                }
                Type::Complex
            }
            "duration" => Type::Duration,
            "stretch" => Type::Stretch,
            "array" => {
                self.need("[")?;
                let of = self.deeper(Self::of_type)?;
                let mut sizes = Vec::new();
                while self.eat(",") {
                    if self.eat("#") {
                        self.advance();
                        self.need("=")?;
                    }
                    sizes.push(self.expression()?);
                }
                self.need("]")?;
                Type::Array(Box::new(of), sizes)
            }
            _ => Type::Qubit(size(self)?),
        })
    }
}
