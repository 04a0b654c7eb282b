//! The words of `qhal negotiate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use qhal_backends::DeviceSpec;
use qhal_backends::negotiate::{Connectivity, Strategy};

use super::{PolicyArgs, spec};
use crate::units;

#[derive(Args, Debug)]
pub(crate) struct NegotiateArgs {
    /// A program, translated for each processor, instead of --qubits and --depth; `-` reads standard input.
    #[arg(conflicts_with_all = ["qubits", "depth", "connectivity"])]
    pub(crate) file: Option<PathBuf>,
    /// How many qubits.
    #[arg(long, value_name = "N", required_unless_present_any = ["file", "release", "leases"], value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) qubits: Option<u32>,
    /// How many layers of gates on all of them.
    #[arg(long, value_name = "D", default_value_t = 1)]
    pub(crate) depth: u32,
    /// How they must be coupled: any, line, ring or all.
    #[arg(long, default_value = "any", value_parser = connectivity)]
    pub(crate) connectivity: Connectivity,
    /// How often it is run.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    pub(crate) shots: u64,
    /// What decides: minimal, balanced, performance, reliability or adaptive.
    #[arg(long, default_value = "balanced", value_parser = strategy)]
    pub(crate) strategy: Strategy,
    /// In which time it must be done.
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub(crate) deadline: Option<Duration>,
    /// The least expected fidelity, 0 to 1.
    #[arg(long, value_name = "F")]
    pub(crate) fidelity: Option<f64>,
    /// Ask this processor alone.
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Lease the best processor that is free for so long; until then nobody else is given it.
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub(crate) lease: Option<Duration>,
    /// Where none is free, wait for the best one for at most so long.
    #[arg(long, value_name = "TIME", value_parser = units::duration, requires = "lease")]
    pub(crate) wait: Option<Duration>,
    /// Of those who wait the highest goes first, 0 to 9; of equals who had the least time lately.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) priority: u8,
    /// Who asks [default: the user's name].
    #[arg(long, env = "QHAL_CLIENT", value_name = "NAME")]
    pub(crate) client: Option<String>,
    /// Give a lease back, and do nothing else.
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "lease", "leases"])]
    pub(crate) release: Option<String>,
    /// List the leases that last, and do nothing else.
    #[arg(long, conflicts_with_all = ["file", "lease"])]
    pub(crate) leases: bool,
}

fn strategy(text: &str) -> Result<Strategy, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

fn connectivity(text: &str) -> Result<Connectivity, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}
