//! Keeps secrets out of swap and core dumps, for the whole process.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// What was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Memory of this process is never written to swap.
    pub locked: bool,
    /// Why it is not locked, and what to do about it.
    pub hint: Option<String>,
}

/// Locks all memory that the process has and will have, and forbids core dumps.
///
/// All of it, because keys also pass through buffers of TLS and HTTP. Where the limit on locked memory is not lifted
/// nothing is locked: with a limit, an allocation that exceeds it would end the process.
pub fn protect_memory() -> Protection {
    // Neither can fail in a way that matters: what is left is said in `hint` or was true before.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    if !unlimited && !rustix::process::geteuid().is_root() {
        let hint =
            "memory is not locked: start with LimitMEMLOCK=infinity (systemd) or `ulimit -l unlimited`";
        return Protection { locked: false, hint: Some(hint.to_owned()) };
    }
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => Protection { locked: true, hint: None },
        Err(error) => Protection {
            locked: false,
            hint: Some(format!("memory is not locked ({error}); give the process CAP_IPC_LOCK")),
        },
    }
}
