//! The words of `qhal link`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use qhal::KeyId;
use qhal_backends::DeviceSpec;
use qhal_backends::simulated::LinkProtocol;

use super::{PolicyArgs, spec};

#[derive(Subcommand, Debug)]
pub(crate) enum LinkCommand {
    /// Simulate a key-distribution link end to end: photons, time tags, synchronisation, sifting, reconciliation, secret keys.
    #[command(
        after_help = "Example: qhal link simulate --protocol bb84-decoy --distance 50 --seconds 5 --seed 1 --json\n\n\
        Two ends as two processes:\n  \
        (umask 077; openssl rand -hex 32 > link.secret)\n  \
        qhal link simulate --listen 127.0.0.1:7430 --secret-file link.secret\n  \
        qhal link simulate --connect 127.0.0.1:7430 --secret-file link.secret"
    )]
    Simulate(SimulateArgs),
    /// What a link's key store holds.
    #[command(after_help = "Example: qhal link status --device etsi014@https://localhost:8443")]
    Status(LinkDevice),
    /// New keys, as a key container of ETSI GS QKD 014; tell the other end their names.
    #[command(
        after_help = "Example: qhal link get --device etsi014@https://localhost:8443 -n 2 -o keys.json"
    )]
    Get(LinkGetArgs),
    /// The keys that the other end got, by their names.
    #[command(
        after_help = "Example: qhal link fetch --device etsi014@https://localhost:8444 bc490419-7d60-487f-adc1-4ddcc177c139 -o keys.json"
    )]
    Fetch(LinkFetchArgs),
}

/// Which link.
#[derive(Args, Debug)]
pub(crate) struct LinkDevice {
    /// Which link [default: the best that the policy allows].
    #[arg(long, value_parser = spec)]
    pub(crate) device: Option<DeviceSpec>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// Where keys go.
#[derive(Args, Debug)]
pub(crate) struct KeysOut {
    /// A file for the keys, readable by its owner alone; only their names are printed then [default: standard output].
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LinkGetArgs {
    #[command(flatten)]
    pub(crate) link: LinkDevice,
    /// How many, 1 to 1024.
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) number: u32,
    /// Their length in bits [default: what the link says].
    #[arg(long, value_name = "BITS")]
    pub(crate) size: Option<u32>,
    #[command(flatten)]
    pub(crate) out: KeysOut,
}

#[derive(Args, Debug)]
pub(crate) struct LinkFetchArgs {
    #[command(flatten)]
    pub(crate) link: LinkDevice,
    /// The names of the keys (UUIDs).
    #[arg(required = true, value_parser = key_id)]
    pub(crate) ids: Vec<KeyId>,
    #[command(flatten)]
    pub(crate) out: KeysOut,
}

fn key_id(text: &str) -> Result<KeyId, String> {
    text.parse().map_err(|error: qhal::Error| error.message().to_owned())
}

#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// How the keys are made.
    #[arg(long, value_enum, default_value_t = ProtocolArg::Bb84Decoy)]
    pub(crate) protocol: ProtocolArg,
    /// Length of the fibre, 0 to 2000.
    #[arg(long, default_value_t = 50.0, value_name = "KM", value_parser = within::<0, 2000>)]
    pub(crate) distance: f64,
    /// The least CHSH value S of e91 that is no alarm, 2 to 2.828; S has to exceed 2 by six standard deviations in any case [default: 2].
    #[arg(long, value_name = "S", value_parser = super::chsh_limit)]
    pub(crate) chsh_limit: Option<f64>,
    /// What somebody does to it: intercept-resend, photon-number-splitting, blinding, trojan-horse or time-shift.
    #[arg(long, value_name = "NAME")]
    pub(crate) attack: Option<String>,
    /// Share of the photons that intercept-resend takes, 0 to 1.
    #[arg(long, default_value_t = 1.0, value_parser = within::<0, 1>, requires = "attack")]
    pub(crate) fraction: f64,
    /// Simulated seconds, up to 3600.
    #[arg(long, default_value_t = 5.0, value_name = "T", value_parser = within::<0, 3600>)]
    pub(crate) seconds: f64,
    /// Simulate the sending end only, and wait here for the receiving end of another process (bb84-decoy).
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["connect", "tags"], requires = "secret_file")]
    pub(crate) listen: Option<String>,
    /// Simulate the receiving end only, of the link whose sending end listens there.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["tags", "attack"], requires = "secret_file")]
    pub(crate) connect: Option<String>,
    /// A file whose only line, of 32 characters or more, both ends share.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Makes the run repeatable [default: taken from the operating system].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write what the taggers of both ends send into these two files, for `tags correlate` and `tags distill` (bbm92 and e91).
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) tags: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// Faint laser pulses of three intensities.
    Bb84Decoy,
    /// Entangled pairs.
    Bbm92,
    /// Entangled pairs at three settings an end, with a test of the CHSH inequality.
    E91,
}

impl From<ProtocolArg> for LinkProtocol {
    fn from(argument: ProtocolArg) -> Self {
        match argument {
            ProtocolArg::Bb84Decoy => Self::Bb84Decoy,
            ProtocolArg::Bbm92 => Self::Bbm92,
            ProtocolArg::E91 => Self::E91,
        }
    }
}

fn within<const LEAST: u32, const MOST: u32>(text: &str) -> Result<f64, String> {
    let range = f64::from(LEAST)..=f64::from(MOST);
    let number = text.parse::<f64>().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("'{text}' is not a number from {LEAST} to {MOST}"))
}
