//! The one pure function that decides which device is taken, and why not the others.

use qhal::{Access, Descriptor, DeviceId, Error, ErrorKind, Kind, Policy, Provenance, QuantumOrigin};

/// A device that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which one.
    pub id: DeviceId,
    /// Why, in a few words with what to do about it.
    pub reason: String,
    /// Whether it would have done, had there not been a better one.
    pub would_do: bool,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The kind that was asked for.
    pub kind: Kind,
    /// The policy that decided.
    pub policy: Policy,
    /// The device to take, if there is one.
    pub chosen: Option<Descriptor>,
    /// Why it was taken, in a few words; empty if none was.
    pub reason: String,
    /// Whether a simulation was taken because there was no hardware. Must be said wherever the device is used.
    pub fallback: bool,
    /// The other devices of the kind, and why each was not taken.
    pub passed_over: Vec<PassedOver>,
}

/// Decides which of `found` serves as `kind` under `policy`.
///
/// `named` is the device that the user named by hand: nothing else is taken then, and what cannot be verified is
/// acceptable because somebody vouches for it. A simulation is never taken under `RequireHardware`, named or not.
///
/// Without a name: among acceptable and accessible devices the better provenance goes first, then quantum before
/// classical noise, then a simulation that stands in for no certain chip, then the name in alphabetical order, so that the
/// same machine always gives the same answer.
pub fn choose(found: &[Descriptor], kind: Kind, policy: Policy, named: Option<&DeviceId>) -> Choice {
    let mut acceptable: Vec<&Descriptor> = Vec::new();
    let mut passed_over = Vec::new();
    for device in found.iter().filter(|device| device.kind == kind) {
        match objection(device, policy, named) {
            None => acceptable.push(device),
            Some(reason) => {
                passed_over.push(PassedOver { id: device.id.clone(), reason, would_do: false });
            }
        }
    }
    acceptable.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id)));
    let mut rest = acceptable.into_iter();
    let chosen = rest.next().cloned();
    if let Some(chosen) = &chosen {
        let reason = format!("{} was preferred", chosen.id);
        passed_over.extend(rest.map(|device| PassedOver {
            id: device.id.clone(),
            reason: reason.clone(),
            would_do: true,
        }));
    }
    let fallback = policy == Policy::PreferHardware
        && named.is_none()
        && chosen.as_ref().is_some_and(|device| device.provenance == Provenance::Simulated);
    let reason = match &chosen {
        None => String::new(),
        Some(_) if named.is_some() => "named by hand".to_owned(),
        Some(_) if fallback => "no hardware was found: this is a simulation".to_owned(),
        Some(device) => {
            format!("{}, the best that policy {policy} allows", device.provenance_with_evidence())
        }
    };
    Choice { kind, policy, chosen, reason, fallback, passed_over }
}

impl Choice {
    /// The device to take.
    ///
    /// # Errors
    /// `NotFound` when there is none, or `Refused` when the policy forbids what there is: with every device that
    /// was passed over and the reason.
    pub fn device(&self) -> Result<&Descriptor, Error> {
        self.chosen.as_ref().ok_or_else(|| {
            let noun = match self.kind {
                Kind::Entropy => "random-number generator",
                Kind::KeyLink => "key link",
                Kind::Processor => "processor",
                Kind::TimeTagger => "time tagger",
            };
            let (kind, mut message) = if self.passed_over.is_empty() {
                (ErrorKind::NotFound, format!("no {noun} was found (policy {})", self.policy))
            } else {
                (ErrorKind::Refused, format!("no {noun} may be used under policy {}", self.policy))
            };
            for (index, over) in self.passed_over.iter().enumerate() {
                let separator = if index == 0 { ": passed over " } else { "; " };
                message.push_str(&format!("{separator}{} ({})", over.id, over.reason));
            }
            Error::new(kind, message)
        })
    }
}

/// Why `device` cannot be taken; `None` if it can.
pub(crate) fn objection(device: &Descriptor, policy: Policy, named: Option<&DeviceId>) -> Option<String> {
    if let Some(named) = named
        && *named != device.id
    {
        return Some(format!("{named} was named"));
    }
    let simulated = device.provenance == Provenance::Simulated;
    match policy {
        Policy::RequireHardware if simulated => {
            return Some("it is a simulation; --policy simulator-only accepts it".to_owned());
        }
        Policy::SimulatorOnly if !simulated => return Some("it is not a simulation".to_owned()),
        _ => {}
    }
    match device.provenance {
        Provenance::Unverified if named.is_none() => {
            return Some(format!(
                "{}: nothing verifies what it is; --device {} takes it",
                device.provenance_with_evidence(),
                device.id
            ));
        }
        Provenance::Remote if named.is_none() && device.kind == Kind::Entropy => {
            return Some(format!("its bytes were made elsewhere; --device {} takes it", device.id));
        }
        _ => {}
    }
    match &device.access {
        Access::Ready => None,
        Access::Busy { holder: Some(holder) } => Some(format!("busy: {holder} has it")),
        Access::Busy { holder: None } => Some("busy: another program has it".to_owned()),
        Access::Denied { hint } => Some(hint.clone()),
    }
}

