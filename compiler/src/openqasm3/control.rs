//! Branches and loops: taken where they are known, else done under their condition.

use std::rc::Rc;

use super::evaluate::range;
use super::logic::Logic;
use super::run::Flow;
use super::syntax::{Binary, Expr, Index, Stmt, Type};
use super::value::{Kind, Value, binary, depends_on_outcome, simple, unsupported};
use super::{Machine, Scope};
use crate::diagnostic::{Fault, Read};

impl Machine<'_> {
    /// One of two branches, or each under its condition.
    pub(super) fn either(
        &mut self,
        condition: &Logic,
        then: &[Stmt],
        otherwise: &[Stmt],
        at: usize,
    ) -> Read<Flow> {
        match condition.known() {
            Some(true) => return self.block(then),
            Some(false) => return self.block(otherwise),
            None => {}
        }
        self.when(condition, then, at)?;
        if !otherwise.is_empty() {
            let other = simple(condition.not(), at)?;
            self.when(&other, otherwise, at)?;
        }
        Ok(Flow::Next)
    }

    /// A block that is carried out where a condition on outcomes holds.
    pub(super) fn when(&mut self, condition: &Logic, body: &[Stmt], at: usize) -> Read<()> {
        let path = simple(self.path.and(condition), at)?;
        if path == Logic::Known(false) {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.path, path);
        self.under += 1;
        let flow = self.block(body);
        self.under -= 1;
        self.path = before;
        match flow? {
            Flow::Next => Ok(()),
            _ => Err(depends_on_outcome(at)),
        }
    }

    pub(super) fn for_each(
        &mut self,
        of: &Type,
        name: &Rc<str>,
        over: &Index,
        body: &[Stmt],
        at: usize,
    ) -> Read<Flow> {
        let kind = self.kind(of, at)?;
        let values = match over {
            Index::Range { start, step, end } => {
                let mut number = |expr: &Option<Expr>, otherwise: Option<i128>| -> Read<i128> {
                    match (expr, otherwise) {
                        (Some(expr), _) => self.evaluate(expr)?.int(expr.at),
                        (None, Some(otherwise)) => Ok(otherwise),
                        (None, None) => Err(Fault::new(at, "a loop needs both ends of its range")),
                    }
                };
                let (start, step, end) = (number(start, None)?, number(step, Some(1))?, number(end, None)?);
                range(start, step, end, at)?.into_iter().map(Value::Int).collect()
            }
            Index::Set(elements) => {
                let mut values = Vec::new();
                for element in elements {
                    values.push(self.evaluate(element)?);
                }
                values
            }
            Index::One(expr) => match self.evaluate(expr)? {
                Value::List(values) => values,
                Value::Bits(bits) => bits.into_iter().map(|bit| Value::Bits(vec![bit])).collect(),
                other => {
                    return Err(Fault::new(
                        expr.at,
                        format!("a loop goes over a range or an array, not {}", other.what()),
                    ));
                }
            },
        };
        let before = std::mem::replace(&mut self.loop_under, self.under);
        let flow = self.rounds(&kind, name, values, body, at);
        self.loop_under = before;
        flow
    }

    fn rounds(
        &mut self,
        kind: &Kind,
        name: &Rc<str>,
        values: Vec<Value>,
        body: &[Stmt],
        at: usize,
    ) -> Read<Flow> {
        for value in values {
            self.count(0, at)?;
            let entry = self.held(kind.clone(), value.cast(kind, at)?, false, at);
            self.scopes.push(Scope::from([(Rc::clone(name), entry)]));
            let flow = self.block(body);
            self.scopes.pop();
            match flow? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn while_holds(&mut self, condition: &Expr, body: &[Stmt], at: usize) -> Read<Flow> {
        loop {
            self.count(0, at)?;
            let holds = self.condition(condition)?.known().ok_or_else(|| {
                let message = "this loop goes on until an outcome says otherwise, and a circuit has an end; use a for loop";
                unsupported(condition.at, message)
            })?;
            if !holds {
                return Ok(Flow::Next);
            }
            match self.block(body)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Ok(Flow::Next),
                other => return Ok(other),
            }
        }
    }

    pub(super) fn switch(
        &mut self,
        of: &Expr,
        cases: &[(Vec<Expr>, Vec<Stmt>)],
        default: Option<&[Stmt]>,
        at: usize,
    ) -> Read<Flow> {
        let value = self.evaluate(of)?;
        let mut rest = Logic::Known(true);
        for (values, body) in cases {
            let mut any = Logic::Known(false);
            for case in values {
                let case_value = self.evaluate(case)?;
                let same = binary(Binary::Equal, &value, &case_value, case.at)?.logic(case.at)?;
                any = simple(any.or(&same), at)?;
            }
            self.check_stands(&any, at)?;
            match any.known() {
                Some(true) if rest == Logic::Known(true) => return self.block(body),
                Some(false) => {}
                _ => {
                    let here = simple(rest.and(&any), at)?;
                    if here != Logic::Known(false) {
                        self.when(&here, body, at)?;
                    }
                    rest = simple(rest.and(&simple(any.not(), at)?), at)?;
                }
            }
        }
        match (default, rest) {
            (Some(body), Logic::Known(true)) => self.block(body),
            (Some(body), rest @ Logic::When(_)) => self.when(&rest, body, at).map(|()| Flow::Next),
            _ => Ok(Flow::Next),
        }
    }
}
