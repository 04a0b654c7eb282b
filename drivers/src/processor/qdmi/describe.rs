//! Asks a library for everything that it says of its device.

use qhal::{Error, ErrorKind, Result};

use super::capabilities::{Description, Operation};
use super::codes::{device, device_status, operation, site};
use super::host::Worker;
use super::message::{Parameters, Reply, Request};
use super::protocol::{figure, figures, number, protocol, short_numbers, text, time_unit};

/// The most operations of a device, and the most sites of one operation, that are asked about.
const MOST_ASKED: usize = 1 << 20;

/// Who a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) library_version: String,
    pub(super) stable_id: Option<String>,
    pub(super) keeps_jobs: bool,
}

/// Loads the library, opens a session, and asks who the device is.
///
/// # Errors
/// Those of [`Worker::ask`]; `Protocol` when the library's version does not go with its functions.
pub(super) fn open(
    worker: &mut Worker,
    library: &std::path::Path,
    prefix: &str,
    parameters: Parameters,
) -> Result<Identity> {
    let request = Request::Open { library: library.to_owned(), prefix: prefix.to_owned(), parameters };
    let answer = worker.ask(&request).map_err(|error| worker.explained(error))?;
    let (Reply::Opened { new, keeps_jobs }, _) = answer else {
        return Err(protocol("the worker did not open the library"));
    };
    let library_version = text(&worker.bytes(&Request::Device { property: device::LIBRARY_VERSION })?)?;
    check_version(&library_version, new)?;
    let mut optional = |property| -> Result<Option<String>> {
        let found =
            worker.optional(&Request::Device { property }).map_err(|error| error.context("its name"))?;
        found.map(|bytes| text(&bytes)).transpose()
    };
    Ok(Identity {
        name: optional(device::NAME)?.unwrap_or_else(|| "unnamed QDMI device".to_owned()),
        version: optional(device::VERSION)?,
        // Libraries before 1.4 answer that they know no such property.
        stable_id: if new { optional(device::STABLE_ID)? } else { None },
        library_version,
        keeps_jobs,
    })
}

/// Refuses a library whose functions are those of another version than it names: to call it so would be undefined.
fn check_version(version: &str, new: bool) -> Result<()> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next().and_then(|n| n.ok()), numbers.next().and_then(|n| n.ok()));
    match (major, minor) {
        (Some(1), Some(minor)) if (minor >= 4) == new && minor >= 2 => Ok(()),
        (Some(1), Some(2..)) => Err(protocol(format!(
            "the library says that it is for QDMI {version} and has the functions of {}",
            if new { "1.4" } else { "an earlier one" }
        ))),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the library is for QDMI {version}; 1.2 to 1.4 are known"),
        )),
    }
}

