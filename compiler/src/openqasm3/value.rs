//! Classical values: what they are, how they become each other, and what is computed with them.

use std::f64::consts::TAU;

use qhal::{Complex64, ErrorKind};

use super::logic::{Logic, TooComplicated};
use super::syntax::Binary;
use crate::diagnostic::{Fault, Read};

/// A value that is known, bit by bit at least as far as measurements decide.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing was assigned yet.
    Nothing,
    Bool(Logic),
    /// The lowest bit first.
    Bits(Vec<Logic>),
    Int(i128),
    Float(f64),
    /// In radians.
    Angle(f64),
    Complex(Complex64),
    /// In seconds.
    Duration(f64),
    List(Vec<Value>),
}

/// A type with its sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Bit(Option<u32>),
    Bool,
    Int(u32),
    Uint(u32),
    Float,
    /// In turns of 2^−width, where it has a width.
    Angle(Option<u32>),
    Complex,
    Duration,
    Array(Box<Kind>, Vec<usize>),
}

#[cold]
pub(super) fn unsupported(at: usize, message: impl Into<String>) -> Fault {
    Fault::new(at, message).of(ErrorKind::Unsupported)
}

#[cold]
pub(super) fn depends_on_outcome(at: usize) -> Fault {
    unsupported(
        at,
        "this depends on the outcome of a measurement, which is not known before the circuit runs",
    )
}

/// A condition that fits, or why not.
pub(super) fn simple(logic: Result<Logic, TooComplicated>, at: usize) -> Read<Logic> {
    logic.map_err(|TooComplicated| unsupported(at, "this condition on outcomes has too many cases"))
}

impl Value {
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Bits(_) => "bits",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Angle(_) => "an angle",
            Self::Complex(_) => "a complex number",
            Self::Duration(_) => "a time",
            Self::List(_) => "an array",
        }
    }

    fn is_not(&self, wanted: &str, at: usize) -> Fault {
        if matches!(self, Self::Nothing) {
            return Fault::new(at, "this has no value yet");
        }
        Fault::new(at, format!("expected {wanted}, and this is {}", self.what()))
    }

    pub(super) fn int(&self, at: usize) -> Read<i128> {
        match self {
            Self::Int(number) => Ok(*number),
            Self::Bool(logic) => logic.known().map(i128::from).ok_or_else(|| depends_on_outcome(at)),
            Self::Bits(bits) => {
                let mut number = 0i128;
                for (place, bit) in bits.iter().enumerate() {
                    if bit.known().ok_or_else(|| depends_on_outcome(at))? {
                        if place >= 127 {
                            return Err(Fault::new(at, "these bits are no number below 2^127"));
                        }
                        number |= 1 << place;
                    }
                }
                Ok(number)
            }
            // A whole number written as a float.
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => Ok(*number as i128),
            other => Err(other.is_not("a whole number", at)),
        }
    }

    pub(super) fn float(&self, at: usize) -> Read<f64> {
        match self {
            Self::Float(number) | Self::Angle(number) => Ok(*number),
            Self::Complex(number) if number.im == 0.0 => Ok(number.re),
            Self::Int(_) | Self::Bool(_) | Self::Bits(_) => Ok(self.int(at)? as f64),
            other => Err(other.is_not("a number", at)),
        }
    }

    pub(super) fn seconds(&self, at: usize) -> Read<f64> {
        match self {
            Self::Duration(seconds) => Ok(*seconds),
            other => Err(other.is_not("a time, such as 100ns,", at)),
        }
    }

    fn complex(&self, at: usize) -> Read<Complex64> {
        if let Self::Complex(number) = self { Ok(*number) } else { Ok(self.float(at)?.into()) }
    }

    /// Whether it is true, or not zero.
    pub(super) fn logic(&self, at: usize) -> Read<Logic> {
        match self {
            Self::Bool(logic) => Ok(logic.clone()),
            Self::Bits(bits) => bits.iter().try_fold(Logic::Known(false), |any, bit| simple(any.or(bit), at)),
            other => Ok(Logic::Known(other.float(at)? != 0.0)),
        }
    }

    /// The lowest `width` bits.
    pub(super) fn bits(&self, width: u32, at: usize) -> Read<Vec<Logic>> {
        match self {
            Self::Bits(bits) if bits.len() == width as usize => Ok(bits.clone()),
            Self::Bits(bits) => {
                Err(Fault::new(at, format!("expected {width} bit(s), and these are {}", bits.len())))
            }
            Self::Bool(logic) if width == 1 => Ok(vec![logic.clone()]),
            Self::Int(number) => {
                Ok((0..width).map(|place| Logic::Known(number >> place.min(127) & 1 == 1)).collect())
            }
            Self::Angle(angle) if width <= 60 => {
                let steps = (angle.rem_euclid(TAU) / TAU * (1u64 << width) as f64).round() as u64;
                Ok((0..width).map(|place| Logic::Known(steps >> place & 1 == 1)).collect())
            }
            other => Err(other.is_not("bits", at)),
        }
    }

    /// The value as one of another type.
    pub(super) fn cast(self, to: &Kind, at: usize) -> Read<Self> {
        Ok(match to {
            Kind::Bit(None) => Self::Bits(vec![match &self {
                Self::Bits(bits) if bits.len() > 1 => return Err(self.is_not("one bit", at)),
                _ => self.logic(at)?,
            }]),
            Kind::Bit(Some(width)) => Self::Bits(self.bits(*width, at)?),
            Kind::Bool => Self::Bool(self.logic(at)?),
            Kind::Int(width) | Kind::Uint(width) => match &self {
                // What outcomes decide stays what it is, bit by bit.
                Self::Bits(bits) if bits.iter().any(|bit| bit.known().is_none()) => self,
                Self::Bool(logic) if logic.known().is_none() => Self::Bits(vec![logic.clone()]),
                Self::Float(number) => {
                    Self::Int(wrapped(*number as i128, *width, matches!(to, Kind::Int(_))))
                }
                _ => Self::Int(wrapped(self.int(at)?, *width, matches!(to, Kind::Int(_)))),
            },
            Kind::Float => Self::Float(self.float(at)?),
            Kind::Angle(width) => {
                let angle = match &self {
                    Self::Bits(bits) if bits.len() <= 120 => {
                        self.int(at)? as f64 / 2f64.powi(bits.len() as i32) * TAU
                    }
                    _ => self.float(at)?,
                };
                Self::Angle(width.map_or(angle, |width| held_in(angle, width)))
            }
            Kind::Complex => Self::Complex(self.complex(at)?),
            Kind::Duration => Self::Duration(self.seconds(at)?),
            Kind::Array(of, sizes) => {
                let Some((first, rest)) = sizes.split_first() else { return self.cast(of, at) };
                let Self::List(values) = self else { return Err(self.is_not("an array", at)) };
                if values.len() != *first {
                    let found = values.len();
                    return Err(Fault::new(at, format!("expected {first} elements, and these are {found}")));
                }
                let inner = Kind::Array(of.clone(), rest.to_vec());
                Self::List(values.into_iter().map(|value| value.cast(&inner, at)).collect::<Read<_>>()?)
            }
        })
    }
}

