//! Which processors would take a piece of work, on which qubits, how well and how soon: one pure ranking.
//!
//! Every candidate is judged for itself: it makes an offer, or it is refused with all reasons. A refusal and a score depend on
//! the request and the one candidate alone, so that another candidate never changes what is said of this one, and a stricter
//! request never gets more offers.

mod expectation;
mod gather;
mod region;

use std::cmp::Ordering;
use std::str::FromStr;
use std::time::Duration;

use qhal::processor::Queue;
use qhal::{Circuit, Descriptor, DeviceId, Error, ErrorKind, Policy, Provenance, Result};
use qhal_compiler::translate::Target;

use crate::choose;

pub use expectation::Expectation;
pub use gather::gather;

/// What decides between processors that can do the work.
///
/// With F the expected fidelity (0 where unknown) and s = 1/(1 + T/τ) the speed, T the time in the queue and on the processor
/// (s = 0 where unknown), τ the deadline or a minute:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The fewest qubits: score −n with n the qubits of the processor.
    Minimal,
    /// Both count the same: score F·s.
    Balanced,
    /// The soonest: score s.
    Performance,
    /// The best result: score F.
    Reliability,
    /// What the request asks for counts more: score F^a·s^(1−a), a = ½, + ¼ with a fidelity wanted, − ¼ with a deadline.
    Adaptive,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Minimal, Self::Balanced, Self::Performance, Self::Reliability, Self::Adaptive];

    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Balanced => "balanced",
            Self::Performance => "performance",
            Self::Reliability => "reliability",
            Self::Adaptive => "adaptive",
        }
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|strategy| strategy.as_str()).collect();
            Error::new(
                ErrorKind::InvalidInput,
                format!("'{text}' is not a strategy: use {}", words.join(", ")),
            )
        })
    }
}

/// How the qubits of a request without a circuit must be coupled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Each can be reached from each.
    Any,
    /// One behind the other.
    Line,
    /// A line whose ends are coupled.
    Ring,
    /// Any two.
    All,
}

impl Connectivity {
    const NAMED: [(&'static str, Self); 4] =
        [("any", Self::Any), ("line", Self::Line), ("ring", Self::Ring), ("all", Self::All)];

    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        Self::NAMED.iter().find(|(_, named)| *named == self).map_or("any", |(name, _)| name)
    }
}

impl FromStr for Connectivity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::NAMED.iter().find(|(name, _)| *name == text).map(|(_, named)| *named).ok_or_else(|| {
            let message = format!("'{text}' is not a connectivity: use any, line, ring or all");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    /// So many layers, each of a one-qubit gate on every qubit and two-qubit gates on half as many pairs, then measured.
    Layers {
        /// How many qubits.
        qubits: u32,
        /// How many layers.
        depth: u32,
        /// How the qubits must be coupled.
        connectivity: Connectivity,
    },
    /// A circuit, which is translated for each candidate.
    Circuit(Circuit),
}

/// What somebody wants of a processor.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub work: Work,
    /// How often.
    pub shots: u64,
    /// When it must be done, from now.
    pub deadline: Option<Duration>,
    /// The least expected fidelity, 0 to 1.
    pub fidelity: Option<f64>,
    /// What decides.
    pub strategy: Strategy,
    /// Which origins are acceptable.
    pub policy: Policy,
    /// The one processor that the user named, if one was.
    pub named: Option<DeviceId>,
    /// Threads that translation may use; results do not depend on it.
    pub threads: usize,
}

/// How the time of a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By the durations of gates and measurements, as often as there are shots.
    Chip,
    /// A state vector is computed: 2^n amplitudes for each gate, a nanosecond each. Nothing goes wrong.
    StateVector,
    /// Noise is computed: a density matrix or a state vector for each shot, whichever is less.
    Noise,
}

