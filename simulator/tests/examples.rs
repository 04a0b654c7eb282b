//! The examples, run as tests: each checks its own results.

#[path = "../examples/bell.rs"]
mod bell;
#[path = "../examples/teleport.rs"]
mod teleport;

#[test]
fn bell() {
    bell::main().unwrap();
}

#[test]
fn teleport() {
    teleport::main().unwrap();
}
