//! Sums of Pauli strings: their expectation values, grouped so that strings share reads, and what they make of a state.

use std::collections::BTreeMap;

use qhal::{Complex64, Error, ErrorKind, Result};

use crate::kernels::{Choose, Line, RUN_GROUP_BITS, Signs, Strings};
use crate::real::Real;
use crate::register::{Register, cell};
use crate::workers::{MIN_PARALLEL_QUBITS, Workers};

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

/// A sum of Pauli strings in addresses, by the mask of what they flip.
pub(crate) struct Operator {
    groups: BTreeMap<u64, Vec<Term>>,
}

/// Address bits of amplitudes that are worked on together, with a partner; 64 KiB in `f64`.
const CHUNK_BITS: u32 = 12;
/// Address bits of a part of the state that stays in the last-level cache together with its partner.
const TILE_BITS: u32 = 18;

impl Operator {
    /// The sum in addresses of a state whose qubit masks are moved by `place`.
    ///
    /// # Errors
    /// `InvalidInput` when a string names a qubit that does not exist or a coefficient is not finite.
    pub(crate) fn new(strings: &[PauliString], qubits: u32, place: impl Fn(u64) -> u64) -> Result<Self> {
        let outside = u64::MAX << qubits;
        let mut groups: BTreeMap<u64, Vec<Term>> = BTreeMap::new();
        for string in strings {
            if (string.x | string.z) & outside != 0 || !string.coefficient.is_finite() {
                let why = format!("a Pauli string does not fit a state of {qubits} qubits");
                return Err(Error::new(ErrorKind::InvalidInput, why));
            }
            // Y = i·X·Z.
            let factor = Complex64::I.powu((string.x & string.z).count_ones() % 4) * string.coefficient;
            groups.entry(place(string.x)).or_default().push((place(string.z), factor));
        }
        Ok(Self { groups })
    }

    /// Bits that read the other way round change the sign of their Z.
    fn flipped(mut self, flips: u64) -> Self {
        for (z, factor) in self.groups.values_mut().flatten() {
            *factor *= sign(*z & flips);
        }
        self
    }

    /// Puts Hψ into `to`, both of `width` address bits.
    pub(crate) fn apply<T: Real>(&self, workers: &Workers, psi: &[T], to: &mut [T], width: u32) {
        let bits = width.min(CHUNK_BITS);
        let low = (1u64 << bits.min(6)) - 1;
        workers.for_each_chunk(to, 2 << bits, |number, chunk| {
            for first in (number << bits..(number + 1) << bits).step_by(low as usize + 1) {
                let mut sums = [[0.0; 2]; 64];
                for (&x, terms) in &self.groups {
                    let from = first as u64 ^ x & !low;
                    // Entry k of the transform is the factor of amplitude `from ⊕ k`.
                    let mut factors = [[0.0; 2]; 64];
                    for &(z, factor) in terms {
                        let factor = factor * sign(from & z & !low);
                        if let Some([re, im]) = factors.get_mut((z & low) as usize) {
                            *re += factor.re;
                            *im += factor.im;
                        }
                    }
                    let factors = transform(factors);
                    for (k, sum) in sums.iter_mut().enumerate().take(low as usize + 1) {
                        let other = k ^ (x & low) as usize;
                        let [re, im] = factors.get(other).copied().unwrap_or_default();
                        let (vre, vim) = amplitude(psi, from as usize ^ other);
                        sum[0] += re * vre - im * vim;
                        sum[1] += re * vim + im * vre;
                    }
                }
                for (k, sum) in sums.iter().enumerate().take(low as usize + 1) {
                    let at = cell::<T>((first ^ k) & ((1 << bits) - 1));
                    if let Some(re) = chunk.get_mut(at) {
                        *re = T::from_f64(sum[0]);
                    }
                    if let Some(im) = chunk.get_mut(at + T::LANES) {
                        *im = T::from_f64(sum[1]);
                    }
                }
            }
        });
    }
}

/// `Σ c·⟨ψ|P|ψ⟩`.
///
/// # Errors
/// `InvalidInput` when a string names a qubit that does not exist or a coefficient is not finite.
pub(crate) fn expectation<T: Choose>(register: &Register<T>, strings: &[PauliString]) -> Result<f64> {
    let flips = register.address(0) as u64;
    let operator = Operator::new(strings, register.qubits(), |mask| register.address(mask) as u64 ^ flips)?;
    let operator = operator.flipped(flips);
    if register.width() < T::LANE_BITS + RUN_GROUP_BITS {
        return Ok(operator.groups.iter().map(|(&x, terms)| small(register, x, terms)).sum());
    }
    let tile_bits = if register.width() >= MIN_PARALLEL_QUBITS {
        TILE_BITS.min(register.width() - 3)
    } else {
        register.width()
    };
    let chunk_bits = tile_bits.min(CHUNK_BITS);
    // Strings that flip the same bits outside a tile go through the state together.
    let mut tiles: BTreeMap<u64, Vec<Flips<T>>> = BTreeMap::new();
    for (&x, terms) in &operator.groups {
        for imaginary in [false, true] {
            if let Some(flips) = Flips::new(x, terms, imaginary, chunk_bits) {
                tiles.entry(x >> tile_bits).or_default().push(flips);
            }
        }
    }
    let mut value = 0.0;
    for (&outer, flips) in &tiles {
        let sums = register.workers.map(1 << (register.width() - tile_bits), |tile| {
            let partner = tile as u64 ^ outer;
            if partner < tile as u64 { 0.0 } else { in_tile(register, tile, flips, tile_bits, chunk_bits) }
        });
        value += sums.into_iter().sum::<f64>();
    }
    Ok(value)
}

