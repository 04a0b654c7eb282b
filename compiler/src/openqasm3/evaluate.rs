//! Expressions: their values, and the qubits they name.

use std::f64::consts::{PI, TAU};
use std::rc::Rc;

use qhal::Complex64;

use super::logic::Logic;
use super::syntax::{Expr, Expression, Index, Type, Unary};
use super::value::{Kind, Value, binary, function, simple, unsupported};
use super::{Entry, Machine};
use crate::diagnostic::{Fault, Read};
use crate::lexer::quoted;

/// How deep expressions are looked into.
const DEEPEST: u32 = 1200;
/// Bits of an integer without a size.
const WORD: u32 = 64;
/// The most elements of an array.
const MOST_ELEMENTS: usize = 1 << 22;

impl Machine<'_> {
    pub(super) fn kind(&mut self, of: &Type, at: usize) -> Read<Kind> {
        let most = self.limits.bits;
        let mut size = |size: &Option<Box<Expr>>, most: u32| -> Read<Option<u32>> {
            let Some(size) = size else { return Ok(None) };
            let wanted = self.evaluate(size)?.int(size.at)?;
            match u32::try_from(wanted) {
                Ok(wanted) if wanted > 0 && wanted <= most => Ok(Some(wanted)),
                _ => Err(Fault::new(
                    size.at,
                    format!("a size is at least 1 and here at most {most}, not {wanted}"),
                )),
            }
        };
        Ok(match of {
            Type::Bit(width) => Kind::Bit(size(width, most)?),
            Type::Bool => Kind::Bool,
            Type::Int(width) => Kind::Int(size(width, 127)?.unwrap_or(WORD)),
            Type::Uint(width) => Kind::Uint(size(width, 127)?.unwrap_or(WORD)),
            Type::Float => Kind::Float,
            Type::Angle(width) => Kind::Angle(size(width, 127)?),
            Type::Complex => Kind::Complex,
            Type::Duration => Kind::Duration,
            Type::Stretch => {
                return Err(unsupported(at, "a stretch is decided by the compiler of the hardware"));
            }
            Type::Qubit(_) => return Err(Fault::new(at, "qubits are no classical type")),
            Type::Array(of, sizes) => {
                let of = self.kind(of, at)?;
                let mut found = Vec::new();
                for size in sizes {
                    let wanted = self.evaluate(size)?.int(size.at)?;
                    found.push(usize::try_from(wanted).unwrap_or(usize::MAX));
                }
                let elements = found.iter().try_fold(1usize, |all, size| all.checked_mul((*size).max(1)));
                if elements.is_none_or(|all| all > MOST_ELEMENTS) {
                    return Err(Fault::new(at, format!("an array has at most {MOST_ELEMENTS} elements")));
                }
                Kind::Array(Box::new(of), found)
            }
        })
    }

    pub(super) fn evaluate(&mut self, expr: &Expr) -> Read<Value> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(expr.at, "this goes too deep"));
        }
        let value = self.value_of(expr);
        self.depth -= 1;
        value
    }

    fn value_of(&mut self, expr: &Expr) -> Read<Value> {
        let at = expr.at;
        match &expr.is {
            Expression::Int(number) => Ok(Value::Int(*number)),
            Expression::Float(number) => Ok(Value::Float(*number)),
            Expression::Imaginary(number) => Ok(Value::Complex(Complex64::new(0.0, *number))),
            Expression::Time(seconds) => Ok(Value::Duration(*seconds)),
            Expression::Ticks => {
                Err(unsupported(at, "how long a tick of the hardware (dt) takes is not known here"))
            }
            Expression::DurationOf => Err(unsupported(at, "how long gates take is not known here")),
            Expression::Bool(value) => Ok(Value::Bool(Logic::Known(*value))),
            Expression::Bits(text) => bits_of(text, at),
            Expression::Name(name) => self.named(name, at),
            Expression::Physical(_) => Err(Fault::new(at, "a qubit has no value; it is measured")),
            Expression::Unary(unary, operand) => {
                let value = self.evaluate(operand)?;
                apply_unary(*unary, &value, at)
            }
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                binary(*operator, &left, &right, at)
            }
            Expression::Cast(of, value) => {
                let value = self.evaluate(value)?;
                let kind = match of {
                    // As many bits as there are.
                    Type::Int(None) | Type::Uint(None) if matches!(value, Value::Bits(_)) => Kind::Uint(127),
                    _ => self.kind(of, at)?,
                };
                value.cast(&kind, at)
            }
            Expression::Call(name, arguments) => {
                if let Some(Entry::Subroutine(subroutine)) = self.find(name) {
                    let subroutine = Rc::clone(subroutine);
                    let result = self.subroutine(&subroutine, arguments, at)?;
                    return result.ok_or_else(|| Fault::new(at, format!("{} returns nothing", quoted(name))));
                }
                if name.as_ref() == "sizeof" {
                    return self.size_of(arguments, at);
                }
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.evaluate(argument)?);
                }
                function(name, &values, at)?
                    .ok_or_else(|| Fault::new(at, format!("there is no function {}", quoted(name))))
            }
            Expression::Index(of, indices) => {
                let mut value = self.evaluate(of)?;
                for index in indices {
                    value = self.element(&value, index, at)?;
                }
                Ok(value)
            }
            Expression::Joined(left, right) => match (self.evaluate(left)?, self.evaluate(right)?) {
                (Value::Bits(mut low), Value::Bits(high)) => {
                    low.extend(high);
                    Ok(Value::Bits(low))
                }
                (Value::List(mut first), Value::List(second)) => {
                    first.extend(second);
                    Ok(Value::List(first))
                }
                (left, _) => Err(Fault::new(
                    at,
                    format!("only registers and arrays are joined, and this is {}", left.what()),
                )),
            },
            Expression::List(elements) => {
                let mut values = Vec::with_capacity(elements.len());
                for element in elements {
                    values.push(self.evaluate(element)?);
                }
                Ok(Value::List(values))
            }
            Expression::Measure(operand) => {
                let qubits = self.qubits(operand)?;
                let homes = vec![None; qubits.len()];
                self.measure(&qubits, &homes, at).map(Value::Bits)
            }
        }
    }

    fn named(&self, name: &str, at: usize) -> Read<Value> {
        match self.find(name) {
            Some(Entry::Variable(variable)) => match &variable.value {
                Value::Nothing => Err(Fault::new(at, format!("{} has no value yet", quoted(name)))),
                value => Ok(value.clone()),
            },
            Some(Entry::Qubits { .. }) => Err(Fault::new(at, "a qubit has no value; it is measured")),
            Some(_) => Err(Fault::new(at, format!("{} is no value", quoted(name)))),
            None => match name {
                "pi" | "π" => Ok(Value::Float(PI)),
                "tau" | "τ" => Ok(Value::Float(TAU)),
                "euler" | "ℇ" => Ok(Value::Float(std::f64::consts::E)),
                "im" => Ok(Value::Complex(Complex64::I)),
                _ => Err(Fault::new(at, format!("{} is not declared", quoted(name)))),
            },
        }
    }

    fn size_of(&mut self, arguments: &[Expr], at: usize) -> Read<Value> {
        let [of, rest @ ..] = arguments else { return Err(Fault::new(at, "sizeof takes an array")) };
        let mut value = self.evaluate(of)?;
        let dimension = match rest {
            [] => 0,
            [dimension, ..] => self.evaluate(dimension)?.int(dimension.at)?,
        };
        for _ in 0..dimension {
            value = match value {
                Value::List(elements) => elements.into_iter().next().unwrap_or(Value::Nothing),
                other => other,
            };
        }
        match &value {
            Value::List(elements) => Ok(Value::Int(elements.len() as i128)),
            Value::Bits(bits) => Ok(Value::Int(bits.len() as i128)),
            other => Err(Fault::new(at, format!("{} has no size", other.what()))),
        }
    }

    /// Which elements of `size` an index names, and whether it is one alone.
    pub(super) fn places(&mut self, index: &Index, size: usize, at: usize) -> Read<(Vec<usize>, bool)> {
        let one = |machine: &mut Self, expr: &Expr| -> Read<usize> {
            let wanted = machine.evaluate(expr)?.int(expr.at)?;
            let from_end = if wanted < 0 { wanted + size as i128 } else { wanted };
            match usize::try_from(from_end) {
                Ok(place) if place < size => Ok(place),
                _ => Err(Fault::new(expr.at, format!("there is no element {wanted}: the size is {size}"))),
            }
        };
        match index {
            Index::One(expr) => {
                // An array as an index is a set.
                if let Value::List(list) = self.evaluate(expr)? {
                    let mut places = Vec::new();
                    for value in list {
                        let wanted = value.int(at)?;
                        places.push(usize::try_from(wanted).ok().filter(|place| *place < size).ok_or_else(
                            || Fault::new(at, format!("there is no element {wanted}: the size is {size}")),
                        )?);
                    }
                    return Ok((places, false));
                }
                Ok((vec![one(self, expr)?], true))
            }
            Index::Set(exprs) => {
                let mut places = Vec::new();
                for expr in exprs {
                    places.push(one(self, expr)?);
                }
                Ok((places, false))
            }
            Index::Range { start, step, end } => {
                let last = size as i128 - 1;
                let step = match step {
                    Some(step) => self.evaluate(step)?.int(step.at)?,
                    None => 1,
                };
                let mut bound = |expr: &Option<Expr>, otherwise: i128| -> Read<i128> {
                    let Some(expr) = expr else { return Ok(otherwise) };
                    Ok(one(self, expr)? as i128)
                };
                let (first, end) = if step >= 0 {
                    (bound(start, 0)?, bound(end, last)?)
                } else {
                    (bound(start, last)?, bound(end, 0)?)
                };
                let numbers = range(first, step, end, at)?;
                Ok((numbers.into_iter().filter_map(|number| usize::try_from(number).ok()).collect(), false))
            }
        }
    }

    fn element(&mut self, value: &Value, index: &Index, at: usize) -> Read<Value> {
        match value {
            Value::Bits(bits) => {
                let (places, _) = self.places(index, bits.len(), at)?;
                Ok(Value::Bits(places.into_iter().filter_map(|place| bits.get(place).cloned()).collect()))
            }
            Value::List(list) => {
                let (places, single) = self.places(index, list.len(), at)?;
                let mut chosen = places.into_iter().filter_map(|place| list.get(place).cloned());
                if single {
                    return chosen.next().ok_or_else(|| Fault::new(at, "there is no such element"));
                }
                Ok(Value::List(chosen.collect()))
            }
            // The bits of a number.
            Value::Int(_) => {
                let bits = Value::Bits(value.bits(WORD, at)?);
                self.element(&bits, index, at)
            }
            other => Err(Fault::new(at, format!("{} has no elements", other.what()))),
        }
    }

    /// The qubits that an expression names.
    pub(super) fn qubits(&mut self, expr: &Expr) -> Read<Rc<[u32]>> {
        self.operand(expr).map(|(qubits, _)| qubits)
    }

    /// The same, and whether it is one qubit, which goes with registers of any size.
    pub(super) fn operand(&mut self, expr: &Expr) -> Read<(Rc<[u32]>, bool)> {
        let at = expr.at;
        match &expr.is {
            Expression::Name(name) => match self.find(name) {
                Some(Entry::Qubits { qubits, single }) => Ok((Rc::clone(qubits), *single)),
                Some(_) => Err(Fault::new(at, format!("{} is no qubit", quoted(name)))),
                None => Err(Fault::new(at, format!("there is no qubit {}", quoted(name)))),
            },
            Expression::Physical(number) => Ok((Rc::from([self.physical(*number, at)?]), true)),
            Expression::Index(of, indices) => {
                let (mut qubits, mut single) = self.operand(of)?;
                for index in indices {
                    let (places, one) = self.places(index, qubits.len(), at)?;
                    qubits = places.into_iter().filter_map(|place| qubits.get(place).copied()).collect();
                    single = one;
                }
                Ok((qubits, single))
            }
            Expression::Joined(left, right) => {
                let (left, right) = (self.qubits(left)?, self.qubits(right)?);
                Ok((left.iter().chain(right.iter()).copied().collect(), false))
            }
            _ => Err(Fault::new(at, "expected a qubit")),
        }
    }

    fn physical(&mut self, number: u32, at: usize) -> Read<u32> {
        let start = match self.physical {
            Some(start) => start,
            None => {
                // One register for all that the text names.
                let size = self.most_physical.unwrap_or(number).saturating_add(1);
                let start = self.add_qubits("physical", size, at)?;
                self.physical = Some(start);
                start
            }
        };
        Ok(start + number)
    }

    pub(super) fn add_qubits(&mut self, name: &str, size: u32, at: usize) -> Read<u32> {
        let most = self.limits.qubits;
        if u64::from(self.circuit.qubits()) + u64::from(size) > u64::from(most) {
            return Err(Fault::new(at, format!("the program has more than {most} qubits")));
        }
        self.circuit.add_qubits(name, size).map_err(|error| Fault::new(at, error.message()))
    }

    /// A condition, and refuses those that read outcomes which have been overwritten.
    pub(super) fn condition(&mut self, expr: &Expr) -> Read<Logic> {
        let value = self.evaluate(expr)?;
        let logic = value.logic(expr.at)?;
        self.check_stands(&logic, expr.at)?;
        Ok(logic)
    }

    pub(super) fn check_stands(&self, logic: &Logic, at: usize) -> Read<()> {
        if let Logic::When(cubes) = logic
            && cubes.iter().flatten().any(|(outcome, _)| !self.outcomes.stands(*outcome))
        {
            return Err(unsupported(at, "this depends on an outcome that has been overwritten since"));
        }
        Ok(())
    }
}

