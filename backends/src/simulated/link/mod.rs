//! A simulated link end to end: photons, time tags, synchronisation, distillation — the layers above the tags are those of real taggers.

mod alarms;
mod pairs;
mod pulses;
mod random;
mod session;

use std::time::Duration;

use qhal::{Error, ErrorKind, Provenance, Result, SecretKey};
use qhal_distillation::finite::{Bound, Epsilons};
use qhal_distillation::session::{Config, Outcome, Protocol, Reason};
use qhal_distillation::sifting::{Detection, Prepared};
use qhal_simulator::photonics::Attack;

pub use alarms::Alarm;
use alarms::Observed;
use session::Ends;

/// Detections after which a block is closed: what finite-key bounds like, and what fits in memory.
const BLOCK_DETECTIONS: usize = 4_000_000;

/// Which link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkProtocol {
    /// Faint pulses of three intensities, BB84; the length of the key after Lim et al. 2014.
    #[default]
    Bb84Decoy,
    /// Entangled pairs; the length of the key after Tomamichel et al. 2012.
    Bbm92,
}

impl LinkProtocol {
    /// The word of the command line and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bb84Decoy => "bb84-decoy",
            Self::Bbm92 => "bbm92",
        }
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkSettings {
    /// The protocol.
    pub protocol: LinkProtocol,
    /// Length of the fibre in km.
    pub distance_km: f64,
    /// Simulated time in seconds: above 0, at most an hour.
    pub seconds: f64,
    /// What somebody does to the link: a name of [`ATTACKS`] and, for the one that has it, a fraction.
    pub attack: Option<Attack>,
    /// From which all follows.
    pub seed: u64,
}

/// The names of the attacks that can be switched on.
pub const ATTACKS: [&str; 5] = Attack::NAMES;

/// The attack of this name.
///
/// # Errors
/// `InvalidInput` for another name or a fraction outside 0 to 1.
pub fn attack(name: &str, fraction: f64) -> Result<Attack> {
    Attack::named(name, fraction)
}

/// What a simulated link came to.
#[derive(Debug, Default)]
pub struct LinkReport {
    /// Blocks that were distilled, or discarded.
    pub blocks: u64,
    /// Blocks that gave a key.
    pub blocks_with_key: u64,
    /// Events at the receiver (coincidences of pairs) that went into sifting.
    pub detections: u64,
    /// Bits of the key basis after sifting.
    pub sifted_bits: u64,
    /// Error ratio of the sifted bits of both bases, from the records of both ends.
    pub qber: f64,
    /// Bits disclosed by reconciliation and verification.
    pub leak_bits: u64,
    /// Bits of the keys that were given out.
    pub secret_bits: u64,
    /// Simulated seconds.
    pub seconds: f64,
    /// The bound that the lengths come from, once there is a key.
    pub bound: Option<Bound>,
    /// ε of secrecy and correctness of each block.
    pub epsilons: Option<Epsilons>,
    /// Alarms, each once.
    pub alarms: Vec<Alarm>,
    /// The keys: equal at both ends, or not here.
    pub keys: Vec<SecretKey>,
}

impl LinkReport {
    /// Secret bits a simulated second.
    pub fn skr(&self) -> f64 {
        if self.seconds > 0.0 { self.secret_bits as f64 / self.seconds } else { 0.0 }
    }

    fn alarm(&mut self, alarm: Alarm) {
        if !self.alarms.iter().any(|known| known.name == alarm.name) {
            self.alarms.push(alarm);
        }
    }
}

/// What the quantum channel gave for one block.
struct Block {
    prepared: Box<dyn Prepared + Send>,
    detections: Vec<Detection>,
    observed: Observed,
}

/// The quantum side of a link: time after time, blocks of detections.
trait Channel {
    /// What the protocol of distillation is.
    fn protocol(&self) -> Protocol;

    /// The next block, of at most this many seconds; gives how long it took.
    fn block(&mut self, seconds: f64, go_on: &mut dyn FnMut(f64) -> Result<()>) -> Result<(Block, f64)>;
}

/// Runs a link. `go_on` hears the share that is done and may end it with an error.
///
/// # Errors
/// `InvalidInput` for settings that cannot be; what `go_on` says.
pub fn simulate(settings: &LinkSettings, go_on: &mut dyn FnMut(f64) -> Result<()>) -> Result<LinkReport> {
    if !(settings.seconds > 0.0 && settings.seconds <= 3600.0) {
        let why = format!("a link is simulated for up to an hour, not for {} s", settings.seconds);
        return Err(Error::new(ErrorKind::InvalidInput, why));
    }
    let mut channel: Box<dyn Channel> = match settings.protocol {
        LinkProtocol::Bb84Decoy => Box::new(pulses::Pulses::new(settings)?),
        LinkProtocol::Bbm92 => Box::new(pairs::Pairs::new(settings)?),
    };
    let config = Config::new(channel.protocol());
    let mut ends = Ends::new(&config, settings.seed)?;
    let mut report = LinkReport { epsilons: Some(config.epsilons), ..LinkReport::default() };
    let (mut errors, mut compared) = (0, 0);
    while settings.seconds - report.seconds > 1e-9 {
        let left = settings.seconds - report.seconds;
        let done = report.seconds;
        let mut share = |seconds: f64| go_on((done + seconds) / settings.seconds);
        let (block, took) = channel.block(left, &mut share)?;
        report.seconds += took;
        report.blocks += 1;
        report.detections += block.detections.len() as u64;
        report.sifted_bits += block.observed.sifted;
        errors += block.observed.errors;
        compared += block.observed.compared;
        let alarms = block.observed.alarms();
        let compromised = alarms.iter().any(|alarm| alarm.discards);
        alarms.into_iter().for_each(|alarm| report.alarm(alarm));
        if compromised {
            // Neither end begins to distil what somebody else may know.
            continue;
        }
        match ends.distil(block.prepared, &block.detections)? {
            Outcome::Key { key, report: of_block, .. } => {
                report.blocks_with_key += 1;
                report.leak_bits += of_block.leak_bits + u64::from(of_block.verification_bits);
                report.secret_bits += key.bits() as u64;
                report.bound = Some(of_block.bound());
                report.keys.push(key);
            }
            Outcome::Discarded { reason, .. } => {
                if reason.is_alarm() || reason == Reason::NothingLeft {
                    report.alarm(Alarm::from(reason));
                }
            }
            Outcome::Undecided { .. } => {
                return Err(Error::new(ErrorKind::Other, "a block over a perfect channel stayed undecided"));
            }
        }
    }
    report.qber = if compared > 0 { errors as f64 / compared as f64 } else { 0.0 };
    Ok(report)
}

/// Where everything here comes from.
const PROVENANCE: Provenance = Provenance::Simulated;

/// Patience of the ends with a channel that loses nothing.
const PATIENCE: Duration = Duration::from_secs(1);
