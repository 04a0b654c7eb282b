//! The words of `qhal tags`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use qhal_backends::DeviceSpec;
use qhal_backends::link::{PairProtocol, Receiver};
use qhal_backends::tags::{Format, ReadOptions, Recording};

use super::{PolicyArgs, spec};
use crate::units;

#[derive(Subcommand, Debug)]
pub(crate) enum TagsCommand {
    /// Record what fires at the inputs of a time tagger.
    #[command(after_help = "Example: qhal tags record --device tdc1 --seconds 10 -o alice.tags")]
    Record(TagsRecordArgs),
    /// Show what is in a file: format, events and rates of each input, time.
    #[command(after_help = "Example: qhal tags info alice.tags --json")]
    Info(TagsInfoArgs),
    /// Write a file of tags anew in another format.
    #[command(after_help = "Example: qhal tags convert measurement.ptu alice.txt")]
    Convert(TagsConvertArgs),
    /// Find how two recordings belong together: clock offset and skew, coincidences, accidents.
    #[command(after_help = "Example: qhal tags correlate alice.tags bob.tags --window 1ns --json")]
    Correlate(TagsCorrelateArgs),
    /// Take two recorded ends through synchronisation, sifting and distillation, and see what key is in them.
    #[command(after_help = "Example: qhal tags distill alice.tags bob.tags --protocol bbm92 --json")]
    Distill(TagsDistillArgs),
}

/// How files are read that do not say it all.
#[derive(Args, Debug)]
pub(crate) struct TagsReadArgs {
    /// The format of what is read [default: told by the content].
    #[arg(long, value_parser = format, value_name = "FORMAT")]
    pub(crate) from: Option<Format>,
    /// The time base of quTAG files, which do not tell it: 1ps, 81ps.
    #[arg(long, value_parser = units::short_seconds, default_value = "1ps", value_name = "TIME")]
    pub(crate) time_base: f64,
    /// The input that the sync input of a PicoQuant instrument counts as.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64), default_value_t = 64, value_name = "INPUT")]
    pub(crate) sync_input: u32,
}

impl TagsReadArgs {
    /// The recording at a path.
    pub(crate) fn recording(&self, path: &std::path::Path) -> Recording {
        let options = ReadOptions { qutag_tick: self.time_base, ptu_sync_input: self.sync_input };
        Recording { path: path.to_owned(), format: self.from, options }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TagsRecordArgs {
    /// Which device [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// How long, in seconds of the device's clock.
    #[arg(long, value_name = "T", value_parser = seconds)]
    pub(crate) seconds: f64,
    /// The file, which appears whole or not at all.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Its format [default: by the end of its name, else tags64].
    #[arg(long, value_parser = format, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

#[derive(Args, Debug)]
pub(crate) struct TagsInfoArgs {
    /// The file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) read: TagsReadArgs,
}

#[derive(Args, Debug)]
pub(crate) struct TagsConvertArgs {
    /// The file that is read.
    pub(crate) input: PathBuf,
    /// The file that is written, which appears whole or not at all.
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) read: TagsReadArgs,
    /// The format of what is written [default: by the end of its name, else tags64].
    #[arg(long, value_parser = format, value_name = "FORMAT")]
    pub(crate) to: Option<Format>,
}

#[derive(Args, Debug)]
pub(crate) struct TagsCorrelateArgs {
    /// The recording of the first end.
    pub(crate) a: PathBuf,
    /// The recording of the second end.
    pub(crate) b: PathBuf,
    /// Events of both ends at most half of this apart are a pair: 1ns, 500ps.
    #[arg(long, value_parser = units::window, default_value = "1ns", value_name = "TIME")]
    pub(crate) window: u64,
    #[command(flatten)]
    pub(crate) read: TagsReadArgs,
}

#[derive(Args, Debug)]
pub(crate) struct TagsDistillArgs {
    /// The recording of the first end.
    pub(crate) a: PathBuf,
    /// The recording of the second end.
    pub(crate) b: PathBuf,
    /// How keys are made of it.
    #[arg(long, value_enum, default_value_t = TagsProtocolArg::Bbm92)]
    pub(crate) protocol: TagsProtocolArg,
    /// What inputs 1, 2, 3, … stand for: basis Z (key) or X (check), or a setting A, B or C of e91, and the bit; - for none [default:
    /// Z0,X0,Z1,X1, and A0,B0,C0,A1,B1,C1 for e91].
    #[arg(long, value_parser = channels, value_name = "LIST")]
    pub(crate) channels: Option<Receiver>,
    /// The same of the second end, where it differs: with the bits turned round for pairs that disagree.
    #[arg(long, value_parser = channels, value_name = "LIST")]
    pub(crate) channels_b: Option<Receiver>,
    /// The least CHSH value S of e91 that is no alarm, 2 to 2.828; S has to exceed 2 by six standard deviations in any case [default: 2].
    #[arg(long, value_name = "S", value_parser = super::chsh_limit)]
    pub(crate) chsh_limit: Option<f64>,
    /// Events of both ends at most half of this apart are a pair: 1ns, 500ps.
    #[arg(long, value_parser = units::window, default_value = "1ns", value_name = "TIME")]
    pub(crate) window: u64,
    /// Makes the run repeatable [default: taken from the operating system].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) read: TagsReadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TagsProtocolArg {
    /// Entangled pairs.
    Bbm92,
    /// Entangled pairs at three settings an end, with a test of the CHSH inequality.
    E91,
}

impl From<TagsProtocolArg> for PairProtocol {
    fn from(argument: TagsProtocolArg) -> Self {
        match argument {
            TagsProtocolArg::Bbm92 => Self::Bbm92,
            TagsProtocolArg::E91 => Self::E91,
        }
    }
}

fn format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

fn channels(text: &str) -> Result<Receiver, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (1e-3..=1e6).contains(number));
    number.ok_or_else(|| format!("'{text}' is not a number of seconds from 0.001 to 1000000"))
}
