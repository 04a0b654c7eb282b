//! Exports one emulated device on a loopback port, for our own client and for Linux's `usbip`.

use std::collections::VecDeque;
use std::io::{ErrorKind as Io, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use qhal::{Address, Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};

use super::protocol::{
    BUS_ID, Exported, LONGEST_TRANSFER, Message, OPERATION_HEAD, Operation, STATUS_OVERFLOW, STATUS_STALL,
    STATUS_UNLINKED, TRANSFER_HEAD, bus_id_bytes,
};
use crate::transport::Served;
use crate::transport::service::Service;
use crate::transport::usb::descriptor::Blueprint;
use crate::transport::usb::emulated::{InTransfer, Peripheral, Progress};
use crate::transport::usb::{Answer, Setup, UsbEmulator};

/// Where the device is plugged in, as its hosts see it.
const PLACE: &str = "1-1";
/// How often a device that makes a host wait is asked again.
const BUSY_TICK: Duration = Duration::from_micros(250);
/// How often the thread looks whether it is to stop.
const IDLE_TICK: Duration = Duration::from_millis(20);
/// Connections that are served at a time; more are closed at once.
const MOST_SESSIONS: usize = 16;
/// Bytes that are heard before they are understood: room for the longest transfer.
const MOST_HEARD: usize = LONGEST_TRANSFER + TRANSFER_HEAD;
/// Bytes that may wait for a host that does not read them; then nothing more is done for it.
const MOST_UNSAID: usize = 4 << 20;
/// Transfers that one host may have under way.
const MOST_PENDING: usize = 256;

/// An emulated device that other programs can reach, until this handle is stopped or dropped.
///
/// One host at a time can have it; others may list it. When the emulator says it is gone, the connections break.
#[derive(Debug)]
pub struct UsbIpServer {
    address: SocketAddr,
    service: Service,
}

impl UsbIpServer {
    /// Exports `emulator` on loopback TCP port `port`, 0 for any free one.
    ///
    /// # Errors
    /// `Busy` when the port is taken, else the kind of the system's error.
    pub fn serve(emulator: impl UsbEmulator + 'static, port: u16) -> Result<Self> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let tried = |cause| Error::from_io(cause, format!("cannot export an emulated device at {here}"));
        let listener = TcpListener::bind(here).map_err(tried)?;
        listener.set_nonblocking(true).map_err(tried)?;
        let address = listener.local_addr().map_err(tried)?;
        let mut server =
            Server { peripheral: Peripheral::new(emulator), started: Instant::now(), sessions: Vec::new() };
        let service = Service::start("usbip", move |stop| server.run(&listener, stop))?;
        Ok(Self { address, service })
    }
}

impl Served for UsbIpServer {
    /// The address a host connects to: `usbip:127.0.0.1:40123`.
    fn address(&self) -> Address {
        Address::UsbIp { host: self.address.ip().to_string(), port: self.address.port(), bus_id: None }
    }

    fn is_running(&self) -> bool {
        self.service.is_running()
    }

    fn stop(mut self: Box<Self>) -> Result<()> {
        self.service.end()
    }
}

struct Server<E> {
    peripheral: Peripheral<E>,
    started: Instant,
    sessions: Vec<Session>,
}

/// One connection.
struct Session {
    stream: TcpStream,
    heard: Vec<u8>,
    said: Vec<u8>,
    /// Whether the device is this host's.
    imported: bool,
    pending: Vec<Pending>,
    /// Closed once everything is said.
    leaving: bool,
}

/// A transfer that waits for the device.
struct Pending {
    sequence: u32,
    work: Work,
}

enum Work {
    Control { setup: Setup, length: u16, data: Vec<u8> },
    In(InTransfer),
    Out { endpoint: u8, data: Vec<u8> },
}

/// The connection is over.
struct Over;

impl<E: UsbEmulator> Server<E> {
    fn run(&mut self, listener: &TcpListener, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) && !self.peripheral.gone() {
            self.wait(listener);
            while let Ok((stream, _)) = listener.accept() {
                let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
                if ready.is_ok() && self.sessions.len() < MOST_SESSIONS {
                    self.sessions.push(Session::new(stream));
                }
            }
            // The oldest first: a host that has left is heard before the next one asks for the device.
            let mut waiting: VecDeque<Session> = std::mem::take(&mut self.sessions).into();
            while let Some(mut session) = waiting.pop_front() {
                let taken = self.sessions.iter().chain(&waiting).any(|other| other.imported);
                let now = self.started.elapsed();
                if session.step(&mut self.peripheral, taken, now).is_ok() && !self.peripheral.gone() {
                    self.sessions.push(session);
                }
            }
        }
        Ok(())
    }

    /// Rests until somebody says something, or it is time to ask the device again.
    fn wait(&self, listener: &TcpListener) {
        let busy =
            self.sessions.iter().any(|session| !session.pending.is_empty() || !session.said.is_empty());
        let limit = Timespec::try_from(if busy { BUSY_TICK } else { IDLE_TICK }).ok();
        let mut watched = vec![PollFd::new(listener, PollFlags::IN)];
        watched.extend(self.sessions.iter().map(|session| PollFd::new(&session.stream, PollFlags::IN)));
        // However it ends, everything is looked at.
        let _ = rustix::event::poll(&mut watched, limit.as_ref());
    }
}

