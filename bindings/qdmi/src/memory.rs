//! The caller's memory: the one place where pointers are read and written, after their sizes have been looked at.
#![allow(unsafe_code, reason = "a C interface hands over pointers")]

use std::ffi::{c_char, c_void};

use crate::codes::{Outcome, Status};

/// The most bytes that one program may have.
const MOST_BYTES: usize = 1 << 30;
/// The most programs of one job.
const MOST_PROGRAMS: usize = 1 << 20;
/// The longest name of a job that is looked for.
const LONGEST_NAME: usize = 4096;

/// Copies `size` bytes.
///
/// # Safety
/// If `value` is not null, it points to `size` readable bytes.
pub(crate) unsafe fn bytes(value: *const c_void, size: usize) -> Outcome<Vec<u8>> {
    if value.is_null() || size == 0 {
        return Err(Status::InvalidArgument);
    }
    if size > MOST_BYTES {
        return Err(Status::OutOfMemory);
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(size).map_err(|_| Status::OutOfMemory)?;
    // SAFETY: not null, and readable for `size` bytes by the caller's promise; below the limit, so below isize::MAX.
    copy.extend_from_slice(unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) });
    Ok(copy)
}

/// Copies the text before the one NUL with which `bytes` must end.
pub(crate) fn text(mut bytes: Vec<u8>) -> Outcome<String> {
    if bytes.pop() != Some(0) || bytes.contains(&0) {
        return Err(Status::InvalidArgument);
    }
    String::from_utf8(bytes).map_err(|_| Status::InvalidArgument)
}

/// Copies a text of unknown length.
///
/// # Safety
/// If `text` is not null, it points to bytes that end in a NUL.
pub(crate) unsafe fn c_string(text: *const c_char) -> Outcome<String> {
    if text.is_null() {
        return Err(Status::InvalidArgument);
    }
    let mut copy = Vec::new();
    for at in 0..LONGEST_NAME {
        // SAFETY: all bytes up to the NUL are readable, and none behind it is looked at.
        match unsafe { text.add(at).cast::<u8>().read() } {
            0 => return String::from_utf8(copy).map_err(|_| Status::InvalidArgument),
            byte => copy.push(byte),
        }
    }
    Err(Status::InvalidArgument)
}

/// Copies a list of programs; of `None` where it is only asked whether they would be taken.
///
/// # Safety
/// `programs`, if it is not null, points to `count` pointers and `sizes`, if it is not null, to as many sizes; each
/// pointer that is not null points to as many readable bytes as its size says.
pub(crate) unsafe fn programs(
    count: usize,
    sizes: *const usize,
    programs: *const *const c_void,
) -> Outcome<Option<Vec<Vec<u8>>>> {
    if count == 0 {
        return Err(Status::InvalidArgument);
    }
    if count > MOST_PROGRAMS {
        return Err(Status::NotSupported);
    }
    if programs.is_null() {
        return Ok(None);
    }
    if sizes.is_null() {
        return Err(Status::InvalidArgument);
    }
    let mut copies = Vec::new();
    for at in 0..count {
        // SAFETY: both lists have `count` entries, whatever their alignment.
        let (size, program) = unsafe { (sizes.add(at).read_unaligned(), programs.add(at).read_unaligned()) };
        // SAFETY: the pointer is null or readable for its size.
        copies.push(unsafe { bytes(program, size) }?);
    }
    Ok(Some(copies))
}

/// Copies `count` handles; `None` where no list is given.
///
/// # Safety
/// If `handles` is not null, it points to `count` handles.
pub(crate) unsafe fn handles(
    count: usize,
    handles: *const *const c_void,
) -> Outcome<Option<Vec<*const c_void>>> {
    if handles.is_null() {
        return Ok(None);
    }
    // More than any operation takes.
    if count > 64 {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: the list has `count` entries, whatever their alignment.
    Ok(Some((0..count).map(|at| unsafe { handles.add(at).read_unaligned() }).collect()))
}

/// Writes one value where the caller wants it.
///
/// # Safety
/// If `to` is not null, a `T` can be written there.
pub(crate) unsafe fn put<T: Copy>(to: *mut T, value: T) -> Outcome {
    if to.is_null() {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: not null and writable by the caller's promise, whatever its alignment.
    unsafe { to.write_unaligned(value) };
    Ok(())
}

/// Answers a query: tells the size where that is wanted, and copies the answer where there is room for it.
///
/// # Safety
/// If `value` is not null, `size` bytes can be written there; if `size_ret` is not null, a size can.
pub(crate) unsafe fn answer(answer: &[u8], size: usize, value: *mut c_void, size_ret: *mut usize) -> Outcome {
    if !size_ret.is_null() {
        // SAFETY: not null and writable by the caller's promise, whatever its alignment.
        unsafe { size_ret.write_unaligned(answer.len()) };
    }
    if value.is_null() {
        return Ok(());
    }
    if size < answer.len() {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: `size` bytes are writable and the answer is not longer; memory of ours and of the caller do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr(), value.cast::<u8>(), answer.len()) };
    Ok(())
}
