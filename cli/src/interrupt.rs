//! Ctrl-C: commands look at a flag between two steps, so that they end cleanly.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use qhal::{Error, ErrorKind, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<()> = OnceLock::new();

/// From now on Ctrl-C (and a request to terminate) sets the flag; a second one ends the process at once.
pub(crate) fn watch() {
    INSTALLED.get_or_init(|| {
        // Without a handler Ctrl-C still ends the process, only less politely.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
    });
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails once Ctrl-C was pressed.
pub(crate) fn check() -> Result<()> {
    if requested() { Err(Error::new(ErrorKind::Other, "interrupted; nothing was written")) } else { Ok(()) }
}
