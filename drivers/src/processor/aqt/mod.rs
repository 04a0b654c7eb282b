//! AQT's trapped-ion processors by their direct-access interface over HTTPS.
//!
//! It has no queue and cannot cancel: a job that is given up here still runs there. It has been driven here only as an emulator.
//!
//! Source: `qiskit-aqt-provider` 2.0.1 and `aqt-connector` 0.5.0 (paths, models, ranges).

pub mod emulator;
pub mod protocol;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use qhal::device::Property;
use qhal::processor::{
    Capabilities, Couplings, Features, Job, JobId, JobResult, JobState, NativeGate, Processor, Program,
    ProgramFormat, QubitProperties, Queue, Timings,
};
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, Error, ErrorKind, Gate, Health, Kind, OpenDevice,
    Provenance, QuantumOrigin, Result,
};

use self::protocol::{MOST_SHOTS, Progress};
use super::jobs::Jobs;
use crate::transport::https::{Call, Https, Settings};

/// The name of the driver.
pub const NAME: &str = "aqt";

/// Between two questions about a job whose answer came at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How a processor is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose certificates are trusted, and the token; without it nothing is asked.
    pub https: Option<Settings>,
}

/// Opens processors at addresses that the user names: nothing lists them.
#[derive(Clone, Debug, Default)]
pub struct Aqt {
    options: Options,
}

impl Aqt {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn connect(&self, address: &Address) -> Result<AqtProcessor> {
        if !matches!(address, Address::Https { .. }) {
            let message = format!("an AQT processor is reached as https://HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let settings = self.options.https.as_ref().ok_or_else(|| {
            let message =
                "nothing says whose certificate to trust: set ca = \"FILE\" under [aqt] in qhal.toml";
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        let https = Https::new(address, settings)?;
        let ask = |path: &str| https.call(&Call::get(path))?.success().map(|answer| answer.body);
        let told = ask("/status/ions").and_then(|body| Ok((protocol::ions(&body)?, ask("/system/name")?)));
        let named = told.and_then(|(ions, body)| Ok((ions, protocol::word(&body)?)));
        let (ions, name) = named.map_err(|error| error.context(format!("no AQT processor at {address}")))?;
        let (provenance, evidence) = https.provenance();
        let descriptor = Descriptor {
            id: DeviceId::new(NAME, format!("{}/{}", https.place(), name.replace(' ', "-"))),
            kind: Kind::Processor,
            provenance,
            evidence,
            origin: match provenance {
                Provenance::Remote => QuantumOrigin::Quantum,
                // Whatever answers on this machine is not known to be what it says.
                _ => QuantumOrigin::Claimed,
            },
            address: address.clone(),
            model: format!("AQT {name}, {ions} ions"),
            serial: None,
            access: Access::Ready,
        };
        let native = [Gate::R, Gate::Rz, Gate::Rxx].map(|gate| NativeGate { gate, sites: Vec::new() });
        let capabilities = Capabilities {
            qubits: vec![QubitProperties::default(); ions as usize],
            native_gates: native.into(),
            couplings: Couplings::All,
            features: Features::default(),
            formats: vec![ProgramFormat::Circuit],
            max_shots: MOST_SHOTS,
        };
        let jobs = Jobs::new(descriptor.id.clone());
        Ok(AqtProcessor { https: Arc::new(https), descriptor, capabilities, jobs })
    }
}

impl Driver for Aqt {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Nothing of a processor is attached to this machine.
    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        Ok(self.connect(address)?.descriptor)
    }

