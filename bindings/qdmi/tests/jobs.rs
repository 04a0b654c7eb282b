//! The life of jobs and what they bring back, held against exact values, from outside and from many threads.
#![allow(unsafe_code, reason = "functions of a library that was opened are called")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod client;

use std::ffi::CString;
use std::ptr::{null, null_mut};

use client::*;

const HEAD: &str = "OPENQASM 2.0; include \"qelib1.inc\"; ";
const CREATED: i32 = 0;
const DONE: i32 = 4;
const CANCELLED: i32 = 5;
const FAILED: i32 = 6;

fn program(body: &str) -> String {
    format!("{HEAD}{body}")
}

fn bell() -> String {
    program("qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;")
}

/// A circuit that takes long: it measures on its way, so that every shot is run.
fn long() -> String {
    let turn = "h q; cx q[0],q[1]; measure q[0] -> c[0]; reset q[0]; ".repeat(200);
    program(&format!("qreg q[16]; creg c[1]; {turn}"))
}

#[test]
fn counts_have_bit_0_on_the_right_and_later_registers_on_the_left() {
    let library = library();
    let session = library.session(&[]);
    // The register that is declared later stands on the left, without a space; an unmeasured bit is 0.
    let text = program("qreg q[3]; creg n[2]; creg m[1]; x q[1]; measure q[1] -> n[1];");
    let job = library.job(session, 0, &[&text], 100);
    assert_eq!(library.run(job), DONE);
    assert_eq!(library.counts(job, 0), [("010".to_owned(), 100)]);

    let job = library.job(session, 0, &[&bell()], 4000);
    assert_eq!(library.run(job), DONE);
    let counts = library.counts(job, 0);
    let keys: Vec<&str> = counts.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!((keys.as_slice(), counts[0].1 + counts[1].1), (&["00", "11"][..], 4000));
    // Five standard deviations of a fair coin.
    assert!(counts[0].1.abs_diff(2000) < 160, "{counts:?}");
    // SAFETY: any handle may be given.
    unsafe {
        (library.job_free)(job);
        (library.session_free)(session);
    }
}

