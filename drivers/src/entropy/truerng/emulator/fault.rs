//! What can be wrong with an emulated TrueRNG, by name.

use super::super::model::Model;
use crate::fault::{self, FaultName};

/// One way for the device to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Every byte, and every sample, is the same as the one before.
    Stuck,
    /// Of whitened bytes seven bits in eight are ones, and raw samples are far above their mean.
    Bias,
    /// Bytes are damaged and lost on the wire.
    Garble,
    /// It stops sending and stays plugged in.
    Stall,
    /// It is pulled out.
    Unplug,
    /// The supply voltage is a tenth below the lowest that is allowed.
    Voltage,
    /// It does not hear the knock and stays in its mode.
    Deaf,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Stuck, Self::Bias, Self::Garble, Self::Stall, Self::Unplug, Self::Voltage, Self::Deaf];

    /// Whether a device of this `model` can be broken in this way: a plain TrueRNG has no supply voltage to tell and no
    /// knock to miss.
    pub const fn is_on(self, model: Model) -> bool {
        model.is_pro() || !matches!(self, Self::Voltage | Self::Deaf)
    }

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Bias => "bias",
            Self::Garble => "garble",
            Self::Stall => "stall",
            Self::Unplug => "unplug",
            Self::Voltage => "voltage",
            Self::Deaf => "deaf",
        }
    }
}

impl FaultName for FaultKind {
    const DEVICE: &'static str = "a TrueRNG";
    const KINDS: &'static [Self] = &Self::ALL;

    fn name(self) -> &'static str {
        self.as_str()
    }

    /// Being pulled out needs something to be pulled out of. What is sent while the mode is switched counts: a TrueRNGpro
    /// streams 400 kB/s meanwhile.
    fn usually_after(self) -> u64 {
        if self == Self::Unplug { 2048 } else { 0 }
    }
}

/// A fault of a TrueRNG, and after how many bytes it shows.
pub type Fault = fault::Fault<FaultKind>;
