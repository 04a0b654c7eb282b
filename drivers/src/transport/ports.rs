//! What the operating system knows of its serial ports, learned without opening any of them.
//!
//! It is read from Linux's sysfs, because `serialport` without libudev tells neither kernel driver nor bus position
//! nor PCI ids.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use qhal::{Access, Error, Provenance, Result};

/// What the system says is behind a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A USB device.
    Usb(UsbDevice),
    /// A PCI device with a driver of its own (a plain UART on a PCI card is [`Backing::Uart`]).
    Pci {
        /// Where it sits: `0000:03:00.0`.
        slot: String,
        /// Vendor id.
        vendor: u16,
        /// Device id.
        device: u16,
    },
    /// A pseudo-terminal: a program is behind it.
    PseudoTerminal,
    /// An ordinary UART: the system names the UART, not what is connected to it.
    Uart,
}

/// What a USB device says of itself, as the system lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbDevice {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// The manufacturer string, if it has one.
    pub manufacturer: Option<String>,
    /// The product string, if it has one.
    pub product_name: Option<String>,
    /// The serial number, if it has one.
    pub serial: Option<String>,
    /// Where it is plugged in: `1-1.2` is port 2 of the hub in port 1 of bus 1.
    pub path: String,
}

impl Backing {
    /// How far this can be trusted to be a device, and in what words.
    ///
    /// A USB or PCI device is named by the system itself. A UART is not enough: whatever is wired to it is unknown.
    pub fn provenance(&self) -> (Provenance, String) {
        match self {
            Self::Usb(usb) => (Provenance::Hardware, format!("USB {:04x}:{:04x}", usb.vendor, usb.product)),
            Self::Pci { vendor, device, .. } => {
                (Provenance::Hardware, format!("PCI {vendor:04x}:{device:04x}"))
            }
            Self::PseudoTerminal => (Provenance::Unverified, "pseudo-terminal".to_owned()),
            Self::Uart => (Provenance::Unverified, "serial port, nothing tells what is behind it".to_owned()),
        }
    }
}

/// One serial port of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The path to open: `/dev/ttyACM0`.
    pub path: String,
    /// The kernel driver, where the system names it: `cdc_acm`.
    pub driver: Option<String>,
    /// What is behind it.
    pub backing: Backing,
}

impl Port {
    /// The USB device behind it, if there is one.
    pub fn usb(&self) -> Option<&UsbDevice> {
        match &self.backing {
            Backing::Usb(usb) => Some(usb),
            _ => None,
        }
    }
}

/// Where the system's lists are found: below `/`, unless a test has made a `sys`, a `dev` and a `proc` elsewhere.
#[derive(Clone, Debug)]
pub struct System {
    root: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

impl System {
    /// A system whose `/` is this folder.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path of the system: `path("dev/hwrng")` is `/dev/hwrng`.
    pub fn path(&self, below_root: &str) -> PathBuf {
        self.root.join(below_root)
    }

    /// All serial ports that have a device, sorted by path; pseudo-terminals are not listed (there is no telling which
    /// of them is meant).
    ///
    /// # Errors
    /// `Other` or `PermissionDenied` when the system's list cannot be read; a system without serial ports has
    /// an empty list.
    pub fn ports(&self) -> Result<Vec<Port>> {
        let class = self.path("sys/class/tty");
        let entries = match fs::read_dir(&class) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(Error::from_io(cause, format!("cannot list {}", class.display()))),
        };
        let mut ports: Vec<Port> = entries
            .filter_map(|entry| {
                let node = entry.ok()?.path();
                let name = node.file_name()?.to_str()?.to_owned();
                // Consoles and pseudo-terminals have no device; a UART of type 0 is a line in a table with no chip.
                let device = fs::canonicalize(node.join("device")).ok()?;
                if read_text(&node.join("type")).is_some_and(|kind| kind == "0") {
                    return None;
                }
                let driver = link_name(&device.join("driver"));
                let backing = backing_of(&name, &device);
                let path = self.path("dev").join(&name).to_str()?.to_owned();
                Some(Port { path, driver, backing })
            })
            .collect();
        ports.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(ports)
    }

    /// What is behind the port at `path`, whatever it is called: told by the device number of the node, so that links
    /// and copies of a node are seen through. `None` when it is no serial port or the system does not know it.
    pub fn backing_of(&self, path: &str) -> Option<Backing> {
        let node = fs::metadata(path).ok().filter(|node| node.file_type().is_char_device())?;
        self.backing_of_number(rustix::fs::major(node.rdev()), rustix::fs::minor(node.rdev()))
    }

    /// The provenance of whatever answers at the serial port `path`, and the evidence for it in a few words.
    pub fn provenance_of(&self, path: &str) -> (Provenance, String) {
        match self.backing_of(path) {
            Some(backing) => backing.provenance(),
            None => (Provenance::Unverified, "the system does not know this port".to_owned()),
        }
    }

