//! A wrapper that disturbs a wire as a script says, always in the same way.

use std::collections::VecDeque;
use std::time::Duration;

use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::{LineSettings, Transport};

/// One disturbance. Offsets count the bytes received through the inner wire since the wrapper was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every read gives between one byte and this many, drawn from the seed.
    ShortReads(usize),
    /// Once `at` bytes have passed, the next `times` reads time out: the device is late.
    Late {
        /// After how many received bytes.
        at: u64,
        /// How many reads find nothing.
        times: u32,
    },
    /// The byte at offset `at` arrives with these bits flipped.
    Flip {
        /// The offset of the byte.
        at: u64,
        /// The bits to flip.
        mask: u8,
    },
    /// Every received byte has one bit flipped with this probability, in millionths, drawn from the seed.
    Noise(u32),
    /// The bytes at offsets `at .. at + count` never arrive.
    Lose {
        /// The offset of the first lost byte.
        at: u64,
        /// How many are lost.
        count: u64,
    },
    /// These bytes arrive in front of the byte at offset `at`.
    Insert {
        /// The offset of the byte they are put in front of.
        at: u64,
        /// The garbage.
        bytes: Vec<u8>,
    },
    /// The device is gone once this many bytes have been received.
    DisconnectAfterReceiving(u64),
    /// The device is gone once this many bytes have been written; the write that crosses the limit fails.
    DisconnectAfterSending(u64),
}

/// Disturbs `inner` by a script of [`Fault`]s and a seed; the same script, seed and conversation fail alike.
pub struct FaultyTransport<T: Transport> {
    inner: T,
    script: Vec<Fault>,
    rng: ChaCha8Rng,
    received: u64,
    sent: u64,
    ready: VecDeque<u8>,
}

impl<T: Transport> FaultyTransport<T> {
    /// Puts `script` between the caller and `inner`.
    pub fn new(inner: T, script: Vec<Fault>, seed: u64) -> Self {
        Self {
            inner,
            script,
            rng: ChaCha8Rng::seed_from_u64(seed),
            received: 0,
            sent: 0,
            ready: VecDeque::new(),
        }
    }

    fn connected(&self) -> Result<()> {
        let gone = self.script.iter().any(|fault| match fault {
            Fault::DisconnectAfterReceiving(limit) => self.received >= *limit,
            Fault::DisconnectAfterSending(limit) => self.sent > *limit,
            _ => false,
        });
        if gone { Err(Error::new(ErrorKind::Disconnected, "the wire was cut by its script")) } else { Ok(()) }
    }

    /// Whether a read is to time out now, by the script.
    fn is_late(&mut self) -> bool {
        let received = self.received;
        self.script.iter_mut().any(|fault| match fault {
            Fault::Late { at, times } if received >= *at && *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        })
    }

    /// One byte from the wire becomes what arrives in its place.
    fn disturb(&mut self, byte: u8) {
        let at_byte = self.received;
        self.received += 1;
        let mut arrives = Some(byte);
        for fault in &self.script {
            match fault {
                Fault::Insert { at, bytes } if *at == at_byte => self.ready.extend(bytes),
                Fault::Flip { at, mask } if *at == at_byte => arrives = arrives.map(|byte| byte ^ mask),
                Fault::Lose { at, count } if (*at..at.saturating_add(*count)).contains(&at_byte) => {
                    arrives = None
                }
                Fault::Noise(per_million) => {
                    let draw = self.rng.next_u32();
                    if self.rng.next_u32() % 1_000_000 < *per_million {
                        arrives = arrives.map(|byte| byte ^ (1 << (draw % 8)));
                    }
                }
                _ => {}
            }
        }
        self.ready.extend(arrives);
    }
}

impl<T: Transport> Transport for FaultyTransport<T> {
    fn read(&mut self, out: &mut [u8], timeout: Duration) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.is_late() {
            return Err(Error::new(
                ErrorKind::TimedOut,
                format!("nothing came within {timeout:?}, by script"),
            ));
        }
        while self.ready.is_empty() {
            self.connected()?;
            let limit = self.script.iter().filter_map(|fault| match fault {
                Fault::DisconnectAfterReceiving(limit) => Some(limit.saturating_sub(self.received)),
                _ => None,
            });
            let most = limit
                .min()
                .map_or(out.len(), |left| out.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            let mut from_wire = vec![0; most];
            let count = self.inner.read(&mut from_wire, timeout)?;
            from_wire.truncate(count);
            for byte in from_wire {
                self.disturb(byte);
            }
        }
        let mut count = out.len().min(self.ready.len());
        for fault in &self.script {
            if let Fault::ShortReads(most) = fault {
                let drawn = 1 + self.rng.next_u64() % (*most).max(1) as u64;
                count = count.min(usize::try_from(drawn).unwrap_or(usize::MAX));
            }
        }
        for (slot, byte) in out.iter_mut().zip(self.ready.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }

    fn write_all(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        self.connected()?;
        self.sent = self.sent.saturating_add(bytes.len() as u64);
        self.connected()?;
        self.inner.write_all(bytes, timeout)
    }

    fn configure(&mut self, line: LineSettings) -> Result<()> {
        self.connected()?;
        self.inner.configure(line)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.ready.clear();
        self.connected()?;
        self.inner.discard_input()
    }

    fn pause(&mut self, time: Duration) {
        self.inner.pause(time);
    }
}