/// Everything about sites, operations and formats.
///
/// # Errors
/// Those of [`Worker::ask`]; `Protocol` for answers that make no sense.
pub(super) fn describe(worker: &mut Worker, gives_states: bool) -> Result<Description> {
    let mut property = |property| worker.optional(&Request::Device { property });
    let sites = property(device::SITES)?.map(|bytes| number(&bytes)).transpose()?.unwrap_or(0);
    let qubits = number(
        &property(device::QUBITS)?
            .ok_or_else(|| protocol("the device does not say how many qubits it has"))?,
    )?;
    let unit = property(device::DURATION_UNIT)?.map(|bytes| text(&bytes)).transpose()?;
    let scale = property(device::DURATION_SCALE)?.map(|bytes| figure(&bytes)).transpose()?.unwrap_or(1.0);
    let formats =
        property(device::FORMATS)?.map(|bytes| short_numbers(&bytes)).transpose()?.unwrap_or_default();
    let couplings = property(device::COUPLINGS)?.map(|bytes| short_numbers(&bytes)).transpose()?;
    let operations = property(device::OPERATIONS)?.map(|bytes| number(&bytes)).transpose()?.unwrap_or(0);
    // A device without a unit gives no times that mean anything.
    let time_unit = unit.map(|unit| time_unit(&unit, scale)).transpose()?;
    let figures_of = |worker: &mut Worker, property| {
        worker.bytes(&Request::Sites { property }).map(|bytes| figures(&bytes))
    };
    let zones = figures_of(worker, site::IS_ZONE)?;
    let zones = zones.iter().filter(|zone| **zone == Some(1)).count() as u64;
    if sites.checked_sub(zones) != Some(qubits) {
        let message = format!("the device has {qubits} qubits and {sites} sites, of which {zones} are zones");
        return Err(protocol(message));
    }
    if zones > 0 {
        let message =
            "devices whose qubits move between zones are not supported: circuits say nothing of zones";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let names = figures_of(worker, site::NAME)?;
    let named = |name: &Option<u64>| name.and_then(|name| text(&name.to_ne_bytes()).ok());
    let names: Option<Vec<String>> = names.iter().map(named).collect();
    let (t1, t2) = (figures_of(worker, site::T1)?, figures_of(worker, site::T2)?);
    let known = |figure: &Option<u64>| figure.filter(|_| time_unit.is_some());
    let sites = t1.iter().zip(&t2).map(|(t1, t2)| [known(t1), known(t2)]).collect();
    if operations as usize > MOST_ASKED {
        return Err(protocol(format!("the device says that it has {operations} operations")));
    }
    let operations = (0..operations as u32).map(|index| self::operation(worker, index, time_unit.is_some()));
    Ok(Description {
        sites,
        names: names.unwrap_or_default(),
        time_unit: time_unit.unwrap_or(1.0),
        operations: operations.collect::<Result<_>>()?,
        couplings,
        formats,
        gives_states,
    })
}

fn operation(worker: &mut Worker, index: u32, timed: bool) -> Result<Operation> {
    let mut property = |property| worker.optional(&Request::Operation { operation: index, property });
    let name = text(&property(operation::NAME)?.ok_or_else(|| protocol("an operation has no name"))?)?;
    let qubits = property(operation::QUBITS)?.map(|bytes| number(&bytes)).transpose()?;
    let parameters = property(operation::PARAMETERS)?.map(|bytes| number(&bytes)).transpose()?;
    // Devices may answer this for given sites alone, and say so as an error of the argument.
    let mut general = |which| match property(which) {
        Err(error) if error.kind() == ErrorKind::Refused => Ok(None),
        other => other,
    };
    let duration = general(operation::DURATION)?.map(|bytes| number(&bytes)).transpose()?;
    let fidelity = general(operation::FIDELITY)?.map(|bytes| figure(&bytes)).transpose()?;
    let sites = general(operation::SITES)?.map(|bytes| short_numbers(&bytes)).transpose()?;
    let width = qubits.unwrap_or(1);
    let sites = match sites {
        Some(flat)
            if width == 0 || width > 16 || flat.len() % width as usize != 0 || flat.len() > MOST_ASKED =>
        {
            let message = format!("'{name}' on {width} qubits is done on {} sites in all", flat.len());
            return Err(protocol(message));
        }
        Some(flat) => {
            let mut each = |property| {
                let sites = flat.clone();
                let request =
                    Request::OperationSites { operation: index, property, width: width as u32, sites };
                worker.bytes(&request).map(|bytes| figures(&bytes))
            };
            let durations = if timed { each(operation::DURATION)? } else { Vec::new() };
            let fidelities = each(operation::FIDELITY)?;
            let tuples = flat.chunks_exact(width as usize).enumerate();
            let of = |figures: &[Option<u64>], at: usize| figures.get(at).copied().flatten();
            Some(
                tuples
                    .map(|(at, tuple)| {
                        (tuple.to_vec(), of(&durations, at), of(&fidelities, at).map(f64::from_bits))
                    })
                    .collect(),
            )
        }
        None => None,
    };
    Ok(Operation { name, qubits, parameters, duration: duration.filter(|_| timed), fidelity, sites })
}

/// What a device says of its state, in a word, and whether programs can be run.
pub(super) fn status(code: u64) -> (&'static str, bool) {
    match i32::try_from(code).unwrap_or(-1) {
        device_status::OFFLINE => ("offline", false),
        device_status::IDLE => ("idle", true),
        device_status::BUSY => ("busy", true),
        device_status::ERROR => ("in error", false),
        device_status::MAINTENANCE => ("under maintenance", false),
        device_status::CALIBRATION => ("being calibrated", false),
        _ => ("in a state that is not known", false),
    }
}
