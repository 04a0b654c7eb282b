//! The device's side of USB, and a wire to it inside the process that runs on a clock of its own.

mod peripheral;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

pub use self::peripheral::{InTransfer, Peripheral, Progress};
use super::descriptor::Blueprint;
use super::{Setup, UsbTransport, check_bulk_in, data_length, halted, no_endpoint, silent};
use crate::transport::ports::UsbDevice;

/// How finely the virtual clock moves while the host waits: a microframe of a high-speed bus.
const STEP: Duration = Duration::from_micros(125);

/// What a device does with a packet or a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is done, and this comes back.
    Done(T),
    /// Not now; the host asks again (NAK).
    Wait,
    /// It refuses (STALL). A bulk endpoint stays halted until the host clears it.
    Stall,
}

/// The device's side of USB: what an emulated device does with what it hears. Pure: time is an argument. Standard
/// requests are not its business; its [`Blueprint`] answers them.
pub trait UsbEmulator: Send {
    /// What it says of itself.
    fn blueprint(&self) -> &Blueprint;

    /// A class or vendor request for up to `length` bytes, at `now` since the emulator was started.
    fn control_in(&mut self, setup: Setup, length: u16, now: Duration) -> Answer<Vec<u8>> {
        let _ = (setup, length, now);
        Answer::Stall
    }

    /// A class or vendor request with `data`.
    fn control_out(&mut self, setup: Setup, data: &[u8], now: Duration) -> Answer<()> {
        let _ = (setup, data, now);
        Answer::Stall
    }

    /// The next packet from an endpoint, at most as long as its largest.
    fn packet_in(&mut self, endpoint: u8, now: Duration) -> Answer<Vec<u8>>;

    /// A transfer to an endpoint.
    fn bulk_out(&mut self, endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
        let _ = (endpoint, data, now);
        Answer::Stall
    }

    /// Whether the device is gone (unplugged by a fault): the wire breaks then.
    fn gone(&self) -> bool {
        false
    }
}

/// A way through a pointer to an emulator.
macro_rules! emulator_behind {
    ($self:ident => $there:expr) => {
        fn control_in(&mut $self, setup: Setup, length: u16, now: Duration) -> Answer<Vec<u8>> {
            $there.control_in(setup, length, now)
        }

        fn control_out(&mut $self, setup: Setup, data: &[u8], now: Duration) -> Answer<()> {
            $there.control_out(setup, data, now)
        }

        fn packet_in(&mut $self, endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
            $there.packet_in(endpoint, now)
        }

        fn bulk_out(&mut $self, endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
            $there.bulk_out(endpoint, data, now)
        }

        fn gone(&$self) -> bool {
            $there.gone()
        }
    };
}

impl<E: UsbEmulator + ?Sized> UsbEmulator for Box<E> {
    fn blueprint(&self) -> &Blueprint {
        (**self).blueprint()
    }

    emulator_behind!(self => (**self));
}

/// An emulator that its owner keeps looking at while a wire serves it.
pub struct SharedUsb<E> {
    blueprint: Blueprint,
    emulator: Arc<Mutex<E>>,
}

impl<E: UsbEmulator> SharedUsb<E> {
    /// The wire's half and the owner's half of `emulator`.
    pub fn new(emulator: E) -> (Self, Arc<Mutex<E>>) {
        let blueprint = emulator.blueprint().clone();
        let emulator = Arc::new(Mutex::new(emulator));
        (Self { blueprint, emulator: Arc::clone(&emulator) }, emulator)
    }
}

