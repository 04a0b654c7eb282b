//! Puts an emulated QCicada on the network: commands over TCP, random bytes as UDP datagrams to the host.

use std::io::{ErrorKind as Io, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qhal::{Address, Error, ErrorKind, Result};

use super::{Channel, QCicadaEmulator};
use crate::transport::{Emulator, Served};

/// How long the device listens before it looks whether it has something to send.
const TICK: Duration = Duration::from_millis(1);
/// Most bytes sent at a time.
const CHUNK: usize = 4096;
/// Bytes of a datagram: the block of the published configuration. The last one of a read is shorter, never longer
/// than what was asked for, because the vendor's library loses what a datagram has beyond that.
const DATAGRAM: usize = 448;

/// An emulated QCicada on TCP and UDP, served by a thread until this handle is stopped or dropped.
///
/// One host at a time; the next one waits. The random bytes go to the UDP port of the host that has the number
/// given at the start, as the real device sends them to port 54936.
#[derive(Debug)]
pub struct NetworkServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NetworkServer {
    /// Serves `emulator` on the loopback address 127.0.0.1 at TCP port `port`, 0 for any free one. Random bytes go to
    /// UDP port `data_port` of the host; `None` stands for the same number as the TCP port.
    ///
    /// # Errors
    /// `Busy` when the port is taken, else the kind of the system's error.
    pub fn serve(emulator: QCicadaEmulator, port: u16, data_port: Option<u16>) -> Result<Self> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let tried = |cause| Error::from_io(cause, format!("cannot serve an emulated QCicada at {here}"));
        let listener = TcpListener::bind(here).map_err(tried)?;
        listener.set_nonblocking(true).map_err(tried)?;
        let address = listener.local_addr().map_err(tried)?;
        let data = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(tried)?;
        data.set_nonblocking(true).map_err(tried)?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let data_port = data_port.unwrap_or(address.port());
        let mut server = Server { emulator, started: Instant::now(), data, data_port };
        let thread = std::thread::Builder::new()
            .name("qcicada".to_owned())
            .spawn(move || server.run(&listener, &told))
            .map_err(tried)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address a host connects to: `tcp:127.0.0.1:54936`.
    pub fn address(&self) -> Address {
        Address::Tcp { host: self.address.ip().to_string(), port: self.address.port() }
    }

    /// Whether it is still being served; not so after the emulated device went away.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops serving; the connection breaks under a host that has one.
    ///
    /// # Errors
    /// `Other` when the thread died.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Error::new(ErrorKind::Other, "the emulator's thread died")),
        }
    }
}

impl Served for NetworkServer {
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

impl Drop for NetworkServer {
    fn drop(&mut self) {
        // A handle that is dropped has nobody left to tell.
        let _ = self.end();
    }
}

/// What the thread works on.
struct Server {
    emulator: QCicadaEmulator,
    started: Instant,
    data: UdpSocket,
    data_port: u16,
}

impl Server {
    fn run(&mut self, listener: &TcpListener, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) && !self.emulator.gone() {
            match listener.accept() {
                // A connection that breaks is the host's right; the next one is awaited.
                Ok((stream, host)) => drop(self.serve(stream, host.ip(), stop)),
                Err(_) => {
                    self.drop_output();
                    std::thread::sleep(TICK);
                }
            }
        }
    }

    /// Nobody is connected: what the device sends is lost.
    fn drop_output(&mut self) {
        while self.emulator.send(CHUNK, 1, self.started.elapsed()).is_some() {}
    }

    fn serve(&mut self, mut stream: TcpStream, host: IpAddr, stop: &AtomicBool) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        let mut heard = [0; CHUNK];
        while !stop.load(Ordering::Relaxed) && !self.emulator.gone() {
            match stream.read(&mut heard) {
                Ok(0) => break,
                Ok(count) => {
                    self.emulator.receive(heard.get(..count).unwrap_or_default(), self.started.elapsed());
                }
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {}
                Err(cause) => return Err(cause),
            }
            while let Some((channel, bytes)) = self.emulator.send(CHUNK, DATAGRAM, self.started.elapsed()) {
                match channel {
                    Channel::Replies => stream.write_all(&bytes)?,
                    Channel::Data => {
                        // Datagrams get lost; that is their nature, and nobody may be listening.
                        let _ = self.data.send_to(&bytes, (host, self.data_port));
                    }
                }
            }
        }
        Ok(())
    }
}
