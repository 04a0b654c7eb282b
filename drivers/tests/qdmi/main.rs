//! The QDMI driver against a library written in C, in both versions of the interface: what it says, what it brings back, and
//! every way in which it can go wrong.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::Duration;

use qhal::processor::{Couplings, Job, Program, ProgramFormat, Wanted, wait};
use qhal::{
    Access, Address, Circuit, Driver, Error, ErrorKind, Gate, Health, JobResult, OpenDevice, Processor,
    Provenance,
};
use qhal_drivers::processor::qdmi::{DeviceOptions, Options, Qdmi, worker};
use qhal_drivers::transport::https::TokenSource;

/// What makes this program the worker process instead of tests.
const WORKER: &str = "QHAL_TEST_IS_QDMI_WORKER";

#[test]
fn worker_process() {
    // The body of the process that the other tests start; there is nothing to test in it otherwise.
    if std::env::var_os(WORKER).is_some() {
        assert!(worker::serve() == ExitCode::SUCCESS);
    }
}

fn worker_command() -> Vec<OsString> {
    let own = std::env::current_exe().unwrap().into_os_string();
    let words = ["env".into(), format!("{WORKER}=1").into(), own, "--exact".into(), "worker_process".into()];
    words.into_iter().chain(["--nocapture".into()]).collect()
}

/// The library for one version of the interface, compiled once.
fn library(old: bool) -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, [PathBuf; 2])> = OnceLock::new();
    let (_, paths) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/qdmi/device.c");
        let paths = [("new", None), ("old", Some("-DOLD"))].map(|(name, define)| {
            let path = folder.path().join(format!("lib{name}.so"));
            let built = Command::new("cc")
                .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
                .arg(&path)
                .args(define)
                .arg(&source)
                .status();
            assert!(built.expect("a C compiler is installed: rustc links with it").success());
            path
        });
        (folder, paths)
    });
    &paths[usize::from(old)]
}

/// A manifest of the test library with a fault, in a folder of its own.
fn manifest(old: bool, fault: &str, session: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.qdmi.json");
    let library = library(old).display();
    let text = format!(
        r#"{{"schema-version": 1, "qdmi": {{"devices": [{{"id": "test", "library": "{library}", "prefix": "TEST",
            "session": {{"custom1": "{fault}"{session}}}}}]}}}}"#
    );
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn driver(manifests: Vec<PathBuf>) -> Qdmi {
    Qdmi::new(options(manifests))
}

fn options(manifests: Vec<PathBuf>) -> Options {
    Options { manifests, worker: worker_command(), time_limit: Duration::from_secs(5), ..Options::default() }
}

fn open(driver: &Qdmi) -> Result<Box<dyn Processor>, Error> {
    let listed = driver.probe().unwrap();
    let [device] = listed.as_slice() else { panic!("{listed:?}") };
    let OpenDevice::Processor(processor) = driver.open(device)? else { panic!("no processor") };
    Ok(processor)
}

fn open_with(old: bool, fault: &str) -> Result<Box<dyn Processor>, Error> {
    let (_folder, path) = manifest(old, fault, "");
    open(&driver(vec![path]))
}

/// Four instructions that the device takes.
fn circuit() -> Circuit {
    let mut circuit = Circuit::with_size(2, 2);
    circuit.gate(Gate::R, &[1.5, -0.25], &[0]).unwrap().gate(Gate::Cz, &[], &[0, 1]).unwrap();
    circuit.measure(0, 0).unwrap().measure(1, 1).unwrap();
    circuit
}

fn job(shots: u64) -> Job {
    Job { program: Program::Circuit(circuit()), shots, seed: None, wanted: Wanted::default() }
}

fn run(processor: &mut dyn Processor) -> Result<JobResult, Error> {
    let id = processor.submit(job(101))?;
    wait(processor, &id, &mut |_| {
        std::thread::sleep(Duration::from_millis(5));
        ControlFlow::Continue(())
    })
}

