//! The device's side of an Entropy Key's wire: keys, frames and telemetry, with faults on demand.
//!
//! *Unconfirmed* and settled here: entropy is gathered at 3750 bytes a second (30 kbit/s) in blocks of 2500 bytes, of which
//! 78 frames are sent and 4 bytes thrown away; information comes once a second; the session
//! counters are never reset; a nonce of up to 48 characters is taken; gathering entropy for a key takes no time.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::keys::{Key, Session};
use super::protocol::{Frame, LAST_SEQUENCE, Serial, encode_binary, encode_sub_code, encode_text};
use crate::catalogue::{EmulatedModel, EmulatorOptions};
use crate::emulation::{Noise, Outbox};
use crate::fault::{fault_kinds, names};
use crate::transport::{Emulator, LineSettings};

fault_kinds! {
    "an Entropy Key":
    /// The MAC of every entropy frame has one character wrong.
    BadMac = "bad-mac",
    /// Every entropy frame comes twice.
    Replay = "replay",
    /// Its long-term key is another than its owner thinks.
    WrongKey = "wrong-key",
    /// It has locked itself because its supply voltage is too low, and gives no entropy.
    FailMode = "fail-mode",
    /// Its generators go bad while a key is made.
    GeneratorsBad = "generators-bad",
    /// It hears only a part of the host's nonce.
    ShortNonce = "short-nonce",
    /// Its entropy is the same byte all over.
    Stuck = "stuck",
    /// Seven bits in eight of its entropy are ones.
    Bias = "bias",
    /// Bytes are damaged and lost on the wire.
    Garble = "garble",
    /// It answers nothing.
    Silent = "silent",
    /// It is pulled out.
    Unplug = "unplug" after 2048,
}

/// Bytes of a block that is tested and sent as a whole: 20 000 bits.
const BLOCK: usize = 2500;
/// Bytes a second that the USB endpoint takes.
const USB_RATE: u64 = 400_000;
/// The longest nonce, in characters.
const LONGEST_NONCE: usize = 48;

/// What an emulated device is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The serial number.
    pub serial: Serial,
    /// The key with which long-term keys are made; the default is the published test key, 01 02 … 20.
    pub master: Key,
    /// The long-term key; the default is the same test key.
    pub long_term: Key,
    /// Bytes of entropy a second.
    pub rate: u64,
    /// What the noise is drawn from: the same seed, the same bytes.
    pub seed: u64,
    /// What is wrong with it, if something is.
    pub fault: Option<Fault>,
}

impl Default for Settings {
    /// The device of the vendor's protocol text, with test keys.
    fn default() -> Self {
        let test_key = Key::new(std::array::from_fn(|at| at as u8 + 1));
        Self {
            serial: Serial([0x37, 0x00, 0x6F, 0x06, 0x58, 0x37, 0x39, 0x30, 0x49, 0x39, 0x11, 0x43]),
            master: test_key.clone(),
            long_term: test_key,
            rate: 3750,
            seed: 0,
            fault: None,
        }
    }
}

/// What the device is in the middle of hearing.
enum Hearing {
    Nothing,
    SessionNonce(Vec<u8>),
    NonceMac(Vec<u8>),
    LongTermNonce(Vec<u8>),
}

/// An Entropy Key in software.
pub struct EntropyKeyEmulator {
    settings: Settings,
    noise: Noise,
    session: Session,
    /// The sequence number of the next entropy frame; `None` without a session key.
    next: Option<u16>,
    hearing: Hearing,
    unlocked_for: Option<[u8; 8]>,
    outbox: Outbox,
    /// Blocks and seconds that have passed.
    blocks: u64,
    seconds: u64,
    sessions: u64,
}

impl EntropyKeyEmulator {
    /// A device as `settings` say, just plugged in.
    pub fn new(settings: Settings) -> Self {
        let mut device = Self {
            noise: Noise::new(settings.seed),
            session: Session::unkeyed(settings.serial),
            next: None,
            hearing: Hearing::Nothing,
            unlocked_for: None,
            outbox: Outbox::new(USB_RATE),
            blocks: 0,
            seconds: 0,
            sessions: 0,
            settings,
        };
        device.reset(Duration::ZERO);
        device
    }

    /// The long-term key that it has now.
    pub fn long_term_key(&self) -> &Key {
        &self.settings.long_term
    }

