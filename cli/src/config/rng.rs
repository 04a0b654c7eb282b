//! `[rng]` of `qhal.toml`: random numbers, and how they are conditioned.

use std::path::{Path, PathBuf};

use qhal::Policy;
use qhal_backends::DeviceSpec;
use serde::Deserialize;

use super::{list, parsed, word};
use crate::args::{CombineArg, ConditionerArg, OutputArg};

/// `[rng]`: what `qhal rng` uses when the command line does not say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RngSection {
    #[serde(deserialize_with = "parsed")]
    pub(crate) device: Option<DeviceSpec>,
    /// Several devices, and how they are combined.
    #[serde(deserialize_with = "list")]
    pub(crate) devices: Vec<DeviceSpec>,
    #[serde(deserialize_with = "word")]
    pub(crate) combine: Option<CombineArg>,
    /// Nothing is given while fewer of them serve.
    pub(crate) least_devices: Option<u64>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) policy: Option<Policy>,
    #[serde(deserialize_with = "word")]
    pub(crate) output: Option<OutputArg>,
    /// False-alarm rate of the health tests as the exponent of 2^−n: 20 to 40.
    pub(crate) alpha_exponent: Option<u8>,
    /// Assessed min-entropy per sample in bits; lowers what the device claims.
    pub(crate) assessed: Option<f64>,
    /// Bytes of DRBG output between two reseedings.
    pub(crate) reseed_bytes: Option<u64>,
    /// What conditions.
    #[serde(deserialize_with = "word")]
    pub(crate) conditioner: Option<ConditionerArg>,
    /// How the extractor conditions.
    pub(crate) toeplitz: Option<ToeplitzSection>,
}

/// `[rng.toeplitz]`: the extractor of `conditioner = "toeplitz"`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToeplitzSection {
    /// Bits that go into one product, 4096 to 2^24.
    pub(crate) input_bits: Option<u64>,
    /// How far from uniform a product may be, as the exponent of 2^−n: 32 to 256.
    pub(crate) epsilon_exponent: Option<u32>,
    /// Assessed min-entropy of the output in bits per bit, 0.5 to 1; lowers the credit.
    pub(crate) assessed_output: Option<f64>,
    /// The file with the seed; without it one is drawn once and kept.
    pub(crate) seed: Option<PathBuf>,
}

impl RngSection {
    /// Makes relative paths relative to the folder of the file they stand in.
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(section) = &mut self.toeplitz {
            section.seed = section.seed.take().map(|path| folder.join(path));
        }
    }
}
