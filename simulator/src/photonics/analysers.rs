//! What the receivers of entangled pairs measure: the directions of their analysers, and which detector stands for which result.

use std::f64::consts::FRAC_PI_8;

use super::CHANNELS;

/// The detectors of a receiver of six, as bits of [`Click::channels`](super::Click::channels): at each of the three settings of
/// [`Analysers::E91`] 0 and 1.
pub const E91_CHANNELS: [[u8; 2]; 3] =
    [[0b00_0001, 0b00_1000], [0b00_0010, 0b01_0000], [0b00_0100, 0b10_0000]];

/// The settings that the receivers of both ends choose from, each with the same probability. A passive choice: beam splitters lead a
/// photon to one analyser, and each has two detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Analysers {
    /// BBM92: polarisation at 0 and 45 degrees at either end (Bennett, Brassard, Mermin, Phys. Rev. Lett. 68, 557, 1992).
    #[default]
    Bbm92,
    /// E91: 0, 22.5 and 45 degrees at the first end, 22.5, 45 and 67.5 degrees at the second — half of the azimuths on page 661 of Ekert,
    /// Phys. Rev. Lett. 67, 661 (1991), because polarisation turns half as fast as spin.
    E91,
}

impl Analysers {
    /// The directions of one end (0 or 1), in radians of polarisation.
    pub const fn directions(self, end: usize) -> &'static [f64] {
        match (self, end) {
            (Self::Bbm92, _) => &[0.0, 2.0 * FRAC_PI_8],
            (Self::E91, 0) => &[0.0, FRAC_PI_8, 2.0 * FRAC_PI_8],
            (Self::E91, _) => &[FRAC_PI_8, 2.0 * FRAC_PI_8, 3.0 * FRAC_PI_8],
        }
    }

    /// How many detectors an end has.
    pub const fn detectors(self) -> usize {
        2 * self.directions(0).len()
    }

    /// The channel of a result at a setting; settings beyond the last are the last.
    pub(super) fn channel(self, setting: usize, value: bool) -> u8 {
        let channels: &[[u8; 2]] = match self {
            Self::Bbm92 => &CHANNELS,
            Self::E91 => &E91_CHANNELS,
        };
        channels[setting.min(channels.len() - 1)][usize::from(value)]
    }
}
