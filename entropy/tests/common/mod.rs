//! A scripted entropy source, and the noise it plays.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test file uses another part of it, and fails that way"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use qhal::{
    Access, Address, Descriptor, Device, DeviceId, EntropySource, Error, ErrorKind, Health, Kind, MinEntropy,
    Provenance, QuantumOrigin, Result, Stage,
};

/// SplitMix64: reproducible noise of full entropy as far as the tests here can tell.
#[derive(Clone)]
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.word() as u8).collect()
    }
}

/// What the source does next.
pub(crate) enum Step {
    /// Gives these samples, over as many reads as it takes.
    Samples(Vec<u8>),
    /// Fails one read.
    Fail(ErrorKind, &'static str),
    /// Says that it gave so many samples, whatever was asked for.
    Claim(usize),
}

/// A source that plays steps, then noise for ever, or is gone.
pub(crate) struct Scripted {
    descriptor: Descriptor,
    claim: MinEntropy,
    stage: Stage,
    steps: VecDeque<Step>,
    noise: Option<Noise>,
    most: usize,
    given: Arc<AtomicU64>,
}

impl Scripted {
    pub(crate) fn new(h: f64, bits: u8) -> Self {
        let descriptor = Descriptor {
            id: DeviceId::new("scripted", "1"),
            kind: Kind::Entropy,
            provenance: Provenance::Unverified,
            evidence: "test".to_owned(),
            origin: QuantumOrigin::NotQuantum,
            address: Address::File { path: "/dev/scripted".to_owned() },
            model: "script".to_owned(),
            serial: None,
            access: Access::Ready,
        };
        let claim = MinEntropy::new(h, bits).unwrap();
        let (steps, given) = (VecDeque::new(), Arc::default());
        Self { descriptor, claim, stage: Stage::Raw, steps, noise: None, most: usize::MAX, given }
    }

    pub(crate) fn from(mut self, provenance: Provenance, stage: Stage) -> Self {
        (self.descriptor.provenance, self.stage) = (provenance, stage);
        self
    }

    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    pub(crate) fn samples(self, samples: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Samples(samples.into()))
    }

    pub(crate) fn fail(self, kind: ErrorKind, message: &'static str) -> Self {
        self.then(Step::Fail(kind, message))
    }

    pub(crate) fn noise(mut self, seed: u64) -> Self {
        self.noise = Some(Noise(seed));
        self
    }

    pub(crate) fn at_most(mut self, samples: usize) -> Self {
        self.most = samples;
        self
    }

    /// Counts the samples given, also after the source has been handed away.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.given)
    }

    pub(crate) fn boxed(self) -> Box<dyn EntropySource> {
        Box::new(self)
    }
}

impl Device for Scripted {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn health(&mut self) -> Result<Health> {
        Ok(Health::Good)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for Scripted {
    fn stage(&self) -> Stage {
        self.stage
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        // Whoever uses bytes behind the returned ones will find these.
        out.fill(0xEE);
        let most = out.len().min(self.most);
        let samples = match self.steps.pop_front() {
            Some(Step::Fail(kind, message)) => return Err(Error::new(kind, message)),
            Some(Step::Claim(count)) => return Ok(count),
            Some(Step::Samples(mut samples)) => {
                let later = samples.split_off(samples.len().min(most));
                if !later.is_empty() {
                    self.steps.push_front(Step::Samples(later));
                }
                samples
            }
            None => match &mut self.noise {
                Some(noise) => noise.bytes(most),
                None => return Err(Error::new(ErrorKind::Disconnected, "the device is gone")),
            },
        };
        out[..samples.len()].copy_from_slice(&samples);
        self.given.fetch_add(samples.len() as u64, Ordering::Relaxed);
        Ok(samples.len())
    }
}
