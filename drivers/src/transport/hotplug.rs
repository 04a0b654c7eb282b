//! Hears from the kernel that a device came or went, so that nobody has to look all the time.
//!
//! The kernel says so to every program that listens (netlink, group 1 of KOBJECT_UEVENT: Linux, lib/kobject_uevent.c). In a
//! container it may say nothing; then waiting is just waiting.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::Deadline;

/// What the kernel files devices under that a driver here may look for.
const SUBSYSTEMS: [&str; 5] = ["usb", "tty", "misc", "hw_random", "pci"];

/// A listener for devices that come and go.
#[derive(Debug)]
pub struct Hotplug {
    socket: Option<OwnedFd>,
}

impl Default for Hotplug {
    fn default() -> Self {
        Self::new()
    }
}

impl Hotplug {
    /// Listens from now on, where the system allows it.
    pub fn new() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listening =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT))
                .and_then(|socket| {
                    // The system chooses the address; group 1 is the kernel's own news.
                    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 1)).map(|()| socket)
                });
        Self { socket: listening.ok() }
    }

    /// Whether the system tells anything.
    pub fn listens(&self) -> bool {
        self.socket.is_some()
    }

    /// Waits until a device came or went, for `limit` at most; `false` when the time was up.
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = Deadline::after(limit);
        let Some(socket) = &self.socket else {
            std::thread::sleep(limit);
            return false;
        };
        let mut news = [0; 8192];
        while !deadline.left().is_zero() {
            let left = Timespec::try_from(deadline.left()).ok();
            let mut watched = [PollFd::new(socket, PollFlags::IN)];
            // Interrupted or not, what has come is read.
            let _ = rustix::event::poll(&mut watched, left.as_ref());
            let mut heard = false;
            while let Ok((count, _)) = rustix::net::recv(socket, &mut news, RecvFlags::DONTWAIT) {
                heard |= concerns_devices(news.get(..count).unwrap_or_default());
                if count == 0 {
                    break;
                }
            }
            if heard {
                return true;
            }
        }
        false
    }
}

/// Whether the kernel's news are of a device that a driver may look for: `add@/devices/…`, then `KEY=value` texts, each
/// ended by a zero.
fn concerns_devices(news: &[u8]) -> bool {
    news.split(|byte| *byte == 0)
        .filter_map(|text| std::str::from_utf8(text).ok()?.strip_prefix("SUBSYSTEM="))
        .any(|subsystem| SUBSYSTEMS.contains(&subsystem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_devices_are_told_from_others() {
        // As the kernel writes them (lib/kobject_uevent.c).
        let news = |subsystem: &str| {
            format!("add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM={subsystem}\0SEQNUM=1\0")
        };
        assert!(concerns_devices(news("usb").as_bytes()) && concerns_devices(news("tty").as_bytes()));
        assert!(!concerns_devices(news("block").as_bytes()));
        assert!(!concerns_devices(b"SUBSYSTEM=\xFF\0usb\0") && !concerns_devices(b""));
    }

    #[test]
    fn waiting_has_an_end() {
        // Something may really be plugged in meanwhile.
        let _ = Hotplug::new().wait(Duration::from_millis(5));
        assert!(!Hotplug { socket: None }.wait(Duration::from_millis(5)));
    }
}
