//! Memory for a state: zeros that cost nothing until they are written, on huge pages, refused instead of aborted.
#![allow(unsafe_code, reason = "pages are asked from the operating system itself")]

use std::marker::PhantomData;
use std::ptr::NonNull;

use qhal::{Error, ErrorKind, Result};

use crate::options::check_size;
use crate::real::Real;

/// States begin on a boundary of this, the size of a huge page on most machines.
const HUGE_PAGE: usize = 2 << 20;
/// Smaller ones begin on a line of the cache (two, so that a lane group is whole).
const SMALL_ALIGNMENT: usize = 128;

/// The numbers of one state.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    pages: Pages,
    length: usize,
    kind: PhantomData<T>,
}

impl<T: Real> Buffer<T> {
    /// Zeros for `2^width` amplitudes.
    ///
    /// # Errors
    /// `Exhausted` when the system has not that much.
    pub(crate) fn zeros(width: u32) -> Result<Self> {
        // Sizes beyond the address space are refused here even if a caller set no limit.
        check_size(width, T::PRECISION, (isize::MAX / 2) as u64)?;
        let length = 2usize << width;
        let pages = Pages::zeros(length * size_of::<T>()).ok_or_else(|| {
            Error::new(
                ErrorKind::Exhausted,
                format!("the system has no memory for a state of {width} qubits"),
            )
        })?;
        Ok(Self { pages, length, kind: PhantomData })
    }
}

impl<T> std::ops::Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the pages hold `length` numbers, all bytes of which were zero or have been written as numbers.
        unsafe { std::slice::from_raw_parts(self.pages.start.cast().as_ptr(), self.length) }
    }
}

impl<T> std::ops::DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; and the borrow of `self` keeps everybody else out.
        unsafe { std::slice::from_raw_parts_mut(self.pages.start.cast().as_ptr(), self.length) }
    }
}

/// Zeroed memory, aligned for what it is large enough for.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    /// What was really asked for, and has to be given back.
    whole: (NonNull<u8>, usize),
}

// SAFETY: memory is not tied to a thread, and `Buffer` hands it out under the rules of borrowing.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

/// Whether this much comes as pages from the system instead of from the allocator.
fn is_mapped(bytes: usize) -> bool {
    cfg!(target_os = "linux") && bytes >= HUGE_PAGE
}

fn small_layout(bytes: usize) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(bytes, SMALL_ALIGNMENT).ok()
}

impl Pages {
    fn zeros(bytes: usize) -> Option<Self> {
        if is_mapped(bytes) {
            return Self::map(bytes);
        }
        let layout = small_layout(bytes).filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Self { start, whole: (start, bytes) })
    }

    /// Pages that the system fills with zeros at first touch, huge ones where it has them.
    #[cfg(target_os = "linux")]
    fn map(bytes: usize) -> Option<Self> {
        use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
        let whole = bytes.checked_add(HUGE_PAGE)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping, placed by the system, overlaps nothing.
        let mapped =
            unsafe { mmap_anonymous(std::ptr::null_mut(), whole, access, MapFlags::PRIVATE) }.ok()?;
        let mapped = NonNull::new(mapped.cast::<u8>())?;
        let skip = mapped.as_ptr().align_offset(HUGE_PAGE).min(HUGE_PAGE);
        // SAFETY: `skip` is at most what was asked for beyond `bytes`.
        let start = unsafe { mapped.add(skip) };
        // SAFETY: the range lies in the mapping; advice changes no content. Without huge pages small ones do.
        let _ = unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxHugepage) };
        Some(Self { start, whole: (mapped, whole) })
    }

    /// Elsewhere everything comes from the allocator.
    #[cfg(not(target_os = "linux"))]
    fn map(_: usize) -> Option<Self> {
        None
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let (start, bytes) = self.whole;
        if start != self.start || is_mapped(bytes) {
            #[cfg(target_os = "linux")]
            // SAFETY: exactly what was mapped; nobody can hold a borrow of it any more.
            let _ = unsafe { rustix::mm::munmap(start.as_ptr().cast(), bytes) };
        } else if let Some(layout) = small_layout(bytes) {
            // SAFETY: allocated with this layout.
            unsafe { std::alloc::dealloc(start.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_aligned_zeros_of_the_right_size() {
        for width in [4, 12, 17, 20] {
            let mut buffer = Buffer::<f64>::zeros(width).unwrap();
            assert_eq!(buffer.len(), 2 << width);
            let alignment = if width < 17 { SMALL_ALIGNMENT } else { HUGE_PAGE };
            assert_eq!(buffer.as_ptr().addr() % alignment, 0);
            assert!(buffer.iter().all(|&cell| cell == 0.0));
            buffer.fill(1.0);
        }
    }

    #[test]
    fn too_much_is_an_error_and_not_an_abort() {
        for width in [47, 55, 63, 64, 1000] {
            assert_eq!(Buffer::<f64>::zeros(width).unwrap_err().kind(), ErrorKind::Exhausted);
        }
    }
}
