//! What a device says of itself → what the hal says of a processor.

use std::collections::HashSet;

use qhal::Result;
use qhal::circuit::Gate;
use qhal::processor::{
    Capabilities, Couplings, Features, GateSite, NativeGate, ProgramFormat, QubitProperties,
};

use super::codes::format;
use super::program::{Language, Writing};
use super::protocol::{duration, protocol};

/// The most qubits of a device that is taken for one.
const MOST_QUBITS: usize = 1 << 20;

/// Sites, as places in the list of sites, with the duration (ticks) and the fidelity that an operation has on them.
pub(super) type Place = (Vec<u32>, Option<u64>, Option<f64>);

/// An operation as the device describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) qubits: Option<u64>,
    pub(super) parameters: Option<u64>,
    pub(super) duration: Option<u64>,
    pub(super) fidelity: Option<f64>,
    /// Where it can be done, if the device says so: sites as places in the list of sites, and figures of each.
    pub(super) sites: Option<Vec<Place>>,
}

/// A device as it describes itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Description {
    /// Figures of T1 and T2 of each site.
    pub(super) sites: Vec<[Option<u64>; 2]>,
    /// The names of the sites, if all have one.
    pub(super) names: Vec<String>,
    /// How many seconds a tick of its times is.
    pub(super) time_unit: f64,
    pub(super) operations: Vec<Operation>,
    /// Pairs of places in the list of sites; `None` for all.
    pub(super) couplings: Option<Vec<u32>>,
    pub(super) formats: Vec<u32>,
    /// Whether states and probabilities may be asked for.
    pub(super) gives_states: bool,
}

/// The same in the words of the hal, and how circuits are written for the device. Operations that are in no table of gates are left out.
///
/// # Errors
/// `Protocol` for what cannot be: no qubits, sites that there are not, figures that are no probabilities.
pub(super) fn capabilities(device: &Description) -> Result<(Capabilities, Writing)> {
    let count = device.sites.len();
    if count == 0 || count > MOST_QUBITS {
        return Err(protocol(format!("the device says that it has {count} qubits")));
    }
    let exists = |site: u32| (site as usize) < count;
    let time = |ticks: Option<u64>| ticks.and_then(|ticks| duration(ticks, device.time_unit));
    let mut qubits: Vec<QubitProperties> = device
        .sites
        .iter()
        .map(|[t1, t2]| QubitProperties { t1: time(*t1), t2: time(*t2), readout_error: None })
        .collect();
    let mut coupled = HashSet::new();
    let couplings = match &device.couplings {
        None => Couplings::All,
        Some(flat) => {
            let (pairs, rest) = flat.as_chunks::<2>();
            let sound = rest.is_empty() && pairs.iter().flatten().all(|site| exists(*site));
            if !sound || pairs.iter().any(|[a, b]| a == b || !coupled.insert((*a, *b))) {
                return Err(protocol(
                    "the couplings of the device are no list of pairs of different sites, each once",
                ));
            }
            Couplings::Pairs(pairs.iter().map(|[a, b]| (*a, *b)).collect())
        }
    };
    let mut features =
        Features { probabilities: device.gives_states, state: device.gives_states, ..Features::default() };
    let (mut native_gates, mut spellings) = (Vec::<NativeGate>::new(), Vec::new());
    for operation in &device.operations {
        probability(&operation.name, operation.fidelity)?;
        for (sites, _, fidelity) in operation.sites.iter().flatten() {
            probability(&operation.name, *fidelity)?;
            if !sites.iter().all(|site| exists(*site)) {
                return Err(protocol(format!("'{}' is done on a site that there is not", operation.name)));
            }
        }
        match operation.name.as_str() {
            "measure" => read_out(operation, &mut qubits),
            "reset" => features.reset = true,
            name => {
                let Some(gate) = gate_of(name, operation) else { continue };
                if native_gates.iter().any(|known| known.gate == gate) {
                    continue;
                }
                let sites = gate_sites(operation, gate, (&couplings, &coupled), device);
                // To have no sites means everywhere; an operation that is done nowhere is none.
                if sites.is_empty() && operation.sites.is_some() {
                    continue;
                }
                native_gates.push(NativeGate { gate, sites });
                spellings.push((gate, name.to_owned()));
            }
        }
    }
    let known = [
        (format::OPENQASM2, ProgramFormat::OpenQasm2),
        (format::OPENQASM3, ProgramFormat::OpenQasm3),
        (format::QIR_BASE_TEXT, ProgramFormat::QirBaseText),
    ];
    let listed = |code: i32| device.formats.iter().any(|format| i64::from(*format) == i64::from(code));
    let mut formats: Vec<ProgramFormat> =
        known.into_iter().filter(|(code, _)| listed(*code)).map(|(_, format)| format).collect();
    let languages = [
        (format::OPENQASM2, Language::OpenQasm2),
        (format::OPENQASM3, Language::OpenQasm3),
        (format::IQM_JSON, Language::IqmJson),
    ];
    let language = languages.into_iter().find(|(code, _)| listed(*code)).map(|(_, language)| language);
    // IQM's form names sites by their names.
    let language = language.filter(|language| *language != Language::IqmJson || device.names.len() == count);
    if language.is_some() {
        formats.insert(0, ProgramFormat::Circuit);
    }
    let max_shots = u64::from(u32::MAX);
    let writing = Writing { language, spellings, names: device.names.clone() };
    Ok((Capabilities { qubits, native_gates, couplings, features, formats, max_shots }, writing))
}

