//! What goes over a SwiftRNG's wire: one command byte, an answer of known length and a status byte, without any I/O.
//!
//! Source: the vendor's host software, tectrolabs/swiftrng (linux-and-macOS/swrng), read for its facts.

use std::fmt;

/// Bytes of one answer of random or raw bytes.
pub const BLOCK: usize = 16_000;
/// The byte after every answer when all is well.
pub const GOOD: u8 = 0;

/// What a host can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// [`BLOCK`] bytes of random output.
    Random,
    /// [`BLOCK`] bytes of the first noise source.
    Noise1,
    /// [`BLOCK`] bytes of the second noise source.
    Noise2,
    /// How often every byte value came out of either source (firmware 1.2 and later).
    Frequencies,
    /// The model, eight characters.
    Model,
    /// The version, four characters.
    Version,
    /// The serial number, fifteen characters.
    Serial,
    /// Sets the power profile, 0 to 9.
    Power(u8),
    /// Runs the device's own diagnostics (firmware 2.0 and later); the status is the result.
    Diagnostics,
}

impl Command {
    /// The byte that asks for it. A power profile above 9 is taken for 9.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Random => b'x',
            Self::Noise1 => b'<',
            Self::Noise2 => b'>',
            Self::Frequencies => b'f',
            Self::Model => b'm',
            Self::Version => b'v',
            Self::Serial => b's',
            Self::Power(profile) if profile <= 9 => b'0' + profile,
            Self::Power(_) => b'9',
            Self::Diagnostics => b'd',
        }
    }

    /// What a byte asks for.
    pub const fn of_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'x' => Self::Random,
            b'<' => Self::Noise1,
            b'>' => Self::Noise2,
            b'f' => Self::Frequencies,
            b'm' => Self::Model,
            b'v' => Self::Version,
            b's' => Self::Serial,
            b'0'..=b'9' => Self::Power(byte - b'0'),
            b'd' => Self::Diagnostics,
            _ => return None,
        })
    }

    /// Bytes of the answer before its status byte.
    pub const fn answer(self) -> usize {
        match self {
            Self::Random | Self::Noise1 | Self::Noise2 => BLOCK,
            Self::Frequencies => 1024,
            Self::Model => 8,
            Self::Version => 4,
            Self::Serial => 15,
            Self::Power(_) | Self::Diagnostics => 0,
        }
    }
}

/// The version of the firmware: one digit, a dot, one digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Before the dot.
    pub major: u8,
    /// After the dot.
    pub minor: u8,
}

impl Version {
    /// From this version on there are frequency tables.
    pub const FREQUENCIES: Self = Self { major: 1, minor: 2 };
    /// From this version on there are diagnostics, and the vendor's software hashes no more on the host.
    pub const DIAGNOSTICS: Self = Self { major: 2, minor: 0 };
    /// From this version on a linear corrector works inside the device.
    pub const CORRECTED: Self = Self { major: 3, minor: 0 };

    /// Reads `V2.0`: any letter, then the number.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        match text {
            [letter, major, b'.', minor] if letter.is_ascii_alphabetic() => {
                Some(Self { major: digit(*major)?, minor: digit(*minor)? })
            }
            _ => None,
        }
    }

    /// How many failures of either block test the vendor's software lets pass in one block.
    pub const fn tolerated(self) -> u32 {
        match (self.major, self.minor) {
            (0, _) | (1, 0) => 9,
            (1, 1) => 6,
            _ => 4,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A model or serial number: printable, without the blanks or zeros that fill it up.
pub fn parse_text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (printable && !text.is_empty()).then(|| text.to_owned())
}

/// How often every byte value came out of the two noise sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequencies {
    /// Counts by byte value, for the first and the second source.
    pub sources: [[u16; 256]; 2],
}

impl Frequencies {
    /// Reads the answer: 512 counts of 16 bits, little-endian; `None` when it is not 1024 bytes long.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Command::Frequencies.answer() {
            return None;
        }
        let mut sources = [[0; 256]; 2];
        for (count, pair) in sources.iter_mut().flatten().zip(bytes.chunks_exact(2)) {
            *count = u16::from_le_bytes([*pair.first()?, *pair.get(1)?]);
        }
        Some(Self { sources })
    }

    /// The answer that says so.
    pub fn encode(&self) -> Vec<u8> {
        self.sources.iter().flatten().flat_map(|count| count.to_le_bytes()).collect()
    }

    /// -log2 of the commonest value's share, in bits a byte, of either source: what the table shows, without the
    /// allowance for a sample's size that an assessment makes. `None` for an empty table.
    pub fn min_entropy(&self) -> [Option<f64>; 2] {
        self.sources.map(|counts| {
            let sum: f64 = counts.iter().map(|count| f64::from(*count)).sum();
            let most = counts.iter().max().copied().unwrap_or_default();
            (sum > 0.0).then(|| (sum / f64::from(most)).log2())
        })
    }
}

