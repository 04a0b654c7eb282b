//! From tokens to the tree: statements.

use std::rc::Rc;

use super::parser::Parser;
use super::syntax::{
    At, Expr, Expression, GateDefinition, Modifier, Parameter, Statement, Stmt, Subroutine, Type,
};
use super::token::Token;
use crate::diagnostic::{Fault, Read};

/// Reads the whole of a text.
pub(super) fn program(text: &str) -> Read<Vec<Stmt>> {
    let mut parser = Parser::new(text)?;
    parser.version()?;
    let mut statements = Vec::new();
    while parser.peek() != Token::End {
        statements.push(parser.statement()?);
    }
    Ok(statements)
}

impl<'s> Parser<'s> {
    fn version(&mut self) -> Read<()> {
        if self.eat_word("OPENQASM") {
            self.advance();
            self.need(";")?;
        }
        Ok(())
    }

    /// A statement in braces, or one statement alone.
    fn body(&mut self) -> Read<Vec<Stmt>> {
        self.deeper(|parser| {
            if !parser.eat("{") {
                return Ok(vec![parser.statement()?]);
            }
            parser.rest_of_block()
        })
    }

    fn block(&mut self) -> Read<Vec<Stmt>> {
        self.need("{")?;
        self.deeper(Self::rest_of_block)
    }

    fn rest_of_block(&mut self) -> Read<Vec<Stmt>> {
        let mut statements = Vec::new();
        while !self.eat("}") {
            if self.peek() == Token::End {
                return Err(self.expected("'}'"));
            }
            statements.push(self.statement()?);
        }
        Ok(statements)
    }

    fn skip_to_brace_or_end(&mut self) -> Read<()> {
        while !self.is("{") {
            if self.eat(";") {
                return Ok(());
            }
            if self.peek() == Token::End {
                return Err(self.expected("'{'"));
            }
            self.advance();
        }
        self.skip_braces()
    }

    fn statement(&mut self) -> Read<Stmt> {
        let at = self.place();
        let statement = match self.peek() {
            Token::Word(word) => self.beginning_with(word)?,
            Token::Line => {
                self.advance();
                Statement::Nothing
            }
            Token::Mark(";") => {
                self.advance();
                Statement::Nothing
            }
            Token::Mark("{") => Statement::Block(self.block()?),
            Token::End => return Err(self.expected("a statement")),
            _ => self.expression_statement()?,
        };
        Ok(At { at, is: statement })
    }

