//! What an ensemble is made of: which devices, and how they are used.

use std::time::Duration;

use qhal::{Error, ErrorKind, Policy, Result};
use qhal_entropy::{Combine, Config};

use crate::random::Output;
use crate::spec::DeviceSpec;

/// Which devices, and how they are used.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The devices. None: the best that the policy allows, chosen anew whenever it is lost.
    pub devices: Vec<DeviceSpec>,
    /// Which origins are acceptable.
    pub policy: Policy,
    /// How the blocks of several devices become one.
    pub combine: Combine,
    /// Nothing is given while fewer devices serve; at least 1.
    pub least: usize,
    /// Conditioned bytes or those of a DRBG; raw samples of several devices cannot be combined.
    pub output: Output,
    /// Health tests, start-up test, pool and reseeding, the same for every device.
    pub config: Config,
    /// How long one request may wait for the devices.
    pub patience: Duration,
}

impl Plan {
    /// What the seats are called.
    pub(super) fn names(&self) -> Vec<String> {
        match self.devices.as_slice() {
            [] => vec![format!("policy {}", self.policy)],
            devices => devices.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
        let seats = self.devices.len().max(1);
        if self.output == Output::Raw {
            return wrong(
                "raw samples belong to one device and cannot be combined; use conditioned or drbg".to_owned(),
            );
        }
        if self.least > seats {
            return wrong(format!("at least {} of {seats} device(s) cannot serve", self.least));
        }
        let earlier = |at: usize| self.devices.iter().take(at);
        match self.devices.iter().enumerate().find(|(at, device)| earlier(*at).any(|other| other == *device))
        {
            Some((_, device)) => wrong(format!("{device} is named twice; a device counts once")),
            None => Ok(()),
        }
    }
}