#[test]
fn a_register_as_wide_as_the_device_costs_nothing() {
    let library = library();
    let session = library.session(&[]);
    let width = sizes(&library.device(session, 4).unwrap())[0];
    let last = width - 1;
    let text = program(&format!(
        "qreg q[{width}]; creg c[2]; h q[3]; cx q[3],q[{last}]; measure q[3] -> c[0]; measure q[{last}] -> c[1];"
    ));
    let job = library.job(session, 0, &[&text], 100);
    assert_eq!(library.run(job), DONE);
    assert!(library.counts(job, 0).iter().all(|(key, _)| key == "00" || key == "11"));
    // Sparse lists name all qubits, those that are left alone as 0.
    let keys = client::text(&library.result(job, 0, 7).unwrap());
    let both: String = (0..width).rev().map(|at| if at == 3 || at == last { '1' } else { '0' }).collect();
    assert_eq!(keys, format!("{},{both}", "0".repeat(width)));
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn every_form_of_result_agrees_with_the_state_on_paper() {
    let library = library();
    let session = library.session(&[]);
    // (|00> + i|01>)/√2 on q[0], |1> on q[1]; |1> on q[2] stays out: amplitudes at 010 and 011.
    let text = program("qreg q[3]; creg c[3]; h q[0]; s q[0]; x q[1]; measure q -> c;");
    for shots in [300, 0] {
        let job = library.job(session, 0, &[&text], shots);
        assert_eq!(library.run(job), DONE);
        let half = 0.5f64.sqrt();
        let close = |found: &[f64], expected: &[f64]| {
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12)
        };
        let state = doubles(&library.result(job, 0, 3).unwrap());
        let mut expected = [0.0; 16];
        (expected[4], expected[7]) = (half, half);
        assert!(close(&state, &expected), "{state:?}");
        let dense = doubles(&library.result(job, 0, 4).unwrap());
        assert!(close(&dense, &[0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]), "{dense:?}");
        // Values before keys: each can be asked for alone.
        assert!(close(&doubles(&library.result(job, 0, 6).unwrap()), &[half, 0.0, 0.0, half]));
        assert_eq!(client::text(&library.result(job, 0, 5).unwrap()), "010,011");
        assert_eq!(client::text(&library.result(job, 0, 7).unwrap()), "010,011");
        assert!(close(&doubles(&library.result(job, 0, 8).unwrap()), &[0.5, 0.5]));
        if shots == 0 {
            for kind in 0..3 {
                assert_eq!(library.result(job, 0, kind), Err(INVALID), "nothing was drawn");
            }
            continue;
        }
        // The shots one by one are those of the histogram, in an order of chance: not sorted.
        let listed = client::text(&library.result(job, 0, 0).unwrap());
        let listed: Vec<&str> = listed.split(',').collect();
        for (key, count) in library.counts(job, 0) {
            assert_eq!(listed.iter().filter(|shot| **shot == key).count(), count);
        }
        assert!(listed.len() == 300 && !listed.is_sorted());
        for (kind, status) in [(9, INVALID), (-1, INVALID), (CUSTOM1, NOT_SUPPORTED)] {
            assert_eq!(library.result(job, 0, kind), Err(status));
        }
        assert_eq!(library.result(job, 1, 1), Err(OUT_OF_RANGE));
    }
    // What measures on its way has no one state.
    let text = program("qreg q[1]; creg c[2]; h q[0]; measure q[0] -> c[0]; h q[0]; measure q[0] -> c[1];");
    let job = library.job(session, 0, &[&text], 100);
    assert_eq!(library.run(job), DONE);
    assert_eq!(library.result(job, 0, 3), Err(NOT_SUPPORTED));
    assert!(!library.counts(job, 0).is_empty());
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn a_job_lives_as_the_interface_says() {
    let library = library();
    let session = library.session(&[]);
    let mut job = null_mut();
    // SAFETY: the handles can be written, and any may be given.
    unsafe {
        assert_eq!((library.create_job)(session, null_mut()), INVALID);
        assert_eq!((library.create_job)(session, &mut job), 0);
        assert_eq!((library.job_submit)(job), BAD_STATE, "no program");
        assert_eq!((library.job_wait)(job, 1), BAD_STATE, "not submitted");
        assert_eq!((library.job_cancel)(job), BAD_STATE, "not submitted");
        assert_eq!((library.job_check)(job, null_mut()), INVALID);
        assert_eq!((library.job_get_program)(job, 0, 0, null_mut(), null_mut()), BAD_STATE);
    }
    for (property, status) in
        [(1, BAD_STATE), (2, NOT_SUPPORTED), (4, BAD_STATE), (5, BAD_STATE), (6, INVALID)]
    {
        assert_eq!(library.job_property(job, property), Err(status), "{property}");
    }
    assert_eq!(sizes(&library.job_property(job, 3).unwrap()), [1024]);
    assert_eq!(library.result(job, 0, 1), Err(BAD_STATE));

    assert_eq!(library.set_programs(job, 0, &[&bell(), "something else"]), 0);
    assert_eq!(sizes(&library.job_property(job, 5).unwrap()), [2]);
    assert_eq!(library.set_programs(job, 0, &[&bell()]), 0, "programs are replaced");
    assert_eq!(sizes(&library.job_property(job, 5).unwrap()), [1]);
    assert_eq!(integers(&library.job_property(job, 1).unwrap()), [0]);
    // SAFETY: the buffers are those of `ask`.
    let back = library.ask(|size, to, ret| unsafe { (library.job_get_program)(job, 0, size, to, ret) });
    assert_eq!(text(&back.unwrap()), bell());
    assert_eq!(library.status(job), CREATED);
    assert_eq!(library.result(job, 0, 1), Err(BAD_STATE));

    assert_eq!(library.run(job), DONE);
    let mut status = 0;
    // SAFETY: the number can be written, and any handle may be given.
    unsafe {
        assert_eq!((library.job_get_program_status)(job, 0, &mut status), 0);
        assert_eq!(status, DONE);
        assert_eq!((library.job_get_program_status)(job, 0, null_mut()), INVALID);
        assert_eq!((library.job_get_program_status)(job, 1, &mut status), OUT_OF_RANGE);
        assert_eq!((library.job_submit)(job), BAD_STATE, "submitted twice");
        assert_eq!((library.job_cancel)(job), INVALID, "done");
        assert_eq!((library.job_set_parameter)(job, 2, 8, [0u8; 8].as_ptr().cast()), BAD_STATE);
    }
    assert_eq!(library.set_programs(job, 0, &[&bell()]), BAD_STATE);

    // Found again by its name, as long as a handle lives.
    let name = CString::new(text(&library.job_property(job, 0).unwrap())).unwrap();
    let mut again = null_mut();
    // SAFETY: the name has a NUL, the handle can be written, and any may be given.
    unsafe {
        assert_eq!((library.retrieve_job)(session, name.as_ptr(), null_mut()), INVALID);
        assert_eq!((library.retrieve_job)(session, null(), &mut again), INVALID);
        assert_eq!((library.retrieve_job)(session, c"".as_ptr(), &mut again), INVALID);
        assert_eq!((library.retrieve_job)(session, c"never".as_ptr(), &mut again), NOT_FOUND);
        assert_eq!((library.retrieve_job)(session, name.as_ptr(), &mut again), 0);
        (library.job_free)(job);
    }
    assert_eq!(library.counts(again, 0).iter().map(|(_, count)| count).sum::<usize>(), 1024);
    // SAFETY: as above.
    unsafe {
        assert_eq!((library.job_submit)(again), BAD_STATE, "retrieved");
        assert_eq!((library.job_wait)(job, 1), INVALID, "freed");
        (library.job_free)(again);
        (library.job_free)(again);
        assert_eq!((library.retrieve_job)(session, name.as_ptr(), &mut again), NOT_FOUND);
        (library.session_free)(session);
    }
}

#[test]
fn programs_and_parameters_are_checked_before_they_are_kept() {
    let library = library();
    let session = library.session(&[]);
    let job = library.job(session, 0, &[&bell()], 10);
    // SAFETY: what the lists say is there; nothing is read behind it.
    let set = |format, count, sizes: &[usize], programs: &[&[u8]]| unsafe {
        let pointers: Vec<_> = programs.iter().map(|bytes| bytes.as_ptr().cast()).collect();
        (library.job_set_programs)(job, format, count, sizes.as_ptr(), pointers.as_ptr())
    };
    for (format, status) in
        [(10, INVALID), (-1, INVALID), (6, NOT_SUPPORTED), (9, NOT_SUPPORTED), (5, NOT_SUPPORTED)]
    {
        assert_eq!(set(format, 1, &[2], &[b"x\0"]), status, "{format}");
    }
    assert_eq!(set(CUSTOM1, 1, &[2], &[b"x\0"]), NOT_SUPPORTED);
    for (size, bytes) in [(1, &b"x"[..]), (3, b"x\0\0"), (3, b"\0x\0"), (0, b"x\0"), (2, b"\xFF\0")] {
        assert_eq!(set(0, 1, &[size], &[bytes]), INVALID, "{bytes:?}");
    }
    // SAFETY: null pointers may be given.
    unsafe {
        let no_text = [null()];
        assert_eq!((library.job_set_programs)(job, 0, 0, null(), null()), INVALID);
        assert_eq!((library.job_set_programs)(job, 0, 1, [2].as_ptr(), no_text.as_ptr()), INVALID);
        assert_eq!((library.job_set_programs)(job, 0, 1, null(), no_text.as_ptr()), INVALID);
        assert_eq!((library.job_set_programs)(job, 0, 3, null(), null()), 0, "would three be taken?");
        assert_eq!((library.job_set_programs)(job, 5, 1, null(), null()), NOT_SUPPORTED);
        assert_eq!((library.job_set_programs)(null_mut(), 0, 1, null(), null()), INVALID);
    }
    assert_eq!(sizes(&library.job_property(job, 5).unwrap()), [1], "the list is as it was");

    // SAFETY: the bytes are there; null pointers may be given.
    let parameter = |parameter, bytes: &[u8]| unsafe {
        (library.job_set_parameter)(job, parameter, bytes.len(), bytes.as_ptr().cast())
    };
    let most = (usize::MAX).to_ne_bytes();
    for (number, bytes, status) in [
        (2, &[0u8; 4][..], INVALID),
        (2, &[], INVALID),
        (2, &most, NOT_SUPPORTED),
        (0, &[0; 4], NOT_SUPPORTED),
        (1, b"x\0", NOT_SUPPORTED),
        (3, &[0; 8], INVALID),
        (CUSTOM1, &[1; 8], 0),
        (CUSTOM1 + 1, &[1; 8], NOT_SUPPORTED),
    ] {
        assert_eq!(parameter(number, bytes), status, "{number} {bytes:?}");
    }
    // SAFETY: null pointers may be given.
    assert_eq!(unsafe { (library.job_set_parameter)(job, 2, 0, null()) }, 0);
    assert_eq!(library.run(job), DONE);
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn programs_of_a_batch_succeed_and_fail_each_for_itself() {
    let library = library();
    let session = library.session(&[]);
    let flip = program("qreg q[1]; creg c[1]; x q[0]; measure q -> c;");
    let job = library.job(session, 0, &[&flip, "this is no program", &bell()], 50);
    assert_eq!(library.run(job), FAILED);
    let mut status = 0;
    for (index, expected) in [(0, DONE), (1, FAILED), (2, DONE)] {
        // SAFETY: the number can be written.
        assert_eq!(unsafe { (library.job_get_program_status)(job, index, &mut status) }, 0);
        assert_eq!(status, expected);
    }
    assert_eq!(library.counts(job, 0), [("1".to_owned(), 50)]);
    assert_eq!(library.result(job, 1, 1), Err(BAD_STATE));
    assert_eq!(library.counts(job, 2).iter().map(|(_, count)| count).sum::<usize>(), 50);
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn a_job_that_takes_long_can_be_waited_for_queued_behind_and_given_up() {
    let library = library();
    let session = library.session(&[]);
    let slow = library.job(session, 0, &[&long()], 1 << 40);
    let behind = library.job(session, 0, &[&bell()], 10);
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!((library.job_submit)(slow), 0);
        assert_eq!((library.job_wait)(slow, 1), TIMED_OUT);
        assert_eq!((library.job_submit)(behind), 0);
    }
    assert_eq!((library.status(slow), library.status(behind)), (3, 2));
    assert_eq!(sizes(&library.job_property(behind, 4).unwrap()), [0], "nobody waits before it");
    assert_eq!(library.job_property(slow, 4), Err(BAD_STATE), "it runs");
    assert_eq!(integers(&library.device(session, 2).unwrap()), [2], "busy");
    assert_eq!(sizes(&library.device(session, 17).unwrap()), [1]);
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!((library.job_cancel)(slow), 0);
        assert_eq!((library.job_cancel)(slow), 0, "it is so already");
        assert_eq!((library.job_wait)(behind, 0), 0);
    }
    assert_eq!((library.status(slow), library.status(behind)), (CANCELLED, DONE));
    assert_eq!(library.result(slow, 0, 1), Err(BAD_STATE));
    // A session that is freed takes what runs and what waits with it.
    let slow = library.job(session, 0, &[&long()], 1 << 40);
    let behind = library.job(session, 0, &[&bell()], 10);
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!((library.job_submit)(slow), 0);
        assert_eq!((library.job_submit)(behind), 0);
        (library.session_free)(session);
    }
    assert_eq!((library.status(slow), library.status(behind)), (CANCELLED, CANCELLED));
}