/// What the vendor's software counts in one block: repetitions and proportions out of bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTest {
    /// Runs of five equal bytes.
    pub repetitions: u32,
    /// Windows of 64 bytes in which the first comes more than five times again.
    pub proportions: u32,
}

impl BlockTest {
    const RUN: u32 = 5;
    const WINDOW: usize = 64;
    const AGAIN: usize = 5;

    /// Tests one block by itself.
    pub fn of(block: &[u8]) -> Self {
        let mut test = Self::default();
        let (mut last, mut run) = (None, 0);
        for byte in block {
            run = if last == Some(byte) { run + 1 } else { 1 };
            last = Some(byte);
            if run == Self::RUN {
                test.repetitions += 1;
                run = 1;
            }
        }
        for window in block.chunks_exact(Self::WINDOW) {
            let again = window.iter().skip(1).filter(|byte| Some(*byte) == window.first()).count();
            test.proportions += u32::from(again > Self::AGAIN);
        }
        test
    }

    /// The larger counts of both.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        Self {
            repetitions: self.repetitions.max(other.repetitions),
            proportions: self.proportions.max(other.proportions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_and_answers_as_published() {
        for (command, byte, answer) in [
            (Command::Random, b'x', 16_000),
            (Command::Noise1, b'<', 16_000),
            (Command::Noise2, b'>', 16_000),
            (Command::Frequencies, b'f', 1024),
            (Command::Model, b'm', 8),
            (Command::Version, b'v', 4),
            (Command::Serial, b's', 15),
            (Command::Power(0), b'0', 0),
            (Command::Power(9), b'9', 0),
            (Command::Diagnostics, b'd', 0),
        ] {
            assert_eq!((command.byte(), command.answer()), (byte, answer));
            assert_eq!(Command::of_byte(byte), Some(command));
        }
        assert_eq!(Command::of_byte(b'X'), None);
    }

    #[test]
    fn versions_are_the_number_after_the_first_character() {
        let version = Version::parse(b"V2.0").unwrap();
        assert_eq!((version.to_string().as_str(), version.tolerated()), ("2.0", 4));
        assert!(version >= Version::DIAGNOSTICS && version < Version::CORRECTED);
        for (text, tolerated) in [(b"V1.0", 9), (b"V1.1", 6), (b"V1.2", 4), (b"V3.1", 4)] {
            assert_eq!(Version::parse(text).unwrap().tolerated(), tolerated);
        }
        for bad in [&b"V2"[..], b"V2.0.", b"2.00", b"V2,0", b"Vx.0", b""] {
            assert_eq!(Version::parse(bad), None);
        }
    }

    #[test]
    fn a_block_is_tested_as_the_vendor_does() {
        assert_eq!(BlockTest::of(&[7; 64]), BlockTest { repetitions: 15, proportions: 1 });
        let alternating: Vec<u8> = (0..128).map(|at| at % 2).collect();
        assert_eq!(BlockTest::of(&alternating), BlockTest { repetitions: 0, proportions: 2 });
        let counting: Vec<u8> = (0..=255).collect();
        assert_eq!(BlockTest::of(&counting), BlockTest::default());
        // Five times again is within bounds, six times is not.
        let mut window: Vec<u8> = (0..64).collect();
        for at in [10, 20, 30, 40, 50] {
            window[at] = 0;
        }
        assert_eq!(BlockTest::of(&window).proportions, 0);
        window[60] = 0;
        assert_eq!(BlockTest::of(&window).proportions, 1);
    }

    #[test]
    fn frequencies_are_little_endian_and_the_second_table_follows_the_first() {
        let mut bytes = vec![0; 1024];
        bytes[2..4].copy_from_slice(&[0x34, 0x12]);
        bytes[514] = 5;
        let tables = Frequencies::parse(&bytes).unwrap();
        assert_eq!((tables.sources[0][1], tables.sources[1][1]), (0x1234, 5));
        assert_eq!(tables.min_entropy(), [Some(0.0), Some(0.0)]);
        let uniform = Frequencies { sources: [[40; 256], [0; 256]] };
        assert_eq!(uniform.min_entropy(), [Some(8.0), None]);
        assert_eq!(Frequencies::parse(&bytes[1..]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_what_was_read_writes_back(
            bytes in prop::collection::vec(any::<u8>(), 0..1100)
        ) {
            let _ = (Version::parse(&bytes), BlockTest::of(&bytes));
            if let Some(text) = parse_text(&bytes) {
                prop_assert!(!text.is_empty() && text.len() <= bytes.len());
            }
            if let Some(tables) = Frequencies::parse(&bytes) {
                prop_assert_eq!(tables.encode(), bytes);
            }
        }

        #[test]
        fn every_command_reads_back(byte in any::<u8>()) {
            if let Some(command) = Command::of_byte(byte) {
                prop_assert_eq!(command.byte(), byte);
            }
        }
    }
}
