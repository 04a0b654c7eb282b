//! A USB device of another machine or program, over USB/IP.

use std::time::{Duration, Instant};

use qhal::{Error, ErrorKind, Result};

use super::protocol::{
    DEVICE, Exported, Message, OPERATION_HEAD, Operation, STATUS_GONE, STATUS_OVERFLOW, STATUS_STALL,
    TRANSFER_HEAD, bus_id_bytes, submit_control,
};
use crate::transport::ports::UsbDevice;
use crate::transport::tcp::TcpTransport;
use crate::transport::usb::descriptor::{Configuration, string_of};
use crate::transport::usb::{Setup, UsbTransport, check_bulk_in, data_length, halted, no_endpoint, silent};
use crate::transport::{Deadline, Transport};

/// How long the device may take to tell what it is.
const ENUMERATION: Duration = Duration::from_secs(1);
/// How long the server may take to take a transfer back.
const UNLINKING: Duration = Duration::from_secs(2);
/// The most devices that a list may have.
const MOST_DEVICES: u32 = 256;

/// A device that a USB/IP server exports, imported until this is dropped.
///
/// What a transfer had brought when its time was over is lost: the protocol does not give it back. Nothing here is
/// encrypted or authenticated; use it on loopback or inside a tunnel.
pub struct UsbIpTransport {
    wire: TcpTransport,
    device_id: u32,
    sequence: u32,
    heard: Vec<u8>,
    /// Transfers that were given up and may still be answered with data.
    abandoned: Vec<u32>,
    usb: UsbDevice,
    configuration: Configuration,
    settings: Vec<(u8, u8)>,
    started: Instant,
}

impl UsbIpTransport {
    /// Imports the device with this bus id, or the only one there is, and asks what it is.
    ///
    /// # Errors
    /// `NotFound` when nobody listens there or there is no such device, `InvalidInput` when there are several and no bus id
    /// was given, `Busy` when another host has it, `Protocol` when something else answers, `TimedOut`, `Disconnected`.
    pub fn connect(host: &str, port: u16, bus_id: Option<&str>, timeout: Duration) -> Result<Self> {
        let bus_id = match bus_id {
            Some(bus_id) => bus_id.to_owned(),
            None => only_device(host, port, timeout)?,
        };
        let mut wire = TcpTransport::connect(host, port, timeout)?;
        let mut request = Operation::Import.to_bytes(0);
        request.extend(bus_id_bytes(&bus_id));
        wire.write_all(&request, timeout)?;
        let refusal = |kind, why: &str| Err(Error::new(kind, format!("the device {bus_id} of {host} {why}")));
        match reply(&mut wire, Operation::Imported, timeout)? {
            0 => {}
            // Linux, tools/usb/usbip/libsrc/usbip_common.h: not available, busy, in error, no such device.
            1 | 2 => return refusal(ErrorKind::Busy, "is in use by another host"),
            4 => return refusal(ErrorKind::NotFound, "is not exported"),
            _ => return refusal(ErrorKind::Refused, "is refused"),
        }
        let mut bytes = [0; DEVICE];
        wire.read_exact(&mut bytes, timeout)?;
        let exported = Exported::of_bytes(&bytes);
        let usb = UsbDevice {
            vendor: exported.vendor,
            product: exported.product,
            manufacturer: None,
            product_name: None,
            serial: None,
            path: bus_id,
        };
        let configuration = Configuration { value: 0, attributes: 0, max_power: 0, interfaces: Vec::new() };
        let mut transport = Self {
            wire,
            device_id: exported.device_id(),
            sequence: 0,
            heard: Vec::new(),
            abandoned: Vec::new(),
            usb,
            configuration,
            settings: Vec::new(),
            started: Instant::now(),
        };
        transport.enumerate(exported.configuration)?;
        Ok(transport)
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.wire.peer().ip().is_loopback()
    }

    /// Reads descriptors and strings, and sets the configuration if none is set.
    fn enumerate(&mut self, configured: u8) -> Result<()> {
        let ask = Setup::new(0x80, 6);
        let device = self.ask(ask.with(0x0100, 0), 18)?;
        let &[_, 1, .., manufacturer, product, serial, _] = device.as_slice() else {
            return Err(Error::new(ErrorKind::Protocol, "the device does not tell its device descriptor"));
        };
        let head = self.ask(ask.with(0x0200, 0), 9)?;
        let length = match head.as_slice() {
            &[_, 2, low, high, ..] => u16::from_le_bytes([low, high]),
            _ => 0,
        };
        let all = self.ask(ask.with(0x0200, 0), length.max(9))?;
        self.configuration = Configuration::parse(&all)?;
        if configured == 0 {
            let set = Setup::new(0, 9).with(self.configuration.value.into(), 0);
            self.control_out(set, &[], ENUMERATION)?;
        }
        let mut string = |number: u8| -> Result<Option<String>> {
            if number == 0 {
                return Ok(None);
            }
            // US English, which nearly all devices have as their only language.
            match self.ask(ask.with(0x0300 | u16::from(number), 0x0409), 255) {
                Ok(bytes) => Ok(string_of(&bytes)),
                Err(error) if error.kind() == ErrorKind::Refused => Ok(None),
                Err(error) => Err(error),
            }
        };
        let (manufacturer, product_name, serial) = (string(manufacturer)?, string(product)?, string(serial)?);
        self.usb = UsbDevice { manufacturer, product_name, serial, ..self.usb.clone() };
        Ok(())
    }