#[test]
fn seeds_repeat_counts_and_order() {
    let library = library();
    let text = program("qreg q[6]; creg c[6]; h q; measure q -> c;");
    let draw = |session: Handle, seed: Option<usize>| {
        let job = library.job(session, 0, &[&text], 200);
        if let Some(seed) = seed {
            // SAFETY: the bytes are there.
            let status =
                unsafe { (library.job_set_parameter)(job, CUSTOM1, 8, seed.to_ne_bytes().as_ptr().cast()) };
            assert_eq!(status, 0);
        }
        assert_eq!(library.run(job), DONE);
        client::text(&library.result(job, 0, 0).unwrap())
    };
    let plain = library.session(&[]);
    assert_eq!(draw(plain, Some(3)), draw(plain, Some(3)));
    assert_ne!(draw(plain, Some(3)), draw(plain, Some(4)));
    assert_ne!(draw(plain, None), draw(plain, None));
    // A session's seed goes on from program to program.
    let seeded = [library.session(&[(CUSTOM1 + 1, "9")]), library.session(&[(CUSTOM1 + 1, "9")])];
    let [first, second] = seeded.map(|session| [draw(session, None), draw(session, None)]);
    assert_eq!(first, second);
    assert_ne!(first[0], first[1]);
}

#[test]
fn many_threads_share_a_session_and_have_their_own() {
    let library = library();
    let shared = library.session(&[]) as usize;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let own = library.session(&[]);
                for session in [std::ptr::without_provenance_mut(shared), own] {
                    for round in 0..5 {
                        let flips: String = (0..4)
                            .filter(|bit| (thread + round) >> bit & 1 == 1)
                            .map(|bit| format!("x q[{bit}];"))
                            .collect();
                        let text = program(&format!("qreg q[4]; creg c[4]; {flips} measure q -> c;"));
                        let job = library.job(session, 0, &[&text], 20);
                        assert_eq!(library.run(job), DONE);
                        let expected = format!("{:04b}", thread + round);
                        assert_eq!(library.counts(job, 0), [(expected, 20)]);
                        // SAFETY: any handle may be given.
                        unsafe { (library.job_free)(job) };
                    }
                }
                // SAFETY: any handle may be given.
                unsafe { (library.session_free)(own) };
            });
        }
    });
}