    /// How many session keys it has made.
    pub fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Makes the next sequence number this one, so that the end of a session can be reached soon.
    pub fn skip_to(&mut self, sequence: u16) {
        self.next = self.next.map(|_| sequence);
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.settings.fault.is_some_and(|fault| fault.kind == kind && self.outbox.sent() >= fault.after)
    }

    fn send(&mut self, content: [u8; 52], now: Duration) {
        let mut frame = Frame { content, mac: self.session.mac(&content) };
        if self.has(FaultKind::BadMac)
            && content.starts_with(b"E")
            && let Some(letter) = frame.mac.first_mut()
        {
            *letter = if *letter == b'A' { b'B' } else { b'A' };
        }
        let mut bytes = frame.encode().to_vec();
        if self.has(FaultKind::Garble) {
            self.noise.garble(&mut bytes);
        }
        if !self.has(FaultKind::Silent) {
            self.outbox.push(&bytes, now);
        }
    }

    fn tell(&mut self, kind: u8, text: &str, now: Duration) {
        self.send(encode_text(kind, text), now);
    }

    fn reset(&mut self, now: Duration) {
        self.session = Session::unkeyed(self.settings.serial);
        (self.next, self.hearing, self.unlocked_for) = (None, Hearing::Nothing, None);
        self.outbox.clear();
        self.send(encode_binary(b'S', 0, &self.settings.serial.0), now);
    }

    fn make_session_key(&mut self, nonce: &[u8], now: Duration) {
        if self.has(FaultKind::GeneratorsBad) {
            return self.tell(b'B', "Generators have gone bad, rekeying abandoned.", now);
        }
        let heard = if self.has(FaultKind::ShortNonce) { nonce.len().saturating_sub(1) } else { nonce.len() };
        let Ok(entropy) = <[u8; 32]>::try_from(self.noise.uniform(32)) else { return };
        self.send(encode_binary(b'K', heard as u16, &entropy), now);
        let wrong = Key::new([0xEE; 32]);
        let key = if self.has(FaultKind::WrongKey) { &wrong } else { &self.settings.long_term };
        self.session = Session::keyed(self.settings.serial, key, &entropy, nonce);
        self.next = Some(0);
        self.sessions += 1;
    }

    fn make_long_term_key(&mut self, nonce: &[u8], now: Duration) {
        let proof = self.settings.master.nonce_mac(self.settings.serial, nonce);
        if self.unlocked_for.take() != Some(proof) {
            return self.tell(b'l', "Nonce MAC does not match", now);
        }
        let Ok(entropy) = <[u8; 32]>::try_from(self.noise.uniform(32)) else { return };
        self.send(encode_binary(b'L', nonce.len() as u16, &entropy), now);
        self.settings.long_term = self.settings.master.new_long_term(self.settings.serial, &entropy, nonce);
    }

    /// Hears one letter; `false` ends the packet.
    fn hear(&mut self, letter: u8, now: Duration) -> bool {
        if letter == 3 {
            self.reset(now);
            return true;
        }
        match std::mem::replace(&mut self.hearing, Hearing::Nothing) {
            Hearing::Nothing => match letter {
                b'R' | b'r' => self.reset(now),
                b'K' | b'k' => self.hearing = Hearing::SessionNonce(Vec::new()),
                b'M' | b'm' => self.hearing = Hearing::NonceMac(Vec::new()),
                b'L' | b'l' => self.hearing = Hearing::LongTermNonce(Vec::new()),
                _ => return self.unknown(letter, now),
            },
            Hearing::SessionNonce(text) if letter == b'.' => match BASE64.decode(text) {
                Ok(nonce) => self.make_session_key(&nonce, now),
                Err(_) => return self.unknown(letter, now),
            },
            Hearing::LongTermNonce(text) if letter == b'.' => match BASE64.decode(text) {
                Ok(nonce) => self.make_long_term_key(&nonce, now),
                Err(_) => return self.unknown(letter, now),
            },
            Hearing::SessionNonce(mut text) if text.len() < LONGEST_NONCE && is_base64(letter) => {
                text.push(letter);
                self.hearing = Hearing::SessionNonce(text);
            }
            Hearing::LongTermNonce(mut text) if text.len() < LONGEST_NONCE && is_base64(letter) => {
                text.push(letter);
                self.hearing = Hearing::LongTermNonce(text);
            }
            Hearing::NonceMac(mut text) if is_base64(letter) => {
                text.push(letter);
                match <[u8; 8]>::try_from(text.as_slice()) {
                    Ok(mac) => {
                        self.unlocked_for = Some(mac);
                        self.tell(b'M', "Long-term rekey unlocked", now);
                    }
                    Err(_) => self.hearing = Hearing::NonceMac(text),
                }
            }
            Hearing::SessionNonce(_) | Hearing::LongTermNonce(_) | Hearing::NonceMac(_) => {
                return self.unknown(letter, now);
            }
        }
        true
    }

