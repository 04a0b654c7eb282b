//! Memory for a state: zeroed, and refused with an error instead of an abort.

use qhal::{Error, ErrorKind, Result};

use crate::options::check_size;
use crate::real::Real;

/// The numbers of one state.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    cells: Vec<T>,
}

impl<T: Real> Buffer<T> {
    /// Zeros for `2^width` amplitudes.
    ///
    /// # Errors
    /// `Exhausted` when the system has not that much.
    pub(crate) fn zeros(width: u32) -> Result<Self> {
        // Sizes beyond the address space are refused here even if a caller set no limit.
        check_size(width, T::PRECISION, isize::MAX as u64)?;
        let length = 2usize << width;
        let mut cells = Vec::new();
        cells.try_reserve_exact(length).map_err(|cause| {
            Error::new(ErrorKind::Exhausted, format!("no memory for a state of {width} qubits"))
                .because(cause)
        })?;
        cells.resize(length, T::default());
        Ok(Self { cells })
    }
}

impl<T> std::ops::Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.cells
    }
}

impl<T> std::ops::DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }
}
