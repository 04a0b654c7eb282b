//! An open SwiftRNG: its wire, its blocks, and what it says of its health.

use std::time::Duration;

use qhal::device::Property;
use qhal::{Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};
use zeroize::Zeroizing;

use super::protocol::{BLOCK, BlockTest, Command, Frequencies, GOOD, Version, parse_text};
use super::{Options, Output};
use crate::entropy::block::Block;
use crate::transport::Transport;

/// How long the vendor's software waits for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// A line that is silent for this long has nothing left of an earlier answer.
const SILENCE: Duration = Duration::from_millis(100);
/// The most of an earlier answer that is thrown away: as many reads as the vendor's software makes.
const MOST_DRAINED: usize = 3 * (BLOCK + 1);

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) version: Version,
    pub(super) model: String,
    pub(super) serial: String,
}

/// The wire to a device, one command at a time.
pub(super) struct Wire {
    transport: Box<dyn Transport>,
    /// Whether the last answer was taken to its end, so that the next byte belongs to the next one.
    in_step: bool,
}

impl Wire {
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport, in_step: false }
    }

    /// Asks; gives the answer and its status byte.
    ///
    /// # Errors
    /// `TimedOut`, `Disconnected`, and `Protocol` when what came before does not end.
    fn ask_status(&mut self, command: Command) -> Result<(Zeroizing<Vec<u8>>, u8)> {
        if !self.in_step {
            self.drain()?;
        }
        self.in_step = false;
        self.transport.write_all(&[command.byte()], TIME_LIMIT)?;
        let mut answer = Zeroizing::new(vec![0; command.answer() + 1]);
        self.transport.read_exact(&mut answer, TIME_LIMIT)?;
        self.in_step = true;
        let status = answer.pop().unwrap_or(!GOOD);
        Ok((answer, status))
    }

    /// Asks, and takes only an answer whose status is good.
    ///
    /// # Errors
    /// Those of [`ask_status`](Self::ask_status), and `Unhealthy` for a status that is not good.
    pub(super) fn ask(&mut self, command: Command) -> Result<Zeroizing<Vec<u8>>> {
        match self.ask_status(command)? {
            (answer, GOOD) => Ok(answer),
            (_, status) => {
                // What it means is not published; no byte of that answer may be used.
                let message = format!("the device answered with status {status} instead of 0");
                Err(Error::new(ErrorKind::Unhealthy, message))
            }
        }
    }

    pub(super) fn info(&mut self) -> Result<Info> {
        let wrong = |what: &str| Error::new(ErrorKind::Protocol, format!("the {what} is no {what}"));
        let odd = |error: Error| match error.kind() {
            // Somebody else's bytes in the place of a status are no report of a SwiftRNG.
            ErrorKind::Unhealthy => Error::new(ErrorKind::Protocol, error.message().to_owned()),
            _ => error,
        };
        let version = self.ask(Command::Version).map_err(odd)?;
        let version = Version::parse(&version).ok_or_else(|| wrong("version"))?;
        let model = self.ask(Command::Model).map_err(odd)?;
        let model = parse_text(&model).ok_or_else(|| wrong("model"))?;
        let serial = self.ask(Command::Serial).map_err(odd)?;
        let serial = parse_text(&serial).ok_or_else(|| wrong("serial number"))?;
        Ok(Info { version, model, serial })
    }

    /// Throws away what is left of an earlier answer.
    fn drain(&mut self) -> Result<()> {
        self.transport.discard_input()?;
        let mut left = Zeroizing::new(vec![0; BLOCK + 1]);
        let mut drained = 0;
        while drained <= MOST_DRAINED {
            match self.transport.read(&mut left, SILENCE) {
                Ok(count) => drained += count,
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Protocol, "it sends without being asked, which a SwiftRNG does not"))
    }
}

/// An open SwiftRNG.
pub struct SwiftRngSource {
    wire: Wire,
    descriptor: Descriptor,
    info: Info,
    options: Options,
    claim: MinEntropy,
    block: Block,
    worst: BlockTest,
}

