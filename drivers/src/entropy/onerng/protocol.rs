//! What goes over a OneRNG's wire: `cmd` strings one way, text, noise and the firmware image the other, without any I/O.
//!
//! Sources: the published firmware (OneRNG/firmware, `cdc_app.c`) and public host tools, read for their facts. The
//! challenge `cmdS` is left out: what its proof is computed over is not published.

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind};

/// Which sources are on, and whether their bytes go through a 16-bit CRC register first ("whitened").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The avalanche diode, whitened: the state after power-on.
    Avalanche,
    /// The avalanche diode as it is.
    AvalancheRaw,
    /// The avalanche diode and the radio receiver's noise, whitened.
    Both,
    /// The same, as it is.
    BothRaw,
    /// No source at all.
    Off,
    /// The radio receiver's noise, whitened.
    Radio,
    /// The radio receiver's noise as it is.
    RadioRaw,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Avalanche,
        Self::AvalancheRaw,
        Self::Both,
        Self::BothRaw,
        Self::Off,
        Self::Radio,
        Self::RadioRaw,
    ];

    /// The mask: bit 0 leaves whitening out, bit 1 turns the radio on, bit 2 the avalanche diode off.
    pub const fn mask(self) -> u8 {
        match self {
            Self::Avalanche => 0,
            Self::AvalancheRaw => 1,
            Self::Both => 2,
            Self::BothRaw => 3,
            Self::Off => 4,
            Self::Radio => 6,
            Self::RadioRaw => 7,
        }
    }

    /// The mode of a mask; its bits above the lowest three mean nothing, and without a source there is nothing to whiten.
    pub const fn of_mask(mask: u8) -> Self {
        match mask & 7 {
            0 => Self::Avalanche,
            1 => Self::AvalancheRaw,
            2 => Self::Both,
            3 => Self::BothRaw,
            6 => Self::Radio,
            7 => Self::RadioRaw,
            _ => Self::Off,
        }
    }

    /// Whether bytes come as the source gives them.
    pub const fn is_raw(self) -> bool {
        self.mask() & 1 != 0
    }

    /// Its name in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avalanche => "avalanche",
            Self::AvalancheRaw => "avalanche-raw",
            Self::Both => "both",
            Self::BothRaw => "both-raw",
            Self::Off => "off",
            Self::Radio => "radio",
            Self::RadioRaw => "radio-raw",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|mode| mode.as_str()).collect();
            let message = format!("'{text}' is no mode of a OneRNG: use one of {}", names.join(", "));
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// What a host can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// `cmd0` to `cmdf`: sets the mode.
    Mode(u8),
    /// `cmdO`: send.
    Run,
    /// `cmdo`: send nothing, not even answers.
    Pause,
    /// `cmdw`: forget the pool.
    Flush,
    /// `cmdv`: tell the version.
    Version,
    /// `cmdI`: tell the id.
    Id,
    /// `cmdX`: send the firmware image.
    Image,
}

impl Command {
    /// The string that says it, with a line end.
    pub fn encode(self) -> [u8; 5] {
        let letter = match self {
            Self::Mode(mask) => b"0123456789abcdef".get(usize::from(mask & 15)).copied().unwrap_or(b'0'),
            Self::Run => b'O',
            Self::Pause => b'o',
            Self::Flush => b'w',
            Self::Version => b'v',
            Self::Id => b'I',
            Self::Image => b'X',
        };
        [b'c', b'm', b'd', letter, b'\n']
    }
}

/// Hears commands as the firmware does: a wrong character begins all over, and is itself passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandReader {
    matched: usize,
}

impl CommandReader {
    /// Takes one byte; gives the command that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Command> {
        if let Some(expected) = b"cmd".get(self.matched) {
            self.matched = if byte == *expected { self.matched + 1 } else { 0 };
            return None;
        }
        self.matched = 0;
        Some(match byte {
            b'0'..=b'9' => Command::Mode(byte - b'0'),
            b'a'..=b'f' => Command::Mode(byte - b'a' + 10),
            b'A'..=b'F' => Command::Mode(byte - b'A' + 10),
            b'O' => Command::Run,
            b'o' => Command::Pause,
            b'w' => Command::Flush,
            b'v' => Command::Version,
            b'I' => Command::Id,
            b'X' => Command::Image,
            _ => return None,
        })
    }
}

