//! What is known of a classical bit: its value, or which outcomes of measurements make it 1.

use std::rc::Rc;

/// The number of one writing of a bit of the memory by a measurement.
pub(super) type Outcome = u32;

/// Outcomes that all have to be as said, by ascending number.
pub(super) type Cube = Vec<(Outcome, bool)>;

/// More alternatives than this no condition has.
const MOST_CUBES: usize = 64;

/// A condition became too complicated.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooComplicated;

/// A bit: known, or 1 in any of some cases that exclude each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Logic {
    Known(bool),
    When(Rc<Vec<Cube>>),
}

pub(super) type Result = std::result::Result<Logic, TooComplicated>;

impl Logic {
    pub(super) fn outcome(outcome: Outcome) -> Self {
        Self::When(Rc::new(vec![vec![(outcome, true)]]))
    }

    pub(super) fn known(&self) -> Option<bool> {
        if let Self::Known(value) = self { Some(*value) } else { None }
    }

    /// The outcome that it is a copy of.
    pub(super) fn copied(&self) -> Option<Outcome> {
        match self {
            Self::When(cubes) => match cubes.as_slice() {
                [cube] => match cube.as_slice() {
                    &[(outcome, true)] => Some(outcome),
                    _ => None,
                },
                _ => None,
            },
            Self::Known(_) => None,
        }
    }

    fn of(cubes: Vec<Cube>) -> Result {
        if cubes.is_empty() {
            return Ok(Self::Known(false));
        }
        if cubes.iter().any(Vec::is_empty) {
            return Ok(Self::Known(true));
        }
        if cubes.len() > MOST_CUBES { Err(TooComplicated) } else { Ok(Self::When(Rc::new(cubes))) }
    }

    pub(super) fn not(&self) -> Result {
        let cubes = match self {
            Self::Known(value) => return Ok(Self::Known(!value)),
            Self::When(cubes) => cubes,
        };
        let mut all = Self::Known(true);
        for cube in cubes.iter() {
            // The first that is not as said, those before it being so.
            let mut cases = Vec::with_capacity(cube.len());
            for (place, &(outcome, value)) in cube.iter().enumerate() {
                let mut case: Cube = cube.iter().take(place).copied().collect();
                case.push((outcome, !value));
                cases.push(case);
            }
            all = all.and(&Self::of(cases)?)?;
        }
        Ok(all)
    }

    pub(super) fn and(&self, other: &Self) -> Result {
        let (left, right) = match (self, other) {
            (Self::Known(false), _) | (_, Self::Known(false)) => return Ok(Self::Known(false)),
            (Self::Known(true), rest) | (rest, Self::Known(true)) => return Ok(rest.clone()),
            (Self::When(left), Self::When(right)) => (left, right),
        };
        let mut cubes = Vec::new();
        for a in left.iter() {
            for b in right.iter() {
                cubes.extend(both(a, b));
                if cubes.len() > MOST_CUBES {
                    return Err(TooComplicated);
                }
            }
        }
        Self::of(cubes)
    }

    pub(super) fn or(&self, other: &Self) -> Result {
        match (self, other) {
            (Self::Known(true), _) | (_, Self::Known(true)) => return Ok(Self::Known(true)),
            (Self::Known(false), rest) | (rest, Self::Known(false)) => return Ok(rest.clone()),
            _ => {}
        }
        let (Self::When(left), rest) = (self, other.and(&self.not()?)?) else { return Ok(self.clone()) };
        let mut cubes = left.as_ref().clone();
        match rest {
            Self::Known(false) => {}
            Self::Known(true) => return Ok(rest),
            Self::When(more) => cubes.extend(more.iter().cloned()),
        }
        Self::of(cubes)
    }

    pub(super) fn xor(&self, other: &Self) -> Result {
        self.and(&other.not()?)?.or(&self.not()?.and(other)?)
    }

    pub(super) fn equals(&self, other: &Self) -> Result {
        self.xor(other)?.not()
    }
}

/// What two cases have in common, if they do not exclude each other.
fn both(a: &Cube, b: &Cube) -> Option<Cube> {
    let mut merged = Cube::with_capacity(a.len() + b.len());
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                if x.1 != y.1 {
                    return None;
                }
                merged.extend(left.next());
                right.next();
            }
            (Some(x), Some(y)) if x.0 < y.0 => merged.extend(left.next()),
            (Some(_), None) => merged.extend(left.next()),
            (_, Some(_)) => merged.extend(right.next()),
            (None, None) => return Some(merged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(logic: &Logic, outcomes: u8) -> bool {
        match logic {
            Logic::Known(value) => *value,
            Logic::When(cubes) => {
                let hits = cubes
                    .iter()
                    .filter(|cube| cube.iter().all(|&(at, value)| (outcomes >> at & 1 == 1) == value));
                let hits = hits.count();
                assert!(hits <= 1, "cases exclude each other");
                hits == 1
            }
        }
    }

    proptest! {
        #[test]
        fn combinations_are_true_where_they_should_be(steps in proptest::collection::vec((0..5u8, 0..5u32, 0..5usize), 1..12)) {
            let mut made: Vec<Logic> = (0..5).map(Logic::outcome).collect();
            for (kind, a, b) in steps {
                let last = made.len() - 1;
                let b = last - b.min(last);
                let (x, y) = (made[a as usize].clone(), made[b].clone());
                let logic = match kind { 0 => x.and(&y), 1 => x.or(&y), 2 => x.xor(&y), 3 => x.equals(&y), _ => x.not() };
                let Ok(logic) = logic else { continue };
                for bits in 0..32 {
                    let (p, q) = (holds(&x, bits), holds(&y, bits));
                    let expected = match kind { 0 => p && q, 1 => p || q, 2 => p != q, 3 => p == q, _ => !p };
                    prop_assert_eq!(holds(&logic, bits), expected);
                }
                made.push(logic);
            }
        }
    }
}
