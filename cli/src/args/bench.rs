//! The words of `qhal bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::EngineArgs;

#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Time a circuit on the state-vector engine: allocation, zeroing, fusion and gates; parsing excluded.
    #[command(after_help = "Example: qhal bench statevector qft.qasm --threads 2 --reps 5")]
    Statevector(BenchStatevectorArgs),
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