/// The answer to [`Command::Version`].
pub fn encode_version(version: u16) -> Vec<u8> {
    format!("\r\nVersion {version}\r\n").into_bytes()
}

/// The version in what a device sent, once its line is complete.
pub fn find_version(text: &[u8]) -> Option<u16> {
    const WORD: &[u8] = b"Version ";
    let at = text.windows(WORD.len()).position(|window| window == WORD)?;
    let rest = text.get(at + WORD.len()..)?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
    (rest.get(end) == Some(&b'\r')).then(|| digits.parse().ok())?
}

/// What stands on both sides of an id.
const FENCE: &[u8] = b"________";

/// The answer to [`Command::Id`].
pub fn encode_id(id: &[u8; 16]) -> Vec<u8> {
    let digits: String = id.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\r\n________{digits}________\r\n").into_bytes()
}

/// The id in what a device sent: 32 hexadecimal digits between two fences.
pub fn find_id(text: &[u8]) -> Option<String> {
    const DIGITS: usize = 32;
    text.windows(2 * FENCE.len() + DIGITS).find_map(|window| {
        let digits = window.strip_prefix(FENCE)?.strip_suffix(FENCE)?;
        let upper = digits.iter().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(digit));
        upper.then(|| digits.iter().copied().map(char::from).collect())
    })
}

/// A device's firmware image, as it sends it for verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareImage {
    /// The version, 2 or 3 so far.
    pub version: u16,
    /// The size of the program in it, modulo 65 536.
    pub text_size: u16,
    /// The whole flash memory, [`Self::LENGTH`] bytes.
    pub image: Vec<u8>,
    /// The detached OpenPGP signature in it; verified with `gpg --verify` and the maker's key, not here.
    pub signature: Vec<u8>,
}

impl FirmwareImage {
    /// What an image begins with.
    pub const MAGIC: [u8; 6] = [0xFE, 0xED, 0xBE, 0xEF, 0x20, 0x14];
    /// Bytes before the image: magic, length, version, size of the program.
    pub const HEADER: usize = 13;
    /// Bytes of the image.
    pub const LENGTH: usize = 0x04_0000;

    /// Where the signature's length stands.
    const fn signature_at(version: u16) -> usize {
        Self::LENGTH - if version >= 3 { 680 } else { 600 }
    }

    /// Reads header and image.
    ///
    /// # Errors
    /// `Protocol` for a wrong magic number or length, or a signature that does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(ErrorKind::Protocol, format!("the firmware image {what}"));
        let header = bytes.get(..Self::HEADER).ok_or_else(|| wrong("has no header"))?;
        let image = bytes.get(Self::HEADER..).unwrap_or_default();
        if !header.starts_with(&Self::MAGIC) {
            return Err(wrong("does not begin with its magic number"));
        }
        let number = |at: usize, size: usize| {
            header.iter().skip(at).take(size).rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        if number(6, 3) != Self::LENGTH || image.len() != Self::LENGTH {
            return Err(wrong("does not have 262144 bytes"));
        }
        let (version, text_size) = (number(9, 2) as u16, number(11, 2) as u16);
        let block = image.get(Self::signature_at(version)..).unwrap_or_default();
        let signature = match block {
            [low, high, rest @ ..] => {
                let length = usize::from(u16::from_le_bytes([*low, *high]));
                rest.get(..length).filter(|signature| !signature.is_empty())
            }
            _ => None,
        };
        let signature = signature.ok_or_else(|| wrong("has no signature in its place"))?.to_vec();
        Ok(Self { version, text_size, image: image.to_vec(), signature })
    }