/// An angle as so many bits hold it: the nearest multiple of 2π/2^width, from 0 up to 2π ("OpenQASM 3", types, angle).
fn held_in(angle: f64, width: u32) -> f64 {
    let steps = 2f64.powi(width.min(60) as i32);
    // Beyond the digits of a double nothing is rounded.
    let turns = angle / TAU;
    let part = ((turns - turns.floor()) * steps).round_ties_even() / steps;
    if part < 1.0 { part * TAU } else { 0.0 }
}

/// A number as so many bits hold it.
fn wrapped(number: i128, width: u32, signed: bool) -> i128 {
    if width >= 127 {
        return number;
    }
    let low = number & ((1 << width) - 1);
    if signed && width > 0 && low >> (width - 1) & 1 == 1 { low - (1 << width) } else { low }
}

/// What two values make.
pub(super) fn binary(operator: Binary, left: &Value, right: &Value, at: usize) -> Read<Value> {
    use Binary::*;
    match operator {
        Or => Ok(Value::Bool(simple(left.logic(at)?.or(&right.logic(at)?), at)?)),
        And => Ok(Value::Bool(simple(left.logic(at)?.and(&right.logic(at)?), at)?)),
        Equal => equal(left, right, at).map(Value::Bool),
        NotEqual => Ok(Value::Bool(simple(equal(left, right, at)?.not(), at)?)),
        Less | LessEqual | Greater | GreaterEqual => {
            let ordering = match (left, right) {
                (Value::Duration(a), Value::Duration(b)) => a.total_cmp(b),
                _ if is_whole(left) && is_whole(right) => left.int(at)?.cmp(&right.int(at)?),
                _ => left.float(at)?.total_cmp(&right.float(at)?),
            };
            let holds = match operator {
                Less => ordering.is_lt(),
                LessEqual => ordering.is_le(),
                Greater => ordering.is_gt(),
                _ => ordering.is_ge(),
            };
            Ok(Value::Bool(Logic::Known(holds)))
        }
        BitOr | BitXor | BitAnd => bitwise(operator, left, right, at),
        ShiftLeft | ShiftRight => {
            let by = right.int(at)?;
            let by = usize::try_from(by).map_err(|_| Fault::new(at, "a shift by less than 0"))?;
            if let Value::Bits(bits) = left {
                let zero = || std::iter::repeat_n(Logic::Known(false), by.min(bits.len()));
                let kept = bits.len() - by.min(bits.len());
                return Ok(Value::Bits(if operator == ShiftLeft {
                    zero().chain(bits.iter().take(kept).cloned()).collect()
                } else {
                    bits.iter().skip(by).cloned().chain(zero()).collect()
                }));
            }
            let by = by.min(126) as u32;
            let number = left.int(at)?;
            Ok(Value::Int(if operator == ShiftLeft { number.wrapping_shl(by) } else { number >> by }))
        }
        Add | Subtract | Multiply | Divide | Remainder | Power => arithmetic(operator, left, right, at),
    }
}