/// A processor as it was found.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it is.
    pub descriptor: Descriptor,
    /// What it can do, or why it could not be asked.
    pub target: std::result::Result<Target, String>,
    /// How long it takes.
    pub pace: Pace,
    /// What a new job would have to wait for.
    pub queue: Queue,
    /// Who has leased it, and for how much longer.
    pub leased: Option<(String, Duration)>,
}

/// What a processor would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Which one.
    pub device: DeviceId,
    /// Where its numbers would come from.
    pub provenance: Provenance,
    /// The qubits that would be used: with a circuit, where each of its qubits starts.
    pub qubits: Vec<u32>,
    /// What would come of it.
    pub expected: Expectation,
    /// How long it would wait, where that is known.
    pub queue: Option<Duration>,
    /// The jobs before it, where that is known.
    pub jobs_ahead: Option<u64>,
    /// The figure of the strategy; higher is better.
    pub score: f64,
    /// Why it stands where it stands, in a few words.
    pub why: String,
}

impl Offer {
    /// The time until the result, where both parts are known.
    pub fn total(&self) -> Option<Duration> {
        Some(self.queue?.saturating_add(self.expected.run?))
    }
}

/// A processor that makes no offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub device: DeviceId,
    /// Every reason that was found, each a few words.
    pub reasons: Vec<String>,
}

/// All that came of a request.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Negotiation {
    /// The best first.
    pub offers: Vec<Offer>,
    /// By name.
    pub refusals: Vec<Refusal>,
}

/// Ranks `candidates` for `request`: hardware before simulations, then by the strategy's score, of equals the higher
/// fidelity, the sooner, the smaller name.
///
/// # Errors
/// `InvalidInput` for a request that nothing can fulfil: no qubits, no shots, a fidelity that is none.
pub fn negotiate(request: &Request, candidates: &[Candidate]) -> Result<Negotiation> {
    let wrong = |message: &str| Err(Error::new(ErrorKind::InvalidInput, message));
    let (qubits, _) = request.size();
    if qubits == 0 {
        return wrong("the request asks for no qubits");
    }
    if request.shots == 0 {
        return wrong("the request asks for no shots");
    }
    if request.fidelity.is_some_and(|fidelity| !(0.0..=1.0).contains(&fidelity)) {
        return wrong("a fidelity is between 0 and 1");
    }
    let mut negotiation = Negotiation::default();
    for candidate in candidates {
        match judge(request, candidate) {
            Ok(offer) => negotiation.offers.push(offer),
            Err(reasons) => {
                negotiation.refusals.push(Refusal { device: candidate.descriptor.id.clone(), reasons });
            }
        }
    }
    negotiation.offers.sort_by(|a, b| order(request, a, b));
    negotiation.refusals.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(negotiation)
}

impl Request {
    /// Qubits, and depth in the request's own gates.
    pub fn size(&self) -> (u32, usize) {
        match &self.work {
            Work::Layers { qubits, depth, .. } => (*qubits, *depth as usize),
            Work::Circuit(circuit) => (circuit.qubits(), circuit.depth()),
        }
    }
}

