//! Two recorded ends through the whole of distillation.

use std::collections::BTreeMap;

use qhal::{Result, Tag};
use qhal_distillation::session::{Config, Protocol};
use qhal_distillation::sifting::{Basis, Detection, Pulse};

use super::correlate::{Correlation, correlate};
use crate::link::random::SeededRandom;
use crate::link::{BLOCK_DETECTIONS, Ends, LinkReport, Receiver};

/// How two recordings become a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistilSettings {
    /// The window of a coincidence, in units of 1/256 ns.
    pub window: u64,
    /// Which inputs of either end stand for which results.
    pub receivers: [Receiver; 2],
    /// What double clicks, the ends' secrets and their random numbers follow from.
    pub seed: u64,
}

/// Distils two recordings of entangled pairs (BBM92), sorted by time; `go_on` hears the share that is done and may end it with an
/// error. Both ends run here, with secrets that follow from the seed: what comes out shows what the recordings are worth, and the keys
/// are for nobody.
///
/// # Errors
/// Those of [`correlate`]; what `go_on` says.
pub fn distil(
    a: &[Tag],
    b: &[Tag],
    settings: &DistilSettings,
    go_on: &mut dyn FnMut(f64) -> Result<()>,
) -> Result<(LinkReport, Correlation)> {
    let look = |tags: &[Tag], receiver: &Receiver| -> Vec<Tag> {
        tags.iter().copied().filter(|tag| tag.channels & receiver.mask() != 0).collect()
    };
    let (a, b) = (look(a, &settings.receivers[0]), look(b, &settings.receivers[1]));
    let correlation = correlate(&a, &b, settings.window)?;
    go_on(0.0)?;
    let config = Config::new(Protocol::Pairs);
    let mut ends = Ends::new(&config, settings.seed)?;
    let mut random = SeededRandom::new(settings.seed, 14);
    let mut report = LinkReport {
        epsilons: Some(config.epsilons),
        seconds: correlation.seconds,
        detections: correlation.coincidences,
        ..LinkReport::default()
    };
    let (mut errors, mut compared, mut slot, mut done) = (0u64, 0u64, 0, 0);
    for pairs in correlation.pairs.chunks(BLOCK_DETECTIONS) {
        let (mut prepared, mut detections) = (BTreeMap::new(), Vec::with_capacity(pairs.len()));
        for (one, other) in pairs {
            let (Some(one), Some(other)) = (a.get(*one), b.get(*other)) else { continue };
            let mine = settings.receivers[0].result(*one, &mut random);
            let theirs = settings.receivers[1].result(*other, &mut random);
            prepared.insert(slot, Pulse::new(mine.0, mine.1, 0));
            detections.push(Detection { slot, basis: theirs.0, value: theirs.1 });
            slot += 1;
            if mine.0 == theirs.0 {
                report.sifted_bits += u64::from(mine.0 == Basis::Z);
                compared += 1;
                errors += u64::from(mine.1 != theirs.1);
            }
        }
        report.blocks += 1;
        report.book(ends.distil(Box::new(prepared), &detections)?)?;
        done += pairs.len();
        go_on(done as f64 / correlation.pairs.len().max(1) as f64)?;
    }
    report.qber = if compared > 0 { errors as f64 / compared as f64 } else { 0.0 };
    Ok((report, correlation))
}
