//! The words of `qhal kme` and `qhal pki`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub(crate) enum KmeCommand {
    /// Serve keys to applications (ETSI GS QKD 014, SKIP) until Ctrl-C; sections [kme], [[sae]], [[peer]] and [[pair]].
    #[command(after_help = "Example: qhal kme serve --config lab/kme-a.toml")]
    Serve(KmeServeArgs),
    /// Follow the chain of an audit trail that a key manager has written.
    #[command(after_help = "Example: qhal kme audit lab/audit.jsonl")]
    Audit {
        /// The file that `audit` under [kme] names.
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct KmeServeArgs {
    /// Threads that answer requests [default: all processors].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) threads: Option<u64>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum PkiCommand {
    /// Make a throw-away authority, certificates for key managers and applications, and a configuration for each key manager.
    #[command(after_help = "Example: qhal pki new lab --kme kme-a --kme kme-b --sae alice --sae bob")]
    New(PkiNewArgs),
}

#[derive(Args, Debug)]
pub(crate) struct PkiNewArgs {
    /// A new folder.
    pub(crate) dir: PathBuf,
    /// A key manager; repeat it for more.
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) kme: Vec<String>,
    /// An application; the first belongs to the first key manager, the second to the second, and so on in turn.
    #[arg(long, value_name = "NAME")]
    pub(crate) sae: Vec<String>,
    /// A controller, which may read how the key managers are doing (ETSI GS QKD 015); repeat it for more.
    #[arg(long, value_name = "NAME")]
    pub(crate) controller: Vec<String>,
    /// Another name or address under which key managers are reached, beside localhost, 127.0.0.1 and ::1.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,
    /// Keys from a simulated link between the two key managers, its photons from here to there, and not from a generator.
    #[arg(long)]
    pub(crate) simulated_link: bool,
    /// Port of the first key manager; the others follow.
    #[arg(long, default_value_t = 8443, value_parser = clap::value_parser!(u16).range(1..=65000))]
    pub(crate) port: u16,
    /// Port of the first key manager for key streams (ETSI GS QKD 004); the others follow.
    #[arg(long, default_value_t = 25575, value_parser = clap::value_parser!(u16).range(1..=65000))]
    pub(crate) streams_port: u16,
}
