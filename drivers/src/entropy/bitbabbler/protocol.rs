//! What the MPSSE of a BitBabbler is told, and how blocks are folded: values ⇄ bytes, pure.
//!
//! Source: FTDI, AN_108, "Command Processor for MPSSE and MCU Host Bus Emulation Modes".

/// Bits a second that are clocked in, by default.
pub const BIT_RATE: u32 = 2_500_000;
/// The slowest and the fastest clock.
pub const BIT_RATES: std::ops::RangeInclusive<u32> = 458..=30_000_000;
/// What the engine answers to a command that it does not know, in front of that command.
pub const BAD_COMMAND: u8 = 0xFA;
/// Sends what there is to the host at once.
pub const SEND_NOW: u8 = 0x87;
/// Clocks bytes in on the rising edge, the most significant bit first; two bytes follow, the number less one.
pub const CLOCK_IN: u8 = 0x20;

/// The answer to a command that the engine does not know.
pub const fn rejected(command: u8) -> [u8; 2] {
    [BAD_COMMAND, command]
}

/// Asks for `count` bytes; 0 stands for 65 536.
pub const fn read_command(count: u16) -> [u8; 4] {
    let [low, high] = count.wrapping_sub(1).to_le_bytes();
    [CLOCK_IN, low, high, SEND_NOW]
}

/// How the device is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Bits a second.
    pub bit_rate: u32,
    /// Which of the four sources are inverted.
    pub polarity: u8,
    /// Which of the four sources are on.
    pub enabled: u8,
}

impl Default for Setting {
    /// All four sources, not inverted, at 2.5 Mbit/s.
    fn default() -> Self {
        Self { bit_rate: BIT_RATE, polarity: 0, enabled: 0x0F }
    }
}

impl Setting {
    /// The divisor of the 30 MHz clock, less one.
    pub fn divisor(self) -> u16 {
        let rate = self.bit_rate.clamp(*BIT_RATES.start(), *BIT_RATES.end());
        u16::try_from(30_000_000 / rate - 1).unwrap_or(u16::MAX)
    }

    /// The latency timer in milliseconds: as long as a packet takes to fill, and 2 more.
    pub fn latency(self, packet: usize) -> u8 {
        let rate = u64::from(self.bit_rate.clamp(*BIT_RATES.start(), *BIT_RATES.end()));
        let time = packet as u64 * 8000 / rate + 2;
        u8::try_from(time).unwrap_or(u8::MAX).max(1)
    }

    /// The commands that set it: clock of 60 MHz, no adaptive clock, two phases, pins, divisor, no loop-back.
    pub fn commands(self) -> [u8; 13] {
        let pins = self.polarity << 4;
        let outputs = 0x0B | (!self.enabled << 4 & 0xF0);
        let [low, high] = self.divisor().to_le_bytes();
        [0x8A, 0x97, 0x8D, 0x80, pins, outputs, 0x82, 0x00, 0x00, 0x86, low, high, 0x85]
    }
}

/// Folds a block `times` times: its upper half is laid onto the lower by XOR. A block of odd length keeps its middle.
pub fn fold(block: &mut Vec<u8>, times: u8) {
    for _ in 0..times {
        let half = block.len() / 2;
        if half == 0 {
            return;
        }
        let upper = block.split_off(block.len() - half);
        for (low, high) in block.iter_mut().zip(upper) {
            *low ^= high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_those_of_the_makers_software() {
        // bit-babbler 0.9 with its defaults.
        assert_eq!(
            Setting::default().commands(),
            [0x8A, 0x97, 0x8D, 0x80, 0x00, 0x0B, 0x82, 0x00, 0x00, 0x86, 0x0B, 0x00, 0x85]
        );
        assert_eq!(Setting::default().latency(512), 3);
        assert_eq!(
            Setting { enabled: 0x05, polarity: 0x02, ..Setting::default() }.commands()[4..6],
            [0x20, 0xAB]
        );
        assert_eq!(Setting { bit_rate: 458, ..Setting::default() }.divisor(), 65_501);
        assert_eq!(Setting { bit_rate: 30_000_000, ..Setting::default() }.divisor(), 0);
        assert_eq!(Setting { bit_rate: 458, ..Setting::default() }.latency(512), 255);
        assert_eq!(read_command(1), [0x20, 0, 0, 0x87]);
        assert_eq!(read_command(0), [0x20, 0xFF, 0xFF, 0x87]);
        assert_eq!(rejected(0xAA), [0xFA, 0xAA]);
    }

    #[test]
    fn a_fold_is_the_xor_of_the_halves() {
        let mut block = vec![1, 2, 3, 4, 16, 32, 48, 64];
        fold(&mut block, 1);
        assert_eq!(block, [17, 34, 51, 68]);
        fold(&mut block, 2);
        assert_eq!(block, [68]);
    }

    proptest! {
        #[test]
        fn folds_keep_the_parity(block in prop::collection::vec(any::<u8>(), 1..100), times in 0_u8..9) {
            let parity = block.iter().fold(0, |parity, byte| parity ^ byte);
            let mut folded = block.clone();
            fold(&mut folded, times);
            prop_assert_eq!(folded.iter().fold(0, |parity, byte| parity ^ byte), parity);
            prop_assert!(!folded.is_empty() && folded.len() >= block.len() >> times);
        }

        #[test]
        fn every_setting_has_commands(bit_rate in any::<u32>(), polarity in any::<u8>(), enabled in any::<u8>(), packet in 0_usize..1025) {
            let setting = Setting { bit_rate, polarity, enabled };
            prop_assert_eq!(setting.commands()[0], 0x8A);
            prop_assert!(setting.latency(packet) >= 1);
        }
    }
}
