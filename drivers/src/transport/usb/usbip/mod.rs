//! USB over TCP/IP: devices that another machine exports, and emulated ones that other programs can reach.
//!
//! The server exports one emulated device; Linux's own `usbip` lists it, and attaches it where the kernel has `vhci_hcd`.
//! The client reaches such a server, or `usbipd` on a machine that has real devices.

mod client;
pub mod protocol;
mod server;

pub use client::UsbIpTransport;
pub use server::UsbIpServer;
