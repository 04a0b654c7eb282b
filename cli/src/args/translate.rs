//! The words of `qhal translate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct TranslateArgs {
    /// The program; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// A value for an `input` of an OpenQASM 3 program, as `theta=pi/2`; may be given more than once.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = super::named_value)]
    pub(crate) inputs: Vec<(String, String)>,
    /// For what: a target by name (a wrong one is answered with those there are), a JSON description, or a device.
    #[arg(long, value_name = "TARGET|FILE.json|DEVICE")]
    pub(crate) to: String,
    /// Where the translated program goes [default: standard output, or "program" of the JSON document].
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The language of the translated program.
    #[arg(long, value_enum, default_value_t = Language::Openqasm2)]
    pub(crate) format: Language,
    /// How hard to try: 0 gate by gate, 1 merges neighbours, 2 what commutes, 3 searches longest.
    #[arg(long, value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    pub(crate) optimize: u8,
    /// The same seed gives the same program, whatever the number of threads.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads of the search, 1 to 1024 [default: all processors].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
    /// Leave out the comparison of states; every block is checked all the same.
    #[arg(long)]
    pub(crate) no_compare: bool,
}

/// Languages that programs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Openqasm2,
    Openqasm3,
    /// Base profile, opaque pointers (QIR 2).
    Qir,
    /// Base profile, typed pointers (QIR 1).
    QirTyped,
}
