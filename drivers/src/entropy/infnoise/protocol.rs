//! How the switches of an Infinite Noise TRNG are clocked and its comparators are read: pins ⇄ bits, pure.

use std::time::Duration;

use crate::transport::usb::ftdi::Divisor;

/// Clocks of one round, each of which gives a bit.
pub const ROUND: usize = 512;
/// 30 000 baud: 3 MHz divided by 100.
pub const DIVISOR: Divisor = Divisor { value: 100, index: 0 };
/// Pins that are outputs: all but the two comparators.
pub const OUTPUTS: u8 = !(COMPARATOR_1 | COMPARATOR_2);
/// A round that takes longer is thrown away: the charge it multiplies leaks.
pub const SLOWEST_ROUND: Duration = Duration::from_micros(5000);

/// The pins that are address lines; they stay 0.
pub const ADDRESS_MASK: u8 = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7;
/// The comparator that is read in even clocks.
const COMPARATOR_1: u8 = 1 << 1;
/// The comparator that is read in odd clocks.
const COMPARATOR_2: u8 = 1 << 4;
/// The switch that is closed in even clocks.
const SWITCH_1: u8 = 1 << 2;
/// The switch that is closed in odd clocks.
const SWITCH_2: u8 = 1 << 0;

/// What is clocked out in one round.
pub fn switches() -> [u8; ROUND] {
    let mut clocks = [SWITCH_1; ROUND];
    for clock in clocks.iter_mut().skip(1).step_by(2) {
        *clock = SWITCH_2;
    }
    clocks
}

/// The bits of one round, most significant first: from the first comparator in even clocks and the second in odd ones.
pub fn extract(pins: &[u8; ROUND]) -> [u8; ROUND / 8] {
    let mut bytes = [0; ROUND / 8];
    for (byte, clocks) in bytes.iter_mut().zip(pins.chunks_exact(8)) {
        for (at, pins) in clocks.iter().enumerate() {
            let comparator = if at % 2 == 0 { COMPARATOR_1 } else { COMPARATOR_2 };
            *byte = *byte << 1 | u8::from(pins & comparator != 0);
        }
    }
    bytes
}

/// The pins that show `bit` in the clock in which `switches` was written: the inverse of [`extract`] for one bit.
pub fn pins_of(switches: u8, bit: bool) -> u8 {
    let comparator = if switches & SWITCH_2 == 0 { COMPARATOR_1 } else { COMPARATOR_2 };
    switches & OUTPUTS | if bit { comparator } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pins_are_those_of_the_makers_library() {
        // libinfnoise: mask ED, clocks 04 and 01 in turn.
        assert_eq!(OUTPUTS, 0xED);
        assert_eq!(switches()[..4], [0x04, 0x01, 0x04, 0x01]);
        let mut pins = [0; ROUND];
        // Only the comparator whose turn it is counts.
        (pins[0], pins[1], pins[2], pins[15]) = (0x02, 0x02, 0x10, 0x10);
        let bytes = extract(&pins);
        assert_eq!(bytes[..3], [0b1000_0000, 0b0000_0001, 0]);
    }

    proptest! {
        #[test]
        fn bits_read_back(bytes in prop::collection::vec(any::<u8>(), ROUND / 8)) {
            let mut pins = [0; ROUND];
            for (at, (pin, clock)) in pins.iter_mut().zip(switches()).enumerate() {
                *pin = pins_of(clock, bytes[at / 8] >> (7 - at % 8) & 1 == 1);
            }
            prop_assert_eq!(&extract(&pins)[..], &bytes[..]);
        }
    }
}