    fn recognises(&self, address: &Address) -> bool {
        self.options.https.is_some() && matches!(address, Address::Https { .. })
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let processor = self.connect(&descriptor.address)?;
        if processor.descriptor.id != descriptor.id {
            let (wanted, found) = (&descriptor.id, &processor.descriptor.id);
            let message = format!("{wanted} is not at {}: {found} answers there", descriptor.address);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(OpenDevice::Processor(Box::new(processor)))
    }
}

/// An open processor.
struct AqtProcessor {
    https: Arc<Https>,
    descriptor: Descriptor,
    capabilities: Capabilities,
    jobs: Jobs,
}

impl AqtProcessor {
    fn start(&mut self, job: &Job) -> Result<JobId> {
        self.jobs.check_shots(job, MOST_SHOTS)?;
        if job.wanted.probabilities || job.wanted.state {
            let message = "it gives counts, neither probabilities nor the state";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let Program::Circuit(circuit) = &job.program else {
            return Err(Error::new(ErrorKind::Unsupported, "it takes circuits, no text"));
        };
        let (qubits, ions) = (circuit.qubits(), self.capabilities.qubits.len());
        if qubits as usize > ions {
            let message = format!("the circuit has {qubits} qubits and the processor {ions} ions");
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        if qubits == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "the circuit has no qubits"));
        }
        let (document, readout) = protocol::circuit(circuit, job.shots)?;
        let text = document.to_string();
        let answer = self.https.call(&Call::put("/circuit").json(&text))?.success()?;
        let name = protocol::word(&answer.body)?;
        let (https, bits, shots) = (Arc::clone(&self.https), circuit.bits(), job.shots);
        let provenance = self.descriptor.provenance;
        self.jobs.start(move |stop| {
            let begun = Instant::now();
            let outcomes = wait(&https, &name, stop)?;
            let counts = protocol::counts(&outcomes, &readout, bits, qubits, shots)?;
            let timings = Timings { execute: begun.elapsed(), ..Timings::default() };
            Ok(JobResult {
                provenance,
                shots,
                counts,
                probabilities: None,
                state: None,
                method: None,
                timings,
            })
        })
    }
}

/// Waits for a job; the server holds its answer back until there is one, or for as long as it likes.
fn wait(https: &Https, name: &str, stop: &AtomicBool) -> Result<Vec<Vec<u8>>> {
    let path = format!("/circuit/result/{name}");
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::TimedOut, format!("job {name} was given up")));
        }
        let answer = match https.call(&Call::get(&path)) {
            Err(error) if error.kind() == ErrorKind::TimedOut => continue,
            other => other?.success()?,
        };
        match protocol::progress(&answer.body)? {
            Progress::Going => std::thread::sleep(PAUSE),
            Progress::Finished(shots) => return Ok(shots),
            Progress::Failed(words) => {
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("job {name} failed on the processor{words}"),
                ));
            }
            Progress::Cancelled => {
                return Err(Error::new(ErrorKind::Refused, format!("job {name} was cancelled there")));
            }
        }
    }
}

impl Device for AqtProcessor {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// It answers, with as many ions as before.
    fn health(&mut self) -> Result<Health> {
        let found = self.https.call(&Call::get("/status/ions")).and_then(|answer| answer.success());
        let ions = found.and_then(|answer| protocol::ions(&answer.body));
        let ions = ions.map_err(|error| error.on(&self.descriptor.id))?;
        let before = self.capabilities.qubits.len();
        Ok(match ions as usize == before {
            true => Health::Good,
            false => Health::Degraded(format!("it holds {ions} ions and held {before} when it was opened")),
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        Ok(vec![Property::number("ions", self.capabilities.qubits.len() as f64, "")])
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Processor for AqtProcessor {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        self.start(&job).map_err(|error| error.on(&self.descriptor.id))
    }

    fn poll(&mut self, id: &JobId) -> Result<JobState> {
        self.jobs.poll(id)
    }

    fn cancel(&mut self, id: &JobId) -> Result<()> {
        self.jobs.cancel(id)
    }

    fn queue(&mut self) -> Result<Queue> {
        Ok(Queue { jobs: Some(self.jobs.running()), wait: None })
    }
}

#[cfg(test)]
mod tests;
