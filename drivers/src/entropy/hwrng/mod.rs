//! Linux `/dev/hwrng`: whichever random-number generator the kernel has selected.
//!
//! A file with a few lines of sysfs beside it is all there is on the wire, so this driver has no `protocol.rs` and no
//! `emulator.rs`. None of these generators is quantum. Which one answers, the kernel says by name; one that
//! the host of a virtual machine answers for is [`Unverified`](Provenance::Unverified).
//!
//! Source: Linux, Documentation/admin-guide/hw_random.rst and drivers/char/hw_random/core.c.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use qhal::device::Property;
use qhal::{
    Access, Address, Descriptor, Device, DeviceId, Driver, EntropySource, Error, ErrorKind, Health, Kind,
    MinEntropy, OpenDevice, Provenance, QuantumOrigin, Result, Stage,
};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::transport::Deadline;
use crate::transport::ports::{self, System};

/// How long a read waits for the first byte: `virtio_rng` on a throttled host comes in pieces of 64 bytes, about 10 kB/s.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long to rest when the generator has nothing yet.
const REST: Duration = Duration::from_millis(1);
/// Generators whose answers come from a hypervisor or firmware outside this machine: virtio, PowerVM's H_RANDOM, and the
/// Arm SMCCC call.
const ANSWERED_OUTSIDE: [&str; 3] = ["virtio_rng", "pseries-rng", "smccc_trng"];

/// Finds and opens the kernel's hardware random-number generator.
#[derive(Clone, Debug)]
pub struct HwRng {
    system: System,
    time_limit: Duration,
}

impl Default for HwRng {
    fn default() -> Self {
        Self { system: System::default(), time_limit: TIME_LIMIT }
    }
}

impl HwRng {
    /// The generator of this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The generator of another `system`.
    #[must_use]
    pub fn on(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    /// Lets reads wait this long for the first byte; otherwise 5 s.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    fn device_path(&self) -> String {
        self.system.path("dev/hwrng").to_string_lossy().into_owned()
    }

    fn describe(&self) -> Option<Descriptor> {
        let current = current(&self.system);
        let path = self.device_path();
        // A container may show one and hide the other.
        if current.is_none() && (!Path::new(&path).exists() || sysfs(&self.system, "rng_available").is_some())
        {
            return None;
        }
        // Asked of TPMs alone: the answer is long on machines with many processors.
        let in_guest = current.as_deref().is_some_and(is_tpm) && is_virtual_machine(&self.system);
        let (provenance, evidence) = provenance(current.as_deref(), in_guest);
        let name = current.unwrap_or_else(|| "unnamed".to_owned());
        let access = match rustix::fs::access(path.as_str(), rustix::fs::Access::READ_OK) {
            // Any number of programs may read it at a time, so it is never busy.
            Ok(()) => Access::Ready,
            Err(Errno::NOENT) => {
                Access::Denied { hint: format!("{path} is missing: pass it into this container") }
            }
            Err(_) => Access::Denied {
                hint: format!(
                    "only root may read {path}: use sudo, or give a group the right with a udev rule"
                ),
            },
        };
        Some(Descriptor {
            id: DeviceId::new(NAME, name.clone()),
            kind: Kind::Entropy,
            provenance,
            evidence,
            origin: QuantumOrigin::NotQuantum,
            address: Address::File { path },
            model: format!("Linux hardware random-number generator {name}"),
            serial: None,
            access,
        })
    }
}

const NAME: &str = "hwrng";

/// One line of `/sys/class/misc/hw_random`.
fn sysfs(system: &System, file: &str) -> Option<String> {
    ports::read_text(&system.path("sys/class/misc/hw_random").join(file))
}

/// The name of the selected generator, if one is.
fn current(system: &System) -> Option<String> {
    sysfs(system, "rng_current").filter(|name| name != "none")
}

fn is_tpm(name: &str) -> bool {
    name.starts_with("tpm")
}

/// x86 says it in a flag of the processor, set for every guest.
fn is_virtual_machine(system: &System) -> bool {
    let info = std::fs::read_to_string(system.path("proc/cpuinfo")).unwrap_or_default();
    info.lines()
        .find(|line| line.starts_with("flags"))
        .is_some_and(|line| line.split_ascii_whitespace().any(|flag| flag == "hypervisor"))
}

/// How far the generator called `name` can be trusted to be a device, and why.
fn provenance(name: Option<&str>, virtual_machine: bool) -> (Provenance, String) {
    match name {
        None => (Provenance::Unverified, "the system does not name the generator".to_owned()),
        Some(name) => match ANSWERED_OUTSIDE.iter().find(|outside| name.starts_with(**outside)) {
            Some(outside) => (Provenance::Unverified, (*outside).to_owned()),
            // The TPM of a virtual machine is a program of its host.
            None if is_tpm(name) && virtual_machine => {
                (Provenance::Unverified, format!("{name} in a virtual machine"))
            }
            None => (Provenance::Hardware, name.to_owned()),
        },
    }
}

