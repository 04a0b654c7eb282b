//! The words of `qhal run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use qhal_backends::DeviceSpec;

use super::{PolicyArgs, spec};

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The program; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// A value for an `input` of an OpenQASM 3 program, as `theta=pi/2`; may be given more than once.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = super::named_value)]
    pub(crate) inputs: Vec<(String, String)>,
    /// How often it is run, 1 to 2^53 [default: 1024].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    pub(crate) shots: Option<u64>,
    /// Which processor [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Translate the program to the processor's gates and couplings where it needs that.
    #[arg(long)]
    pub(crate) translate: bool,
    /// Leave the job to a processor that keeps jobs, and print its id for `qhal jobs resume`.
    #[arg(long, requires = "device")]
    pub(crate) detach: bool,
    /// Makes a simulation repeatable.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// What to show.
    #[arg(long, value_enum, default_value_t = Show::Counts)]
    pub(crate) show: Show,
    /// With `--show state`: where the amplitudes go, as little-endian complex128.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// How to simulate.
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub(crate) method: Method,
    /// Show how the simulation would do it, pass by pass with the predicted time, and run nothing.
    #[arg(long, conflicts_with_all = ["show", "out", "device", "translate"])]
    pub(crate) explain: bool,
}

/// Settings of the simulated processor.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct EngineArgs {
    /// How amplitudes are stored [default: f64].
    #[arg(long, value_enum)]
    pub(crate) precision: Option<PrecisionArg>,
    /// Threads of the simulation, 1 to 1024 [default: all processors].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    F32,
    F64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// How often each outcome was seen.
    Counts,
    /// Exact probabilities of all qubits, final measurements left out.
    Probabilities,
    /// The amplitudes before final measurements.
    State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// What fits the circuit; today always the state vector.
    Auto,
    /// All amplitudes.
    Statevector,
}
