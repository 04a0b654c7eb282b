//! What the command keeps between two runs: leases, jobs and the seed of an extractor, in the folder for state.

pub(crate) mod jobs;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use qhal::{DeviceId, Error, ErrorKind, Result};
use qhal_backends::leases::{Lease, Ledger};

/// `$QHAL_STATE_DIR`, else `$XDG_STATE_HOME/qhal`, else `~/.local/state/qhal`.
///
/// # Errors
/// `NotFound` when the environment names none of them.
pub(crate) fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("QHAL_STATE_DIR")
        .or_else(|| set("XDG_STATE_HOME").map(|folder| folder.join("qhal")))
        .or_else(|| set("HOME").map(|home| home.join(".local/state/qhal")))
        .ok_or_else(|| {
            let message = "there is no folder for what is kept between runs: set QHAL_STATE_DIR or HOME";
            Error::new(ErrorKind::NotFound, message)
        })
}

/// Now, in ms since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Eight hexadecimal digits that nobody has used.
///
/// # Errors
/// `Other` when the operating system gives no random bytes.
pub(crate) fn new_id() -> Result<String> {
    let bytes = getrandom::u32()
        .map_err(|cause| Error::new(ErrorKind::Other, "no random bytes for a name").because(cause))?;
    Ok(format!("{bytes:08x}"))
}

/// Under which name leases are asked for.
pub(crate) fn client(named: Option<&str>) -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    named
        .map(str::to_owned)
        .or_else(|| set("QHAL_CLIENT"))
        .or_else(|| set("USER"))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// Refuses a device that another client has leased.
///
/// # Errors
/// `Busy` with who has it and for how long; those of reading the book of leases, where there is one.
pub(crate) fn check_free(device: &DeviceId) -> Result<()> {
    let Some(lease) = holder(device)? else { return Ok(()) };
    let us = client(None);
    if lease.client == us {
        return Ok(());
    }
    let left = lease.left(now()).as_secs_f64();
    let message = format!(
        "{} has leased it for {left:.0} s more; wait, or ask qhal negotiate for another (you are {us}; QHAL_CLIENT says otherwise)",
        lease.client
    );
    Err(Error::new(ErrorKind::Busy, message).on(device))
}

fn holder(device: &DeviceId) -> Result<Option<Lease>> {
    // Where nobody ever leased anything nothing is written.
    let Ok(folder) = folder() else { return Ok(None) };
    if !folder.join("leases.json").exists() {
        return Ok(None);
    }
    let name = device.to_string();
    Ledger::new(&folder).change(|book| Ok(book.holder(&name, now()).cloned()))
}
