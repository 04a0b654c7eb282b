//! The examples, run as tests: each checks its own results.

#[path = "../examples/bell.rs"]
mod bell;
#[path = "../examples/readout.rs"]
mod readout;
#[path = "../examples/teleport.rs"]
mod teleport;
#[path = "../examples/variational.rs"]
mod variational;

#[test]
fn bell() {
    bell::main().unwrap();
}

#[test]
fn readout() {
    readout::main().unwrap();
}

#[test]
fn teleport() {
    teleport::main().unwrap();
}

#[test]
fn variational() {
    variational::main().unwrap();
}
