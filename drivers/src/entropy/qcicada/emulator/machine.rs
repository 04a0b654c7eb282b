//! How an emulated QCicada behaves: what it knows, and what each command does to it.

mod reading;

use std::time::Duration;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use qhal::{Error, ErrorKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::super::protocol::{
    Command, Config, Flags, Generator, Info, KEY_BYTES, Parsed, Reply, Start, Statistics, UpdateReport,
    UpdateState,
};
use super::super::signature::{PublicKey, certified_bytes};
use super::noise::Noise;
use super::outgoing::{Outgoing, made_in};
use super::{Channel, Fault, FaultKind, GENERATOR, Settings};

/// Ready bytes at power-on, as the published status has them.
const READY_AT_START: u64 = 13_376;
/// How long the start-up test takes: 1024 samples of 4 bits at 100 696 bit/s are 40.7 ms.
const STARTUP_TEST: Duration = Duration::from_millis(40);
/// Output of the tested samples, which SP 800-90B §4.3 lets the device use once they have passed: 512 bytes of raw
/// noise, conditioned two to one.
const TESTED: u64 = 256;
/// Room for what a stream makes and the wire does not take; more is lost.
const STREAM_ROOM: u64 = 4096;
/// The largest firmware image that fits.
const MOST_IMAGE: u32 = 1 << 20;

/// A stream that runs.
struct Stream {
    since: Duration,
    /// Bytes made before `since`.
    ahead: u64,
    sent: u64,
}

/// A firmware update under way.
struct Update {
    length: u32,
}

pub(super) struct Machine {
    settings: Settings,
    info: Info,
    config: Config,
    noise: Noise,
    device: SigningKey,
    authority: SigningKey,
    certificate: [u8; KEY_BYTES],
    garbage: ChaCha8Rng,
    received: Vec<u8>,
    outgoing: Outgoing,
    stream: Option<Stream>,
    ready: u64,
    ready_at: Duration,
    startup_ends: Duration,
    starting_up: bool,
    generated: u64,
    failures: u32,
    hash: Option<Sha256>,
    update: Option<Update>,
    image: Vec<u8>,
    random_sent: u64,
}

fn private_key(bytes: &[u8; 32]) -> Result<SigningKey> {
    SigningKey::from_slice(bytes).map_err(|cause| {
        Error::new(ErrorKind::InvalidInput, "that is no private key of P-256").because(cause)
    })
}

fn public_bytes(key: &SigningKey) -> [u8; KEY_BYTES] {
    PublicKey::from(*key.verifying_key()).to_bytes()
}

fn sign(key: &SigningKey, message: &[u8]) -> [u8; KEY_BYTES] {
    // Deterministic nonces, RFC 6979. Signing fails with probability 2⁻²⁵⁶; zeros never verify.
    let signature = key.try_sign(message).map(|signature: Signature| signature.to_bytes());
    signature.map_or([0; KEY_BYTES], |bytes| bytes.into())
}

impl Machine {
    pub(super) fn new(settings: Settings, info: Info) -> Result<Self> {
        let (device, authority) = (private_key(&settings.device_key)?, private_key(&settings.authority_key)?);
        // A device whose names do not fit a certificate has one that verifies for nobody.
        let hardware = info.hardware_version().unwrap_or_default();
        let serial = info.serial_number().unwrap_or_default();
        let certificate = sign(&authority, &certified_bytes(hardware, serial, &public_bytes(&device)));
        let ready = READY_AT_START.min(settings.capacity.into());
        let mut machine = Self {
            noise: Noise::new(settings.seed, &settings.config, &GENERATOR),
            garbage: ChaCha8Rng::seed_from_u64(!settings.seed),
            config: settings.config,
            device,
            authority,
            certificate,
            info,
            received: Vec::new(),
            outgoing: Outgoing::default(),
            stream: None,
            ready,
            ready_at: Duration::ZERO,
            startup_ends: Duration::ZERO,
            starting_up: false,
            generated: ready,
            failures: 0,
            hash: None,
            update: None,
            image: Vec::new(),
            random_sent: 0,
            settings,
        };
        machine.set_fault(machine.settings.fault);
        Ok(machine)
    }

    pub(super) fn info(&self) -> &Info {
        &self.info
    }

    pub(super) fn authority(&self) -> PublicKey {
        PublicKey::from(*self.authority.verifying_key())
    }

    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    pub(super) fn gone(&self) -> bool {
        self.outgoing.over()
    }

    pub(super) fn set_fault(&mut self, fault: Option<Fault>) {
        self.settings.fault = fault;
        if self.faulty(FaultKind::Streaming) {
            // It has been streaming for a while and nobody listened.
            self.stream = Some(Stream { since: self.ready_at, ahead: STREAM_ROOM, sent: 0 });
        }
    }

    /// Whether the device has this fault by now.
    fn faulty(&self, kind: FaultKind) -> bool {
        self.settings.fault.is_some_and(|fault| fault.kind == kind && self.random_sent >= fault.after)
    }

    /// Whether the fault shows itself in a transfer of `count` more random bytes.
    fn breaks_within(&self, kind: FaultKind, count: u64) -> bool {
        self.settings.fault.is_some_and(|fault| fault.kind == kind && self.random_sent + count > fault.after)
    }

    fn flags(&self, now: Duration) -> Flags {
        let mut flags = if self.is_starting_up(now) { Flags::STARTUP_TEST } else { Flags::INITIALIZED };
        if self.faulty(FaultKind::HealthFlag) {
            flags |= Flags::REPETITION_COUNT;
        }
        if self.faulty(FaultKind::VoltageLow) {
            flags |= Flags::VOLTAGE_LOW;
        }
        Flags(flags)
    }

    fn is_starting_up(&self, now: Duration) -> bool {
        self.starting_up && now < self.startup_ends
    }

    fn generates(&self) -> bool {
        let on_error = self.config.generator.is_some_and(|g| g.flags & Generator::GENERATE_ON_ERROR != 0);
        on_error || !self.faulty(FaultKind::HealthFlag)
    }

    /// Brings the store up to date.
    fn refill(&mut self, now: Duration) {
        if self.is_starting_up(now) {
            return;
        }
        if std::mem::take(&mut self.starting_up) {
            (self.ready, self.generated) = (TESTED, TESTED);
            self.ready_at = self.startup_ends;
        }
        let since = self.ready_at;
        let capacity = u64::from(self.settings.capacity);
        if !self.generates() {
            self.ready = 0;
            self.failures = self.failures.max(1);
        } else if now > since && self.stream.is_none() {
            let made = made_in(now - since, self.settings.rate).min(capacity.saturating_sub(self.ready));
            if made == 0 && self.ready < capacity {
                return;
            }
            self.ready += made;
            self.generated += made;
        }
        self.ready_at = now;
    }

    pub(super) fn receive(&mut self, bytes: &[u8], now: Duration) {
        if self.faulty(FaultKind::Silent) {
            return;
        }
        self.received.extend(bytes);
        self.obey_received(now);
    }

    /// Does what the received commands say. Reads wait for the start-up test, and what follows waits for them.
    fn obey_received(&mut self, now: Duration) {
        let mut received = std::mem::take(&mut self.received);
        let mut rest = received.as_slice();
        loop {
            self.refill(now);
            let used = match Command::parse(rest, self.config.generator.is_some()) {
                Parsed::Incomplete => break,
                Parsed::Command(Command::Start(_) | Command::SignedRead { .. }, _)
                    if self.is_starting_up(now) =>
                {
                    break;
                }
                Parsed::Command(command, used) => {
                    self.obey(command, now);
                    used
                }
                Parsed::Invalid(used) => {
                    self.reply(&Reply::Nack);
                    used
                }
                Parsed::Unknown(_) => {
                    self.reply(&Reply::Nack);
                    1
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        let used = received.len() - rest.len();
        received.drain(..used);
        self.received = received;
    }

    fn reply(&mut self, reply: &Reply) {
        let mut bytes = reply.encode();
        if self.faulty(FaultKind::WrongReply) {
            // A reply of another command.
            bytes = if *reply == Reply::HashTestAck { Reply::Nack } else { Reply::HashTestAck }.encode();
        } else if self.faulty(FaultKind::Garble) {
            self.garbage.fill_bytes(&mut bytes);
            if let Some(code) = bytes.first_mut() {
                // No reply begins with a byte from 80 to EF.
                *code = 0x80 | (*code & 0x3F);
            }
        }
        self.outgoing.push(Channel::Replies, bytes, None);
    }

    fn obey(&mut self, command: Command, now: Duration) {
        if self.stream.is_some() && command != Command::Stop {
            return self.reply(&Reply::Nack);
        }
        let reply = match command {
            Command::GetStatus => Reply::Ack(self.status(now)),
            Command::Start(Start::Continuous) => self.start_stream(now),
            Command::Start(Start::OneShot(length)) => return self.one_shot(length, now),
            Command::Stop => {
                self.stop(now);
                Reply::Ack(self.status(now))
            }
            Command::GetConfig => Reply::Config(self.config),
            Command::SetConfig(config) => self.set_config(config, now),
            Command::GetStatistics => Reply::Statistics(self.statistics()),
            Command::Reset => {
                self.restart(now);
                Reply::Ack(self.status(now))
            }
            Command::GetInfo => Reply::Info(self.info),
            Command::HashTestInit => {
                self.hash = Some(Sha256::new());
                Reply::HashTestAck
            }
            Command::HashTestAccumulate(chunk) => match (&mut self.hash, chunk.data()) {
                (Some(hash), Some(data)) => {
                    hash.update(data);
                    Reply::HashTestAck
                }
                _ => Reply::Nack,
            },
            Command::HashTestDigest => match self.hash.take() {
                Some(hash) => Reply::Digest(hash.finalize().into()),
                None => Reply::Nack,
            },
            Command::UpdateInit { length } => Reply::Update(self.begin_update(length)),
            Command::UpdateChunk(chunk) => Reply::Update(self.update_with(chunk.data())),
            Command::SignedRead { length } => return self.signed_read(length),
            Command::GetPublicKey => Reply::PublicKey(public_bytes(&self.device)),
            Command::GetCertificate => {
                let mut certificate = self.certificate;
                if self.faulty(FaultKind::BadCertificate) {
                    certificate[63] ^= 1;
                }
                Reply::Certificate(certificate)
            }
            Command::Reboot => {
                self.config = self.settings.config;
                self.noise.configure(&self.config);
                (self.hash, self.update) = (None, None);
                self.outgoing.clear();
                self.restart(now);
                Reply::Rebooting
            }
        };
        self.reply(&reply);
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            generated_bytes: self.generated,
            repetition_failures: self.failures,
            adaptive_failures: 0,
            bit_count_failures: 0,
            speed: self.settings.rate.saturating_mul(8),
            sensor: self.config.generator.map(|_| self.noise.sensor()),
        }
    }

    fn restart(&mut self, now: Duration) {
        let tests = self.config.generator.is_none_or(|g| g.flags & Generator::STARTUP_TEST != 0);
        self.startup_ends = if tests { now + STARTUP_TEST } else { now };
        self.starting_up = true;
        (self.ready, self.ready_at) = (0, now);
        (self.generated, self.failures) = (0, 0);
    }

    fn set_config(&mut self, config: Config, now: Duration) -> Reply {
        let makes_sense = |g: Generator| {
            (0.0..=100.0).contains(&g.initial_level) && g.flags < 1 << 6 && g.n_lsbits > 0 && g.block_size > 0
        };
        if !config.generator.is_none_or(makes_sense) {
            return Reply::Nack;
        }
        self.config = config;
        self.noise.configure(&config);
        Reply::Ack(self.status(now))
    }

    fn begin_update(&mut self, length: u32) -> UpdateReport {
        self.image.clear();
        self.update = None;
        let state = match length {
            0 => UpdateState::Invalid,
            1..=MOST_IMAGE => UpdateState::Ready,
            _ => UpdateState::Memory,
        };
        if state == UpdateState::Ready {
            self.update = Some(Update { length });
        }
        UpdateReport { state, remaining: if self.update.is_some() { length } else { 0 } }
    }

    fn update_with(&mut self, data: Option<&[u8]>) -> UpdateReport {
        let Some(Update { length }) = self.update else {
            return UpdateReport { state: UpdateState::NotInitialized, remaining: 0 };
        };
        let left = |image: &[u8]| length.saturating_sub(u32::try_from(image.len()).unwrap_or(u32::MAX));
        let remaining = left(&self.image);
        match data {
            Some(data) if !data.is_empty() && data.len() <= remaining as usize => self.image.extend(data),
            _ => return UpdateReport { state: UpdateState::Invalid, remaining },
        }
        let remaining = left(&self.image);
        if remaining == 0 {
            self.update = None;
        }
        let state = if remaining == 0 { UpdateState::Complete } else { UpdateState::InProgress };
        UpdateReport { state, remaining }
    }
}
