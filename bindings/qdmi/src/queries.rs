//! What a device, its sites and its operations are asked for, as the bytes of the answer.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use qhal::processor::{Capabilities, Couplings, GateSite};

use crate::codes::{
    self, Outcome, Status, VERSION, device_property, device_status, operation_property, site_property,
};
use crate::handles::{self, Kind};
use crate::session::Ready;

/// Something that programs may name: a gate, or what else can be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// How many qubits it takes; `None` for any number.
    pub(crate) qubits: Option<usize>,
    pub(crate) parameters: usize,
    /// Where it can be done; `None` means everywhere.
    pub(crate) sites: Option<Vec<GateSite>>,
}

/// Gates that no client in use has a word for. Programs may use them all the same, where the processor does.
const UNKNOWN_ELSEWHERE: [&str; 9] =
    ["u0", "csxdg", "iswapdg", "c3x", "c3sqrtx", "c3sqrtxdg", "rc3x", "rc3xdg", "c4x"];

/// The operations of a processor: its gates, then measurement and what else it lists.
pub(crate) fn operations(capabilities: &Capabilities) -> Vec<Operation> {
    let count = u32::try_from(capabilities.qubits.len()).unwrap_or(u32::MAX);
    let bare = |qubits: Vec<u32>| GateSite { qubits, duration: None, fidelity: None };
    // Where connections are limited, everything is placed: clients do not take the absence of places for everywhere.
    let everywhere = |qubits: usize| match (&capabilities.couplings, qubits) {
        (Couplings::Pairs(_), 1) => Some((0..count).map(|qubit| bare(vec![qubit])).collect()),
        (Couplings::Pairs(pairs), 2) => Some(pairs.iter().map(|&(a, b)| bare(vec![a, b])).collect()),
        _ => None,
    };
    let mut all: Vec<Operation> = Vec::new();
    let known = |name: &str| !UNKNOWN_ELSEWHERE.contains(&name);
    for native in capabilities.native_gates.iter().filter(|native| known(native.gate.name())) {
        let (qubits, parameters) = (native.gate.qubits(), native.gate.params());
        let sites = if native.sites.is_empty() { everywhere(qubits) } else { Some(native.sites.clone()) };
        all.push(Operation { name: native.gate.name(), qubits: Some(qubits), parameters, sites });
    }
    let known = capabilities.qubits.iter().any(|qubit| qubit.readout_error.is_some());
    let measured = (0..).zip(&capabilities.qubits).map(|(at, qubit)| GateSite {
        qubits: vec![at],
        duration: None,
        fidelity: qubit.readout_error.map(|error| 1.0 - error),
    });
    let sites = if known { Some(measured.collect()) } else { everywhere(1) };
    all.push(Operation { name: "measure", qubits: Some(1), parameters: 0, sites });
    if capabilities.features.reset {
        all.push(Operation { name: "reset", qubits: Some(1), parameters: 0, sites: everywhere(1) });
    }
    all.push(Operation { name: "barrier", qubits: None, parameters: 0, sites: None });
    if capabilities.features.conditions {
        all.push(Operation { name: "if_else", qubits: None, parameters: 0, sites: None });
    }
    all
}

/// A text with its NUL.
pub(crate) fn text(words: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.bytes().filter(|&byte| byte != 0).collect();
    bytes.push(0);
    bytes
}

fn number(value: usize) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn integer(value: c_int) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// Times are told in nanoseconds, scale 1.
fn time(value: Option<Duration>) -> Outcome<Vec<u8>> {
    let nanoseconds = u64::try_from(value.ok_or(Status::NotSupported)?.as_nanos());
    Ok(nanoseconds.map_err(|_| Status::NotSupported)?.to_ne_bytes().to_vec())
}

