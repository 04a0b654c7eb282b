//! What an operator is told of a link, from what can be seen at its ends.

use qhal_distillation::ekert::Tally;
use qhal_simulator::photonics::Monitors;

use crate::link::{Alarm, SIGNIFICANT, no_entanglement};

/// A ratio that was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counted {
    pub(super) hits: u64,
    pub(super) of: u64,
}

impl Counted {
    fn ratio(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }

    /// How many standard deviations it lies above a probability.
    fn above(self, probability: f64) -> f64 {
        let deviation = (probability * (1.0 - probability) * self.of as f64).sqrt().max(1.0);
        (self.hits as f64 - probability * self.of as f64) / deviation
    }
}

/// What the sending end saw during a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AtSender {
    /// Errors among the bits that were compared.
    pub(super) errors: Counted,
    /// The error ratio that this link has when nobody touches it.
    pub(super) usual_qber: f64,
    /// Detections of the brightest and of the next intensity among the pulses sent with it; none for pairs.
    pub(super) gains: Option<[Counted; 2]>,
    /// The mean photon numbers of those two.
    pub(super) means: [f64; 2],
    /// Background of one gate, as a probability.
    pub(super) background: f64,
    /// Counts a second of the watch-dog detector.
    pub(super) watchdog_rate: f64,
    /// What E91 counted at each combination of settings, and the least S that is allowed; none for protocols without it.
    pub(super) bell: Option<(Tally, f64)>,
}

/// What the receiving end saw during a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AtReceiver {
    /// Detections of value 1 among all that have one.
    pub(super) ones: Counted,
    /// Clicks where no light is expected, and how many dark counts should have given.
    pub(super) dark: Option<(u64, f64)>,
    /// How far arrivals were from where they were calibrated, in ns, when the block ended.
    pub(super) moved_ns: f64,
    /// Whether the ends found each other's clock.
    pub(super) synchronised: bool,
    /// Bias current of the detectors, in units of its usual value.
    pub(super) bias_current: f64,
}

fn alarm(name: &'static str, what: String) -> Alarm {
    Alarm { name, what, discards: true }
}

impl AtSender {
    /// Everything that is not as it should be.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        if self.errors.above(self.usual_qber) > SIGNIFICANT && self.errors.ratio() > self.usual_qber + 0.003 {
            let (found, usual) = (100.0 * self.errors.ratio(), 100.0 * self.usual_qber);
            alarms.push(alarm(
                "intercept-resend",
                format!("the QBER is {found:.2} % where {usual:.2} % is usual"),
            ));
        }
        alarms.extend(self.bell.as_ref().and_then(|(tally, limit)| no_entanglement(tally, *limit)));
        if let Some([signal, decoy]) = self.gains {
            let gain = (signal.ratio() - self.background).clamp(0.0, 1.0 - 1e-12);
            let efficiency = -(1.0 - gain).ln() / self.means[0];
            let expected = 1.0 - (1.0 - self.background) * (-efficiency * self.means[1]).exp();
            if decoy.above(expected).abs() > SIGNIFICANT && (decoy.ratio() / expected - 1.0).abs() > 0.05 {
                let what = format!(
                    "decoy pulses arrive {:.2} times as often as signal pulses say",
                    decoy.ratio() / expected
                );
                alarms.push(alarm("photon-number-splitting", what));
            }
        }
        if self.watchdog_rate > 10.0 * Monitors::USUAL.watchdog_rate {
            let what = format!(
                "the watch-dog detector counts {:.0} photons a second behind the isolator",
                self.watchdog_rate
            );
            alarms.push(alarm("trojan-horse", what));
        }
        alarms
    }
}

impl AtReceiver {
    /// Everything that is not as it should be.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        if !self.synchronised {
            alarms.push(alarm(
                "lost-synchronisation",
                "arrivals have no common phase: the clocks differ or there is no light".to_owned(),
            ));
        }
        let dark_gone =
            self.dark.is_some_and(|(seen, expected)| expected > 50.0 && (seen as f64) < 0.2 * expected);
        if self.bias_current > 2.0 * Monitors::USUAL.bias_current || dark_gone {
            let dark = self.dark.map_or(String::new(), |(seen, expected)| {
                format!(", {seen} dark counts where {expected:.0} are usual")
            });
            let what = format!("the bias current is {:.1} times the usual{dark}", self.bias_current);
            alarms.push(alarm("blinding", what));
        }
        let unequal = self.ones.above(0.5).abs() > SIGNIFICANT && (self.ones.ratio() - 0.5).abs() > 0.02;
        if self.moved_ns.abs() > 0.2 || unequal {
            let what = format!(
                "arrivals moved by {:.2} ns and {:.1} % of the bits are ones",
                self.moved_ns,
                100.0 * self.ones.ratio()
            );
            alarms.push(alarm("time-shift", what));
        }
        alarms
    }
}
