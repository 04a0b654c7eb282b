//! Handles: numbers in the place of pointers, which are looked up and never followed, so that no wrong one does harm.

use std::ffi::c_void;

/// A handle as it crosses the border.
pub(crate) type Handle = *mut c_void;

/// What a handle stands for; the lowest four bits of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Session = 1,
    Job = 2,
    Site = 3,
    Operation = 4,
}

const BITS: u32 = 4;

/// The handle of number `index`; never null.
pub(crate) fn handle(kind: Kind, index: usize) -> Handle {
    std::ptr::without_provenance_mut(index << BITS | kind as usize)
}

/// The number behind a handle, if it is one of `kind`.
pub(crate) fn index(kind: Kind, handle: *const c_void) -> Option<usize> {
    let address = handle.addr();
    (address & ((1 << BITS) - 1) == kind as usize).then_some(address >> BITS)
}

/// Handles one behind the other, as the list properties give them.
pub(crate) fn list(kind: Kind, indices: impl Iterator<Item = usize>) -> Vec<u8> {
    indices.flat_map(|index| handle(kind, index).addr().to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_of_one_kind_is_none_of_another() {
        for at in [0, 1, 77, usize::MAX >> BITS] {
            let site = handle(Kind::Site, at);
            assert!(!site.is_null());
            assert_eq!(index(Kind::Site, site), Some(at));
            for other in [Kind::Session, Kind::Job, Kind::Operation] {
                assert_eq!(index(other, site), None);
            }
        }
        assert_eq!(index(Kind::Session, std::ptr::null()), None);
    }
}