/// A property of the device.
pub(crate) fn device(ready: &Ready, property: c_int) -> Outcome<Vec<u8>> {
    codes::check(property, device_property::MAX)?;
    Ok(match property {
        device_property::NAME => text(&ready.name),
        device_property::VERSION => text(env!("CARGO_PKG_VERSION")),
        device_property::STATUS => {
            integer(if ready.runner.is_busy() { device_status::BUSY } else { device_status::IDLE })
        }
        device_property::LIBRARY_VERSION => text(VERSION),
        device_property::QUBITS => number(ready.capabilities.qubits.len()),
        device_property::SITES => handles::list(Kind::Site, 0..ready.capabilities.qubits.len()),
        device_property::OPERATIONS => handles::list(Kind::Operation, 0..ready.operations.len()),
        device_property::COUPLING_MAP => match &ready.capabilities.couplings {
            Couplings::All => return Err(Status::NotSupported),
            Couplings::Pairs(pairs) => {
                let flat = pairs.iter().flat_map(|&(a, b)| [a as usize, b as usize]);
                handles::list(Kind::Site, flat)
            }
        },
        device_property::DURATION_UNIT => text("ns"),
        device_property::DURATION_SCALE => 1.0f64.to_ne_bytes().to_vec(),
        device_property::FORMATS => ready.formats.iter().flat_map(|format| format.to_ne_bytes()).collect(),
        device_property::QUEUE_LENGTH => number(ready.runner.waiting()),
        device_property::ID => text(ready.id.ok_or(Status::NotSupported)?),
        _ => return Err(Status::NotSupported),
    })
}

/// The qubit behind the handle of a site.
fn qubit(ready: &Ready, site: *const c_void) -> Outcome<usize> {
    handles::index(Kind::Site, site)
        .filter(|&at| at < ready.capabilities.qubits.len())
        .ok_or(Status::InvalidArgument)
}

/// A property of a site.
pub(crate) fn site(ready: &Ready, site: *const c_void, property: c_int) -> Outcome<Vec<u8>> {
    let at = qubit(ready, site)?;
    codes::check(property, site_property::MAX)?;
    let known = ready.capabilities.qubits.get(at).ok_or(Status::InvalidArgument)?;
    Ok(match property {
        site_property::INDEX => number(at),
        site_property::T1 => time(known.t1)?,
        site_property::T2 => time(known.t2)?,
        site_property::NAME => text(&format!("q{at}")),
        site_property::IS_ZONE => vec![0],
        _ => return Err(Status::NotSupported),
    })
}

/// A property of an operation, on `sites` if they are given, else whatever the sites.
pub(crate) fn operation(
    ready: &Ready,
    operation: *const c_void,
    sites: Option<&[*const c_void]>,
    property: c_int,
) -> Outcome<Vec<u8>> {
    let known = handles::index(Kind::Operation, operation)
        .and_then(|at| ready.operations.get(at))
        .ok_or(Status::InvalidArgument)?;
    codes::check(property, operation_property::MAX)?;
    let at: Option<Vec<u32>> = match sites {
        None => None,
        Some(sites) => {
            let qubits: Outcome<Vec<usize>> = sites.iter().map(|&site| qubit(ready, site)).collect();
            let qubits = qubits?.into_iter().map(|qubit| qubit as u32).collect::<Vec<_>>();
            if known.qubits.is_some_and(|count| count != qubits.len()) {
                return Err(Status::InvalidArgument);
            }
            Some(qubits)
        }
    };
    Ok(match property {
        operation_property::NAME => text(known.name),
        operation_property::QUBITS => number(known.qubits.ok_or(Status::NotSupported)?),
        operation_property::PARAMETERS => number(known.parameters),
        operation_property::DURATION => time(figure(known, at.as_deref(), |site| site.duration)?)?,
        operation_property::FIDELITY => {
            let fidelity = figure(known, at.as_deref(), |site| site.fidelity)?;
            fidelity.ok_or(Status::NotSupported)?.to_ne_bytes().to_vec()
        }
        operation_property::IS_ZONED => vec![0],
        operation_property::SITES => {
            let sites = known.sites.as_ref().ok_or(Status::NotSupported)?;
            handles::list(Kind::Site, sites.iter().flat_map(|site| &site.qubits).map(|&at| at as usize))
        }
        _ => return Err(Status::NotSupported),
    })
}

/// What is known at one place, or, where no place is named, what is the same at all of them.
fn figure<T: PartialEq + Copy>(
    operation: &Operation,
    at: Option<&[u32]>,
    of: impl Fn(&GateSite) -> Option<T>,
) -> Outcome<Option<T>> {
    let Some(sites) = &operation.sites else { return Ok(None) };
    match at {
        Some(qubits) => {
            let site = sites.iter().find(|site| site.qubits == qubits).ok_or(Status::NotSupported)?;
            Ok(of(site))
        }
        None => {
            let mut figures = sites.iter().map(&of);
            let first = figures.next().flatten();
            Ok(first.filter(|first| figures.all(|other| other == Some(*first))))
        }
    }
}