impl Session {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            said: Vec::new(),
            imported: false,
            pending: Vec::new(),
            leaving: false,
        }
    }

    /// Hears, works and says what there is.
    fn step<E: UsbEmulator>(
        &mut self,
        device: &mut Peripheral<E>,
        taken: bool,
        now: Duration,
    ) -> std::result::Result<(), Over> {
        let mut bytes = [0; 16 * 1024];
        while self.heard.len() < MOST_HEARD {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(Over),
                Ok(count) => self.heard.extend(bytes.iter().take(count)),
                Err(cause) if cause.kind() == Io::WouldBlock => break,
                Err(cause) if cause.kind() == Io::Interrupted => {}
                Err(_) => return Err(Over),
            }
        }
        while !self.leaving && self.understand(device, taken, now)? {}
        self.work(device, now);
        self.say()
    }

    /// Takes out one message if a whole one was heard.
    fn understand<E: UsbEmulator>(
        &mut self,
        device: &mut Peripheral<E>,
        taken: bool,
        now: Duration,
    ) -> std::result::Result<bool, Over> {
        if self.imported {
            let Some(head) = self.heard.first_chunk::<TRANSFER_HEAD>() else { return Ok(false) };
            let (sequence, message) = Message::of_bytes(head).map_err(|_| Over)?;
            let follows = match message {
                Message::Submit { to_host: false, length, .. } => length as usize,
                _ => 0,
            };
            let Some(data) = self.heard.get(TRANSFER_HEAD..TRANSFER_HEAD + follows) else { return Ok(false) };
            let data = data.to_vec();
            self.heard.drain(..TRANSFER_HEAD + follows);
            self.transfer(sequence, message, data)?;
            self.work(device, now);
            return Ok(true);
        }
        let Some(head) = self.heard.first_chunk::<OPERATION_HEAD>() else { return Ok(false) };
        let (operation, _) = Operation::of_bytes(head).map_err(|_| Over)?;
        match operation {
            Operation::ListDevices => {
                self.heard.drain(..OPERATION_HEAD);
                self.said.extend(list(device.blueprint()));
                self.leaving = true;
            }
            Operation::Import => {
                let Some(bus_id) = self.heard.get(OPERATION_HEAD..OPERATION_HEAD + BUS_ID) else {
                    return Ok(false);
                };
                let ours = bus_id == bus_id_bytes(PLACE);
                self.heard.drain(..OPERATION_HEAD + BUS_ID);
                // Linux, tools/usb/usbip: 2 is a device that another host has, 4 one that there is not.
                let status = if taken {
                    2
                } else if ours {
                    0
                } else {
                    4
                };
                self.said.extend(Operation::Imported.to_bytes(status));
                if status == 0 {
                    device.reset();
                    self.said.extend(Exported::of(device.blueprint(), PLACE).to_bytes());
                    self.imported = true;
                } else {
                    self.leaving = true;
                }
            }
            Operation::Devices | Operation::Imported => return Err(Over),
        }
        Ok(true)
    }

    fn transfer(&mut self, sequence: u32, message: Message, data: Vec<u8>) -> std::result::Result<(), Over> {
        match message {
            Message::Submit { to_host, endpoint, length, setup, .. } => {
                let work = match (endpoint, to_host) {
                    (0, _) => {
                        let (setup, length) = Setup::of_bytes(setup);
                        Work::Control { setup, length, data }
                    }
                    (_, true) => Work::In(InTransfer::new(endpoint | 0x80, length as usize)),
                    (_, false) => Work::Out { endpoint, data },
                };
                if self.pending.len() >= MOST_PENDING {
                    return Err(Over);
                }
                self.pending.push(Pending { sequence, work });
            }
            Message::Unlink { transfer, .. } => {
                let before = self.pending.len();
                self.pending.retain(|pending| pending.sequence != transfer);
                let status = if self.pending.len() < before { STATUS_UNLINKED } else { 0 };
                self.said.extend(Message::Unlinked { status }.to_bytes(sequence));
            }
            Message::Done { .. } | Message::Unlinked { .. } => return Err(Over),
        }
        Ok(())
    }

    /// Goes on with everything that waits for the device; one endpoint's transfers stay in their order.
    fn work<E: UsbEmulator>(&mut self, device: &mut Peripheral<E>, now: Duration) {
        let mut waiting: Vec<u8> = Vec::new();
        let said = &mut self.said;
        self.pending.retain_mut(|Pending { sequence, work }| {
            let endpoint = match work {
                Work::Control { .. } => 0,
                Work::In(transfer) => transfer.endpoint,
                Work::Out { endpoint, .. } => *endpoint,
            };
            if waiting.contains(&endpoint) || said.len() > MOST_UNSAID {
                return true;
            }
            match work.advance(device, now) {
                None => {
                    waiting.push(endpoint);
                    true
                }
                Some((status, length, data)) => {
                    said.extend(Message::Done { status, length }.to_bytes(*sequence));
                    said.extend(data);
                    false
                }
            }
        });
    }

    fn say(&mut self) -> std::result::Result<(), Over> {
        while !self.said.is_empty() {
            match self.stream.write(&self.said) {
                Ok(count) => drop(self.said.drain(..count)),
                Err(cause) if cause.kind() == Io::WouldBlock => return Ok(()),
                Err(cause) if cause.kind() == Io::Interrupted => {}
                Err(_) => return Err(Over),
            }
        }
        if self.leaving { Err(Over) } else { Ok(()) }
    }
}

