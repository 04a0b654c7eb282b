//! Puts an emulated device on a pseudo-terminal, where any program can open it like a serial port.
//!
//! The master side sees the baud rate that the host sets, so devices that are switched by a knock of baud rates work.
//! It cannot see DTR: a port that is open counts as one with DTR set, a closed one as one without. An opening that is
//! over before it could be looked at is told to the emulator all the same, begun and ended at one time; the rate it had
//! is not known then, and the one before is told in its place.

mod watch;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::{Address, Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, QueueSelector};

use self::watch::HostWatch;
use super::{Emulator, LineSettings, Served};

/// How often the emulator is asked whether it has something to send, and the line is looked at.
const TICK: Duration = Duration::from_millis(1);
/// The same while nobody has the port open; an opening is noticed at once.
const CLOSED_TICK: Duration = Duration::from_millis(10);
/// Bytes taken from the emulator at a time.
const CHUNK: usize = 4096;

/// An emulated device on a pseudo-terminal, served by a thread until this handle is stopped or dropped.
///
/// Hosts may close and reopen the port as they like; what the device sends while nobody has it open is lost, as
/// on a real line. When the emulator says it is gone, the port breaks under the host, as if it were unplugged.
#[derive(Debug)]
pub struct PtyServer {
    path: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl PtyServer {
    /// Opens a pseudo-terminal, 8N1 and raw from the start, and serves `emulator` on it.
    ///
    /// # Errors
    /// The kind of the system's error when it gives no pseudo-terminal or no thread.
    pub fn serve(emulator: impl Emulator + 'static) -> Result<Self> {
        let system = |cause: Errno| {
            Error::from_io(cause.into(), "the system gives no pseudo-terminal (is /dev/pts mounted?)")
        };
        let (master, path) = open_pair().map_err(system)?;
        let watch = HostWatch::new(&path).map_err(system)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut server = Server::new(master, watch, emulator);
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("pty".to_owned())
            .spawn(move || server.run(&told))
            .map_err(|cause| Error::from_io(cause, "the system gives no thread"))?;
        Ok(Self { path, stop, thread: Some(thread) })
    }

    /// The port a host opens, for example `/dev/pts/3`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The port as an address: `serial:/dev/pts/3`.
    pub fn address(&self) -> Address {
        Address::Serial { path: self.path.clone() }
    }

    /// Whether it is still being served; not so after the emulated device went away.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops serving; the port breaks under a host that has it open.
    ///
    /// # Errors
    /// What ended the service before, if something did; that the emulated device went away is no error.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::new(ErrorKind::Other, "the emulator's thread died")),
        }
    }
}

impl Served for PtyServer {
    fn address(&self) -> Address {
        self.address()
    }

    fn is_running(&self) -> bool {
        self.is_running()
    }

    fn stop(self: Box<Self>) -> Result<()> {
        (*self).stop()
    }
}

impl Drop for PtyServer {
    fn drop(&mut self) {
        // A handle that is dropped has nobody left to tell.
        let _ = self.end();
    }
}

/// The master side, and the path of the other one.
fn open_pair() -> rustix::io::Result<(OwnedFd, String)> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let path = name.into_string().map_err(|_| Errno::ILSEQ)?;
    // A terminal starts by echoing; a device that hears itself would answer itself. Opening it here once also makes
    // "nobody has it open" visible on the master side from the beginning.
    let slave =
        rustix::fs::open(path.as_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = rustix::termios::tcgetattr(&slave)?;
    settings.make_raw();
    rustix::termios::tcsetattr(&slave, OptionalActions::Now, &settings)?;
    let flags = rustix::fs::fcntl_getfl(&master)?;
    rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;
    Ok((master, path))
}

