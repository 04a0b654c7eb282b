//! USB devices that are spoken to without a kernel driver: one trait, and everything that stands behind it.
//!
//! [`native`] reaches the devices of this machine, [`usbip`] those of another one (or an emulator in another program),
//! [`EmulatedUsb`] an emulator in this process. Wrappers that record, replay or disturb are transports again.

pub mod connect;
pub mod descriptor;
pub mod emulated;
pub mod fault;
pub mod ftdi;
mod id;
pub mod listing;
pub mod native;
pub mod recorded;
pub mod usbip;

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

pub use descriptor::{Blueprint, Speed};
pub use emulated::{Answer, EmulatedUsb, SharedUsb, UsbEmulator};
pub use id::UsbId;

use super::ports::UsbDevice;

/// The first half of a control transfer: what is asked of whom (USB 2.0, §9.3), without the length of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// `bmRequestType`: bit 7 is set for data from the device; bits 6 and 5 are 0 standard, 1 class, 2 vendor; bits 4
    /// to 0 are 0 device, 1 interface, 2 endpoint, 3 other.
    pub request_type: u8,
    /// `bRequest`.
    pub request: u8,
    /// `wValue`.
    pub value: u16,
    /// `wIndex`.
    pub index: u16,
}

impl Setup {
    /// A request with no value and no index.
    pub const fn new(request_type: u8, request: u8) -> Self {
        Self { request_type, request, value: 0, index: 0 }
    }

    /// The same request with this value and index.
    #[must_use]
    pub const fn with(self, value: u16, index: u16) -> Self {
        Self { value, index, ..self }
    }

    /// Whether the data comes from the device.
    pub const fn is_in(self) -> bool {
        self.request_type & 0x80 != 0
    }

    /// The eight bytes on the wire, `length` being that of the data.
    pub const fn to_bytes(self, length: u16) -> [u8; 8] {
        let [value, index, length] =
            [self.value.to_le_bytes(), self.index.to_le_bytes(), length.to_le_bytes()];
        [self.request_type, self.request, value[0], value[1], index[0], index[1], length[0], length[1]]
    }

    /// Reads eight bytes: the request, and the length of its data.
    pub const fn of_bytes(bytes: [u8; 8]) -> (Self, u16) {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = bytes;
        let value = u16::from_le_bytes([v0, v1]);
        let index = u16::from_le_bytes([i0, i1]);
        (Self { request_type, request, value, index }, u16::from_le_bytes([l0, l1]))
    }
}

impl std::fmt::Display for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { request_type, request, value, index } = self;
        write!(f, "request {request_type:02x} {request:02x} value {value:04x} index {index:04x}")
    }
}

/// A USB device whose interfaces are ours alone. Every wait has a time limit.
pub trait UsbTransport: Send {
    /// What the device says of itself: ids, strings, and where it is plugged in.
    fn device(&self) -> &UsbDevice;

    /// The largest packet of an endpoint in bytes; `None` for one that it does not have.
    fn max_packet(&self, endpoint: u8) -> Option<usize>;

    /// The bulk (or interrupt) endpoints of the current configuration and setting, in their order.
    fn endpoints(&self) -> Vec<u8>;

    /// Asks for up to `out.len()` bytes (at most 65535); returns how many came.
    ///
    /// # Errors
    /// `Refused` when the device stalls, which is its way of saying no; `TimedOut`, `Disconnected`; `Protocol` when it
    /// answers with more than was asked for; `InvalidInput` for a request in the other direction or one too long.
    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize>;

    /// Sends a request with `data` (at most 65535 bytes, often none).
    ///
    /// # Errors
    /// Those of [`control_in`](Self::control_in).
    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()>;

    /// Reads one transfer: it ends with the buffer, with a packet that is not full, or with the time; returns how many
    /// bytes came, 0 being an empty packet. `out` holds a whole number of packets.
    ///
    /// # Errors
    /// `TimedOut` when nothing at all came; `Refused` when the endpoint is halted; `Disconnected`; `Protocol` when the
    /// device sends too much; `InvalidInput` for an endpoint that is none or a buffer that does not hold whole packets.
    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize>;

    /// Writes all of `data` as one transfer.
    ///
    /// # Errors
    /// `TimedOut` when the device did not take it in time (a part may have arrived); `Refused` when the endpoint is halted;
    /// `Disconnected`; `InvalidInput` for an endpoint that is none.
    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()>;

