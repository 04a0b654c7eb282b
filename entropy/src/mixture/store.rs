//! The store of a mixture: who is in it, what each has brought, and what of it may be given.

use std::collections::VecDeque;

use qhal::{Descriptor, DeviceId, Error, ErrorKind, Provenance, QuantumOrigin, Result};

use super::{Block, Combine};
use crate::conditioner::BLOCK_BYTES;
use crate::pool::Pool;

/// Blocks that wait for those of the other devices, at most so many of each.
const MOST_WAITING: usize = 8;

/// What became of a block that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is in.
    Taken,
    /// There is no room now; offer it again when something was taken out.
    Full,
    /// It is of no use: its device is not in the mixture, or it was gathered before a flush.
    Stale,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The devices whose blocks went in, in the order of admission.
    pub devices: Vec<Descriptor>,
    /// The weakest provenance among them.
    pub provenance: Provenance,
    /// Whether one of them stands in for hardware that was not there.
    pub fallback: bool,
}

impl Lineage {
    /// What may be said of the physics of the whole: `Quantum` only when every device is.
    pub fn origin(&self) -> QuantumOrigin {
        let worst = |origin: QuantumOrigin| match origin {
            QuantumOrigin::Quantum => 0,
            QuantumOrigin::Claimed => 1,
            QuantumOrigin::NotQuantum => 2,
            QuantumOrigin::Model => 3,
        };
        let origins = self.devices.iter().map(|device| device.origin);
        origins.max_by_key(|origin| worst(*origin)).unwrap_or(QuantumOrigin::NotQuantum)
    }
}

struct Member {
    device: Descriptor,
    fallback: bool,
    waiting: VecDeque<Block>,
    /// Whether a block of it went in since the last dismissal.
    contributed: bool,
}

/// Blocks of several devices, combined; bounded, and emptied whenever a device is dismissed.
///
/// Nothing is given while fewer devices are in than were asked for.
pub struct Mixture {
    combine: Combine,
    least: usize,
    members: Vec<Member>,
    pool: Pool,
    epoch: u64,
    dismissals: u64,
}

