//! The messages of USB/IP version 1.1.1: values ⇄ bytes, pure. All numbers are big-endian.
//!
//! Source: Linux, Documentation/usb/usbip_protocol.rst; the numbers of speeds and errors are the kernel's
//! (include/uapi/linux/usb/ch9.h, include/uapi/asm-generic/errno.h).

use qhal::{Error, ErrorKind, Result};

use crate::transport::usb::Setup;
use crate::transport::usb::descriptor::{Blueprint, Speed};

/// The version of the protocol.
pub const VERSION: u16 = 0x0111;
/// Bytes of the part that all operations begin with.
pub const OPERATION_HEAD: usize = 8;
/// Bytes of a bus id, padded with zeros.
pub const BUS_ID: usize = 32;
/// Bytes of a device in a list or an import.
pub const DEVICE: usize = 312;
/// Bytes of every message about a transfer.
pub const TRANSFER_HEAD: usize = 48;
/// The longest transfer that is taken from a peer.
pub const LONGEST_TRANSFER: usize = 1 << 20;

/// Operations, before a device is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The host asks for the list of devices.
    ListDevices,
    /// The list.
    Devices,
    /// The host asks for a device.
    Import,
    /// The device, or a refusal.
    Imported,
}

impl Operation {
    const ALL: [(Self, u16); 4] = [
        (Self::ListDevices, 0x8005),
        (Self::Devices, 0x0005),
        (Self::Import, 0x8003),
        (Self::Imported, 0x0003),
    ];

    /// The head of a message; `status` is 0 unless something is refused.
    pub fn to_bytes(self, status: u32) -> Vec<u8> {
        let code = Self::ALL.iter().find(|(operation, _)| *operation == self).map_or(0, |(_, code)| *code);
        let mut bytes = VERSION.to_be_bytes().to_vec();
        bytes.extend(code.to_be_bytes());
        bytes.extend(status.to_be_bytes());
        bytes
    }

    /// Reads a head: the operation and its status.
    ///
    /// # Errors
    /// `Protocol` for another version of the protocol or an unknown operation.
    pub fn of_bytes(bytes: &[u8; OPERATION_HEAD]) -> Result<(Self, u32)> {
        let [v0, v1, c0, c1, status @ ..] = *bytes;
        let (version, code) = (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([c0, c1]));
        if version != VERSION {
            let message = format!("it does not speak USB/IP 1.1.1 (its version reads {version:04x})");
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        match Self::ALL.iter().find(|(_, known)| *known == code) {
            Some((operation, _)) => Ok((*operation, u32::from_be_bytes(status))),
            None => {
                let message = format!("USB/IP has no operation {code:04x}");
                Err(Error::new(ErrorKind::Protocol, message))
            }
        }
    }
}

/// A bus id on the wire.
pub fn bus_id_bytes(bus_id: &str) -> [u8; BUS_ID] {
    let mut bytes = [0; BUS_ID];
    for (slot, letter) in bytes.iter_mut().zip(bus_id.bytes()) {
        *slot = letter;
    }
    bytes
}

/// A text that ends with the first zero.
fn text_of(bytes: &[u8]) -> String {
    let text: Vec<u8> = bytes.iter().copied().take_while(|letter| *letter != 0).collect();
    String::from_utf8_lossy(&text).chars().filter(|letter| !letter.is_control()).collect()
}

/// A device as lists and imports describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Where its machine has it in sysfs.
    pub path: String,
    /// Its bus id, as in `1-1.2`.
    pub bus_id: String,
    /// The number of its bus.
    pub bus: u32,
    /// Its address there.
    pub number: u32,
    /// The kernel's number for its speed: 2 full, 3 high.
    pub speed: u32,
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// `bcdDevice`.
    pub release: u16,
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// The configuration that is set.
    pub configuration: u8,
    /// How many configurations it has.
    pub configurations: u8,
    /// How many interfaces it has.
    pub interfaces: u8,
}

impl Exported {
    /// An emulated device at `bus_id`.
    pub fn of(blueprint: &Blueprint, bus_id: &str) -> Self {
        let mut interfaces: Vec<u8> =
            blueprint.configuration.interfaces.iter().map(|interface| interface.number).collect();
        interfaces.dedup();
        Self {
            path: format!("/sys/devices/emulated/usb1/{bus_id}"),
            bus_id: bus_id.to_owned(),
            bus: 1,
            number: 2,
            speed: if blueprint.speed == Speed::High { 3 } else { 2 },
            vendor: blueprint.device.vendor,
            product: blueprint.device.product,
            release: blueprint.device.release,
            class: blueprint.device.class,
            configuration: blueprint.configuration.value,
            configurations: 1,
            interfaces: interfaces.len() as u8,
        }
    }

