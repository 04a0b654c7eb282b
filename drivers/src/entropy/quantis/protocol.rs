//! What a Quantis USB is asked and told on endpoint 0: values ⇄ requests, pure.

use std::time::Duration;

use crate::transport::usb::Setup;

/// The only endpoint: random bytes.
pub const BULK_IN: u8 = 0x86;
/// How long the vendor's library waits for anything.
pub const LIMIT: Duration = Duration::from_secs(1);
/// The serial number of a unit that was never given one.
pub const UNPROGRAMMED: &str = "FFFFFFFFFF";

/// What the board can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// The version of the board, 4 bytes.
    BoardVersion,
    /// Whether the modules work: above 0 is good.
    ModulesStatus,
    /// Whether the modules have power: not 0 is yes.
    ModulesPower,
    /// One bit for each module that is present.
    ModulesMask,
    /// What one module makes, in kbit/s, 4 bytes.
    ModuleRate,
    /// Whether the AIS-31 start-up tests were requested.
    Ais31Requested,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::BoardVersion,
        Self::ModulesStatus,
        Self::ModulesPower,
        Self::ModulesMask,
        Self::ModuleRate,
        Self::Ais31Requested,
    ];

    /// Vendor request, recipient interface, from the device.
    pub const fn setup(self) -> Setup {
        let request = match self {
            Self::BoardVersion => 0x10,
            Self::ModulesStatus => 0x13,
            Self::ModulesPower => 0x14,
            Self::ModulesMask => 0x15,
            Self::ModuleRate => 0x16,
            Self::Ais31Requested => 0x17,
        };
        Setup::new(0xC1, request)
    }

    /// Bytes of the answer, little-endian.
    pub const fn length(self) -> usize {
        match self {
            Self::BoardVersion | Self::ModuleRate => 4,
            _ => 1,
        }
    }

    /// What `setup` asks, if it asks anything.
    pub fn of(setup: Setup) -> Option<Self> {
        Self::ALL.into_iter().find(|question| question.setup() == setup)
    }
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer(pub u32);

impl Answer {
    /// Of [`Question::ModulesStatus`]: whether the modules work.
    pub const fn is_good(self) -> bool {
        self.0 > 0
    }

    /// The bytes on the wire.
    pub fn to_bytes(self, question: Question) -> Vec<u8> {
        self.0.to_le_bytes().into_iter().take(question.length()).collect()
    }
}

/// What the board can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Switches the modules off.
    DisableModules,
    /// Switches them on.
    EnableModules,
    /// Clears the request for AIS-31 start-up tests.
    ClearAis31,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DisableModules, Self::EnableModules, Self::ClearAis31];

    /// Vendor request, recipient interface, to the device.
    pub const fn setup(self) -> Setup {
        let request = match self {
            Self::DisableModules => 0x11,
            Self::EnableModules => 0x12,
            Self::ClearAis31 => 0x18,
        };
        Setup::new(0x41, request)
    }

    /// What `setup` tells, if it tells anything.
    pub fn of(setup: Setup) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.setup() == setup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// ID Quantique, libQuantis, QuantisUsb_Commands.h and QuantisUsb_Unix.c: request, length and direction.
    #[test]
    fn requests_are_those_of_the_vendors_library() {
        let asked = Question::ALL.map(|question| question.setup().to_bytes(question.length() as u16));
        assert_eq!(asked[0], [0xC1, 0x10, 0, 0, 0, 0, 4, 0]);
        assert_eq!(asked[1], [0xC1, 0x13, 0, 0, 0, 0, 1, 0]);
        assert_eq!(asked[2], [0xC1, 0x14, 0, 0, 0, 0, 1, 0]);
        assert_eq!(asked[3], [0xC1, 0x15, 0, 0, 0, 0, 1, 0]);
        assert_eq!(asked[4], [0xC1, 0x16, 0, 0, 0, 0, 4, 0]);
        assert_eq!(asked[5], [0xC1, 0x17, 0, 0, 0, 0, 1, 0]);
        let told = Command::ALL.map(|command| command.setup().to_bytes(0));
        assert_eq!(told, [0x11, 0x12, 0x18].map(|request| [0x41, request, 0, 0, 0, 0, 0, 0]));
        assert_eq!(Answer(4000).to_bytes(Question::ModuleRate), [0xA0, 0x0F, 0, 0]);
    }

    proptest! {
        #[test]
        fn what_a_request_means_is_written_as_that_request(bytes in any::<[u8; 8]>(), ours in 0x10_u8..0x19) {
            for setup in [Setup::of_bytes(bytes).0, Setup::new(0xC1, ours), Setup::new(0x41, ours)] {
                if let Some(question) = Question::of(setup) {
                    prop_assert_eq!(question.setup(), setup);
                }
                if let Some(command) = Command::of(setup) {
                    prop_assert_eq!(command.setup(), setup);
                }
            }
        }
    }
}
