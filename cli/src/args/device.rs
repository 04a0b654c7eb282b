//! The words of the commands that look at devices or stand in for them.

use clap::Args;
use qhal_backends::DeviceSpec;

use super::spec;
use crate::units;

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
