//! A wrapper that disturbs a USB device as a script says, always in the same way.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

use super::{Setup, UsbTransport, halted, silent};
use crate::transport::ports::UsbDevice;

/// One disturbance. Transfers are counted from 0 since the wrapper was made, those of all endpoints together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Transfer number `at` is refused.
    Stall {
        /// The number of the transfer.
        at: u64,
    },
    /// Transfer number `at` and the next ones, `times` in all, find no answer in time.
    Silence {
        /// The number of the first of them.
        at: u64,
        /// How many there are.
        times: u64,
    },
    /// Transfer number `at` brings at most `length` bytes; what it brought beyond them is lost.
    Cut {
        /// The number of the transfer.
        at: u64,
        /// How many bytes arrive.
        length: usize,
    },
    /// In transfer number `at` the byte at `offset` arrives with these bits flipped.
    Flip {
        /// The number of the transfer.
        at: u64,
        /// The offset of the byte.
        offset: usize,
        /// The bits to flip.
        mask: u8,
    },
    /// The device is gone from transfer number `at` on.
    Unplug {
        /// The number of the transfer.
        at: u64,
    },
}

/// Disturbs `inner` by a script of [`Fault`]s.
pub struct FaultyUsb<T: UsbTransport> {
    inner: T,
    script: Vec<Fault>,
    transfers: u64,
}

impl<T: UsbTransport> FaultyUsb<T> {
    /// Puts `script` between the caller and `inner`.
    pub fn new(inner: T, script: Vec<Fault>) -> Self {
        Self { inner, script, transfers: 0 }
    }

    /// How many transfers there were.
    pub fn transfers(&self) -> u64 {
        self.transfers
    }

    /// Counts a transfer; fails if the script says so, and gives its number otherwise.
    fn begin(&mut self, timeout: Duration) -> Result<u64> {
        let number = self.transfers;
        self.transfers += 1;
        for fault in &self.script {
            match *fault {
                Fault::Stall { at } if at == number => return Err(halted("this transfer, by script")),
                Fault::Silence { at, times } if (at..at.saturating_add(times)).contains(&number) => {
                    self.inner.pause(timeout);
                    return Err(silent("this transfer, by script,", timeout));
                }
                Fault::Unplug { at } if number >= at => {
                    return Err(Error::new(
                        ErrorKind::Disconnected,
                        "the device was unplugged by its script",
                    ));
                }
                _ => {}
            }
        }
        Ok(number)
    }

    /// What arrives of the `count` bytes that came.
    fn disturb(&self, number: u64, out: &mut [u8], count: usize) -> usize {
        let mut arrived = count;
        for fault in &self.script {
            match *fault {
                Fault::Cut { at, length } if at == number => arrived = arrived.min(length),
                Fault::Flip { at, offset, mask } if at == number => {
                    if let Some(byte) = out.get_mut(offset) {
                        *byte ^= mask;
                    }
                }
                _ => {}
            }
        }
        arrived
    }
}

impl<T: UsbTransport> UsbTransport for FaultyUsb<T> {
    fn device(&self) -> &UsbDevice {
        self.inner.device()
    }

    fn max_packet(&self, endpoint: u8) -> Option<usize> {
        self.inner.max_packet(endpoint)
    }

    fn endpoints(&self) -> Vec<u8> {
        self.inner.endpoints()
    }

    fn control_in(&mut self, setup: Setup, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let number = self.begin(timeout)?;
        let count = self.inner.control_in(setup, out, timeout)?;
        Ok(self.disturb(number, out, count))
    }

    fn control_out(&mut self, setup: Setup, data: &[u8], timeout: Duration) -> Result<()> {
        self.begin(timeout)?;
        self.inner.control_out(setup, data, timeout)
    }

    fn bulk_in(&mut self, endpoint: u8, out: &mut [u8], timeout: Duration) -> Result<usize> {
        let number = self.begin(timeout)?;
        let count = self.inner.bulk_in(endpoint, out, timeout)?;
        Ok(self.disturb(number, out, count))
    }

    fn bulk_out(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        self.begin(timeout)?;
        self.inner.bulk_out(endpoint, data, timeout)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.begin(Duration::ZERO)?;
        self.inner.clear_halt(endpoint)
    }

    fn set_alternate(&mut self, interface: u8, setting: u8) -> Result<()> {
        self.begin(Duration::ZERO)?;
        self.inner.set_alternate(interface, setting)
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }

    fn keeps_time(&self) -> bool {
        self.inner.keeps_time()
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}
