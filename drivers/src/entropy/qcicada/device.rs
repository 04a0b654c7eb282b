//! An open QCicada and everything it can be asked, beyond what every entropy source can.

mod reading;
mod service;

use qhal::{Descriptor, Error, ErrorKind, MinEntropy, Result};
use zeroize::Zeroizing;

use super::network::Datagrams;
use super::protocol::{Command, Config, Info, PostProcess, Reply, Statistics, Status};
use super::signature::PublicKey;
use super::watch::Watch;
use super::wire::Wire;
use super::{Options, Place, source};
use crate::transport::Transport;

pub use reading::SignedRead;

/// A QCicada that is open. As a [`Device`](qhal::Device) and [`EntropySource`](qhal::EntropySource) it is read as its
/// options say; the methods here are the rest of its commands.
///
/// Unless said otherwise every method fails with `Disconnected`, `TimedOut`, `Refused` (the device said NACK) or
/// `Protocol` (the answer makes no sense). While it streams, the device refuses everything but
/// [`stop`](QCicada::stop). When it is closed or dropped, a stream is stopped and the configuration is set back.
pub struct QCicada<T: Transport> {
    pub(super) wire: Wire<T>,
    pub(super) descriptor: Descriptor,
    pub(super) options: Options,
    pub(super) info: Info,
    /// The configuration now, and the one that was found and is put back at the end.
    pub(super) config: Config,
    found: Config,
    /// The certified key, when reads are to be signed.
    pub(super) device_key: Option<PublicKey>,
    pub(super) claim: MinEntropy,
    /// Ready bytes by the last status; there may be more by now.
    known_ready: u32,
    streaming: bool,
    watch: Watch,
    /// A stretch of a stream, checked, and how much of it has been handed out.
    pub(super) spare: Zeroizing<Vec<u8>>,
    pub(super) spare_used: usize,
    closed: bool,
}

impl<T: Transport> QCicada<T> {
    /// Opens the device at the other end of `commands`, whatever state it was left in, and prepares it for reading as
    /// `options` say. `data` is the way of the random bytes where it is another one (the network variant).
    ///
    /// # Errors
    /// `TimedOut` when nothing answers, `Protocol` when something else than a QCicada does or its certificate does not
    /// hold, `Refused` when it does not take the post-processing, `Unsupported` when its firmware has no signed
    /// reads, `InvalidInput` for options that contradict each other, `Disconnected`.
    pub fn over(commands: T, data: Option<Datagrams>, place: &Place, options: Options) -> Result<Self> {
        let (wire, info) = meet(commands, data, &options)?;
        Self::prepare(wire, info, place.describe(&info), options)
    }

    /// Prepares a device that answered as `info`.
    pub(super) fn prepare(
        mut wire: Wire<T>,
        info: Info,
        descriptor: Descriptor,
        options: Options,
    ) -> Result<Self> {
        let found = ask_config(&mut wire).map_err(|error| error.on(&descriptor.id))?;
        let mut device = Self {
            wire,
            descriptor,
            options,
            info,
            config: found,
            found,
            device_key: None,
            claim: source::claim(&found)?,
            known_ready: 0,
            streaming: false,
            watch: Watch::default(),
            spare: Zeroizing::default(),
            spare_used: 0,
            closed: false,
        };
        if let Some(authority) = device.options.signed_by {
            device.device_key = Some(device.certified_key(&authority)?);
        }
        if let Some(mode) = device.options.post_process {
            device.set_post_process(mode)?;
        }
        Ok(device)
    }

