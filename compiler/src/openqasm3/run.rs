//! Statements, carried out one after the other.

use std::rc::Rc;

use super::expression;
use super::logic::Logic;
use super::parse;
use super::place::Action;
use super::syntax::{Expr, Expression, Statement, Stmt, Type};
use super::value::{Kind, Value, depends_on_outcome};
use super::{Entry, Machine, Scope, Variable};
use crate::Included;
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// How many files may be open inside each other, and how many may be read in all.
const DEEPEST_INCLUDE: usize = 32;
const MOST_INCLUDES: u32 = 4096;

/// What comes after a statement.
#[derive(Debug)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return(Option<Value>),
    End,
}

impl Machine<'_> {
    pub(super) fn program(&mut self, source: &str) -> Read<()> {
        let statements = parse::program(source)?;
        self.most_physical = highest_physical(source).max(self.most_physical);
        for statement in &statements {
            match self.statement(statement)? {
                Flow::Next => {}
                Flow::End => break,
                Flow::Break | Flow::Continue => {
                    return Err(Fault::new(statement.at, "there is no loop around this"));
                }
                Flow::Return(_) => {
                    return Err(Fault::new(statement.at, "there is no subroutine around this"));
                }
            }
        }
        Ok(())
    }

    /// Statements in a scope of their own.
    pub(super) fn block(&mut self, statements: &[Stmt]) -> Read<Flow> {
        self.scopes.push(Scope::new());
        let flow = self.statements(statements);
        self.scopes.pop();
        flow
    }

    pub(super) fn statements(&mut self, statements: &[Stmt]) -> Read<Flow> {
        for statement in statements {
            match self.statement(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Stmt) -> Read<Flow> {
        let at = statement.at;
        self.count(0, at)?;
        match &statement.is {
            Statement::Nothing => {}
            Statement::Include(name) => self.include(name, at)?,
            Statement::Qubits { name, size } => {
                self.only_global("qubits are", at)?;
                let width = match size {
                    Some(size) => {
                        let wanted = self.evaluate(size)?.int(size.at)?;
                        u32::try_from(wanted).ok().filter(|width| *width > 0).ok_or_else(|| {
                            Fault::new(size.at, format!("a register of {wanted} qubits cannot be"))
                        })?
                    }
                    None => 1,
                };
                let start = self.add_qubits(name, width, at)?;
                let qubits = (start..start + width).collect();
                self.declare(name, Entry::Qubits { qubits, single: size.is_none() }, at)?;
            }
            Statement::Declare { of, name, value, constant } => {
                self.variable(of, name, value.as_ref(), *constant, at)?
            }
            Statement::Input { of, name } => self.input(of, name, at)?,
            Statement::Alias { name, value } => {
                let entry = match self.operand(value) {
                    Ok((qubits, single)) => Entry::Qubits { qubits, single },
                    Err(fault) => match self.evaluate(value) {
                        Ok(value @ (Value::Bits(_) | Value::List(_))) => {
                            let kind = match &value {
                                Value::Bits(bits) => Kind::Bit(Some(bits.len() as u32)),
                                _ => Kind::Array(Box::new(Kind::Bool), Vec::new()),
                            };
                            self.held(kind, value, true, at)
                        }
                        _ => return Err(fault),
                    },
                };
                self.declare(name, entry, at)?;
            }
            Statement::Gate(definition) => {
                self.only_global("gates are", at)?;
                if self.recognised(definition).is_none() {
                    self.declare(&definition.name, Entry::Defined(Rc::clone(definition)), at)?;
                }
            }
            Statement::Subroutine(subroutine) => {
                self.only_global("subroutines are", at)?;
                self.declare(&subroutine.name, Entry::Subroutine(Rc::clone(subroutine)), at)?;
            }
            Statement::Call { modifiers, name, angles, operands } => {
                self.call(modifiers, name, angles, operands, at)?;
            }
            Statement::Measure { from, to } => {
                let qubits = self.qubits(from)?;
                match to {
                    Some(to) => self.measure_to(to, &qubits, at)?,
                    None => {
                        let homes = vec![None; qubits.len()];
                        self.measure(&qubits, &homes, at)?;
                    }
                }
            }
            Statement::Reset(operand) => {
                for &qubit in self.qubits(operand)?.iter() {
                    self.push(Action::Reset(qubit), at)?;
                }
            }
            Statement::Barrier(operands) => self.barrier(operands, at)?,
            Statement::Delay { time, operands } => {
                let seconds = self.evaluate(time)?.seconds(time.at)?;
                let mut qubits = Vec::new();
                for operand in operands {
                    qubits.extend_from_slice(&self.qubits(operand)?);
                }
                if operands.is_empty() {
                    qubits.extend(0..self.circuit.qubits());
                }
                for qubit in qubits {
                    self.push(Action::Delay(qubit, seconds), at)?;
                }
            }
            Statement::Assign { to, with, value } => self.assign(to, *with, value, at)?,
            Statement::If { condition, then, otherwise } => {
                let condition = self.condition(condition)?;
                return self.either(&condition, then, otherwise, at);
            }
            Statement::For { of, name, over, body } => return self.for_each(of, name, over, body, at),
            Statement::While { condition, body } => {
                let before = std::mem::replace(&mut self.loop_under, self.under);
                let flow = self.while_holds(condition, body, at);
                self.loop_under = before;
                return flow;
            }
            Statement::Switch { of, cases, default } => {
                return self.switch(of, cases, default.as_deref(), at);
            }
            Statement::Break => return self.leave(Flow::Break, at),
            Statement::Continue => return self.leave(Flow::Continue, at),
            Statement::End => return self.leave(Flow::End, at),
            Statement::Return(value) => {
                let value = match value {
                    Some(value) => Some(self.evaluate(value)?),
                    None => None,
                };
                return self.leave(Flow::Return(value), at);
            }
            Statement::Box(body) | Statement::Block(body) => return self.block(body),
            Statement::Expression(expr) => {
                if let Expression::Call(name, arguments) = &expr.is
                    && let Some(Entry::Subroutine(subroutine)) = self.find(name)
                {
                    let subroutine = Rc::clone(subroutine);
                    self.subroutine(&subroutine, arguments, at)?;
                } else {
                    self.evaluate(expr)?;
                }
            }
        }
        Ok(Flow::Next)
    }

    /// Leaves a loop, a subroutine or the program, which no outcome may decide.
    fn leave(&self, flow: Flow, at: usize) -> Read<Flow> {
        let since = if matches!(flow, Flow::Return(_)) { self.call_under } else { self.loop_under };
        if self.under > since || (matches!(flow, Flow::End) && self.under > 0) {
            return Err(depends_on_outcome(at));
        }
        Ok(flow)
    }

    fn only_global(&self, what: &str, at: usize) -> Read<()> {
        if self.calls > 0 || !self.scopes.is_empty() {
            return Err(Fault::new(at, format!("{what} declared outside of blocks, gates and subroutines")));
        }
        Ok(())
    }

    fn include(&mut self, name: &str, at: usize) -> Read<()> {
        if matches!(name, "stdgates.inc" | "qelib1.inc") {
            self.include_library();
            return Ok(());
        }
        self.included += 1;
        if self.open.len() > DEEPEST_INCLUDE || self.included > MOST_INCLUDES {
            return Err(Fault::new(
                at,
                format!("{} is not included: there are too many includes", quoted(name)),
            ));
        }
        let from = self.open.last().cloned().unwrap_or_default();
        let Included { name: found, text } = self.includes.include(name, &from).map_err(|error| {
            Fault::new(at, format!("cannot include {}: {}", quoted(name), error.message())).of(error.kind())
        })?;
        if self.open.contains(&found) {
            return Err(Fault::new(at, format!("{} includes itself", quoted(name))));
        }
        self.open.push(found.clone());
        self.program(&text).map_err(|fault| Fault::Elsewhere(Box::new(fault.show(&text, &found))))?;
        self.open.pop();
        Ok(())
    }

    /// A variable that is declared here.
    pub(super) fn held(&self, kind: Kind, value: Value, constant: bool, at: usize) -> Entry {
        Entry::Variable(Variable { kind, value, constant, home: None, under: self.under, assigned: at })
    }

    fn variable(
        &mut self,
        of: &Type,
        name: &Rc<str>,
        value: Option<&Expr>,
        constant: bool,
        at: usize,
    ) -> Read<()> {
        if matches!(of, Type::Stretch) {
            // Declared and never used is harmless.
            let entry = self.held(Kind::Duration, Value::Nothing, false, at);
            return self.declare(name, entry, at);
        }
        let kind = self.kind(of, at)?;
        let start = match &kind {
            Kind::Bit(width) => Value::Bits(vec![Logic::Known(false); width.unwrap_or(1) as usize]),
            Kind::Array(..) => zeros(&kind),
            _ => Value::Nothing,
        };
        let mut home = None;
        if let (Kind::Bit(width), true, 0) = (&kind, self.scopes.is_empty(), self.calls)
            && !constant
        {
            let width = width.unwrap_or(1);
            let most = self.limits.bits;
            if u64::from(self.circuit.bits()) + u64::from(width) > u64::from(most) {
                return Err(Fault::new(at, format!("the program has more than {most} classical bits")));
            }
            let start = self.circuit.add_bits(name, width);
            home = Some(start.map_err(|error| Fault::new(at, error.message()))?);
        }
        // The value is worked out before the name is known.
        let measured = match value.map(|value| &value.is) {
            Some(Expression::Measure(operand)) => Some(self.qubits(operand)?),
            _ => None,
        };
        let first = match value {
            Some(value) if measured.is_none() => self.evaluate(value)?.cast(&kind, value.at)?,
            _ => start,
        };
        let under = self.under;
        let entry =
            Entry::Variable(Variable { kind, value: first, constant: false, home, under, assigned: at });
        self.declare(name, entry, at)?;
        if let Some(qubits) = measured {
            let to = Expr { at, is: Expression::Name(Rc::clone(name)) };
            self.measure_to(&to, &qubits, at)?;
        }
        if constant && let Some(Entry::Variable(variable)) = self.find_mut(name) {
            variable.constant = true;
        }
        Ok(())
    }

    fn input(&mut self, of: &Type, name: &Rc<str>, at: usize) -> Read<()> {
        self.only_global("inputs are", at)?;
        self.asked.push(name.to_string());
        let Some(text) = self.inputs.get(name.as_ref()) else {
            let message =
                format!("the input {} has no value: give one, as in --input {name}=0", quoted(name));
            return Err(Fault::new(at, message));
        };
        let kind = self.kind(of, at)?;
        let wrong = |fault: Fault| {
            let shown = fault.show(text, "input");
            Fault::new(
                at,
                format!("{} is no value for the input {}: {}", quoted(text), quoted(name), shown.message),
            )
        };
        let value = expression::alone(text)
            .and_then(|expr| self.evaluate(&expr))
            .and_then(|value| value.cast(&kind, 0));
        let entry = self.held(kind, value.map_err(wrong)?, true, at);
        self.declare(name, entry, at)
    }

    fn barrier(&mut self, operands: &[Expr], at: usize) -> Read<()> {
        let mut qubits = Vec::new();
        for operand in operands {
            qubits.extend_from_slice(&self.qubits(operand)?);
        }
        qubits.sort_unstable();
        qubits.dedup();
        self.push(Action::Barrier(qubits), at)
    }
}

fn zeros(kind: &Kind) -> Value {
    match kind {
        Kind::Array(of, sizes) => match sizes.split_first() {
            Some((first, rest)) => Value::List(vec![zeros(&Kind::Array(of.clone(), rest.to_vec())); *first]),
            None => zeros(of),
        },
        Kind::Bit(width) => Value::Bits(vec![Logic::Known(false); width.unwrap_or(1) as usize]),
        _ => Value::Nothing,
    }
}

/// The highest physical qubit that a text names.
fn highest_physical(source: &str) -> Option<u32> {
    let numbers = source.match_indices('$').filter_map(|(at, _)| {
        let rest = source.get(at + 1..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    });
    numbers.max()
}
