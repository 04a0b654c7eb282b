//! The driver against the emulated device: everything it can do, and every fault it must report.

mod faults;
mod memory;
mod ports;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use qhal::Result;

use super::emulator::{QCicadaEmulator, Settings};
use super::{Limits, Options, Place, QCicada};
use crate::transport::memory::MemoryTransport;
use crate::transport::{Emulator, LineSettings};

/// An emulated device whose owner keeps looking at it.
type Shared = Arc<Mutex<Watched>>;
type Device = QCicada<MemoryTransport<Shared>>;

/// Remembers the time and what the host said.
struct Watched {
    device: QCicadaEmulator,
    now: Duration,
    heard: Vec<Vec<u8>>,
}

impl Watched {
    fn new(settings: Settings) -> Shared {
        let device = QCicadaEmulator::new(settings).unwrap();
        Arc::new(Mutex::new(Self { device, now: Duration::ZERO, heard: Vec::new() }))
    }
}

impl Emulator for Watched {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.heard.push(bytes.to_vec());
        self.device.receive(bytes, now);
    }

    fn line_changed(&mut self, line: LineSettings, now: Duration) {
        assert_eq!(line, LineSettings { baud: 1_000_000, dtr: true });
        self.device.line_changed(line, now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        self.now = now;
        self.device.transmit(out, room, now);
    }

    fn gone(&self) -> bool {
        self.device.gone()
    }
}

fn open(device: &Shared, options: Options) -> Result<Device> {
    QCicada::over(MemoryTransport::new(Arc::clone(device)), None, &Place::simulated(), options)
}

fn opened(settings: Settings, options: Options) -> (Shared, Device) {
    let device = Watched::new(settings);
    let host = open(&device, options).unwrap();
    (device, host)
}

fn broken(fault: &str) -> Settings {
    Settings { fault: Some(fault.parse().unwrap()), ..Settings::default() }
}

/// The public key of the authority that certified the emulated device.
fn authority() -> super::signature::PublicKey {
    QCicadaEmulator::new(Settings::default()).unwrap().authority()
}

/// Limits for real wires: a busy machine may keep an emulator waiting, so silence is awaited briefly only where it is
/// what the test is about.
fn limits(silence_is_expected: bool) -> Limits {
    let limit = if silence_is_expected { Duration::from_millis(300) } else { Duration::from_secs(10) };
    Limits { reply: limit, first: limit, arrival: limit, ..Limits::default() }
}
