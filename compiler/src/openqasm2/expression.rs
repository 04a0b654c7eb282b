//! Expressions for angles: numbers, `pi`, parameters, + − * / ^, and functions.
//!
//! Read with operator stacks instead of recursion, so that no depth of parentheses can exhaust the call stack. What is
//! constant is computed while it is read; what is left inside a gate's body is kept in postfix order.

use std::f64::consts::PI;

use super::Reader;
use super::symbols::{Keyword, Symbol};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;
use crate::names::Names;

/// One step of an expression in postfix order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Number(f64),
    /// The parameter of this number.
    Parameter(u32),
    Negate,
    Apply(Function),
    Binary(Binary),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Sin,
    Cos,
    Tan,
    Exp,
    Ln,
    Sqrt,
    Asin,
    Acos,
    Atan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            "tan" => Self::Tan,
            "exp" => Self::Exp,
            "ln" => Self::Ln,
            "sqrt" => Self::Sqrt,
            "asin" | "arcsin" => Self::Asin,
            "acos" | "arccos" => Self::Acos,
            "atan" | "arctan" => Self::Atan,
            _ => return None,
        })
    }

    /// Why there is no such value is the error.
    fn of(self, x: f64) -> Result<f64, String> {
        let value = match self {
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Exp => x.exp(),
            Self::Ln if x <= 0.0 => return Err(format!("ln of {x}, which is not positive")),
            Self::Ln => x.ln(),
            Self::Sqrt if x < 0.0 => return Err(format!("square root of {x}, which is negative")),
            Self::Sqrt => x.sqrt(),
            Self::Asin | Self::Acos if x.abs() > 1.0 => {
                return Err(format!("arc sine or arc cosine of {x}, which is not between -1 and 1"));
            }
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
        };
        finite(value)
    }
}

impl Binary {
    fn of(self, x: f64, y: f64) -> Result<f64, String> {
        finite(match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide if y == 0.0 => return Err("division by zero".to_owned()),
            Self::Divide => x / y,
            Self::Power => x.powf(y),
        })
    }

    /// Higher binds tighter; negation stands between multiplication and power.
    fn strength(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
            Self::Power => 4,
        }
    }
}

const NEGATION: u8 = 3;

fn finite(value: f64) -> Result<f64, String> {
    if value.is_finite() { Ok(value) } else { Err("the result is not a finite number".to_owned()) }
}

/// Memory that expressions are read in, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The expression in postfix order.
    pub(super) out: Vec<Step>,
    waiting: Vec<Waiting>,
}

/// An operator that waits for its right operand, with its place.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    what: Pending,
    at: usize,
}

#[derive(Clone, Copy, Debug)]
enum Pending {
    Parenthesis,
    /// A function with its parenthesis.
    Call(Function),
    Negate,
    Binary(Binary),
}

/// The names of a gate's parameters and qubits while its body is read.
#[derive(Debug, Default)]
pub(super) struct Locals<'s> {
    pub(super) names: Names<&'s str, Local>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local {
    Parameter(u32),
    Qubit(u32),
}

impl<'s> Reader<'s, '_, '_> {
    /// An expression without parameters.
    #[inline]
    pub(super) fn angle(&mut self) -> Read<f64> {
        // Most angles are one number.
        let ahead = self.cursor.clone();
        let at = self.cursor.place();
        let negative = self.cursor.eat(b'-');
        if let Some(number) = self.cursor.number()?
            && matches!(self.cursor.peek(), Some(b',' | b')'))
        {
            let value = value(number.text, at)?;
            return Ok(if negative { -value } else { value });
        }
        self.cursor = ahead;
        let mut scratch = std::mem::take(&mut self.program.scratch);
        let value = self.expression(None, &mut scratch);
        let steps = scratch.out.as_slice();
        let value = value.and_then(|()| match steps {
            [Step::Number(value)] => Ok(*value),
            // Without parameters everything is computed.
            _ => Err(Fault::new(at, "this expression has no value")),
        });
        self.program.scratch = scratch;
        value
    }

    /// An expression up to the mark behind it, into `scratch.out`. Parameters may be used where `locals` are given.
    pub(super) fn expression(&mut self, locals: Option<&Locals<'s>>, scratch: &mut Scratch) -> Read<()> {
        let Scratch { out, waiting } = scratch;
        out.clear();
        waiting.clear();
        loop {
            self.operand(locals, out, waiting)?;
            // Behind an operand: closing parentheses, then an operator or the end.
            loop {
                let at = self.cursor.place();
                if self.cursor.peek() == Some(b')') {
                    reduce(out, waiting, 0)?;
                    let Some(open) = waiting.pop() else { return Ok(()) };
                    self.cursor.eat(b')');
                    if let Pending::Call(function) = open.what {
                        emit(out, Step::Apply(function), open.at)?;
                    }
                    continue;
                }
                let Some(operator) = self.operator() else {
                    reduce(out, waiting, 0)?;
                    return match waiting.last() {
                        None => Ok(()),
                        Some(_) => Err(self.cursor.expected("an operator or ')'")),
                    };
                };
                // Powers group from the right, everything else from the left.
                let strength = operator.strength();
                reduce(out, waiting, strength + u8::from(operator == Binary::Power))?;
                waiting.push(Waiting { what: Pending::Binary(operator), at });
                break;
            }
        }
    }