    /// What the device said of itself when it was opened.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// How the device is.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn status(&mut self) -> Result<Status> {
        self.acknowledged(&Command::GetStatus)
    }

    /// The counters since the last reset.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn statistics(&mut self) -> Result<Statistics> {
        match self.ask(&Command::GetStatistics)? {
            Reply::Statistics(statistics) => Ok(statistics),
            other => Err(unexpected(&Command::GetStatistics, &other)),
        }
    }

    /// The configuration.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn config(&mut self) -> Result<Config> {
        self.config = ask_config(&mut self.wire).map_err(|error| error.on(&self.descriptor.id))?;
        Ok(self.config)
    }

    /// Changes the configuration until the device is closed.
    ///
    /// # Errors
    /// See [`QCicada`]; a configuration that the device does not like is `Refused`.
    pub fn set_config(&mut self, config: Config) -> Result<Status> {
        let claim = source::claim(&config)?;
        let status = self.acknowledged(&Command::SetConfig(config))?;
        (self.config, self.claim) = (config, claim);
        self.forget();
        Ok(status)
    }

    /// Changes the post-processing alone; asks nothing of the device that has it already.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn set_post_process(&mut self, mode: PostProcess) -> Result<()> {
        if self.config.post_process != mode {
            self.set_config(Config { post_process: mode, ..self.config })?;
        }
        Ok(())
    }

    /// Restarts generation with its start-up test and clears the counters.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn reset(&mut self) -> Result<Status> {
        self.forget();
        self.acknowledged(&Command::Reset)
    }

    /// Drops what was made before a change.
    fn forget(&mut self) {
        (self.spare, self.spare_used) = (Zeroizing::default(), 0);
        self.watch = Watch::default();
        self.known_ready = 0;
    }

    /// Leaves the device as it was found.
    pub(super) fn restore(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        self.settle()?;
        if self.config != self.found {
            // A device that does not answer any more must not hold up whoever lets go of it.
            let limit = self.wire.limits.first;
            let restored = self.wire.ask_within(&Command::SetConfig(self.found), limit);
            restored.map_err(|error| error.on(&self.descriptor.id))?;
        }
        Ok(())
    }

    /// Ends a stream that an error left running.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self.streaming {
            self.wire.calm().map_err(|error| error.on(&self.descriptor.id))?;
            self.streaming = false;
        }
        Ok(())
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.streaming
    }

    pub(super) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).on(&self.descriptor.id)
    }

    fn ask(&mut self, command: &Command) -> Result<Reply> {
        self.wire.ask(command).map_err(|error| error.on(&self.descriptor.id))
    }

    fn acknowledged(&mut self, command: &Command) -> Result<Status> {
        match self.ask(command)? {
            Reply::Ack(status) => {
                self.known_ready = status.ready_bytes;
                Ok(status)
            }
            other => Err(unexpected(command, &other)),
        }
    }
}

impl<T: Transport> Drop for QCicada<T> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.restore();
    }
}

/// Brings whatever is at the other end to rest and asks what it is.
pub(super) fn meet<T: Transport>(
    commands: T,
    data: Option<Datagrams>,
    options: &Options,
) -> Result<(Wire<T>, Info)> {
    options.check()?;
    let mut wire = Wire::new(commands, data, options.limits)?;
    let first = wire.limits.first;
    let reply = match wire.ask_within(&Command::GetInfo, first) {
        // Its answer to STOP may have come late and been taken for this one.
        Err(error) if error.kind() == ErrorKind::Protocol => {
            wire.calm()?;
            wire.ask_within(&Command::GetInfo, first)?
        }
        reply => reply?,
    };
    match reply {
        Reply::Info(info) => Ok((wire, info)),
        other => Err(unexpected(&Command::GetInfo, &other)),
    }
}

fn ask_config<T: Transport>(wire: &mut Wire<T>) -> Result<Config> {
    match wire.ask(&Command::GetConfig)? {
        Reply::Config(config) => Ok(config),
        other => Err(unexpected(&Command::GetConfig, &other)),
    }
}

/// The wire has checked the code already; this is for the compiler, which cannot know.
fn unexpected(command: &Command, reply: &Reply) -> Error {
    let message = format!("{} was answered with a reply {:02X}", command.name(), reply.code());
    Error::new(ErrorKind::Protocol, message)
}