impl SwiftRngSource {
    pub(super) fn over(mut wire: Wire, descriptor: Descriptor, info: Info, options: Options) -> Result<Self> {
        if let Some(profile) = options.power {
            if profile > 9 {
                let message = format!("a SwiftRNG has power profiles 0 to 9, not {profile}");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            wire.ask(Command::Power(profile)).map_err(|error| error.context("the power profile"))?;
        }
        let claim = claim(options.output)?;
        let (block, worst) = (Block::default(), BlockTest::default());
        Ok(Self { wire, descriptor, info, options, claim, block, worst })
    }

    fn refill(&mut self) -> Result<()> {
        self.block.clear();
        let block = self.wire.ask(match self.options.output {
            Output::Random => Command::Random,
            Output::Noise1 => Command::Noise1,
            Output::Noise2 => Command::Noise2,
        })?;
        // The vendor's limits are those of its random output; raw noise is judged by SP 800-90B's tests alone.
        if self.options.output == Output::Random {
            let test = BlockTest::of(&block);
            self.worst = self.worst.worst(test);
            let tolerated = self.info.version.tolerated();
            for (name, failures) in
                [("repetition count", test.repetitions), ("adaptive proportion", test.proportions)]
            {
                if failures > tolerated {
                    let message = format!(
                        "the vendor's {name} test failed {failures} times in one block, {tolerated} are tolerated"
                    );
                    return Err(Error::new(ErrorKind::Unhealthy, message));
                }
            }
        }
        self.block.replace(block);
        Ok(())
    }
}

/// What a byte is taken to be worth, in bits.
///
/// Random output: 4 of 8 bits, half of what the vendor's test limits presume (a repetition count of 5 fits 7.5 bits at a
/// false-alarm rate of 2^-30), because no assessment of it is published. A single noise source: 2 of 8 bits, because
/// nothing at all is published on its distribution.
fn claim(output: Output) -> Result<MinEntropy> {
    match output {
        Output::Random => MinEntropy::new(4.0, 8),
        Output::Noise1 | Output::Noise2 => MinEntropy::new(2.0, 8),
    }
}

impl Device for SwiftRngSource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Runs the device's own diagnostics; firmware before 2.0 has none and is `Good` as long as it answers with a good
    /// status.
    fn health(&mut self) -> Result<Health> {
        if self.info.version < Version::DIAGNOSTICS {
            return Ok(Health::Good);
        }
        let asked = self.wire.ask_status(Command::Diagnostics);
        let (_, status) = asked.map_err(|error| error.on(&self.descriptor.id))?;
        Ok(match status {
            GOOD => Health::Good,
            status => Health::Failed(format!("its own diagnostics end with status {status}")),
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut properties = vec![
            Property::text("firmware", self.info.version.to_string()),
            Property::text("output", self.options.output.as_str()),
            Property::number("repetition failures", f64::from(self.worst.repetitions), "a block at most"),
            Property::number("proportion failures", f64::from(self.worst.proportions), "a block at most"),
        ];
        if self.info.version >= Version::FREQUENCIES {
            let table = self.wire.ask(Command::Frequencies).map_err(|error| error.on(&self.descriptor.id))?;
            let bits = Frequencies::parse(&table).map(|table| table.min_entropy()).unwrap_or_default();
            for (source, bits) in (1..).zip(bits) {
                let name = format!("table of source {source}");
                properties.extend(bits.map(|bits| Property::number(name, bits, "bits a byte")));
            }
        }
        Ok(properties)
    }

    /// There is nothing to stop: a SwiftRNG sends only what it is asked for.
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl EntropySource for SwiftRngSource {
    /// A noise source is raw, and so is the random output of firmware before 3.0, of which no correction inside the
    /// device is published.
    fn stage(&self) -> Stage {
        let corrected = self.info.version >= Version::CORRECTED;
        if corrected && self.options.output == Output::Random { Stage::Conditioned } else { Stage::Raw }
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.block.is_empty() {
            self.refill().map_err(|error| error.on(&self.descriptor.id))?;
        }
        Ok(self.block.give(out))
    }
}
