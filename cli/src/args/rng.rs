//! The words of `qhal rng`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use qhal_backends::DeviceSpec;
use qhal_backends::ensemble::Combine;
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
    /// Write samples as the device gives them to a file, with a sidecar FILE.json that says where they come from.
    #[command(after_help = "Example: qhal rng record -n 1MB --device qcicada -o noise.bin")]
    Record(RecordArgs),
    /// Test a file quickly: FIPS 140-2 blocks, how values are distributed and correlate, a picture of the bit planes.
    #[command(after_help = "Example: qhal rng test noise.bin -o planes.png")]
    Test(TestArgs),
    /// Feed the kernel's generator (/dev/random) from a device, again and again; needs root.
    #[command(after_help = "Example: qhal rng feed --device hwrng --once --dry-run")]
    Feed(FeedArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ReadArgs {
    /// How many bytes: 32, 16KiB, 1MB.
    #[arg(short = 'n', long = "bytes", value_parser = units::size, value_name = "SIZE")]
    pub(crate) bytes: u64,
    /// Which device; several are combined [default: the best that the policy allows].
    #[arg(long = "device", value_parser = spec, value_name = "DEVICE")]
    pub(crate) devices: Vec<DeviceSpec>,
    /// How several devices are combined [default: redundant].
    #[arg(long, value_enum)]
    pub(crate) combine: Option<CombineArg>,
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
    /// The samples, one a byte, in the low bits; a sidecar FILE.json of `rng record` is read along.
    #[arg(required_unless_present = "device")]
    pub(crate) file: Option<PathBuf>,
    /// Bits of a sample, 1 to 8 [default: as the sidecar says, else those of the widest symbol].
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
    /// With --restart and no file: restart this device 1000 times and take the samples from it.
    #[arg(long, value_parser = spec, requires = "restart", conflicts_with = "file")]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Take a device that gives conditioned bytes only, too.
    #[arg(long, requires = "device")]
    pub(crate) conditioned: bool,
    /// Also write a report with pictures: one HTML page that needs nothing else.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// How many samples, one a byte: 1000000, 1MB.
    #[arg(short = 'n', long = "samples", value_parser = units::size, value_name = "SIZE")]
    pub(crate) samples: Option<u64>,
    /// The file, which appears whole or not at all.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Which device [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Take a device that gives conditioned bytes only, too; the sidecar says so.
    #[arg(long)]
    pub(crate) conditioned: bool,
    /// 1000 samples after each of 1000 restarts, for `rng assess --restart`.
    #[arg(long, conflicts_with = "samples")]
    pub(crate) restarts: bool,
}

#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// The samples or bytes.
    pub(crate) file: PathBuf,
    /// Bits of a sample, 1 to 8, in the low bits of its byte [default: as the sidecar says, else 8].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) bits: Option<u8>,
    /// Write a picture of the bit planes there: FILE.png or FILE.svg.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct FeedArgs {
    /// Bits of entropy to credit for each 32 bytes, 0 to 256 [default: 256 for hardware (255 from an extractor), else 0].
    #[arg(long, value_name = "BITS")]
    pub(crate) credit: Option<u32>,
    /// Feed once and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Do everything but touch the kernel.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Time from one feeding to the next: 500ms, 60s, 5min.
    #[arg(long, value_parser = units::duration, default_value = "60s", value_name = "TIME")]
    pub(crate) interval: Duration,
    /// Which device [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
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
pub(crate) enum ConditionerArg {
    /// A vetted hash: full entropy.
    Sha256,
    /// A seeded extractor: uniform by a theorem, and not vetted.
    Toeplitz,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CombineArg {
    /// One block of each, added: good as long as one device is; as slow as the slowest.
    Redundant,
    /// The blocks of all as they come: as fast as all together; every device is trusted.
    Additive,
}

impl From<CombineArg> for Combine {
    fn from(argument: CombineArg) -> Self {
        match argument {
            CombineArg::Redundant => Self::Redundant,
            CombineArg::Additive => Self::Additive,
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
