//! A receiver of polarised photons: which input of a tagger stands for which result.

use std::str::FromStr;

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_distillation::sifting::Basis;
use qhal_simulator::photonics::CHANNELS;

use super::random::SeededRandom;

/// Masks of inputs by basis (key, check) and value (0, 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    inputs: [[u64; 2]; 2],
}

impl Default for Receiver {
    /// Inputs 1 to 4 are V, −, H, + (qcrypto's order, and that of the simulation): `Z0,X0,Z1,X1`.
    fn default() -> Self {
        Self { inputs: CHANNELS.map(|basis| basis.map(u64::from)) }
    }
}

impl FromStr for Receiver {
    type Err = Error;

    /// Reads `Z0,X0,Z1,X1`: what inputs 1, 2, 3, … stand for. `Z` is the basis of the key and `X` that of the check; `-` is an input
    /// that is not looked at.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            let message =
                format!("'{text}' does not say what inputs stand for: {what}; an example is Z0,X0,Z1,X1");
            Err(Error::new(ErrorKind::InvalidInput, message))
        };
        let mut inputs = [[0; 2]; 2];
        for (input, word) in text.split(',').map(str::trim).enumerate() {
            if input > 63 {
                return wrong("there are at most 64 inputs".to_owned());
            }
            let (basis, value) = match word.to_ascii_uppercase().as_str() {
                "Z0" => (0, 0),
                "Z1" => (0, 1),
                "X0" => (1, 0),
                "X1" => (1, 1),
                "-" => continue,
                _ => return wrong(format!("'{word}' is none of Z0, Z1, X0, X1 and -")),
            };
            inputs[basis][value] |= 1 << input;
        }
        if inputs.iter().flatten().any(|mask| *mask == 0) {
            return wrong("each of Z0, Z1, X0 and X1 needs an input".to_owned());
        }
        Ok(Self { inputs })
    }
}

impl Receiver {
    /// The inputs that are looked at.
    pub fn mask(&self) -> u64 {
        self.inputs.iter().flatten().fold(0, |all, mask| all | mask)
    }

    /// Basis and bit of an event; what is ambiguous is drawn, never thrown away.
    pub(crate) fn result(&self, tag: Tag, random: &mut SeededRandom) -> (Basis, bool) {
        let fired = |basis: usize| self.inputs[basis].map(|mask| tag.channels & mask != 0);
        let (key, check) = (fired(0), fired(1));
        let in_check = check[0] || check[1];
        let use_check = if (key[0] || key[1]) && in_check { random.bit() } else { in_check };
        let values = if use_check { check } else { key };
        let value = if values[0] && values[1] { random.bit() } else { values[1] };
        (if use_check { Basis::X } else { Basis::Z }, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_by_what_they_stand_for() {
        assert_eq!("Z0,X0,Z1,X1".parse::<Receiver>().unwrap(), Receiver::default());
        let other: Receiver = "x1, -, z0,Z1,X0".parse().unwrap();
        assert_eq!((other.inputs, other.mask()), ([[4, 8], [16, 1]], 0b11101));
        for bad in ["", "Z0,X0,Z1", "Z0,X0,Z1,Y1", "Z0 X0 Z1 X1"] {
            assert_eq!(bad.parse::<Receiver>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
        let mut random = SeededRandom::new(1, 1);
        assert_eq!(other.result(Tag::new(0, 8), &mut random), (Basis::Z, true));
        assert_eq!(other.result(Tag::new(0, 17), &mut random).0, Basis::X);
        let drawn: Vec<bool> = (0..64).map(|_| other.result(Tag::new(0, 12), &mut random).1).collect();
        assert!(drawn.contains(&true) && drawn.contains(&false));
    }
}
