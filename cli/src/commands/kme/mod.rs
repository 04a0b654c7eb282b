//! `qhal kme` and `qhal pki`: keys for applications, and the certificates of a lab.

mod pki;
mod serve;

use crate::args::{KmeCommand, PkiCommand};
use crate::context::Context;
use crate::failure::Outcome;

/// Runs one command of the group.
pub(crate) fn run(context: &Context, command: &KmeCommand) -> Outcome {
    match command {
        KmeCommand::Serve(args) => serve::run(context, args),
    }
}

/// Runs one command of the other group.
pub(crate) fn pki(context: &Context, command: &PkiCommand) -> Outcome {
    match command {
        PkiCommand::New(args) => pki::run(context, args),
    }
}
