//! The two ends of a simulated link as two processes: photons, clicks and classical messages go over TCP, and each end keeps the keys.

mod conversation;
mod device;
mod shared;
mod store;
mod wire;

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use device::SimulatedLinkEnd;
pub use qhal_distillation::authentication::Role;

use qhal::{Error, ErrorKind, Result};
use qhal_drivers::transport::https::TokenSource;
use zeroize::Zeroizing;

use self::conversation::Conversation;
use self::shared::Shared;
use self::wire::Wire;
use super::pulses::{Receiving, Sending};
use super::{LinkProtocol, LinkSettings};
use crate::link::LinkReport;

/// How often a wait looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);
/// How long is waited before the other end is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a run of a given length waits for the other end to be there.
const COMING: Duration = Duration::from_secs(60);
/// How long setting up a connection may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// The shortest secret, in bytes.
const SHORTEST_SECRET: usize = 32;

/// When an end has had enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// After so many simulated seconds; the sending end's decide.
    Seconds(f64),
    /// Never; but it rests while its store is full.
    Store,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct EndSettings {
    /// The sending end (`Alice`) listens at the address; the receiving end (`Bob`) connects to it.
    pub role: Role,
    /// `HOST:PORT`.
    pub address: String,
    /// A file whose only line is shared by the ends and authenticates them: 32 characters or more, for its owner's eyes only.
    pub secret_file: PathBuf,
    /// What is simulated. The attack is one on the fibre, which is computed at the sending end.
    pub link: LinkSettings,
}

impl EndSettings {
    /// What it is, for listings.
    pub(crate) fn model(&self) -> String {
        let end = match self.role {
            Role::Alice => "sending",
            Role::Bob => "receiving",
        };
        let LinkSettings { protocol, distance_km, .. } = self.link;
        format!("{end} end of a {} link over {distance_km} km", protocol.as_str())
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// `Unsupported` for a protocol that does not run in two processes; `InvalidInput` for a short secret and for settings that cannot
    /// be; `NotFound`, `PermissionDenied`, and `Refused` for a secret that others can read.
    fn ready(&self, goal: Goal) -> Result<Ready> {
        if self.link.protocol != LinkProtocol::Bb84Decoy {
            let message = "a link of two processes runs bb84-decoy; bbm92 and e91 run with both ends in one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Receiving::new(&self.link)?;
        let secret = TokenSource::File(self.secret_file.clone()).read()?;
        let secret = Zeroizing::new(secret.expose().as_bytes().to_vec());
        if secret.len() < SHORTEST_SECRET {
            let (length, file) = (secret.len(), self.secret_file.display());
            let message =
                format!("the secret in {file} has {length} characters, fewer than {SHORTEST_SECRET}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let Self { role, address, link, .. } = self.clone();
        Ok(Ready { role, address, secret, link, goal })
    }
}

/// Everything that an end needs to begin.
struct Ready {
    role: Role,
    address: String,
    secret: Zeroizing<Vec<u8>>,
    link: LinkSettings,
    goal: Goal,
}

impl Ready {
    /// What both ends have to agree on, in words.
    fn words(&self) -> String {
        format!("{}, {} km", self.link.protocol.as_str(), self.link.distance_km)
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let found = self.address.to_socket_addrs();
        let found = found.map_err(|cause| Error::from_io(cause, format!("no address {}", self.address)));
        found.map(Iterator::collect)
    }

    fn listen(&self) -> Result<TcpListener> {
        let listener = TcpListener::bind(self.addresses()?.as_slice()).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        listener.map_err(|cause| Error::from_io(cause, format!("cannot listen at {}", self.address)))
    }
}

/// Simulates one end for `link.seconds` of the link's time while the other end runs in another process. `go_on` hears the share that is done and
/// may end the run with an error. Of the figures, those that only the other end knows are left out; the error ratio is that of the key basis.
///
/// # Errors
/// `TimedOut` when the other end does not come; `Protocol` when it is set otherwise, or none; `Disconnected` when it goes.
pub fn simulate_end(settings: &EndSettings, go_on: &mut dyn FnMut(f64) -> Result<()>) -> Result<LinkReport> {
    let seconds = settings.link.seconds;
    if !(seconds > 0.0 && seconds <= 3600.0) {
        let why = format!("a link is simulated for up to an hour, not for {seconds} s");
        return Err(Error::new(ErrorKind::InvalidInput, why));
    }
    let settings = settings.ready(Goal::Seconds(seconds))?;
    let listener = if settings.role == Role::Alice { Some(settings.listen()?) } else { None };
    let shared = Shared::new(settings.role);
    let outcome = std::thread::scope(|scope| {
        let end = scope.spawn(|| End::new(&settings, listener, &shared)?.once());
        let mut stopped = None;
        while !end.is_finished() {
            let share = shared.lock().figures.seconds / seconds;
            if let Err(error) = go_on(share.min(1.0)) {
                stopped = Some(error);
                shared.stop();
                break;
            }
            std::thread::sleep(LOOK);
        }
        let ended = end
            .join()
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Other, "the thread of the link's end panicked")));
        stopped.map_or(ended, Err)
    });
    outcome?;
    let mut state = shared.lock();
    let mut figures = std::mem::take(&mut state.figures);
    figures.epsilons = Some(qhal_distillation::finite::Epsilons::DEFAULT);
    Ok(figures)
}

/// An end at work.
struct End<'a> {
    settings: &'a Ready,
    shared: &'a Shared,
    listener: Option<TcpListener>,
    physics: Physics,
}

