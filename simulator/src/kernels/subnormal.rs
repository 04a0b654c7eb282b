//! Numbers too small to be kept in full precision count as zero while a kernel runs.
//!
//! Amplitudes of a state that spreads from one basis state by small angles fall below what a float keeps in full
//! precision (2^-126 in f32). Many processors do arithmetic on such subnormal numbers in microcode, some hundred cycles
//! each, and nothing that can be measured depends on them.

/// The processor's way with subnormal numbers, put back when this is dropped.
pub(super) struct Flushed {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    before: Control,
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
#[cfg(target_arch = "aarch64")]
type Control = u64;

impl Flushed {
    /// From here on, in this thread.
    ///
    /// The compiler takes the default mode for granted. So only kernels, which are reached through pointers chosen at
    /// run time, may run before this is dropped: none of their arithmetic can be moved out of the stretch between, and
    /// none of the caller's into it; and in a kernel the mode decides whether a tiny number becomes zero, no more.
    #[inline]
    pub(super) fn begin() -> Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        {
            let before = read();
            write(before | FLUSH);
            Self { before }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        Self {}
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Drop for Flushed {
    #[inline]
    fn drop(&mut self) {
        write(self.before);
    }
}

/// MXCSR's bits 15 (results) and 6 (operands): Intel SDM volume 1, section 10.2.3.
#[cfg(target_arch = "x86_64")]
const FLUSH: Control = 1 << 15 | 1 << 6;

/// FPCR's bit 24, results and operands: Arm ARM, FPCR.FZ.
#[cfg(target_arch = "aarch64")]
const FLUSH: Control = 1 << 24;

#[cfg(target_arch = "x86_64")]
#[inline]
fn read() -> Control {
    let mut control: Control = 0;
    // SAFETY: every processor of this architecture has the register; four bytes are written where there is room for them.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags));
    }
    control
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn write(control: Control) {
    // SAFETY: the value is one that was read, with two defined bits set or not; exceptions stay masked.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags));
    }
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn read() -> Control {
    let control: Control;
    // SAFETY: every processor of this architecture has the register.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nostack, preserves_flags)) };
    control
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn write(control: Control) {
    // SAFETY: the value is one that was read, with one defined bit set or not; exceptions stay masked.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) control, options(nostack, preserves_flags)) };
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn the_mode_is_put_back_even_by_a_panic() {
        let before = read();
        let caught = std::panic::catch_unwind(|| {
            let _flushed = Flushed::begin();
            assert_eq!(read() & FLUSH, FLUSH);
            assert_eq!(black_box(f32::MIN_POSITIVE) * black_box(0.5), 0.0);
            panic!("on the way");
        });
        assert!(caught.is_err());
        assert_eq!(read(), before);
        assert!(black_box(f32::MIN_POSITIVE) * black_box(0.5) > 0.0);
    }
}