    fn ask(&mut self, setup: Setup, length: u16) -> Result<Vec<u8>> {
        self.transact(submit_control(self.device_id, setup, length), &[], setup, ENUMERATION)
    }

    /// Submits a transfer and waits for its end; takes it back when the time is over.
    fn transact(
        &mut self,
        message: Message,
        data: &[u8],
        what: impl std::fmt::Display,
        timeout: Duration,
    ) -> Result<Vec<u8>> {
        let to_host = matches!(message, Message::Submit { to_host: true, .. });
        let sequence = self.send(message, data, timeout)?;
        let deadline = Deadline::after(timeout);
        let mut unlinking: Option<(u32, Deadline)> = None;
        loop {
            let left = unlinking.as_ref().map_or_else(|| deadline.left(), |(_, limit)| limit.left());
            let Some((answered, message, bytes)) = self.receive(sequence, to_host, left)? else {
                if unlinking.is_some() {
                    if to_host {
                        self.abandoned.push(sequence);
                    }
                    return Err(silent(what, timeout));
                }
                let unlink = Message::Unlink { device: self.device_id, transfer: sequence };
                unlinking = Some((self.send(unlink, &[], UNLINKING)?, Deadline::after(UNLINKING)));
                continue;
            };
            match message {
                Message::Done { status, .. } if answered == sequence => {
                    // It was over before it could be taken back: the answer to that still comes.
                    return self.finished(status, bytes, what);
                }
                Message::Unlinked { .. }
                    if unlinking.as_ref().is_some_and(|(number, _)| *number == answered) =>
                {
                    return Err(silent(what, timeout));
                }
                _ => {}
            }
        }
    }

    fn finished(&self, status: i32, bytes: Vec<u8>, what: impl std::fmt::Display) -> Result<Vec<u8>> {
        match status {
            0 => Ok(bytes),
            STATUS_STALL => Err(halted(what)),
            STATUS_OVERFLOW => {
                Err(Error::new(ErrorKind::Protocol, "the device sends more than was asked for"))
            }
            // ESHUTDOWN.
            STATUS_GONE | -108 => Err(Error::new(
                ErrorKind::Disconnected,
                "the device has gone away: it was unplugged over there",
            )),
            other => {
                let message = format!("{what} failed over there with the kernel's error {other}");
                Err(Error::new(ErrorKind::Protocol, message))
            }
        }
    }

