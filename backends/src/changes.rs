//! What was plugged, unplugged or changed between two listings.

use std::fmt;

use qhal::Descriptor;

/// What happened to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not listed before.
    Plugged,
    /// It is not listed any more; the descriptor is the last one.
    Unplugged,
    /// It is listed differently: busy, free, or with other rights.
    Changed,
}

impl Change {
    /// The word of listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plugged => "plugged",
            Self::Unplugged => "unplugged",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The differences from `before` to `now`: what went away first, then the rest in the order of `now`.
pub fn changes<'a>(before: &'a [Descriptor], now: &'a [Descriptor]) -> Vec<(Change, &'a Descriptor)> {
    let gone = before.iter().filter(|device| !now.iter().any(|other| other.id == device.id));
    let rest = now.iter().filter_map(|device| match before.iter().find(|other| other.id == device.id) {
        None => Some((Change::Plugged, device)),
        Some(other) if other != device => Some((Change::Changed, device)),
        Some(_) => None,
    });
    gone.map(|device| (Change::Unplugged, device)).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use qhal::{Access, Address, DeviceId, Kind, Provenance, QuantumOrigin};

    #[test]
    fn each_kind_of_change_is_seen_once() {
        let device = |unit: &str, access| Descriptor {
            id: DeviceId::new("test", unit),
            kind: Kind::Entropy,
            provenance: Provenance::Hardware,
            evidence: String::new(),
            origin: QuantumOrigin::Quantum,
            address: Address::File { path: unit.into() },
            model: String::new(),
            serial: None,
            access,
        };
        let before = [device("a", Access::Ready), device("b", Access::Ready), device("c", Access::Ready)];
        let now = [
            device("b", Access::Busy { holder: None }),
            device("c", Access::Ready),
            device("d", Access::Ready),
        ];
        let seen: Vec<_> = changes(&before, &now)
            .iter()
            .map(|(change, device)| (*change, device.id.unit().to_owned()))
            .collect();
        let expected = [(Change::Unplugged, "a"), (Change::Changed, "b"), (Change::Plugged, "d")];
        assert_eq!(seen, expected.map(|(change, unit)| (change, unit.to_owned())));
        assert!(changes(&now, &now).is_empty());
    }
}