/// What an end has of the link.
enum Physics {
    Sending(Box<Sending>),
    Receiving(Box<Receiving>),
}

impl<'a> End<'a> {
    fn new(settings: &'a Ready, listener: Option<TcpListener>, shared: &'a Shared) -> Result<Self> {
        let physics = match settings.role {
            Role::Alice => Physics::Sending(Box::new(Sending::new(&settings.link)?)),
            Role::Bob => Physics::Receiving(Box::new(Receiving::new(&settings.link)?)),
        };
        Ok(Self { settings, shared, listener, physics })
    }

    /// One conversation to its end.
    fn once(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(stream) = self.connection()? {
                return self.converse(stream);
            }
            if self.shared.is_stopped() {
                return Ok(());
            }
            if begun.elapsed() > COMING {
                let message = format!("the other end of the link did not come to {}", self.settings.address);
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
        }
    }

    /// One conversation after the other, until this end is stopped.
    fn always(&mut self) {
        while !self.shared.is_stopped() {
            let ended = match self.connection() {
                Ok(None) => continue,
                Ok(Some(stream)) => self.converse(stream),
                Err(error) => Err(error),
            };
            self.shared.change(|state| {
                state.connected = false;
                state.trouble = ended.err().or(state.trouble.take());
            });
            std::thread::sleep(AGAIN);
        }
    }

    /// A connection to the other end, if there is one soon.
    fn connection(&self) -> Result<Option<TcpStream>> {
        let connected = match &self.listener {
            Some(listener) => listener.accept().map(|(stream, _)| stream),
            None => {
                let mut last = Err(std::io::ErrorKind::WouldBlock.into());
                for address in self.settings.addresses()? {
                    last = TcpStream::connect_timeout(&address, CONNECTING);
                    if last.is_ok() {
                        break;
                    }
                }
                last
            }
        };
        match connected {
            Ok(stream) => {
                let blocking = stream.set_nonblocking(false);
                blocking.map_err(|cause| Error::from_io(cause, "cannot use the link's connection"))?;
                Ok(Some(stream))
            }
            Err(_) => {
                // Not there yet, or going: it may come.
                std::thread::sleep(LOOK);
                Ok(None)
            }
        }
    }

    fn converse(&mut self, stream: TcpStream) -> Result<()> {
        let (conversation, secrets) = Conversation::begin(Wire::new(stream)?, self.settings, self.shared)?;
        self.shared.change(|state| {
            state.connected = true;
            state.underway = (conversation.session(), 0);
            state.trouble = None;
        });
        match &mut self.physics {
            Physics::Sending(sending) => conversation.send(sending, secrets),
            Physics::Receiving(receiving) => conversation.receive(receiving, secrets),
        }
    }
}