impl<E: UsbEmulator> UsbEmulator for SharedUsb<E> {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    emulator_behind!(self => self.emulator.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A wire to an emulator in this process; whatever is read through it is `Simulated`.
///
/// Time is a number here: waiting moves it. The same calls give the same bytes, at once.
pub struct EmulatedUsb<E: UsbEmulator = Box<dyn UsbEmulator>> {
    peripheral: Peripheral<E>,
    device: UsbDevice,
    now: Duration,
}

impl<E: UsbEmulator> EmulatedUsb<E> {
    /// A wire to `emulator`, which starts now.
    pub fn new(emulator: E) -> Self {
        let device = device_of(emulator.blueprint(), "emulated");
        Self { peripheral: Peripheral::new(emulator), device, now: Duration::ZERO }
    }

    /// The device's side.
    pub fn emulator(&mut self) -> &mut E {
        self.peripheral.emulator()
    }

    fn present(&self) -> Result<()> {
        if self.peripheral.gone() {
            return Err(Error::new(ErrorKind::Disconnected, "the emulated device has gone away"));
        }
        Ok(())
    }

    /// Asks the device again and again until it answers or the time is up.
    fn insist<T>(
        &mut self,
        what: impl std::fmt::Display,
        timeout: Duration,
        mut ask: impl FnMut(&mut Peripheral<E>, Duration) -> Answer<T>,
    ) -> Result<T> {
        let limit = self.now.saturating_add(timeout);
        loop {
            self.present()?;
            let answer = ask(&mut self.peripheral, self.now);
            self.present()?;
            match answer {
                Answer::Done(value) => return Ok(value),
                Answer::Stall => return Err(halted(what)),
                Answer::Wait if self.now >= limit => return Err(silent(what, timeout)),
                Answer::Wait => self.now = limit.min(self.now + STEP),
            }
        }
    }
}

/// What a host reads of a device.
pub(super) fn device_of(blueprint: &Blueprint, path: &str) -> UsbDevice {
    UsbDevice {
        vendor: blueprint.device.vendor,
        product: blueprint.device.product,
        manufacturer: blueprint.manufacturer.clone(),
        product_name: blueprint.product_name.clone(),
        serial: blueprint.serial.clone(),
        path: path.to_owned(),
    }
}

impl<E: UsbEmulator> UsbTransport for EmulatedUsb<E> {
    fn device(&self) -> &UsbDevice {
        &self.device
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.peripheral.max_packet(endpoint)
    }

    fn endpoints(&self) -> Vec<u8> {
        self.peripheral.endpoints().into_iter().map(|(address, _)| address).collect()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let length = data_length(setup, out.len(), true)?;
        let bytes = self.insist(setup, timeout, |device, now| device.control_in(setup, length, now))?;
        for (slot, byte) in out.iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        Ok(bytes.len())
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        data_length(setup, data.len(), false)?;
        self.insist(setup, timeout, |device, now| device.control_out(setup, data, now))
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        check_bulk_in(endpoint, out.len(), self.max_packet(endpoint))?;
        let limit = self.now.saturating_add(timeout);
        let mut transfer = InTransfer::new(endpoint, out.len());
        loop {
            self.present()?;
            let progress = self.peripheral.fill(&mut transfer, self.now);
            self.present()?;
            match progress {
                Progress::Complete => break,
                Progress::Waiting if self.now >= limit && transfer.answered => break,
                Progress::Waiting if self.now >= limit => {
                    return Err(silent(format_args!("endpoint {endpoint:02x}"), timeout));
                }
                Progress::Waiting => self.now = limit.min(self.now + STEP),
                Progress::Stalled => return Err(halted(format_args!("endpoint {endpoint:02x}"))),
                Progress::TooMuch => {
                    return Err(Error::new(ErrorKind::Protocol, "the device sends more than was asked for"));
                }
            }
        }
        for (slot, byte) in out.iter_mut().zip(&transfer.bytes) {
            *slot = *byte;
        }
        Ok(transfer.bytes.len())
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        if endpoint & 0x80 != 0 || self.max_packet(endpoint).is_none() {
            return Err(no_endpoint(endpoint));
        }
        let what = format_args!("endpoint {endpoint:02x}");
        self.insist(what, timeout, |device, now| device.bulk_out(endpoint, data, now))
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.max_packet(endpoint).ok_or_else(|| no_endpoint(endpoint))?;
        self.control_out(Setup::new(2, 1).with(0, endpoint.into()), &[], Duration::from_secs(1))
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        let setup = Setup::new(1, 11).with(setting.into(), interface.into());
        self.control_out(setup, &[], Duration::from_secs(1))
    }

    fn pause(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    fn now(&self) -> Duration {
        self.now
    }
}
