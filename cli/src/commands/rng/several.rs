//! From the command line and the configuration to a plan for several devices.

use std::time::Duration;

use qhal::{Error, ErrorKind, Policy};
use qhal_backends::DeviceSpec;
use qhal_backends::ensemble::{Announcement, Combine, Plan};
use qhal_backends::random::Output;
use qhal_entropy::Config;

use crate::args::CombineArg;
use crate::context::{Context, RNG_POLICY};
use crate::failure::Outcome;
use crate::report;

/// How long one request may wait for the devices when nobody says.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the command line says.
pub(crate) struct Choice<'a> {
    pub(crate) devices: &'a [DeviceSpec],
    pub(crate) combine: Option<CombineArg>,
    pub(crate) policy: Option<Policy>,
    pub(crate) output: Option<Output>,
    pub(crate) config: Config,
}

/// The devices that were named: on the command line, else in the configuration.
pub(crate) fn devices<'a>(context: &'a Context, named: &'a [DeviceSpec]) -> Outcome<&'a [DeviceSpec]> {
    let section = &context.config.rng;
    if !named.is_empty() {
        return Ok(named);
    }
    match (&section.device, section.devices.as_slice()) {
        (Some(_), [_, ..]) => {
            let message = "[rng]: device names one and devices names several: keep one of the two";
            Err(Error::new(ErrorKind::InvalidInput, message).into())
        }
        (Some(device), []) => Ok(std::slice::from_ref(device)),
        (None, devices) => Ok(devices),
    }
}

/// The plan for an ensemble.
pub(crate) fn plan(context: &Context, choice: &Choice<'_>) -> Outcome<Plan> {
    let section = &context.config.rng;
    let output = choice.output.or(section.output.map(Output::from)).unwrap_or(Output::Drbg);
    Ok(Plan {
        devices: devices(context, choice.devices)?.to_vec(),
        policy: choice.policy.or(section.policy).unwrap_or(RNG_POLICY),
        combine: choice.combine.or(section.combine).map_or(Combine::Redundant, Combine::from),
        least: usize::try_from(section.least_devices.unwrap_or(1)).unwrap_or(usize::MAX),
        output,
        config: choice.config.clone(),
        patience: PATIENCE,
    })
}

/// Says aloud what an ensemble announces.
pub(crate) fn announce(announcement: &Announcement) {
    if announcement.is_warning() {
        report::warning(announcement.to_string());
    } else {
        report::note(announcement.to_string());
    }
}
