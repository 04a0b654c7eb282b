//! Anybody's device behind a QDMI library: its library is loaded in a process of its own, and its device is a processor here.
//!
//! Source: the headers of QDMI (Quantum Device Management Interface) 1.3.3 and 1.4.0. What stands behind a library, hardware, a
//! service or a simulation, the interface does not tell: results are `Unverified`.

mod capabilities;
mod codes;
mod describe;
mod host;
mod library;
mod manifest;
mod message;
mod processor;
mod program;
mod protocol;
pub mod worker;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qhal::{
    Access, Address, Descriptor, DeviceId, Driver, Error, ErrorKind, Kind, OpenDevice, Provenance,
    QuantumOrigin, Result,
};
use zeroize::Zeroizing;

use self::codes::session;
use self::host::Worker;
use self::manifest::Entry;
use self::processor::QdmiProcessor;
use crate::transport::https::TokenSource;

/// The name of the driver.
pub const NAME: &str = "qdmi";

/// How libraries are found and used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Manifests, or folders with some; none are looked for elsewhere.
    pub manifests: Vec<PathBuf>,
    /// The command that runs [`worker::serve`]; empty where there is none, and then nothing can be opened.
    pub worker: Vec<OsString>,
    /// How long a function of a library may take.
    pub time_limit: Duration,
    /// After which a job is given up; `None` leaves that to whoever waits for it.
    pub job_limit: Option<Duration>,
    /// What is said of single devices, by the names that their manifests give them.
    pub devices: BTreeMap<String, DeviceOptions>,
}

impl Default for Options {
    /// No manifests, no worker, half a minute for a function and no limit for jobs.
    fn default() -> Self {
        Self {
            manifests: Vec::new(),
            worker: Vec::new(),
            time_limit: Duration::from_secs(30),
            job_limit: None,
            devices: BTreeMap::new(),
        }
    }
}

/// What is said of one device beside its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Whether it gives states and probabilities, which no library tells before a job is done.
    pub states: bool,
    /// The token of the session.
    pub token: Option<TokenSource>,
    /// The password of the session.
    pub password: Option<TokenSource>,
}

/// Lists the devices of manifests, and opens them or any library that the user names.
#[derive(Clone, Debug, Default)]
pub struct Qdmi {
    options: Options,
}

impl Qdmi {
    /// With these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// The device at an address: a library and its prefix, or a manifest and the name of one of its devices.
    fn entry(&self, address: &Address) -> Result<Entry> {
        let Address::Library { path, prefix } = address else {
            let message = format!("a QDMI device is at library:PATH#PREFIX, not at {address}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let path = Path::new(path);
        if !path.to_string_lossy().ends_with(manifest::SUFFIX) {
            if prefix.is_empty() {
                let message =
                    format!("{address} has to say what the names of its functions begin with: #PREFIX");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            manifest::check_prefix(prefix)?;
            let library = manifest::trusted(path)?;
            let id = format!("{}#{prefix}", library.display());
            return Ok(Entry { id, library, prefix: prefix.clone(), parameters: Vec::new() });
        }
        let entries = manifest::read(path)?;
        let names: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let found = match (prefix.as_str(), entries.len()) {
            ("", 1) => entries.into_iter().next(),
            (name, _) => entries.into_iter().find(|entry| entry.id == name),
        };
        found.ok_or_else(|| {
            let message = format!("{} has no device '{prefix}': it has {names}", path.display());
            Error::new(ErrorKind::NotFound, message)
        })
    }

    fn connect(&self, address: &Address) -> Result<QdmiProcessor> {
        let mut entry = self.entry(address)?;
        let id = DeviceId::new(NAME, &entry.id);
        let said = self.options.devices.get(&entry.id).cloned().unwrap_or_default();
        let mut secrets = Vec::new();
        for (number, source) in [(session::TOKEN, &said.token), (session::PASSWORD, &said.password)] {
            if let Some(source) = source {
                let secret = source.read().map_err(|error| error.on(&id))?;
                entry.parameters.retain(|(known, _)| *known != number);
                entry.parameters.push((number, Zeroizing::new(secret.expose().to_owned())));
            }
        }
        for (number, text) in &entry.parameters {
            if matches!(*number, session::TOKEN | session::PASSWORD) {
                secrets.push(text.clone());
            }
        }
        let opened =
            Worker::start(&self.options.worker, self.options.time_limit, secrets).and_then(|mut worker| {
                let identity = describe::open(&mut worker, &entry.library, &entry.prefix, entry.parameters)?;
                let description = describe::describe(&mut worker, said.states)?;
                Ok((worker, identity, capabilities::capabilities(&description)?))
            });
        let (worker, identity, (capabilities, writing)) = opened.map_err(|error| error.on(&id))?;
        let version = identity.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        let descriptor = Descriptor {
            model: format!("{}{version}", identity.name),
            serial: identity.stable_id.clone(),
            ..listed(&entry.id, &entry.library, address.clone())
        };
        Ok(QdmiProcessor {
            descriptor,
            identity,
            capabilities,
            writing,
            worker,
            job_limit: self.options.job_limit,
            jobs: HashMap::new(),
            submitted: 0,
        })
    }

    /// The devices of one manifest; what is wrong with it is told where it would be opened.
    fn in_manifest(path: &Path) -> Vec<Descriptor> {
        match manifest::read(path) {
            Ok(entries) => entries
                .into_iter()
                .map(|entry| {
                    let address =
                        Address::Library { path: path.display().to_string(), prefix: entry.id.clone() };
                    listed(&entry.id, &entry.library, address)
                })
                .collect(),
            Err(error) => {
                let address = Address::Library { path: path.display().to_string(), prefix: String::new() };
                let access = Access::Denied { hint: error.message().to_owned() };
                vec![Descriptor { access, ..listed(&path.display().to_string(), path, address) }]
            }
        }
    }
}

/// A device as it is known before its library is loaded.
fn listed(id: &str, library: &Path, address: Address) -> Descriptor {
    Descriptor {
        id: DeviceId::new(NAME, id),
        kind: Kind::Processor,
        provenance: Provenance::Unverified,
        evidence: format!("library {}", library.file_name().unwrap_or_default().display()),
        origin: QuantumOrigin::Claimed,
        address,
        model: "QDMI device".to_owned(),
        serial: None,
        access: Access::Ready,
    }
}

impl Driver for Qdmi {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Reads manifests; loads nothing.
    fn probe(&self) -> Result<Vec<Descriptor>> {
        let mut all: Vec<Descriptor> = Vec::new();
        for place in &self.options.manifests {
            for path in manifest::find(place)? {
                for device in Self::in_manifest(&path) {
                    // Of two devices of one name the first is meant: that is the order of the configuration.
                    if all.iter().all(|known| known.id != device.id) {
                        all.push(device);
                    }
                }
            }
        }
        Ok(all)
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        Ok(self.connect(address)?.descriptor)
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let processor = self.connect(&descriptor.address)?;
        if processor.descriptor.id != descriptor.id {
            let (wanted, found) = (&descriptor.id, &processor.descriptor.id);
            let message = format!("{wanted} is not at {}: {found} is", descriptor.address);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        Ok(OpenDevice::Processor(Box::new(processor)))
    }
}