    fn beginning_with(&mut self, word: &'s str) -> Read<Statement> {
        let is_type = matches!(
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
        );
        if is_type && self.ahead(1) != Token::Mark("(") {
            return self.declaration(false);
        }
        let begun = self.here();
        self.advance();
        match word {
            "OPENQASM" => Err(Fault::new(self.place(), "the version must be the first statement")),
            "include" => match self.peek() {
                Token::Text(text) => {
                    self.advance();
                    self.end(Statement::Include(text.into()))
                }
                _ => Err(self.expected("a file name in quotes")),
            },
            "qubit" => {
                let size = self.size()?;
                let name = self.name()?;
                self.end(Statement::Qubits { name, size })
            }
            "qreg" => {
                let name = self.name()?;
                let size = self.size()?;
                self.end(Statement::Qubits { name, size })
            }
            "creg" => {
                let name = self.name()?;
                let size = self.size()?.map(Box::new);
                self.end(Statement::Declare { of: Type::Bit(size), name, value: None, constant: false })
            }
            "const" => self.declaration(true),
            "input" | "output" => {
                let of = self.of_type()?;
                let name = self.name()?;
                self.end(if word == "input" {
                    Statement::Input { of, name }
                } else {
                    Statement::Declare { of, name, value: None, constant: false }
                })
            }
            "let" => {
                let name = self.name()?;
                self.need("=")?;
                let value = self.expression()?;
                self.end(Statement::Alias { name, value })
            }
            "gate" => self.gate(),
            "def" => self.subroutine(),
            "extern" => {
                let name = self.name()?;
                while !self.is(";") && self.peek() != Token::End {
                    self.advance();
                }
                let subroutine = Subroutine { name, parameters: Vec::new(), result: None, body: None };
                self.end(Statement::Subroutine(Rc::new(subroutine)))
            }
            "defcalgrammar" => {
                self.advance();
                self.end(Statement::Nothing)
            }
            "cal" => self.skip_braces().map(|()| Statement::Nothing),
            "defcal" => self.skip_to_brace_or_end().map(|()| Statement::Nothing),
            "reset" => {
                let operand = self.expression()?;
                self.end(Statement::Reset(operand))
            }
            "barrier" => {
                let operands = self.list_until(";")?;
                Ok(Statement::Barrier(operands))
            }
            "nop" => self.list_until(";").map(|_| Statement::Nothing),
            "delay" => {
                self.need("[")?;
                let time = self.expression()?;
                self.need("]")?;
                let operands = self.list_until(";")?;
                Ok(Statement::Delay { time, operands })
            }
            "measure" => {
                let from = self.expression()?;
                let to = if self.eat("->") { Some(self.expression()?) } else { None };
                self.end(Statement::Measure { from, to })
            }
            "if" => {
                let condition = self.in_parentheses()?;
                let then = self.body()?;
                let otherwise = if self.eat_word("else") { self.body()? } else { Vec::new() };
                Ok(Statement::If { condition, then, otherwise })
            }
            "for" => {
                // The type may be missing, as in early drafts of the language.
                let of = if self.ahead(1) == Token::Word("in") { Type::Int(None) } else { self.of_type()? };
                let name = self.name()?;
                if !self.eat_word("in") {
                    return Err(self.expected("'in'"));
                }
                let over = self.range_or_set()?;
                let body = self.body()?;
                Ok(Statement::For { of, name, over, body })
            }
            "while" => {
                let condition = self.in_parentheses()?;
                let body = self.body()?;
                Ok(Statement::While { condition, body })
            }
            "switch" => self.switch(),
            "break" => self.end(Statement::Break),
            "continue" => self.end(Statement::Continue),
            "end" => self.end(Statement::End),
            "return" => {
                let value = if self.is(";") { None } else { Some(self.expression()?) };
                self.end(Statement::Return(value))
            }
            "box" => {
                if self.eat("[") {
                    self.expression()?;
                    self.need("]")?;
                }
                Ok(Statement::Box(self.block()?))
            }
            "inv" | "pow" | "ctrl" | "negctrl" => {
                self.back_to(begun);
                let mut modifiers = Vec::new();
                while let Some(modifier) = self.modifier()? {
                    modifiers.push(modifier);
                }
                let name = self.name()?;
                self.call(modifiers, name)
            }
            _ => {
                let calls = match self.peek() {
                    Token::Word(_) | Token::Physical(_) => true,
                    Token::Mark(";") => word == "gphase",
                    Token::Mark("(") => self.operands_follow_parentheses(),
                    _ => false,
                };
                self.back_to(begun);
                if calls {
                    let name = self.name()?;
                    return self.call(Vec::new(), name);
                }
                self.expression_statement()
            }
        }
    }

