//! An open Entropy Key as a source of entropy.

use std::collections::VecDeque;
use std::time::Duration;

use qhal::device::Property;
use qhal::{Descriptor, Device, EntropySource, Error, ErrorKind, Health, MinEntropy, Result, Stage};
use zeroize::Zeroize;

use super::keys::Key;
use super::wire::{Event, Wire};
use crate::transport::Deadline;

/// How long a read waits for entropy: a block of 20 000 bits takes less than a second to gather, and a failed one is
/// thrown away.
const ENTROPY: Duration = Duration::from_secs(5);
/// How long a device that has not told how it is may take to do so.
const STATE: Duration = Duration::from_secs(2);
/// Frames that may come without entropy in one read.
const OTHERS: u32 = 200;
/// Entropy that is kept while the device is asked how it is.
const MOST_KEPT: usize = 64 * 1024;

/// An open Entropy Key.
pub struct EntropyKeySource {
    wire: Wire,
    descriptor: Descriptor,
    long_term: Option<Key>,
    claim: MinEntropy,
    ready: VecDeque<u8>,
    /// After an error: the device starts anew before anything else.
    lost: bool,
    open: bool,
}

impl EntropyKeySource {
    pub(super) fn over(wire: Wire, descriptor: Descriptor, long_term: Option<Key>) -> Result<Self> {
        // Half of what the design aims at (a shannon a bit, after removing bias): no assessment of it is published, and what it
        // tells of its own generators before that is about three shannons a byte.
        let claim = MinEntropy::new(4.0, 8)?;
        let ready = VecDeque::new();
        Ok(Self { wire, descriptor, long_term, claim, ready, lost: false, open: true })
    }

    /// What has been received and not handed out is wiped, and the device is to start anew.
    fn give_up(&mut self, error: Error) -> Error {
        self.wipe();
        self.lost = !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::PermissionDenied);
        error.on(&self.descriptor.id)
    }

    fn wipe(&mut self) {
        self.ready.make_contiguous().zeroize();
        self.ready.clear();
    }

    fn start_anew_if_lost(&mut self) -> Result<()> {
        if self.lost {
            let serial = self.wire.serial();
            self.wire.reset(Some(serial))?;
            self.lost = false;
        }
        Ok(())
    }

    fn check_failure(&self) -> Result<()> {
        match self.wire.state.failure().reason() {
            None => Ok(()),
            Some(why) => {
                Err(Error::new(ErrorKind::Unhealthy, format!("the device has locked itself: {why}")))
            }
        }
    }

    fn gather(&mut self) -> Result<()> {
        self.start_anew_if_lost()?;
        let Some(long_term) = self.long_term.clone() else {
            let serial = self.wire.serial();
            let message = format!(
                "without the long-term key of {serial} nothing it sends can be decrypted: name a keyring that has it"
            );
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        };
        let deadline = Deadline::after(ENTROPY);
        for _ in 0..OTHERS {
            self.check_failure()?;
            if !self.wire.is_keyed() {
                self.wire.key(&long_term)?;
            }
            match self.wire.event(deadline.left())? {
                Event::Entropy(bytes) => {
                    self.ready.extend(bytes.iter());
                    return Ok(());
                }
                Event::NeedsKey => self.wire.key(&long_term)?,
                Event::Noted => {}
            }
        }
        Err(Error::new(ErrorKind::TimedOut, "the device tells a lot, and gives no entropy"))
    }

    /// Hears what the device says until it has told how it is.
    fn listen(&mut self) -> Result<()> {
        self.start_anew_if_lost()?;
        let deadline = Deadline::after(STATE);
        for _ in 0..OTHERS {
            if self.wire.state.generators.is_some() || deadline.left().is_zero() {
                break;
            }
            match self.wire.event(deadline.left()) {
                Ok(Event::Entropy(bytes)) if self.ready.len() < MOST_KEPT => self.ready.extend(bytes.iter()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the device a new long-term key, made with the master key that was printed for its owner; the key returned
    /// belongs into the keyring. The old one is gone.
    ///
    /// # Errors
    /// `Refused` when the device keeps the old one, because the master key is wrong or it is locked; `TimedOut`,
    /// `Disconnected`, `Protocol`, `Unhealthy`.
    pub fn set_long_term_key(&mut self, master: &Key) -> Result<Key> {
        let key = self.wire.long_term_key(master).map_err(|error| self.give_up(error))?;
        self.long_term = Some(key.clone());
        Ok(key)
    }

    fn release(&mut self) -> Result<()> {
        self.wipe();
        if !std::mem::replace(&mut self.open, false) {
            return Ok(());
        }
        self.wire.rest()
    }
}

impl Device for EntropyKeySource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The failure mode that the device reports from time to time; the first time, it is waited for.
    fn health(&mut self) -> Result<Health> {
        self.listen().map_err(|error| self.give_up(error))?;
        Ok(match self.wire.state.failure().reason() {
            Some(why) => Health::Failed(format!("the device has locked itself: {why}")),
            None => Health::Good,
        })
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        self.listen().map_err(|error| self.give_up(error))?;
        let state = self.wire.state;
        let mut properties = vec![Property::flag("long-term key known", self.long_term.is_some())];
        let mut add = |name: &str, value: f64, unit| properties.push(Property::number(name, value, unit));
        if let Some(tenths) = state.tenths_of_kelvin {
            add("temperature", (f64::from(tenths) - 2731.5) / 10.0, "°C");
        }
        if let Some(millivolts) = state.millivolts {
            add("supply voltage", f64::from(millivolts), "mV");
        }
        if let Some(fips) = state.fips {
            add("fips blocks", f64::from(fips.blocks), "");
            add("fips failures", f64::from(fips.failed), "");
            add("fips monobit failures", f64::from(fips.monobit), "");
            add("fips poker failures", f64::from(fips.poker), "");
            add("fips runs failures", f64::from(fips.runs), "");
        }
        if let Some(generators) = state.generators.filter(|generators| generators.bytes > 0) {
            let bytes = f64::from(generators.bytes);
            for (name, shannons) in
                ["left generator", "right generator", "both generators"].iter().zip(generators.shannons)
            {
                add(name, f64::from(shannons) / bytes, "shannons a byte");
            }
        }
        add("session keys", self.wire.rekeyings as f64, "");
        add("lost frames", self.wire.lost as f64, "");
        add("bytes outside frames", self.wire.skipped() as f64, "bytes");
        Ok(properties)
    }

    /// Resets the device, which forgets the session key.
    fn close(mut self: Box<Self>) -> Result<()> {
        self.release().map_err(|error| error.on(&self.descriptor.id))
    }
}

impl Drop for EntropyKeySource {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

impl EntropySource for EntropyKeySource {
    fn stage(&self) -> Stage {
        Stage::Conditioned
    }

    fn claimed_min_entropy(&self) -> MinEntropy {
        self.claim
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.ready.is_empty() {
            self.gather().map_err(|error| self.give_up(error))?;
        }
        let count = out.len().min(self.ready.len());
        for (slot, byte) in out.iter_mut().zip(self.ready.iter_mut()) {
            *slot = std::mem::take(byte);
        }
        self.ready.drain(..count);
        Ok(count)
    }
}
