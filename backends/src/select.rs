//! Choosing and opening a device at start-up, with everything that has to be said about it.

use qhal::{Error, ErrorKind, Kind, OpenDevice, Policy, Result};

use crate::choose::{Choice, choose};
use crate::registry::Registry;
use crate::spec::DeviceSpec;

/// A device that was chosen and opened.
#[derive(Debug)]
pub struct Selected {
    /// The open device.
    pub device: OpenDevice,
    /// How it came to be chosen.
    pub choice: Choice,
}

impl Selected {
    /// The sentence that must be shown when a simulation stands in for hardware; `None` if it does not.
    pub fn announcement(&self) -> Option<String> {
        let chosen = self.choice.chosen.as_ref().filter(|_| self.choice.fallback)?;
        let mut text =
            format!("no {} hardware was found: using {}, a simulation", self.choice.kind, chosen.id);
        // What would have done is another simulation, and not worth a word.
        let refused = self.choice.passed_over.iter().filter(|over| !over.would_do);
        let list: Vec<String> = refused.map(|over| format!("{}: {}", over.id, over.reason)).collect();
        if !list.is_empty() {
            text.push_str(&format!(" (passed over {})", list.join("; ")));
        }
        Some(text)
    }
}

/// Chooses a device of `kind` under `policy`, the one that `spec` names if it names one, and opens it.
///
/// The descriptor of the open device is checked against the policy again: what a device says of itself may
/// make it less trustworthy than its listing.
///
/// # Errors
/// Those of [`Registry::find`] and [`Registry::open`]; `NotFound` or `Refused` from the policy, with what was passed
/// over and why; `Refused` when the device that answers is of another kind.
pub fn select(
    registry: &Registry,
    kind: Kind,
    policy: Policy,
    spec: Option<&DeviceSpec>,
) -> Result<Selected> {
    let listing = registry.probe();
    let choice = match spec {
        None => choose(&listing.devices, kind, policy, None),
        Some(spec) => {
            let found = registry.find(spec, &listing, Some(kind))?;
            if found.kind != kind {
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("it is a {} device, not {kind}", found.kind),
                )
                .on(&found.id));
            }
            let named = found.id.clone();
            choose(std::slice::from_ref(&found), kind, policy, Some(&named))
        }
    };
    let mut device = registry.open(choice.device()?)?;
    let described = device.as_device().descriptor().clone();
    let again = choose(std::slice::from_ref(&described), kind, policy, spec.map(|_| &described.id));
    again.device()?;
    if device.kind() != kind {
        return Err(Error::new(ErrorKind::Protocol, format!("it opened as {}, not {kind}", device.kind()))
            .on(&described.id));
    }
    Ok(Selected { device, choice: Choice { chosen: Some(described), ..choice } })
}
