//! What stands in the way of using devices on this machine, and the command that mends it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use qhal::{Access, Address, Kind, Provenance};
use qhal_drivers::transport::ports::System;

use crate::catalog;
use crate::machine;
use crate::registry::Registry;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Fine,
    /// Worth knowing; nothing is broken.
    Notice,
    /// Something will not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `permissions`, `ports`, `programs`, `rules`, `clock`, `memory`, `drivers`.
    pub area: &'static str,
    /// How bad it is.
    pub state: State,
    /// What was found, in one sentence.
    pub what: String,
    /// The command that mends it, where there is one.
    pub mend: Option<String>,
}

impl Finding {
    fn new(area: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { area, state, what: what.into(), mend: None }
    }

    fn mended_by(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// Where the rules of [`udev_rules`] belong.
pub const RULES_FILE: &str = "/etc/udev/rules.d/70-qhal.rules";

/// Looks at everything; opens no device.
pub fn examine(registry: &Registry) -> Vec<Finding> {
    let listing = registry.probe();
    let mut findings = Vec::new();

    for (driver, error) in &listing.failures {
        let what = format!("driver {driver} could not look for its devices: {}", error.chain());
        findings.push(Finding::new("drivers", State::Problem, what));
    }
    for device in &listing.devices {
        match &device.access {
            Access::Ready => {}
            Access::Denied { hint } => {
                let what = format!("{} may not be opened by this user", device.id);
                findings.push(Finding::new("permissions", State::Problem, what).mended_by(hint));
            }
            Access::Busy { holder } => {
                let who = holder.as_deref().unwrap_or("another program");
                let what = format!("{} is in use by {who}", device.id);
                findings.push(
                    Finding::new("ports", State::Problem, what)
                        .mended_by("stop that program, then try again"),
                );
            }
        }
    }
    if listing.devices.iter().all(|device| device.access == Access::Ready) {
        let count = listing.devices.len();
        findings.push(Finding::new(
            "permissions",
            State::Fine,
            format!("all {count} listed devices may be opened"),
        ));
    }
    let hardware = |kind| {
        listing
            .devices
            .iter()
            .filter(|device| device.kind == kind && device.provenance != Provenance::Simulated)
            .count()
    };
    if hardware(Kind::Entropy) == 0 {
        let what = "no random-number generator is attached, not even /dev/hwrng";
        findings.push(
            Finding::new("drivers", State::Notice, what).mended_by("plug one in, then: qhal devices --watch"),
        );
    }
    findings.extend(ports(&listing.devices));
    findings.extend(kernel_drivers(&System::default(), &listing.devices));
    findings.push(rules());
    findings.push(clock(SystemTime::now()));
    findings.push(memory());
    findings
}

/// Serial ports that no driver claims: they may be a device whose USB strings say nothing.
fn ports(devices: &[qhal::Descriptor]) -> Vec<Finding> {
    catalog::unclaimed_ports(devices)
        .into_iter()
        .map(|port| {
            let what = format!("{} ({}) is claimed by no driver: {}", port.address, port.evidence, port.why);
            Finding::new("ports", State::Notice, what)
        })
        .chain(modem_manager())
        .collect()
}

/// Kernel drivers that have an interface of a listed USB device: they are put aside while it is read.
fn kernel_drivers(system: &System, devices: &[qhal::Descriptor]) -> Vec<Finding> {
    let listed = system.usb_devices().unwrap_or_default();
    let bound = |device: &qhal::Descriptor| {
        let unit = device.id.unit();
        let found = listed.iter().find(|listed| {
            listed.unit() == unit || unit.strip_prefix("usb-") == Some(listed.device.path.as_str())
        })?;
        let mut names: Vec<&str> = found.drivers.iter().map(|(_, name)| name.as_str()).collect();
        names.retain(|name| *name != "usbfs");
        names.dedup();
        if names.is_empty() {
            return None;
        }
        let what = format!(
            "{} belongs to the kernel's {}: it is taken from it while qhal reads, and given back",
            device.id,
            names.join(" and ")
        );
        Some(Finding::new("drivers", State::Notice, what))
    };
    devices.iter().filter(|device| matches!(device.address, Address::Usb { .. })).filter_map(bound).collect()
}

/// ModemManager talks to every new serial port, which confuses devices that expect their own protocol.
fn modem_manager() -> Option<Finding> {
    let processes = std::fs::read_dir("/proc").ok()?;
    let running = processes.flatten().any(|process| {
        std::fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.trim() == "ModemManager")
    });
    (running && !Path::new(RULES_FILE).exists()).then(|| {
        Finding::new(
            "programs",
            State::Problem,
            "ModemManager is running and probes serial devices when they are plugged in",
        )
        .mended_by(install_rules())
    })
}

fn rules() -> Finding {
    match std::fs::read_to_string(RULES_FILE) {
        Ok(text) if text == udev_rules() => {
            Finding::new("rules", State::Fine, format!("{RULES_FILE} is installed"))
        }
        Ok(_) => {
            Finding::new("rules", State::Notice, format!("{RULES_FILE} differs from this version's rules"))
                .mended_by(install_rules())
        }
        Err(_) => Finding::new(
            "rules",
            State::Notice,
            "no udev rules are installed: devices belong to root or dialout",
        )
        .mended_by(install_rules()),
    }
}

fn install_rules() -> String {
    format!(
        "qhal doctor --udev-rules | sudo tee {RULES_FILE} && sudo udevadm control --reload && sudo udevadm trigger"
    )
}

/// Certificates and records need a clock that is right.
fn clock(now: SystemTime) -> Finding {
    // 2026-01-01: this program is younger than that.
    let earliest = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    if now < earliest {
        Finding::new(
            "clock",
            State::Problem,
            "the system's clock is before 2026: records and certificates will be wrong",
        )
        .mended_by("sudo timedatectl set-ntp true")
    } else {
        Finding::new("clock", State::Fine, "the system's clock is plausible")
    }
}

fn memory() -> Finding {
    let bytes = machine::available_memory();
    let qubits = (bytes / 10 * 9 / 16).checked_ilog2().unwrap_or(0);
    let gib = bytes as f64 / f64::from(1 << 30);
    let what = format!(
        "{gib:.1} GiB of memory and {} processors: the state vector holds up to {qubits} qubits in double precision",
        machine::processors()
    );
    Finding::new("memory", State::Fine, what)
}

/// The rules file for udev: access for the group `plugdev`, and ModemManager kept away, for every USB device that a
/// driver claims by its ids.
pub fn udev_rules() -> String {
    let mut text = String::from(
        "# Written by `qhal doctor --udev-rules`. Install as /etc/udev/rules.d/70-qhal.rules, then:\n\
         # udevadm control --reload && udevadm trigger\n\
         # Group plugdev may use the devices, the user at the seat too, and ModemManager keeps away.\n",
    );
    for id in qhal_drivers::usb_ids() {
        text.push_str(&format!(
            "\n# {}\nSUBSYSTEMS==\"usb\", ATTRS{{idVendor}}==\"{:04x}\", ATTRS{{idProduct}}==\"{:04x}\",",
            id.name, id.vendor, id.product
        ));
        // Ids that many products share: the strings must fit too.
        for (attribute, beginning) in id.strings() {
            text.push_str(&format!(" ATTRS{{{attribute}}}==\"{beginning}*\","));
        }
        text.push_str(
            " GROUP=\"plugdev\", MODE=\"0660\", TAG+=\"uaccess\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"\n",
        );
    }
    text.push_str(
        "\n# The kernel's hardware generator: readable for the same group.\n\
         KERNEL==\"hwrng\", SUBSYSTEM==\"misc\", GROUP=\"plugdev\", MODE=\"0640\"\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_comes_with_what_to_do() {
        let findings = examine(&Registry::new(Vec::new()));
        assert!(findings.iter().any(|finding| finding.area == "memory"));
        for finding in findings.iter().filter(|finding| finding.state == State::Problem) {
            assert!(finding.mend.is_some(), "{finding:?}");
        }
    }

    #[test]
    fn a_clock_from_the_past_is_noticed() {
        assert_eq!(clock(SystemTime::UNIX_EPOCH).state, State::Problem);
        assert_eq!(clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)).state, State::Fine);
    }

    #[test]
    fn rules_keep_modem_manager_away_from_every_known_device() {
        let rules = udev_rules();
        // TrueRNG, as in the vendor's own 99-TrueRNG.rules.
        assert!(rules.contains("ATTRS{idVendor}==\"04d8\", ATTRS{idProduct}==\"f5fe\""));
        // FTDI's default ids belong to thousands of adapters: only those with the right strings are meant.
        assert!(
            rules
                .contains("ATTRS{idVendor}==\"0403\", ATTRS{idProduct}==\"6001\", ATTRS{serial}==\"QWR2*\",")
        );
        assert!(rules.lines().filter(|line| line.contains("0403")).all(|line| line.contains("*\"")));
        let lines = rules.lines().filter(|line| line.contains("idVendor"));
        assert!(
            lines.clone().count() >= 3 && lines.into_iter().all(|line| line.contains("ID_MM_DEVICE_IGNORE"))
        );
    }
}