    /// The number by which transfers name the device.
    pub fn device_id(&self) -> u32 {
        self.bus << 16 | (self.number & 0xFFFF)
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> [u8; DEVICE] {
        let mut rest = Vec::with_capacity(DEVICE);
        rest.extend(self.path.bytes().take(255));
        rest.resize(256, 0);
        rest.extend(bus_id_bytes(&self.bus_id));
        for number in [self.bus, self.number, self.speed] {
            rest.extend(number.to_be_bytes());
        }
        for number in [self.vendor, self.product, self.release] {
            rest.extend(number.to_be_bytes());
        }
        rest.extend(self.class);
        rest.extend([self.configuration, self.configurations, self.interfaces]);
        let mut bytes = [0; DEVICE];
        for (slot, byte) in bytes.iter_mut().zip(rest) {
            *slot = byte;
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes.
    pub fn of_bytes(bytes: &[u8; DEVICE]) -> Self {
        let mut tail = [0; 24];
        for (slot, byte) in tail.iter_mut().zip(bytes.iter().skip(288)) {
            *slot = *byte;
        }
        let [b0, b1, b2, b3, n0, n1, n2, n3, s0, s1, s2, s3, v0, v1, p0, p1, r0, r1, class @ ..] = tail;
        let [c0, c1, c2, configuration, configurations, interfaces] = class;
        Self {
            path: text_of(bytes.get(..256).unwrap_or_default()),
            bus_id: text_of(bytes.get(256..288).unwrap_or_default()),
            bus: u32::from_be_bytes([b0, b1, b2, b3]),
            number: u32::from_be_bytes([n0, n1, n2, n3]),
            speed: u32::from_be_bytes([s0, s1, s2, s3]),
            vendor: u16::from_be_bytes([v0, v1]),
            product: u16::from_be_bytes([p0, p1]),
            release: u16::from_be_bytes([r0, r1]),
            class: [c0, c1, c2],
            configuration,
            configurations,
            interfaces,
        }
    }
}

/// What a message about a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The host submits a transfer; data for the device follows.
    Submit {
        /// The device, by [`Exported::device_id`].
        device: u32,
        /// Whether data comes from the device.
        to_host: bool,
        /// The number of the endpoint, 0 to 15.
        endpoint: u8,
        /// How many bytes are sent or may come.
        length: u32,
        /// The setup packet of a control transfer, else zeros.
        setup: [u8; 8],
    },
    /// A transfer is over; data from the device follows.
    Done {
        /// 0, or the negative number of the kernel's error.
        status: i32,
        /// How many bytes were moved.
        length: u32,
    },
    /// The host takes a transfer back.
    Unlink {
        /// The device.
        device: u32,
        /// The number of the transfer.
        transfer: u32,
    },
    /// Whether it came in time: [`STATUS_UNLINKED`], or 0 when the transfer was over already.
    Unlinked {
        /// The status.
        status: i32,
    },
}

/// The endpoint is halted, or the request is refused (EPIPE).
pub const STATUS_STALL: i32 = -32;
/// The transfer was taken back (ECONNRESET).
pub const STATUS_UNLINKED: i32 = -104;
/// The device sent too much (EOVERFLOW).
pub const STATUS_OVERFLOW: i32 = -75;
/// The device is gone (ENODEV).
pub const STATUS_GONE: i32 = -19;

impl Message {
    /// The 48 bytes under the number `sequence`.
    pub fn to_bytes(self, sequence: u32) -> [u8; TRANSFER_HEAD] {
        // Replies leave device, direction and endpoint empty.
        let (command, device, direction, endpoint) = match self {
            Self::Submit { device, to_host, endpoint, .. } => {
                (1, device, u32::from(to_host), u32::from(endpoint))
            }
            Self::Unlink { device, .. } => (2, device, 0, 0),
            Self::Done { .. } => (3, 0, 0, 0),
            Self::Unlinked { .. } => (4, 0, 0, 0),
        };
        // Not isochronous: no frames, no packets.
        let (fields, setup) = match self {
            Self::Submit { length, setup, .. } => ([0, length, 0, 0, 0], setup),
            Self::Done { status, length } => ([status as u32, length, 0, 0, 0], [0; 8]),
            Self::Unlink { transfer, .. } => ([transfer, 0, 0, 0, 0], [0; 8]),
            Self::Unlinked { status } => ([status as u32, 0, 0, 0, 0], [0; 8]),
        };
        let mut bytes = [0; TRANSFER_HEAD];
        let numbers = [command, sequence, device, direction, endpoint].into_iter().chain(fields);
        let all = numbers.flat_map(u32::to_be_bytes).chain(setup);
        for (slot, byte) in bytes.iter_mut().zip(all) {
            *slot = byte;
        }
        bytes
    }

    /// Reads 48 bytes: the number, and the message.
    ///
    /// # Errors
    /// `Protocol` for an unknown command, an endpoint above 15 or a transfer longer than [`LONGEST_TRANSFER`].
    pub fn of_bytes(bytes: &[u8; TRANSFER_HEAD]) -> Result<(u32, Self)> {
        let mut numbers = [0_u32; 10];
        for (number, four) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
            *number = four.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        }
        let mut setup = [0; 8];
        for (slot, byte) in setup.iter_mut().zip(bytes.iter().skip(40)) {
            *slot = *byte;
        }
        let [command, sequence, device, direction, endpoint, first, length, ..] = numbers;
        let wrong = |what: String| Error::new(ErrorKind::Protocol, what);
        if matches!(command, 1 | 3) && length as usize > LONGEST_TRANSFER {
            return Err(wrong(format!("a transfer of {length} bytes is longer than {LONGEST_TRANSFER}")));
        }
        let message = match command {
            1 => {
                let endpoint = u8::try_from(endpoint).ok().filter(|endpoint| *endpoint < 16);
                let endpoint = endpoint.ok_or_else(|| wrong("USB has no endpoint above 15".to_owned()))?;
                Self::Submit { device, to_host: direction != 0, endpoint, length, setup }
            }
            2 => Self::Unlink { device, transfer: first },
            3 => Self::Done { status: first as i32, length },
            4 => Self::Unlinked { status: first as i32 },
            other => return Err(wrong(format!("USB/IP has no command {other:08x}"))),
        };
        Ok((sequence, message))
    }
}

/// The submission of a control request.
pub fn submit_control(device: u32, setup: Setup, length: u16) -> Message {
    Message::Submit {
        device,
        to_host: setup.is_in(),
        endpoint: 0,
        length: length.into(),
        setup: setup.to_bytes(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_laid_out_as_the_kernel_documents_them() {
        // Documentation/usb/usbip_protocol.rst: OP_REQ_DEVLIST and OP_REQ_IMPORT.
        assert_eq!(Operation::ListDevices.to_bytes(0), [0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0]);
        assert_eq!(Operation::Import.to_bytes(0), [0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0]);
        // The same page: USBIP_CMD_SUBMIT, offsets 0, 4, 8, 0xC, 0x10, 0x18 and 0x28.
        let setup = Setup::new(0x80, 6).with(0x0100, 0);
        let bytes = submit_control(0x0001_0002, setup, 0x40).to_bytes(0xD05);
        assert_eq!(bytes[..20], [0, 0, 0, 1, 0, 0, 0x0D, 5, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(bytes[0x18..0x1C], [0, 0, 0, 0x40]);
        assert_eq!(bytes[0x28..], [0x80, 6, 0, 1, 0, 0, 0x40, 0]);
        let stalled = Message::Done { status: STATUS_STALL, length: 0 }.to_bytes(1);
        assert_eq!(stalled[0x14..0x18], [0xFF, 0xFF, 0xFF, 0xE0]);
        let unlink = Message::Unlink { device: 0x0001_0002, transfer: 7 }.to_bytes(8);
        assert_eq!((unlink[3], unlink[7], unlink[0x17]), (2, 8, 7));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_what_is_read_writes_back(bytes in prop::collection::vec(any::<u8>(), 48), command in 0_u8..6) {
            let mut head: [u8; TRANSFER_HEAD] = bytes.clone().try_into().unwrap();
            (head[0], head[1], head[2], head[3]) = (0, 0, 0, command);
            if let Ok((sequence, message)) = Message::of_bytes(&head) {
                let again = Message::of_bytes(&message.to_bytes(sequence)).unwrap();
                prop_assert_eq!(again, (sequence, message));
            }
            let head: [u8; 8] = bytes[..8].try_into().unwrap();
            let _ = Operation::of_bytes(&head);
        }

        #[test]
        fn devices_read_back(path in "[a-z0-9/]{0,100}", ids in any::<[u16; 3]>(), numbers in any::<[u32; 3]>(), rest in any::<[u8; 6]>()) {
            let [vendor, product, release] = ids;
            let [bus, number, speed] = numbers;
            let [a, b, c, configuration, configurations, interfaces] = rest;
            let exported = Exported {
                path, bus_id: "1-1.2".to_owned(), bus, number, speed, vendor, product, release,
                class: [a, b, c], configuration, configurations, interfaces,
            };
            prop_assert_eq!(Exported::of_bytes(&exported.to_bytes()), exported);
        }
    }
}