    /// Ends the halt of an endpoint.
    ///
    /// # Errors
    /// `Disconnected`, `TimedOut`, `InvalidInput` for an endpoint that is none.
    fn clear_halt(&mut self, endpoint: u8) -> Result<()>;

    /// Selects an alternate setting of a claimed interface.
    ///
    /// # Errors
    /// `Refused` when it has none like that, `Disconnected`, `TimedOut`.
    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()>;

    /// Lets `time` pass. A transport with a clock of its own moves that clock instead of waiting.
    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Whether transfers take no longer than the bus and the device make them: not so where a network lies between, whose
    /// delays say nothing of the device.
    fn keeps_time(&self) -> bool {
        true
    }

    /// The time since some moment before, on the clock that [`pause`](Self::pause) moves.
    fn now(&self) -> Duration;
}

impl<T: UsbTransport + ?Sized> UsbTransport for Box<T> {
    fn device(&self) -> &UsbDevice {
        (**self).device()
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        (**self).max_packet(endpoint)
    }

    fn endpoints(&self) -> Vec<u8> {
        (**self).endpoints()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        (**self).control_in(setup, out, timeout)
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        (**self).control_out(setup, data, timeout)
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        (**self).bulk_in(endpoint, out, timeout)
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        (**self).bulk_out(endpoint, data, timeout)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        (**self).clear_halt(endpoint)
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        (**self).set_alternate(interface, setting)
    }

    fn pause(&mut self, time: Duration) {
        (**self).pause(time);
    }

    fn keeps_time(&self) -> bool {
        (**self).keeps_time()
    }

    fn now(&self) -> Duration {
        (**self).now()
    }
}

/// Fills all of `out` from a control request.
///
/// # Errors
/// Those of [`UsbTransport::control_in`], and `Protocol` when fewer bytes came.
pub fn control_in_exact(
    wire: &mut dyn UsbTransport,
    setup: Setup,
    out: &mut [u8],
    timeout: Duration,
) -> Result<()> {
    let wanted = out.len();
    let count = wire.control_in(setup, out, timeout)?;
    if count == wanted {
        return Ok(());
    }
    let message = format!("the device answered {setup} with {count} bytes instead of {wanted}");
    Err(Error::new(ErrorKind::Protocol, message))
}

/// The length of a control transfer's data, which has 16 bits.
fn data_length(setup: Setup, length: usize, to_host: bool) -> Result<u16> {
    if setup.is_in() != to_host {
        let message = format!("{setup} moves data the other way");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    u16::try_from(length).map_err(|_| {
        Error::new(ErrorKind::InvalidInput, format!("{length} bytes do not fit {setup}: 65535 at most"))
    })
}

/// Holds that `out` has room for whole packets of an endpoint that exists and sends.
fn check_bulk_in(endpoint: u8, room: usize, max_packet: Option<usize>) -> Result<usize> {
    let packet = max_packet
        .filter(|packet| endpoint & 0x80 != 0 && *packet > 0)
        .ok_or_else(|| no_endpoint(endpoint))?;
    if room == 0 || !room.is_multiple_of(packet) {
        let message = format!("a read of {room} bytes holds no whole number of packets of {packet}");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(packet)
}

fn no_endpoint(endpoint: u8) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the device has no such endpoint, {endpoint:02x}"))
}

fn halted(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Refused, format!("the device refuses {what} (it stalls)"))
}

fn silent(what: impl std::fmt::Display, timeout: Duration) -> Error {
    Error::new(ErrorKind::TimedOut, format!("the device did not answer {what} within {timeout:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_setup_packet_is_little_endian() {
        // USB 2.0 §9.4.3: GET_DESCRIPTOR of string 3 in US English, 255 bytes.
        let setup = Setup::new(0x80, 0x06).with(0x0303, 0x0409);
        assert_eq!(setup.to_bytes(255), [0x80, 0x06, 0x03, 0x03, 0x09, 0x04, 0xFF, 0x00]);
        assert!(setup.is_in() && !Setup::new(0x40, 0).is_in());
    }

    proptest! {
        #[test]
        fn setup_packets_read_back(bytes in any::<[u8; 8]>()) {
            let (setup, length) = Setup::of_bytes(bytes);
            prop_assert_eq!(setup.to_bytes(length), bytes);
        }
    }
}
