//! What a NeuG is asked and told on endpoint 0: values ⇄ requests, pure.

use std::time::Duration;

use crate::transport::usb::Setup;

/// Random bytes.
pub const BULK_IN: u8 = 0x81;
/// Where a host could write; nothing is done with it.
pub const BULK_OUT: u8 = 0x03;
/// Notices of the serial port; there are none.
pub const INTERRUPT_IN: u8 = 0x82;
/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(1);
/// Bytes of one read.
pub const BLOCK: usize = 1024;
/// The rate does not matter, except that 110 turns the device into a disk: it must never be set.
pub const BAUD: u32 = 115_200;

/// What it sends, chosen by the parity of its serial port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Conditioned by SHA-256, about 80 kB/s: no parity.
    #[default]
    Conditioned,
    /// Filtered by CRC-32, about 270 kB/s: odd parity.
    Filtered,
    /// Samples of the converters: even parity.
    Raw,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Conditioned, Self::Filtered, Self::Raw];

    /// The parity in a line coding (USB CDC PSTN 1.2, table 17): 0 none, 1 odd, 2 even.
    pub const fn parity(self) -> u8 {
        match self {
            Self::Conditioned => 0,
            Self::Filtered => 1,
            Self::Raw => 2,
        }
    }

    /// The number under which the device tells it (*unconfirmed* for the two that are not the first).
    pub const fn number(self) -> u8 {
        self.parity()
    }

    /// The mode of a parity.
    pub fn of_parity(parity: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.parity() == parity)
    }

    /// Its name in options.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conditioned => "conditioned",
            Self::Filtered => "filtered",
            Self::Raw => "raw",
        }
    }
}

/// The line coding of a serial port: 7 bytes; always one stop bit and eight data bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineCoding {
    /// Bits a second.
    pub baud: u32,
    /// 0 none, 1 odd, 2 even.
    pub parity: u8,
}

impl LineCoding {
    /// The bytes on the wire.
    pub fn to_bytes(self) -> [u8; 7] {
        let [a, b, c, d] = self.baud.to_le_bytes();
        [a, b, c, d, 0, self.parity, 8]
    }

    /// Reads seven bytes; `None` for any other number.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [a, b, c, d, _, parity, _] => Some(Self { baud: u32::from_le_bytes([a, b, c, d]), parity }),
            _ => None,
        }
    }
}

/// SET_LINE_CODING of interface 0 (USB CDC PSTN 1.2, §6.3.10).
pub const fn line_coding() -> Setup {
    Setup::new(0x21, 0x20)
}

/// SET_CONTROL_LINE_STATE of interface 0 (USB CDC PSTN 1.2, §6.3.12): bit 0 is DTR.
pub const fn control_lines(ready: bool) -> Setup {
    Setup::new(0x21, 0x22).with(ready as u16, 0)
}

/// What it tells of itself, by vendor request 254.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// The mode, one byte.
    Mode,
    /// Failed tests in all.
    Errors,
    /// Repetition counts that were too high.
    RepetitionErrors,
    /// Proportions in a window of 64 that were too high.
    WindowErrors,
    /// Proportions in a window of 4096 that were too high.
    LongWindowErrors,
    /// The largest repetition count.
    Repetitions,
    /// The largest count in a window of 64.
    Window,
    /// The largest count in a window of 4096.
    LongWindow,
}

impl Counter {
    /// All of them, in the order of their index.
    pub const ALL: [Self; 8] = [
        Self::Mode,
        Self::Errors,
        Self::RepetitionErrors,
        Self::WindowErrors,
        Self::LongWindowErrors,
        Self::Repetitions,
        Self::Window,
        Self::LongWindow,
    ];

    /// The request.
    pub fn setup(self) -> Setup {
        let index = Self::ALL.iter().position(|counter| *counter == self).unwrap_or(0);
        Setup::new(0xC0, 254).with(0, index as u16)
    }

    /// The counter that `setup` asks for.
    pub fn of(setup: Setup) -> Option<Self> {
        Self::ALL.into_iter().find(|counter| counter.setup() == setup)
    }

    /// Its name among properties.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Errors => "failed tests",
            Self::RepetitionErrors => "repetition count failures",
            Self::WindowErrors => "adaptive proportion failures, window 64",
            Self::LongWindowErrors => "adaptive proportion failures, window 4096",
            Self::Repetitions => "largest repetition count",
            Self::Window => "largest count in a window of 64",
            Self::LongWindow => "largest count in a window of 4096",
        }
    }
}

/// The firmware's own tests: cut-offs of the repetition count and of the windows of 64 and 4096 bytes, computed from 4.2
/// bits of min-entropy a byte and a false alarm in 2^30.
pub const CUT_OFFS: [u32; 3] = [9, 18, 315];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_those_of_the_firmware_and_of_serial_ports() {
        let coding = LineCoding { baud: BAUD, parity: Mode::Raw.parity() };
        assert_eq!(coding.to_bytes(), [0x00, 0xC2, 0x01, 0x00, 0, 2, 8]);
        assert_eq!(line_coding().to_bytes(7), [0x21, 0x20, 0, 0, 0, 0, 7, 0]);
        assert_eq!(control_lines(true).to_bytes(0), [0x21, 0x22, 1, 0, 0, 0, 0, 0]);
        assert_eq!(Counter::Mode.setup().to_bytes(1), [0xC0, 0xFE, 0, 0, 0, 0, 1, 0]);
        assert_eq!(Counter::LongWindow.setup().to_bytes(2), [0xC0, 0xFE, 0, 0, 7, 0, 2, 0]);
        assert_eq!(Mode::ALL.map(Mode::parity), [0, 1, 2]);
        // At 110 baud the device becomes a disk.
        assert_ne!(BAUD, 110);
    }

    proptest! {
        #[test]
        fn codings_read_back(baud in any::<u32>(), parity in any::<u8>(), other in prop::collection::vec(any::<u8>(), 0..12)) {
            let coding = LineCoding { baud, parity };
            prop_assert_eq!(LineCoding::of_bytes(&coding.to_bytes()), Some(coding));
            prop_assert_eq!(LineCoding::of_bytes(&other).is_some(), other.len() == 7);
        }

        #[test]
        fn what_a_request_means_is_written_as_that_request(bytes in any::<[u8; 8]>(), index in 0_u16..12) {
            for setup in [Setup::of_bytes(bytes).0, Setup::new(0xC0, 254).with(0, index)] {
                if let Some(counter) = Counter::of(setup) {
                    prop_assert_eq!(counter.setup(), setup);
                }
            }
        }
    }
}
