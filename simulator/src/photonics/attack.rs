//! What an eavesdropper does to a link, and what can be seen of it beside the clicks.

use qhal::{Error, ErrorKind, Result};

/// An attack on the quantum channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attack {
    /// Measures this fraction of the photons in a random basis and sends on what was found: errors rise by a quarter of it
    /// (Bennett, Brassard 1984).
    InterceptResend {
        /// 0 to 1.
        fraction: f64,
    },
    /// Blocks pulses of one photon and keeps one photon of the others, at the rate that the signal pulses had: errors stay, gains of
    /// dimmer pulses do not (Brassard, Lütkenhaus, Mor, Sanders 2000).
    PhotonNumberSplitting,
    /// Bright light turns detectors into classical ones that click only for the eavesdropper's basis: no dark counts, no double clicks, a
    /// higher bias current (Lydersen et al. 2010).
    Blinding,
    /// Light sent backwards into the sender tells its settings: no errors, but a watch-dog detector sees the light
    /// (Gisin et al. 2006).
    TrojanHorse,
    /// Moves pulses to where the detectors of one value are less efficient: the arrival histogram moves and zeros and ones differ in
    /// number (Qi, Fung, Lo, Ma 2007).
    TimeShift,
}

impl Attack {
    /// The names of all attacks, as [`Attack::named`] knows them.
    pub const NAMES: [&'static str; 5] =
        ["intercept-resend", "photon-number-splitting", "blinding", "trojan-horse", "time-shift"];

    /// The attack of this name; `fraction` is for the one that has one.
    ///
    /// # Errors
    /// `InvalidInput` for another name, or a fraction that is none.
    pub fn named(name: &str, fraction: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{fraction} is no fraction: it lies between 0 and 1"),
            ));
        }
        match name {
            "intercept-resend" => Ok(Self::InterceptResend { fraction }),
            "photon-number-splitting" | "pns" => Ok(Self::PhotonNumberSplitting),
            "blinding" => Ok(Self::Blinding),
            "trojan-horse" => Ok(Self::TrojanHorse),
            "time-shift" => Ok(Self::TimeShift),
            other => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("'{other}' is not an attack: there are {}", Self::NAMES.join(", ")),
            )),
        }
    }
}

/// What instruments beside the detectors read, as means over a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Monitors {
    /// Counts a second of the watch-dog detector behind the sender's isolator.
    pub watchdog_rate: f64,
    /// Bias current of the receiver's detectors, in units of its usual value.
    pub bias_current: f64,
}

impl Monitors {
    /// Readings of a link that nobody touches: stray light on the watch-dog, the usual current.
    pub const USUAL: Self = Self { watchdog_rate: 50.0, bias_current: 1.0 };

    /// Readings under an attack.
    pub(super) fn under(attack: Option<Attack>) -> Self {
        match attack {
            Some(Attack::TrojanHorse) => Self { watchdog_rate: 20_000.0, ..Self::USUAL },
            // A blinded avalanche diode conducts all the time.
            Some(Attack::Blinding) => Self { bias_current: 25.0, ..Self::USUAL },
            _ => Self::USUAL,
        }
    }
}