fn is_whole(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Bits(_) | Value::Bool(_))
}

fn equal(left: &Value, right: &Value, at: usize) -> Read<Logic> {
    let bits_of = |value: &Value| match value {
        Value::Bits(bits) => Some(bits.clone()),
        Value::Bool(logic) => Some(vec![logic.clone()]),
        _ => None,
    };
    let (a, b) = match (bits_of(left), bits_of(right)) {
        (Some(a), Some(b)) => (a, b),
        (Some(a), None) if matches!(right, Value::Int(_)) => (a, Vec::new()),
        (None, Some(b)) if matches!(left, Value::Int(_)) => (b, Vec::new()),
        _ => {
            return Ok(Logic::Known(match (left, right) {
                (Value::Int(a), Value::Int(b)) => a == b,
                (Value::Duration(a), Value::Duration(b)) => a == b,
                (Value::List(a), Value::List(b)) => a == b,
                _ => left.complex(at)? == right.complex(at)?,
            }));
        }
    };
    let b = match (left, right) {
        (Value::Int(number), _) | (_, Value::Int(number)) => {
            let width = a.len().min(126) as u32;
            if *number < 0 || (*number >> width != 0 && a.len() < 127) {
                return Ok(Logic::Known(false));
            }
            (0..a.len()).map(|place| Logic::Known(place < 127 && number >> place & 1 == 1)).collect()
        }
        _ => b,
    };
    // The shorter one is a number with zeros in front.
    let zero = Logic::Known(false);
    let mut all = Logic::Known(true);
    for place in 0..a.len().max(b.len()) {
        let same = a.get(place).unwrap_or(&zero).equals(b.get(place).unwrap_or(&zero));
        all = simple(all.and(&simple(same, at)?), at)?;
    }
    Ok(all)
}

fn bitwise(operator: Binary, left: &Value, right: &Value, at: usize) -> Read<Value> {
    let one = |a: &Logic, b: &Logic| {
        simple(
            match operator {
                Binary::BitOr => a.or(b),
                Binary::BitXor => a.xor(b),
                _ => a.and(b),
            },
            at,
        )
    };
    match (left, right) {
        (Value::Bits(a), Value::Bits(b)) if a.len() == b.len() => {
            Ok(Value::Bits(a.iter().zip(b).map(|(a, b)| one(a, b)).collect::<Read<_>>()?))
        }
        (Value::Bool(_) | Value::Bits(_), Value::Bool(_) | Value::Bits(_)) => {
            Ok(Value::Bool(one(&left.logic(at)?, &right.logic(at)?)?))
        }
        _ => {
            let (a, b) = (left.int(at)?, right.int(at)?);
            Ok(Value::Int(match operator {
                Binary::BitOr => a | b,
                Binary::BitXor => a ^ b,
                _ => a & b,
            }))
        }
    }
}

