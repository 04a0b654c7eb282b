//! The device's side of an FTDI chip: its requests, its latency timer and the packets it sends.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Status, bit_mode, request};
use crate::transport::usb::descriptor::{Configuration, DeviceDescriptor, Endpoint};
use crate::transport::usb::{Answer, Blueprint, Setup, Speed};

/// The chips that are emulated, all with one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChipKind {
    /// FT232R: full speed.
    Ft232R,
    /// FT240X, of the FT-X series: full speed.
    Ft240X,
    /// FT232H: high speed.
    Ft232H,
}

impl ChipKind {
    /// The product id that it comes with.
    pub const fn product(self) -> u16 {
        match self {
            Self::Ft232R => 0x6001,
            Self::Ft240X => 0x6015,
            Self::Ft232H => 0x6014,
        }
    }

    /// Bytes of a packet.
    pub const fn packet(self) -> usize {
        match self {
            Self::Ft232R | Self::Ft240X => 64,
            Self::Ft232H => 512,
        }
    }

    /// Bytes that it can keep for the host (FTDI, data sheets DS_FT232R, DS_FT240X, DS_FT232H).
    pub const fn buffer(self) -> usize {
        match self {
            Self::Ft232R => 128,
            Self::Ft240X => 512,
            Self::Ft232H => 1024,
        }
    }

    /// The descriptors of a chip with these strings: endpoint 81 to the host and 02 from it, as on all of FTDI's chips.
    pub fn blueprint(self, product: u16, manufacturer: &str, name: &str, serial: &str) -> Blueprint {
        let (speed, release) = match self {
            Self::Ft232R => (Speed::Full, 0x0600),
            Self::Ft240X => (Speed::Full, 0x1000),
            Self::Ft232H => (Speed::High, 0x0900),
        };
        let packet = self.packet() as u16;
        let endpoints = vec![Endpoint::bulk(0x81, packet), Endpoint::bulk(0x02, packet)];
        let mut configuration = Configuration::vendor_specific(0x80, 50, endpoints);
        for interface in &mut configuration.interfaces {
            interface.class = [0xFF; 3];
        }
        Blueprint {
            speed,
            device: DeviceDescriptor {
                usb_version: 0x0200,
                class: [0; 3],
                max_packet_0: if self == Self::Ft232H { 64 } else { 8 },
                vendor: 0x0403,
                product,
                release,
            },
            configuration,
            manufacturer: Some(manufacturer.to_owned()),
            product_name: Some(name.to_owned()),
            serial: Some(serial.to_owned()),
        }
    }
}

/// One port of an emulated chip, without what is wired to it.
#[derive(Debug)]
pub struct Chip {
    packet: usize,
    queue: VecDeque<u8>,
    latency: Duration,
    sent_at: Duration,
    bit_mode: u8,
    outputs: u8,
    divisor: (u16, u16),
    /// The status bytes it puts in front of every packet.
    pub status: Status,
}

impl Chip {
    /// A chip that was plugged in just now.
    pub fn new(kind: ChipKind) -> Self {
        let packet = kind.packet();
        // CTS and DSR are open, which reads as set; the transmitter is empty.
        let modem = if packet > 64 { 0x32 } else { 0x31 };
        Self {
            packet,
            queue: VecDeque::new(),
            latency: Duration::from_millis(16),
            sent_at: Duration::ZERO,
            bit_mode: bit_mode::RESET,
            outputs: 0,
            divisor: (0, 0),
            status: Status { modem, line: 0x60 },
        }
    }

    /// The [bit mode](bit_mode) it is in.
    pub fn bit_mode(&self) -> u8 {
        self.bit_mode
    }

    /// Which pins are outputs.
    pub fn outputs(&self) -> u8 {
        self.outputs
    }

    /// The baud rate divisor as it was set, value and index.
    pub fn divisor(&self) -> (u16, u16) {
        self.divisor
    }

    /// The latency timer.
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// A request to the chip; it has no data.
    pub fn control_out(&mut self, setup: Setup) -> Answer<()> {
        if setup.request_type != 0x40 {
            return Answer::Stall;
        }
        let [low, high] = setup.value.to_le_bytes();
        match (setup.request, setup.value) {
            (request::RESET, 0) => {
                self.queue.clear();
                self.bit_mode = bit_mode::RESET;
            }
            (request::RESET, 1) => self.queue.clear(),
            (request::RESET, 2) => {}
            (request::LATENCY, 1..=255) => self.latency = Duration::from_millis(setup.value.into()),
            (request::BIT_MODE, _) => (self.bit_mode, self.outputs) = (high, low),
            (request::BAUD_RATE, value) => self.divisor = (value, setup.index),
            (request::FLOW_CONTROL | request::EVENT_CHARACTER | request::ERROR_CHARACTER, _) => {}
            // Modem control and data format, which nothing here depends on.
            (1 | 4, _) => {}
            _ => return Answer::Stall,
        }
        Answer::Done(())
    }

    /// A question to the chip.
    pub fn control_in(&self, setup: Setup) -> Answer<Vec<u8>> {
        match (setup.request_type, setup.request) {
            (0xC0, request::MODEM_STATUS) => Answer::Done(vec![self.status.modem, self.status.line]),
            (0xC0, 0x0A) => Answer::Done(vec![u8::try_from(self.latency.as_millis()).unwrap_or(u8::MAX)]),
            _ => Answer::Stall,
        }
    }

    /// What is wired to the chip sends these bytes to the host.
    pub fn push(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.queue.extend(bytes);
    }

    /// Bytes that have not been sent yet.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The next packet: a full one at once, any other when the latency timer has run down.
    pub fn packet_in(&mut self, now: Duration) -> Answer<Vec<u8>> {
        let room = self.packet - 2;
        if self.queue.len() < room && now.saturating_sub(self.sent_at) < self.latency {
            return Answer::Wait;
        }
        self.sent_at = now;
        let mut packet = vec![self.status.modem, self.status.line];
        packet.extend(self.queue.drain(..room.min(self.queue.len())));
        Answer::Done(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_packets_go_at_once_and_others_with_the_latency_timer() {
        let mut chip = Chip::new(ChipKind::Ft240X);
        let at = Duration::from_millis;
        chip.push(0..70);
        let Answer::Done(full) = chip.packet_in(at(1)) else { panic!("nothing") };
        assert_eq!((full.len(), &full[..3]), (64, &[0x31, 0x60, 0][..]));
        assert_eq!(chip.packet_in(at(2)), Answer::Wait);
        let Answer::Done(rest) = chip.packet_in(at(17)) else { panic!("nothing") };
        assert_eq!(rest, [0x31, 0x60, 62, 63, 64, 65, 66, 67, 68, 69]);
        assert_eq!(chip.packet_in(at(33)), Answer::Done(vec![0x31, 0x60]));
        assert_eq!(chip.control_out(Setup::new(0x40, request::LATENCY).with(0, 1)), Answer::Stall);
        assert_eq!(chip.control_out(Setup::new(0x40, 0x55)), Answer::Stall);
    }
}
