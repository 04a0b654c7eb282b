//! Where `qhal rng read` takes its bytes from: one device, or several that are combined.

use std::time::Duration;

use qhal::{Descriptor, Result, SecureRandom};
use qhal_backends::ensemble::{Ensemble, Plan};
use qhal_backends::random::Random;
use qhal_backends::{Options, catalog};
use qhal_entropy::Conditioner;

use super::{read, several};
use crate::failure::{Failure, Outcome};

/// How long all devices together may take to be opened and tested.
const START: Duration = Duration::from_secs(60);

/// Random bytes, and what can be said of them.
pub(super) enum Reader {
    /// Of one device.
    One(Box<Random>, Box<Descriptor>),
    /// Of several.
    Several(Box<Ensemble>, Vec<Descriptor>),
}

impl Reader {
    /// Opens what `plan` says; several devices all have to serve at the start.
    pub(super) fn open(options: &Options, plan: &Plan, signed: bool) -> Outcome<Self> {
        let registry = catalog::registry(options);
        let reader = if let [] | [_] = plan.devices.as_slice() {
            let (source, device) = read::open_source(&registry, plan.policy, plan.devices.first())?;
            Self::One(Box::new(Random::new(source, plan.output, &plan.config)?), Box::new(device))
        } else {
            let ensemble = Ensemble::start(registry, plan, several::announce)?;
            ensemble.wait_for_all(START)?;
            let devices = ensemble.view().seats().into_iter().filter_map(|seat| seat.device).collect();
            Self::Several(Box::new(ensemble), devices)
        };
        match reader.devices().iter().find(|device| signed && device.id.driver() != "qcicada") {
            Some(device) => Err(Failure::usage(format!("{} has no signed reads; QCicada has", device.id))),
            None => Ok(reader),
        }
    }

    /// The devices that were opened.
    pub(super) fn devices(&self) -> &[Descriptor] {
        match self {
            Self::One(_, device) => std::slice::from_ref(device),
            Self::Several(_, devices) => devices,
        }
    }

    /// Fills all of `out`.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        match self {
            Self::One(random, _) => random.fill(out),
            Self::Several(ensemble, _) => ensemble.fill(out),
        }
    }

    /// What conditions the samples of one device.
    pub(super) fn conditioner(&self) -> Option<&Conditioner> {
        match self {
            Self::One(random, _) => random.conditioner(),
            Self::Several(..) => None,
        }
    }

    /// Samples that were judged, and health tests that failed.
    pub(super) fn figures(&self) -> (u64, u64) {
        match self {
            Self::One(random, _) => {
                let statistics = random.statistics();
                (statistics.samples, statistics.failures())
            }
            Self::Several(ensemble, _) => {
                let seats = ensemble.view().seats();
                (
                    seats.iter().map(|seat| seat.totals.samples).sum(),
                    seats.iter().map(|seat| seat.totals.failures).sum(),
                )
            }
        }
    }

    /// Closes the devices.
    pub(super) fn close(self) -> Result<()> {
        match self {
            Self::One(random, _) => random.close(),
            Self::Several(mut ensemble, _) => {
                ensemble.stop();
                Ok(())
            }
        }
    }
}
