//! IQM's superconducting processors by IQM Server's interface, version 1, over HTTPS.
//!
//! It has been driven here only as an emulator. *Unconfirmed*: what a failed job says.
//!
//! Sources: QDMI-on-IQM (iqm-finland, Apache-2.0), `iqm-client` 36.

pub mod emulator;
pub mod protocol;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use qhal::device::Property;
use qhal::processor::{Capabilities, Job, JobId, JobResult, JobState, Processor, Program, Queue, Timings};
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, Error, ErrorKind, Health, Kind, OpenDevice,
    Provenance, QuantumOrigin, Result,
};

use self::protocol::{Architecture, Machine, Progress};
use crate::transport::https::{Call, Https, Settings};

/// The name of the driver.
pub const NAME: &str = "iqm";

/// Between two questions about the same job: it is not asked more often than that, whoever wants to know.
const PAUSE: Duration = Duration::from_millis(200);
/// The most shots of a job. *Unconfirmed*: servers have their own limit, and say so.
const MOST_SHOTS: u64 = 1_000_000;

/// How a processor is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose certificates are trusted, and the token; without it nothing is asked.
    pub https: Option<Settings>,
    /// Which of the server's machines is meant, by its alias or id; may be left out where there is one.
    pub quantum_computer: Option<String>,
}

/// Opens processors at addresses that the user names: nothing lists them.
#[derive(Clone, Debug, Default)]
pub struct Iqm {
    options: Options,
}

impl Iqm {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    fn choose(&self, machines: Vec<Machine>) -> Result<Machine> {
        let names: Vec<&str> = machines.iter().map(|machine| machine.alias.as_str()).collect();
        let names = names.join(", ");
        match (&self.options.quantum_computer, machines.len()) {
            (None, 1) => machines.into_iter().next(),
            (None, 0) => None,
            (None, _) => {
                let message = format!(
                    "the server has several machines ({names}): set quantum_computer = \"…\" under [iqm] in qhal.toml"
                );
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            (Some(wanted), _) => {
                machines.into_iter().find(|machine| machine.alias == *wanted || machine.id == *wanted)
            }
        }
        .ok_or_else(|| {
            let wanted = self.options.quantum_computer.as_deref().unwrap_or("at all");
            Error::new(ErrorKind::NotFound, format!("the server has no machine {wanted}: it has {names}"))
        })
    }

