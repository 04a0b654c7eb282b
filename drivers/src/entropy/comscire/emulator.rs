//! The device's side of a ComScire QNG: its FTDI chip, its commands, and the stream at its own pace.
//!
//! *Unconfirmed*: the delimiter in front of the serial number; that commands are heard in the stream and answered behind it;
//! what becomes of bytes that the chip has no room for (they are lost here).

use std::time::Duration;

use qhal::Result;

use super::protocol::{Command, Status};
use super::{IDS, NAME};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Pace, Quality};
use crate::fault::{Condition, fault_kinds};
use crate::transport::usb::ftdi::chip::{Chip, ChipKind};
use crate::transport::usb::usbip::UsbIpServer;
use crate::transport::usb::{Answer, Blueprint, Setup, UsbEmulator};

/// The models that are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// 2 Mbit/s behind an FT232R.
    R2000Ku,
    /// 32 Mbit/s behind an FT232H.
    R32Mu,
}

impl Model {
    /// The serial number of the emulated unit.
    pub const fn serial(self) -> &'static str {
        match self {
            Self::R2000Ku => "QWR20000",
            Self::R32Mu => "QWR30000",
        }
    }

    const fn chip(self) -> ChipKind {
        match self {
            Self::R2000Ku => ChipKind::Ft232R,
            Self::R32Mu => ChipKind::Ft232H,
        }
    }

    const fn bytes_per_s(self) -> u32 {
        match self {
            Self::R2000Ku => 250_000,
            Self::R32Mu => 4_000_000,
        }
    }
}

/// What is inside, behind the delimiter.
const INTERNAL_SERIAL: &[u8; 6] = b"/00001";

fault_kinds! {
    "a ComScire QNG":
    /// Every byte is the same.
    Stuck = "stuck",
    /// Seven bits in eight are ones.
    Bias = "bias",
    /// Its own statistics are bad, and its status says so.
    Statistics = "statistics",
    /// It hears no command.
    Deaf = "deaf",
    /// It tells another serial number every time.
    Serial = "serial",
    /// The stream stops.
    Silent = "silent" after 512,
    /// The chip reports an overrun.
    Overrun = "overrun" after 512,
    /// It is pulled out.
    Unplug = "unplug" after 4096,
}

/// A ComScire QNG in software.
#[derive(Debug)]
pub struct ComScireEmulator {
    blueprint: Blueprint,
    chip: Chip,
    condition: Condition<FaultKind>,
    noise: Noise,
    pace: Pace,
    streaming: bool,
    bad: bool,
    room: usize,
}

impl ComScireEmulator {
    /// A `model` that was plugged in just now.
    ///
    /// # Errors
    /// `InvalidInput` for a fault that it cannot have.
    pub fn new(model: Model, options: &EmulatorOptions) -> Result<Self> {
        let kind = model.chip();
        let blueprint = kind.blueprint(kind.product(), "FTDI", "ComScire QNG", model.serial());
        let room = kind.buffer();
        let condition = Condition::new(options.fault()?);
        Ok(Self {
            blueprint,
            chip: Chip::new(kind),
            condition,
            noise: Noise::new(options.seed),
            pace: Pace::new(options.rate_or(model.bytes_per_s()), room as u32),
            streaming: false,
            bad: condition.has(FaultKind::Statistics),
            room,
        })
    }

    fn has(&self, fault: FaultKind) -> bool {
        self.condition.has(fault)
    }

    fn quality(&self) -> Quality {
        Quality::with(self.has(FaultKind::Stuck), self.has(FaultKind::Bias))
    }

    /// What was streamed since the last look goes to the chip.
    fn produce(&mut self, now: Duration) {
        let ready = self.pace.ready(now);
        let count = self.room.saturating_sub(self.chip.waiting()).min(ready as usize);
        if !self.streaming || count == 0 || !self.pace.take(count as u32, now) {
            return;
        }
        if self.has(FaultKind::Silent) {
            return;
        }
        let bytes = self.noise.bytes(count, self.quality());
        self.condition.sent(count);
        self.chip.push(bytes);
    }

    fn obey(&mut self, command: Command, now: Duration) {
        match command {
            Command::Start => {
                self.streaming = true;
                self.pace.restart(now);
                // Something that belongs to no stream comes first.
                self.chip.push([0]);
            }
            Command::Stop => self.streaming = false,
            Command::Serial => {
                let mut serial = *INTERNAL_SERIAL;
                if self.has(FaultKind::Serial)
                    && let Some(last) = serial.last_mut()
                {
                    *last = self.noise.byte(Quality::Fair);
                }
                self.chip.push(serial);
            }
            Command::Status => {
                let mut status = Status::ENABLED | Status::CONNECTED;
                status |= if self.streaming { Status::STREAMING } else { 0 };
                status |= if self.bad { Status::BAD_STATISTICS } else { 0 };
                self.chip.push(status.to_le_bytes());
            }
            Command::ClearStatistics => self.bad = self.has(FaultKind::Statistics),
            Command::ProbabilityOfOnes => {
                let ones: f32 = if self.has(FaultKind::Bias) { 0.875 } else { 0.5 };
                self.chip.push(ones.to_le_bytes());
            }
        }
    }
}

impl UsbEmulator for ComScireEmulator {
    fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    fn control_in(&mut self, setup: Setup, _length: u16, _now: Duration) -> Answer<Vec<u8>> {
        self.chip.control_in(setup)
    }

    fn control_out(&mut self, setup: Setup, _data: &[u8], now: Duration) -> Answer<()> {
        self.produce(now);
        self.chip.control_out(setup)
    }

    fn packet_in(&mut self, _endpoint: u8, now: Duration) -> Answer<Vec<u8>> {
        self.produce(now);
        self.chip.status.line = if self.has(FaultKind::Overrun) { 0x62 } else { 0x60 };
        self.chip.packet_in(now)
    }

    fn bulk_out(&mut self, _endpoint: u8, data: &[u8], now: Duration) -> Answer<()> {
        self.produce(now);
        if !self.has(FaultKind::Deaf) {
            for command in data.iter().filter_map(|byte| Command::of(*byte)) {
                self.obey(command, now);
            }
        }
        Answer::Done(())
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![
        EmulatedModel::on_usb::<FaultKind>(
            ("comscire-r2000ku", NAME, IDS[0].name, Model::R2000Ku.serial()),
            |options| Ok(Box::new(UsbIpServer::serve(ComScireEmulator::new(Model::R2000Ku, options)?, 0)?)),
        ),
        EmulatedModel::on_usb::<FaultKind>(
            ("comscire-r32mu", NAME, IDS[1].name, Model::R32Mu.serial()),
            |options| Ok(Box::new(UsbIpServer::serve(ComScireEmulator::new(Model::R32Mu, options)?, 0)?)),
        ),
    ]
}
