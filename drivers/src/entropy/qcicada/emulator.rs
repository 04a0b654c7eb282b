//! The device's side of the wire: a QCicada in software, byte-exact, with faults on demand.
//!
//! What the sources leave open is settled here as follows, all *unconfirmed*: a one-shot or signed read of more
//! than the ready bytes is refused; random bytes leave at the rate of generation, replies at once; while a stream
//! runs, every command but `STOP` is refused; `STOP` without a stream is acknowledged; after `RESET` and `REBOOT`
//! the start-up test takes 40 ms, for which reads wait, and then 256 bytes are ready; a failed health test empties the store and stops
//! generation unless the configuration says "generate on error"; an invalid firmware chunk may be sent again; any
//! image is accepted; a rebooted device stays on its wire; the baud rate does not matter.

mod fault;
mod machine;
mod noise;
mod outgoing;
pub mod server;

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

pub use fault::{Fault, FaultKind};

use self::machine::Machine;
use self::server::NetworkServer;
use super::protocol::{Config, Generator, Info, Label, ONE_SHOT_LIMIT, PostProcess, Version};
use super::signature::PublicKey;
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::transport::{Emulator, LineSettings};

/// What an emulated device is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Core and firmware version, serial number, hardware. Firmware before 5.13 refuses signed reads.
    pub core: Version,
    /// Version of the firmware.
    pub firmware: Version,
    /// Serial number; a certificate needs `QC` and digits.
    pub serial: String,
    /// Hardware; a certificate needs `CICADA-QRNG-M.N`.
    pub hardware: String,
    /// The configuration at power-on. Without a generator's part the firmware is not "full mode".
    pub config: Config,
    /// Bytes of output per second. A QCicada makes about 12 587 (100 696 bit/s).
    pub rate: u32,
    /// Room for ready bytes: the most that a one-shot read can ask for.
    pub capacity: u32,
    /// Private key of the device. The default is the published test key, AA thirty-two times.
    pub device_key: [u8; 32],
    /// Private key of the authority that certifies it. The default is the published test key, 01 02 … 20.
    pub authority_key: [u8; 32],
    /// What the noise is drawn from: the same seed, the same bytes.
    pub seed: u64,
    /// What is wrong with it, if something is.
    pub fault: Option<Fault>,
}

/// How the generator is set in the published configuration.
const GENERATOR: Generator = Generator {
    initial_level: 0.5,
    flags: Generator::STARTUP_TEST
        | Generator::AUTO_CALIBRATION
        | Generator::REPETITION_COUNT
        | Generator::ADAPTIVE_PROPORTION,
    n_lsbits: 4,
    hash_input_size: 64,
    block_size: 448,
    autocalibration_target: 2048,
};

impl Default for Settings {
    /// The device of the published vectors: QC0000000217, CICADA-QRNG-1.1, firmware 5.14, test keys.
    fn default() -> Self {
        let mut authority_key = [0; 32];
        for (at, byte) in (1..).zip(&mut authority_key) {
            *byte = at;
        }
        Self {
            core: Version(0x1000C),
            firmware: Version::new(5, 14),
            serial: "QC0000000217".to_owned(),
            hardware: "CICADA-QRNG-1.1".to_owned(),
            config: Config { post_process: PostProcess::Sha256, generator: Some(GENERATOR) },
            rate: 12_587,
            capacity: ONE_SHOT_LIMIT as u32,
            device_key: [0xAA; 32],
            authority_key,
            seed: 0,
            fault: None,
        }
    }
}

/// Which of the two ways of the network variant something goes; on a serial line they are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Replies, and the bytes of signed reads (*unconfirmed*): the TCP connection.
    Replies,
    /// Random bytes: UDP.
    Data,
}

/// A QCicada in software. It is an [`Emulator`] for serial wires; [`server::NetworkServer`] puts it on TCP and UDP.
pub struct QCicadaEmulator {
    machine: Machine,
}

impl QCicadaEmulator {
    /// A device as `settings` say, switched on and ready.
    ///
    /// # Errors
    /// `InvalidInput` when a key is no private key of P-256, the rate is 0 or a name does not fit.
    pub fn new(settings: Settings) -> Result<Self> {
        if settings.rate == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "an emulated QCicada needs a rate above 0"));
        }
        let info = Info {
            core: settings.core,
            firmware: settings.firmware,
            serial: Label::new(&settings.serial)?,
            hardware: Label::new(&settings.hardware)?,
        };
        Ok(Self { machine: Machine::new(settings, info)? })
    }

    /// What the device says it is.
    pub fn info(&self) -> &Info {
        self.machine.info()
    }

    /// The public key of the authority that certified it: what a user would supply.
    pub fn authority(&self) -> PublicKey {
        self.machine.authority()
    }

    /// What arrived of a firmware image so far.
    pub fn firmware_image(&self) -> &[u8] {
        self.machine.image()
    }

    /// Breaks the device, or mends it.
    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.machine.set_fault(fault);
    }

    /// What the device sends next by `now`, at most `room` bytes of it, and which way. Random bytes come in pieces of
    /// `grain` bytes, apart from the last of a transfer.
    pub(crate) fn send(&mut self, room: usize, grain: usize, now: Duration) -> Option<(Channel, Vec<u8>)> {
        self.machine.send(room, grain, now)
    }
}

impl Emulator for QCicadaEmulator {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.machine.receive(bytes, now);
    }

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        let mut room = room;
        while let Some((_, bytes)) = self.send(room, 1, now) {
            room = room.saturating_sub(bytes.len());
            out.extend(bytes);
        }
    }

    fn gone(&self) -> bool {
        self.machine.gone()
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    let settings = Settings::default();
    vec![EmulatedModel {
        name: "qcicada",
        driver: super::NAME,
        model: settings.hardware,
        serial: Some(settings.serial),
        faults: FaultKind::ALL.into_iter().map(FaultKind::as_str).collect(),
        line: Some(|options| Ok(Box::new(from_options(options)?))),
        network: Some(|options| Ok(Box::new(NetworkServer::serve(from_options(options)?, 0, None)?))),
    }]
}

fn from_options(options: &EmulatorOptions) -> Result<QCicadaEmulator> {
    let usual = Settings::default();
    let rate = options.rate_bytes_per_s.map_or(usual.rate, |rate| u32::try_from(rate).unwrap_or(u32::MAX));
    QCicadaEmulator::new(Settings { seed: options.seed, rate, fault: options.fault()?, ..usual })
}

#[cfg(test)]
mod tests;
