//! Commands and answers of the TDC1: text both ways; its stream of words is [`crate::tags::tdc1`].
//!
//! A command ends with `;`, CR or LF; an answer with LF, mostly with CR before it.

use std::time::Duration;

use qhal::{Error, ErrorKind, Result};

/// How many inputs it has.
pub const INPUTS: u32 = 4;
/// Its resolution in picoseconds.
pub const RESOLUTION_PS: u32 = 2000;
/// The longest gate.
pub const MOST_GATE: Duration = Duration::from_millis(65_535);
/// The status bit of a memory that ran over.
pub const OVERFLOW: u16 = 0x10;
/// Bytes of the answer to `status?`: four digits, blank, CR, LF.
pub const STATUS: usize = 7;
/// The longest command or answer that is one.
pub const LONGEST: usize = 256;

/// Ends a stream.
pub const ABORT: &str = "abort\r\n";
/// Asks for the name.
pub const IDENTIFY: &str = "*IDN?\r\n";
/// Asks how it is.
pub const ASK_STATUS: &str = "status?\r\n";
/// Ends a stream and asks how it went.
pub const STOP: &str = "abort;status?\r\n";
/// Back to how it is after power-on.
pub const RESET: &str = "*rst\r\n";

/// Signals at the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Negative current pulses of fast electronics.
    #[default]
    Nim,
    /// Positive pulses of 2 V and more.
    Ttl,
}

impl Level {
    /// The word of the protocol and of the configuration, in the case of either.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nim => "NIM",
            Self::Ttl => "TTL",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "nim" => Ok(Self::Nim),
            "ttl" => Ok(Self::Ttl),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("'{text}' is no level of signals: use nim or ttl"),
            )),
        }
    }
}

/// Begins an endless stream.
pub fn stream(level: Level) -> String {
    format!("*RST;{};time 0;timestamp;counts?\r\n", level.as_str())
}

/// Counts the inputs for a gate in milliseconds; the answer comes at its end.
pub fn count(level: Level, gate_ms: u16) -> String {
    format!("{};singles;time {gate_ms};counts?\r\n", level.as_str())
}

fn protocol(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Protocol, what)
}

/// What a device may show of itself: the line without what is no text.
pub fn shown(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_control()).take(60).collect::<String>().trim().to_owned()
}

/// Reads an answer of so many integers.
///
/// # Errors
/// `Protocol` when it has another number of them, or something else.
pub fn integers(line: &str, count: usize) -> Result<Vec<u64>> {
    let numbers: Option<Vec<u64>> = line.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
    numbers
        .filter(|numbers| numbers.len() == count)
        .ok_or_else(|| protocol(format!("the TDC1 answered '{}' where {count} counts belong", shown(line))))
}

/// Reads the answer to `time?`, which is a signed number of 16 bits: times above 32767 ms come back negative.
///
/// # Errors
/// `Protocol` for what is no such number.
pub fn gate(line: &str) -> Result<u16> {
    let number = line.trim().parse::<i32>().ok().filter(|number| (-32_768..=65_535).contains(number));
    number
        .map(|number| (number & 0xFFFF) as u16)
        .ok_or_else(|| protocol(format!("the TDC1 answered '{}' where a time in ms belongs", shown(line))))
}

/// Reads the answer to `status?`.
///
/// # Errors
/// `Protocol` for what is no four hexadecimal digits.
pub fn status(line: &[u8]) -> Result<u16> {
    let text = std::str::from_utf8(line).unwrap_or("").trim();
    let four = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(text, 16).ok().filter(|_| four).ok_or_else(|| {
        protocol(format!(
            "the TDC1 answered '{}' where a status of four digits belongs",
            shown(&String::from_utf8_lossy(line))
        ))
    })
}

/// The device's side: takes commands out of what it hears, however it is cut.
#[derive(Debug, Default)]
pub struct CommandReader {
    heard: Vec<u8>,
}

impl CommandReader {
    /// One byte more; gives a command when it ends one. What is too long to be a command is forgotten.
    pub fn push(&mut self, byte: u8) -> Option<String> {
        if !matches!(byte, b';' | b'\r' | b'\n') {
            self.heard.push(byte);
            if self.heard.len() > LONGEST {
                self.heard.clear();
            }
            return None;
        }
        let heard = std::mem::take(&mut self.heard);
        let text = String::from_utf8(heard).ok()?.trim().to_ascii_lowercase();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_read_and_nonsense_is_not() {
        assert_eq!(integers("12 0 7  65000\r\n", 4).unwrap(), [12, 0, 7, 65_000]);
        assert_eq!(status(b"0010 \r\n").unwrap() & OVERFLOW, OVERFLOW);
        assert_eq!((gate("1000\r\n").unwrap(), gate("-536\r\n").unwrap()), (1000, 65_000));
        for bad in ["", "1 2 3", "1 2 3 x", "1 2 3 4 5", "-1 2 3 4"] {
            assert_eq!(integers(bad, 4).unwrap_err().kind(), ErrorKind::Protocol, "{bad}");
        }
        for bad in [&b""[..], b"10", b"+010", b"00100", b"\xFF\xFE\0\0"] {
            assert_eq!(status(bad).unwrap_err().kind(), ErrorKind::Protocol, "{bad:?}");
        }
        for bad in ["", "x", "-40000", "70000"] {
            assert!(gate(bad).is_err(), "{bad}");
        }
        assert_eq!(stream(Level::Nim), "*RST;NIM;time 0;timestamp;counts?\r\n");
        assert_eq!("ttl".parse::<Level>().unwrap(), Level::Ttl);
        assert!("ecl".parse::<Level>().is_err());
    }

    proptest! {
        #[test]
        fn commands_are_heard_however_they_are_chained(commands in prop::collection::vec("[a-z?*]{1,12}( [0-9]{1,5})?", 1..8), ends in prop::collection::vec(0_usize..4, 8)) {
            let mut reader = CommandReader::default();
            let ends = ends.iter().map(|end| [";", "\r\n", "\n", ";;"][*end]);
            let text: String = commands.iter().zip(ends).map(|(command, end)| format!("{command}{end}")).collect();
            let heard: Vec<String> = text.bytes().filter_map(|byte| reader.push(byte)).collect();
            prop_assert_eq!(heard, commands);
        }

        #[test]
        fn any_bytes_may_come(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut reader = CommandReader::default();
            for byte in &bytes {
                if let Some(command) = reader.push(*byte) {
                    prop_assert!(command.len() <= LONGEST);
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let _ = (integers(&text, 4).is_ok(), gate(&text).is_ok(), status(&bytes).is_ok());
        }
    }
}