#[test]
fn both_versions_of_the_interface_run_programs() {
    for old in [false, true] {
        let (_folder, path) = manifest(old, "none", "");
        let driver = driver(vec![path]);
        let listed = driver.probe().unwrap();
        let mut processor = open(&driver).unwrap();
        assert_eq!(listed[0].id.to_string(), "qdmi:test");
        assert_eq!(processor.descriptor().provenance, Provenance::Unverified);
        assert_eq!(processor.descriptor().model, "Test device 7");
        let capabilities = processor.capabilities();
        assert_eq!(capabilities.qubits.len(), 3);
        // 45 010, 45 011 and 45 013 thousandths of a microsecond.
        let t1: Vec<_> = capabilities.qubits.iter().map(|qubit| qubit.t1.unwrap().as_nanos()).collect();
        assert_eq!(t1, [45_010, 45_011, 45_013]);
        assert!(capabilities.qubits.iter().all(|qubit| qubit.t2.is_none()));
        let errors: Vec<_> = capabilities.qubits.iter().map(|qubit| qubit.readout_error.unwrap()).collect();
        assert!(errors.iter().zip([0.01, 0.02, 0.04]).all(|(found, error)| (found - error).abs() < 1e-12));
        assert_eq!(capabilities.couplings, Couplings::Pairs(vec![(0, 1), (1, 2)]));
        assert_eq!(capabilities.formats, [ProgramFormat::Circuit, ProgramFormat::OpenQasm2]);
        let gates: Vec<_> =
            capabilities.native_gates.iter().map(|native| (native.gate, native.sites.len())).collect();
        assert_eq!(gates, [(Gate::R, 3), (Gate::Cz, 2)]);
        let site = &capabilities.native_gates[1].sites[1];
        assert_eq!((site.qubits.as_slice(), site.duration), (&[1, 2][..], Some(Duration::from_nanos(40))));
        assert!((site.fidelity.unwrap() - 0.98).abs() < 1e-12);
        assert_eq!(processor.queue().unwrap().jobs, Some(3));
        assert_eq!(processor.health().unwrap(), Health::Good);
        let result = run(processor.as_mut()).unwrap();
        let counts: Vec<_> = result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect();
        assert_eq!(counts, [("00".to_owned(), 51), ("11".to_owned(), 50)]);
        assert_eq!(result.provenance, Provenance::Unverified);
        processor.close().unwrap();
        let alien: Address = "file:/dev/null".parse().unwrap();
        qhal::conformance::driver::check(&driver, &alien).unwrap();
        qhal::conformance::driver::check_open(&driver, &listed[0]).unwrap();
    }
}

#[test]
fn devices_that_take_iqm_s_circuits_get_them_and_their_outcomes_are_read_in_its_order() {
    let (_folder, path) = manifest(false, "iqm-json", "");
    let mut processor = open(&driver(vec![path])).unwrap();
    assert_eq!(processor.capabilities().formats, [ProgramFormat::Circuit]);
    let result = run(processor.as_mut()).unwrap();
    let counts: Vec<_> = result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect();
    // The second measured qubit, which goes into bit 1, was 1.
    assert_eq!(counts, [("10".to_owned(), 101)]);
}

