//! A USB device of this machine, through `nusb`: no kernel driver, no system library, and every wait has an end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nusb::transfer::{
    Buffer, Bulk, Completion, ControlIn, ControlOut, ControlType, In, Out, Recipient, TransferError,
};
use nusb::{Endpoint, Interface, MaybeFuture};
use qhal::{Error, ErrorKind, Result};

use super::listing::Listed;
use super::{Setup, UsbTransport, check_bulk_in, data_length, halted, no_endpoint, silent};
use crate::transport::ports::{self, UsbDevice};

/// A device whose interfaces are ours until this is dropped. A kernel driver that had them is put aside and gets
/// them back.
pub struct NativeUsb {
    listed: Listed,
    device: nusb::Device,
    interfaces: Vec<Interface>,
    to_host: BTreeMap<u8, Endpoint<Bulk, In>>,
    to_device: BTreeMap<u8, Endpoint<Bulk, Out>>,
    started: Instant,
}

impl NativeUsb {
    /// Opens a device that the system listed and takes its `interfaces`.
    ///
    /// # Errors
    /// `NotFound` when it is not there any more, `PermissionDenied` with what to do about it, `Busy` when another program
    /// has one of the interfaces, `Disconnected` when it vanishes meanwhile.
    pub fn open(listed: &Listed, interfaces: &[u8]) -> Result<Self> {
        let tried = format!("cannot open {}", listed.node);
        let devices = nusb::list_devices().wait().map_err(|cause| wrong(&cause, listed).context(&tried))?;
        let found = devices
            .into_iter()
            .find(|found| (found.busnum(), found.device_address()) == (listed.bus, listed.number))
            .ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("{tried}: it is not plugged in any more"))
            })?;
        let device = found.open().wait().map_err(|cause| wrong(&cause, listed).context(&tried))?;
        let interfaces = interfaces
            .iter()
            .map(|number| device.detach_and_claim_interface(*number).wait())
            .collect::<std::result::Result<Vec<Interface>, _>>()
            .map_err(|cause| wrong(&cause, listed).context(&tried))?;
        Ok(Self {
            listed: listed.clone(),
            device,
            interfaces,
            to_host: BTreeMap::new(),
            to_device: BTreeMap::new(),
            started: Instant::now(),
        })
    }

    /// The endpoints of the claimed interfaces as they are set.
    fn described(&self) -> Vec<(u8, usize)> {
        let settings = self.interfaces.iter().filter_map(Interface::descriptor);
        settings
            .flat_map(|setting| {
                let endpoints =
                    setting.endpoints().map(|endpoint| (endpoint.address(), endpoint.max_packet_size()));
                endpoints.collect::<Vec<_>>()
            })
            .collect()
    }

    /// What a failed transfer means.
    fn failed(&self, cause: TransferError, what: impl std::fmt::Display, timeout: Duration) -> Error {
        match cause {
            TransferError::Cancelled => silent(what, timeout),
            TransferError::Stall => halted(what),
            TransferError::Disconnected => gone(&self.listed),
            TransferError::InvalidArgument => {
                Error::new(ErrorKind::InvalidInput, format!("the system does not take {what}")).because(cause)
            }
            _ => Error::new(ErrorKind::Protocol, format!("{what} broke the rules of USB")).because(cause),
        }
    }

    fn in_endpoint(&mut self, address: u8) -> Result<&mut Endpoint<Bulk, In>> {
        if !self.to_host.contains_key(&address) {
            let found = self.interfaces.iter().find_map(|interface| interface.endpoint(address).ok());
            self.to_host.insert(address, found.ok_or_else(|| no_endpoint(address))?);
        }
        self.to_host.get_mut(&address).ok_or_else(|| no_endpoint(address))
    }

    fn out_endpoint(&mut self, address: u8) -> Result<&mut Endpoint<Bulk, Out>> {
        if !self.to_device.contains_key(&address) {
            let found = self.interfaces.iter().find_map(|interface| interface.endpoint(address).ok());
            self.to_device.insert(address, found.ok_or_else(|| no_endpoint(address))?);
        }
        self.to_device.get_mut(&address).ok_or_else(|| no_endpoint(address))
    }
}

/// The parts of `bmRequestType` as `nusb` names them.
fn kind_of(setup: Setup) -> Result<(ControlType, Recipient)> {
    let control_type = match setup.request_type >> 5 & 3 {
        0 => Some(ControlType::Standard),
        1 => Some(ControlType::Class),
        2 => Some(ControlType::Vendor),
        _ => None,
    };
    let recipient = match setup.request_type & 0x1F {
        0 => Some(Recipient::Device),
        1 => Some(Recipient::Interface),
        2 => Some(Recipient::Endpoint),
        3 => Some(Recipient::Other),
        _ => None,
    };
    control_type
        .zip(recipient)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("{setup} uses a type that USB reserves")))
}

