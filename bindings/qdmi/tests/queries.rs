//! What the library tells of itself, its sites and its operations, asked from outside.
#![allow(unsafe_code, reason = "functions of a library that was opened are called")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the normal way to fail in a test"
)]

mod client;

use std::ptr::{null, null_mut, without_provenance_mut};

use client::*;

#[test]
fn a_device_tells_what_clients_ask_for() {
    let library = library();
    let session = library.session(&[]);
    let ask = |property| library.device(session, property);
    assert_eq!(text(&ask(0).unwrap()), "simulator:statevector");
    assert_eq!(text(&ask(1).unwrap()), env!("CARGO_PKG_VERSION"));
    assert!([1, 2].contains(&integers(&ask(2).unwrap())[0]));
    assert_eq!(text(&ask(3).unwrap()), "1.4.0");
    let qubits = sizes(&ask(4).unwrap())[0];
    let sites = handles(&ask(5).unwrap());
    assert!(qubits >= 20 && sites.len() == qubits);
    assert_eq!((text(&ask(12).unwrap()).as_str(), doubles(&ask(13).unwrap())[0]), ("ns", 1.0));
    assert!(integers(&ask(15).unwrap()).contains(&0));
    assert_eq!(text(&ask(18).unwrap()), "qhal.simulator");
    // Connected all to all, and without children; 8 and 9 are retired, not wrong; the last is beyond the list.
    for (property, status) in
        [(7, NOT_SUPPORTED), (8, NOT_SUPPORTED), (9, NOT_SUPPORTED), (16, NOT_SUPPORTED)]
    {
        assert_eq!(ask(property), Err(status), "{property}");
    }
    for (property, status) in [(19, INVALID), (-1, INVALID), (CUSTOM1, NOT_SUPPORTED), (CUSTOM1 + 5, INVALID)]
    {
        assert_eq!(ask(property), Err(status), "{property}");
    }
    for (at, &site) in sites.iter().enumerate() {
        assert_eq!(sizes(&library.site(session, site, 0).unwrap()), [at]);
        assert_eq!(text(&library.site(session, site, 3).unwrap()), format!("q{at}"));
    }
    assert_eq!(library.site(session, sites[0], 1), Err(NOT_SUPPORTED), "an ideal qubit has no T1");
    assert_eq!(library.site(session, sites[0], 13), Err(INVALID));
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn operations_have_names_qubits_and_angles() {
    let library = library();
    let session = library.session(&[]);
    let mut seen = Vec::new();
    for operation in handles(&library.device(session, 6).unwrap()) {
        let name = text(&library.operation(session, operation, None, 0).unwrap());
        let qubits = library.operation(session, operation, None, 1).map(|bytes| sizes(&bytes)[0]);
        let angles = sizes(&library.operation(session, operation, None, 2).unwrap())[0];
        assert_eq!(library.operation(session, operation, None, 8).unwrap(), [0], "no operation is on a zone");
        assert_eq!(library.operation(session, operation, None, 9), Err(NOT_SUPPORTED), "everywhere");
        assert_eq!(library.operation(session, operation, None, 11), Err(INVALID));
        seen.push((name, qubits, angles));
    }
    for expected in [
        ("h", Ok(1), 0),
        ("cx", Ok(2), 0),
        ("ccx", Ok(3), 0),
        ("rz", Ok(1), 1),
        ("u3", Ok(1), 3),
        ("measure", Ok(1), 0),
        ("reset", Ok(1), 0),
        ("barrier", Err(NOT_SUPPORTED), 0),
    ] {
        let expected = (expected.0.to_owned(), expected.1, expected.2);
        assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
    }
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn wrong_handles_and_sizes_are_refused() {
    let library = library();
    let session = library.session(&[]);
    let site = handles(&library.device(session, 5).unwrap())[0];
    let operation = handles(&library.device(session, 6).unwrap())[0];
    let nowhere: Handle = without_provenance_mut(usize::MAX & !0xF | 3);
    for wrong in [null_mut(), site, operation, nowhere, without_provenance_mut(0x1234)] {
        assert_eq!(library.device(wrong, 0), Err(INVALID));
        // SAFETY: any handle may be given.
        unsafe {
            assert_eq!((library.session_init)(wrong), INVALID);
            (library.session_free)(wrong);
            assert_eq!((library.create_job)(wrong, &mut null_mut()), INVALID);
        }
    }
    for wrong in [null_mut(), session, operation, nowhere] {
        assert_eq!(library.site(session, wrong, 0), Err(INVALID));
        assert_eq!(library.operation(session, operation, Some(&[wrong]), 1), Err(INVALID));
    }
    for wrong in [null_mut(), session, site, nowhere] {
        assert_eq!(library.operation(session, wrong, None, 0), Err(INVALID));
    }
    assert_eq!(library.operation(session, operation, Some(&[site; 65]), 0), Err(INVALID));

    // Too little room: the size is told all the same, and nothing is written.
    let mut buffer = [0xAAu8; 8];
    let mut size = 0;
    // SAFETY: the buffer has 8 bytes.
    let status = unsafe { (library.query_device)(session, 0, 8, buffer.as_mut_ptr().cast(), &mut size) };
    assert_eq!((status, size, buffer), (INVALID, "simulator:statevector".len() + 1, [0xAA; 8]));
    // More room than needed is no fault, and a question without any pointer is a question still.
    let mut large = [0xAAu8; 64];
    // SAFETY: the buffer has 64 bytes.
    let status = unsafe { (library.query_device)(session, 3, 64, large.as_mut_ptr().cast(), null_mut()) };
    assert_eq!((status, &large[..7]), (0, &b"1.4.0\0\xAA"[..]));
    // SAFETY: nothing is read or written.
    assert_eq!(unsafe { (library.query_device)(session, 0, 0, null_mut(), null_mut()) }, 0);
    // SAFETY: a null pointer may be given.
    assert_eq!(unsafe { (library.session_alloc)(null_mut()) }, INVALID);
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
    assert_eq!(library.device(session, 0), Err(INVALID), "freed");
}

#[test]
fn a_session_is_set_up_before_it_is_initialised_and_once() {
    let library = library();
    let mut session = null_mut();
    let set = |session, parameter, bytes: &[u8]| {
        // SAFETY: the bytes are there.
        unsafe { (library.session_set_parameter)(session, parameter, bytes.len(), bytes.as_ptr().cast()) }
    };
    // SAFETY: the handle can be written.
    assert_eq!(unsafe { (library.session_alloc)(&mut session) }, 0);
    assert_eq!(library.device(session, 0), Err(BAD_STATE));
    // SAFETY: nothing is read.
    let asks = |parameter| unsafe { (library.session_set_parameter)(session, parameter, 0, null()) };
    for (parameter, status) in
        [(0, NOT_SUPPORTED), (6, NOT_SUPPORTED), (7, INVALID), (-1, INVALID), (CUSTOM1, 0)]
    {
        assert_eq!(asks(parameter), status, "{parameter}");
    }
    for (parameter, bytes, status) in [
        (1, &b"token\0"[..], NOT_SUPPORTED),
        (CUSTOM1, b"no end", INVALID),
        (CUSTOM1, b"two\0ends\0", INVALID),
        (CUSTOM1, b"\xFF\0", INVALID),
        (CUSTOM1, b"", INVALID),
        (CUSTOM1 + 1, b"many\0", INVALID),
        (CUSTOM1 + 1, b"7\0", 0),
        (CUSTOM1, b"nowhere:x\0", 0),
    ] {
        assert_eq!(set(session, parameter, bytes), status, "{parameter} {bytes:?}");
    }
    // SAFETY: any handle may be given.
    assert_eq!(unsafe { (library.session_init)(session) }, NOT_FOUND, "there is no such driver");
    assert_eq!(set(session, CUSTOM1, b"simulator:qrng\0"), 0);
    // SAFETY: any handle may be given.
    assert_eq!(unsafe { (library.session_init)(session) }, INVALID, "it runs no circuits");
    assert_eq!(set(session, CUSTOM1, b"simulator:statevector\0"), 0);
    // SAFETY: any handle may be given.
    unsafe {
        assert_eq!((library.session_init)(session), 0);
        assert_eq!((library.session_init)(session), BAD_STATE);
    }
    assert_eq!(set(session, CUSTOM1, b"simulator:statevector\0"), BAD_STATE);
    // SAFETY: any handle may be given.
    unsafe { (library.session_free)(session) };
}

#[test]
fn the_manifest_names_the_library_and_its_prefix() {
    let manifest: serde_json::Value = serde_json::from_str(include_str!("../qhal.qdmi.json")).unwrap();
    assert_eq!(manifest["schema-version"], 1);
    let device = &manifest["qdmi"]["devices"][0];
    assert_eq!((&device["id"], &device["prefix"]), (&"qhal.simulator".into(), &"QHAL".into()));
    assert_eq!(device["library"], path().file_name().unwrap().to_str().unwrap());
}