#[test]
fn what_the_device_does_not_do_is_refused_before_it_is_asked() {
    let mut processor = open_with(false, "none").unwrap();
    let mut refused = |circuit: &Circuit, kind: ErrorKind, words: &str| {
        let circuit = circuit.clone();
        let job = Job { program: Program::Circuit(circuit), ..job(10) };
        let error = processor.submit(job).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let three = || Circuit::with_size(3, 3);
    let unsupported = ErrorKind::Unsupported;
    refused(three().gate(Gate::H, &[], &[0]).unwrap(), unsupported, "the gate h");
    refused(three().gate(Gate::Cz, &[], &[0, 2]).unwrap(), unsupported, "cz on qubits [0, 2]");
    refused(three().reset(0).unwrap(), unsupported, "'reset'");
    let mut late = three();
    late.measure(0, 0).unwrap().gate(Gate::R, &[1.0, 0.0], &[0]).unwrap();
    refused(&late, unsupported, "after it has been measured");
    refused(&Circuit::with_size(4, 0), ErrorKind::Exhausted, "4 qubits and the device 3");
    for (job, kind) in [
        (job(0), ErrorKind::InvalidInput),
        (job(u64::MAX), ErrorKind::InvalidInput),
        (Job { wanted: Wanted { state: true, probabilities: false }, ..job(1) }, ErrorKind::Unsupported),
        (
            Job {
                program: Program::Text { format: ProgramFormat::OpenQasm3, text: String::new() },
                ..job(1)
            },
            ErrorKind::Unsupported,
        ),
        (
            Job { program: Program::Text { format: ProgramFormat::OpenQasm2, text: "a\0".into() }, ..job(1) },
            ErrorKind::InvalidInput,
        ),
    ] {
        assert_eq!(processor.submit(job).unwrap_err().kind(), kind);
    }
    // After all of that it still works.
    run(processor.as_mut()).unwrap();
}

#[test]
fn libraries_that_describe_nonsense_are_refused() {
    for old in [false, true] {
        for (fault, kind, words) in [
            ("huge", ErrorKind::Refused, "out of range"),
            ("odd", ErrorKind::Protocol, "23 bytes"),
            ("stranger", ErrorKind::Protocol, "not in the list of sites"),
            ("no-qubits", ErrorKind::Protocol, "0 qubits and 3 sites"),
            ("too-good", ErrorKind::Protocol, "fidelity 1.5"),
            ("unended", ErrorKind::Protocol, "ends in NUL"),
            ("wrong-version", ErrorKind::Protocol, "has the functions of"),
            ("locked", ErrorKind::PermissionDenied, "device_session_init"),
        ] {
            let error = open_with(old, fault).err().expect(fault);
            assert_eq!(error.kind(), kind, "{fault}: {error}");
            assert!(error.to_string().contains(words), "{fault}: {error}");
            assert!(error.to_string().contains("qdmi:test"), "{fault}: {error}");
        }
    }
}

#[test]
fn libraries_that_end_their_process_end_nothing_else() {
    for (fault, words) in [
        ("abort", "signal 6 (SIGABRT)"),
        ("abort", "it wrote: mirror fell off"),
        ("crash", "signal 11 (SIGSEGV)"),
        ("exit", "ended with status 3"),
    ] {
        let mut processor = open_with(false, fault).unwrap();
        let error = run(processor.as_mut()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        // From then on the processor is gone, and says so.
        assert_eq!(run(processor.as_mut()).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(processor.health().unwrap_err().kind(), ErrorKind::Disconnected);
        processor.close().unwrap();
    }
}

/// Whether a process is there, ended but not yet waited for or not at all.
fn is_running(process: u32) -> bool {
    // "PID (name) STATE …"
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    line.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
fn processes_that_a_library_started_do_not_outlive_it_nor_hide_its_end() {
    for (fault, kind, words) in [
        // Its child still holds what it inherited: the end of the library is noticed all the same.
        ("abort-with-child", ErrorKind::Disconnected, "signal 6 (SIGABRT)"),
        ("child", ErrorKind::Refused, "failed on the device"),
    ] {
        let mut processor = open_with(false, fault).unwrap();
        let error = run(processor.as_mut()).unwrap_err();
        assert_eq!(error.kind(), kind, "{fault}: {error}");
        assert!(error.to_string().contains(words), "{fault}: {error}");
        let child = error.to_string().rsplit_once("child ").unwrap().1.parse().unwrap();
        processor.close().unwrap();
        // A process that was killed needs a moment to be gone.
        let begun = std::time::Instant::now();
        while is_running(child) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{fault}: process {child} is left");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_library_s_process_outlives_the_thread_that_opened_it() {
    let mut processor = std::thread::spawn(|| open_with(false, "none").unwrap()).join().unwrap();
    assert_eq!(run(processor.as_mut()).unwrap().shots, 101);
}

#[test]
fn libraries_find_nothing_on_standard_input() {
    let mut processor = open_with(false, "curious").unwrap();
    assert_eq!(run(processor.as_mut()).unwrap().shots, 101);
}

#[test]
fn an_operation_that_is_done_nowhere_is_no_gate() {
    let processor = open_with(false, "nowhere").unwrap();
    let gates: Vec<_> = processor.capabilities().native_gates.iter().map(|native| native.gate).collect();
    assert_eq!(gates, [Gate::R]);
}

#[test]
fn shots_are_counted_where_a_library_does_not_count_them() {
    let mut processor = open_with(false, "shots-only").unwrap();
    let result = run(processor.as_mut()).unwrap();
    let counts: Vec<_> = result.counts.iter().map(|(bits, count)| (bits.to_string(), *count)).collect();
    assert_eq!(counts, [("00".to_owned(), 100), ("11".to_owned(), 1)]);
}

#[test]
fn libraries_that_do_not_return_are_ended() {
    let (_folder, path) = manifest(false, "slow-to-open", "");
    let impatient =
        |path: &Path| Options { time_limit: Duration::from_secs(3), ..options(vec![path.to_owned()]) };
    let error = open(&Qdmi::new(impatient(&path))).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    // One that hangs when it is asked how a job is.
    let (_folder, path) = manifest(false, "deaf", "");
    let mut processor = open(&Qdmi::new(impatient(&path))).unwrap();
    assert_eq!(run(processor.as_mut()).unwrap_err().kind(), ErrorKind::TimedOut);
    // One that hangs in taking a job is a job that runs, until it is given up: by the limit …
    let (_folder, path) = manifest(false, "hang", "");
    let limited = Options { job_limit: Some(Duration::from_millis(700)), ..impatient(&path) };
    let mut processor = open(&Qdmi::new(limited)).unwrap();
    let error = run(processor.as_mut()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("given up"), "{error}");
    // … or by whoever waits.
    let mut processor = open(&driver(vec![path])).unwrap();
    let id = processor.submit(job(1)).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), qhal::JobState::Running));
    assert_eq!(processor.submit(job(1)).unwrap_err().kind(), ErrorKind::Busy);
    // What else it is asked meanwhile is not mixed up with its answer about the job.
    assert_eq!(processor.health().unwrap(), Health::Good);
    assert_eq!(processor.queue().unwrap_err().kind(), ErrorKind::Busy);
    processor.cancel(&id).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), qhal::JobState::Cancelled));
    assert_eq!(processor.poll(&id).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn jobs_that_are_slow_or_end_badly_say_so() {
    // Longer than a submission waits for an answer.
    let mut processor = open_with(false, "slow-submit").unwrap();
    assert_eq!(run(processor.as_mut()).unwrap().shots, 101);
    let mut processor = open_with(false, "slow-refusal").unwrap();
    let error = run(processor.as_mut()).unwrap_err();
    assert!(error.to_string().contains("device_job_submit: bad state"), "{error}");
    // It was a refusal, and the device goes on.
    assert_eq!(processor.queue().unwrap().jobs, Some(3));
    for (fault, kind, words) in [
        ("fail", ErrorKind::Refused, "failed on the device; it wrote: laser is off"),
        ("lost", ErrorKind::Protocol, "state 77"),
        ("letters", ErrorKind::Protocol, "is no outcome"),
        ("short-key", ErrorKind::Protocol, "has 1 bits, not 2"),
        ("more-shots", ErrorKind::Protocol, "102 in all"),
        ("one-count", ErrorKind::Protocol, "2 outcomes came with 1 numbers"),
    ] {
        let mut processor = open_with(true, fault).unwrap();
        let error = run(processor.as_mut()).unwrap_err();
        assert_eq!(error.kind(), kind, "{fault}: {error}");
        assert!(error.to_string().contains(words), "{fault}: {error}");
    }
    let mut processor = open_with(false, "never").unwrap();
    let id = processor.submit(job(1)).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), qhal::JobState::Running));
    processor.cancel(&id).unwrap();
    assert!(matches!(processor.poll(&id).unwrap(), qhal::JobState::Cancelled));
    let mut processor = open_with(false, "maintenance").unwrap();
    assert_eq!(
        processor.health().unwrap(),
        Health::Degraded("the device says that it is under maintenance".to_owned())
    );
}