    fn unknown(&mut self, letter: u8, now: Duration) -> bool {
        self.tell(b'W', &format!("Unknown Input Character 0x{letter:02x}"), now);
        false
    }

    /// Sends a block of entropy, or asks for a key.
    fn block(&mut self, now: Duration) {
        if self.has(FaultKind::FailMode) {
            return;
        }
        let block = if self.has(FaultKind::Stuck) {
            vec![0x5A; BLOCK]
        } else if self.has(FaultKind::Bias) {
            self.noise.biased(BLOCK)
        } else {
            self.noise.uniform(BLOCK)
        };
        for bytes in block.chunks_exact(32) {
            let (Some(sequence), Ok(bytes)) = (self.next, <&[u8; 32]>::try_from(bytes)) else {
                return self.tell(b'k', "Unable to send entropy. Please re-key session.", now);
            };
            let cipher = self.session.crypt(encode_sub_code(sequence), bytes);
            self.send(encode_binary(b'E', sequence, cipher.as_slice()), now);
            if self.has(FaultKind::Replay) {
                self.send(encode_binary(b'E', sequence, cipher.as_slice()), now);
            }
            self.next = Some(sequence + 1).filter(|next| *next <= LAST_SEQUENCE);
        }
    }

    fn inform(&mut self, now: Duration) {
        let failure = if self.has(FaultKind::FailMode) { 'A' } else { '0' };
        let supply = if failure == 'A' { 2710 } else { 3254 };
        let blocks = self.blocks.min(99_999);
        self.tell(b'I', &format!("S08052:23751:23792:23584:07112:20876:08063:24150:{failure}"), now);
        self.tell(b'I', &format!("T03143 V{supply:05}"), now);
        self.tell(b'I', &format!("F{blocks:05}:00000:00000:00000:00000"), now);
    }
}

fn is_base64(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || b"+/=".contains(&letter)
}

impl Emulator for EntropyKeyEmulator {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        // After a letter it does not understand, the rest of the packet is passed over.
        for packet in bytes.chunks(64) {
            for letter in packet {
                if !self.hear(*letter, now) {
                    break;
                }
            }
        }
    }

    fn line_changed(&mut self, _line: LineSettings, _now: Duration) {}

    fn transmit(&mut self, out: &mut Vec<u8>, room: usize, now: Duration) {
        while self.seconds < now.as_secs() {
            self.seconds += 1;
            self.inform(now);
        }
        let gathered = now.as_nanos() * u128::from(self.settings.rate) / 1_000_000_000;
        let due = u64::try_from(gathered / BLOCK as u128).unwrap_or(u64::MAX);
        // Blocks that nobody fetched in time were thrown away.
        let passed_over = due.saturating_sub(self.blocks).saturating_sub(1);
        self.blocks += passed_over;
        if self.blocks < due && self.outbox.is_empty() {
            self.blocks += 1;
            self.block(now);
        }
        if self.gone() {
            self.outbox.clear();
        }
        self.outbox.transmit(out, room, now);
    }

    fn gone(&self) -> bool {
        self.has(FaultKind::Unplug)
    }
}

/// What can be emulated.
pub(crate) fn models() -> Vec<EmulatedModel> {
    vec![EmulatedModel {
        name: "entropykey",
        driver: super::NAME,
        model: super::ID.name.to_owned(),
        serial: Some(Settings::default().serial.to_string()),
        faults: names::<FaultKind>(),
        line: Some(|options: &EmulatorOptions| {
            let usual = Settings::default();
            let rate = options.rate_bytes_per_s.unwrap_or(usual.rate);
            let settings = Settings { seed: options.seed, rate, fault: options.fault()?, ..usual };
            Ok(Box::new(EntropyKeyEmulator::new(settings)))
        }),
        network: None,
    }]
}
