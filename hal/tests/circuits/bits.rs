//! Bit strings and conditions against numbers of 128 bits.

use proptest::prelude::*;
use qhal::circuit::{BitString, Condition};

/// The low `width` bits of a number, as a bit string.
fn bits(width: u32, number: u128) -> BitString {
    BitString::from_words(width, &[number as u64, (number >> 64) as u64])
}

fn low(width: u32, number: u128) -> u128 {
    if width == 0 { 0 } else { number & (u128::MAX >> (128 - width)) }
}

/// The number that a bit string writes.
fn number(bits: &BitString) -> u128 {
    u128::from_str_radix(&format!("0{bits}"), 2).unwrap()
}

#[test]
fn a_bit_string_without_bits_is_empty() {
    let none = BitString::zeros(0);
    assert_eq!((none.width(), none.words().len(), none.to_string().as_str()), (0, 0, ""));
    assert_eq!("".parse::<BitString>().unwrap(), none);
    assert_eq!(BitString::from_u64(0, u64::MAX), none);
    assert!(!none.get(0));
}

#[test]
fn a_condition_on_nothing_holds_for_0_alone() {
    let memory = bits(4, 0b1111);
    assert!(Condition::equals(4, 0, BitString::zeros(0)).holds(&memory));
    assert!(Condition::equals(0, 0, bits(3, 0)).holds(&memory));
    assert!(!Condition::equals(0, 0, bits(3, 1)).holds(&memory));
}

#[test]
fn counts_beyond_64_bits_ascend_as_numbers() {
    assert!(bits(65, 1) < bits(65, 1 << 64));
    assert!(bits(65, u128::from(u64::MAX)) < bits(65, 1 << 64));
}

proptest! {
    #[test]
    fn a_bit_string_is_the_number_it_writes(width in 0u32..=128, value: u128) {
        let string = bits(width, value);
        prop_assert_eq!(string.to_string().len(), width as usize);
        prop_assert_eq!(number(&string), low(width, value));
        for index in 0..140 {
            prop_assert_eq!(string.get(index), index < width && value >> index & 1 == 1);
        }
        prop_assert_eq!(BitString::from_u64(width, value as u64), bits(width, (value as u64).into()));
    }

    #[test]
    fn setting_a_bit_changes_that_bit(width in 0u32..=128, value: u128, index in 0u32..140, to: bool) {
        let mut string = bits(width, value);
        string.set(index, to);
        let mask = if index < width { 1u128 << index } else { 0 };
        let expected = low(width, value) & !mask | if to { mask } else { 0 };
        prop_assert_eq!(string, bits(width, expected));
    }

    #[test]
    fn bit_strings_of_one_width_are_ordered_as_numbers(width in 0u32..=128, a: u128, b: u128, close in 0u128..4) {
        for (a, b) in [(a, b), (a, a ^ close), (a, a ^ close << 64)] {
            let (a, b) = (low(width, a), low(width, b));
            prop_assert_eq!(bits(width, a).cmp(&bits(width, b)), a.cmp(&b));
            prop_assert_eq!(bits(width, a) == bits(width, b), a == b);
        }
    }

    #[test]
    fn spaces_and_underscores_are_passed_over(text in "[01 _]{0,100}") {
        let plain: String = text.chars().filter(|digit| matches!(digit, '0' | '1')).collect();
        prop_assert_eq!(text.parse::<BitString>().unwrap().to_string(), plain);
    }

    #[test]
    fn reading_never_panics_and_takes_bits_alone(text in "\\PC{0,20}") {
        let legal = text.chars().all(|digit| matches!(digit, '0' | '1' | ' ' | '_'));
        prop_assert_eq!(text.parse::<BitString>().is_ok(), legal);
    }

    #[test]
    fn a_condition_compares_numbers(
        memory_bits in 0u32..=128, memory: u128, first in 0u32..130, width in 0u32..130,
        value_bits in 0u32..=128, value: u128, equal: bool, more in 0u128..3,
    ) {
        // What lies beyond the memory reads as 0.
        let memory_value = low(memory_bits, memory);
        let read = low(width.min(128), memory_value.checked_shr(first).unwrap_or(0));
        let value = low(value_bits, if equal { read ^ more } else { value });
        let condition = Condition::equals(first, width, bits(value_bits, value));
        prop_assert_eq!(condition.holds(&bits(memory_bits, memory)), read == value);
        prop_assert_eq!(condition.bits(), first..first + width);
    }
}