#[test]
fn tokens_reach_the_library_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, "open-sesame\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let refused = |fault: &str| {
        let (_folder, path) = manifest(false, fault, "");
        let said =
            DeviceOptions { token: Some(TokenSource::File(secret.clone())), ..DeviceOptions::default() };
        let devices = [("test".to_owned(), said)].into();
        open(&Qdmi::new(Options { devices, ..options(vec![path]) })).err().unwrap().to_string()
    };
    // The library writes the token, so it had it.
    let error = refused("locked");
    assert!(error.contains("it wrote: token (secret) is not valid"), "{error}");
    // Nor does a part of it show where the line is cut: at its end …
    let error = refused("locked-at-length");
    assert!(error.contains("000") && !error.contains("open"), "{error}");
    // … or at its beginning, of which too much was written to keep: "same" and a line's end are 4096 bytes with the rest.
    let error = refused("locked-endlessly");
    assert!(error.contains("000") && !error.contains("same"), "{error}");
}

#[test]
fn places_that_hold_no_device_are_told_apart() {
    let driver = driver(Vec::new());
    let direct = format!("library:{}#TEST", library(false).display());
    assert_eq!(driver.identify(&direct.parse().unwrap()).unwrap().model, "Test device 7");
    let (folder, path) = manifest(false, "none", "");
    for (address, kind, words) in [
        (format!("library:{}", library(false).display()), ErrorKind::InvalidInput, "#PREFIX"),
        (
            format!("library:{}#WRONG", library(false).display()),
            ErrorKind::Protocol,
            "no function WRONG_QDMI_",
        ),
        ("library:/nowhere/libx.so#X".to_owned(), ErrorKind::NotFound, "/nowhere/libx.so"),
        (format!("library:{}#other", path.display()), ErrorKind::NotFound, "it has test"),
    ] {
        let error = driver.identify(&address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let not_one = folder.path().join("no-library.so");
    std::fs::write(&not_one, "text").unwrap();
    let address = format!("library:{}#X", not_one.display()).parse().unwrap();
    assert_eq!(driver.identify(&address).unwrap_err().kind(), ErrorKind::Protocol);
    // A manifest that cannot be used is listed with the reason, and the others are not lost.
    std::fs::write(folder.path().join("broken.qdmi.json"), "{").unwrap();
    let listed = self::driver(vec![folder.path().to_owned()]).probe().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(matches!(&listed[0].access, Access::Denied { hint } if hint.contains("no QDMI manifest")));
    assert_eq!(listed[1].access, Access::Ready);
    let none = Qdmi::new(Options { manifests: vec![path], ..Options::default() });
    assert_eq!(open(&none).err().unwrap().kind(), ErrorKind::Unsupported);
}
