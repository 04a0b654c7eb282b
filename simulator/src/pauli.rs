//! Expectation values of sums of Pauli strings, grouped so that strings that flip the same qubits share one read.

use std::collections::BTreeMap;

use qhal::{Complex64, Error, ErrorKind, Result};

use crate::real::Real;
use crate::register::{Register, cell};

/// A product of Pauli operators on different qubits, with a real coefficient.
///
/// As many qubits as its `x` and `z` masks name: bit q of `x` alone is X on qubit q, of `z` alone Z, of both Y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PauliString {
    /// The factor in front.
    pub coefficient: f64,
    /// Qubits with X or Y.
    pub x: u64,
    /// Qubits with Z or Y.
    pub z: u64,
}

impl PauliString {
    /// A string from its letters: `I`, `X`, `Y` and `Z`, the highest qubit first as in bit strings.
    ///
    /// # Errors
    /// `InvalidInput` for another letter or more than 63 of them.
    pub fn new(coefficient: f64, letters: &str) -> Result<Self> {
        let wrong = |why: String| Err(Error::new(ErrorKind::InvalidInput, why));
        let mut string = Self { coefficient, x: 0, z: 0 };
        for (count, letter) in letters.chars().enumerate() {
            if count > 62 {
                return wrong("a Pauli string has at most 63 letters".to_owned());
            }
            let (x, z) = match letter {
                'I' => (0, 0),
                'X' => (1, 0),
                'Y' => (1, 1),
                'Z' => (0, 1),
                other => return wrong(format!("'{other}' is not one of I, X, Y and Z")),
            };
            string.x = string.x << 1 | x;
            string.z = string.z << 1 | z;
        }
        Ok(string)
    }
}

/// A Z-mask in addresses and the coefficient with all signs that do not depend on the amplitude.
type Term = (u64, Complex64);

/// `Σ c·⟨ψ|P|ψ⟩`.
///
/// # Errors
/// `InvalidInput` when a string names a qubit that does not exist or a coefficient is not finite.
pub(crate) fn expectation<T: Real>(register: &Register<T>, strings: &[PauliString]) -> Result<f64> {
    let outside = u64::MAX << register.qubits();
    let mut groups: BTreeMap<u64, Vec<Term>> = BTreeMap::new();
    let flips = register.address(0) as u64;
    for string in strings {
        if (string.x | string.z) & outside != 0 || !string.coefficient.is_finite() {
            let why = format!("a Pauli string does not fit a state of {} qubits", register.qubits());
            return Err(Error::new(ErrorKind::InvalidInput, why));
        }
        let (x, z) = (register.address(string.x) as u64 ^ flips, register.address(string.z) as u64 ^ flips);
        // Y = i·X·Z. Bits that read the other way round change the sign of their Z.
        let signs = (z & flips).count_ones() * 2 + (string.x & string.z).count_ones();
        let factor = Complex64::I.powu(signs % 4) * string.coefficient;
        groups.entry(x).or_default().push((z, factor));
    }
    Ok(groups.iter().map(|(&x, terms)| group(register, x, terms)).sum())
}

/// The sum of terms that all flip the address bits of `x`: one read of the state.
fn group<T: Real>(register: &Register<T>, x: u64, terms: &[Term]) -> f64 {
    let bits = register.block_bits();
    let low = (1u64 << bits.min(6)) - 1;
    let run = low as usize + 1;
    let sums = register.workers.map(1 << (register.width() - bits), |block| {
        let mut sum = 0.0;
        for first in (block << bits..(block + 1) << bits).step_by(run) {
            // ⟨ψ|P|ψ⟩ = Σ conj(ψ[a ⊕ x])·(−1)^{|a & z|}·ψ[a]; half of the pairs when each is met twice.
            let partner = first ^ (x & !low) as usize;
            if partner < first {
                continue;
            }
            let twice = if partner == first { 1.0 } else { 2.0 };
            let products = products(register, first, partner ^ (x & low) as usize, run);
            let spectrum = transform(products);
            for (z, factor) in terms {
                let [re, im] = spectrum.get((z & low) as usize).copied().unwrap_or_default();
                sum += sign(first as u64 & z & !low) * twice * (factor.re * re - factor.im * im);
            }
        }
        sum
    });
    sums.into_iter().sum()
}

/// `conj(ψ[partner ⊕ k])·ψ[first ⊕ k]` for a run of addresses; `partner` may differ from `first` inside the run too.
fn products<T: Real>(register: &Register<T>, first: usize, partner: usize, run: usize) -> [[f64; 2]; 64] {
    let cells: &[T] = &register.cells;
    let at = |address: usize| {
        let real = cell::<T>(address);
        match (cells.get(real), cells.get(real + T::LANES)) {
            (Some(re), Some(im)) => (re.to_f64(), im.to_f64()),
            _ => (0.0, 0.0),
        }
    };
    let mut products = [[0.0; 2]; 64];
    for (k, product) in products.iter_mut().enumerate().take(run) {
        let ((re, im), (pre, pim)) = (at(first ^ k), at(partner ^ k));
        *product = [pre * re + pim * im, pre * im - pim * re];
    }
    products
}

/// The Walsh–Hadamard transform: entry z is Σ (−1)^{|k & z|}·values[k], for all Z-masks at once.
fn transform(mut values: [[f64; 2]; 64]) -> [[f64; 2]; 64] {
    for half in [1, 2, 4, 8, 16, 32] {
        for pair in values.chunks_exact_mut(2 * half) {
            let (zero, one) = pair.split_at_mut(half);
            for (a, b) in zero.iter_mut().zip(one) {
                (*a, *b) = ([a[0] + b[0], a[1] + b[1]], [a[0] - b[0], a[1] - b[1]]);
            }
        }
    }
    values
}

/// −1 for an odd number of ones.
fn sign(bits: u64) -> f64 {
    if bits.count_ones() & 1 == 1 { -1.0 } else { 1.0 }
}
