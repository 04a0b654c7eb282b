//! The network variant's way for random bytes: UDP datagrams from the device to a port of ours.

use std::collections::VecDeque;
use std::io::ErrorKind as Io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use crate::transport::{Deadline, LineSettings, MOST_DISCARDED, Transport};

/// The largest datagram there is.
const LARGEST: usize = 65_535;

/// Datagrams from one device, read as a stream of bytes. Nothing can be written to it.
///
/// Only datagrams from the address of the command connection count: anybody could send others. Datagrams carry
/// neither number nor signature, so a lost one shortens a read, and their order is the order of arrival.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    device: IpAddr,
    arrived: VecDeque<u8>,
    room: Vec<u8>,
}

impl Datagrams {
    /// Binds UDP port `port` on the address from which `device` is reached. Do it before the device is told to
    /// send, or the first datagrams are lost.
    ///
    /// # Errors
    /// `Busy` when another program has the port, else the kind of the system's error.
    pub fn bind(device: SocketAddr, port: u16) -> Result<Self> {
        let tried = |cause: std::io::Error| {
            Error::from_io(
                cause,
                format!("cannot receive on UDP port {port}, where the device sends its random bytes"),
            )
        };
        let any: IpAddr = if device.is_ipv4() { [0u8; 4].into() } else { [0u8; 16].into() };
        // Connecting a datagram socket sends nothing; the system only says from where it would.
        let route = UdpSocket::bind((any, 0)).map_err(tried)?;
        route.connect(device).map_err(tried)?;
        let here = route.local_addr().map_err(tried)?.ip();
        let socket = UdpSocket::bind((here, port)).map_err(tried)?;
        Ok(Self { socket, device: device.ip(), arrived: VecDeque::new(), room: vec![0; LARGEST] })
    }

    /// Takes in one datagram; `false` when it was not the device's.
    fn receive(&mut self) -> std::io::Result<bool> {
        let (count, from) = self.socket.recv_from(&mut self.room)?;
        if from.ip() != self.device {
            return Ok(false);
        }
        self.arrived.extend(self.room.get(..count).unwrap_or_default());
        Ok(true)
    }

    fn broken(cause: std::io::Error) -> Error {
        Error::from_io(cause, "the UDP port cannot be used any more")
    }
}

impl Transport for Datagrams {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let deadline = Deadline::after(timeout);
        while self.arrived.is_empty() {
            // A limit of zero would mean "no limit" to the system.
            let left = deadline.left().max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).map_err(Self::broken)?;
            match self.receive() {
                Ok(_) => {}
                Err(cause) if matches!(cause.kind(), Io::WouldBlock | Io::TimedOut | Io::Interrupted) => {}
                Err(cause) => return Err(Self::broken(cause)),
            }
            if self.arrived.is_empty() && deadline.left().is_zero() {
                let message = format!("no datagram came from {} for {timeout:?}", self.device);
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
        }
        let count = out.len().min(self.arrived.len());
        for (slot, byte) in out.iter_mut().zip(self.arrived.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }

    fn write_all(&mut self, _bytes: &[u8], _timeout: Duration) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "commands go over TCP, not over the data port"))
    }

    fn configure(&mut self, _line: LineSettings) -> Result<()> {
        Ok(())
    }

    fn discard_input(&mut self) -> Result<()> {
        self.socket.set_nonblocking(true).map_err(Self::broken)?;
        let mut discarded = 0;
        let result = loop {
            discarded += self.arrived.len();
            self.arrived.clear();
            match self.receive() {
                Ok(_) if discarded < MOST_DISCARDED => {}
                Err(cause) if cause.kind() == Io::Interrupted => {}
                Ok(_) => break Ok(()),
                Err(cause) if cause.kind() == Io::WouldBlock => break Ok(()),
                Err(cause) => break Err(Self::broken(cause)),
            }
        };
        self.arrived.clear();
        self.socket.set_nonblocking(false).map_err(Self::broken)?;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(5);

    #[test]
    fn datagrams_become_a_stream_and_strangers_are_not_heard() {
        let device = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Another address of the loopback network stands for another machine.
        let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
        let mut data = Datagrams::bind(device.local_addr().unwrap(), 0).unwrap();
        let here = data.socket.local_addr().unwrap();
        assert!(here.ip().is_loopback());
        stranger.send_to(b"forged", here).unwrap();
        let mut out = [0; 4];
        assert_eq!(data.read(&mut out, SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
        device.send_to(b"abc", here).unwrap();
        stranger.send_to(b"forged", here).unwrap();
        device.send_to(b"defg", here).unwrap();
        let mut all: Vec<u8> = Vec::new();
        while all.len() < 7 {
            let count = data.read(&mut out, LONG).unwrap();
            all.extend(&out[..count]);
        }
        assert_eq!(all, b"abcdefg");
        device.send_to(b"stale", here).unwrap();
        data.read_exact(&mut out[..1], LONG).unwrap();
        data.discard_input().unwrap();
        assert_eq!(data.read(&mut out, SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(data.write_all(b"x", SHORT).is_err());
    }

    #[test]
    fn a_port_that_is_taken_is_busy() {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let device = "127.0.0.1:9".parse().unwrap();
        let error = Datagrams::bind(device, other.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    }
}
