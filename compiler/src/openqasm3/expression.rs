//! From tokens to the tree: expressions.

use super::parser::Parser;
use super::syntax::{At, Binary, Expr, Expression, Index, Type, Unary};
use super::token::Token;
use crate::diagnostic::{Fault, Read};

/// How many operators may follow each other in one expression.
const LONGEST: u32 = 500;

/// An operator between two operands, and how strongly it binds.
pub(super) fn operator(mark: &str) -> Option<(Binary, u8)> {
    Some(match mark {
        "||" => (Binary::Or, 1),
        "&&" => (Binary::And, 2),
        "|" => (Binary::BitOr, 3),
        "^" => (Binary::BitXor, 4),
        "&" => (Binary::BitAnd, 5),
        "==" => (Binary::Equal, 6),
        "!=" => (Binary::NotEqual, 6),
        "<" => (Binary::Less, 7),
        "<=" => (Binary::LessEqual, 7),
        ">" => (Binary::Greater, 7),
        ">=" => (Binary::GreaterEqual, 7),
        "<<" => (Binary::ShiftLeft, 8),
        ">>" => (Binary::ShiftRight, 8),
        "+" => (Binary::Add, 9),
        "-" => (Binary::Subtract, 9),
        "*" => (Binary::Multiply, 10),
        "/" => (Binary::Divide, 10),
        "%" => (Binary::Remainder, 10),
        "**" => (Binary::Power, 12),
        _ => return None,
    })
}

/// How strongly a sign binds: weaker than a power, stronger than a product.
const SIGN: u8 = 11;

/// Reads a text that is one expression.
pub(super) fn alone(text: &str) -> Read<Expr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expression()?;
    if parser.peek() == Token::End { Ok(expr) } else { Err(parser.expected("the end")) }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Read<Expr> {
        let mut left = self.binary(0)?;
        let mut joins = 0;
        while self.is("++") {
            joins += 1;
            self.not_too_long(joins)?;
            self.advance();
            let right = self.binary(0)?;
            left = At { at: left.at, is: Expression::Joined(Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn not_too_long(&self, operators: u32) -> Read<()> {
        if operators > LONGEST {
            return Err(Fault::new(
                self.place(),
                format!("this expression has more than {LONGEST} operators"),
            ));
        }
        Ok(())
    }

    fn binary(&mut self, least: u8) -> Read<Expr> {
        let mut left = self.deeper(Self::unary)?;
        let mut operators = 0;
        while let Token::Mark(mark) = self.peek() {
            let Some((binary, binds)) = operator(mark).filter(|(_, binds)| *binds >= least.max(1)) else {
                break;
            };
            operators += 1;
            self.not_too_long(operators)?;
            let at = self.place();
            self.advance();
            // A power is read from the right.
            let right = if binary == Binary::Power {
                self.deeper(|parser| parser.binary(SIGN))?
            } else {
                self.deeper(|parser| parser.binary(binds + 1))?
            };
            left = At { at, is: Expression::Binary(binary, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Read<Expr> {
        let at = self.place();
        let unary = match self.peek() {
            Token::Mark("-") => Unary::Minus,
            Token::Mark("!") => Unary::Not,
            Token::Mark("~") => Unary::Complement,
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.deeper(|parser| parser.binary(SIGN))?;
        Ok(At { at, is: Expression::Unary(unary, Box::new(operand)) })
    }

    fn postfix(&mut self) -> Read<Expr> {
        let mut value = self.primary()?;
        let mut brackets = 0;
        while self.is("[") {
            brackets += 1;
            self.not_too_long(brackets)?;
            let at = value.at;
            self.advance();
            let mut indices = Vec::new();
            loop {
                indices.push(self.index()?);
                if self.eat("]") {
                    break;
                }
                self.need(",")?;
            }
            value = At { at, is: Expression::Index(Box::new(value), indices) };
        }
        Ok(value)
    }

    fn index(&mut self) -> Read<Index> {
        if self.eat("{") {
            return Ok(Index::Set(self.list_until("}")?));
        }
        let ends = |parser: &Self| parser.is(":") || parser.is("]") || parser.is(",");
        let start = if ends(self) { None } else { Some(self.expression()?) };
        if !self.eat(":") {
            return start.map(Index::One).ok_or_else(|| self.expected("an index"));
        }
        let middle = if ends(self) { None } else { Some(self.expression()?) };
        if !self.eat(":") {
            return Ok(Index::Range { start, step: None, end: middle });
        }
        let end = if ends(self) { None } else { Some(self.expression()?) };
        Ok(Index::Range { start, step: middle, end })
    }

    /// What a loop goes over.
    pub(super) fn range_or_set(&mut self) -> Read<Index> {
        if self.eat("[") {
            let range = self.index()?;
            self.need("]")?;
            return Ok(range);
        }
        if self.eat("{") {
            return Ok(Index::Set(self.list_until("}")?));
        }
        self.expression().map(Index::One)
    }

    fn primary(&mut self) -> Read<Expr> {
        let at = self.place();
        let token = self.peek();
        let is = match token {
            Token::Int(number) => Expression::Int(number),
            Token::Float(number) => Expression::Float(number),
            Token::Imaginary(number) => Expression::Imaginary(number),
            Token::Time(seconds) => Expression::Time(seconds),
            Token::Ticks(_) => Expression::Ticks,
            Token::Physical(number) => Expression::Physical(number),
            Token::Text(text) => Expression::Bits(text.into()),
            Token::Mark("(") => {
                self.advance();
                let inner = self.expression()?;
                self.need(")")?;
                return Ok(inner);
            }
            Token::Mark("{") => {
                self.advance();
                return Ok(At { at, is: Expression::List(self.list_until("}")?) });
            }
            Token::Word(word) => return self.word(word, at),
            _ => return Err(self.expected("an expression")),
        };
        self.advance();
        Ok(At { at, is })
    }

    fn word(&mut self, word: &str, at: usize) -> Read<Expr> {
        match word {
            "true" | "false" => {
                self.advance();
                return Ok(At { at, is: Expression::Bool(word == "true") });
            }
            "measure" => {
                self.advance();
                let operand = self.deeper(Self::postfix)?;
                return Ok(At { at, is: Expression::Measure(Box::new(operand)) });
            }
            "durationof" => {
                self.advance();
                self.need("(")?;
                self.skip_braces()?;
                self.need(")")?;
                return Ok(At { at, is: Expression::DurationOf });
            }
            "bit" | "bool" | "int" | "uint" | "float" | "angle" | "complex" | "duration" | "array" => {
                let of: Type = self.of_type()?;
                self.need("(")?;
                let value = self.expression()?;
                self.need(")")?;
                return Ok(At { at, is: Expression::Cast(of, Box::new(value)) });
            }
            // The power function has the name of a modifier.
            "pow" => self.advance(),
            _ => {
                let name = self.name()?;
                if !self.is("(") {
                    return Ok(At { at, is: Expression::Name(name) });
                }
            }
        }
        self.need("(")?;
        let arguments = self.list_until(")")?;
        Ok(At { at, is: Expression::Call(word.into(), arguments) })
    }
}
