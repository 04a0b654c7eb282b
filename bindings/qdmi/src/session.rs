//! A session: set up, initialised once, then asked and given jobs until it is freed.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qhal::processor::{Capabilities, Couplings, ProgramFormat};
use qhal::{Descriptor, Error, ErrorKind, Kind, OpenDevice, Processor, Provenance};
use qhal_backends::simulated::{NoiseSettings, ProcessorSettings};
use qhal_backends::{DeviceSpec, DriverWords, Options, catalog};

use crate::codes::{self, CUSTOM1, CUSTOM2, Outcome, Status, format, session_parameter};
use crate::memory;
use crate::queries::{Operation, operations};
use crate::runner::Runner;

/// What stands behind a session that names nothing else.
const SIMULATOR: &str = "simulator:statevector";
/// The stable id of that one.
const SIMULATOR_ID: &str = "qhal.simulator";

/// One session of a client.
pub(crate) struct Session {
    stage: Mutex<Stage>,
}

enum Stage {
    SetUp { device: Option<String>, seed: Option<u64> },
    Ready(Arc<Ready>),
    Closed,
}

/// What is known of an open processor, and the thread that has it.
pub(crate) struct Ready {
    pub(crate) id: Option<&'static str>,
    pub(crate) name: String,
    pub(crate) capabilities: Capabilities,
    pub(crate) operations: Vec<Operation>,
    pub(crate) formats: Vec<c_int>,
    pub(crate) how: Arc<How>,
    pub(crate) runner: Runner,
}

/// How programs are handed to the processor.
pub(crate) struct How {
    /// It takes circuits; else it takes the text as it came.
    pub(crate) circuits: bool,
    /// Qubits that a program does not use can be left out: all are alike, and joined to each other.
    pub(crate) compact: bool,
    /// It computes, so the order of its shots means nothing.
    pub(crate) simulated: bool,
    /// It can give the state of a circuit.
    pub(crate) state: bool,
    /// It can give exact probabilities.
    pub(crate) probabilities: bool,
    /// The seed of the session's first program; the next one takes the next number.
    pub(crate) seed: Option<u64>,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self { stage: Mutex::new(Stage::SetUp { device: None, seed: None }) }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a parameter; without a value it is only asked whether it would be taken.
    pub(crate) fn set_parameter(&self, parameter: c_int, value: Option<Vec<u8>>) -> Outcome {
        codes::check(parameter, session_parameter::MAX)?;
        let mut stage = self.stage();
        let Stage::SetUp { device, seed } = &mut *stage else { return Err(Status::BadState) };
        if !matches!(parameter, CUSTOM1 | CUSTOM2) {
            return Err(Status::NotSupported);
        }
        let Some(bytes) = value else { return Ok(()) };
        let text = memory::text(bytes)?;
        match parameter {
            CUSTOM1 => *device = Some(text),
            _ => *seed = Some(text.trim().parse().map_err(|_| Status::InvalidArgument)?),
        }
        Ok(())
    }

    /// Opens the processor.
    pub(crate) fn init(&self) -> Outcome {
        let mut stage = self.stage();
        let Stage::SetUp { device, seed } = &*stage else { return Err(Status::BadState) };
        let ready = open(device.as_deref(), *seed).map_err(|error| {
            report(&format!("cannot open a session: {}", error.chain()));
            Status::of(&error)
        })?;
        *stage = Stage::Ready(Arc::new(ready));
        Ok(())
    }

    pub(crate) fn ready(&self) -> Outcome<Arc<Ready>> {
        match &*self.stage() {
            Stage::Ready(ready) => Ok(Arc::clone(ready)),
            Stage::SetUp { .. } | Stage::Closed => Err(Status::BadState),
        }
    }

    /// Gives up what still runs and closes the processor.
    pub(crate) fn close(&self) {
        let stage = std::mem::replace(&mut *self.stage(), Stage::Closed);
        if let Stage::Ready(ready) = stage {
            ready.runner.close();
        }
    }
}

fn open(device: Option<&str>, seed: Option<u64>) -> qhal::Result<Ready> {
    let options =
        Options::new(NoiseSettings::default(), ProcessorSettings::default(), &DriverWords::default())?;
    let registry = catalog::registry(&options);
    let spec: DeviceSpec = device.unwrap_or(SIMULATOR).parse()?;
    let found = registry.find(&spec, &registry.probe(), Some(Kind::Processor))?;
    let OpenDevice::Processor(processor) = registry.open(&found)? else {
        return Err(Error::new(ErrorKind::InvalidInput, "it runs no circuits").on(&found.id));
    };
    describe(processor, &found, seed)
}

fn describe(processor: Box<dyn Processor>, found: &Descriptor, seed: Option<u64>) -> qhal::Result<Ready> {
    let capabilities = processor.capabilities().clone();
    let simulated = processor.descriptor().provenance == Provenance::Simulated;
    let circuits = capabilities.formats.contains(&ProgramFormat::Circuit);
    let how = Arc::new(How {
        circuits,
        compact: circuits && simulated && capabilities.couplings == Couplings::All,
        simulated,
        state: circuits && capabilities.features.state,
        probabilities: circuits && capabilities.features.probabilities,
        seed,
    });
    let formats = if circuits { readable() } else { taken(&capabilities.formats) };
    let operations = operations(&capabilities);
    let runner = Runner::start(processor, Arc::clone(&how))?;
    let name = found.id.to_string();
    let id = (name == SIMULATOR).then_some(SIMULATOR_ID);
    Ok(Ready { id, name, capabilities, operations, formats, how, runner })
}

/// The formats that become circuits here: what the compiler reads.
fn readable() -> Vec<c_int> {
    let reads = |program: &str| qhal_compiler::parse(program, "probe", &qhal_compiler::NoIncludes).is_ok();
    let mut formats = vec![format::QASM2];
    if reads("OPENQASM 3.0;\nqubit[1] q;\n") {
        formats.push(format::QASM3);
    }
    formats
}

/// The formats that a processor takes as text.
fn taken(formats: &[ProgramFormat]) -> Vec<c_int> {
    let number = |format: &ProgramFormat| match format {
        ProgramFormat::OpenQasm2 => Some(format::QASM2),
        ProgramFormat::OpenQasm3 => Some(format::QASM3),
        ProgramFormat::QirBaseText => Some(format::QIR_BASE_TEXT),
        _ => None,
    };
    formats.iter().filter_map(number).collect()
}

/// Says on standard error what the interface has no place for; a closed one is no reason to fail.
pub(crate) fn report(sentence: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "qhal: {sentence}");
}
