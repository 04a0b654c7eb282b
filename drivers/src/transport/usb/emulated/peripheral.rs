//! What every USB device does by itself: descriptors, settings, halts, and transfers made of packets.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Answer, UsbEmulator};
use crate::transport::usb::{Blueprint, Setup};

/// An emulated device with what every USB device has: descriptors, settings, and endpoints that can be halted.
pub struct Peripheral<E> {
    emulator: E,
    configured: u8,
    settings: Vec<(u8, u8)>,
    halted: BTreeSet<u8>,
}

impl<E: UsbEmulator> Peripheral<E> {
    /// A device that was plugged in just now and is configured, as hosts do it at once.
    pub fn new(emulator: E) -> Self {
        let configured = emulator.blueprint().configuration.value;
        Self { emulator, configured, settings: Vec::new(), halted: BTreeSet::new() }
    }

    /// A host takes it over: settings and halts are gone.
    pub fn reset(&mut self) {
        self.configured = self.blueprint().configuration.value;
        self.settings.clear();
        self.halted.clear();
    }

    /// The device behind it.
    pub fn emulator(&mut self) -> &mut E {
        &mut self.emulator
    }

    /// What it says of itself.
    pub fn blueprint(&self) -> &Blueprint {
        self.emulator.blueprint()
    }

    /// Whether it is gone.
    pub fn gone(&self) -> bool {
        self.emulator.gone()
    }

    /// The bulk endpoints as the interfaces are set, with their largest packets.
    pub fn endpoints(&self) -> Vec<(u8, usize)> {
        let endpoints = self.blueprint().configuration.endpoints(&self.settings);
        endpoints.into_iter().map(|endpoint| (endpoint.address, usize::from(endpoint.max_packet))).collect()
    }

    /// The largest packet of an endpoint.
    pub fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.endpoints().into_iter().find(|(address, _)| *address == endpoint).map(|(_, packet)| packet)
    }

    /// A request for up to `length` bytes.
    pub fn control_in(&mut self, setup: Setup, length: u16, now: Duration) -> Answer<Vec<u8>> {
        let answer = if setup.request_type & 0x60 == 0 {
            self.standard_in(setup).map_or(Answer::Stall, Answer::Done)
        } else {
            self.emulator.control_in(setup, length, now)
        };
        match answer {
            Answer::Done(mut bytes) => {
                bytes.truncate(usize::from(length));
                Answer::Done(bytes)
            }
            other => other,
        }
    }

    /// Standard requests (USB 2.0, §9.4) that ask.
    fn standard_in(&self, setup: Setup) -> Option<Vec<u8>> {
        let [low, high] = setup.value.to_le_bytes();
        match (setup.request_type, setup.request) {
            (0x80, 0) => Some(vec![(self.blueprint().configuration.attributes >> 6) & 1, 0]),
            (0x81, 0) => Some(vec![0, 0]),
            (0x82, 0) => Some(vec![u8::from(self.halted.contains(&(setup.index as u8))), 0]),
            (0x80, 6) => match high {
                1 => Some(self.blueprint().device_bytes().to_vec()),
                2 if low == 0 => Some(self.blueprint().configuration.to_bytes()),
                3 => self.blueprint().string_bytes(low),
                _ => None,
            },
            (0x80, 8) => Some(vec![self.configured]),
            (0x81, 10) => {
                let setting =
                    self.settings.iter().rev().find(|(interface, _)| u16::from(*interface) == setup.index);
                Some(vec![setting.map_or(0, |(_, setting)| *setting)])
            }
            _ => None,
        }
    }

    /// A request with `data`.
    pub fn control_out(&mut self, setup: Setup, data: &[u8], now: Duration) -> Answer<()> {
        if setup.request_type & 0x60 != 0 {
            return self.emulator.control_out(setup, data, now);
        }
        if self.standard_out(setup) { Answer::Done(()) } else { Answer::Stall }
    }

    /// Standard requests that tell; `false` for one that it does not know.
    fn standard_out(&mut self, setup: Setup) -> bool {
        let [value, index] = [setup.value, setup.index].map(|number| u8::try_from(number).unwrap_or(u8::MAX));
        match (setup.request_type, setup.request) {
            // ENDPOINT_HALT is feature 0.
            (2, 1) if value == 0 => {
                self.halted.remove(&index);
            }
            (2, 3) if value == 0 => {
                self.halted.insert(index);
            }
            (0, 9) if value == 0 || value == self.blueprint().configuration.value => {
                self.configured = value;
                self.settings.clear();
                self.halted.clear();
            }
            (1, 11) if self.blueprint().configuration.has_setting(index, value) => {
                self.settings.retain(|(interface, _)| *interface != index);
                self.settings.push((index, value));
            }
            _ => return false,
        }
        true
    }

    /// The next packet from an endpoint.
    pub fn packet_in(&mut self, endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        if self.configured == 0 || self.halted.contains(&endpoint) || self.max_packet(endpoint).is_none() {
            return Answer::Stall;
        }
        let answer = self.emulator.packet_in(endpoint, now);
        if answer == Answer::Stall {
            self.halted.insert(endpoint);
        }
        answer
    }

    /// A transfer to an endpoint.
    pub fn bulk_out(&mut self, endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
        if self.configured == 0 || self.halted.contains(&endpoint) || self.max_packet(endpoint).is_none() {
            return Answer::Stall;
        }
        let answer = self.emulator.bulk_out(endpoint, data, now);
        if answer == Answer::Stall {
            self.halted.insert(endpoint);
        }
        answer
    }

    /// Goes on with a transfer from an endpoint, packet by packet, until it waits or is complete.
    pub fn fill(&mut self, transfer: &mut InTransfer, now: Duration) -> Progress {
        let Some(packet) = self.max_packet(transfer.endpoint) else { return Progress::Stalled };
        while transfer.bytes.len() < transfer.room {
            match self.packet_in(transfer.endpoint, now) {
                Answer::Wait => return Progress::Waiting,
                Answer::Stall => return Progress::Stalled,
                Answer::Done(bytes) => {
                    transfer.bytes.extend(&bytes);
                    if transfer.bytes.len() > transfer.room || bytes.len() > packet {
                        return Progress::TooMuch;
                    }
                    transfer.answered = true;
                    if bytes.len() < packet {
                        return Progress::Complete;
                    }
                }
            }
        }
        Progress::Complete
    }
}

/// A transfer from an endpoint that is under way.
#[derive(Clone, Debug)]
pub struct InTransfer {
    /// The endpoint.
    pub endpoint: u8,
    /// How many bytes it may bring.
    pub room: usize,
    /// What has come.
    pub bytes: Vec<u8>,
    /// Whether a packet has come, be it empty.
    pub answered: bool,
}

impl InTransfer {
    /// A transfer of up to `room` bytes.
    pub fn new(endpoint: u8, room: usize) -> Self {
        Self { endpoint, room, bytes: Vec::new(), answered: false }
    }
}

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The buffer is full, or a packet was not.
    Complete,
    /// The device has nothing now.
    Waiting,
    /// The endpoint is halted.
    Stalled,
    /// The device sent more than the host asked for.
    TooMuch,
}
