//! The pool that Linux's own generator is seeded from: adds bytes to it, with or without credit.

use std::fs::{File, OpenOptions};

use qhal::{Error, ErrorKind, Result};
use rustix::io::Errno;
use zeroize::Zeroize;

/// The most bytes that are added at once.
pub const MOST_BYTES: usize = 64;

/// What `RNDADDENTROPY` takes: `struct rand_pool_info` of linux/random.h with room for [`MOST_BYTES`].
#[repr(C)]
struct PoolInfo {
    entropy_bits: i32,
    bytes: i32,
    data: [u8; MOST_BYTES],
}

impl Drop for PoolInfo {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

/// Linux's entropy pool, behind `/dev/random`.
#[derive(Debug)]
pub struct KernelPool {
    device: File,
}

impl KernelPool {
    /// Opens `/dev/random`. Adding without credit needs no more than that.
    ///
    /// # Errors
    /// `Unsupported` on other systems than Linux; `NotFound` or `PermissionDenied` when it cannot be opened.
    pub fn open() -> Result<Self> {
        const PATH: &str = "/dev/random";
        if !cfg!(target_os = "linux") {
            return Err(Error::new(ErrorKind::Unsupported, "only Linux has a pool that can be fed"));
        }
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(PATH)
            .map_err(|cause| Error::from_io(cause, format!("cannot open {PATH}")))?;
        Ok(Self { device })
    }

    /// Mixes `bytes` into the pool and credits `bits` of entropy for them. With 0 bits the pool is none the worse for whatever
    /// the bytes are.
    ///
    /// # Errors
    /// `InvalidInput` for no bytes, more than [`MOST_BYTES`], or more bits than they have; `PermissionDenied` without
    /// CAP_SYS_ADMIN, which `RNDADDENTROPY` wants whatever the credit.
    pub fn add(&self, bytes: &[u8], bits: u32) -> Result<()> {
        if bytes.is_empty() || bytes.len() > MOST_BYTES || bits as usize > 8 * bytes.len() {
            let message = format!(
                "{} bytes cannot be added to the kernel's pool for {bits} bits of entropy",
                bytes.len()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let mut info =
            PoolInfo { entropy_bits: bits as i32, bytes: bytes.len() as i32, data: [0; MOST_BYTES] };
        if let Some(data) = info.data.get_mut(..bytes.len()) {
            data.copy_from_slice(bytes);
        }
        ioctl::add_entropy(&self.device, &mut info).map_err(|cause| refused(cause, "feed the kernel's pool"))
    }

    /// Makes the kernel's generator take a new seed from the pool now. Since Linux 5.18 it does so once a minute by itself, and
    /// nobody is told any more when the pool runs low.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_SYS_ADMIN; `Exhausted` when the kernel's generator has not been seeded yet;
    /// `Unsupported` before Linux 4.14.
    pub fn reseed(&self) -> Result<()> {
        ioctl::reseed(&self.device).map_err(|cause| match cause {
            Errno::NODATA => {
                Error::new(ErrorKind::Exhausted, "the kernel's generator has not been seeded yet")
            }
            cause => refused(cause, "make the kernel's generator take a new seed"),
        })
    }

    /// Bits of entropy that the kernel counts in its pool now, 256 at most since Linux 5.18; `None` where it does not say.
    pub fn available() -> Option<u32> {
        std::fs::read_to_string("/proc/sys/kernel/random/entropy_avail").ok()?.trim().parse().ok()
    }
}

fn refused(cause: Errno, what: &str) -> Error {
    match cause {
        Errno::PERM | Errno::ACCESS => Error::new(
            ErrorKind::PermissionDenied,
            format!("only root (CAP_SYS_ADMIN) may {what}: use sudo, or run it as a service of root"),
        ),
        Errno::NOTTY | Errno::INVAL => {
            Error::new(ErrorKind::Unsupported, format!("this kernel does not let anybody {what}"))
        }
        cause => Error::from_io(cause.into(), format!("cannot {what}")),
    }
}

/// The two calls, in the only way there is.
#[allow(unsafe_code, reason = "ioctl: the kernel is told an address, and no type says what it does there")]
mod ioctl {
    use std::fs::File;

    use rustix::io::Errno;
    use rustix::ioctl::{Ioctl, IoctlOutput, NoArg, Opcode, opcode};

    use super::PoolInfo;

    /// `_IOW('R', 0x03, int[2])`: the size in its number is that of the two integers before the data.
    const ADD: Opcode = opcode::write::<[i32; 2]>(b'R', 0x03);
    /// `_IO('R', 0x07)`.
    const RESEED: Opcode = opcode::none(b'R', 0x07);

    /// `RNDADDENTROPY` on a [`PoolInfo`] that stays where it is, so that no copy of the bytes is left behind.
    struct Add<'a>(&'a mut PoolInfo);

    // SAFETY: the number is that of RNDADDENTROPY, which reads the two integers and then as many bytes as the second says
    // (random(4)). `KernelPool::add` sets that to at most the length of `data`, and the structure is `repr(C)` and borrowed
    // as long as this value lives. Nothing is written to it, so there is no output to make.
    unsafe impl Ioctl for Add<'_> {
        type Output = ();
        const IS_MUTATING: bool = false;

        fn opcode(&self) -> Opcode {
            ADD
        }

        fn as_ptr(&mut self) -> *mut core::ffi::c_void {
            std::ptr::from_mut::<PoolInfo>(self.0).cast()
        }

        unsafe fn output_from_ptr(_: IoctlOutput, _: *mut core::ffi::c_void) -> Result<(), Errno> {
            Ok(())
        }
    }

    pub(super) fn add_entropy(device: &File, info: &mut PoolInfo) -> Result<(), Errno> {
        // SAFETY: see `Add`; a file that is no random device refuses the number.
        unsafe { rustix::ioctl::ioctl(device, Add(info)) }
    }

    pub(super) fn reseed(device: &File) -> Result<(), Errno> {
        // SAFETY: RNDRESEEDCRNG takes no argument and touches no memory of this process.
        unsafe { rustix::ioctl::ioctl(device, NoArg::<RESEED>::new()) }
    }

    #[cfg(test)]
    mod tests {
        /// The numbers of random(4) on x86-64 and Arm.
        #[test]
        fn the_numbers_are_those_of_the_kernel() {
            if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
                assert_eq!((super::ADD, super::RESEED), (0x4008_5203, 0x5207));
            }
            assert_eq!(std::mem::offset_of!(super::PoolInfo, data), 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_credits_are_refused_before_the_kernel_sees_them() {
        let Ok(pool) = KernelPool::open() else { return };
        for (bytes, bits) in [(0, 0), (MOST_BYTES + 1, 0), (8, 65), (8, u32::MAX)] {
            assert_eq!(
                pool.add(&vec![1; bytes], bits).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{bytes}, {bits}"
            );
        }
    }

    /// Without credit, so that a test does no harm; where this user may not, the sentence says who may.
    #[test]
    fn bytes_are_mixed_in_or_the_right_is_missing() {
        let Ok(pool) = KernelPool::open() else { return };
        for outcome in [pool.add(&[0x5A; 32], 0), pool.reseed()] {
            if let Err(error) = outcome {
                assert_ne!(error.kind(), ErrorKind::Other, "{error:?}");
                assert!(
                    error.kind() != ErrorKind::PermissionDenied || error.message().contains("root"),
                    "{error}"
                );
            }
        }
    }
}
