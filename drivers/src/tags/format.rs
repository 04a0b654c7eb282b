//! The formats of files of tags, and what each is called.

use std::fmt;
use std::str::FromStr;

use qhal::{Error, ErrorKind, Result};

/// A format of files of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Words of 64 bits, little-endian: [`tags64`](super::tags64).
    Tags64,
    /// The same with the high half first, as `readevents -X` and the timestamp cards write them.
    Tags64Swapped,
    /// The same words as lines of 16 hexadecimal digits.
    Tags64Hex,
    /// A line for each event: time in units of 1/256 ns, a blank, the mask of inputs: [`text`](super::text).
    Text,
    /// PicoQuant's unified format, T2 mode: [`ptu`](super::ptu).
    Ptu,
    /// quTAG, binary with its header: [`qutag`](super::qutag).
    QutagBinary,
    /// quTAG, binary records alone.
    QutagRaw,
    /// quTAG, a line for each event: time, comma, channel.
    QutagText,
    /// qcrypto's raw events in packets of one epoch (type 1): [`qcrypto`](super::qcrypto).
    Qcrypto,
    /// qcrypto's times and bases in packets of one epoch (type 2); read only, because it does not hold results.
    QcryptoTiming,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Tags64,
        Self::Tags64Swapped,
        Self::Tags64Hex,
        Self::Text,
        Self::Ptu,
        Self::QutagBinary,
        Self::QutagRaw,
        Self::QutagText,
        Self::Qcrypto,
        Self::QcryptoTiming,
    ];

    /// The word of the command line and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tags64 => "tags64",
            Self::Tags64Swapped => "tags64-swapped",
            Self::Tags64Hex => "tags64-hex",
            Self::Text => "text",
            Self::Ptu => "ptu",
            Self::QutagBinary => "qutag-binary",
            Self::QutagRaw => "qutag-raw",
            Self::QutagText => "qutag-text",
            Self::Qcrypto => "qcrypto",
            Self::QcryptoTiming => "qcrypto-timing",
        }
    }

    /// Whether it can be written. The header of quTAG's binary files is not published, and qcrypto's timing packets hold no results.
    pub const fn is_written(self) -> bool {
        !matches!(self, Self::QutagBinary | Self::QcryptoTiming)
    }

    /// The format that the end of a file's name usually stands for.
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "tags" | "tags64" | "ts" => Some(Self::Tags64),
            "hex" => Some(Self::Tags64Hex),
            "txt" | "text" => Some(Self::Text),
            "ptu" => Some(Self::Ptu),
            "csv" => Some(Self::QutagText),
            "qcrypto" => Some(Self::Qcrypto),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|format| format.as_str()).collect();
            let message = format!("'{text}' is no format of tags: use one of {}", names.join(", "));
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}