/// What a byte is taken to be worth, from the kernel's `rng_quality` (bits of entropy in 1024 bits, 0 for "not
/// said").
///
/// Half of what the generator's driver says, and never more than 4 bits: the figure is an opinion of the driver's
/// author that nobody has measured here, and for `virtio_rng` one about a host that cannot be seen. Where nothing is said,
/// 1 bit. An assessment may lower it further.
fn claim(quality: Option<u32>) -> Result<MinEntropy> {
    let said = match quality {
        None | Some(0) => 2.0,
        Some(quality) => f64::from(quality.min(1024)) * 8.0 / 1024.0,
    };
    MinEntropy::new((said / 2.0).min(4.0), 8)
}

impl Driver for HwRng {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Result<Vec<Descriptor>> {
        Ok(self.describe().into_iter().collect())
    }

    fn identify(&self, address: &Address) -> Result<Descriptor> {
        let Address::File { path } = address else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{address} is no address of a hwrng device"),
            ));
        };
        let own = self.device_path();
        let same = |path: &str| std::fs::canonicalize(path).ok();
        if *path != own && (same(path).is_none() || same(path) != same(&own)) {
            let message = format!("{path} is not the kernel's random-number generator: that is {own}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.describe().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the kernel has no hardware random-number generator selected")
        })
    }

    fn open(&self, descriptor: &Descriptor) -> Result<OpenDevice> {
        let now = self.identify(&descriptor.address)?;
        if now.id != descriptor.id {
            let message = format!("the kernel has selected {} instead by now", now.id.unit());
            return Err(Error::new(ErrorKind::NotFound, message).on(&descriptor.id));
        }
        let path = self.device_path();
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(&path)
            .map_err(|cause| match &now.access {
                Access::Denied { hint } => {
                    Error::new(ErrorKind::PermissionDenied, hint.clone()).because(cause)
                }
                _ => Error::from_io(cause, format!("cannot open {path}")),
            })
            .map_err(|error| error.on(&descriptor.id))?;
        let quality = sysfs(&self.system, "rng_quality").and_then(|text| text.parse().ok());
        Ok(OpenDevice::Entropy(Box::new(Source {
            descriptor: Descriptor { access: Access::Ready, ..now },
            claim: claim(quality)?,
            file,
            driver: self.clone(),
        })))
    }
}

/// The generator, open.
struct Source {
    descriptor: Descriptor,
    claim: MinEntropy,
    file: File,
    driver: HwRng,
}

impl Source {
    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).on(&self.descriptor.id)
    }

    /// Root may select another generator at any time; its bytes must not pass for this one's.
    fn still_selected(&self) -> Result<()> {
        match current(&self.driver.system) {
            Some(name) if name == self.descriptor.id.unit() => Ok(()),
            None if self.descriptor.id.unit() == "unnamed" => Ok(()),
            other => {
                let now = other.as_deref().unwrap_or("none");
                Err(self.error(
                    ErrorKind::Disconnected,
                    format!("the kernel has selected another generator: {now}"),
                ))
            }
        }
    }
}

impl Device for Source {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The kernel tells nothing of the generator's health; it is `Failed` when it is not selected any more.
    fn health(&mut self) -> Result<Health> {
        Ok(match self.still_selected() {
            Ok(()) => Health::Good,
            Err(error) => Health::Failed(error.message().to_owned()),
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let lines = [("selected", "rng_current"), ("available", "rng_available")];
        let mut properties: Vec<Property> = lines
            .into_iter()
            .filter_map(|(name, file)| Some(Property::text(name, sysfs(&self.driver.system, file)?)))
            .collect();
        if let Some(quality) =
            sysfs(&self.driver.system, "rng_quality").and_then(|text| text.parse::<u32>().ok())
        {
            properties.push(Property::number("quality", quality.into(), "bits in 1024"));
        }
        Ok(properties)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for Source {
    /// The kernel hands on what the generator gives after its own processing, so this is never a noise source's raw
    /// data.
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    /// Reads without blocking and rests in between, since the device cannot be polled. A kernel driver that
    /// blocks all the same (`tpm-rng`) has a time limit of its own.
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(self.driver.time_limit);
        loop {
            match self.file.read(out) {
                Ok(0) => {
                    return Err(self.error(ErrorKind::Disconnected, "the generator gives nothing any more"));
                }
                Ok(count) => return self.still_selected().map(|()| count),
                Err(cause) => match Errno::from_io_error(&cause) {
                    Some(Errno::INTR) => {}
                    Some(Errno::AGAIN) if deadline.left().is_zero() => {
                        let message = format!("the generator gave nothing for {:?}", self.driver.time_limit);
                        return Err(self.error(ErrorKind::TimedOut, message));
                    }
                    Some(Errno::AGAIN) => std::thread::sleep(REST),
                    Some(Errno::NODEV | Errno::NXIO) => {
                        let error = self.error(ErrorKind::Disconnected, "the generator is gone");
                        return Err(error.because(cause));
                    }
                    Some(Errno::IO) => {
                        let error = self.error(ErrorKind::Unhealthy, "the generator reports that it failed");
                        return Err(error.because(cause));
                    }
                    _ => {
                        let error = Error::from_io(cause, "the generator cannot be read");
                        return Err(error.on(&self.descriptor.id));
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
