//! What a ComScire QNG is told and what it answers: bytes ⇄ values, pure.

use std::fmt;

/// Bytes of one read; the maker's library reads 8192 at most.
pub const BLOCK: usize = 8192;

/// One-byte commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// The stream begins.
    Start,
    /// The stream ends.
    Stop,
    /// The serial number inside the device: 6 bytes, the first of which is a delimiter.
    Serial,
    /// The status, 4 bytes.
    Status,
    /// The flag for bad statistics is cleared.
    ClearStatistics,
    /// The measured probability of ones in the final stream, 4 bytes (A3; A1 and A2 are two more of its statistics).
    ProbabilityOfOnes,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Start, Self::Stop, Self::Serial, Self::Status, Self::ClearStatistics, Self::ProbabilityOfOnes];

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Start => 0x96,
            Self::Stop => 0xE0,
            Self::Serial => 0x60,
            Self::Status => 0xB0,
            Self::ClearStatistics => 0xC0,
            Self::ProbabilityOfOnes => 0xA3,
        }
    }

    /// The command that a byte is.
    pub fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.byte() == byte)
    }
}

/// The status, as bits: 0 output enabled, 1 streaming, 2 bad statistics, 3 a client is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// Output is enabled.
    pub const ENABLED: u32 = 1;
    /// It streams.
    pub const STREAMING: u32 = 1 << 1;
    /// Its own statistics are bad.
    pub const BAD_STATISTICS: u32 = 1 << 2;
    /// A client is connected.
    pub const CONNECTED: u32 = 1 << 3;

    /// Whether its output must not be used.
    pub const fn is_bad(self) -> bool {
        self.0 & Self::BAD_STATISTICS != 0
    }
}

/// The serial number inside the device, with its delimiter. Whether it is text is *unconfirmed*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serial(pub [u8; 6]);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, number @ ..] = self.0;
        if number.iter().all(u8::is_ascii_graphic) {
            number.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
        } else {
            number.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

/// A statistic: IEEE-754 binary32, little-endian; `None` for one that is no number.
pub fn float(bytes: [u8; 4]) -> Option<f64> {
    let value = f64::from(f32::from_le_bytes(bytes));
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_have_the_bytes_of_the_makers_library() {
        assert_eq!(Command::ALL.map(Command::byte), [0x96, 0xE0, 0x60, 0xB0, 0xC0, 0xA3]);
        assert!(Status(0b0100).is_bad() && !Status(0b1011).is_bad());
        assert_eq!(float([0, 0, 0, 0x3F]), Some(0.5));
        assert_eq!(float([0, 0, 0xC0, 0x7F]), None);
        assert_eq!(Serial(*b"/A0012").to_string(), "A0012");
        assert_eq!(Serial([0, 1, 2, 3, 4, 0xFF]).to_string(), "01020304ff");
    }

    proptest! {
        #[test]
        fn any_answer_is_text_on_one_line(bytes in any::<[u8; 6]>()) {
            let text = Serial(bytes).to_string();
            prop_assert!(!text.is_empty() && !text.chars().any(char::is_control));
            if let Some(command) = Command::of(bytes[0]) {
                prop_assert_eq!(command.byte(), bytes[0]);
            }
        }
    }
}