    fn connect(&self, address: &Address) -> Result<IqmProcessor> {
        if !matches!(address, Address::Https { .. }) {
            let message = format!("an IQM processor is reached as https://HOST:PORT, not as {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let settings = self.options.https.as_ref().ok_or_else(|| {
            let message = "nothing says whose certificate to trust: set ca = \"FILE\", or system_authorities = true, and \
                           token_file under [iqm] in qhal.toml";
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        let https = Https::new(address, settings)?;
        let ask = |path: &str| https.call(&Call::get(path))?.success().map(|answer| answer.body);
        let machines = ask("/api/v1/quantum-computers").and_then(|body| protocol::machines(&body));
        let machines = machines.map_err(|error| error.context(format!("no IQM server at {address}")))?;
        let machine = self.choose(machines)?;
        let alias = &machine.alias;
        let fixed =
            ask(&format!("/api/v1/quantum-computers/{alias}/artifacts/static-quantum-architectures"))?;
        let set = format!("/api/v1/calibration-sets/{alias}/default");
        let calibrated = ask(&format!("{set}/dynamic-quantum-architecture"))?;
        let metrics = match ask(&format!("{set}/metrics")) {
            Ok(body) => Some(body),
            // Not every server keeps them.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let metrics = metrics.as_ref().map(|body| body.as_slice());
        let architecture = protocol::architecture(&fixed, &calibrated, metrics, MOST_SHOTS)?;
        let (provenance, evidence) = https.provenance();
        let descriptor = Descriptor {
            id: DeviceId::new(NAME, format!("{}/{alias}", https.place())),
            kind: Kind::Processor,
            provenance,
            evidence,
            origin: match provenance {
                Provenance::Remote => QuantumOrigin::Quantum,
                // Whatever answers on this machine is not known to be what it says.
                _ => QuantumOrigin::Claimed,
            },
            address: address.clone(),
            model: format!("IQM {alias}, {} qubits", architecture.names.len()),
            serial: None,
            access: Access::Ready,
        };
        Ok(IqmProcessor { https, machine, descriptor, architecture, jobs: HashMap::new() })
    }
}

impl Driver for Iqm {
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
struct IqmProcessor {
    https: Https,
    machine: Machine,
    descriptor: Descriptor,
    architecture: Architecture,
    jobs: HashMap<JobId, Entry>,
}

/// A job that has not been heard of to its end.
struct Entry {
    /// Which classical bit each character of an outcome is.
    meaning: Vec<u32>,
    bits: u32,
    shots: u64,
    begun: Instant,
    /// When the server was asked last, and what it said.
    asked: Option<(Instant, Progress)>,
}

impl IqmProcessor {
    fn named(&self, error: Error) -> Error {
        error.on(&self.descriptor.id)
    }

    /// What a job sends, and what its outcomes mean.
    fn written(&self, job: &Job) -> Result<(serde_json::Value, Entry)> {
        if job.shots == 0 || job.shots > MOST_SHOTS {
            let message = format!("{} shots cannot be run: from 1 to {MOST_SHOTS}", job.shots);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if job.wanted.probabilities || job.wanted.state {
            let message = "it gives counts, neither probabilities nor the state";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let Program::Circuit(circuit) = &job.program else {
            return Err(Error::new(ErrorKind::Unsupported, "it takes circuits, no text"));
        };
        let (document, meaning) = protocol::circuit(circuit, &self.architecture, job.shots)?;
        let entry =
            Entry { meaning, bits: circuit.bits(), shots: job.shots, begun: Instant::now(), asked: None };
        Ok((document, entry))
    }

    fn start(&mut self, job: &Job) -> Result<JobId> {
        let (document, entry) = self.written(job)?;
        let (path, text) = (format!("/api/v1/jobs/{}/circuit", self.machine.alias), document.to_string());
        let answer = self.https.call(&Call::post(&path).json(&text))?.success()?;
        let id = JobId(protocol::job_name(&answer.body)?);
        self.jobs.insert(id.clone(), entry);
        Ok(id)
    }

    fn entry(&mut self, id: &JobId) -> Result<&mut Entry> {
        self.jobs.get_mut(id).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no job {id}")))
    }

    fn ask(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.https.call(&Call::get(path))?.success()?.body.to_vec())
    }

    fn progress(&mut self, id: &JobId) -> Result<Progress> {
        let entry = self.entry(id)?;
        if let Some((asked, said)) = &entry.asked
            && asked.elapsed() < PAUSE
        {
            return Ok(said.clone());
        }
        let said = protocol::progress(&self.ask(&format!("/api/v1/jobs/{id}"))?)?;
        self.entry(id)?.asked = Some((Instant::now(), said.clone()));
        Ok(said)
    }

    fn state(&mut self, id: &JobId) -> Result<JobState> {
        let progress = self.progress(id)?;
        match progress {
            Progress::Queued(ahead) => return Ok(JobState::Queued { ahead }),
            Progress::Running => return Ok(JobState::Running),
            _ => {}
        }
        let state = match progress {
            Progress::Failed(words) => {
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                let error =
                    Error::new(ErrorKind::Refused, format!("job {id} failed on the processor{words}"));
                JobState::Failed(self.named(error))
            }
            Progress::Cancelled => JobState::Cancelled,
            _ => {
                let body = self.ask(&format!("/api/v1/jobs/{id}/artifacts/measurement_counts"))?;
                let provenance = self.descriptor.provenance;
                let entry = self.entry(id)?;
                let timings = Timings { execute: entry.begun.elapsed(), ..Timings::default() };
                let counts = protocol::counts(&body, &entry.meaning, entry.bits, entry.shots);
                let (shots, method) = (entry.shots, None);
                match counts {
                    Ok(counts) => JobState::Done(Box::new(JobResult {
                        provenance,
                        shots,
                        counts,
                        probabilities: None,
                        state: None,
                        method,
                        timings,
                    })),
                    Err(error) => JobState::Failed(self.named(error)),
                }
            }
        };
        self.jobs.remove(id);
        Ok(state)
    }

    fn give_up(&mut self, id: &JobId) -> Result<()> {
        self.entry(id)?.asked = None;
        let answer = self.https.call(&Call::post(&format!("/api/v1/jobs/{id}/cancel")))?;
        // What has ended cannot be cancelled, and stays as it is.
        if matches!(answer.status, 400 | 404 | 409) { Ok(()) } else { answer.success().map(|_| ()) }
    }
}

impl Device for IqmProcessor {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The server answers to the question for it.
    fn health(&mut self) -> Result<Health> {
        let path = format!("/api/v1/quantum-computers/{}/health", self.machine.id);
        let answer = self.https.call(&Call::get(&path)).map_err(|error| self.named(error))?;
        Ok(match answer.status {
            503 => Health::Degraded(format!("the server says: {}", answer.refusal().message())),
            404 => Health::Good,
            _ => answer.success().map(|_| Health::Good).map_err(|error| self.named(error))?,
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut all = vec![Property::text("quantum computer", self.machine.alias.clone())];
        all.extend(self.architecture.calibration.clone().map(|set| Property::text("calibration set", set)));
        Ok(all)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Processor for IqmProcessor {
    fn capabilities(&self) -> &Capabilities {
        &self.architecture.capabilities
    }

    fn submit(&mut self, job: Job) -> Result<JobId> {
        self.start(&job).map_err(|error| self.named(error))
    }

    fn poll(&mut self, id: &JobId) -> Result<JobState> {
        self.state(id).map_err(|error| self.named(error))
    }

    fn cancel(&mut self, id: &JobId) -> Result<()> {
        self.give_up(id).map_err(|error| self.named(error))
    }

    fn queue(&mut self) -> Result<Queue> {
        let path = format!("/api/v1/quantum-computers/{}/queue-availability", self.machine.id);
        let jobs = self.ask(&path).and_then(|body| protocol::queue_length(&body));
        Ok(Queue { jobs: Some(jobs.map_err(|error| self.named(error))?), wait: None })
    }

    fn keeps_jobs(&self) -> bool {
        true
    }

    fn resume(&mut self, id: &JobId, job: &Job) -> Result<()> {
        let (_, entry) = self.written(job).map_err(|error| self.named(error))?;
        // It goes into a path.
        let sound = id.0.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) && !id.0.is_empty();
        if !sound {
            let message = format!("'{}' is no name of a job", id.0.escape_debug());
            return Err(self.named(Error::new(ErrorKind::NotFound, message)));
        }
        let answer = self.https.call(&Call::get(&format!("/api/v1/jobs/{id}")));
        answer.and_then(|answer| answer.success()).map_err(|error| self.named(error))?;
        self.jobs.insert(id.clone(), entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
