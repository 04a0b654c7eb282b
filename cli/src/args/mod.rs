//! The command line: what can be asked of `qhal` and in which words; a file for each group of commands.

mod bench;
mod device;
mod jobs;
mod kme;
mod link;
mod negotiate;
mod rng;
mod run;
mod serve;
mod tags;
mod translate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use qhal::Policy;
use qhal_backends::DeviceSpec;
use qhal_backends::link::check_chsh_limit;

pub(crate) use bench::{BenchArgs, BenchCommand, BenchLimitsArgs, BenchStatevectorArgs};
pub(crate) use device::{DevicesArgs, DoctorArgs, EmulateArgs, InfoArgs};
pub(crate) use jobs::JobsCommand;
pub(crate) use kme::{KmeCommand, KmeServeArgs, PkiCommand, PkiNewArgs};
pub(crate) use link::{KeysOut, LinkCommand, LinkDevice, LinkFetchArgs, LinkGetArgs, SimulateArgs};
pub(crate) use negotiate::NegotiateArgs;
pub(crate) use rng::{
    AssessArgs, CombineArg, ConditionerArg, FeedArgs, Format, OutputArg, ReadArgs, RecordArgs, RngCommand,
    TestArgs,
};
pub(crate) use run::{EngineArgs, PrecisionArg, RunArgs, Show};
pub(crate) use serve::ServeArgs;
pub(crate) use tags::{
    TagsCommand, TagsConvertArgs, TagsCorrelateArgs, TagsDistillArgs, TagsInfoArgs, TagsReadArgs,
    TagsRecordArgs,
};
pub(crate) use translate::{Language, TranslateArgs};

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
    /// Put the device's side of a wire on a pseudo-terminal, a loopback port or USB/IP, until stdin closes or Ctrl-C.
    #[command(after_help = "Example: qhal emulate qcicada --fault bad-signature --seed 1")]
    Emulate(EmulateArgs),
    /// Random numbers.
    #[command(subcommand)]
    Rng(RngCommand),
    /// A key manager.
    #[command(subcommand)]
    Kme(KmeCommand),
    /// Certificates for a lab.
    #[command(subcommand)]
    Pki(PkiCommand),
    /// Key-distribution links.
    #[command(subcommand)]
    Link(LinkCommand),
    /// Recordings of time taggers.
    #[command(subcommand)]
    Tags(TagsCommand),
    /// Serve random bytes over HTTP, EGD and sockets, and keep the devices alive, until Ctrl-C.
    #[command(after_help = "Example: qhal serve --device hwrng --listen 127.0.0.1:7780")]
    Serve(ServeArgs),
    /// Run an OpenQASM program and show counts, probabilities or the state.
    #[command(after_help = "Example: qhal run bell.qasm --shots 1000 --seed 1 --json")]
    Run(RunArgs),
    /// Translate an OpenQASM program to the native gates and couplings of a processor, and check the result.
    #[command(after_help = "Example: qhal translate bell.qasm --to iqm-garnet -o native.qasm --json")]
    Translate(TranslateArgs),
    /// Find out which processors could take a piece of work, which would, on which qubits, how well and how soon.
    #[command(
        after_help = "Example: qhal negotiate --qubits 5 --depth 10 --shots 1000 --strategy reliability --json"
    )]
    Negotiate(NegotiateArgs),
    /// Jobs that were run on a named processor: list, show, resume or cancel them.
    #[command(after_help = "Example: qhal jobs list --json")]
    Jobs {
        #[command(subcommand)]
        command: Option<JobsCommand>,
    },
    /// Show in one go what this machine has: devices, some randomness, the counts of a circuit.
    #[command(after_help = "Example: qhal demo")]
    Demo,
    /// Measure how fast things are here, and how fast they could be.
    Bench(BenchArgs),
    /// Be the process that a QDMI library runs in; the driver starts it.
    #[command(hide = true)]
    QdmiWorker,
    /// Print the completion script of a shell.
    #[command(after_help = "Example: qhal completions bash > /etc/bash_completion.d/qhal")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Which origins are acceptable.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct PolicyArgs {
    /// require-hardware, prefer-hardware or simulator-only.
    #[arg(long, value_parser = policy, value_name = "POLICY")]
    pub(crate) policy: Option<Policy>,
}

fn spec(text: &str) -> Result<DeviceSpec, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

/// A limit of CHSH's S.
fn chsh_limit(text: &str) -> Result<f64, String> {
    let limit = text.parse::<f64>().map_err(|_| format!("'{text}' is no number"))?;
    check_chsh_limit(limit).map_err(|error| error.message().to_owned())?;
    Ok(limit)
}

/// `NAME=VALUE`.
fn named_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("a value is given as NAME=VALUE, such as theta=pi/2".to_owned()),
    }
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