    fn send(&mut self, message: Message, data: &[u8], timeout: Duration) -> Result<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = message.to_bytes(self.sequence).to_vec();
        bytes.extend(data);
        self.wire.write_all(&bytes, timeout)?;
        Ok(self.sequence)
    }

    /// The next message with its data; `None` when the time is over. `to_host` says whether the answer to `sequence`
    /// carries data.
    fn receive(
        &mut self,
        sequence: u32,
        to_host: bool,
        timeout: Duration,
    ) -> Result<Option<(u32, Message, Vec<u8>)>> {
        let deadline = Deadline::after(timeout);
        loop {
            if let Some(head) = self.heard.first_chunk::<TRANSFER_HEAD>() {
                let (answered, message) = Message::of_bytes(head)?;
                let follows = match message {
                    Message::Done { length, .. }
                        if answered == sequence && to_host || self.abandoned.contains(&answered) =>
                    {
                        length as usize
                    }
                    Message::Submit { .. } | Message::Unlink { .. } => {
                        return Err(Error::new(
                            ErrorKind::Protocol,
                            "the server speaks as if it were the host",
                        ));
                    }
                    _ => 0,
                };
                if let Some(bytes) = self.heard.get(TRANSFER_HEAD..TRANSFER_HEAD + follows) {
                    let bytes = bytes.to_vec();
                    self.heard.drain(..TRANSFER_HEAD + follows);
                    self.abandoned.retain(|number| *number != answered);
                    return Ok(Some((answered, message, bytes)));
                }
            }
            let mut bytes = [0; 16 * 1024];
            match self.wire.read(&mut bytes, deadline.left()) {
                Ok(count) => self.heard.extend(bytes.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads the head of a reply; gives its status.
fn reply(wire: &mut TcpTransport, expected: Operation, timeout: Duration) -> Result<u32> {
    let mut head = [0; OPERATION_HEAD];
    wire.read_exact(&mut head, timeout)?;
    match Operation::of_bytes(&head)? {
        (operation, status) if operation == expected => Ok(status),
        (operation, _) => {
            let message = format!("the server answers with {operation:?} instead of {expected:?}");
            Err(Error::new(ErrorKind::Protocol, message))
        }
    }
}

/// The bus id of the only device that is exported.
fn only_device(host: &str, port: u16, timeout: Duration) -> Result<String> {
    let mut devices = exported(host, port, timeout)?;
    match (devices.pop(), devices.len()) {
        (Some(device), 0) => Ok(device.bus_id),
        (None, _) => Err(Error::new(ErrorKind::NotFound, format!("{host} exports no USB device"))),
        (Some(last), _) => {
            devices.push(last);
            let list: Vec<String> = devices
                .iter()
                .map(|device| format!("{} ({:04x}:{:04x})", device.bus_id, device.vendor, device.product))
                .collect();
            let message = format!("{host} exports several devices: add / and one of {}", list.join(", "));
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// What a server exports.
fn exported(host: &str, port: u16, timeout: Duration) -> Result<Vec<Exported>> {
    let mut wire = TcpTransport::connect(host, port, timeout)?;
    wire.write_all(&Operation::ListDevices.to_bytes(0), timeout)?;
    if reply(&mut wire, Operation::Devices, timeout)? != 0 {
        return Err(Error::new(ErrorKind::Refused, format!("{host} refuses to list its USB devices")));
    }
    let mut count = [0; 4];
    wire.read_exact(&mut count, timeout)?;
    let count = u32::from_be_bytes(count);
    if count > MOST_DEVICES {
        return Err(Error::new(ErrorKind::Protocol, format!("{host} claims to export {count} devices")));
    }
    let mut devices = Vec::new();
    for _ in 0..count {
        let mut bytes = [0; DEVICE];
        wire.read_exact(&mut bytes, timeout)?;
        let device = Exported::of_bytes(&bytes);
        let mut interfaces = vec![0; 4 * usize::from(device.interfaces)];
        wire.read_exact(&mut interfaces, timeout)?;
        devices.push(device);
    }
    Ok(devices)
}

impl UsbTransport for UsbIpTransport {
    fn device(&self) -> &UsbDevice {
        &self.usb
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        let endpoints = self.configuration.endpoints(&self.settings);
        let found = endpoints.into_iter().find(|one| one.address == endpoint);
        // The upper bits of high-speed interrupt endpoints are no part of the size.
        found.map(|found| usize::from(found.max_packet & 0x7FF))
    }

    fn endpoints(&self) -> Vec<u8> {
        self.configuration.endpoints(&self.settings).into_iter().map(|one| one.address).collect()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let length = data_length(setup, out.len(), true)?;
        let bytes = self.transact(submit_control(self.device_id, setup, length), &[], setup, timeout)?;
        copy(out, &bytes)
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        let length = data_length(setup, data.len(), false)?;
        self.transact(submit_control(self.device_id, setup, length), data, setup, timeout).map(drop)
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        check_bulk_in(endpoint, out.len(), self.max_packet(endpoint))?;
        let message = self.bulk(endpoint, true, out.len())?;
        let bytes = self.transact(message, &[], format_args!("endpoint {endpoint:02x}"), timeout)?;
        copy(out, &bytes)
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        if endpoint & 0x80 != 0 || self.max_packet(endpoint).is_none() {
            return Err(no_endpoint(endpoint));
        }
        let message = self.bulk(endpoint, false, data.len())?;
        self.transact(message, data, format_args!("endpoint {endpoint:02x}"), timeout).map(drop)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.max_packet(endpoint).ok_or_else(|| no_endpoint(endpoint))?;
        self.control_out(Setup::new(2, 1).with(0, endpoint.into()), &[], ENUMERATION)
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        let setup = Setup::new(1, 11).with(setting.into(), interface.into());
        self.control_out(setup, &[], ENUMERATION)?;
        self.settings.retain(|(number, _)| *number != interface);
        self.settings.push((interface, setting));
        Ok(())
    }

    fn keeps_time(&self) -> bool {
        false
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

impl UsbIpTransport {
    fn bulk(&self, endpoint: u8, to_host: bool, length: usize) -> Result<Message> {
        let longest = super::protocol::LONGEST_TRANSFER;
        let length = u32::try_from(length).ok().filter(|_| length <= longest).ok_or_else(|| {
            let message = format!("a transfer of {length} bytes is longer than {longest}");
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        Ok(Message::Submit {
            device: self.device_id,
            to_host,
            endpoint: endpoint & 0x0F,
            length,
            setup: [0; 8],
        })
    }
}

/// Hands out what came; a server that sends more than was asked for is not believed.
fn copy(out: &mut [u8], bytes: &[u8]) -> Result<usize> {
    if bytes.len() > out.len() {
        return Err(Error::new(ErrorKind::Protocol, "the server sends more than was asked for"));
    }
    for (slot, byte) in out.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Ok(bytes.len())
}
