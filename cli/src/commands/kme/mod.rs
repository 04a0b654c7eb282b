//! `qhal kme` and `qhal pki`: keys for applications, and the certificates of a lab.

mod pki;
mod serve;

use serde_json::json;

use crate::args::{KmeCommand, PkiCommand};
use crate::context::Context;
use crate::failure::Outcome;
use crate::{audit, report};

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &KmeCommand) -> Outcome {
    match command {
        KmeCommand::Serve(args) => serve::run(context, args),
        KmeCommand::Audit { file } => {
            let audit::Checked { lines, digest } = audit::check(file)?;
            if context.json {
                return report::json(&json!({"lines": lines, "digest": digest}));
            }
            report::line(format!(
                "{lines} lines, each follows from the one before; the digest of the last is {digest}"
            ))
        }
    }
}

/// Runs one command of the other group.
pub(crate) fn pki(context: &Context, command: &PkiCommand) -> Outcome {
    match command {
        PkiCommand::New(args) => pki::run(context, args),
    }
}