    /// Header and image, as they go over the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Self::MAGIC.to_vec();
        bytes.extend(&(Self::LENGTH as u32).to_le_bytes()[..3]);
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.text_size.to_le_bytes());
        bytes.extend(&self.image);
        bytes
    }

    /// An image with these contents and this signature in its place; the last 128 bytes read as FF.
    pub(super) fn with_signature(version: u16, mut image: Vec<u8>, signature: Vec<u8>) -> Self {
        image.resize(Self::LENGTH, 0xFF);
        let block = (signature.len() as u16).to_le_bytes().into_iter().chain(signature.iter().copied());
        for (slot, byte) in image.iter_mut().skip(Self::signature_at(version)).zip(block) {
            *slot = byte;
        }
        for slot in image.iter_mut().rev().take(128) {
            *slot = 0xFF;
        }
        Self { version, text_size: 0x5A17, image, signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hear(text: &[u8]) -> Vec<Command> {
        let mut reader = CommandReader::default();
        text.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn commands_are_heard_as_the_firmware_hears_them() {
        use Command::{Flush, Id, Image, Mode, Pause, Run, Version};
        assert_eq!(
            hear(b"cmdO\ncmdo\r\ncmd4 cmdwcmdv\ncmdI\ncmdX\ncmdf\ncmdB"),
            [Run, Pause, Mode(4), Flush, Version, Id, Image, Mode(15), Mode(11)]
        );
        // The second c ends the match, and the rest of it means nothing.
        assert_eq!(hear(b"ccmdOcmdO"), [Run]);
        assert_eq!(hear(b"cmcmdO cmdq cmdO"), [Run]);
        for command in [Mode(0), Mode(7), Mode(10), Run, Pause, Flush, Version, Id, Image] {
            assert_eq!(hear(&command.encode()), [command]);
        }
    }

    #[test]
    fn modes_are_the_published_masks() {
        // 0 whitened avalanche, 1 raw, 2/3 with radio, 4/5 silent, 6/7 radio alone.
        let names: Vec<_> = (0..8).map(|mask| Mode::of_mask(mask).as_str()).collect();
        let published =
            ["avalanche", "avalanche-raw", "both", "both-raw", "off", "off", "radio", "radio-raw"];
        assert_eq!(names, published);
        for mode in Mode::ALL {
            assert_eq!(Mode::of_mask(mode.mask()), mode);
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        }
        assert!("quiet".parse::<Mode>().is_err());
    }

    #[test]
    fn answers_are_found_between_other_bytes() {
        assert_eq!(encode_version(3), b"\r\nVersion 3\r\n");
        assert_eq!(find_version(b"\x00\xFFcmd\r\nVersion 3\r\nx"), Some(3));
        for bad in [&b"\r\nVersion 3"[..], b"Version x\r\n", b"Version 99999\r\n", b"Version \r\n", b""] {
            assert_eq!(find_version(bad), None);
        }
        let id = [0xAB; 16];
        let digits = "AB".repeat(16);
        assert_eq!(encode_id(&id), format!("\r\n________{digits}________\r\n").into_bytes());
        assert_eq!(find_id(&encode_id(&id)), Some(digits));
        assert_eq!(find_id(&encode_id(&id).to_ascii_lowercase()), None);
    }

    #[test]
    fn an_image_has_its_published_form() {
        for (version, back) in [(2, 600), (3, 680)] {
            let signature = vec![0x89; 287];
            let image = FirmwareImage::with_signature(version, vec![7; 1000], signature.clone());
            let bytes = image.encode();
            assert_eq!(bytes[..9], [0xFE, 0xED, 0xBE, 0xEF, 0x20, 0x14, 0, 0, 4]);
            let end = bytes.len();
            assert_eq!(end, 262_144 + 13);
            assert_eq!(bytes[end - back..end - back + 3], [0x1F, 0x01, 0x89]);
            assert!(bytes[end - 128..].iter().all(|byte| *byte == 0xFF));
            assert_eq!(FirmwareImage::parse(&bytes).unwrap(), image);
            assert!(FirmwareImage::parse(&bytes[..end - 1]).is_err());
            assert!(FirmwareImage::parse(&bytes[1..]).is_err());
            let mut unsigned = bytes.clone();
            unsigned[end - back..end - back + 2].copy_from_slice(&[0xFF, 0xFF]);
            assert!(FirmwareImage::parse(&unsigned).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (hear(&bytes), find_version(&bytes), find_id(&bytes));
            prop_assert!(FirmwareImage::parse(&bytes).is_err());
        }

        #[test]
        fn ids_and_versions_read_back(id in any::<[u8; 16]>(), version in any::<u16>(), noise in "[a-z]{0,20}") {
            let text = [noise.as_bytes(), &encode_version(version), noise.as_bytes(), &encode_id(&id)].concat();
            prop_assert_eq!(find_version(&text), Some(version));
            let digits: String = id.iter().map(|byte| format!("{byte:02X}")).collect();
            prop_assert_eq!(find_id(&text), Some(digits));
        }
    }
}