    /// Whether behind the closing parenthesis comes what a gate is called with.
    fn operands_follow_parentheses(&self) -> bool {
        let mut open = 0u32;
        for by in 0.. {
            match self.ahead(by) {
                Token::End => return false,
                Token::Mark("(") => open += 1,
                Token::Mark(")") => {
                    open -= 1;
                    if open == 0 {
                        // `gphase(x);` has no operands.
                        let gphase = self.behind() == Token::Word("gphase");
                        return gphase || matches!(self.ahead(by + 1), Token::Word(_) | Token::Physical(_));
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn end(&mut self, statement: Statement) -> Read<Statement> {
        self.need(";")?;
        Ok(statement)
    }

    fn in_parentheses(&mut self) -> Read<Expr> {
        self.need("(")?;
        let inner = self.expression()?;
        self.need(")")?;
        Ok(inner)
    }

    fn declaration(&mut self, constant: bool) -> Read<Statement> {
        let of = self.of_type()?;
        let name = self.name()?;
        let value = if self.eat("=") { Some(self.expression()?) } else { None };
        if constant && value.is_none() {
            return Err(self.expected("'=' and the value of the constant"));
        }
        self.end(Statement::Declare { of, name, value, constant })
    }

    fn gate(&mut self) -> Read<Statement> {
        let name = self.name()?;
        let mut angles = Vec::new();
        if self.eat("(") {
            while !self.eat(")") {
                angles.push(self.name()?);
                if !self.eat(",") && !self.is(")") {
                    return Err(self.expected("',' or ')'"));
                }
            }
        }
        let mut qubits = Vec::new();
        while !self.is("{") {
            qubits.push(self.name()?);
            if !self.eat(",") && !self.is("{") {
                return Err(self.expected("',' or '{'"));
            }
        }
        let body = self.block()?;
        Ok(Statement::Gate(Rc::new(GateDefinition { name, angles, qubits, body })))
    }

    fn subroutine(&mut self) -> Read<Statement> {
        let name = self.name()?;
        let mut parameters = Vec::new();
        self.need("(")?;
        while !self.eat(")") {
            let old = match self.peek() {
                Token::Word("qreg") => Some(true),
                Token::Word("creg") => Some(false),
                _ => None,
            };
            let parameter = if let Some(quantum) = old {
                self.advance();
                let name = self.name()?;
                let size = self.size()?.map(Box::new);
                Parameter {
                    of: if quantum { Type::Qubit(size) } else { Type::Bit(size) },
                    name,
                    mutable: false,
                }
            } else {
                let mutable = !self.eat_word("readonly") && self.eat_word("mutable");
                Parameter { of: self.of_type()?, name: self.name()?, mutable }
            };
            parameters.push(parameter);
            if !self.eat(",") && !self.is(")") {
                return Err(self.expected("',' or ')'"));
            }
        }
        let result = if self.eat("->") { Some(self.of_type()?) } else { None };
        let body = Some(self.block()?);
        Ok(Statement::Subroutine(Rc::new(Subroutine { name, parameters, result, body })))
    }

    fn switch(&mut self) -> Read<Statement> {
        let of = self.in_parentheses()?;
        self.need("{")?;
        let (mut cases, mut default) = (Vec::new(), None);
        while !self.eat("}") {
            if self.eat_word("default") {
                default = Some(self.block()?);
            } else if self.eat_word("case") {
                let mut values = vec![self.expression()?];
                while self.eat(",") {
                    values.push(self.expression()?);
                }
                cases.push((values, self.block()?));
            } else {
                return Err(self.expected("'case', 'default' or '}'"));
            }
        }
        Ok(Statement::Switch { of, cases, default })
    }

    fn modifier(&mut self) -> Read<Option<Modifier>> {
        let Token::Word(word @ ("inv" | "pow" | "ctrl" | "negctrl")) = self.peek() else { return Ok(None) };
        self.advance();
        let argument = if self.is("(") { Some(self.in_parentheses()?) } else { None };
        let modifier = match (word, argument) {
            ("inv", None) => Modifier::Inv,
            ("pow", Some(power)) => Modifier::Pow(power),
            ("ctrl", count) => Modifier::Control { count, on: true },
            ("negctrl", count) => Modifier::Control { count, on: false },
            _ => return Err(self.expected("'@'")),
        };
        self.need("@")?;
        Ok(Some(modifier))
    }

    /// The rest of a call of a gate.
    fn call(&mut self, modifiers: Vec<Modifier>, name: Rc<str>) -> Read<Statement> {
        let angles = if self.eat("(") { self.list_until(")")? } else { Vec::new() };
        if self.eat("[") {
            // How long the gate takes: the compiler of the hardware decides.
            self.expression()?;
            self.need("]")?;
        }
        let operands = self.list_until(";")?;
        Ok(Statement::Call { modifiers, name, angles, operands })
    }

    fn expression_statement(&mut self) -> Read<Statement> {
        let to = self.expression()?;
        if let Token::Mark(mark) = self.peek()
            && let Some(with) = assignment(mark)
        {
            self.advance();
            let value = self.expression()?;
            return self.end(Statement::Assign { to, with, value });
        }
        if !matches!(to.is, Expression::Call(..)) {
            return Err(self.expected("an assignment, or the operands of a gate"));
        }
        self.end(Statement::Expression(to))
    }
}

/// The operator of an assignment: `Some(None)` for a plain one.
fn assignment(mark: &str) -> Option<Option<super::syntax::Binary>> {
    match mark {
        "=" => Some(None),
        _ => mark
            .strip_suffix('=')
            .and_then(super::expression::operator)
            .map(|(binary, _)| Some(binary))
            .filter(|_| !matches!(mark, "==" | "!=" | "<=" | ">=")),
    }
}
