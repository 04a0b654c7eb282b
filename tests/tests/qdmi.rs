//! Our QDMI driver opens our QDMI library: the simulated processor keeps every promise of a processor through both of them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the normal way to fail in a test")]

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use qhal::{Address, Driver, OpenDevice};
use qhal_drivers::processor::qdmi::{Options, Qdmi, worker};
// Named so that the library is built before this test.
use qhal_qdmi as _;

/// What makes this program the worker process instead of tests.
const WORKER: &str = "QHAL_TEST_IS_QDMI_WORKER";

#[test]
fn worker_process() {
    // The body of the process that the other test starts.
    if std::env::var_os(WORKER).is_some() {
        assert!(worker::serve() == ExitCode::SUCCESS);
    }
}

#[test]
fn the_simulated_processor_keeps_its_promises_through_the_library() {
    let own = std::env::current_exe().unwrap();
    // A build may be in a folder that a group can write to; where it is loaded from may not.
    let folder = tempfile::tempdir().unwrap();
    let built = own.parent().unwrap().join("libqhal_qdmi.so");
    let library = folder.path().join("libqhal_qdmi.so");
    std::fs::copy(&built, &library).unwrap();
    std::fs::set_permissions(&library, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words = ["env".into(), format!("{WORKER}=1").into(), own.into_os_string()];
    let worker =
        words.into_iter().chain(["--exact", "worker_process", "--nocapture"].map(Into::into)).collect();
    let driver = Qdmi::new(Options { worker, ..Options::default() });
    let address: Address = format!("library:{}#QHAL", library.display()).parse().unwrap();
    let device = driver.identify(&address).unwrap();
    let OpenDevice::Processor(mut processor) = driver.open(&device).unwrap() else { panic!("no processor") };
    qhal::conformance::processor::check(processor.as_mut(), &mut |_| {
        std::thread::sleep(Duration::from_millis(1));
        ControlFlow::Continue(())
    })
    .unwrap();
    processor.close().unwrap();
}
