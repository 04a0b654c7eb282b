//! Arithmetic of polynomials over GF(2) by an additive Fourier transform over GF(2^64), in every instruction set it is written for.
//!
//! The field is GF(2)[z]/(z^64 + z^4 + z^3 + z + 1). Points are spanned by a Cantor basis v₀ = 1, v_{i+1}² + v_{i+1} = v_i, for which
//! the subspace polynomials s_i have coefficients 0 and 1 and s_i(v_j) = v_{j-i}: D. G. Cantor, J. Combin. Theory A 50, 285 (1989);
//! the transform in the basis Π s_i^{bit i}: Lin, Chung, Han, FOCS 2014, and Lin, Al-Naffouri, Han, Chung, IEEE Trans. Inf. Theory
//! 62, 6284 (2016). Everything is exact: there is nothing to round.
//!
//! What privacy amplification needs is the transpose of a multiplication (a Toeplitz matrix times a vector), so the transforms come
//! transposed too: E and its relatives are products of steps of two by two elements, and the transpose of each step is another.
#![allow(unsafe_code, reason = "carry-less and vector instructions, and their loads and stores")]

mod basis;
mod field;
mod portable;
#[cfg(test)]
mod tests;
mod twiddles;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub(crate) use twiddles::Twiddles;

/// Elements that the kernels treat at once; every transform is at least so long, and a power of two.
pub(crate) const LEAST_LENGTH: usize = 16;

/// The kernels of one instruction set.
pub(crate) struct Kernels {
    /// What the instruction set is called.
    pub(crate) name: &'static str,
    forward: unsafe fn(&mut [u64], &Twiddles),
    transposed_inverse: unsafe fn(&mut [u64], &Twiddles),
    transposed: unsafe fn(&mut [u64], &Twiddles),
    add_products: unsafe fn(&mut [u64], &[u64], &[u64]),
}

impl Kernels {
    /// Values of a polynomial, given by its coefficients, at as many points as there are coefficients.
    ///
    /// The order of the points is the kernels' own; it is the same in all their transforms.
    pub(crate) fn forward(&self, data: &mut [u64], twiddles: &Twiddles) {
        check(data, twiddles);
        // SAFETY: lengths have been checked, and these kernels are only handed out where the processor has the instructions.
        unsafe { (self.forward)(data, twiddles) }
    }

    /// The transpose of the inverse of [`forward`](Self::forward).
    pub(crate) fn transposed_inverse(&self, data: &mut [u64], twiddles: &Twiddles) {
        check(data, twiddles);
        // SAFETY: as above.
        unsafe { (self.transposed_inverse)(data, twiddles) }
    }

    /// The transpose of [`forward`](Self::forward).
    pub(crate) fn transposed(&self, data: &mut [u64], twiddles: &Twiddles) {
        check(data, twiddles);
        // SAFETY: as above.
        unsafe { (self.transposed)(data, twiddles) }
    }

    /// Adds `a[i]·b[i]` to `sum[i]`, in the field.
    pub(crate) fn add_products(&self, sum: &mut [u64], a: &[u64], b: &[u64]) {
        assert!(sum.len() == a.len() && a.len() == b.len() && a.len().is_multiple_of(LEAST_LENGTH));
        // SAFETY: as above.
        unsafe { (self.add_products)(sum, a, b) }
    }
}

fn check(data: &[u64], twiddles: &Twiddles) {
    assert!(data.len().is_power_of_two() && data.len() >= LEAST_LENGTH && data.len() <= twiddles.most());
}

/// The best kernels of this processor.
pub(crate) fn kernels() -> &'static Kernels {
    static BEST: OnceLock<&'static Kernels> = OnceLock::new();
    BEST.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernels) = x86::kernels().into_iter().next() {
            return kernels;
        }
        &portable::KERNELS
    })
}
