//! Assignments: to variables and their elements, and what they mean under a condition on outcomes.

use std::rc::Rc;

use super::logic::Logic;
use super::syntax::{Binary, Expr, Expression, Index};
use super::value::{Kind, Value, binary, depends_on_outcome, simple};
use super::{Entry, Machine};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

impl Machine<'_> {
    pub(super) fn assign(&mut self, to: &Expr, with: Option<Binary>, value: &Expr, at: usize) -> Read<()> {
        if let (None, Expression::Measure(operand)) = (with, &value.is) {
            let qubits = self.qubits(operand)?;
            return self.measure_to(to, &qubits, at);
        }
        let mut new = self.evaluate(value)?;
        if let Some(operator) = with {
            let old = self.evaluate(to)?;
            new = binary(operator, &old, &new, at)?;
        }
        self.store(to, new, at)
    }

    /// Puts a value into a variable, or into elements of one.
    pub(super) fn store(&mut self, to: &Expr, new: Value, at: usize) -> Read<()> {
        let (name, indices) = target(to)?;
        let Some(Entry::Variable(variable)) = self.find(&name) else {
            return Err(Fault::new(to.at, format!("{} is no variable", quoted(&name))));
        };
        if variable.constant {
            return Err(Fault::new(to.at, format!("{} is constant", quoted(&name))));
        }
        let (kind, old, under) = (variable.kind.clone(), variable.value.clone(), variable.under);
        let condition = if self.under > under { Some(self.path.clone()) } else { None };
        let stored = self.replaced(&kind, old, &indices, new, condition.as_ref(), at)?;
        if let Some(Entry::Variable(variable)) = self.find_mut(&name) {
            (variable.value, variable.assigned) = (stored, at);
        }
        Ok(())
    }

    fn replaced(
        &mut self,
        kind: &Kind,
        old: Value,
        indices: &[Index],
        new: Value,
        condition: Option<&Logic>,
        at: usize,
    ) -> Read<Value> {
        let Some((index, rest)) = indices.split_first() else {
            return merged(old, new.cast(kind, at)?, condition, at);
        };
        match old {
            Value::Bits(mut bits) => {
                let (places, _) = self.places(index, bits.len(), at)?;
                let new = match (&new, places.len()) {
                    (Value::Bits(_), _) => new.bits(places.len() as u32, at)?,
                    (_, 1) => vec![new.logic(at)?],
                    _ => new.bits(places.len() as u32, at)?,
                };
                for (place, new) in places.into_iter().zip(new) {
                    if let Some(bit) = bits.get_mut(place) {
                        *bit = merged_bit(bit, &new, condition, at)?;
                    }
                }
                Ok(Value::Bits(bits))
            }
            Value::List(mut list) => {
                let (places, single) = self.places(index, list.len(), at)?;
                let inner = match kind {
                    Kind::Array(of, sizes) if sizes.len() > 1 => Kind::Array(of.clone(), sizes[1..].to_vec()),
                    Kind::Array(of, _) => of.as_ref().clone(),
                    other => other.clone(),
                };
                let news = match new {
                    Value::List(values) if !single => values,
                    value => vec![value],
                };
                if news.len() != places.len() {
                    return Err(Fault::new(
                        at,
                        format!("expected {} elements, and these are {}", places.len(), news.len()),
                    ));
                }
                for (place, new) in places.into_iter().zip(news) {
                    if let Some(element) = list.get_mut(place) {
                        let old = std::mem::replace(element, Value::Nothing);
                        *element = self.replaced(&inner, old, rest, new, condition, at)?;
                    }
                }
                Ok(Value::List(list))
            }
            other => Err(Fault::new(at, format!("elements of {} are not assigned", other.what()))),
        }
    }
}

/// The variable that is assigned to, and which of its elements.
pub(super) fn target(to: &Expr) -> Read<(Rc<str>, Vec<Index>)> {
    match &to.is {
        Expression::Name(name) => Ok((Rc::clone(name), Vec::new())),
        Expression::Index(of, more) => {
            let (name, mut indices) = target(of)?;
            indices.extend(more.iter().cloned());
            Ok((name, indices))
        }
        _ => Err(Fault::new(to.at, "nothing can be assigned to this")),
    }
}

/// The new value where the condition holds, else the old one.
fn merged(old: Value, new: Value, condition: Option<&Logic>, at: usize) -> Read<Value> {
    let Some(_) = condition else { return Ok(new) };
    match (&old, &new) {
        _ if old == new => Ok(new),
        (Value::Bool(before), Value::Bool(after)) => {
            merged_bit(before, after, condition, at).map(Value::Bool)
        }
        (Value::Bits(before), Value::Bits(after)) if before.len() == after.len() => {
            let bits =
                before.iter().zip(after).map(|(before, after)| merged_bit(before, after, condition, at));
            Ok(Value::Bits(bits.collect::<Read<_>>()?))
        }
        _ => Err(depends_on_outcome(at)),
    }
}

pub(super) fn merged_bit(old: &Logic, new: &Logic, condition: Option<&Logic>, at: usize) -> Read<Logic> {
    let Some(condition) = condition else { return Ok(new.clone()) };
    let here = simple(condition.and(new), at)?;
    let elsewhere = simple(simple(condition.not(), at)?.and(old), at)?;
    simple(here.or(&elsewhere), at)
}
