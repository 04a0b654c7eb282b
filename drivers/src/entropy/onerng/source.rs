//! An open OneRNG: its commands, its stream and its firmware image.

use std::time::Duration;

use qhal::device::Property;
use qhal::{Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};

use super::protocol::{Command, FirmwareImage, Mode, find_id, find_version};
use crate::transport::Transport;

/// The device streams as long as it works; a pause of this length is a fault.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// How long firmware that knows the id may take to tell it after the version.
const ID_LIMIT: Duration = Duration::from_millis(300);
/// How long packets that were under way when the device was paused may still arrive.
const UNDER_WAY: Duration = Duration::from_millis(50);
/// How long the sources have to be off before an image is asked for, or noise mixes into it.
const BEFORE_IMAGE: Duration = Duration::from_secs(2);
/// An introduction is shorter than this.
const LONGEST_TEXT: usize = 1024;

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) version: u16,
    /// Firmware before 3 does not tell any.
    pub(super) id: Option<String>,
}

/// The wire to a device.
pub(super) struct Wire {
    transport: Box<dyn Transport>,
}

impl Wire {
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport }
    }

    fn say(&mut self, command: Command) -> Result<()> {
        self.transport.write_all(&command.encode(), TIME_LIMIT)
    }

    /// Silences the device, and forgets all that it has sent or stored.
    fn quiet(&mut self) -> Result<()> {
        // A line end first: it ends whatever half a command somebody left behind.
        self.transport.write_all(b"\n", TIME_LIMIT)?;
        self.say(Command::Pause)?;
        self.say(Command::Mode(Mode::Off.mask()))?;
        self.transport.pause(UNDER_WAY);
        self.say(Command::Flush)?;
        self.transport.discard_input()
    }

    /// Silences the device and asks what it is. Answers are sent only while it runs, so it runs without any source.
    pub(super) fn info(&mut self) -> Result<Info> {
        self.quiet()?;
        self.say(Command::Run)?;
        self.say(Command::Version)?;
        let version = self.find(TIME_LIMIT, find_version)?;
        self.say(Command::Id)?;
        let id = match self.find(ID_LIMIT, find_id) {
            Ok(id) => Some(id),
            Err(error) if error.kind() == ErrorKind::TimedOut => None,
            Err(error) => return Err(error),
        };
        Ok(Info { version, id })
    }

    /// Reads until `find` finds something.
    fn find<T>(&mut self, limit: Duration, find: fn(&[u8]) -> Option<T>) -> Result<T> {
        let mut text = Vec::new();
        let mut bytes = [0; 64];
        while text.len() < LONGEST_TEXT {
            let count = self.transport.read(&mut bytes, limit)?;
            text.extend(bytes.iter().take(count));
            if let Some(found) = find(&text) {
                return Ok(found);
            }
        }
        Err(Error::new(ErrorKind::Protocol, "what it sends without a source is no answer of a OneRNG"))
    }

    /// Leaves the device as it is after power-on.
    pub(super) fn rest(&mut self) -> Result<()> {
        self.say(Command::Pause)?;
        self.say(Command::Mode(Mode::Avalanche.mask()))
    }
}

/// An open OneRNG.
pub struct OneRngSource {
    wire: Wire,
    descriptor: Descriptor,
    info: Info,
    mode: Mode,
    claim: MinEntropy,
    withheld: bool,
    open: bool,
}

impl OneRngSource {
    pub(super) fn over(mut wire: Wire, descriptor: Descriptor, info: Info, mode: Mode) -> Result<Self> {
        let claim = claim(mode)?;
        stream(&mut wire, mode)?;
        Ok(Self { wire, descriptor, info, mode, claim, withheld: false, open: true })
    }

    /// Reads the firmware image, which takes about ten seconds; afterwards the stream goes on.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`, and `Protocol` for what is no image.
    pub fn firmware_image(&mut self) -> Result<FirmwareImage> {
        let image = self.read_image();
        let streams = stream(&mut self.wire, self.mode);
        image.and_then(|image| streams.map(|()| image)).map_err(|error| error.on(&self.descriptor.id))
    }

    fn read_image(&mut self) -> Result<FirmwareImage> {
        self.wire.quiet()?;
        self.wire.transport.pause(BEFORE_IMAGE);
        self.wire.say(Command::Flush)?;
        self.wire.transport.discard_input()?;
        self.wire.say(Command::Image)?;
        self.wire.say(Command::Run)?;
        let mut bytes = vec![0; FirmwareImage::HEADER + FirmwareImage::LENGTH];
        self.wire.transport.read_exact(&mut bytes, TIME_LIMIT)?;
        FirmwareImage::parse(&bytes)
    }

    fn release(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.open, false) {
            return Ok(());
        }
        self.wire.rest()
    }
}

/// Switches to `mode`, forgets what was made in another, and lets the device run.
fn stream(wire: &mut Wire, mode: Mode) -> Result<()> {
    wire.quiet()?;
    wire.say(Command::Mode(mode.mask()))?;
    wire.say(Command::Run)
}

/// What a byte is taken to be worth, in bits.
///
/// Whitened avalanche noise: 4 of 8 bits. Raw: 2 of 8, because eight comparator bits in a row are a byte, and how
/// independent they are is not published. The radio alone: half of that, because anybody near can transmit. The
/// CRC register spreads entropy and makes none. No assessment of the device is published; one may lower these.
fn claim(mode: Mode) -> Result<MinEntropy> {
    match mode {
        Mode::Avalanche | Mode::Both => MinEntropy::new(4.0, 8),
        Mode::AvalancheRaw | Mode::BothRaw | Mode::Radio => MinEntropy::new(2.0, 8),
        Mode::RadioRaw => MinEntropy::new(1.0, 8),
        Mode::Off => Err(Error::new(ErrorKind::Unsupported, "a OneRNG whose sources are off gives no bytes")),
    }
}

impl Device for OneRngSource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// A OneRNG reports nothing: it withholds its output when eight equal bytes of zeros or ones come out of its source, and
    /// shows it by its LED. So it is `Good` until a read has waited in vain.
    fn health(&mut self) -> Result<Health> {
        Ok(if self.withheld {
            Health::Failed("it withholds its output, as it does when its source is stuck".to_owned())
        } else {
            Health::Good
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut properties = vec![
            Property::number("firmware", f64::from(self.info.version), ""),
            Property::text("mode", self.mode.as_str()),
        ];
        properties.extend(self.info.id.as_ref().map(|id| Property::text("id", id.as_str())));
        Ok(properties)
    }

    /// Pauses the device and sets it back to the mode it starts in.
    fn close(mut self: Box<Self>) -> Result<()> {
        self.release().map_err(|error| error.on(&self.descriptor.id))
    }
}

impl Drop for OneRngSource {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

impl EntropySource for OneRngSource {
    fn stage(&self) -> Stage {
        if self.mode.is_raw() { Stage::Raw } else { Stage::Conditioned }
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let result = self.wire.transport.read(out, TIME_LIMIT);
        self.withheld = matches!(&result, Err(error) if error.kind() == ErrorKind::TimedOut);
        result.map_err(|error| {
            let error = if self.withheld {
                error.context("the OneRNG withholds its output, as it does when its source is stuck")
            } else {
                error
            };
            error.on(&self.descriptor.id)
        })
    }
}
