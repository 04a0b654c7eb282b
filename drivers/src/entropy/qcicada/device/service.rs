//! What a QCicada can be asked for its own sake: hash test, firmware update, keys, restart.

use qhal::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use super::super::protocol::{
    CHUNK_BYTES, Chunk, Command, KEY_BYTES, Reply, SIGNED_READ_SINCE, UpdateChunk, UpdateReport, UpdateState,
};
use super::super::signature::PublicKey;
use super::{QCicada, unexpected};
use crate::transport::Transport;

/// How often a firmware chunk that arrived damaged is sent again.
const CHUNK_RETRIES: u32 = 3;

impl<T: Transport> QCicada<T> {
    /// The SHA-256 digest of `message`, as the device's own SHA-256 computes it.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn hash(&mut self, message: &[u8]) -> Result<[u8; 32]> {
        let step = |device: &mut Self, command: Command| match device.ask(&command)? {
            Reply::HashTestAck => Ok(()),
            other => Err(unexpected(&command, &other)),
        };
        step(self, Command::HashTestInit)?;
        for part in message.chunks(CHUNK_BYTES) {
            step(self, Command::HashTestAccumulate(Chunk::new(part)?))?;
        }
        match self.ask(&Command::HashTestDigest)? {
            Reply::Digest(digest) => Ok(digest),
            other => Err(unexpected(&Command::HashTestDigest, &other)),
        }
    }

    /// Tests the device's SHA-256 with the message `abc` of FIPS 180-4 and one of 3000 bytes.
    ///
    /// # Errors
    /// `Unhealthy` when a digest is wrong; else see [`QCicada`].
    pub fn test_hash(&mut self) -> Result<()> {
        let long: Vec<u8> = (0..3000u32).map(|at| (at % 251) as u8).collect();
        for message in [b"abc".as_slice(), &long] {
            if self.hash(message)? != *Sha256::digest(message) {
                return Err(self.error(ErrorKind::Unhealthy, "the device's SHA-256 gives a wrong digest"));
            }
        }
        Ok(())
    }

    /// Sends a firmware image; `progress` is told the bytes that remain. The new firmware runs after a
    /// [`reboot`](QCicada::reboot).
    ///
    /// # Errors
    /// `Refused` when the device does not take the image, with the state it reports; `InvalidInput` for an empty
    /// image or one of 4 GiB and more; else see [`QCicada`].
    pub fn update_firmware(&mut self, image: &[u8], mut progress: impl FnMut(u32)) -> Result<()> {
        let length = u32::try_from(image.len()).ok().filter(|&length| length > 0);
        let length = length
            .ok_or_else(|| self.error(ErrorKind::InvalidInput, "a firmware image has 1 byte to 4 GiB"))?;
        let mut remaining = length;
        let begun = self.update_step(Command::UpdateInit { length })?;
        if begun.state != UpdateState::Ready {
            return Err(self.update_refused(begun));
        }
        for part in image.chunks(CHUNK_BYTES) {
            let chunk = UpdateChunk::new(part)?;
            let mut tries = 0;
            let report = loop {
                let report = self.update_step(Command::UpdateChunk(chunk.clone()))?;
                if report.state != UpdateState::Invalid || tries == CHUNK_RETRIES {
                    break report;
                }
                tries += 1;
            };
            remaining -= u32::try_from(part.len()).unwrap_or(remaining).min(remaining);
            let expected = if remaining == 0 { UpdateState::Complete } else { UpdateState::InProgress };
            if report.state != expected {
                return Err(self.update_refused(report));
            }
            if report.remaining != remaining {
                let message = format!(
                    "the device misses {} bytes of firmware where {remaining} are left",
                    report.remaining
                );
                return Err(self.error(ErrorKind::Protocol, message));
            }
            progress(remaining);
        }
        Ok(())
    }

    fn update_step(&mut self, command: Command) -> Result<UpdateReport> {
        match self.ask(&command)? {
            Reply::Update(report) => Ok(report),
            other => Err(unexpected(&command, &other)),
        }
    }

    fn update_refused(&self, report: UpdateReport) -> Error {
        let state = report.state.as_str();
        let message =
            format!("the device does not take the firmware: {state}, {} bytes to go", report.remaining);
        self.error(ErrorKind::Refused, message)
    }

    /// The device's public key, as it says; only [`certified_key`](QCicada::certified_key) says whose it is.
    ///
    /// # Errors
    /// See [`QCicada`]; `Protocol` also for bytes that are no point of P-256.
    pub fn public_key(&mut self) -> Result<PublicKey> {
        match self.ask(&Command::GetPublicKey)? {
            Reply::PublicKey(bytes) => PublicKey::new(&bytes).map_err(|error| {
                self.error(ErrorKind::Protocol, "the device has no proper public key").because(error)
            }),
            other => Err(unexpected(&Command::GetPublicKey, &other)),
        }
    }

    /// The device's certificate r ‖ s, unchecked.
    ///
    /// # Errors
    /// See [`QCicada`].
    pub fn certificate(&mut self) -> Result<[u8; KEY_BYTES]> {
        match self.ask(&Command::GetCertificate)? {
            Reply::Certificate(bytes) => Ok(bytes),
            other => Err(unexpected(&Command::GetCertificate, &other)),
        }
    }

    /// The device's public key, certified for this serial number and hardware by `authority`.
    ///
    /// # Errors
    /// `Unsupported` for firmware before 5.13; `Protocol` when the certificate does not hold; else see [`QCicada`].
    pub fn certified_key(&mut self, authority: &PublicKey) -> Result<PublicKey> {
        if self.info.firmware < SIGNED_READ_SINCE {
            let message = format!("firmware {} has no signed reads; 5.13 and later have", self.info.firmware);
            return Err(self.error(ErrorKind::Unsupported, message));
        }
        let key = self.public_key()?;
        let certificate = self.certificate()?;
        let checked = authority.verify_certificate(&self.info, &key, &certificate);
        checked.map_err(|error| error.on(&self.descriptor.id))?;
        Ok(key)
    }

    /// Restarts the device; it leaves the bus for a while and has to be opened again.
    ///
    /// # Errors
    /// See [`QCicada`]; that it leaves without an answer is none.
    pub fn reboot(mut self) -> Result<()> {
        let first = self.wire.limits.first;
        self.closed = true;
        match self.wire.ask_within(&Command::Reboot, first) {
            Err(error) if !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Disconnected) => {
                self.closed = false;
                Err(error.on(&self.descriptor.id))
            }
            _ => Ok(()),
        }
    }
}
