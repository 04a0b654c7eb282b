//! Asks the processors that a request may use what they can do and how busy they are.

use qhal::processor::Queue;
use qhal::{Descriptor, Kind, OpenDevice, Provenance, Result};
use qhal_compiler::translate::Target;

use super::{Candidate, Pace, Request};
use crate::choose;
use crate::leases::Lease;
use crate::registry::Registry;
use crate::simulated;

/// Every processor among `found` as a candidate. Those that the policy forbids are not opened.
///
/// `leases` are those of other clients at the moment `now` (ms since 1970).
pub fn gather(
    registry: &Registry,
    found: &[Descriptor],
    request: &Request,
    leases: &[Lease],
    now: u64,
) -> Vec<Candidate> {
    let processors = found.iter().filter(|device| device.kind == Kind::Processor);
    let ask = |descriptor: &Descriptor| {
        let allowed = choose::objection(descriptor, request.policy, request.named.as_ref()).is_none();
        let (target, queue) = match allowed.then(|| look(registry, descriptor)) {
            Some(Ok((target, queue))) => (Ok(target), queue),
            Some(Err(error)) => (Err(error.chain()), Queue::default()),
            None => (Err("it was not asked".to_owned()), Queue::default()),
        };
        let name = descriptor.id.to_string();
        let lease = leases.iter().find(|lease| lease.device == name);
        let pace = match descriptor.provenance {
            Provenance::Simulated if simulated::imitates(descriptor) => Pace::Noise,
            Provenance::Simulated => Pace::StateVector,
            _ => Pace::Chip,
        };
        let leased = lease.map(|lease| (lease.client.clone(), lease.left(now)));
        Candidate { descriptor: descriptor.clone(), target, pace, queue, leased }
    };
    processors.map(ask).collect()
}

fn look(registry: &Registry, descriptor: &Descriptor) -> Result<(Target, Queue)> {
    let mut device = registry.open(descriptor)?;
    let seen = match &mut device {
        OpenDevice::Processor(processor) => {
            let target = match simulated::target_of(descriptor) {
                Some(target) => target,
                None => Ok(Target::of(&descriptor.id.to_string(), processor.capabilities())),
            };
            target.and_then(|target| Ok((target, processor.queue()?)))
        }
        _ => Err(qhal::Error::new(qhal::ErrorKind::Protocol, "it opened as something that runs no circuits")),
    };
    device.close()?;
    seen
}
