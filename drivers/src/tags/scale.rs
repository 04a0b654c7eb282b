//! Ticks of a tagger's clock as units of 1/256 ns.

use super::MOST_TIME;

/// A factor, exact where a tick is a whole number of picoseconds or of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    numerator: u128,
    denominator: u128,
}

/// Binary places of a factor that is neither.
const PLACES: u32 = 40;

impl Scale {
    /// For ticks of so many seconds; none for what is no tick of a tagger: below 1 fs or above 1 s.
    pub(super) fn of_seconds(tick: f64) -> Option<Self> {
        if !(1e-15..=1.0).contains(&tick) {
            return None;
        }
        // Headers hold the tick as a decimal number made binary: 1e-12 is not 1e-12.
        let whole = |value: f64| {
            let nearest = value.round();
            (nearest >= 1.0 && (value / nearest - 1.0).abs() < 1e-9).then_some(nearest as u128)
        };
        let units = tick * 256e9;
        if let Some(units) = whole(units) {
            return Some(Self { numerator: units, denominator: 1 });
        }
        if let Some(picoseconds) = whole(tick * 1e12) {
            return Some(Self { numerator: 256 * picoseconds, denominator: 1000 });
        }
        let numerator = (units * (1u64 << PLACES) as f64).round() as u128;
        Some(Self { numerator, denominator: 1 << PLACES })
    }

    /// Ticks as units, to the nearest; none beyond [`MOST_TIME`].
    pub(super) fn units(self, ticks: u64) -> Option<u64> {
        let exact = u128::from(ticks).checked_mul(self.numerator)?.checked_add(self.denominator / 2)?;
        u64::try_from(exact / self.denominator).ok().filter(|units| *units <= MOST_TIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picoseconds_and_units_are_exact() {
        let picosecond = Scale::of_seconds(1e-12).unwrap();
        // An hour is 9.2e17 units; a factor in double precision would be off by some ten of them.
        assert_eq!(picosecond.units(3_600_000_000_000_000), Some(3600 * 256_000_000_000));
        assert_eq!(picosecond.units(4), Some(1));
        assert_eq!(picosecond.units(1_000_000), Some(256_000));
        assert_eq!(
            Scale::of_seconds(3.90625e-12).unwrap().units(u64::from(u32::MAX)),
            Some(u64::from(u32::MAX))
        );
        assert_eq!(Scale::of_seconds(2e-9).unwrap().units(7), Some(7 * 512));
        // 81 ps, and something that is neither: 2.7027 ps.
        assert_eq!(Scale::of_seconds(81e-12).unwrap().units(1_000_000_000), Some(20_736_000_000));
        let odd = 1e-9 / 370.0;
        assert_eq!(Scale::of_seconds(odd).unwrap().units(370_000_000), Some(256_000_000));
        assert_eq!(picosecond.units(u64::MAX), None);
        for wrong in [0.0, -1.0, f64::NAN, 2.0, 1e-16] {
            assert_eq!(Scale::of_seconds(wrong), None);
        }
    }
}