/// The numbers of a range, its end included.
pub(super) fn range(start: i128, step: i128, end: i128, at: usize) -> Read<Vec<i128>> {
    if step == 0 {
        return Err(Fault::new(at, "the step of this range is 0"));
    }
    let count = (end.saturating_sub(start)) / step + 1;
    if (end >= start) != (step > 0) && end != start || count <= 0 {
        return Ok(Vec::new());
    }
    let most = MOST_ELEMENTS as i128;
    if count > most {
        return Err(unsupported(at, format!("this range has more than {most} numbers")));
    }
    Ok((0..count).map(|place| start + place * step).collect())
}

fn bits_of(text: &str, at: usize) -> Read<Value> {
    let bits = text.chars().rev().filter(|c| *c != '_').map(|c| match c {
        '0' => Ok(Logic::Known(false)),
        '1' => Ok(Logic::Known(true)),
        _ => Err(Fault::new(at, "a string of bits is made of 0 and 1")),
    });
    bits.collect::<Read<_>>().map(Value::Bits)
}

fn apply_unary(unary: Unary, value: &Value, at: usize) -> Read<Value> {
    match unary {
        Unary::Not => Ok(Value::Bool(simple(value.logic(at)?.not(), at)?)),
        Unary::Minus => Ok(match value {
            Value::Int(number) => {
                Value::Int(number.checked_neg().ok_or_else(|| Fault::new(at, "out of range"))?)
            }
            Value::Complex(number) => Value::Complex(-number),
            Value::Duration(seconds) => Value::Duration(-seconds),
            Value::Angle(angle) => Value::Angle(-angle),
            other => Value::Float(-other.float(at)?),
        }),
        Unary::Complement => match value {
            Value::Bits(bits) => {
                Ok(Value::Bits(bits.iter().map(|bit| simple(bit.not(), at)).collect::<Read<_>>()?))
            }
            Value::Bool(logic) => Ok(Value::Bool(simple(logic.not(), at)?)),
            Value::Int(number) => Ok(Value::Int(!number)),
            _ => Err(Fault::new(at, "only bits have a complement")),
        },
    }
}

/// An angle or a power.
pub(super) fn simple_float(machine: &mut Machine<'_>, expr: &Expr) -> Read<f64> {
    machine.evaluate(expr)?.float(expr.at)
}
