//! What a simulator is told at the start, and how much memory a state takes.

use qhal::{Error, ErrorKind, Result};

/// How many bits an amplitude's parts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Two `f32` an amplitude: 8 bytes, about 7 digits.
    F32,
    /// Two `f64` an amplitude: 16 bytes, about 16 digits.
    F64,
}

impl Precision {
    /// Bytes of one amplitude.
    pub const fn amplitude_bytes(self) -> u64 {
        match self {
            Self::F32 => 8,
            Self::F64 => 16,
        }
    }

    /// Its name in Rust.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Amplitudes are stored in groups of 128 bytes; a smaller state takes a whole one.
    const fn group_qubits(self) -> u32 {
        match self {
            Self::F32 => 4,
            Self::F64 => 3,
        }
    }

    /// Bytes of a state of `qubits` qubits; `None` from 2^64 on.
    pub fn state_bytes(self, qubits: u32) -> Option<u64> {
        let qubits = qubits.max(self.group_qubits());
        1u64.checked_shl(qubits)?.checked_mul(self.amplitude_bytes())
    }
}

/// What a [`Simulator`](crate::Simulator) may use and how it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads to work with, at least 1. Results do not depend on it.
    pub threads: usize,
    /// The numbers that amplitudes are made of.
    pub precision: Precision,
    /// Bytes that states may take.
    pub memory_limit: u64,
    /// Whether circuits are rearranged into few passes over the state. Without it gates are applied one by one, slowly:
    /// for comparison.
    pub fusion: bool,
}

impl Default for Options {
    /// One thread, `f64`, 1 GiB, fusion.
    fn default() -> Self {
        Self { threads: 1, precision: Precision::F64, memory_limit: 1 << 30, fusion: true }
    }
}

/// Refuses a state that exceeds `limit` bytes.
pub(crate) fn check_size(qubits: u32, precision: Precision, limit: u64) -> Result<()> {
    if precision.state_bytes(qubits).is_some_and(|needed| needed <= limit) && qubits < 64 {
        return Ok(());
    }
    let most = |precision: Precision| {
        (0..60).rev().find(|&fewer| precision.state_bytes(fewer).is_some_and(|needed| needed <= limit))
    };
    let fitting = match (precision, most(precision), most(Precision::F32)) {
        (_, None, _) => "not even one qubit fits".to_owned(),
        (Precision::F64, Some(most), Some(narrow)) if narrow >= qubits => {
            format!("at most {most} qubits fit, or these {qubits} in f32")
        }
        (Precision::F64, Some(most), Some(narrow)) => format!("at most {most} qubits fit, {narrow} in f32"),
        (_, Some(most), _) => format!("at most {most} qubits fit"),
    };
    let sentence = format!(
        "a state of {qubits} qubits needs {} in {}, and {} may be used: {fitting}",
        size_text(qubits, precision),
        precision.as_str(),
        bytes_text(limit),
    );
    Err(Error::new(ErrorKind::Exhausted, sentence))
}

/// The size of a state in words, also where it exceeds 2^64 bytes.
fn size_text(qubits: u32, precision: Precision) -> String {
    match precision.state_bytes(qubits) {
        Some(bytes) => bytes_text(bytes),
        None => {
            let exbi = u64::from(qubits) + u64::from(precision.amplitude_bytes().trailing_zeros()) - 60;
            if exbi < 10 { format!("{} EiB", 1 << exbi) } else { format!("2^{exbi} EiB") }
        }
    }
}

/// Bytes in the largest binary unit, with one decimal where it says something.
fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    // Exact to 52 bits, of which the text shows ten or so.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let value = bytes as f64 / (1u64 << (10 * unit)) as f64;
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if value.fract() < 0.05 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_states_are_refused_with_what_would_fit() {
        let refusal = |qubits, precision, limit| {
            let error = check_size(qubits, precision, limit).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Exhausted);
            error.message().to_owned()
        };
        assert_eq!(
            refusal(60, Precision::F64, 23 << 30),
            "a state of 60 qubits needs 16 EiB in f64, and 23 GiB may be used: at most 30 qubits fit, 31 in f32"
        );
        assert_eq!(
            refusal(40, Precision::F32, 3 << 29),
            "a state of 40 qubits needs 8 TiB in f32, and 1.5 GiB may be used: at most 27 qubits fit"
        );
        assert_eq!(
            refusal(31, Precision::F64, 23 << 30),
            "a state of 31 qubits needs 32 GiB in f64, and 23 GiB may be used: at most 30 qubits fit, or these 31 in f32"
        );
        assert!(refusal(u32::MAX, Precision::F32, u64::MAX).contains("2^4294967238 EiB"));
        assert!(refusal(1, Precision::F64, 64).ends_with("not even one qubit fits"));
        assert!(check_size(30, Precision::F64, 16 << 30).is_ok());
        assert!(check_size(60, Precision::F32, u64::MAX).is_ok());
    }
}
