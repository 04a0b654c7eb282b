//! A receiver of polarised photons: which input of a tagger stands for which result.

use std::str::FromStr;

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_distillation::ekert::{Measured, SETTINGS};
use qhal_simulator::photonics::{CHANNELS, E91_CHANNELS};

use super::PairProtocol;
use super::random::SeededRandom;

/// Masks of inputs by setting (key and check, or the three of E91) and value (0, 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The third is empty for BBM92.
    inputs: [[u64; 2]; SETTINGS],
}

impl Default for Receiver {
    /// [`Receiver::usual`] for BBM92.
    fn default() -> Self {
        Self::usual(PairProtocol::Bbm92)
    }
}

impl FromStr for Receiver {
    type Err = Error;

    /// Reads `Z0,X0,Z1,X1` or `A0,B0,C0,A1,B1,C1`: what inputs 1, 2, 3, … stand for. `Z` is the basis of the key and `X` that of the check;
    /// `A`, `B` and `C` are the settings of E91 by rising angle; `-` is an input that is not looked at.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            let message = format!(
                "'{text}' does not say what inputs stand for: {what}; examples are Z0,X0,Z1,X1 and, for e91, A0,B0,C0,A1,B1,C1"
            );
            Err(Error::new(ErrorKind::InvalidInput, message))
        };
        let mut inputs = [[0; 2]; SETTINGS];
        let (mut bases, mut settings) = (false, false);
        for (input, word) in text.split(',').map(str::trim).enumerate() {
            if input > 63 {
                return wrong("there are at most 64 inputs".to_owned());
            }
            let (setting, value) = match word.to_ascii_uppercase().as_bytes() {
                [basis @ (b'Z' | b'X'), value @ (b'0' | b'1')] => {
                    bases = true;
                    (usize::from(*basis == b'X'), value - b'0')
                }
                [setting @ b'A'..=b'C', value @ (b'0' | b'1')] => {
                    settings = true;
                    (usize::from(setting - b'A'), value - b'0')
                }
                b"-" => continue,
                _ => return wrong(format!("'{word}' is none of Z0, Z1, X0, X1, of A0 to C1, and -")),
            };
            inputs[setting][usize::from(value)] |= 1 << input;
        }
        if bases && settings {
            return wrong("bases Z and X do not go with settings A, B and C".to_owned());
        }
        let (used, each) = if settings {
            (SETTINGS, "each of A0, A1, B0, B1, C0 and C1 needs an input")
        } else {
            (2, "each of Z0, Z1, X0 and X1 needs an input")
        };
        if inputs[..used].as_flattened().contains(&0) {
            return wrong(each.to_owned());
        }
        Ok(Self { inputs })
    }
}

impl Receiver {
    /// The receiver of the simulation. BBM92: inputs 1 to 4 are V, −, H, + (qcrypto's order), `Z0,X0,Z1,X1`. E91: inputs 1 to 6 are
    /// the values 0 and then the values 1 of its three settings, `A0,B0,C0,A1,B1,C1`.
    pub fn usual(protocol: PairProtocol) -> Self {
        let channels: &[[u8; 2]] = match protocol {
            PairProtocol::Bbm92 => &CHANNELS,
            PairProtocol::E91 => &E91_CHANNELS,
        };
        let mut inputs = [[0; 2]; SETTINGS];
        for (masks, channels) in inputs.iter_mut().zip(channels) {
            *masks = channels.map(u64::from);
        }
        Self { inputs }
    }

    /// How many settings it has: 2, or 3 for E91.
    pub fn settings(&self) -> usize {
        self.inputs.iter().filter(|masks| **masks != [0; 2]).count()
    }

    /// The inputs that are looked at.
    pub fn mask(&self) -> u64 {
        self.inputs.iter().flatten().fold(0, |all, mask| all | mask)
    }

    /// Setting and bit of an event; what is ambiguous is drawn, never thrown away.
    pub(crate) fn result(&self, tag: Tag, random: &mut SeededRandom) -> Measured {
        let fired = self.inputs.map(|masks| masks.map(|mask| tag.channels & mask != 0));
        let mut settings = fired.iter().enumerate().filter(|(_, values)| values[0] || values[1]);
        let chosen = settings.clone().count();
        // Nothing that is looked at fired: as if it had been the first.
        let setting = settings.nth(random.below(chosen)).map_or(0, |(setting, _)| setting);
        let values = fired[setting];
        let value = if values[0] && values[1] { random.bit() } else { values[1] };
        Measured { setting, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_by_what_they_stand_for() {
        assert_eq!("Z0,X0,Z1,X1".parse::<Receiver>().unwrap(), Receiver::default());
        let other: Receiver = "x1, -, z0,Z1,X0".parse().unwrap();
        assert_eq!((other.inputs, other.mask()), ([[4, 8], [16, 1], [0, 0]], 0b11101));
        assert_eq!("A0,B0,C0,A1,B1,C1".parse::<Receiver>().unwrap(), Receiver::usual(PairProtocol::E91));
        assert_eq!((other.settings(), Receiver::usual(PairProtocol::E91).settings()), (2, 3));
        for bad in
            ["", "Z0,X0,Z1", "Z0,X0,Z1,Y1", "Z0 X0 Z1 X1", "A0,B0,C0,A1,B1", "Z0,X0,Z1,X1,A0", "A0,A1,B0,B1"]
        {
            assert_eq!(bad.parse::<Receiver>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
        let mut random = SeededRandom::new(1, 1);
        let z1 = Measured { setting: 0, value: true };
        assert_eq!(other.result(Tag::new(0, 8), &mut random), z1);
        assert_eq!(other.result(Tag::new(0, 17), &mut random).setting, 1);
        let drawn: Vec<bool> = (0..64).map(|_| other.result(Tag::new(0, 12), &mut random).value).collect();
        assert!(drawn.contains(&true) && drawn.contains(&false));
        let three = Receiver::usual(PairProtocol::E91);
        let last = Measured { setting: 2, value: true };
        assert_eq!(three.result(Tag::new(0, 0b10_0000), &mut random), last);
        let mut drawn = [0; SETTINGS];
        (0..300).for_each(|_| drawn[three.result(Tag::new(0, 0b00_0111), &mut random).setting] += 1);
        assert!(drawn.iter().all(|count| *count > 50), "{drawn:?}");
    }
}