impl Work {
    /// Status, bytes moved, and the data for the host, once it is over.
    fn advance<E: UsbEmulator>(
        &mut self,
        device: &mut Peripheral<E>,
        now: Duration,
    ) -> Option<(i32, u32, Vec<u8>)> {
        let stalled = Some((STATUS_STALL, 0, Vec::new()));
        match self {
            Self::Control { setup, length, .. } if setup.is_in() => {
                match device.control_in(*setup, *length, now) {
                    Answer::Done(bytes) => Some((0, bytes.len() as u32, bytes)),
                    Answer::Stall => stalled,
                    Answer::Wait => None,
                }
            }
            Self::Control { setup, data, .. } => match device.control_out(*setup, data, now) {
                Answer::Done(()) => Some((0, data.len() as u32, Vec::new())),
                Answer::Stall => stalled,
                Answer::Wait => None,
            },
            Self::Out { endpoint, data } => match device.bulk_out(*endpoint, data, now) {
                Answer::Done(()) => Some((0, data.len() as u32, Vec::new())),
                Answer::Stall => stalled,
                Answer::Wait => None,
            },
            Self::In(transfer) => match device.fill(transfer, now) {
                Progress::Waiting => None,
                Progress::Stalled => stalled,
                Progress::TooMuch => Some((STATUS_OVERFLOW, 0, Vec::new())),
                Progress::Complete => {
                    let bytes = std::mem::take(&mut transfer.bytes);
                    Some((0, bytes.len() as u32, bytes))
                }
            },
        }
    }
}

/// The list with this one device.
fn list(blueprint: &Blueprint) -> Vec<u8> {
    let mut bytes = Operation::Devices.to_bytes(0);
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(Exported::of(blueprint, PLACE).to_bytes());
    let mut told = None;
    for interface in &blueprint.configuration.interfaces {
        if told != Some(interface.number) {
            bytes.extend(interface.class);
            bytes.push(0);
            told = Some(interface.number);
        }
    }
    bytes
}
