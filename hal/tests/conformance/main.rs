//! The conformance suites, tried on implementors in memory: a right one passes, and for every promise there is a wrong
//! one that is caught.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what helps a test fails as a test does"
)]

#[path = "../support/branches.rs"]
mod branches;
mod device;
mod driver;
mod entropy;
mod key_link;
mod processor;
mod processor_in_memory;
mod processor_results;
mod secure_random;
mod tagger;

use std::collections::BTreeSet;

use qhal::conformance::{SENTENCE, Violation};
use qhal::{Access, Address, Descriptor, DeviceId, Error, ErrorKind, Kind, Provenance, QuantumOrigin};

/// A descriptor that keeps every promise.
pub(crate) fn descriptor(kind: Kind) -> Descriptor {
    Descriptor {
        id: DeviceId::new("memory", "M1"),
        kind,
        provenance: Provenance::Simulated,
        evidence: "computed in this test".into(),
        origin: QuantumOrigin::Model,
        address: Address::Simulated { model: "memory".into() },
        model: "in memory".into(),
        serial: Some("M1".into()),
        access: Access::Ready,
    }
}

pub(crate) fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "as the test wants it")
}

/// The same numbers in every run: SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Tries one wrong implementor after the other and holds that the suite says which promise each breaks, and that no
/// promise of the suite is left untried.
pub(crate) fn all_caught<F: std::fmt::Debug>(
    promises: &[&'static str],
    faults: impl IntoIterator<Item = (&'static str, F)>,
    check: impl Fn(&F) -> Result<(), Violation>,
) {
    let mut tried = BTreeSet::new();
    for (promise, fault) in faults {
        let violation = check(&fault).expect_err(&format!("{fault:?} was not caught ('{promise}')"));
        assert_eq!(violation.promise, promise, "{fault:?}: {violation}");
        assert!(violation.to_string().contains(&violation.found) && !violation.found.is_empty());
        assert!(promises.contains(&promise) || promise == SENTENCE, "{promise} is not in the list");
        tried.insert(promise);
    }
    let untried: Vec<_> = promises.iter().filter(|promise| !tried.contains(*promise)).collect();
    assert!(untried.is_empty(), "no wrong implementor was tried for {untried:?}");
}