/// Lower is better.
fn rank(device: &Descriptor) -> (std::cmp::Reverse<Provenance>, u8, bool) {
    let physics = match device.origin {
        QuantumOrigin::Quantum => 0,
        QuantumOrigin::Claimed => 1,
        QuantumOrigin::NotQuantum => 2,
        QuantumOrigin::Model => 3,
    };
    // Who names no chip is not given the limits and errors of one.
    (std::cmp::Reverse(device.provenance), physics, crate::simulated::imitates(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Policy::*;
    use Provenance::*;
    use proptest::prelude::*;
    use qhal::Address;

    fn device(unit: &str, provenance: Provenance, origin: QuantumOrigin, access: Access) -> Descriptor {
        Descriptor {
            id: DeviceId::new("test", unit),
            kind: Kind::Entropy,
            provenance,
            evidence: String::new(),
            origin,
            address: Address::File { path: unit.into() },
            model: String::new(),
            serial: None,
            access,
        }
    }

    fn one_of_each() -> Vec<Descriptor> {
        use QuantumOrigin::*;
        vec![
            device("model", Simulated, Model, Access::Ready),
            device("pty", Unverified, Quantum, Access::Ready),
            device("beacon", Remote, Quantum, Access::Ready),
            device("tpm", Hardware, NotQuantum, Access::Ready),
            device("qrng", Hardware, Quantum, Access::Ready),
            device("locked", Hardware, Quantum, Access::Denied { hint: "join the group dialout".into() }),
        ]
    }

    fn chosen(found: &[Descriptor], policy: Policy, named: Option<&str>) -> Option<String> {
        let named = named.map(|unit| DeviceId::new("test", unit));
        choose(found, Kind::Entropy, policy, named.as_ref()).chosen.map(|device| device.id.unit().to_owned())
    }

    #[test]
    fn the_table_of_the_architecture() {
        let all = one_of_each();
        assert_eq!(chosen(&all, RequireHardware, None).as_deref(), Some("qrng"));
        assert_eq!(chosen(&all, PreferHardware, None).as_deref(), Some("qrng"));
        assert_eq!(chosen(&all, SimulatorOnly, None).as_deref(), Some("model"));
        // Unverified and remote entropy only by name; a simulation not even then.
        assert_eq!(chosen(&all[..3], RequireHardware, None), None);
        assert_eq!(chosen(&all, RequireHardware, Some("pty")).as_deref(), Some("pty"));
        assert_eq!(chosen(&all, RequireHardware, Some("beacon")).as_deref(), Some("beacon"));
        assert_eq!(chosen(&all, RequireHardware, Some("model")), None);
        assert_eq!(chosen(&all, SimulatorOnly, Some("qrng")), None);
        assert_eq!(chosen(&all, PreferHardware, Some("model")).as_deref(), Some("model"));
        assert_eq!(chosen(&all, RequireHardware, Some("locked")), None);
    }

    #[test]
    fn a_fallback_is_announced_and_a_named_simulation_is_none() {
        let all = one_of_each();
        let choice = choose(&all[..3], Kind::Entropy, PreferHardware, None);
        assert!(choice.fallback && choice.reason.contains("simulation"));
        let named = DeviceId::new("test", "model");
        assert!(!choose(&all[..3], Kind::Entropy, PreferHardware, Some(&named)).fallback);
        assert!(!choose(&all, Kind::Entropy, SimulatorOnly, None).fallback);
    }

    #[test]
    fn a_refusal_says_what_was_passed_over_and_why() {
        let error = choose(&one_of_each()[..2], Kind::Entropy, RequireHardware, None).device().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        for part in ["test:model (it is a simulation", "test:pty (Unverified", "--device test:pty"] {
            assert!(error.message().contains(part), "{error}");
        }
        let nothing = choose(&[], Kind::Processor, RequireHardware, None).device().unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::NotFound);
    }

    fn any_device() -> impl Strategy<Value = Descriptor> {
        let provenance = prop_oneof![Just(Hardware), Just(Remote), Just(Unverified), Just(Simulated)];
        let access = prop_oneof![Just(Access::Ready), Just(Access::Busy { holder: None })];
        (0u8..8, provenance, access).prop_map(|(unit, provenance, access)| {
            device(&unit.to_string(), provenance, QuantumOrigin::Claimed, access)
        })
    }

    proptest! {
        #[test]
        fn no_choice_ever_breaks_its_policy(found in prop::collection::vec(any_device(), 0..8), name in prop::option::of(0u8..8)) {
            let named = name.map(|unit| DeviceId::new("test", unit.to_string()));
            for policy in [RequireHardware, PreferHardware, SimulatorOnly] {
                let choice = choose(&found, Kind::Entropy, policy, named.as_ref());
                prop_assert_eq!(usize::from(choice.chosen.is_some()) + choice.passed_over.len(), found.len());
                let Some(device) = choice.chosen else { continue };
                prop_assert_eq!(&device.access, &Access::Ready);
                prop_assert!(policy != RequireHardware || device.provenance != Simulated);
                prop_assert!(policy != SimulatorOnly || device.provenance == Simulated);
                prop_assert!(named.is_some() || !matches!(device.provenance, Unverified | Remote));
                prop_assert_eq!(choice.fallback, policy == PreferHardware && device.provenance == Simulated && named.is_none());
            }
        }
    }
}
