//! A simulated link end to end: photons, time tags, synchronisation, distillation — the layers above the tags are those of real taggers.

mod alarms;
mod ends;
mod pairs;
mod pulses;

use qhal::{Error, ErrorKind, Result, Tag};
use qhal_distillation::session::{Config, Protocol};
use qhal_distillation::sifting::{Detection, Prepared};
use qhal_simulator::photonics::Attack;

pub use ends::{EndSettings, Role, SimulatedLinkEnd, simulate_end};

use crate::link::random;
use crate::link::{BLOCK_DETECTIONS, Ends, LinkReport, PairProtocol, check_chsh_limit};
use alarms::{AtReceiver, AtSender};

/// Which link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkProtocol {
    /// Faint pulses of three intensities, BB84; the length of the key after Lim et al. 2014.
    #[default]
    Bb84Decoy,
    /// Entangled pairs; the length of the key after Tomamichel et al. 2012.
    Bbm92,
    /// Entangled pairs at three settings an end, CHSH tested before the key; the length of the key after Tomamichel et al. 2012, with
    /// checks that [`qhal_distillation::ekert`] describes.
    E91,
}

impl LinkProtocol {
    /// The word of the command line and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bb84Decoy => "bb84-decoy",
            Self::Bbm92 => PairProtocol::Bbm92.as_str(),
            Self::E91 => PairProtocol::E91.as_str(),
        }
    }

    /// What the receivers run, where pairs come to both ends.
    pub const fn of_pairs(self) -> Option<PairProtocol> {
        match self {
            Self::Bb84Decoy => None,
            Self::Bbm92 => Some(PairProtocol::Bbm92),
            Self::E91 => Some(PairProtocol::E91),
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
    /// The least S of E91 that is no alarm, 2 to 2√2; S has to exceed 2 by six standard deviations in any case. Others do not look at it.
    pub chsh_limit: f64,
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

/// What the quantum channel gave for one block.
struct Block {
    /// What each run of distillation takes: the reference's values and the other end's detections.
    parts: Vec<(Box<dyn Prepared + Send>, Vec<Detection>)>,
    /// Detections or coincidences of all parts, and those that go into none.
    events: u64,
    /// Bits of the key basis after sifting.
    sifted: u64,
    /// Sifted bits of both bases (of both equal directions), and errors among them: a simulation sees both ends.
    compared: u64,
    errors: u64,
    sender: AtSender,
    receiver: AtReceiver,
}

/// Hears the tags of either end, frame by frame, and may end the run with an error.
pub type TakeTags<'a> = &'a mut dyn FnMut(&[Tag], &[Tag]) -> Result<()>;

/// Who looks on while a link runs.
struct Watch<'a> {
    /// Hears how many seconds of the block are done; may end the run with an error.
    go_on: &'a mut dyn FnMut(f64) -> Result<()>,
    /// Hears the tags of either end, frame by frame.
    tags: TakeTags<'a>,
}

/// The quantum side of a link: time after time, blocks of detections.
trait Channel {
    /// What the protocol of distillation is.
    fn protocol(&self) -> Protocol;

    /// The next block, of at most this many seconds; gives how long it took.
    fn block(&mut self, seconds: f64, watch: &mut Watch<'_>) -> Result<(Block, f64)>;
}

/// Runs a link. `go_on` hears the share that is done and may end it with an error.
///
/// # Errors
/// `InvalidInput` for settings that cannot be; what `go_on` says.
pub fn simulate(settings: &LinkSettings, go_on: &mut dyn FnMut(f64) -> Result<()>) -> Result<LinkReport> {
    run(settings, go_on, &mut |_, _| Ok(()))
}

/// Runs a link of pairs as [`simulate`] does and hands on what the taggers of both ends send, frame by frame; within a frame times rise.
///
/// # Errors
/// Those of [`simulate`]; `Unsupported` for faint pulses, of which one end has no tagger; what `tags` says.
pub fn simulate_and_record(
    settings: &LinkSettings,
    go_on: &mut dyn FnMut(f64) -> Result<()>,
    tags: TakeTags<'_>,
) -> Result<LinkReport> {
    if settings.protocol.of_pairs().is_none() {
        let message = "tags of both ends are there for bbm92 and e91 only: in bb84-decoy one end sends";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    run(settings, go_on, tags)
}

fn run(
    settings: &LinkSettings,
    go_on: &mut dyn FnMut(f64) -> Result<()>,
    tags: TakeTags<'_>,
) -> Result<LinkReport> {
    if !(settings.seconds > 0.0 && settings.seconds <= 3600.0) {
        let why = format!("a link is simulated for up to an hour, not for {} s", settings.seconds);
        return Err(Error::new(ErrorKind::InvalidInput, why));
    }
    check_chsh_limit(settings.chsh_limit)?;
    let mut channel: Box<dyn Channel> = match settings.protocol.of_pairs() {
        None => Box::new(pulses::Pulses::new(settings)?),
        Some(protocol) => Box::new(pairs::Pairs::new(settings, protocol)?),
    };
    let config = Config::new(channel.protocol());
    let mut ends = Ends::new(&config, settings.seed)?;
    let mut report = LinkReport { epsilons: Some(config.epsilons), ..LinkReport::default() };
    let (mut errors, mut compared) = (0, 0);
    while settings.seconds - report.seconds > 1e-9 {
        let left = settings.seconds - report.seconds;
        let done = report.seconds;
        let mut share = |seconds: f64| go_on((done + seconds) / settings.seconds);
        let (block, took) = channel.block(left, &mut Watch { go_on: &mut share, tags: &mut *tags })?;
        report.seconds += took;
        report.blocks += block.parts.len() as u64;
        report.detections += block.events;
        report.count(block.sender.bell.as_ref().map(|(tally, _)| tally));
        report.sifted_bits += block.sifted;
        errors += block.errors;
        compared += block.compared;
        let alarms = [block.receiver.alarms(), block.sender.alarms()].concat();
        let compromised = alarms.iter().any(|alarm| alarm.discards);
        alarms.into_iter().for_each(|alarm| report.alarm(alarm));
        if compromised {
            // Neither end begins to distil what somebody else may know.
            continue;
        }
        for (prepared, detections) in block.parts {
            report.book(ends.distil(prepared, &detections)?)?;
        }
    }
    report.qber = if compared > 0 { errors as f64 / compared as f64 } else { 0.0 };
    Ok(report)
}