impl Mixture {
    /// An empty mixture that gives nothing while fewer than `least` devices (at least 1) are in it, with room for
    /// `pool_bytes` combined bytes.
    ///
    /// # Errors
    /// `InvalidInput` when `least` is 0 or the pool has no room for two blocks.
    pub fn new(combine: Combine, least: usize, pool_bytes: usize) -> Result<Self> {
        if least == 0 || pool_bytes < 2 * BLOCK_BYTES {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a mixture of at least {least} devices in {pool_bytes} bytes is not possible: one device and {} \
                     bytes are the least",
                    2 * BLOCK_BYTES
                ),
            ));
        }
        Ok(Self { combine, least, members: Vec::new(), pool: Pool::new(pool_bytes), epoch: 0, dismissals: 0 })
    }

    /// Lets a device in that has passed its start-up test; one that is in already is described anew.
    pub fn admit(&mut self, device: Descriptor, fallback: bool) {
        match self.members.iter_mut().find(|member| member.device.id == device.id) {
            Some(member) => (member.device, member.fallback) = (device, fallback),
            None => self.members.push(Member {
                device,
                fallback,
                waiting: VecDeque::with_capacity(MOST_WAITING),
                contributed: false,
            }),
        }
    }

    /// Puts a device out, and forgets everything that was gathered: nothing that it may have touched is given.
    pub fn dismiss(&mut self, id: &DeviceId) {
        let before = self.members.len();
        self.members.retain(|member| member.device.id != *id);
        if self.members.len() < before {
            self.flush();
            self.members.iter_mut().for_each(|member| member.contributed = false);
            self.dismissals = self.dismissals.saturating_add(1);
        }
    }

    /// Times a device was dismissed. What was made of earlier bytes (a DRBG's state) must be wiped when it has risen.
    pub fn dismissals(&self) -> u64 {
        self.dismissals
    }

    /// Forgets everything that was gathered, so that what comes next was sampled after this call; returns the new
    /// epoch.
    pub fn flush(&mut self) -> u64 {
        self.pool.clear();
        self.members.iter_mut().for_each(|member| member.waiting.clear());
        self.epoch = self.epoch.saturating_add(1);
        self.epoch
    }

    /// Which epoch it is. A block belongs to the epoch that it was begun in.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes in a block of `id` that was begun in `epoch`.
    pub fn offer(&mut self, id: &DeviceId, epoch: u64, block: &Block) -> Offer {
        if epoch != self.epoch {
            return Offer::Stale;
        }
        let room = self.pool.free() >= BLOCK_BYTES;
        let Some(member) = self.members.iter_mut().find(|member| member.device.id == *id) else {
            return Offer::Stale;
        };
        match self.combine {
            Combine::Additive if room => {
                self.pool.put(block.as_slice());
                member.contributed = true;
                Offer::Taken
            }
            Combine::Redundant if member.waiting.len() < MOST_WAITING => {
                member.waiting.push_back(block.clone());
                self.join();
                Offer::Taken
            }
            _ => Offer::Full,
        }
    }

    /// Moves combined bytes to `out`, as many as there are; returns how many.
    ///
    /// # Errors
    /// `Exhausted` while too few devices are in it.
    pub fn take(&mut self, out: &mut [u8]) -> Result<usize> {
        if !self.serves() {
            let names: Vec<String> = self.members.iter().map(|member| member.device.id.to_string()).collect();
            let have = if names.is_empty() {
                "none serves".to_owned()
            } else {
                format!("only {} serves", names.join(", "))
            };
            return Err(Error::new(
                ErrorKind::Exhausted,
                format!("random bytes need {} healthy device(s), and {have}", self.least),
            ));
        }
        let mut taken = 0;
        while taken < out.len() && !self.pool.is_empty() {
            taken += self.pool.take(out.get_mut(taken..).unwrap_or_default());
            self.join();
        }
        Ok(taken)
    }

    /// Whether enough devices are in it.
    pub fn serves(&self) -> bool {
        self.members.len() >= self.least
    }

    /// Combined bytes that lie ready.
    pub fn ready(&self) -> usize {
        if self.serves() { self.pool.len() } else { 0 }
    }

    /// Whether a block of `id` would be taken now.
    pub fn wants(&self, id: &DeviceId) -> bool {
        let room = self.pool.free() >= BLOCK_BYTES;
        self.members.iter().find(|member| member.device.id == *id).is_some_and(|member| match self.combine {
            Combine::Additive => room,
            Combine::Redundant => member.waiting.len() < MOST_WAITING,
        })
    }

    /// The devices in it.
    pub fn members(&self) -> impl Iterator<Item = &Descriptor> {
        self.members.iter().map(|member| &member.device)
    }

    /// Where the bytes come from that were given since the last dismissal; `None` while no device has brought any.
    pub fn lineage(&self) -> Option<Lineage> {
        let parts = || self.members.iter().filter(|member| member.contributed);
        Some(Lineage {
            provenance: Provenance::weakest(parts().map(|member| member.device.provenance))?,
            devices: parts().map(|member| member.device.clone()).collect(),
            fallback: parts().any(|member| member.fallback),
        })
    }

    /// Combines waiting blocks while every device has one, enough devices are in, and there is room.
    fn join(&mut self) {
        while self.combine == Combine::Redundant
            && self.serves()
            && self.pool.free() >= BLOCK_BYTES
            && self.members.iter().all(|member| !member.waiting.is_empty())
        {
            let mut sum = Block::new([0; BLOCK_BYTES]);
            for member in &mut self.members {
                if let Some(block) = member.waiting.pop_front() {
                    sum.iter_mut().zip(block.iter()).for_each(|(sum, byte)| *sum ^= byte);
                    member.contributed = true;
                }
            }
            self.pool.put(sum.as_slice());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qhal::{Access, Address, Kind};

    fn device(unit: &str, provenance: Provenance) -> Descriptor {
        Descriptor {
            id: DeviceId::new("test", unit),
            kind: Kind::Entropy,
            provenance,
            evidence: String::new(),
            origin: if provenance == Provenance::Hardware {
                QuantumOrigin::Quantum
            } else {
                QuantumOrigin::Claimed
            },
            address: Address::File { path: unit.into() },
            model: String::new(),
            serial: None,
            access: Access::Ready,
        }
    }

    fn block(byte: u8) -> Block {
        Block::new([byte; BLOCK_BYTES])
    }

    #[test]
    fn a_redundant_block_is_the_exclusive_or_of_one_of_each() {
        let (a, b) = (device("a", Provenance::Hardware), device("b", Provenance::Unverified));
        let mut mixture = Mixture::new(Combine::Redundant, 2, 64).unwrap();
        assert_eq!(mixture.offer(&a.id, 0, &block(1)), Offer::Stale);
        mixture.admit(a.clone(), false);
        assert_eq!(mixture.offer(&a.id, 0, &block(0x0F)), Offer::Taken);
        assert_eq!(mixture.take(&mut [0; 8]).unwrap_err().kind(), ErrorKind::Exhausted);
        mixture.admit(b.clone(), false);
        assert_eq!((mixture.take(&mut [0; 8]).unwrap(), mixture.lineage()), (0, None));
        mixture.offer(&b.id, 0, &block(0x3C));
        let mut out = [0; 40];
        assert_eq!(mixture.take(&mut out).unwrap(), 32);
        assert_eq!(out[..32], [0x33; 32]);
        let lineage = mixture.lineage().unwrap();
        assert_eq!((lineage.provenance, lineage.origin()), (Provenance::Unverified, QuantumOrigin::Claimed));
        assert_eq!(lineage.devices, [a.clone(), b]);
        // The slower device decides, and nobody's blocks pile up.
        let taken = (0..100).filter(|_| mixture.offer(&a.id, 0, &block(1)) == Offer::Taken).count();
        assert_eq!((taken, mixture.wants(&a.id), mixture.ready()), (MOST_WAITING, false, 0));
    }

    #[test]
    fn a_dismissal_forgets_everything_that_was_gathered() {
        let (a, b) = (device("a", Provenance::Hardware), device("b", Provenance::Unverified));
        let mut mixture = Mixture::new(Combine::Additive, 1, 128).unwrap();
        mixture.admit(a.clone(), false);
        mixture.admit(b.clone(), true);
        mixture.offer(&a.id, 0, &block(1));
        mixture.offer(&b.id, 0, &block(2));
        assert_eq!(mixture.ready(), 64);
        assert!(mixture.lineage().unwrap().fallback);
        mixture.dismiss(&b.id);
        assert_eq!((mixture.ready(), mixture.dismissals(), mixture.epoch()), (0, 1, 1));
        assert_eq!(mixture.offer(&a.id, 0, &block(1)), Offer::Stale, "it was begun before");
        assert_eq!(mixture.offer(&a.id, 1, &block(1)), Offer::Taken);
        let lineage = mixture.lineage().unwrap();
        assert_eq!((lineage.provenance, lineage.fallback), (Provenance::Hardware, false));
        mixture.dismiss(&b.id);
        assert_eq!((mixture.ready(), mixture.dismissals()), (32, 1), "it was not in any more");
    }

    #[test]
    fn impossible_mixtures_are_refused() {
        for (least, bytes) in [(0, 4096), (1, 63)] {
            let refused = Mixture::new(Combine::Additive, least, bytes).err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        }
        assert_eq!("both".parse::<Combine>().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!("additive".parse::<Combine>().unwrap(), Combine::Additive);
    }

    proptest! {
        /// Whatever order things happen in: redundant bytes are sums of blocks of the same place in each device's row,
        /// one source that is uniform hides the other, and the store stays bounded.
        #[test]
        fn redundant_bytes_are_sums_in_order(offers in prop::collection::vec((0usize..3, any::<u8>()), 0..200)) {
            let devices = ["a", "b", "c"].map(|unit| device(unit, Provenance::Hardware));
            let mut mixture = Mixture::new(Combine::Redundant, 3, 64).unwrap();
            devices.iter().for_each(|device| mixture.admit(device.clone(), false));
            let mut rows: [VecDeque<u8>; 3] = Default::default();
            for (at, byte) in offers {
                if mixture.offer(&devices[at].id, 0, &block(byte)) == Offer::Taken {
                    rows[at].push_back(byte);
                }
                prop_assert!(rows.iter().all(|row| row.len() <= MOST_WAITING + 2));
                let mut out = [0; 32];
                if byte % 2 == 0 && mixture.take(&mut out).unwrap() == 32 {
                    let sum = rows.iter_mut().fold(0, |sum, row| sum ^ row.pop_front().unwrap());
                    prop_assert_eq!(out, [sum; 32]);
                }
            }
        }
    }
}
