//! Sizes and times as people write them: `16KiB`, `1MB`, `60s`.

use std::time::Duration;

/// Reads a size in bytes: a whole number, or a number with `B`, `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let bytes = scaled(text, &UNITS.map(|(unit, factor)| (unit, factor as f64)))
        .ok_or_else(|| format!("'{text}' is not a size: write 1024, 16KiB, 1MiB, 1kB or 1MB"))?;
    if bytes.fract() != 0.0 {
        return Err(format!("'{text}' is not a whole number of bytes"));
    }
    if !(1.0..=(1u64 << 50) as f64).contains(&bytes) {
        return Err(format!("'{text}' is out of range: at least one byte, at most 1 PiB"));
    }
    Ok(bytes as u64)
}

/// Reads a time: a number with `ms`, `s` or `min`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = scaled(text, &[("ms", 0.001), ("s", 1.0), ("min", 60.0)])
        .ok_or_else(|| format!("'{text}' is not a time: write 500ms, 60s or 5min"))?;
    if !(0.001..=1e9).contains(&seconds) {
        return Err(format!("'{text}' is out of range: at least 1ms, at most 30 years"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Reads a short time in seconds: a number with `fs`, `ps`, `ns`, `us` or `ms`.
pub(crate) fn short_seconds(text: &str) -> Result<f64, String> {
    const UNITS: [(&str, f64); 5] = [("fs", 1e-15), ("ps", 1e-12), ("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)];
    let seconds = scaled(text, &UNITS).filter(|seconds| *seconds > 0.0);
    seconds.ok_or_else(|| format!("'{text}' is not a short time: write 500ps, 1ns or 0.1us"))
}

/// Reads a coincidence window, in units of 1/256 ns.
pub(crate) fn window(text: &str) -> Result<u64, String> {
    let units = short_seconds(text)? * 256e9;
    if (2.0..=256e6).contains(&units.round()) {
        return Ok(units.round() as u64);
    }
    Err(format!("'{text}' is out of range: a coincidence window is 8ps at least and 1ms at most"))
}

/// Bytes for people: at most three figures and a binary unit.
pub(crate) fn bytes_for_people(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if value.fract() == 0.0 {
                format!("{value} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number = number.trim_end();
    // Digits and a point only: neither signs nor exponents nor "inf".
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_contract() {
        for (text, bytes) in [
            ("1", 1),
            ("16KiB", 16_384),
            ("1MiB", 1 << 20),
            ("1kB", 1000),
            ("1.5MB", 1_500_000),
            ("2 MiB", 2 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "0", "-1", "1mb", "KiB", "1.5", "1e3", "inf", "9999999GiB", "1 1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_of_the_contract() {
        for (text, milliseconds) in [("500ms", 500), ("60s", 60_000), ("1.5s", 1500), ("5min", 300_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "0s", "5", "5h", "-1s", "1e3s", "infs", "99999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_are_read_in_units() {
        for (text, units) in [("1ns", 256), ("500ps", 128), ("0.1us", 25_600), ("1 ms", 256_000_000)] {
            assert_eq!(window(text), Ok(units), "{text}");
        }
        assert_eq!(short_seconds("81ps").map(|seconds| (seconds * 1e15).round()), Ok(81_000.0));
        for bad in ["", "1", "0ns", "1s", "-1ns", "1ps", "2ms"] {
            assert!(window(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!(bytes_for_people(512), "512 B");
        assert_eq!(bytes_for_people(1536), "1.5 KiB");
        assert_eq!(bytes_for_people(1 << 30), "1 GiB");
    }
}
