//! The words of `qhal bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::EngineArgs;

#[derive(Args, Debug)]
#[command(after_help = "Example: qhal bench --json")]
pub(crate) struct BenchArgs {
    /// What to measure [default: our own figures, each beside the limit that this machine sets].
    #[command(subcommand)]
    pub(crate) command: Option<BenchCommand>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Measure the limits of this machine: bandwidth of memory and caches, and arithmetic.
    #[command(after_help = "Example: qhal bench limits --threads 2")]
    Limits(BenchLimitsArgs),
    /// Time a circuit on the state-vector engine: allocation, zeroing, fusion and gates; parsing excluded.
    #[command(after_help = "Example: qhal bench statevector qft.qasm --threads 2 --reps 5")]
    Statevector(BenchStatevectorArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BenchLimitsArgs {
    /// Threads beside one alone, 1 to 1024 [default: all processors].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct BenchStatevectorArgs {
    /// The program.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// How often, 1 to 1000.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) reps: u64,
    /// Write the final state there as little-endian complex128.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
}