fn judge(request: &Request, candidate: &Candidate) -> std::result::Result<Offer, Vec<String>> {
    if let Some(why) = choose::objection(&candidate.descriptor, request.policy, request.named.as_ref()) {
        return Err(vec![why]);
    }
    let target = candidate.target.as_ref().map_err(|why| vec![why.clone()])?;
    let (capabilities, (qubits, _)) = (&target.capabilities, request.size());
    let mut reasons = Vec::new();
    if qubits as usize > capabilities.qubits.len() {
        reasons.push(format!("it has {} qubits, and {qubits} are needed", capabilities.qubits.len()));
    }
    if request.shots > capabilities.max_shots {
        reasons.push(format!("it runs at most {} shots a job", capabilities.max_shots));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let (assigned, expected) = expectation::of(request, candidate, target).map_err(|reason| vec![reason])?;
    let queue = waits(candidate, expected.run);
    if let Some(wanted) = request.fidelity {
        match expected.fidelity {
            Some(fidelity) if fidelity >= wanted => {}
            Some(fidelity) => {
                reasons.push(format!("the expected fidelity is {fidelity:.4}, and {wanted} is wanted"));
            }
            None => reasons.push("its fidelity is not known, and one is wanted".to_owned()),
        }
    }
    if let Some(deadline) = request.deadline {
        match queue.zip(expected.run).map(|(queue, run)| queue.saturating_add(run)) {
            Some(total) if total <= deadline => {}
            Some(total) => {
                let (total, deadline) = (total.as_secs_f64(), deadline.as_secs_f64());
                reasons.push(format!("it takes {total:.3} s, and the deadline is in {deadline:.3} s"));
            }
            None => reasons.push("its time is not known, and there is a deadline".to_owned()),
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let mut offer = Offer {
        device: candidate.descriptor.id.clone(),
        provenance: candidate.descriptor.provenance,
        qubits: assigned,
        expected,
        queue,
        jobs_ahead: candidate.queue.jobs,
        score: 0.0,
        why: String::new(),
    };
    (offer.score, offer.why) = score(request, &offer, capabilities.qubits.len());
    Ok(offer)
}

/// How long a job would wait: for the lease to end, then for the jobs before it, of its own length where nothing is told.
fn waits(candidate: &Candidate, run: Option<Duration>) -> Option<Duration> {
    let lease = candidate.leased.as_ref().map_or(Duration::ZERO, |(_, left)| *left);
    let jobs = match (candidate.queue.wait, candidate.queue.jobs) {
        (Some(wait), _) => wait,
        // Somebody who tells nothing has no queue that could be known of.
        (None, None | Some(0)) => Duration::ZERO,
        (None, Some(jobs)) => run?.checked_mul(u32::try_from(jobs).ok()?)?,
    };
    lease.checked_add(jobs)
}

fn score(request: &Request, offer: &Offer, size: usize) -> (f64, String) {
    let scale = request.deadline.unwrap_or(Duration::from_secs(60)).as_secs_f64().max(1e-9);
    let speed = offer.total().map_or(0.0, |total| 1.0 / (1.0 + total.as_secs_f64() / scale));
    let fidelity = offer.expected.fidelity.unwrap_or(0.0);
    match request.strategy {
        Strategy::Minimal => (-(size as f64), format!("{size} qubits, the fewest decide")),
        Strategy::Balanced => (fidelity * speed, format!("fidelity {fidelity:.4} times speed {speed:.4}")),
        Strategy::Performance => (speed, format!("speed {speed:.4}")),
        Strategy::Reliability => (fidelity, format!("fidelity {fidelity:.4}")),
        Strategy::Adaptive => {
            let quarter = |has: bool| if has { 0.25 } else { 0.0 };
            let a = 0.5 + quarter(request.fidelity.is_some()) - quarter(request.deadline.is_some());
            let why = format!("fidelity {fidelity:.4} and speed {speed:.4}, the former weighing {a}");
            (fidelity.powf(a) * speed.powf(1.0 - a), why)
        }
    }
}

/// The better first.
fn order(request: &Request, a: &Offer, b: &Offer) -> Ordering {
    let simulated =
        |offer: &Offer| request.policy == Policy::PreferHardware && offer.provenance == Provenance::Simulated;
    let fidelity = |offer: &Offer| offer.expected.fidelity.unwrap_or(-1.0);
    let total = |offer: &Offer| offer.total().unwrap_or(Duration::MAX);
    simulated(a)
        .cmp(&simulated(b))
        .then_with(|| b.score.total_cmp(&a.score))
        .then_with(|| fidelity(b).total_cmp(&fidelity(a)))
        .then_with(|| total(a).cmp(&total(b)))
        .then_with(|| a.device.cmp(&b.device))
}