/// Strings that flip the same bits, as the kernel takes them, and their coefficients.
struct Flips<T: Real> {
    /// Bits of a chunk's number that are flipped.
    chunks: usize,
    strings: Strings<T>,
    coefficients: Vec<f64>,
}

impl<T: Real> Flips<T> {
    /// The terms whose factor is real, or those whose factor is imaginary; `None` if there are none.
    fn new(x: u64, terms: &[Term], imaginary: bool, chunk_bits: u32) -> Option<Self> {
        let (lanes, run_bits) = (T::LANES as u64 - 1, T::LANE_BITS + RUN_GROUP_BITS);
        let groups = |mask: u64| (mask >> T::LANE_BITS) as usize & ((1 << RUN_GROUP_BITS) - 1);
        let (mut strings, mut coefficients) = (Vec::new(), Vec::new());
        for &(z, factor) in terms.iter().filter(|(_, factor)| (factor.im != 0.0) == imaginary) {
            let line = |all: f64| Line(T::lanes(|lane| T::from_f64(all * sign(lane as u64 & z))));
            strings.push(Signs {
                high: z >> run_bits << run_bits,
                groups: groups(z),
                lanes: [line(1.0), line(-1.0)],
            });
            // Re(i·c·p) = −c·Im p.
            coefficients.push(if imaginary { -factor.im } else { factor.re });
        }
        let order =
            (x & lanes != 0).then(|| Line(T::lanes(|lane| T::from_index(lane ^ (x & lanes) as usize))));
        let runs = (x as usize & ((1 << chunk_bits) - 1)) >> run_bits;
        let chunks = (x >> chunk_bits) as usize;
        let halve = chunks == 0 && runs != 0;
        let strings = Strings { order, groups: groups(x), runs, halve, imaginary, strings };
        (!coefficients.is_empty()).then_some(Self { chunks, strings, coefficients })
    }
}

/// The sum of strings over one tile and the one that they flip it to.
fn in_tile<T: Choose>(
    register: &Register<T>,
    tile: usize,
    flips: &[Flips<T>],
    tile_bits: u32,
    chunk_bits: u32,
) -> f64 {
    let kernels = T::chosen();
    let most = flips.iter().map(|flips| flips.coefficients.len()).max().unwrap_or(0);
    let mut lines = vec![Line(T::lanes(|_| T::default())); most];
    let chunk = |number: usize| {
        register.cells.get(number << (chunk_bits + 1)..(number + 1) << (chunk_bits + 1)).unwrap_or_default()
    };
    let first = tile << (tile_bits - chunk_bits);
    let mut total = 0.0;
    for own in first..first + (1 << (tile_bits - chunk_bits)) {
        for Flips { chunks, strings, coefficients } in flips {
            let partner = own ^ chunks;
            if partner < own {
                continue;
            }
            // ⟨ψ|P|ψ⟩ = Σ conj(ψ[a ⊕ x])·(−1)^{|a & z|}·ψ[a], whose terms for a and a ⊕ x have the same real part.
            let twice = if strings.halve || *chunks != 0 { 2.0 } else { 1.0 };
            let address = (own as u64) << chunk_bits;
            kernels.strings(chunk(own), chunk(partner), address, strings, &mut lines);
            for (line, coefficient) in lines.iter().zip(coefficients) {
                let sum: f64 = line.0.as_ref().iter().map(|number| number.to_f64()).sum();
                total += twice * coefficient * sum;
            }
        }
    }
    total
}

/// The sum of terms that all flip the address bits of `x`, in a state of less than a run.
fn small<T: Real>(register: &Register<T>, x: u64, terms: &[Term]) -> f64 {
    let cells: &[T] = &register.cells;
    let mut sum = 0.0;
    for address in 0..1u64 << register.width() {
        let (re, im) = amplitude(cells, address as usize);
        let (pre, pim) = amplitude(cells, (address ^ x) as usize);
        let product = Complex64::new(pre * re + pim * im, pre * im - pim * re);
        sum += terms.iter().map(|(z, factor)| sign(address & z) * (factor * product).re).sum::<f64>();
    }
    sum
}

/// The amplitude at an address; zero outside.
fn amplitude<T: Real>(cells: &[T], address: usize) -> (f64, f64) {
    let real = cell::<T>(address);
    match (cells.get(real), cells.get(real + T::LANES)) {
        (Some(re), Some(im)) => (re.to_f64(), im.to_f64()),
        _ => (0.0, 0.0),
    }
}

/// The Walsh–Hadamard transform: entry k is Σ (−1)^{|k & z|}·values[z].
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
