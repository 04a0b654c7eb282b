//! The words of `qhal rng`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use qhal_backends::DeviceSpec;
use qhal_backends::random::Output;

use super::{PolicyArgs, spec};
use crate::units;

#[derive(Subcommand, Debug)]
pub(crate) enum RngCommand {
    /// Read random bytes: all of them, or none and exit status 1.
    #[command(after_help = "Example: qhal rng read -n 1MiB --device hwrng -o key-material.bin")]
    Read(ReadArgs),
    /// Assess the min-entropy of raw samples in a file as NIST SP 800-90B does; one sample a byte.
    #[command(after_help = "Example: qhal rng assess noise.bin --bits 8 --json")]
    Assess(AssessArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ReadArgs {
    /// How many bytes: 32, 16KiB, 1MB.
    #[arg(short = 'n', long = "bytes", value_parser = units::size, value_name = "SIZE")]
    pub(crate) bytes: u64,
    /// Which device [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// The device's own samples, conditioned bytes, or DRBG output [default: drbg].
    #[arg(long, value_enum)]
    pub(crate) output: Option<OutputArg>,
    /// How bytes are written [default: hex on a terminal and in JSON, else binary].
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to a file, which appears whole or not at all.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Read with the device's signature over every block and verify it (QCicada; needs qcicada.ca_public_key).
    #[arg(long)]
    pub(crate) signed: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AssessArgs {
    /// The samples, one a byte, in the low bits.
    pub(crate) file: PathBuf,
    /// Bits of a sample, 1 to 8 [default: those of the widest symbol].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) bits: Option<u8>,
    /// The track for independent, equally distributed samples: tests that would show otherwise, and an estimate.
    #[arg(long, conflicts_with = "non_iid")]
    pub(crate) iid: bool,
    /// The ten estimators of the general track; this is the default.
    #[arg(long)]
    pub(crate) non_iid: bool,
    /// Restart tests on 1000 samples of each of 1000 restarts, against this initial estimate in bits per sample.
    #[arg(long, value_name = "H", conflicts_with_all = ["iid", "non_iid"])]
    pub(crate) restart: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputArg {
    /// The device's own bytes, health-tested.
    Raw,
    /// Conditioned; every byte backed by fresh entropy.
    Conditioned,
    /// From an SP 800-90A DRBG seeded and reseeded by the device.
    Drbg,
}

impl From<OutputArg> for Output {
    fn from(argument: OutputArg) -> Self {
        match argument {
            OutputArg::Raw => Self::Raw,
            OutputArg::Conditioned => Self::Conditioned,
            OutputArg::Drbg => Self::Drbg,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Bytes as they are.
    Binary,
    /// Two lower-case digits a byte, one line.
    Hex,
    /// RFC 4648 with padding, one line.
    Base64,
}
