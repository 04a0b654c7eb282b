//! The library as a file: opened, finalised, closed and opened again, with threads of its own still at work.
#![allow(unsafe_code, reason = "functions of a library that was opened are called")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod client;

use std::ptr::null_mut;

use client::*;

// One test alone in its process: it counts how often the library is initialised.
#[test]
fn it_can_be_opened_and_closed_again_and_again() {
    let text = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[16]; creg c[1]; ".to_owned()
        + &"h q; cx q[0],q[1]; measure q[0] -> c[0]; reset q[0]; ".repeat(100);
    for _ in 0..3 {
        let library = Library::open();
        let mut session = null_mut();
        // SAFETY: the handle can be written, and any may be given.
        unsafe {
            assert_eq!((library.session_alloc)(&mut session), BAD_STATE, "not initialised");
            assert_eq!((library.device_finalize)(), BAD_STATE);
            assert_eq!((library.device_initialize)(), 0);
            assert_eq!((library.device_initialize)(), 0, "a second client in this process");
            let kept = library.session(&[]);
            assert_eq!((library.device_finalize)(), 0);
            assert!(library.device(kept, 0).is_ok(), "the other client is still there");
            let job = library.job(kept, 0, &[&text], 1 << 40);
            assert_eq!((library.job_submit)(job), 0);
            assert_eq!((library.device_finalize)(), 0);
            assert_eq!(library.device(kept, 0), Err(INVALID));
            assert_eq!((library.job_submit)(job), INVALID);
        }
        drop(library);
    }
}