fn probability(name: &str, figure: Option<f64>) -> Result<()> {
    match figure {
        Some(figure) if !(0.0..=1.0).contains(&figure) => {
            Err(protocol(format!("the device says that '{name}' has the fidelity {figure}")))
        }
        _ => Ok(()),
    }
}

/// The gate of our table that a device means: by its name, if its numbers of qubits and angles agree.
fn gate_of(name: &str, operation: &Operation) -> Option<Gate> {
    let gate = match name {
        // MQT Core's and IQM's names.
        "i" => Gate::Id,
        "v" => Gate::Sx,
        "vdg" => Gate::Sxdg,
        "gphase" => return None,
        other => other.parse().ok()?,
    };
    let agrees = |said: Option<u64>, own: usize| said.is_none_or(|said| said == own as u64);
    (agrees(operation.qubits, gate.qubits()) && agrees(operation.parameters, gate.params())).then_some(gate)
}

fn read_out(operation: &Operation, qubits: &mut [QubitProperties]) {
    for qubit in qubits.iter_mut() {
        qubit.readout_error = operation.fidelity.map(|fidelity| 1.0 - fidelity);
    }
    for (sites, _, fidelity) in operation.sites.iter().flatten() {
        if let ([site], Some(fidelity)) = (sites.as_slice(), fidelity)
            && let Some(qubit) = qubits.get_mut(*site as usize)
        {
            qubit.readout_error = Some(1.0 - fidelity);
        }
    }
}

/// Where a gate is done. A gate that is the same everywhere and has no figures has no sites.
fn gate_sites(
    operation: &Operation,
    gate: Gate,
    (couplings, pairs): (&Couplings, &HashSet<(u32, u32)>),
    device: &Description,
) -> Vec<GateSite> {
    let figures = |ticks: Option<u64>, fidelity: Option<f64>| {
        let ticks = ticks.or(operation.duration);
        (ticks.and_then(|ticks| duration(ticks, device.time_unit)), fidelity.or(operation.fidelity))
    };
    let general = figures(None, None);
    let named: Vec<Place> = match (&operation.sites, couplings) {
        (Some(sites), _) => sites.clone(),
        (None, _) if general == (None, None) => return Vec::new(),
        (None, Couplings::Pairs(pairs)) if gate.qubits() == 2 => {
            pairs.iter().map(|(a, b)| (vec![*a, *b], None, None)).collect()
        }
        (None, Couplings::Pairs(_)) if gate.qubits() == 1 => {
            (0..).zip(&device.sites).map(|(site, _)| (vec![site], None, None)).collect()
        }
        // One figure for all pairs of all qubits would be a long list of the same.
        _ => return Vec::new(),
    };
    let mut seen = HashSet::new();
    let coupled = |sites: &[u32]| match (couplings, sites) {
        (Couplings::Pairs(_), &[a, b]) => pairs.contains(&(a, b)),
        _ => true,
    };
    let fits = |sites: &[u32]| {
        let different: HashSet<_> = sites.iter().collect();
        sites.len() == gate.qubits() && different.len() == sites.len() && coupled(sites)
    };
    named
        .into_iter()
        .filter(|(sites, ..)| fits(sites) && seen.insert(sites.clone()))
        .map(|(qubits, duration, fidelity)| {
            let (duration, fidelity) = figures(duration, fidelity);
            GateSite { qubits, duration, fidelity }
        })
        .collect()
}