    /// Signs and opening parentheses, then a number, a constant or a parameter.
    fn operand(
        &mut self,
        locals: Option<&Locals<'s>>,
        out: &mut Vec<Step>,
        waiting: &mut Vec<Waiting>,
    ) -> Read<()> {
        loop {
            let at = self.cursor.place();
            if self.cursor.eat(b'(') {
                waiting.push(Waiting { what: Pending::Parenthesis, at });
            } else if self.cursor.eat(b'-') {
                waiting.push(Waiting { what: Pending::Negate, at });
            } else if self.cursor.eat(b'+') {
                // Changes nothing.
            } else if let Some(number) = self.cursor.number()? {
                out.push(Step::Number(value(number.text, at)?));
                return Ok(());
            } else {
                let Some(word) = self.cursor.word() else {
                    return Err(self.cursor.expected("an expression"));
                };
                match locals.and_then(|locals| locals.names.get(word)) {
                    Some(Local::Parameter(number)) => {
                        out.push(Step::Parameter(*number));
                        return Ok(());
                    }
                    Some(Local::Qubit(_)) => {
                        return Err(Fault::new(at, format!("{} is a qubit, not a number", quoted(word))));
                    }
                    None => {}
                }
                if word == "pi" {
                    out.push(Step::Number(PI));
                    return Ok(());
                }
                let Some(function) = Function::named(word) else { return Err(self.no_value(word, at)) };
                if !self.cursor.eat(b'(') {
                    return Err(self.cursor.expected(&format!("'(' after '{word}'")));
                }
                waiting.push(Waiting { what: Pending::Call(function), at });
            }
        }
    }

    fn operator(&mut self) -> Option<Binary> {
        let operator = match self.cursor.peek()? {
            b'+' => Binary::Add,
            b'-' => Binary::Subtract,
            b'*' => Binary::Multiply,
            b'/' => Binary::Divide,
            b'^' => Binary::Power,
            _ => return None,
        };
        let mark = self.cursor.peek()?;
        self.cursor.eat(mark).then_some(operator)
    }

    #[cold]
    fn no_value(&self, word: &str, at: usize) -> Fault {
        let message = match self.program.symbols.get(word) {
            Some(symbol) if !matches!(symbol, Symbol::Keyword(Keyword::Expression)) => {
                format!("{} is {}, not a number", quoted(word), symbol.what())
            }
            _ => format!("there is no parameter, constant or function {}", quoted(word)),
        };
        Fault::new(at, message)
    }
}

/// The value of a number as it is written.
fn value(text: &str, at: usize) -> Read<f64> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(Fault::new(at, format!("the number {} is too large", quoted(text)))),
    }
}

/// Carries out the waiting operators that bind at least as tight as `strength`, up to an open parenthesis.
fn reduce(out: &mut Vec<Step>, waiting: &mut Vec<Waiting>, strength: u8) -> Read<()> {
    while let Some(&Waiting { what, at }) = waiting.last() {
        let step = match what {
            Pending::Binary(operator) if operator.strength() >= strength => Step::Binary(operator),
            Pending::Negate if NEGATION >= strength => Step::Negate,
            _ => return Ok(()),
        };
        waiting.pop();
        emit(out, step, at)?;
    }
    Ok(())
}

/// Appends an operation, or carries it out if its operands are numbers.
fn emit(out: &mut Vec<Step>, step: Step, at: usize) -> Read<()> {
    let (operands, result) = match (step, out.as_slice()) {
        (Step::Negate, [.., Step::Number(x)]) => (1, Ok(-x)),
        (Step::Apply(function), [.., Step::Number(x)]) => (1, function.of(*x)),
        (Step::Binary(operator), [.., Step::Number(x), Step::Number(y)]) => (2, operator.of(*x, *y)),
        // A constant divisor is known now, whatever is divided.
        (Step::Binary(Binary::Divide), [.., Step::Number(0.0)]) => (1, Err("division by zero".to_owned())),
        _ => {
            out.push(step);
            return Ok(());
        }
    };
    let value = result.map_err(|why| Fault::new(at, why))?;
    out.truncate(out.len() - operands);
    out.push(Step::Number(value));
    Ok(())
}

/// The value of `steps` with these parameters; `stack` is empty before and after.
pub(super) fn evaluate(steps: &[Step], parameters: &[f64], stack: &mut Vec<f64>) -> Result<f64, String> {
    stack.clear();
    for step in steps {
        let value = match *step {
            Step::Number(value) => value,
            // Every step was checked when it was read, so nothing is missing here.
            Step::Parameter(number) => parameters.get(number as usize).copied().unwrap_or(f64::NAN),
            Step::Negate => -stack.pop().unwrap_or(f64::NAN),
            Step::Apply(function) => function.of(stack.pop().unwrap_or(f64::NAN))?,
            Step::Binary(operator) => {
                let right = stack.pop().unwrap_or(f64::NAN);
                operator.of(stack.pop().unwrap_or(f64::NAN), right)?
            }
        };
        stack.push(value);
    }
    finite(stack.pop().unwrap_or(f64::NAN))
}
