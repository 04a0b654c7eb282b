//! Asks all drivers what is there, and opens what was found or named.

use qhal::{Access, Descriptor, Driver, Error, ErrorKind, Kind, OpenDevice, Result};

use crate::spec::DeviceSpec;

/// What all drivers listed.
#[derive(Debug, Default)]
pub struct Listing {
    /// The devices, ordered by id.
    pub devices: Vec<Descriptor>,
    /// Drivers that could not list, and why; they do not hide the others.
    pub failures: Vec<(&'static str, Error)>,
}

/// The drivers of this run.
pub struct Registry {
    drivers: Vec<Box<dyn Driver>>,
}

impl Registry {
    /// A registry of exactly these drivers.
    pub fn new(drivers: Vec<Box<dyn Driver>>) -> Self {
        Self { drivers }
    }

    /// The names of the drivers, in order.
    pub fn drivers(&self) -> impl Iterator<Item = &'static str> {
        self.drivers.iter().map(|driver| driver.name())
    }

    /// Asks every driver what the operating system lists; no port is opened.
    pub fn probe(&self) -> Listing {
        let mut listing = Listing::default();
        for driver in &self.drivers {
            match driver.probe() {
                Ok(devices) => listing.devices.extend(devices),
                Err(error) => listing.failures.push((driver.name(), error)),
            }
        }
        listing.devices.sort_by(|a, b| a.id.cmp(&b.id));
        listing
    }

    /// Finds the one device that `spec` names. An id or a driver's name is looked up in `listing`; an address may be
    /// opened and spoken to.
    ///
    /// # Errors
    /// `NotFound` with what there is; `InvalidInput` when a driver's name fits several devices; for an address, what
    /// the driver that answers for it says; when several drivers could and none was named, all of their answers.
    pub fn find(&self, spec: &DeviceSpec, listing: &Listing, kind: Option<Kind>) -> Result<Descriptor> {
        match spec {
            DeviceSpec::Id(id) => {
                self.driver(id.driver())?;
                let found = listing.devices.iter().find(|device| device.id == *id);
                found.cloned().ok_or_else(|| self.not_listed(&spec.to_string(), id.driver(), listing))
            }
            DeviceSpec::Driver(name) => {
                self.driver(name)?;
                let fits = |device: &&Descriptor| {
                    device.id.driver() == name && kind.is_none_or(|kind| device.kind == kind)
                };
                // The simulation of a chip is only meant where it is named.
                let general = |device: &&Descriptor| fits(device) && !crate::simulated::imitates(device);
                let mut found = listing.devices.iter().filter(general);
                match (found.next(), found.next()) {
                    (Some(device), None) => Ok(device.clone()),
                    (None, _) => Err(self.not_listed(name, name, listing)),
                    (Some(_), Some(_)) => {
                        let ids: Vec<String> =
                            listing.devices.iter().filter(fits).map(|device| device.id.to_string()).collect();
                        Err(Error::new(
                            ErrorKind::InvalidInput,
                            format!("'{name}' fits several devices: name one of {}", ids.join(", ")),
                        ))
                    }
                }
            }
            DeviceSpec::Address { driver: Some(name), address } => self.driver(name)?.identify(address),
            DeviceSpec::Address { driver: None, address } => {
                // What is listed at that address needs no guessing.
                if let Some(device) = listing.devices.iter().find(|device| device.address == *address) {
                    return Ok(device.clone());
                }
                self.identify_any(address)
            }
        }
    }

    /// Asks every driver in turn who is at `address`.
    fn identify_any(&self, address: &qhal::Address) -> Result<Descriptor> {
        let mut unsupported: Vec<String> = Vec::new();
        let mut answers: Vec<String> = Vec::new();
        for driver in self.drivers.iter().filter(|driver| driver.recognises(address)) {
            let error = match driver.identify(address) {
                Ok(device) => return Ok(device),
                Err(error) => error,
            };
            let answer = format!("{}: {}", driver.name(), error.chain());
            match error.kind() {
                ErrorKind::Unsupported => unsupported.push(answer),
                // The wire itself is missing or closed to us: the next driver would only say the same.
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::Busy => return Err(error),
                _ => answers.push(answer),
            }
        }
        if answers.is_empty() {
            let list = unsupported.join("; ");
            return Err(Error::new(ErrorKind::Unsupported, format!("no driver can use {address} ({list})")));
        }
        let list = answers.join("; ");
        Err(Error::new(ErrorKind::NotFound, format!("no driver recognises what is at {address} ({list})")))
    }

    /// Opens a device that was listed or found.
    ///
    /// # Errors
    /// `Busy` or `PermissionDenied` when its descriptor says so already; else those of [`Driver::open`].
    pub fn open(&self, device: &Descriptor) -> Result<OpenDevice> {
        match &device.access {
            Access::Ready => {}
            Access::Busy { holder } => {
                let holder = holder.as_deref().unwrap_or("another program");
                return Err(
                    Error::new(ErrorKind::Busy, format!("{holder} has it; stop that first")).on(&device.id)
                );
            }
            Access::Denied { hint } => {
                return Err(Error::new(ErrorKind::PermissionDenied, hint.clone()).on(&device.id));
            }
        }
        self.driver(device.id.driver())?.open(device).map_err(|error| error.on(&device.id))
    }

    fn driver(&self, name: &str) -> Result<&dyn Driver> {
        self.drivers.iter().find(|driver| driver.name() == name).map(|driver| driver.as_ref()).ok_or_else(
            || {
                let names: Vec<&str> = self.drivers().collect();
                Error::new(
                    ErrorKind::NotFound,
                    format!("there is no driver '{name}': there are {}", names.join(", ")),
                )
            },
        )
    }

    fn not_listed(&self, what: &str, driver: &str, listing: &Listing) -> Error {
        if let Some((name, error)) = listing.failures.iter().find(|(name, _)| *name == driver) {
            return Error::new(
                error.kind(),
                format!("{what} was not found: driver {name} could not look ({})", error.chain()),
            );
        }
        let there: Vec<String> = listing.devices.iter().map(|device| device.id.to_string()).collect();
        let list = if there.is_empty() {
            "no device is attached".to_owned()
        } else {
            format!("there are {}", there.join(", "))
        };
        Error::new(
            ErrorKind::NotFound,
            format!(
                "{what} is not attached: {list}; it can be named by its address, as {driver}@serial:PATH, {driver}@usb:VVVV:PPPP or {driver}@https://HOST:PORT"
            ),
        )
    }
}
