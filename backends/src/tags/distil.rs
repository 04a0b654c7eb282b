//! Two recorded ends through the whole of distillation.

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_distillation::session::Config;

use super::correlate::{Correlation, correlate};
use crate::link::random::SeededRandom;
use crate::link::{
    BLOCK_DETECTIONS, Coincidences, Ends, LinkReport, PairProtocol, Receiver, check_chsh_limit,
    no_entanglement,
};

/// How two recordings become a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistilSettings {
    /// What the receivers ran.
    pub protocol: PairProtocol,
    /// The least S of E91 that is no alarm, as in [`LinkSettings`](crate::simulated::LinkSettings).
    pub chsh_limit: f64,
    /// The window of a coincidence, in units of 1/256 ns.
    pub window: u64,
    /// Which inputs of either end stand for which results.
    pub receivers: [Receiver; 2],
    /// What double clicks, the ends' secrets and their random numbers follow from.
    pub seed: u64,
}

/// Distils two recordings of entangled pairs (BBM92 or E91), sorted by time; `go_on` hears the share that is done and may end it with an
/// error. Both ends run here, with secrets that follow from the seed: what comes out shows what the recordings are worth, and the keys
/// are for nobody.
///
/// # Errors
/// Those of [`correlate`]; `InvalidInput` for receivers with other settings than the protocol's, and for a limit that cannot be; what
/// `go_on` says.
pub fn distil(
    a: &[Tag],
    b: &[Tag],
    settings: &DistilSettings,
    go_on: &mut dyn FnMut(f64) -> Result<()>,
) -> Result<(LinkReport, Correlation)> {
    check_chsh_limit(settings.chsh_limit)?;
    let wanted = settings.protocol.settings();
    if let Some(other) = settings.receivers.iter().find(|receiver| receiver.settings() != wanted) {
        let message = format!(
            "{} has receivers of {wanted} settings, and inputs for {} were named",
            settings.protocol.as_str(),
            other.settings()
        );
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let look = |tags: &[Tag], receiver: &Receiver| -> Vec<Tag> {
        tags.iter().copied().filter(|tag| tag.channels & receiver.mask() != 0).collect()
    };
    let (a, b) = (look(a, &settings.receivers[0]), look(b, &settings.receivers[1]));
    let correlation = correlate(&a, &b, settings.window)?;
    go_on(0.0)?;
    let config = Config::new(settings.protocol.distillation());
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
        let mut block = Coincidences::new(settings.protocol);
        for (one, other) in pairs {
            let (Some(one), Some(other)) = (a.get(*one), b.get(*other)) else { continue };
            let mine = settings.receivers[0].result(*one, &mut random);
            let theirs = settings.receivers[1].result(*other, &mut random);
            block.push(slot, mine, theirs);
            slot += 1;
        }
        report.sifted_bits += block.sifted;
        compared += block.compared;
        errors += block.errors;
        report.count(block.tally.as_ref());
        let alarm = block.tally.as_ref().and_then(|tally| no_entanglement(tally, settings.chsh_limit));
        let suspect = alarm.is_some();
        alarm.into_iter().for_each(|alarm| report.alarm(alarm));
        for part in block.parts() {
            report.blocks += 1;
            // Pairs that may not be entangled give no key, whatever their errors.
            if !suspect {
                report.book(ends.distil(Box::new(part.prepared), &part.detections)?)?;
            }
        }
        done += pairs.len();
        go_on(done as f64 / correlation.pairs.len().max(1) as f64)?;
    }
    report.qber = if compared > 0 { errors as f64 / compared as f64 } else { 0.0 };
    Ok((report, correlation))
}