fn wait_for(fds: &mut [PollFd<'_>], limit: Duration) -> rustix::io::Result<()> {
    let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
    match rustix::event::poll(fds, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// What the thread works on.
struct Server<E: Emulator> {
    master: OwnedFd,
    watch: HostWatch,
    emulator: E,
    started: Instant,
    line: Option<LineSettings>,
    pending: Vec<u8>,
    /// The host's buffer took less than it was offered: wait until it has room again.
    full: bool,
}

impl<E: Emulator> Server<E> {
    fn new(master: OwnedFd, watch: HostWatch, emulator: E) -> Self {
        let (line, pending, full) = (None, Vec::new(), false);
        Self { master, watch, emulator, started: Instant::now(), line, pending, full }
    }

    fn run(&mut self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) && !self.emulator.gone() {
            self.step().map_err(|cause| Error::from_io(cause.into(), "the pseudo-terminal broke"))?;
        }
        Ok(())
    }

    fn step(&mut self) -> rustix::io::Result<()> {
        self.wait()?;
        let now = self.started.elapsed();
        self.look_at_line(now)?;
        let heard = self.hear(now)?;
        let room = CHUNK.saturating_sub(self.pending.len());
        self.emulator.transmit(&mut self.pending, room, now);
        // A host that opened the port after it was looked at, and spoke at once, is answered.
        let open = self.watch.is_open() || heard && self.is_open_now()?;
        self.send(open)
    }

    /// Whether somebody has the port open, as the terminal says.
    fn is_open_now(&self) -> rustix::io::Result<bool> {
        let mut master = [PollFd::new(&self.master, PollFlags::IN)];
        wait_for(&mut master, Duration::ZERO)?;
        Ok(!master.iter().any(|fd| fd.revents().contains(PollFlags::HUP)))
    }

    /// Waits for the host, a tick at most.
    fn wait(&self) -> rustix::io::Result<()> {
        let open = self.watch.is_open();
        let tick = match open {
            _ if self.emulator.watches_line() => Duration::ZERO,
            true => TICK,
            false => CLOSED_TICK,
        };
        // Bytes that found room last time: try again at once.
        let limit = if self.pending.is_empty() || self.full { tick } else { Duration::ZERO };
        let mut what = PollFlags::IN;
        if self.full {
            what |= PollFlags::OUT;
        }
        let watched = PollFd::from_borrowed_fd(self.watch.fd(), PollFlags::IN);
        // A port that nobody has open hangs up all the time, so it is not waited for.
        if open {
            wait_for(&mut [watched, PollFd::new(&self.master, what)], limit)?;
        } else {
            wait_for(&mut [watched], limit)?;
        }
        if tick.is_zero() {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn look_at_line(&mut self, now: Duration) -> rustix::io::Result<()> {
        let open = self.is_open_now()?;
        let changes = self.watch.changes(open);
        let baud = rustix::termios::tcgetattr(&self.master)?.output_speed();
        let before = self.line.map_or(baud, |line| line.baud);
        let missed = changes.split_last().map_or(&[][..], |(_, missed)| missed);
        let lines = missed.iter().map(|dtr| LineSettings { baud: before, dtr: *dtr });
        for line in lines.chain([LineSettings { baud, dtr: open }]) {
            if self.line != Some(line) {
                self.line = Some(line);
                self.emulator.line_changed(line, now);
            }
        }
        if changes.contains(&false) {
            self.pending.clear();
            // A knock opens and closes the port quickly; it is not worth missing one for this.
            if !open && !self.emulator.watches_line() {
                self.flush_host()?;
            }
        }
        Ok(())
    }

    /// Empties the host's receive buffer: what the last host did not read is not for the next one. Only the host's side of
    /// the pair can do that; where a new host has taken the port for itself already, it is that host's business.
    fn flush_host(&mut self) -> rustix::io::Result<()> {
        let _ = rustix::termios::tcflush(&self.master, QueueSelector::OFlush);
        self.watch.unnoticed(|path| {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            if let Ok(slave) = rustix::fs::open(path, flags, Mode::empty()) {
                let _ = rustix::termios::tcflush(&slave, QueueSelector::IFlush);
            }
        })
    }

    /// Passes on what the host wrote; returns whether it did.
    fn hear(&mut self, now: Duration) -> rustix::io::Result<bool> {
        let mut bytes = [0; CHUNK];
        match rustix::io::read(&self.master, &mut bytes) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.emulator.receive(bytes.get(..count).unwrap_or_default(), now);
                Ok(true)
            }
            // EIO: nobody has it open, which is the host's right.
            Err(Errno::AGAIN | Errno::INTR | Errno::IO) => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    fn send(&mut self, open: bool) -> rustix::io::Result<()> {
        if !open {
            self.pending.clear();
        }
        self.full = false;
        if self.pending.is_empty() {
            return Ok(());
        }
        match rustix::io::write(&self.master, &self.pending) {
            Ok(count) => {
                self.full = count < self.pending.len();
                self.pending.drain(..count);
            }
            Err(Errno::AGAIN) => self.full = true,
            Err(Errno::INTR) => {}
            Err(Errno::IO) => self.pending.clear(),
            Err(cause) => return Err(cause),
        }
        Ok(())
    }
}
