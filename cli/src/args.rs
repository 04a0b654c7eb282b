//! The command line: what can be asked of `qhal` and in which words.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use qhal::Policy;
use qhal_backends::DeviceSpec;
use qhal_backends::random::Output;

use crate::units;

/// One way to talk to quantum hardware: random-number generators, key links and processors.
///
/// Without a subcommand: what is attached, and what would be used for what.
#[derive(Parser, Debug)]
#[command(
    name = "qhal",
    version,
    max_term_width = 100,
    after_help = "Example: qhal rng read -n 32 --format hex --policy simulator-only"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every subcommand understands.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// Print one JSON document on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The configuration file [default: qhal.toml here, else /etc/qhal/qhal.toml].
    #[arg(long, global = true, env = "QHAL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show what is attached, what would be chosen for each kind and why, and how it is.
    #[command(after_help = "Example: qhal status --json")]
    Status(PolicyArgs),
    /// List what the operating system shows and the simulated devices; touches no port.
    #[command(after_help = "Example: qhal devices --all")]
    Devices(DevicesArgs),
    /// Open a device and show all it tells: identity, capabilities, health, claimed figures.
    #[command(after_help = "Example: qhal info hwrng")]
    Info(InfoArgs),
    /// Look for what stands in the way (permissions, busy ports, other programs) and say how to mend it.
    #[command(after_help = "Example: qhal doctor --udev-rules | sudo tee /etc/udev/rules.d/70-qhal.rules")]
    Doctor(DoctorArgs),
    /// Put the device's side of a wire on a pseudo-terminal or a loopback port, until stdin closes or Ctrl-C.
    #[command(after_help = "Example: qhal emulate qcicada --fault bad-signature --seed 1")]
    Emulate(EmulateArgs),
    /// Random numbers.
    #[command(subcommand)]
    Rng(RngCommand),
    /// Run an OpenQASM program and show counts, probabilities or the state.
    #[command(after_help = "Example: qhal run bell.qasm --shots 1000 --seed 1 --json")]
    Run(RunArgs),
    /// Show in one go what this machine has: devices, some randomness, the counts of a circuit.
    #[command(after_help = "Example: qhal demo")]
    Demo,
    /// Measure how fast things are here.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the completion script of a shell.
    #[command(after_help = "Example: qhal completions bash > /etc/bash_completion.d/qhal")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum RngCommand {
    /// Read random bytes: all of them, or none and exit status 1.
    #[command(after_help = "Example: qhal rng read -n 1MiB --device hwrng -o key-material.bin")]
    Read(ReadArgs),
    /// Assess the min-entropy of raw samples in a file as NIST SP 800-90B does; one sample a byte.
    #[command(after_help = "Example: qhal rng assess noise.bin --bits 8 --json")]
    Assess(AssessArgs),
}

#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Time a circuit on the state-vector engine: allocation, zeroing, fusion and gates; parsing excluded.
    #[command(after_help = "Example: qhal bench statevector qft.qasm --threads 2 --reps 5")]
    Statevector(BenchStatevectorArgs),
}

/// Which origins are acceptable.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct PolicyArgs {
    /// require-hardware, prefer-hardware or simulator-only.
    #[arg(long, value_parser = policy, value_name = "POLICY")]
    pub(crate) policy: Option<Policy>,
}

#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    /// Also list serial ports that no driver claims, and why.
    #[arg(long)]
    pub(crate) all: bool,
    /// Go on and report what is plugged and unplugged, until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// An id, a driver, an address, or driver@address.
    #[arg(value_parser = spec)]
    pub(crate) device: DeviceSpec,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Print udev rules for all known devices instead.
    #[arg(long)]
    pub(crate) udev_rules: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EmulateArgs {
    /// What to emulate; `qhal emulate list` names all models and faults.
    pub(crate) model: String,
    /// Misbehave in this way.
    #[arg(long)]
    pub(crate) fault: Option<String>,
    /// Makes what it sends repeatable [default: taken from the operating system].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Bytes a second it sends at most, as a size [default: the real device's rate].
    #[arg(long, value_parser = units::size, value_name = "SIZE")]
    pub(crate) rate: Option<u64>,
    /// Use a loopback TCP port instead of a pseudo-terminal, where the device has a network variant.
    #[arg(long)]
    pub(crate) tcp: bool,
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

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The program; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// How often it is run, 1 to 2^53 [default: 1024].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    pub(crate) shots: Option<u64>,
    /// Which processor [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
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
    #[arg(long, conflicts_with_all = ["show", "out", "device"])]
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

fn spec(text: &str) -> Result<DeviceSpec, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

fn policy(text: &str) -> Result<Policy, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