fn arithmetic(operator: Binary, left: &Value, right: &Value, at: usize) -> Read<Value> {
    use Binary::*;
    let too_large = || Fault::new(at, "this whole number is not below 2^127");
    match (left, right) {
        (Value::Duration(a), Value::Duration(b)) => match operator {
            Add => return Ok(Value::Duration(a + b)),
            Subtract => return Ok(Value::Duration(a - b)),
            Divide => return Ok(Value::Float(a / b)),
            _ => return Err(Fault::new(at, "times are not multiplied with each other")),
        },
        (Value::Duration(time), factor) | (factor, Value::Duration(time)) if operator == Multiply => {
            return Ok(Value::Duration(time * factor.float(at)?));
        }
        (Value::Duration(time), factor) if operator == Divide => {
            return Ok(Value::Duration(time / factor.float(at)?));
        }
        (Value::Complex(_), _) | (_, Value::Complex(_)) => {
            let (a, b) = (left.complex(at)?, right.complex(at)?);
            return Ok(Value::Complex(match operator {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide => a / b,
                Power => a.powc(b),
                _ => return Err(Fault::new(at, "complex numbers have no remainder")),
            }));
        }
        _ => {}
    }
    if is_whole(left) && is_whole(right) {
        let (a, b) = (left.int(at)?, right.int(at)?);
        let by_zero = || Fault::new(at, "a division by zero");
        return Ok(Value::Int(match operator {
            Add => a.checked_add(b).ok_or_else(too_large)?,
            Subtract => a.checked_sub(b).ok_or_else(too_large)?,
            Multiply => a.checked_mul(b).ok_or_else(too_large)?,
            Divide => a.checked_div(b).ok_or_else(by_zero)?,
            Remainder => a.checked_rem(b).ok_or_else(by_zero)?,
            _ => match u32::try_from(b) {
                Ok(power) => a.checked_pow(power).ok_or_else(too_large)?,
                Err(_) => return Ok(Value::Float((a as f64).powf(b as f64))),
            },
        }));
    }
    let (a, b) = (left.float(at)?, right.float(at)?);
    let number = match operator {
        Add => a + b,
        Subtract => a - b,
        Multiply => a * b,
        Divide => a / b,
        Remainder => a % b,
        _ => a.powf(b),
    };
    let angle = matches!(left, Value::Angle(_)) != matches!(right, Value::Angle(_)) || operator != Divide;
    let any = matches!(left, Value::Angle(_)) || matches!(right, Value::Angle(_));
    Ok(if any && angle { Value::Angle(number) } else { Value::Float(number) })
}

/// A built-in function of numbers; `None` if there is none of that name.
pub(super) fn function(name: &str, arguments: &[Value], at: usize) -> Read<Option<Value>> {
    let wanted = match name {
        "arccos" | "arcsin" | "arctan" | "ceiling" | "cos" | "exp" | "floor" | "log" | "popcount" | "sin"
        | "sqrt" | "tan" | "real" | "imag" => 1,
        "mod" | "pow" | "rotl" | "rotr" => 2,
        _ => return Ok(None),
    };
    let [first, rest @ ..] = arguments else {
        return Err(Fault::new(at, format!("{name} takes {wanted} argument(s)")));
    };
    if arguments.len() != wanted {
        return Err(Fault::new(at, format!("{name} takes {wanted} argument(s), not {}", arguments.len())));
    }
    let of = |function: fn(f64) -> f64| Ok(Some(Value::Float(function(first.float(at)?))));
    match (name, rest) {
        ("arccos", _) => of(f64::acos),
        ("arcsin", _) => of(f64::asin),
        ("arctan", _) => of(f64::atan),
        ("ceiling", _) => of(f64::ceil),
        ("cos", _) => of(f64::cos),
        ("exp", _) => of(f64::exp),
        ("floor", _) => of(f64::floor),
        ("log", _) => of(f64::ln),
        ("sin", _) => of(f64::sin),
        ("sqrt", _) => of(f64::sqrt),
        ("tan", _) => of(f64::tan),
        ("real", _) => Ok(Some(Value::Float(first.complex(at)?.re))),
        ("imag", _) => Ok(Some(Value::Float(first.complex(at)?.im))),
        ("popcount", _) => Ok(Some(Value::Int(first.int(at)?.count_ones().into()))),
        ("mod", [second]) => binary(Binary::Remainder, first, second, at).map(Some),
        ("pow", [second]) => binary(Binary::Power, first, second, at).map(Some),
        (_, [by]) => {
            let Value::Bits(bits) = first else { return Err(first.is_not("bits", at)) };
            let mut bits = bits.clone();
            if !bits.is_empty() {
                let by = by.int(at)?.rem_euclid(bits.len() as i128) as usize;
                if name == "rotl" { bits.rotate_right(by) } else { bits.rotate_left(by) }
            }
            Ok(Some(Value::Bits(bits)))
        }
        _ => Ok(None),
    }
}
