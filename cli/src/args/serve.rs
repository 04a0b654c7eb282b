//! The words of `qhal serve`.

use std::net::SocketAddr;

use clap::Args;
use qhal_backends::DeviceSpec;

use super::rng::CombineArg;
use super::{PolicyArgs, spec};

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address of the HTTP API [default: serve.listen, else 127.0.0.1:7780].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// A device to serve from; may be given several times [default: rng.devices, else the best that the policy
    /// allows, chosen anew whenever it is lost].
    #[arg(long = "device", value_parser = spec, value_name = "DEVICE")]
    pub(crate) devices: Vec<DeviceSpec>,
    /// How several devices are combined [default: redundant].
    #[arg(long, value_enum)]
    pub(crate) combine: Option<CombineArg>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}