fn gone(listed: &Listed) -> Error {
    let message = format!("the device at {} has gone away: it was unplugged", listed.node);
    Error::new(ErrorKind::Disconnected, message)
}

fn wrong(cause: &nusb::Error, listed: &Listed) -> Error {
    let (kind, message) = match cause.kind() {
        nusb::ErrorKind::Disconnected => (ErrorKind::Disconnected, "it has gone away".to_owned()),
        nusb::ErrorKind::Busy => match ports::holder_of(&listed.node) {
            Some(holder) => (ErrorKind::Busy, format!("{holder} has it; close that program and try again")),
            None => (
                ErrorKind::Busy,
                "another program or kernel driver has it; close that and try again".to_owned(),
            ),
        },
        nusb::ErrorKind::PermissionDenied => {
            (ErrorKind::PermissionDenied, format!("this user may not; {}", ports::denied_hint(&listed.node)))
        }
        nusb::ErrorKind::NotFound => (ErrorKind::NotFound, "it has no such interface or setting".to_owned()),
        nusb::ErrorKind::Unsupported => (ErrorKind::Unsupported, "the system cannot do that".to_owned()),
        _ => (ErrorKind::Other, "the system refuses".to_owned()),
    };
    Error::new(kind, message).because(cause.clone())
}

impl UsbTransport for NativeUsb {
    fn device(&self) -> &UsbDevice {
        &self.listed.device
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.described().into_iter().find(|(address, _)| *address == endpoint).map(|(_, packet)| packet)
    }

    fn endpoints(&self) -> Vec<u8> {
        self.described().into_iter().map(|(address, _)| address).collect()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let length = data_length(setup, out.len(), true)?;
        let (control_type, recipient) = kind_of(setup)?;
        let Setup { request, value, index, .. } = setup;
        let request = ControlIn { control_type, recipient, request, value, index, length };
        let answer = self.device.control_in(request, timeout).wait();
        let bytes = answer.map_err(|cause| self.failed(cause, setup, timeout))?;
        for (slot, byte) in out.iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        Ok(bytes.len().min(out.len()))
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        data_length(setup, data.len(), false)?;
        let (control_type, recipient) = kind_of(setup)?;
        let Setup { request, value, index, .. } = setup;
        let request = ControlOut { control_type, recipient, request, value, index, data };
        let answer = self.device.control_out(request, timeout).wait();
        answer.map_err(|cause| self.failed(cause, setup, timeout))
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        check_bulk_in(endpoint, out.len(), self.max_packet(endpoint))?;
        let done = self.in_endpoint(endpoint)?.transfer_blocking(Buffer::new(out.len()), timeout);
        let Completion { buffer, actual_len, status } = done;
        let count = actual_len.min(out.len());
        match status {
            // What had come by the time limit is not lost.
            Err(TransferError::Cancelled) if count > 0 => {}
            Err(cause) => return Err(self.failed(cause, format_args!("endpoint {endpoint:02x}"), timeout)),
            Ok(()) => {}
        }
        for (slot, byte) in out.iter_mut().zip(buffer.iter().take(count)) {
            *slot = *byte;
        }
        Ok(count)
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        if endpoint & 0x80 != 0 {
            return Err(no_endpoint(endpoint));
        }
        let done = self.out_endpoint(endpoint)?.transfer_blocking(data.to_vec().into(), timeout);
        done.status.map_err(|cause| self.failed(cause, format_args!("endpoint {endpoint:02x}"), timeout))
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        let cleared = if endpoint & 0x80 != 0 {
            self.in_endpoint(endpoint)?.clear_halt().wait()
        } else {
            self.out_endpoint(endpoint)?.clear_halt().wait()
        };
        cleared.map_err(|cause| wrong(&cause, &self.listed).context("cannot end the halt"))
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        let found = self.interfaces.iter().find(|claimed| claimed.interface_number() == interface);
        let found = found.ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("interface {interface} was not claimed"))
        })?;
        if found.get_alt_setting() == setting {
            return Ok(());
        }
        // Endpoints of the setting before are gone with it.
        self.to_host.clear();
        self.to_device.clear();
        match found.set_alt_setting(setting).wait() {
            Ok(()) => Ok(()),
            Err(cause) if cause.kind() == nusb::ErrorKind::Disconnected => Err(gone(&self.listed)),
            Err(cause) => {
                Err(Error::new(ErrorKind::Refused, format!("interface {interface} has no setting {setting}"))
                    .because(cause))
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