    fn backing_of_number(&self, major: u32, minor: u32) -> Option<Backing> {
        // Linux, Documentation/admin-guide/devices.txt: majors 136 to 143 are Unix98 pseudo-terminals.
        if (136..=143).contains(&major) {
            return Some(Backing::PseudoTerminal);
        }
        let node = fs::canonicalize(self.path(&format!("sys/dev/char/{major}:{minor}"))).ok()?;
        let name = node.file_name()?.to_str()?.to_owned();
        if link_name(&node.join("subsystem")).as_deref() != Some("tty") {
            return None;
        }
        Some(match fs::canonicalize(node.join("device")) {
            Ok(device) => backing_of(&name, &device),
            Err(_) => Backing::Uart,
        })
    }
}

/// [`System::provenance_of`] on this machine.
pub fn provenance_of(path: &str) -> (Provenance, String) {
    System::default().provenance_of(path)
}

/// Climbs from a tty's device folder to the USB or PCI device it belongs to.
fn backing_of(name: &str, device: &Path) -> Backing {
    for folder in device.ancestors() {
        if let Some(usb) = usb_device_at(folder) {
            return Backing::Usb(usb);
        }
        let number = |file: &str| hexadecimal(&folder.join(file));
        let is_pci = link_name(&folder.join("subsystem")).as_deref() == Some("pci");
        if is_pci
            && !name.starts_with("ttyS")
            && let (Some(vendor), Some(device)) = (number("vendor"), number("device"))
        {
            let slot = folder.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
            return Backing::Pci { slot, vendor, device };
        }
    }
    Backing::Uart
}

/// What sysfs tells of the USB device in `folder`, if there is one.
pub(crate) fn usb_device_at(folder: &Path) -> Option<UsbDevice> {
    Some(UsbDevice {
        vendor: hexadecimal(&folder.join("idVendor"))?,
        product: hexadecimal(&folder.join("idProduct"))?,
        manufacturer: read_text(&folder.join("manufacturer")),
        product_name: read_text(&folder.join("product")),
        serial: read_text(&folder.join("serial")),
        path: folder.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned(),
    })
}

/// A file of sysfs that holds a hexadecimal number.
fn hexadecimal(path: &Path) -> Option<u16> {
    u16::from_str_radix(read_text(path)?.trim_start_matches("0x"), 16).ok()
}

/// A small text file of sysfs without its line end; `None` when it is absent or empty.
pub(crate) fn read_text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // What a device writes into its strings must not move the cursor of a terminal.
    let text: String = text.trim().chars().filter(|letter| !letter.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// The last part of what a link points to.
pub(crate) fn link_name(path: &Path) -> Option<String> {
    fs::read_link(path).ok()?.file_name()?.to_str().map(str::to_owned)
}

/// Whether this user could open the node at `path` now; opens nothing.
///
/// Looks through the open files of all processes it may look at, so ask only for ports that matter.
pub fn access_of(path: &str) -> Access {
    use rustix::fs::Access as May;
    use rustix::io::Errno;
    match rustix::fs::access(path, May::READ_OK | May::WRITE_OK) {
        Ok(()) => match holder_of(path) {
            Some(holder) => Access::Busy { holder: Some(holder) },
            None => Access::Ready,
        },
        Err(Errno::NOENT) => Access::Denied {
            hint: format!("{path} is missing: pass the device into this container, or wait for udev"),
        },
        Err(_) => Access::Denied { hint: denied_hint(path) },
    }
}

/// What to do when this user may not open `path`: join the group that may.
pub fn denied_hint(path: &str) -> String {
    let group = fs::metadata(path).ok().filter(|node| node.mode() & 0o060 == 0o060).map(|node| node.gid());
    match group.and_then(group_name) {
        // Joining root's group would be poor advice.
        Some(group) if group != "root" => {
            format!("add yourself to the group {group} (sudo usermod -aG {group} $USER) and log in again")
        }
        _ => format!(
            "no group may use {path}; install the rules of 'qhal doctor --udev-rules', or become root"
        ),
    }
}

fn group_name(gid: u32) -> Option<String> {
    fs::read_to_string("/etc/group").ok()?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// The program that has `path` open, for example `ModemManager (pid 712)`; `None` when nobody has or the system
/// does not tell this user.
pub fn holder_of(path: &str) -> Option<String> {
    let target = fs::canonicalize(path).ok()?;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            if fs::read_link(file.path()).is_ok_and(|open| open == target) {
                let command =
                    read_text(&process.path().join("comm")).unwrap_or_else(|| "a program".to_owned());
                return Some(format!("{command} (pid {pid})"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
